"""How messages travel over a TLS connection: one after the other as they are; https.py has them in HTTP."""

import time

from .errors import KmipError, invalid_message
from .message import OLDEST, refusal


class Limits:
    """What a connection may take: bytes of a request; seconds for it, and before it."""

    def __init__(self, max_request, idle_timeout, io_timeout):
        self.max_request = max_request
        self.idle_timeout = idle_timeout
        self.io_timeout = io_timeout


class Refused(Exception):
    """A request that is not read to its end; `answer` is what the peer is told, bytes."""

    def __init__(self, text, answer):
        super().__init__(text)
        self.answer = answer


class Messages:
    """The binding of KMIP itself: TTLV, and nothing around it."""

    def __init__(self, tls, limits, now):
        self._tls = tls
        self._limits = limits
        self._now = now

    def read(self):
        """One whole message; None where the peer closed before one began. Raises Refused and OSError.

        The header is judged before anything is read behind it, and the whole message has one
        deadline, however the bytes trickle in.
        """
        self._tls.settimeout(self._limits.idle_timeout)
        first = self._tls.recv(1)
        if not first:
            return None
        deadline = time.monotonic() + self._limits.io_timeout
        header = first + read_exactly(self._tls, 7, deadline)
        length = int.from_bytes(header[4:8], "big")
        try:
            self._judge(header, length)
        except KmipError as error:
            raise Refused(error.message, refusal(OLDEST, self._now(), error))
        return header + read_exactly(self._tls, length, deadline)

    def _judge(self, header, length):
        if header[:4] != b"\x42\x00\x78\x01":
            raise invalid_message("the message does not begin with a Request Message")
        if length % 8:
            raise invalid_message("the message's length %d is no multiple of 8" % length)
        if length + 8 > self._limits.max_request:
            raise invalid_message("a request of %d bytes; this server takes %d at most"
                                  % (length + 8, self._limits.max_request))

    def wrap(self, response, close):
        """What goes over the wire for a response; `close`: the connection ends with it."""
        return response

    @property
    def ends(self):
        """Whether the peer wants no more than the answer to what was read last."""
        return False


def read_some(tls, most, deadline):
    """At least one byte, by the deadline; ConnectionError at the end of the stream."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the request did not arrive in time")
    tls.settimeout(left)
    part = tls.recv(min(most, 65536))
    if not part:
        raise ConnectionError("the peer closed within a request")
    return part


def read_exactly(tls, count, deadline):
    data = bytearray()
    while len(data) < count:
        data += read_some(tls, count - len(data), deadline)
    return bytes(data)
