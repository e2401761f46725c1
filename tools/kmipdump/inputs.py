"""What was given: raw bytes, hex in many guises, base64, a log of the reference server, a capture."""

import base64
import binascii
import re

from . import capture

LARGEST_FILL = 1 << 24  # bytes that the repeated lines of a hexdump may stand for

_OFFSET = re.compile(r"\s*(?:0[xX])?([0-9a-fA-F]{4,16})(?::|\s|$)")
_ZERO = re.compile(r"\s*(?:0[xX])?0{4,16}(?::|\s|$)")
_COLUMN = re.compile(r"\s{2,}")
_SEPARATORS = re.compile(r"0[xX](?=[0-9a-fA-F])|\\x|[\s,;:]+")
_HEX = re.compile(r"[0-9a-fA-F]*", re.ASCII)
_NOT_HEX = re.compile(r"[^0-9a-fA-F\s,;:xX\\]", re.ASCII)
_BASE64 = re.compile(r"[QV][A-Za-z0-9+/]*={0,2}")  # a tag begins with 42 or 54
_TRACE = re.compile(r"(?:^|.* )(request|response) (\d+) bytes$")
_UNREADABLE = re.compile(r"(?:^|.* )(request|response) \d+ bytes, not well-formed")
_FOLLOW = re.compile(r"^Follow: ", re.M)

FORMATS = ("auto", "binary", "hex", "base64", "trace", "follow", "capture")


class InputError(ValueError):
    """What cannot be read; the message is one line for the user."""


def sources(data, form="auto"):
    """([Stream], [remark]) of what was given, bytes. Raises InputError, CaptureError."""
    if form == "auto":
        form = _guess(data)
    if form == "capture":
        return capture.streams(data)
    if form == "binary":
        return [capture.Stream("", data, [(len(data), 0)])], []
    text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
    if form == "trace":
        return _trace(text)
    if form == "follow":
        return _follow(text), []
    found = _hex(text) if form == "hex" else _base64(text)
    return [capture.Stream("", found, [(len(found), 0)])], []


def _guess(data):
    if capture.is_capture(data):
        return "capture"
    if b"\0" in data:
        return "binary"
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return "binary"
    if text.lstrip().startswith("<"):
        raise InputError("this is XML: --from-xml reads it")
    if _FOLLOW.search(text):
        return "follow"
    if any(_TRACE.match(line) or _UNREADABLE.match(line) for line in text.splitlines()):
        return "trace"
    if _ZERO.match(_first_line(text)) or _HEX.fullmatch(_SEPARATORS.sub("", text)):
        return "hex"
    if _BASE64.fullmatch("".join(text.split())):
        return "base64"
    return "hex"  # which says where it is none


def _first_line(text):
    return next((line for line in text.splitlines() if line.strip()), "")


def _hex(text):
    if _ZERO.match(_first_line(text)):
        return _hexdump(text)
    digits = _SEPARATORS.sub("", text)
    if not _HEX.fullmatch(digits):
        for number, line in enumerate(text.splitlines(), 1):
            bad = _NOT_HEX.search(line)
            if bad:
                raise InputError("line %d, column %d: %r is neither hex nor base64"
                                 % (number, bad.start() + 1, bad[0]))
        raise InputError("neither hex nor base64")
    if len(digits) % 2:
        raise InputError("%d hex digits: one is missing" % len(digits))
    return bytes.fromhex(digits)


def _hexdump(text):
    """The bytes of xxd, hexdump -C, od -t x1 or Wireshark: each line has an offset before its bytes, and
    perhaps characters behind them. A line "*" repeats the one before it up to the next offset."""
    found = bytearray()
    repeated = False
    line_bytes = b""
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        if line.strip() == "*":
            repeated = True
            continue
        head = _OFFSET.match(line)
        if not head:
            raise InputError("line %d has no offset" % number)
        if repeated:
            _fill(found, line_bytes, head[1], number)
            repeated = False
        if len(found) not in _offsets(head[1]):
            raise InputError("line %d: offset %s, but %d bytes stand before it"
                             % (number, head[1], len(found)))
        line_bytes = _line(line[head.end():], number)
        found += line_bytes
    if repeated:
        raise InputError("the hexdump ends with *")
    return bytes(found)


