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
_ENUMERATION = const(5)
_BOOLEAN = const(6)
_TEXT_STRING = const(7)
_BYTE_STRING = const(8)
_BIG_INTEGER = const(4)
_INTERVAL = const(10)
_DATE_TIME_EXTENDED = const(11)

# The length of each type's value, by code; _FREE: any; _EIGHTS: a multiple of 8; _NO: no such type.
_FREE = const(0xFF)
_EIGHTS = const(0xFE)
_NO = const(0xFD)
_LENGTHS = b"\xfd\xfe\x04\x08\xfe\x04\x08\xff\xff\x08\x04\x08"

# pack_into with a constant count copies, and pads with zeros, without allocating: a few counts, each
# four times the one before, serve every length.
_COPIES = ("16s", "64s", "256s", "1024s", "4096s")
_COPY_LEAST = const(16)

# Errors go by their numbers in errors.py, so that a board holds no texts that nobody may ever read.
_E_OPEN = const(0)
_E_ROOM = const(1)
_E_DEPTH = const(2)
_E_CLOSED = const(3)
_E_RANGE = const(4)
_E_TYPE = const(5)
_E_SHORT = const(6)
_E_TAG = const(7)
_E_LENGTH = const(8)
_E_PAST = const(9)
_E_BEHIND = const(10)
_E_PADDING = const(11)
_E_BOOLEAN = const(12)
_E_TEXT = const(14)
_E_TARGET = const(15)
_E_EMPTY = const(16)


