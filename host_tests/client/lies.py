"""A server that lies: the table of what it does, and what has to become of the client's two calls.

A lie is what a TLS server with the right certificate does on one connection. Of each call's outcome:

  taken     its value            refused   KmipError, and the connection goes on
  pending   KmipPending          broken    TTLVError, and the connection is closed
  lost      OSError, likewise    late      the same, once the time-out is over and not before
  ended     lost or late         closed    it was closed by the call before

Ended: MicroPython hides the end of TLS behind the bytes before it, and then waits for more; and to read
4096 bytes of a head, one by one, can take as long as the time-out here.
"""

import contextlib
import errno
import socket
import struct

import kit
import messages as m

KEY = b"0123456789abcdef"
MATERIAL = b"\x42\x00\x43\x08\0\0\0"  # Key Material, but for its length's last byte
GOT = m.item(m.GET, m.got_key(value=KEY))
GOOD = m.success(m.GET, *m.got_key(value=KEY))
OTHER = m.success(m.GET, *m.got_key(value=KEY, name="somebody's"))
GRANT = m.success(m.USAGE, m.uid("id-1"))
PAIR = (m.item(m.RECERTIFY, [m.uid("cert-2")], 1), m.item(m.GET, m.got_certificate(b"c" * 90), 2))

GET = ["get", ["id-1"], {}]
USAGE = ["get_usage_allocation", ["id-1", 100], {}]
BATCH = ["batch", [["recertify", ["cert-1"], {"csr": {"hex": "3000"}}], ["get", [], {}]], {}]
WAIT = ["wait", [{"hex": "63"}, "get"], {"seconds": 0.3, "first": 0}]
DRIP = 0.05  # seconds between two bytes


class Lie:
    """`behave(sock, server)`; `first`, `second`: what becomes of the calls; `http`: of calls by HTTPS."""

    def __init__(self, name, behave, first, second="closed", calls=(GET, GET), http=False):
        self.name = name
        self.behave = behave
        self.wanted = (first, second)
        self.calls = list(calls)
        self.http = http


# ---- what a server can do ----


def _read(sock, http):
    return kit.read_http(sock) if http else kit.read_message(sock)


def says(*answers, http=False):
    """These answers, one to each request, then nothing."""
    def behave(sock, server):
        for answer in answers:
            if _read(sock, http):
                sock.sendall(answer)
    return behave


def drips(answer, pause, http=False):
    def behave(sock, server):
        _read(sock, http)
        for at in range(len(answer)):
            sock.sendall(answer[at : at + 1])
            if pause and not server.pause(pause):
                return
    return behave


def pours(first, more, http=False):
    """Something, and then without end something else."""
    def behave(sock, server):
        _read(sock, http)
        sock.sendall(first)
        while server.pause(0):
            sock.sendall(more)
    return behave


def ends(answer, count, how):
    """So many bytes of an answer, then the end: of TLS ("notify"), of TCP ("end"), or a reset."""
    def behave(sock, server):
        kit.read_message(sock)
        if count:
            sock.sendall(answer[:count])
        if how == "notify":
            sock.setblocking(False)
            with contextlib.suppress(OSError):
                sock.unwrap()
            sock.setblocking(True)
            return
        if how == "reset":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        socket.socket(fileno=sock.detach()).close()
    return behave


def notifies_inside(answer, count):
    """close_notify within an answer, and the rest of it behind, as if nothing had been said."""
    def behave(sock, server):
        kit.read_message(sock)
        sock.sendall(answer[:count])
        sock.setblocking(False)
        with contextlib.suppress(OSError):
            sock.unwrap()
        bare = socket.socket(fileno=sock.detach())
        bare.sendall(b"\x17\x03\x03\x00\x40" + answer[count : count + 64])
        server.pause(0.2)
        bare.close()
    return behave


def underneath(answer, count, octets):
    """Some of an answer, then octets that are none of TLS's making."""
    def behave(sock, server):
        kit.read_message(sock)
        if count:
            sock.sendall(answer[:count])
        bare = socket.socket(fileno=sock.detach())
        bare.sendall(octets)
        server.pause(0.2)
        bare.close()
    return behave


def echoes(sock, server):
    """The client's own request as the answer."""
    sock.sendall(kit.read_message(sock))


# ---- the table ----


def _length(size):
    return GOOD[:4] + size.to_bytes(4, "big") + GOOD[8:]


def _nested(depth):
    item = m.ttlv(0x540001, m.INTEGER, 1)
    for _ in range(depth):
        item = m.ttlv(0x540001, m.STRUCTURE, [item])
    return m.success(m.GET, *m.got_key(value=KEY), item)


def _pending(size):
    return m.message(m.item(m.GET, None, None, m.PENDING, correlation=b"c" * size))


def _counts(count):
    return m.message(m.item(m.GET, m.got_key(value=KEY)), count=count)


