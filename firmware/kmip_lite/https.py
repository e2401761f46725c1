"""The HTTPS binding: each message is the body of a POST (Additional Message Encodings 1.0, section 2).

    stream = Stream(tls.connect(host, 443, context, "kmip.example"), "kmip.example")
    with Client(stream, version=12) as kmip:
        key = kmip.get("key-1").value

The answer has to be one message and no more: status 200, and a Content-Length that is the message's
length or chunks that add up to it. A redirection is a status like any other that is not 200.
"""

from errno import EINVAL, EIO, ENOTCONN

from micropython import const

from kmip_lite.client import moved

_HEADER = const(8)  # of a message: its tag, type and length
_DIGITS = const(8)  # of our Content-Length, the first of them spaces
_LINE = const(40)  # bytes of a line that are looked at
_MOST = const(4096)  # bytes of an answer's head, and of what stands between two of its chunks

_TAB = const(9)
_LF = const(10)
_CR = const(13)
_SPACE = const(32)
_ZERO = const(48)
_NINE = const(57)
_COLON = const(58)
_SEMICOLON = const(59)

# What is to be read next. Up to _TRAILER it is a line.
_STATUS = const(0)
_FIELD = const(1)  # of the head
_SIZE = const(2)  # of a chunk
_GAP = const(3)  # the end of a chunk's line
_TRAILER = const(4)
_BODY = const(5)
_NOTHING = const(6)  # the answer is whole: a request may go out


