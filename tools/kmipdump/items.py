"""TTLV (KMIP 1.x §9.1, 2.x §10.1) as a tree of Items that know their offsets, and what is wrong in them.

Errors of two kinds. In a value (padding, length of a fixed type, Boolean, UTF-8): noted at the item, and
reading goes on behind it. In the framing (a header cut off, a length beyond its parent): noted once; what
is left of the message is read as far as it goes, and the next message begins where the outermost length
says.
"""

import struct

STRUCTURE, INTEGER, LONG_INTEGER, BIG_INTEGER, ENUMERATION, BOOLEAN = 1, 2, 3, 4, 5, 6
TEXT_STRING, BYTE_STRING, DATE_TIME, INTERVAL, DATE_TIME_EXTENDED = 7, 8, 9, 10, 11

MAX_DEPTH = 64

_HEADER = 8
_FIXED = {
    INTEGER: struct.Struct(">i"),
    LONG_INTEGER: struct.Struct(">q"),
    ENUMERATION: struct.Struct(">I"),
    BOOLEAN: struct.Struct(">Q"),
    DATE_TIME: struct.Struct(">q"),
    INTERVAL: struct.Struct(">I"),
    DATE_TIME_EXTENDED: struct.Struct(">q"),
}


class Item:
    """One item. `value`: a list of Items for a Structure; bytes for Byte String and Big Integer (which may
    be longer than its number needs); str, bool or int; None where an error left none. `offset` is where its
    header begins, `size` its Length field, `errors` a list of (offset, text)."""

    __slots__ = ("errors", "kind", "offset", "size", "tag", "value")

    def __init__(self, tag, kind, value=None, offset=0, size=0):
        self.tag = tag
        self.kind = kind
        self.value = value
        self.offset = offset
        self.size = size
        self.errors = ()

    def wrong(self, offset, text):
        self.errors = (*self.errors, (offset, text))


class Message:
    """One outermost item. `errors`: every error in it in the order of its bytes; `end`: where the next
    message begins; `root` is None if not even its header could be read."""

    def __init__(self, root, errors, end):
        self.root = root
        self.errors = errors
        self.end = end


def messages(data):
    """Yields a Message for each that stands in `data`, one behind the other. Linear in time; holds one
    tree at a time."""
    offset = 0
    while offset < len(data):
        message = _Reader(data, offset).message()
        yield message
        offset = message.end


class _Reader:
    def __init__(self, data, offset):
        self.data = data
        self.start = offset
        self.errors = []
        self.broken = False  # a framing error has been told: those that follow from it are not

    def message(self):
        limit = len(self.data)
        root, end = self.header(self.start, limit, None)
        if root is None:
            return Message(None, self.errors, limit)
        if root.kind == STRUCTURE:
            self.walk(root, min(end, limit))
        return Message(root, self.errors, min(end, limit))

    def walk(self, root, end):
        """Reads what is in a Structure, without recursion."""
        stack = [(root, end)]
        offset = root.offset + _HEADER
        while stack:
            parent, limit = stack[-1]
            if offset >= limit:
                stack.pop()
                offset = limit
                continue
            item, end = self.header(offset, limit, parent)
            if item is None:
                offset = limit
                continue
            parent.value.append(item)
            offset = min(end, limit)
            if item.kind == STRUCTURE and len(stack) >= MAX_DEPTH:
                self.wrong(item, item.offset, "structures nested more than %d deep: not shown" % MAX_DEPTH)
            elif item.kind == STRUCTURE:
                stack.append((item, offset))
                offset = item.offset + _HEADER

    def header(self, offset, limit, parent):
        """The item at `offset` and where the next begins; a Structure is still empty. (None, limit) if
        there is no item."""
        data = self.data
        if limit - offset < _HEADER:
            self.framing(parent, offset, "%d bytes where an item's 8 byte header must be" % (limit - offset))
            return None, limit
        tag = int.from_bytes(data[offset:offset + 3], "big")
        kind = data[offset + 3]
        size = int.from_bytes(data[offset + 4:offset + _HEADER], "big")
        item = Item(tag, kind, None, offset, size)
        if data[offset] not in (0x42, 0x54):
            # What it begins with is not told: where a length is wrong, a key may stand here.
            self.framing(parent, offset, "a tag that begins with neither 42 nor 54")
            return None, limit
        if not STRUCTURE <= kind <= DATE_TIME_EXTENDED:
            self.framing(item, offset + 3, "unknown item type %02X" % kind)
            return item, limit
        value = offset + _HEADER
        if size > limit - value:
            self.framing(item, offset + 4, "length %d, but %d bytes are left" % (size, limit - value))
            if kind == STRUCTURE:
                item.value = []
            return item, limit
        end = value + size
        if kind == STRUCTURE:
            item.value = []
            if size % 8:
                self.wrong(item, offset + 4, "length %d of a Structure is no multiple of 8" % size)
            return item, end
        padded = end + -size % 8
        if padded > limit:
            self.framing(item, end, "padding is cut off")
        elif any(data[end:padded]):
            self.wrong(item, end, "padding is not zero")
        self.leaf(item, value, end)
        return item, padded

    def leaf(self, item, start, end):
        raw = bytes(self.data[start:end])
        kind = item.kind
        if kind == BYTE_STRING:
            item.value = raw
        elif kind == TEXT_STRING:
            try:
                item.value = raw.decode("utf-8")
            except UnicodeDecodeError as error:
                self.wrong(item, start + error.start, "text is not UTF-8")
            else:
                if raw.endswith(b"\0"):
                    self.wrong(item, end - 1, "text ends with a NUL")
        elif kind == BIG_INTEGER:
            item.value = raw
            if not raw or len(raw) % 8:
                self.wrong(item, start - 4, "length %d of a Big Integer is no multiple of 8" % len(raw))
        elif len(raw) != _FIXED[kind].size:
            self.wrong(item, start - 4, "length %d instead of %d" % (len(raw), _FIXED[kind].size))
        else:
            (item.value,) = _FIXED[kind].unpack(raw)
            if kind == BOOLEAN:
                if item.value > 1:
                    self.wrong(item, start, "Boolean is neither 0 nor 1")
                item.value = bool(item.value)

    def framing(self, item, offset, text):
        if not self.broken:
            self.broken = True
            self.wrong(item, offset, text)

    def wrong(self, item, offset, text):
        self.errors.append((offset, text))
        if item is not None:
            item.wrong(offset, text)


def encode(item):
    """The bytes of an item and all in it. The item has no errors; a Big Integer is as long as it was."""
    parts = []
    _encode(item, parts)
    return b"".join(parts)


def _encode(item, parts):
    """Appends the parts of an item; returns how many bytes they are."""
    place = len(parts)
    parts.append(b"")
    if item.kind == STRUCTURE:
        size = whole = sum([_encode(sub, parts) for sub in item.value])
    else:
        value = item.value
        if item.kind == TEXT_STRING:
            value = value.encode("utf-8")
        elif item.kind in _FIXED:
            value = _FIXED[item.kind].pack(value)
        size = len(value)
        whole = size + -size % 8
        parts.append(value)
        parts.append(bytes(whole - size))
    parts[place] = item.tag.to_bytes(3, "big") + bytes((item.kind,)) + size.to_bytes(4, "big")
    return _HEADER + whole