def _offsets(text):
    """What an offset may mean: hex, or od's octal."""
    values = {int(text, 16)}
    if not set(text) - set("01234567"):
        values.add(int(text, 8))
    return values


def _fill(found, line, text, number):
    goals = [goal for goal in sorted(_offsets(text))
             if line and goal > len(found) and (goal - len(found)) % len(line) == 0]
    if not goals or goals[0] - len(found) > LARGEST_FILL:
        raise InputError("line %d: offset %s cannot be where repeated lines end" % (number, text))
    found += line * ((goals[0] - len(found)) // len(line))


def _line(text, number):
    """The bytes of a hexdump's line without its offset."""
    head, bar, _ = text.partition("  |")
    whole = "".join(head.split())
    if bar and _HEX.fullmatch(whole):
        columns = [whole]
    else:
        columns = _COLUMN.split(text.strip())
    digits = ""
    for place, column in enumerate(columns):
        words = column.split()
        pairs = all(len(word) == 2 and _HEX.fullmatch(word) for word in words)
        if place and not (pairs and len(digits) == 16 and len(words) <= 8):
            break  # the characters
        digits += "".join(words)
    if len(digits) % 2 or not _HEX.fullmatch(digits):
        raise InputError("line %d of the hexdump is not hex" % number)
    return bytes.fromhex(digits)


def _base64(text):
    text = "".join(text.split())
    if len(text) % 4:
        raise InputError("not base64: %d characters, no multiple of 4" % len(text))
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InputError("not base64: %s" % error)


def _trace(text):
    """The messages of `refserver serve -vv`, each a stream of its own. What it redacted is zeros."""
    found = []
    remarks = []
    wanted = 0
    digits = None
    for number, line in enumerate(text.splitlines(), 1):
        if _UNREADABLE.match(line):
            remarks.append("line %d: the server could not read this message and does not show it" % number)
            digits = None
            continue
        head = _TRACE.match(line)
        if head:
            wanted = 2 * int(head[2][:9])
            digits = []
            found.append((number, head[1], wanted, digits))
            continue
        part = line.strip()
        if digits is None or not wanted or not _HEX.fullmatch(part):
            digits = None
            continue
        digits.append(part)
        wanted -= len(part)
        if wanted <= 0:
            digits = None
    result = []
    for number, kind, size, digits in found:
        whole = "".join(digits)
        if len(whole) % 2:
            raise InputError("the hex below line %d has an odd number of digits" % number)
        gap = None
        if len(whole) != size:
            gap = "%d bytes stand below line %d, which says %d" % (len(whole) // 2, number, size // 2)
        data = bytes.fromhex(whole)
        result.append(capture.Stream("%s of line %d" % (kind, number), data, [(len(data), number)], gap))
    return result, remarks


def _follow(text):
    """Both directions of `tshark -z follow,tls,raw,N`: the second one's lines begin with a tab."""
    ends = ["", ""]
    parts = ([], [])
    marks = ([], [])
    sizes = [0, 0]
    for number, line in enumerate(text.splitlines(), 1):
        node = re.match(r"Node ([01]): (.*)", line)
        if node:
            ends[int(node[1])] = node[2].strip()
        elif line.strip() and re.fullmatch(r"[0-9a-fA-F]+", line.strip()):
            side = line.startswith("\t")
            try:
                part = bytes.fromhex(line.strip())
            except ValueError:
                raise InputError("line %d has an odd number of hex digits" % number)
            parts[side].append(part)
            sizes[side] += len(part)
            marks[side].append((sizes[side], number))
    return [capture.Stream("%s -> %s" % (ends[side], ends[1 - side]), b"".join(parts[side]), marks[side])
            for side in (0, 1) if parts[side]]
