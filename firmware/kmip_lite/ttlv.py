"""TTLV, the encoding of KMIP messages (1.x section 9.1, 2.x section 10.1).

An item is Tag (3 bytes), Type (1), Length (4), Value, zero padding to a multiple of 8. This file
knows the encoding and no tag; it needs nothing but a bytearray that the caller owns.

What allocates: nothing here does on a 32-bit board, but where a docstring says so. An int from 2**30
on is an object of its own there: making one is the caller's allocation, passing one on is free.
"""

from struct import pack_into

from micropython import const

# Types, by their codes on the wire. Every file declares those it uses: a private const costs no RAM.
_STRUCTURE = const(1)
_INTEGER = const(2)
_LONG_INTEGER = const(3)
_BIG_INTEGER = const(4)
_ENUMERATION = const(5)
_BOOLEAN = const(6)
_TEXT_STRING = const(7)
_BYTE_STRING = const(8)
_DATE_TIME = const(9)
_INTERVAL = const(10)
_DATE_TIME_EXTENDED = const(11)

# The length of each type's value, by code; _FREE: any; _EIGHTS: a multiple of 8; _NO: no such type.
_FREE = const(0xFF)
_EIGHTS = const(0xFE)
_NO = const(0xFD)
_LENGTHS = b"\xfd\xfe\x04\x08\xfe\x04\x08\xff\xff\x08\x04\x08"

# pack_into with a constant count copies, and pads with zeros, without allocating: a few counts in
# ascending steps serve every length.
_STEPS = ((16, "16s"), (64, "64s"), (256, "256s"), (512, "512s"), (1024, "1024s"), (4096, "4096s"))


class TTLVError(Exception):
    """A message that is malformed, of the wrong shape or too large; `offset` is where it shows."""

    def __init__(self, what, offset=0):
        super().__init__("%s at byte %d" % (what, offset))
        self.offset = offset


