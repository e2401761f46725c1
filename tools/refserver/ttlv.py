"""TTLV: the binary encoding (KMIP 1.x §9.1), as a tree of Items, strict both ways.

Item = Tag (3 bytes) Type (1) Length (4) Value, padded with zeros to a multiple of 8.
"""

import struct as _struct

from . import tags

STRUCTURE, INTEGER, LONG_INTEGER, BIG_INTEGER, ENUMERATION, BOOLEAN = 1, 2, 3, 4, 5, 6
TEXT_STRING, BYTE_STRING, DATE_TIME, INTERVAL, DATE_TIME_EXTENDED = 7, 8, 9, 10, 11

TYPE_NAMES = {
    STRUCTURE: "Structure",
    INTEGER: "Integer",
    LONG_INTEGER: "Long Integer",
    BIG_INTEGER: "Big Integer",
    ENUMERATION: "Enumeration",
    BOOLEAN: "Boolean",
    TEXT_STRING: "Text String",
    BYTE_STRING: "Byte String",
    DATE_TIME: "Date-Time",
    INTERVAL: "Interval",
    DATE_TIME_EXTENDED: "Date-Time Extended",
}

MAX_DEPTH = 24
MAX_ITEMS = 20000

_FIXED = {
    INTEGER: _struct.Struct(">i"),
    LONG_INTEGER: _struct.Struct(">q"),
    ENUMERATION: _struct.Struct(">I"),
    BOOLEAN: _struct.Struct(">Q"),
    DATE_TIME: _struct.Struct(">q"),
    INTERVAL: _struct.Struct(">I"),
    DATE_TIME_EXTENDED: _struct.Struct(">q"),
}


class TTLVError(ValueError):
    """A message that is not well-formed; `offset` tells where."""

    def __init__(self, offset, text):
        super().__init__("%s at byte %d" % (text, offset))
        self.offset = offset


class Item:
    """One item: `value` is a list of Items for a Structure, else int, bool, str or bytes."""

    __slots__ = ("tag", "type", "value")

    def __init__(self, tag, kind, value):
        self.tag = int(tag)
        self.type = kind
        self.value = value

    def __eq__(self, other):
        if not isinstance(other, Item):
            return NotImplemented
        return (self.tag, self.type, self.value) == (other.tag, other.type, other.value)

    __hash__ = None

    def __repr__(self):
        # Never the value: it may be key material.
        return "<%s %s>" % (tags.name(self.tag), TYPE_NAMES[self.type])

    def find(self, tag):
        """The first sub-item with this tag, or None."""
        for item in self.value:
            if item.tag == tag:
                return item
        return None

    def retag(self, tag):
        """The same value under another tag."""
        return Item(tag, self.type, self.value)


def structure(tag, *items):
    return Item(tag, STRUCTURE, [item for item in items if item is not None])


def integer(tag, value):
    return Item(tag, INTEGER, int(value))


def long_integer(tag, value):
    return Item(tag, LONG_INTEGER, int(value))


def big_integer(tag, value):
    return Item(tag, BIG_INTEGER, int(value))


def enumeration(tag, value):
    return Item(tag, ENUMERATION, int(value))


def boolean(tag, value):
    return Item(tag, BOOLEAN, bool(value))


def text(tag, value):
    return Item(tag, TEXT_STRING, value)


def byte_string(tag, value):
    return Item(tag, BYTE_STRING, bytes(value))


def date_time(tag, value):
    return Item(tag, DATE_TIME, int(value))


def interval(tag, value):
    return Item(tag, INTERVAL, int(value))


def encode(item):
    """The bytes of an item and everything in it."""
    value = _encode_value(item)
    return (
        item.tag.to_bytes(3, "big")
        + bytes((item.type,))
        + len(value).to_bytes(4, "big")
        + value
        + bytes(-len(value) % 8)
    )