class Stream:
    """HTTP over `stream`, a TLS stream: readinto(), write() and close(), as the client wants them.

    `host`: for the Host field, with the port where it is not 443. `path`: where the server takes messages.
    `room`: bytes of a message that go out in one piece with the head, at least 8. What is longer takes two,
    and TCP may hold the second back until the first is acknowledged: some 40 ms where nobody has set
    TCP_NODELAY.

    Raises what `stream` does, and OSError: EINVAL for a host or path that is not one word; EIO for an
    answer that is not as the module's text has it, its status in the error's text. After either the
    connection is good for nothing but close(). Where the server says Connection: close, or speaks
    HTTP/1.0, the next request fails with ENOTCONN before anything is sent: connect again then.

    Allocates here the head of a request with its room and a line of 40 bytes, about 800 bytes in all on a
    32-bit board; for an exchange a view, and one where a chunk ends within what is read.
    """

    def __init__(self, stream, host, path="/kmip", room=256):
        for char in (host or " ") + (path or " "):
            if not "!" <= char <= "~":
                raise OSError(EINVAL, "HTTP: no host or path")
        self._stream = stream
        head = (
            "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/octet-stream\r\n"
            "Cache-Control: no-cache\r\nContent-Length: %s\r\n\r\n" % (path, host, " " * _DIGITS)
        ).encode()
        # Behind it the first bytes of the message; of the answer as many as tell its length.
        self._start = len(head)
        self._most = max(room, _HEADER)
        self._head = bytearray(self._start + self._most)
        self._head[: self._start] = head
        self._view = memoryview(self._head)
        self._line = bytearray(_LINE)
        self._one = bytearray(1)
        self._state = _NOTHING
        self._last = False  # the connection ends with this answer
        self._room = 0  # bytes that its lines may still have
        self._begin()

    def _begin(self):
        # A message, ours or the server's.
        self._have = 0  # bytes of it
        self._size = 0  # all of them; 0 before the first eight
        self._left = -1  # bytes of the answer's body, or of its chunk, that are to come; -1: not told
        self._at = 0  # bytes of the line so far
        self._colon = 0  # where its first colon is
        self._before = 0  # its last byte
        self._chunked = self._interim = False

    def write(self, buf):
        """Write some of a request's bytes; gives how many, at least one."""
        count = self._goes(buf)
        if count:
            head = self._out(count)
            at = 0
            while at < len(head):
                at += moved(self._stream.write(head[at:] if at else head))
        else:
            count = moved(self._stream.write(part(buf, self._size - self._have)))
        self._wrote(count)
        return count

    # What is done between the waits stands apart from them: the asyncio stream has it in common.

    def _goes(self, buf):
        # How many bytes of a request are for its head; 0 where the head is out.
        if self._last or self._state != _NOTHING:
            raise OSError(ENOTCONN, "the server has closed the connection")
        return self._opens(buf, len(buf), self._most)

    def _out(self, count):
        # The head with what there is of the message, once that is all that goes with it.
        size = self._size
        have = self._have + count
        if not size or have < min(self._most, size):
            return b""
        head = self._head
        digit = self._start - 5
        for _ in range(_DIGITS):
            head[digit] = _ZERO + size % 10 if size else _SPACE
            size //= 10
            digit -= 1
        return self._view[: self._start + have]

    def _opens(self, buf, count, most):
        # Take of a message's first bytes what is there; how many.
        head = self._head
        start = self._start
        have = self._have
        at = 0
        while at < count and have + at < (min(most, self._size) if self._size else _HEADER):
            head[start + have + at] = buf[at]
            at += 1
            if have + at == _HEADER:
                if head[start + 4]:
                    raise _wrong("length")
                self._size = _HEADER + (
                    head[start + 5] << 16 | head[start + 6] << 8 | head[start + 7]
                )
        return at

    def _wrote(self, count):
        self._have += count
        if self._have == self._size:
            self._wipe()
            self._begin()
            self._state = _STATUS
            self._room = _MOST

    def _wipe(self):
        # The room behind the head: a message can begin with a password or a key.
        for at in range(self._start, len(self._head)):
            self._head[at] = 0

    def readinto(self, buf):
        """Read at least one byte of the answer, at most len(buf); 0 where there is no more of it."""
        if self._state == _NOTHING:
            return 0
        self._lines()
        buf = part(buf, self._left)
        count = moved(self._stream.readinto(buf))
        self._read(buf, count)
        self._lines()  # the end of the answer, with its last byte
        return count

    def _lines(self):
        while self._state <= _TRAILER:
            moved(self._stream.readinto(self._one))
            self._feed(self._one[0])

    def _read(self, buf, count):
        self._opens(buf, count, _HEADER)
        self._have += count
        self._left -= count
        self._check()
        if not self._left:
            self._room = _MOST
            self._state = _GAP
            if not self._chunked:
                self._begin()
                self._state = _NOTHING

    def _check(self):
        # The body, as far as it is told, against the message's own length.
        size = self._size
        more = self._have + self._left
        if size and (more > size or (more < size and not self._chunked)):
            raise _wrong("length")

    def _feed(self, byte):
        # The next byte of a line.
        at = self._at
        if (byte == _LF) != (self._before == _CR) or not self._room:
            raise _wrong("line")
        self._before = byte
        self._room -= 1
        if byte == _LF:
            self._ended(at - 1)
            self._at = self._colon = 0
            return
        if byte == _COLON:
            self._colon = self._colon or at
        elif not self._colon and byte != _CR and not _SPACE < byte < 127:
            if self._state in (_FIELD, _TRAILER):  # a folded line, or no name
                raise _wrong("line")
        if at < _LINE:
            self._line[at] = byte | 32 if 65 <= byte <= 90 else byte
        self._at = at + 1

    def _ended(self, size):
        # A line of so many bytes.
        line = self._line
        state = self._state
        if state == _STATUS:
            if not line.startswith(b"http/1.") or line[8] != _SPACE or (size > 12 and line[12] != _SPACE):
                raise _wrong("line")
            self._last = not self._number(7, 8, 10)
            status = self._number(9, min(size, 12), 10)
            self._interim = status // 100 == 1 and status != 101
            if status != 200 and not self._interim:
                raise _wrong("status %d" % status)
            self._state = _FIELD
        elif state == _SIZE:
            self._left = self._number(0, size, 16)
            self._state = _BODY
            self._check()
            if not self._left:
                if self._have != self._size or not self._size:
                    raise _wrong("length")
                self._state = _TRAILER
        elif size:
            if not self._colon or state == _GAP:
                raise _wrong("line")
            if state == _FIELD:
                self._told(line, size)
        elif state == _GAP:
            self._state = _SIZE
        elif self._interim:
            self._begin()
            self._state = _STATUS
        elif state == _TRAILER:
            self._begin()
            self._state = _NOTHING
        elif self._chunked == (self._left >= 0) or not (self._chunked or self._left >= _HEADER):
            raise _wrong("length")
        else:
            self._state = _SIZE if self._chunked else _BODY

    def _told(self, line, size):
        # A field of the head.
        if line.startswith(b"content-length:"):
            if self._left >= 0 or size > _LINE:
                raise _wrong("length")
            self._left = self._number(15, size, 10)
        elif line.startswith(b"transfer-encoding:"):
            at = self._skip(18, size)
            if self._chunked or not line.startswith(b"chunked", at) or self._skip(at + 7, size) != size:
                raise _wrong("encoding")
            self._chunked = True
        elif line.startswith(b"connection:"):
            if size > _LINE or line.find(b"close", 11, size) > 0:
                self._last = True

    def _skip(self, at, size):
        while at < min(size, _LINE) and self._line[at] in (_SPACE, _TAB):
            at += 1
        return at

    def _number(self, at, size, base):
        # The number in the line from `at` on, with nothing but spaces around it, or behind it an
        # extension of a chunk's size.
        at = start = self._skip(at, size)
        number = 0
        while at < min(size, _LINE):
            byte = self._line[at]
            digit = byte - _ZERO if byte <= _NINE else byte - 87
            if not 0 <= digit < base:
                break
            number = number * base + digit
            if number > 0xFFFFFF:
                raise _wrong("length")
            at += 1
        digits = at - start
        at = self._skip(at, size)
        if not digits or (at != size and (base == 10 or at == _LINE or self._line[at] != _SEMICOLON)):
            raise _wrong("line")
        return number

    def close(self):
        """Close the connection."""
        self._wipe()
        self._stream.close()


def part(buf, most):
    """The first bytes of `buf`, at most so many."""
    return memoryview(buf)[:most] if len(buf) > most else buf


def _wrong(what):
    return OSError(EIO, "HTTP: " + what)
