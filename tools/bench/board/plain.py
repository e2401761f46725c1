"""What kmip_lite's speed is compared with: the same messages by struct.pack, concatenation and slices.

Written as one would without a law against allocating, with no trick on either side. A request is built
as bytes; an answer becomes a tree, lists of (tag, type, value). With `strict` both directions check what
kmip_lite checks: ranges, lengths by type, zero padding, depth, and of an answer that it is one to what
was sent. Without it only what a careless program cannot do without.
"""

from struct import pack, unpack_from

STRUCTURE, INTEGER, LONG, BIG, ENUMERATION, BOOLEAN, TEXT, BYTES, DATE, INTERVAL, EXTENDED = range(1, 12)
_LENGTHS = {INTEGER: 4, LONG: 8, ENUMERATION: 4, BOOLEAN: 8, DATE: 8, INTERVAL: 4, EXTENDED: 8}
_DEPTH = 16
_VERSION = (1, 2)
_PADDING = (b"", b"\0" * 7, b"\0" * 6, b"\0" * 5, b"\0" * 4, b"\0" * 3, b"\0" * 2, b"\0")
# By Object Type, for Get's answer: 1 Certificate, 2 Symmetric Key.
_OBJECT_TAGS = {1: 0x420013, 2: 0x42008F}


class Malformed(Exception):
    pass


def item(tag, kind, value):
    size = len(value)
    return pack(">HBBI", tag >> 8, tag & 0xFF, kind, size) + value + _PADDING[size & 7]


def structure(tag, *items):
    return item(tag, STRUCTURE, b"".join(items))


class Plain:
    """Messages of KMIP 1.2, as bytes; `limit`: the Maximum Response Size."""

    def __init__(self, strict, limit):
        self._strict = strict
        self._limit = limit

    # Requests.

    def _integer(self, tag, value):
        if self._strict and not -0x80000000 <= value <= 0x7FFFFFFF:
            raise ValueError("out of range")
        return pack(">HBBIiI", tag >> 8, tag & 0xFF, INTEGER, 4, value, 0)

    def _unsigned(self, tag, kind, value):
        if self._strict and not 0 <= value <= 0xFFFFFFFF:
            raise ValueError("out of range")
        return pack(">HBBIII", tag >> 8, tag & 0xFF, kind, 4, value, 0)

    def _long(self, tag, kind, value):
        if self._strict and not -0x8000000000000000 <= value <= 0x7FFFFFFFFFFFFFFF:
            raise ValueError("out of range")
        return pack(">HBBIq", tag >> 8, tag & 0xFF, kind, 8, value)

    def message(self, operation, *fields):
        version = structure(
            0x420069, self._integer(0x42006A, _VERSION[0]), self._integer(0x42006B, _VERSION[1]))
        header = structure(
            0x420077, version, self._integer(0x420050, self._limit), self._integer(0x42000D, 1))
        payload = structure(0x420079, *fields)
        batch_item = structure(0x42000F, self._unsigned(0x42005C, ENUMERATION, operation), payload)
        made = structure(0x420078, header, batch_item)
        if self._strict and len(made) > self._limit:
            raise ValueError("too long")
        return made

    def get(self, uid):
        return self.message(0x0A, item(0x420094, TEXT, uid))

    def certify(self, uid, csr, attributes):
        fields = [
            item(0x420094, TEXT, uid), self._unsigned(0x420019, ENUMERATION, 2), item(0x420018, BYTES, csr)]
        if attributes:
            made = []
            for name, _, kind, value in attributes:
                if kind != DATE:
                    raise ValueError("no other attribute is written here")
                made.append(structure(
                    0x420008, item(0x42000A, TEXT, name), self._long(0x42000B, kind, value)))
            fields.append(structure(0x420091, *made))
        return self.message(0x06, *fields)

    def recertify(self, uid, csr, offset):
        return self.message(
            0x07, item(0x420094, TEXT, uid), self._unsigned(0x420019, ENUMERATION, 2),
            item(0x420018, BYTES, csr), self._unsigned(0x420058, INTERVAL, offset))

    def get_usage_allocation(self, uid, count):
        return self.message(0x11, item(0x420094, TEXT, uid), self._long(0x420096, LONG, count))

    # Answers.

    def answer(self, data, operation):
        """The fields of the payload that answers `operation`."""
        decode = _decode_strict if self._strict else _decode
        tree = decode(data, 0, len(data), 0)
        if self._strict and len(tree) != 1:
            raise Malformed("bytes behind the message")
        top = find(tree, 0x42007B, STRUCTURE)
        header = find(top, 0x42007A, STRUCTURE)
        version = find(header, 0x420069, STRUCTURE)
        version = find(version, 0x42006A, INTEGER), find(version, 0x42006B, INTEGER)
        if self._strict:
            find(header, 0x420092, DATE)
            if find(header, 0x42000D, INTEGER) != 1 or len(top) != 2:
                raise Malformed("batch count")
        answered = find(top, 0x42000F, STRUCTURE)
        if find(answered, 0x42007F, ENUMERATION):
            raise Malformed("refused")
        if find(answered, 0x42005C, ENUMERATION) != operation:
            raise Malformed("answer to another operation")
        if self._strict and version != _VERSION:
            raise Malformed("another version")
        return find(answered, 0x42007C, STRUCTURE)

    def got_certificate(self, data):
        """(type, DER) of a certificate."""
        fields = self._got(data, 1)
        return find(fields, 0x42001D, ENUMERATION), find(fields, 0x42001E, BYTES)

    def got_key(self, data):
        """(format, algorithm, bits, key) of a symmetric key."""
        block = find(self._got(data, 2), 0x420040, STRUCTURE)
        if self._strict:
            for found in block:
                if found[0] == 0x420046:
                    raise Malformed("wrapped")
        return (
            find(block, 0x420042, ENUMERATION), find(block, 0x420028, ENUMERATION),
            find(block, 0x42002A, INTEGER), find(find(block, 0x420045, STRUCTURE), 0x420043, BYTES))

    def _got(self, data, object_type):
        fields = self.answer(data, 0x0A)
        if find(fields, 0x420057, ENUMERATION) != object_type:
            raise Malformed("another object")
        find(fields, 0x420094, TEXT)
        return find(fields, _OBJECT_TAGS[object_type], STRUCTURE)

    def uid(self, data, operation):
        return find(self.answer(data, operation), 0x420094, TEXT)


