"""The HTTPS binding (Additional Message Encodings 1.0 §2): a message is the body of a POST, as is its answer.

Only what KMIP needs of HTTP/1.0 and 1.1 (RFC 9112), and that to the letter: a request that is not quite
right is refused with the status that says why, and the connection ends. Whatever is answered by a KMIP
message is answered with 200, errors of KMIP as well.
"""

import re
import time
from urllib.parse import urlsplit

from .bindings import Refused, read_some

PATH = "/kmip"
MEDIA_TYPE = "application/octet-stream"
MAX_HEAD = 8192

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_REQUEST_LINE = re.compile(r"(%s) ([!-~]+) HTTP/([0-9])\.([0-9])" % _TOKEN)
_FIELD = re.compile(r"(%s):[ \t]*([\t -~\x80-\xff]*?)[ \t]*" % _TOKEN)
_REASONS = {
    200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout",
    411: "Length Required", 413: "Content Too Large", 415: "Unsupported Media Type",
    417: "Expectation Failed", 431: "Request Header Fields Too Large", 505: "HTTP Version Not Supported",
}


def respond(status, body, media_type=MEDIA_TYPE, close=False, *fields):
    """A whole HTTP response, bytes."""
    lines = [
        "HTTP/1.1 %d %s" % (status, _REASONS[status]), "Content-Type: " + media_type,
        "Content-Length: %d" % len(body), "Cache-Control: no-cache", *fields]
    if close:
        lines.append("Connection: close")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def refuse(status, text, *fields):
    return Refused("HTTP %d: %s" % (status, text),
                   respond(status, text.encode() + b"\n", "text/plain", True, *fields))


class Head:
    """The request line and fields of a request; raises Refused for what is no such thing."""

    def __init__(self, data):
        first, *lines = data.decode("latin-1").split("\r\n")
        found = _REQUEST_LINE.fullmatch(first)
        if found is None:
            raise refuse(400, "no request line")
        self.method, self.target = found[1], found[2]
        if found[3] != "1":
            raise refuse(505, "HTTP/1.0 or 1.1")
        self.minor = int(found[4])
        self._fields = {}
        for line in lines:
            field = _FIELD.fullmatch(line)
            if field is None:
                raise refuse(400, "a malformed header field")
            self._fields.setdefault(field[1].lower(), []).append(field[2])

    def all(self, name):
        return self._fields.get(name, [])

    def one(self, name):
        """The value of a field that may be there once, or None."""
        found = self.all(name)
        if len(found) > 1:
            raise refuse(400, "%s is there twice" % name)
        return found[0] if found else None

    def words(self, name):
        """The members of a field that is a list of words."""
        return [word.strip().lower() for value in self.all(name) for word in value.split(",")]

    @property
    def path(self):
        # RFC 9112 §3.2.2: a server takes the absolute form, too.
        if self.target.lower().startswith(("https://", "http://")):
            parts = urlsplit(self.target)
            return parts.path + ("?" + parts.query if parts.query else "")
        return self.target

    @property
    def ends(self):
        """Whether the connection is to end behind the answer."""
        words = self.words("connection")
        return "close" in words or (self.minor == 0 and "keep-alive" not in words)


class Https:
    """One connection: read() and wrap() as Messages has them."""

    def __init__(self, tls, limits, now):
        self._tls = tls
        self._limits = limits
        self._buffer = b""  # read already, of the next request
        self.ends = False

    def read(self):
        """The body of the next request; None where the peer closed before one began. Raises Refused and
        OSError. One deadline for the whole request, as for a bare message."""
        if not self._buffer:
            self._tls.settimeout(self._limits.idle_timeout)
            self._buffer = self._tls.recv(MAX_HEAD)
            if not self._buffer:
                return None
        deadline = time.monotonic() + self._limits.io_timeout
        try:
            head = Head(self._head(deadline))
            length = self._judge(head)
            if head.minor and head.words("expect") == ["100-continue"]:
                self._tls.settimeout(self._limits.io_timeout)
                self._tls.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            elif head.all("expect"):
                raise refuse(417, "only 100-continue is to be expected")
            body = self._body(length, deadline)
        except TimeoutError:
            raise refuse(408, "the request did not arrive in time")
        self.ends = head.ends
        return body

    def _head(self, deadline):
        while True:
            end = self._buffer.find(b"\r\n\r\n")
            if max(end, 0) > MAX_HEAD or (end < 0 and len(self._buffer) >= MAX_HEAD):
                raise refuse(431, "a head of more than %d bytes" % MAX_HEAD)
            if end >= 0:
                break
            if b"\0" in self._buffer:  # a bare message, most likely, whose sender waits for the answer
                raise refuse(400, "no HTTP")
            self._buffer += read_some(self._tls, MAX_HEAD - len(self._buffer), deadline)
        head, self._buffer = self._buffer[:end], self._buffer[end + 4:]
        return head

    def _judge(self, head):
        """The length of the body; Refused for a request that is no KMIP message's."""
        if head.minor and head.one("host") is None:
            raise refuse(400, "no host")
        if head.path != PATH:
            raise refuse(404, "KMIP is at " + PATH)
        if head.method != "POST":
            raise refuse(405, "KMIP takes POST", "Allow: POST")
        length = head.one("content-length")
        if length is not None and head.all("transfer-encoding"):
            raise refuse(400, "both a length and a transfer encoding")
        if length is None:
            raise refuse(411, "the binding wants a content-length")
        if not (length.isascii() and length.isdigit() and len(length) < 20):
            raise refuse(400, "no length")
        if int(length) > self._limits.max_request:
            raise refuse(413, "this server takes %d bytes at most" % self._limits.max_request)
        media_type = (head.one("content-type") or "").partition(";")[0].strip().lower()
        if media_type != MEDIA_TYPE:
            raise refuse(415, "a KMIP message in TTLV is " + MEDIA_TYPE)
        return int(length)

    def _body(self, length, deadline):
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        parts = bytearray(body)
        while len(parts) < length:
            parts += read_some(self._tls, length - len(parts), deadline)
        return bytes(parts)

    def wrap(self, response, close):
        """What goes over the wire for a response; nothing for none (a fault on demand)."""
        return respond(200, response, close=close) if response else b""