LIES = [
    Lie("no lie", says(GOOD, GOOD), "taken", "taken"),
    # time
    Lie("no bytes", says(b""), "late"),
    Lie("slow bytes", drips(GOOD, DRIP), "late"),
    Lie("single bytes", drips(GOOD, 0), "taken", "late"),
    Lie("an answer that stops", says(GOOD[:50]), "late"),
    Lie("endless zeros", pours(b"", bytes(4096)), "broken"),
    Lie("an answer and endless noise", pours(GOOD, b"noise" * 800), "taken", "broken"),
    Lie("an endless answer", pours(_length(0x7FFFFFF8), bytes(4096)), "broken"),
    # lengths
    *[Lie("a length of %d" % size, says(_length(size)), "broken")
      for size in (0, 8, len(GOOD) - 16, 2048, 65536, 0xFFFFFF, 0x7FFFFFFF, 0xFFFFFFF8, 0xFFFFFFFF)],
    Lie("a length of eight too many", says(_length(len(GOOD))), "late"),
    Lie("a key longer than its parent", says(GOOD.replace(MATERIAL + b"\x10", MATERIAL + b"\x18")), "broken"),
    # batches
    *[Lie("a batch count of %d" % count, says(_counts(count)), "broken")
      for count in (0, 2, 255, 256, -1, 0x7FFFFFFF, -0x80000000)],
    Lie("two answers to one request", says(m.message(GOT, m.item(m.GET, []))), "broken"),
    Lie("answers out of order", says(m.message(*reversed(PAIR))), "broken", calls=(BATCH, GET)),
    Lie("one answer twice", says(m.message(PAIR[0], PAIR[0])), "broken", calls=(BATCH, GET)),
    Lie("an answer too few", says(m.message(PAIR[0])), "broken", calls=(BATCH, GET)),
    Lie("an answer too many", says(m.message(*PAIR, PAIR[1])), "broken", calls=(BATCH, GET)),
    Lie("the IDs of the items of a request before", says(m.message(
        m.item(m.RECERTIFY, [m.uid("cert-2")], 3), m.item(m.GET, m.got_certificate(b"c" * 90), 4))), "broken",
        calls=(BATCH, GET)),
    Lie("items without their IDs", says(m.message(m.item(m.RECERTIFY, [m.uid()]), GOT)), "broken",
        calls=(BATCH, GET)),
    # answers to something else
    Lie("an answer to another operation", says(GRANT), "broken"),
    Lie("an answer to an item that was not sent", says(m.message(m.item(m.GET, m.got_key(value=KEY), b"7"))),
        "broken"),
    Lie("an answer of another version", says(m.success(m.GET, *m.got_key(value=KEY), version=21)), "broken"),
    Lie("an answer replayed to another request", says(GOOD, GOOD), "taken", "broken",
        calls=(GET, USAGE)),
    # KMIP gives an answer no mark of its request: whether it is the right object, the caller has to look.
    Lie("an answer replayed to the same request", says(GOOD, GOOD), "taken", "taken"),
    Lie("another's object", says(OTHER), "taken", "late"),
    Lie("the request as the answer", echoes, "broken"),
    Lie("success without a payload", says(m.message(m.item(m.GET))), "broken"),
    Lie("a status that is none", says(m.message(m.item(m.GET, None, None, 4))), "broken"),
    # what is in it
    *[Lie("a time stamp of %d" % stamp, says(m.message(GOT, stamp=stamp), GOOD), "taken", "taken")
      for stamp in (0, -1, -2**31, 2**31, 2**32, 253402300799, 2**63 - 1, -2**63)],
    Lie("a reason as long as the buffer", says(m.message(m.failure(m.GET, 1, "x" * 1800)), GOOD),
        "refused", "taken"),
    Lie("a reason of 64 KiB", says(m.message(m.failure(m.GET, 1, "x" * 65536))), "broken"),
    Lie("a correlation value of 64 KiB", says(_pending(65536)), "broken"),
    Lie("a correlation value as long as the buffer", says(_pending(1800), GOOD), "pending", "taken"),
    Lie("pending for ever", says(*[_pending(8)] * 30), "pending", "pending", calls=(WAIT, WAIT)),
    Lie("nested 16 deep in all", says(_nested(12), GOOD), "taken", "taken"),
    Lie("nested 20 deep", says(_nested(16)), "broken"),
    Lie("nested 300 deep", says(_nested(200)), "broken"),
    Lie("empty structures as many as fit", says(
        m.success(m.GET, *m.got_key(value=KEY), *[m.ttlv(0x540001, m.STRUCTURE, [])] * 200), GOOD),
        "taken", "taken"),
    # under it
    Lie("close_notify in the middle, and the answer goes on", notifies_inside(GOOD, 60), "lost"),
    Lie("noise under TLS", underneath(GOOD, 60, b"\x17\x03\x03\x00\x30" + bytes(48)), "lost"),
    Lie("noise that is no record", underneath(GOOD, 0, b"HTTP/1.1 200 OK\r\n\r\n" * 4), "lost"),
    Lie("a record too long", underneath(GOOD, 60, b"\x17\x03\x03\xff\xff" + bytes(20000)), "lost"),
    Lie("an alert without a key", underneath(GOOD, 60, b"\x15\x03\x03\x00\x02\x02\x28"), "lost"),
    Lie("a new ClientHello's answer", underneath(GOOD, 60, b"\x16\x03\x03\x00\x04\x00\x00\x00\x00"), "lost"),
]


