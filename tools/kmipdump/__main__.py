"""Command line: python -m tools.kmipdump [FILE...]"""

import argparse
import bisect
import os
import sys

from . import capture, inputs, items, names, tree, xmlform

_MESSAGES = {names.TAGS["Request Message"]: "request", names.TAGS["Response Message"]: "response"}
_HTTP = (b"POST ", b"HTTP/")
_DECRYPT = (
    "%s%s: TLS, encrypted; decrypt it first. Start the client or the server with SSLKEYLOGFILE set to a "
    "file that it writes its keys to; then `tshark -r FILE -o tls.keylog_file:KEYS -q -z follow,tls,raw,0` "
    "prints what this tool reads")
_EPILOG = """examples:
  xxd message.bin | python -m tools.kmipdump
  python -m tools.kmipdump --offsets message.bin
  python -m tools.kmipdump server.log            # of python -m tools.refserver serve -vv
  python -m tools.kmipdump --xml --secrets message.bin > message.xml
  python -m tools.kmipdump --from-xml --binary message.xml > message.bin
Exit status: 0; 1 if something is malformed or cannot be read.
"""


def _arguments(argv):
    parser = argparse.ArgumentParser(
        prog="python -m tools.kmipdump", epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Show KMIP messages: from hex, a hexdump, base64, raw bytes, a log of the reference "
        "server, or a capture of plain TCP.")
    parser.add_argument("files", nargs="*", metavar="FILE", help="what to read; - or none: standard input")
    parser.add_argument("--format", choices=inputs.FORMATS, default="auto", help="what it is, if auto errs")
    parser.add_argument("--secrets", action="store_true", help="show keys, passwords and other secrets")
    parser.add_argument("--full", action="store_true", help="show long values to their end")
    parser.add_argument("--offsets", action="store_true",
                        help="before each line: offset, tag, type and length")
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--xml", action="store_true", help="write the OASIS XML form")
    way.add_argument("--from-xml", action="store_true", help="read the OASIS XML form, write hex")
    parser.add_argument("--binary", action="store_true", help="with --from-xml: write bytes")
    args = parser.parse_args(argv)
    if args.binary and not args.from_xml:
        parser.error("--binary goes with --from-xml")
    return args


class _Out:
    """Standard output and standard error; remembers whether anything was wrong."""

    def __init__(self, stdout, stderr):
        self.stdout = stdout
        self.stderr = stderr
        self.wrong = False

    def line(self, text):
        self.stdout.write(text + "\n")

    def complain(self, text):
        self.wrong = True
        self.note(text)

    def note(self, text):
        self.stdout.flush()
        self.stderr.write("kmipdump: %s\n" % text)


def main(argv=None, stdin=None, stdout=None, stderr=None):
    """stdin: bytes in; stdout and stderr: text out, stdout with a `buffer` for --binary. Returns the exit
    status."""
    args = _arguments(argv)
    out = _Out(stdout or sys.stdout, stderr or sys.stderr)
    found = []
    for name in args.files or ["-"]:
        try:
            data = _read(name, stdin or sys.stdin.buffer)
        except OSError as error:
            out.complain("%s: %s" % (name, error.strerror or error))
            continue
        where = "standard input" if name == "-" else name
        if args.from_xml:
            _from_xml(data, where, args, out)
        else:
            found += _collect(data, where, args, out)
    if args.xml:
        _to_xml(found, args, out)
    return 1 if out.wrong else 0


def _read(name, stdin):
    if name == "-":
        return stdin.read()
    with open(name, "rb") as file:
        return file.read()


def _collect(data, where, args, out):
    """Shows the messages in `data` as trees, or, for XML, returns their roots."""
    try:
        streams, remarks = inputs.sources(data, args.format)
    except (inputs.InputError, capture.CaptureError) as error:
        out.complain("%s: %s" % (where, error))
        return []
    for remark in remarks:
        out.note("%s: %s" % (where, remark))
    roots = []
    count = 0
    for stream, start, message in _ordered(streams, where, out):
        count += 1
        if args.xml:
            if message.errors:
                for offset, text in message.errors:
                    out.complain("%s: %s at byte %d" % (_place(stream, where), text, offset))
            else:
                roots.append(message.root)
        else:
            _show(stream, start, message, count, args, out)
    if not count and not out.wrong:
        out.complain("%s: no message in it" % where)
    return roots