class TTLVError(Exception):
    """A message that is malformed, of the wrong shape or too large; `offset` is where it shows.

    `what` is a number of errors.py, whose text takes its place where that file is on the board, the tag
    of an item that is missing, or a text of its own.
    """

    def __init__(self, what, offset=0):
        if isinstance(what, int):
            try:
                from kmip_lite.errors import text

                what = text(what)
            except (ImportError, MemoryError):
                what = "error %d" % what
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
        self._open = [0] * depth
        self.reset()

    def reset(self):
        """Forget everything written and any error, and start at the buffer's first byte again."""
        self.size = self._depth = self._error_at = 0
        self._error = None

    def finish(self):
        """The message's size in bytes; raises TTLVError for the first error of all that was written."""
        if self._depth:
            self.fail(_E_OPEN)
        if self._error is not None:
            raise TTLVError(self._error, self._error_at)
        if self.size > len(self.buf):
            raise TTLVError(_E_ROOM, self.size)
        return self.size

    def fail(self, what):
        """Note an error, a text or a number of errors.py, unless there is one already."""
        if self._error is None:
            self._error = what
            self._error_at = self.size

    def begin(self, tag):
        """Open a Structure; what follows is inside it until end()."""
        at = self.size
        depth = self._depth
        if depth == len(self._open):
            self.fail(_E_DEPTH)
            return
        self._open[depth] = at
        self._depth = depth + 1
        self.size = at + 8
        if at + 8 <= len(self.buf):
            pack_into(">HBBI", self.buf, at, tag >> 8, tag & 0xFF, _STRUCTURE, 0)

    def end(self):
        """Close the Structure opened last, and write its length."""
        depth = self._depth - 1
        if depth < 0:
            self.fail(_E_CLOSED)
            return
        self._depth = depth
        at = self._open[depth]
        if at + 8 <= len(self.buf):
            pack_into(">I", self.buf, at + 4, self.size - at - 8)

    def put(self, tag, kind, value):
        """An item of any type, by the type's code on the wire.

        Numbers, dates (seconds since 1970-01-01, not the board's own epoch) and intervals are int, a
        Boolean anything true or false, a Text String str (which allocates its UTF-8 form) or UTF-8 as a
        bytes-like object, a Byte String bytes-like, a Big Integer its two's complement, big-endian, in
        a multiple of 8 bytes, and a Structure a sequence of (tag, type, value).
        """
        buf = self.buf
        at = self.size
        count = _LENGTHS[kind] if 0 <= kind <= _DATE_TIME_EXTENDED else _NO
        if count <= 8:
            self.size = end = at + 16
            if kind == _BOOLEAN:
                value = 1 if value else 0
            if count == 8:
                if not -0x8000000000000000 <= value <= 0x7FFFFFFFFFFFFFFF:
                    self.fail(_E_RANGE)
                elif end <= len(buf):
                    pack_into(">HBBIq", buf, at, tag >> 8, tag & 0xFF, kind, 8, value)
            elif kind == _INTEGER:
                if not -0x80000000 <= value <= 0x7FFFFFFF:
                    self.fail(_E_RANGE)
                elif end <= len(buf):
                    pack_into(">HBBIiI", buf, at, tag >> 8, tag & 0xFF, kind, 4, value, 0)
            elif not 0 <= value <= 0xFFFFFFFF:
                self.fail(_E_RANGE)
            elif end <= len(buf):
                pack_into(">HBBIII", buf, at, tag >> 8, tag & 0xFF, kind, 4, value, 0)
            return
        if kind == _STRUCTURE:
            self.begin(tag)
            for item in value:
                self.put(item[0], item[1], item[2])
            self.end()
            return
        if count == _NO:
            self.fail(_E_TYPE)
            return
        if kind == _TEXT_STRING and isinstance(value, str):
            value = value.encode()
        size = len(value)
        if count == _EIGHTS and (size & 7 or not size):
            self.fail(_E_LENGTH)
            return
        self.size = end = at + 8 + ((size + 7) & ~7)
        room = len(buf) - at - 8
        if end > len(buf):
            return
        pack_into(">HBBI", buf, at, tag >> 8, tag & 0xFF, kind, size)
        at += 8
        if size & 7:
            pack_into(">II", buf, end - 8, 0, 0)
        # A slice would be an object; see _COPIES. Past the value the zeros fall on room that is not
        # written yet. A memoryview is no argument for `s` everywhere, so it goes byte by byte.
        if not isinstance(value, memoryview):
            count = _COPY_LEAST
            for form in _COPIES:
                if size <= count <= room:
                    pack_into(form, buf, at, value)
                    return
                count <<= 2
        for byte in value:
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
        self._stack = [0] * depth
        self._end = 0
        self._rewind()

    def _rewind(self):
        self.tag = self.kind = self.at = self.size = self._next = self._depth = 0

    def open(self, size):
        """Check the message in the first `size` bytes of the buffer: one item, nothing behind it.

        Held for each item: the tag's first byte, a known type, its length, the bounds of its parent,
        zero padding, a Boolean of 0 or 1, and for the whole the depth. Raises TTLVError. Costs one
        pass over the message, whatever the lengths in it say.
        """
        buf = self.buf
        stack = self._stack
        lengths = _LENGTHS
        depth = at = 0
        end = size
        if not size:
            raise TTLVError(_E_EMPTY)
        while True:
            if at == end:
                if not depth:
                    break
                depth -= 1
                end = stack[depth]
                continue
            value = at + 8
            if value > end:
                raise TTLVError(_E_SHORT, at)
            tag = buf[at]
            if tag != 0x42 and tag != 0x54:
                raise TTLVError(_E_TAG, at)
            kind = buf[at + 3]
            length = lengths[kind] if kind <= _DATE_TIME_EXTENDED else _NO
            count = buf[at + 5] << 16 | buf[at + 6] << 8 | buf[at + 7]
            if buf[at + 4] or value + count > end:
                raise TTLVError(_E_PAST, at)
            if at and not depth:
                raise TTLVError(_E_BEHIND, at)
            if length > 8:
                at = value + ((count + 7) & ~7)
                if length == _FREE:
                    if at > end:
                        raise TTLVError(_E_PAST, at)
                    for zero in range(value + count, at):
                        if buf[zero]:
                            raise TTLVError(_E_PADDING, zero)
                elif length == _NO:
                    raise TTLVError(_E_TYPE, value)
                elif count & 7 or (not count and kind != _STRUCTURE):
                    raise TTLVError(_E_LENGTH, value)
                elif kind == _STRUCTURE:
                    if depth == len(stack):
                        raise TTLVError(_E_DEPTH, value)
                    stack[depth] = end
                    depth += 1
                    at = value
                    end = value + count
                continue
            at = value + 8
            if count != length:
                raise TTLVError(_E_LENGTH, value)
            if at > end:
                raise TTLVError(_E_PAST, at)
            if count == 4:
                if buf[at - 4] | buf[at - 3] | buf[at - 2] | buf[at - 1]:
                    raise TTLVError(_E_PADDING, at - 4)
            elif kind == _BOOLEAN:
                for zero in range(value, at - 1):
                    if buf[zero]:
                        raise TTLVError(_E_BOOLEAN, zero)
                if buf[at - 1] > 1:
                    raise TTLVError(_E_BOOLEAN, value)
        self._rewind()
        self._end = size

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
        return self.need(tag, kind, True)

    def need(self, tag, kind, maybe=False):
        """As find(), but unless it `maybe` is not there an item that is missing is a TTLVError."""
        buf = self.buf
        at = self._next
        end = self._end
        while at < end:
            value = at + 8
            count = buf[at + 5] << 16 | buf[at + 6] << 8 | buf[at + 7]
            if buf[at] << 16 | buf[at + 1] << 8 | buf[at + 2] == tag:
                self.kind = buf[at + 3]
                if kind and self.kind != kind:
                    raise TTLVError(_E_TYPE, at)
                self.tag = tag
                self.at = value
                self.size = count
                self._next = value + ((count + 7) & ~7)
                return True
            at = value + ((count + 7) & ~7)
        if maybe:
            return False
        raise TTLVError(tag, self._next)

    def enter(self, tag=0):
        """Open the Structure under the cursor, or the next one of this tag; its first item is the next."""
        if tag:
            self.need(tag, _STRUCTURE)
        depth = self._depth
        if self.kind != _STRUCTURE or depth == len(self._stack):
            raise TTLVError(_E_TYPE, self.at)
        self._stack[depth] = self._end
        self._depth = depth + 1
        self._next = self.at
        self._end = self.at + self.size

    def leave(self):
        """Close the open structure, read or not; the next item is the one behind it."""
        depth = self._depth - 1
        if depth < 0:
            raise TTLVError(_E_CLOSED, self._next)
        self._depth = depth
        self._next = self._end
        self._end = self._stack[depth]

    def half(self, index):
        """The 16-bit piece number `index` (from 0, the highest first) of the value; never allocates."""
        at = self.at + index * 2
        return self.buf[at] << 8 | self.buf[at + 1]

    def small(self):
        """The value of an Integer or Enumeration from 0 to 65535, -1 where it is another; never allocates."""
        buf = self.buf
        at = self.at
        return -1 if buf[at] or buf[at + 1] else buf[at + 2] << 8 | buf[at + 3]

    def bytes(self):
        """The bytes of the value, whatever its type. Allocates them and a memoryview."""
        return bytes(self.view[self.at : self.at + self.size])

    def into(self, target):
        """Copy the value's bytes to the start of a bytearray that is large enough; gives their number."""
        count = self.size
        if len(target) < count:
            raise TTLVError(_E_TARGET, self.at)
        buf = self.buf
        at = self.at
        for index in range(count):
            target[index] = buf[at + index]
        return count

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
        data = self.bytes()
        if kind == _BYTE_STRING or kind == _BIG_INTEGER:
            return data
        if kind == _TEXT_STRING:
            try:
                return str(data, "utf-8")
            except UnicodeError:
                raise TTLVError(_E_TEXT, self.at)
        if kind == _BOOLEAN:
            return data[7] == 1
        number = int.from_bytes(data, "big")
        if data[0] & 0x80 and kind != _ENUMERATION and kind != _INTERVAL:
            number -= 1 << (self.size << 3)
        return number