def find(items, tag, kind):
    for found in items:
        if found[0] == tag:
            if found[1] != kind:
                raise Malformed("wrong type")
            return found[2]
    raise Malformed("no item %06X" % tag)


def _decode_strict(data, at, end, depth):
    if depth > _DEPTH:
        raise Malformed("nested too deep")
    items = []
    while at < end:
        if end - at < 8:
            raise Malformed("cut short")
        high, low, kind, size = unpack_from(">HBBI", data, at)
        if high >> 8 != 0x42 and high >> 8 != 0x54:
            raise Malformed("no KMIP tag")
        at += 8
        stop = at + size
        after = (stop + 7) & ~7
        if after > end:
            raise Malformed("runs past the end")
        wanted = _LENGTHS.get(kind)
        if wanted is not None and size != wanted:
            raise Malformed("wrong length for its type")
        if kind == STRUCTURE:
            if size & 7:
                raise Malformed("no multiple of 8")
            value = _decode_strict(data, at, stop, depth + 1)
        else:
            if after != stop and data[stop:after] != _PADDING[size & 7]:
                raise Malformed("padding is not zero")
            value = _value(data, at, stop, kind)
            if kind == BOOLEAN and value != 0 and value != 1:
                raise Malformed("neither 0 nor 1")
        items.append((high << 8 | low, kind, value))
        at = after
    return items


def _decode(data, at, end, depth):
    items = []
    while at < end:
        high, low, kind, size = unpack_from(">HBBI", data, at)
        at += 8
        stop = at + size
        if kind == STRUCTURE:
            value = _decode(data, at, stop, depth)
        else:
            value = _value(data, at, stop, kind)
        items.append((high << 8 | low, kind, value))
        at = (stop + 7) & ~7
    return items


def _value(data, at, stop, kind):
    if kind == TEXT:
        return str(data[at:stop], "utf-8")
    if kind == BYTES:
        return data[at:stop]
    if kind == ENUMERATION or kind == INTERVAL:
        return unpack_from(">I", data, at)[0]
    if kind == INTEGER:
        return unpack_from(">i", data, at)[0]
    if kind == LONG or kind == DATE or kind == EXTENDED or kind == BOOLEAN:
        return unpack_from(">q", data, at)[0]
    if kind == BIG and stop > at and not (stop - at) & 7:
        return data[at:stop]
    raise Malformed("unknown type")