def _place(stream, where):
    return "%s, %s" % (where, stream.name) if stream.name else where


def _readable(streams, where, out):
    """The streams that may be KMIP; says what the others are."""
    kept = []
    encrypted = []
    for stream in streams:
        data = stream.data
        if _is_tls(data):
            encrypted.append(stream)
        elif data.startswith(_HTTP):
            out.complain("%s is HTTP: give the bodies alone" % _place(stream, where))
        elif len(streams) > 1 and data[:1] not in (b"\x42", b"\x54"):
            out.note("%s is no KMIP, %d bytes" % (_place(stream, where), len(data)))
        else:
            kept.append(stream)
    if encrypted:
        more = len(encrypted) - 1
        out.complain(_DECRYPT % (_place(encrypted[0], where), " and %d more" % more if more else ""))
    return kept


def _is_tls(data):
    return len(data) > 2 and 0x14 <= data[0] <= 0x18 and data[1] == 3 and data[2] <= 4


def _ordered(streams, where, out):
    """Yields (stream, start, message) of all streams, in the order in which the messages were complete."""
    streams = _readable(streams, where, out)
    if len(streams) == 1:
        yield from _of(streams[0], where, out)
        return
    rows = []
    for stream in streams:
        offsets = [offset for offset, _ in stream.ends]
        for found in _of(stream, where, out):
            place = min(bisect.bisect_left(offsets, found[2].end), len(offsets) - 1)
            rows.append((stream.ends[place][1], len(rows), found))
    for _, _, found in sorted(rows):
        yield found


def _of(stream, where, out):
    start = 0
    for message in items.messages(stream.data):
        yield stream, start, message
        start = message.end
    if stream.gap:
        out.complain("%s: %s" % (_place(stream, where), stream.gap))


def _show(stream, start, message, count, args, out):
    if count > 1:
        out.line("")
    root = message.root
    what = _MESSAGES.get(root.tag, names.tag_name(root.tag)) if root is not None else "nothing"
    out.line("--- %s, %d bytes at byte %d%s" % (
        what, message.end - start, start, " of " + stream.name if stream.name else ""))
    if root is None:
        for offset, text in message.errors:
            out.line("! error at byte %d: %s" % (offset, text))
    else:
        for line in tree.lines(root, args.secrets, args.full, args.offsets):
            out.line(line)
    if message.errors:
        offset, text = message.errors[0]
        more = len(message.errors) - 1
        out.complain("%s at byte %d%s" % (text, offset, " and %d more" % more if more else ""))


def _to_xml(roots, args, out):
    if not args.secrets and roots:
        out.line("<!-- Secrets are overwritten. -->")
    wrap = len(roots) > 1
    if wrap:
        out.line("<KMIP>")
    for root in roots:
        try:
            # All of it first: half a message would not be XML.
            lines = list(xmlform.write(root, args.secrets, wrap))
        except xmlform.XMLError as error:
            out.complain(str(error))
            continue
        for line in lines:
            out.line(line)
    if wrap:
        out.line("</KMIP>")


def _from_xml(data, where, args, out):
    try:
        for root in xmlform.read(data):
            encoded = items.encode(root)
            if args.binary:
                out.stdout.buffer.write(encoded)
            else:
                out.line(encoded.hex().upper())
    except xmlform.XMLError as error:
        out.complain("%s: %s" % (where, error))


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="backslashreplace")
    sys.stderr.reconfigure(errors="backslashreplace")
    try:
        status = main()
        sys.stdout.flush()
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    except KeyboardInterrupt:
        status = 130
    sys.exit(status)