class Encoder:
    """Writes items one after the other into `buf`, a bytearray that stays the caller's.

    The first error sticks and the encoder goes on counting, so that one pass tells how large a
    buffer was needed; `finish()` raises it. `size` is the bytes written (or needed) so far. `depth`
    bounds how many structures may be open at once. Allocates once, here: a list of `depth` numbers.
    """

    def __init__(self, buf, depth=12):
        self.buf = buf
        self.size = 0
        self._error = None
        self._error_at = 0
        self._open = [0] * depth
        self._depth = 0

    def reset(self):
        """Forget everything written and any error, and start at the buffer's first byte again."""
        self.size = 0
        self._error = None
        self._depth = 0

    def finish(self):
        """The message's size in bytes; raises TTLVError for the first error of all that was written."""
        if self._depth:
            self.fail("a structure is still open")
        if self.size > len(self.buf) and self._error is None:
            raise TTLVError("%d bytes do not fit into %d," % (self.size, len(self.buf)), len(self.buf))
        if self._error is not None:
            raise TTLVError(self._error, self._error_at)
        return self.size

    def fail(self, what):
        """Note an error, a str, unless there is one already."""
        if self._error is None:
            self._error = what
            self._error_at = self.size

    def _reserve(self, count):
        # The offset at which `count` bytes may be written, or -1 where they no longer fit.
        at = self.size
        self.size = at + count
        if self.size > len(self.buf):
            return -1
        return at

    def begin(self, tag):
        """Open a Structure; what follows is inside it until end()."""
        if self._depth == len(self._open):
            self.fail("nested too deep")
            return
        self._open[self._depth] = self.size
        self._depth += 1
        at = self._reserve(8)
        if at >= 0:
            pack_into(">HBBI", self.buf, at, tag >> 8, tag & 0xFF, _STRUCTURE, 0)

    def end(self):
        """Close the Structure opened last, and write its length."""
        if not self._depth:
            self.fail("no structure is open")
            return
        self._depth -= 1
        at = self._open[self._depth]
        if at + 8 <= len(self.buf):
            pack_into(">I", self.buf, at + 4, self.size - at - 8)

    def integer(self, tag, value):
        """An Integer, signed 32 bits."""
        at = self._reserve(16)
        if not -0x80000000 <= value <= 0x7FFFFFFF:
            self.fail("Integer out of range")
        elif at >= 0:
            pack_into(">HBBIiI", self.buf, at, tag >> 8, tag & 0xFF, _INTEGER, 4, value, 0)

    def enumeration(self, tag, value):
        """An Enumeration, unsigned 32 bits (extensions from 0x80000000)."""
        self._unsigned(tag, _ENUMERATION, value)

    def interval(self, tag, seconds):
        """An Interval, unsigned 32 bits."""
        self._unsigned(tag, _INTERVAL, seconds)

    def _unsigned(self, tag, kind, value):
        at = self._reserve(16)
        if not 0 <= value <= 0xFFFFFFFF:
            self.fail("32-bit number out of range")
        elif at >= 0:
            pack_into(">HBBIII", self.buf, at, tag >> 8, tag & 0xFF, kind, 4, value, 0)

    def long_integer(self, tag, value, kind=_LONG_INTEGER):
        """A Long Integer, signed 64 bits."""
        at = self._reserve(16)
        if not -0x8000000000000000 <= value <= 0x7FFFFFFFFFFFFFFF:
            self.fail("64-bit number out of range")
        elif at >= 0:
            pack_into(">HBBIq", self.buf, at, tag >> 8, tag & 0xFF, kind, 8, value)

    def date_time(self, tag, seconds):
        """A Date-Time, signed 64 bits: seconds since 1970-01-01, not the board's own epoch."""
        self.long_integer(tag, seconds, _DATE_TIME)

    def halves(self, tag, kind, high, low):
        """A 64-bit item of type `kind` from its two unsigned 32-bit halves."""
        at = self._reserve(16)
        if not (0 <= high <= 0xFFFFFFFF and 0 <= low <= 0xFFFFFFFF):
            self.fail("32-bit half out of range")
        elif at >= 0:
            pack_into(">HBBIII", self.buf, at, tag >> 8, tag & 0xFF, kind, 8, high, low)

    def boolean(self, tag, value):
        """A Boolean."""
        self.halves(tag, _BOOLEAN, 0, 1 if value else 0)

    def text_string(self, tag, text):
        """A Text String from str (allocates its UTF-8 form) or from UTF-8 as a bytes-like object."""
        if isinstance(text, str):
            text = text.encode()
        self._data(tag, _TEXT_STRING, text)

    def byte_string(self, tag, data):
        """A Byte String from a bytes-like object."""
        self._data(tag, _BYTE_STRING, data)

    def byte(self, tag, value):
        """A Byte String of one byte, given as a number below 256."""
        at = self._header(tag, _BYTE_STRING, 1)
        if not 0 <= value <= 0xFF:
            self.fail("byte out of range")
        elif at >= 0:
            self.buf[at] = value

    def big_integer(self, tag, data):
        """A Big Integer from its two's complement, big-endian, of 1 byte or more; extended as need be."""
        count = len(data)
        front = -count & 7
        if not count:
            self.fail("Big Integer without a byte")
            return
        at = self._header(tag, _BIG_INTEGER, front + count)
        if at < 0:
            return
        fill = 0xFF if data[0] & 0x80 else 0
        while front:
            self.buf[at] = fill
            at += 1
            front -= 1
        self._copy(at, data)

    def put(self, tag, kind, value):
        """An item of any type; of a Structure the value is a sequence of (tag, type, value).

        For tables of attributes and the like, not for speed: walking a sequence may allocate.
        """
        if kind == _STRUCTURE:
            self.begin(tag)
            for item in value:
                self.put(item[0], item[1], item[2])
            self.end()
        elif kind == _INTEGER:
            self.integer(tag, value)
        elif kind == _ENUMERATION or kind == _INTERVAL:
            self._unsigned(tag, kind, value)
        elif kind == _LONG_INTEGER or kind == _DATE_TIME or kind == _DATE_TIME_EXTENDED:
            self.long_integer(tag, value, kind)
        elif kind == _BOOLEAN:
            self.boolean(tag, value)
        elif kind == _TEXT_STRING:
            self.text_string(tag, value)
        elif kind == _BYTE_STRING:
            self._data(tag, kind, value)
        elif kind == _BIG_INTEGER:
            self.big_integer(tag, value)
        else:
            self.fail("no such type")

    def _header(self, tag, kind, count):
        # Tag, type, length and zero padding; gives the value's offset, or -1.
        padded = (count + 7) & ~7
        at = self._reserve(8 + padded)
        if at < 0:
            return at
        pack_into(">HBBI", self.buf, at, tag >> 8, tag & 0xFF, kind, count)
        if padded != count:
            pack_into(">II", self.buf, at + padded, 0, 0)
        return at + 8

    def _data(self, tag, kind, data):
        at = self._header(tag, kind, len(data))
        if at >= 0:
            self._copy(at, data)

    def _copy(self, at, data):
        # A slice would be an object; see _STEPS. Past the end of `data` the zeros fall on room that
        # is not written yet. A memoryview is no argument for `s` everywhere, so it goes byte by byte.
        count = len(data)
        buf = self.buf
        if not isinstance(data, memoryview):
            room = len(buf) - at
            for step in _STEPS:
                if count <= step[0] <= room:
                    pack_into(step[1], buf, at, data)
                    return
        for byte in data:
            buf[at] = byte
            at += 1