def _encode_value(item):
    if item.type == STRUCTURE:
        return b"".join([encode(sub) for sub in item.value])
    if item.type in _FIXED:
        return _FIXED[item.type].pack(item.value)
    if item.type == TEXT_STRING:
        return item.value.encode("utf-8")
    if item.type == BYTE_STRING:
        return item.value
    size = item.value.bit_length() // 8 + 1  # one bit more than the magnitude: the sign
    return item.value.to_bytes(size + -size % 8, "big", signed=True)


def decode(data, extended_dates=False):
    """The one Item that these bytes are; raises TTLVError for anything else."""
    reader = _Reader(data, extended_dates)
    item, end = reader.item(0, len(data), 0)
    if end != len(data):
        raise TTLVError(end, "%d bytes after the end of the message" % (len(data) - end))
    return item


class _Reader:
    def __init__(self, data, extended_dates):
        self.data = bytes(data)
        self.left = MAX_ITEMS
        self.extended_dates = extended_dates

    def item(self, start, limit, depth):
        """The item at `start`, which must end by `limit`; returns it and the offset behind it."""
        data = self.data
        if limit - start < 8:
            raise TTLVError(start, "%d bytes where an item's 8 byte header must be"
                            % (limit - start))
        self.left -= 1
        if self.left < 0:
            raise TTLVError(start, "more than %d items" % MAX_ITEMS)
        tag = int.from_bytes(data[start:start + 3], "big")
        kind = data[start + 3]
        length = int.from_bytes(data[start + 4:start + 8], "big")
        if data[start] not in (0x42, 0x54):
            raise TTLVError(start, "tag %06X begins with neither 42 nor 54" % tag)
        if kind not in TYPE_NAMES or (kind == DATE_TIME_EXTENDED and not self.extended_dates):
            raise TTLVError(start + 3, "%s has unknown item type %02X" % (tags.name(tag), kind))
        if length > limit - start - 8:
            raise TTLVError(start + 4, "%s claims %d bytes where %d are left"
                            % (tags.name(tag), length, limit - start - 8))
        end = start + 8 + length
        padded = end + -length % 8
        if padded > limit:
            raise TTLVError(end, "the padding of %s is cut off" % tags.name(tag))
        if any(data[end:padded]):
            raise TTLVError(end, "the padding of %s is not zero" % tags.name(tag))
        if kind == STRUCTURE:
            return Item(tag, kind, self.items(start + 8, end, depth + 1, tag)), padded
        return Item(tag, kind, self.value(tag, kind, start + 8, end)), padded

    def items(self, start, end, depth, tag):
        if depth > MAX_DEPTH:
            raise TTLVError(start, "structures nested more than %d deep" % MAX_DEPTH)
        if (end - start) % 8:
            raise TTLVError(start - 4, "the length of %s is no multiple of 8" % tags.name(tag))
        found = []
        while start < end:
            item, start = self.item(start, end, depth)
            found.append(item)
        return found

    def value(self, tag, kind, start, end):
        raw = self.data[start:end]
        if kind == BYTE_STRING:
            return raw
        if kind == TEXT_STRING:
            try:
                value = raw.decode("utf-8")
            except UnicodeDecodeError as error:
                raise TTLVError(start + error.start, "%s is not UTF-8" % tags.name(tag))
            if value.endswith("\0"):
                raise TTLVError(end - 1, "%s ends with a NUL" % tags.name(tag))
            return value
        if kind == BIG_INTEGER:
            if not raw or len(raw) % 8:
                raise TTLVError(start - 4, "Big Integer %s has %d bytes, no multiple of 8"
                                % (tags.name(tag), len(raw)))
            return int.from_bytes(raw, "big", signed=True)
        if len(raw) != _FIXED[kind].size:
            raise TTLVError(start - 4, "%s %s has length %d instead of %d"
                            % (TYPE_NAMES[kind], tags.name(tag), len(raw), _FIXED[kind].size))
        (value,) = _FIXED[kind].unpack(raw)
        if kind == BOOLEAN:
            if value > 1:
                raise TTLVError(start, "Boolean %s is neither 0 nor 1" % tags.name(tag))
            return bool(value)
        return value
