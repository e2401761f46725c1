"""DER (X.690), as X.509 and PKCS use it: read in place, written piece by piece.

Strict: definite minimal lengths, one-octet tags, no item past the end of its parent, at most 65,535
octets an item. There is no recursion: depth is what the caller enters. What breaks a rule raises
ValueError, and nothing else does.
"""

from micropython import const

_BOOLEAN = const(0x01)
_INTEGER = const(0x02)
_BIT_STRING = const(0x03)
_OID = const(0x06)
_SEQUENCE = const(0x30)


class Reader:
    """A cursor over data[pos:end]. The item last read has `tag`, and its content is data[start:pos].

    Holds one memoryview of the data; reading headers allocates nothing, view() a slice.
    """

    def __init__(self, data, pos=0, end=None):
        self.data = memoryview(data)
        self.pos = self.start = pos
        self.end = len(data) if end is None else end
        self.tag = 0

    def peek(self):
        """The next item's tag, 0 at the end of the parent."""
        return self.data[self.pos] if self.pos < self.end else 0

    def next(self, want=0):
        """Step over one item and return its tag, which has to be `want` if given."""
        data = self.data
        pos = self.pos + 2
        end = self.end
        if pos > end:
            raise ValueError("DER: cut short")
        tag = data[pos - 2]
        if tag & 31 == 31 or not tag or (want and tag != want):
            raise ValueError("DER: tag")
        size = data[pos - 1]
        if size > 127:
            pos += size - 128
            if not 128 < size < 131 or pos > end:
                raise ValueError("DER: length")
            least = 128
            if size == 130:
                least = 256
                size = data[pos - 2] << 8 | data[pos - 1]
            else:
                size = data[pos - 1]
            if size < least:
                raise ValueError("DER: length")
        if size > end - pos:
            raise ValueError("DER: length")
        self.tag = tag
        self.start = pos
        self.pos = pos + size
        return tag

    def enter(self, want=_SEQUENCE):
        """Go into the next item; returns what leave() needs."""
        self.next(want)
        outer = self.end
        self.end = self.pos
        self.pos = self.start
        return outer

    def leave(self, outer):
        """Go out of the item last entered, which has to be used up."""
        self.finish()
        self.end = outer

    def finish(self):
        """ValueError unless everything was read."""
        if self.pos != self.end:
            raise ValueError("DER: trailing bytes")

    def literal(self, octets):
        """Step over exactly these octets; False, and no step, if others follow."""
        stop = self.pos + len(octets)
        same = stop <= self.end and self.data[self.pos : stop] == octets
        if same:
            self.pos = stop
        return same

    def view(self):
        """The content of the item last read, as a memoryview."""
        return self.data[self.start : self.pos]

    def integer(self):
        """Step over an INTEGER that is not negative; its value follows `start`, without padding.

        Returns its number of octets without the leading zero that keeps it positive.
        """
        self.next(_INTEGER)
        data = self.data
        start = self.start
        size = self.pos - start
        if not size or data[start] > 127:
            raise ValueError("DER: integer")
        if size > 1 and not data[start]:
            if data[start + 1] < 128:
                raise ValueError("DER: integer")
            self.start += 1
            size -= 1
        return size

    def small(self):
        """The value of an INTEGER from 0 to 255."""
        if self.integer() > 1:
            raise ValueError("DER: integer")
        return self.data[self.start]

    def value(self):
        """The content of the item last read as a number; bound its size first."""
        return int.from_bytes(self.view(), "big")

    def flag(self):
        """Step over a BOOLEAN DEFAULT FALSE: whether it is there, and then it has to be TRUE."""
        if self.peek() != _BOOLEAN:
            return False
        if not self.literal(b"\x01\x01\xff"):
            raise ValueError("DER: boolean")
        return True

    def bits(self):
        """Step over a BIT STRING; its octets follow `start`. Returns how many bits are unused."""
        self.next(_BIT_STRING)
        data = self.data
        start = self.start
        size = self.pos - start
        unused = data[start] if size else 8
        if unused > 7 or (unused and (size < 2 or data[self.pos - 1] & ((1 << unused) - 1))):
            raise ValueError("DER: bit string")
        self.start += 1
        return unused

    def oid(self):
        """Step over an OBJECT IDENTIFIER and return its content as a memoryview."""
        self.next(_OID)
        data = self.data
        first = True
        for p in range(self.start, self.pos):
            if first and data[p] == 128:
                break
            first = data[p] < 128
        else:
            if first and self.pos > self.start:
                return self.view()
        raise ValueError("DER: object identifier")


def item(tag, *parts):
    """One DER item as bytes: the tag, the length and the parts, which are bytes or views."""
    content = b""
    for part in parts:
        content += part
    size = len(content)
    if size < 128:
        return bytes((tag, size)) + content
    if size < 256:
        return bytes((tag, 129, size)) + content
    if size > 65535:
        raise ValueError("DER: length")
    return bytes((tag, 130, size >> 8, size & 255)) + content


def integer(octets):
    """A DER INTEGER from the big-endian octets of a number that is not negative."""
    skip = 0
    while skip < len(octets) - 1 and not octets[skip]:
        skip += 1
    octets = octets[skip:]
    return item(_INTEGER, b"\0" if octets[0] > 127 else b"", octets)