class Decoder:
    """A cursor over the message in `buf`, a bytearray that stays the caller's.

    `open(size)` checks every item of the message; after it, the cursor stands before the first item
    and can be moved without fear: `next()`, `find()`, `need()` go forward in the structure that is
    open, `enter()` opens the structure under the cursor, `leave()` goes on behind it. Of the item
    under the cursor, `tag` and `kind` are its tag and type, `at` and `size` the offset and length of
    its value in `buf`. Allocates once, here: a list of `depth` numbers and a memoryview.
    """

    def __init__(self, buf, depth=16):
        self.buf = buf
        self.view = memoryview(buf)
        self.tag = 0
        self.kind = 0
        self.at = 0
        self.size = 0
        self._next = 0
        self._end = 0
        self._stack = [0] * depth
        self._depth = 0

    def open(self, size):
        """Check the message in the first `size` bytes of the buffer: one item, nothing behind it.

        Held for each item: the tag's first byte, a known type, its length, the bounds of its parent,
        zero padding, a Boolean of 0 or 1, and for the whole the depth. Raises TTLVError. Costs one
        pass over the message, whatever the lengths in it say.
        """
        buf = self.buf
        stack = self._stack
        depth = 0
        at = 0
        end = size
        while True:
            if at == end:
                if not depth:
                    break
                depth -= 1
                end = stack[depth]
                continue
            room = end - at - 8
            if room < 0:
                raise TTLVError("item cut short", at)
            tag = buf[at]
            if tag != 0x42 and tag != 0x54:
                raise TTLVError("no KMIP tag", at)
            kind = buf[at + 3]
            length = _LENGTHS[kind] if kind <= _DATE_TIME_EXTENDED else _NO
            if length == _NO:
                raise TTLVError("unknown type", at)
            count = buf[at + 5] << 16 | buf[at + 6] << 8 | buf[at + 7]
            if buf[at + 4] or count > room:
                raise TTLVError("length runs past the end", at)
            if not depth and at:
                raise TTLVError("bytes behind the message", at)
            if length == _EIGHTS:
                if count & 7 or (not count and kind != _STRUCTURE):
                    raise TTLVError("length is not a multiple of 8", at)
            elif length != _FREE and count != length:
                raise TTLVError("wrong length for its type", at)
            at += 8
            if kind == _STRUCTURE:
                if depth == len(stack):
                    raise TTLVError("nested too deep", at)
                stack[depth] = end
                depth += 1
                end = at + count
                continue
            if kind == _BOOLEAN:
                zeros = at
                if buf[at + 7] > 1:
                    raise TTLVError("Boolean is neither 0 nor 1", at)
                at += 7
            else:
                at += count
                zeros = at
                at += -count & 7
                if at > end:
                    raise TTLVError("padding runs past the end", at)
            while zeros < at:
                if buf[zeros]:
                    raise TTLVError("padding is not zero", zeros)
                zeros += 1
            if kind == _BOOLEAN:
                at += 1
        if not size:
            raise TTLVError("empty message")
        self.tag = self.kind = self.at = self.size = 0
        self._next = 0
        self._end = size
        self._depth = 0

    def next(self):
        """Go to the next item of the open structure; False, and no move, where there is none."""
        at = self._next
        if at >= self._end:
            return False
        buf = self.buf
        self.tag = buf[at] << 16 | buf[at + 1] << 8 | buf[at + 2]
        self.kind = buf[at + 3]
        self.size = count = buf[at + 5] << 16 | buf[at + 6] << 8 | buf[at + 7]
        self.at = at = at + 8
        self._next = at + ((count + 7) & ~7)
        return True

    def find(self, tag, kind=0):
        """Go forward to the next item of this tag; False, and no move, where there is none.

        Items between are passed over, as a client must with fields it does not know. A type, where
        given, must be the item's: TTLVError otherwise.
        """
        back = self._next
        while self.next():
            if self.tag == tag:
                if kind:
                    self.expect(kind)
                return True
        self._next = back
        return False

    def expect(self, kind):
        """Raise TTLVError unless the item under the cursor is of this type."""
        if self.kind != kind:
            raise TTLVError("type %d, not %d," % (self.kind, kind), self.at - 8)

    def need(self, tag, kind):
        """As find(), but an item that is not there is a TTLVError."""
        if not self.find(tag, kind):
            raise TTLVError("no item %06X" % tag, self._next)

    def enter(self):
        """Open the Structure under the cursor; its first item is the next one."""
        if self.kind != _STRUCTURE or self._depth == len(self._stack):
            raise TTLVError("no structure to enter", self.at)
        self._stack[self._depth] = self._end
        self._depth += 1
        self._next = self.at
        self._end = self.at + self.size

    def leave(self):
        """Close the open structure, read or not; the next item is the one behind it."""
        if not self._depth:
            raise TTLVError("no structure to leave", self._next)
        self._depth -= 1
        self._next = self._end
        self._end = self._stack[self._depth]

    def half(self, index):
        """The 16 bits number `index` (from 0, the highest first) of the value; never allocates."""
        at = self.at + index * 2
        return self.buf[at] << 8 | self.buf[at + 1]

    def unsigned(self):
        """The 32 bits of an Enumeration or Interval as an int, which allocates from 2**30 on."""
        return self.half(0) << 16 | self.half(1)

    def integer(self):
        """The value of an Integer, an int, which allocates from 2**30 on and below -2**30."""
        high = self.half(0)
        if high & 0x8000:
            high -= 0x10000
        return (high << 16) | self.half(1)

    def long_integer(self):
        """The value of a Long Integer or a date: an int. Allocates."""
        high = self.integer()
        return (high << 32) | (self.half(2) << 16) | self.half(3)

    def boolean(self):
        """The value of a Boolean."""
        return self.buf[self.at + 7] == 1

    def text(self):
        """A Text String as str. Allocates it."""
        try:
            return str(self.bytes(), "utf-8")
        except UnicodeError:
            raise TTLVError("text is not UTF-8", self.at)

    def bytes(self):
        """The bytes of the value, whatever its type. Allocates them and a memoryview."""
        return bytes(self.view[self.at : self.at + self.size])

    def into(self, target):
        """Copy the value's bytes to the start of a bytearray that is large enough; gives their number."""
        count = self.size
        if len(target) < count:
            raise TTLVError("%d bytes do not fit into %d," % (count, len(target)), self.at)
        buf = self.buf
        at = self.at
        index = 0
        while index < count:
            target[index] = buf[at + index]
            index += 1
        return count

    def equals(self, data):
        """Whether the value's bytes are those of `data`, a bytes-like object."""
        if len(data) != self.size:
            return False
        at = self.at
        for byte in data:
            if self.buf[at] != byte:
                return False
            at += 1
        return True

    def value(self):
        """The value in Python's own types; of a Structure a list of (tag, type, value). Allocates.

        Big Integers and Byte Strings are bytes; numbers and dates int; text str.
        """
        kind = self.kind
        if kind == _STRUCTURE:
            items = []
            self.enter()
            while self.next():
                tag = self.tag
                kind = self.kind
                items.append((tag, kind, self.value()))
            self.leave()
            return items
        if kind == _INTEGER:
            return self.integer()
        if kind == _ENUMERATION or kind == _INTERVAL:
            return self.unsigned()
        if kind == _BOOLEAN:
            return self.boolean()
        if kind == _TEXT_STRING:
            return self.text()
        if kind == _BYTE_STRING or kind == _BIG_INTEGER:
            return self.bytes()
        return self.long_integer()