def _head(*fields, status="200 OK"):
    return ("HTTP/1.1 %s\r\n" % status + "".join(field + "\r\n" for field in fields)).encode()


def _web(name, behave, first="lost", second="closed"):
    return Lie("HTTPS: " + name, behave, first, second, http=True)


def _posted(*answers):
    return says(*answers, http=True)


WHOLE = _head("Content-Length: %d" % len(GOOD)) + b"\r\n" + GOOD
CHUNK = b"%x\r\n" % len(GOOD) + GOOD + b"\r\n"
CHUNKED = _head("Transfer-Encoding: chunked") + b"\r\n"

LIES += [
    _web("no lie", _posted(WHOLE, CHUNKED + CHUNK + b"0\r\n\r\n"), "taken", "taken"),
    *[_web("redirection %d" % status, _posted(
        _head("Location: https://a.example/kmip", "Content-Length: 0", status="%d Go" % status) + b"\r\n"))
      for status in (301, 302, 303, 307, 308)],
    _web("no bytes", _posted(b""), "late"),
    _web("a slow head", drips(WHOLE, DRIP, True), "late"),
    _web("single bytes", drips(WHOLE, 0, True), "taken", "late"),
    _web("a head without end", pours(_head(), b"X-More: " + b"y" * 500 + b"\r\n", True), "ended"),
    _web("a line without end", pours(b"HTTP/1.1 200 ", b"O" * 500, True), "ended"),
    _web("100 Continue without end", pours(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 20, True), "ended"),
    _web("a chunk's extension without end", pours(CHUNKED + b"8;", b"x" * 500, True), "ended"),
    _web("trailers without end", pours(CHUNKED + CHUNK + b"0\r\n", b"X: y\r\n" * 90, True), "ended"),
    _web("chunks of zeros without end", pours(CHUNKED, b"8\r\n" + bytes(8) + b"\r\n", True)),
    _web("a chunk of 16 MiB", pours(CHUNKED + b"ffffff\r\n", GOOD, True)),
    _web("a chunk of 2 GiB", pours(CHUNKED + b"7fffffff\r\n", GOOD, True)),
    _web("a chunk's size without end", pours(CHUNKED, b"0" * 500, True), "ended"),
    _web("a length too small", _posted(_head("Content-Length: 40") + b"\r\n" + GOOD)),
    _web("a length too large", pours(_head("Content-Length: 4000") + b"\r\n" + GOOD, bytes(64), True)),
    _web("a negative length", _posted(_head("Content-Length: -1") + b"\r\n" + GOOD)),
    _web("a length of twenty digits", _posted(_head("Content-Length: " + "9" * 20) + b"\r\n" + GOOD)),
    _web("two lengths", _posted(
        _head("Content-Length: 8", "Content-Length: %d" % len(GOOD)) + b"\r\n" + GOOD)),
    _web("a length and chunks", _posted(
        _head("Content-Length: %d" % len(GOOD), "Transfer-Encoding: chunked") + b"\r\n" + CHUNK)),
    _web("no length", _posted(_head() + b"\r\n" + GOOD)),
    _web("TTLV without HTTP", _posted(GOOD)),
    _web("two answers to one request", _posted(WHOLE + WHOLE, b""), "taken", "taken"),
    _web("another operation's answer", _posted(
        _head("Content-Length: %d" % len(GRANT)) + b"\r\n" + GRANT), "broken"),
]


def cuts(step, first=0):
    """An end after every `step`th byte of an answer, in each of the three ways."""
    for how in ("notify", "end", "reset"):
        for count in range(first, len(GOOD), step):
            wanted = "ended" if how == "notify" else "lost"
            yield Lie("%s after %d bytes" % (how, count), ends(GOOD, count, how), wanted)


def as_wanted(lie, verdicts):
    """Whether it became of the calls what had to."""
    return len(verdicts) == len(lie.wanted) and all(
        found == wanted or (wanted == "ended" and found in ("lost", "late"))
        for found, wanted in zip(verdicts, lie.wanted, strict=True))


def verdict(result, timeout):
    """What became of a call, in a word of this file's."""
    if "value" in result:
        return "taken"
    if result["error"] == "KmipPending":
        return "pending"
    if result["error"] in ("KmipError", "TTLVError"):
        return {"KmipError": "refused", "TTLVError": "broken"}[result["error"]]
    if result["errno"] == errno.ENOTCONN:
        return "closed"
    if result["os"]:
        return "late" if result["errno"] == errno.ETIMEDOUT and result["seconds"] > timeout - 0.1 else "lost"
    return "%(error)s: %(text)s" % result
