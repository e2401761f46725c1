"""Mutations: of TTLV and DER by their structure, of HTTP by its lines, of anything by its bytes.

Each function is given a random.Random and a Seed and gives bytes. The structured ones repair the lengths
around what they change, most of the time, so that what is wrong lies deeper than in the first length.
"""

import struct

HOSTILE = (0, 1, 2, 3, 4, 7, 8, 9, 12, 15, 16, 24, 0xFF, 0x100, 0x7FFF, 0xFFFF, 0x10000, 0xFFFFF8, 0xFFFFFF,
           0x1000000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF0, 0xFFFFFFF8, 0xFFFFFFFF)
NUMBERS = (0, 1, 2, 3, 4, 7, 8, 0x7F, 0x80, 0xFF, 0x100, 0x106, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x3FFFFFFF,
           0x40000000, 0x7FFFFFFF, 0x80000000, 0x80000001, 0xFFFFFFFF)
TEXTS = (b"", b"\0", b"a\0", b"\xff", b"\xc3", b"\xc3\xa9", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\xaf",
         b"x-site", b"Link", b"Name", b"State", b"a" * 7, b"b" * 8, b"c" * 300)
BYTES = (0, 1, 2, 5, 6, 7, 8, 9, 0x0A, 0x0D, 0x10, 0x20, 0x30, 0x31, 0x42, 0x54, 0x7F, 0x80, 0x81, 0x82, 0x84,
         0xA0, 0xFE, 0xFF)


class Seed:
    """A good input: `choice`, the two bytes that choose (see hostile.py), and `data`, the rest.

    `free`: which bits of the choice are chance. `items`: of TTLV, (offset, offsets of the structures around
    it), in order of offset.
    """

    def __init__(self, choice, data, free=(0, 0), kind="ttlv"):
        self.kind = kind
        self.choice = bytes(choice)
        self.data = bytes(data)
        self.free = free
        self.items = list(_items(self.data, 0, len(self.data), ())) if kind == "ttlv" else ()

    def head(self, r):
        """The two bytes that choose."""
        if r.random() < 0.03:
            return r.randbytes(2)
        return bytes(at | r.getrandbits(8) & free for at, free in zip(self.choice, self.free, strict=True))


def _items(data, at, end, around):
    while at + 8 <= end:
        size = int.from_bytes(data[at + 4 : at + 8], "big")
        yield at, around
        if data[at + 3] == 1:
            yield from _items(data, at + 8, min(at + 8 + size, end), (*around, at))
        at += 8 + (size + 7 & ~7)


def _encoded(tag, kind, value):
    return tag + bytes((kind,)) + len(value).to_bytes(4, "big") + value + bytes(-len(value) % 8)


def value(r, kind):
    """A value of this type, as it stands on the wire."""
    if kind in (2, 5, 10):
        return struct.pack(">I", r.choice(NUMBERS))
    if kind in (3, 9, 11):
        return struct.pack(">II", r.choice(NUMBERS), r.choice(NUMBERS))
    if kind == 4:
        return r.randbytes(8 * r.randrange(1, 4))
    if kind == 6:
        return struct.pack(">Q", r.choice((0, 1, 1, 2, 1 << 63)))
    if kind == 7:
        return r.choice(TEXTS)
    if kind == 8:
        return r.choice(TEXTS) + r.randbytes(r.randrange(9))
    return b""


def _cut(data, at):
    # The item at an offset as the bytes say now: (where its value ends, where the next begins).
    size = int.from_bytes(data[at + 4 : at + 8], "big")
    end = min(at + 8 + size, len(data))
    return end, min(at + 8 + (size + 7 & ~7), len(data))


def _grown(data, around, by):
    # The lengths of the structures around, after something in them has grown.
    for at in around:
        size = int.from_bytes(data[at + 4 : at + 8], "big") + by
        if 0 <= size <= 0xFFFFFFFF and at + 8 <= len(data):
            data[at + 4 : at + 8] = size.to_bytes(4, "big")


def _with_items(r, others):
    other = r.choice(others)
    while not other.items:
        other = r.choice(others)
    return other


def _change(r, data, at, around, others):
    # One structural mutation of the item at an offset.
    how = r.randrange(16)
    end, behind = _cut(data, at)
    if how == 0:
        data[at : at + 3] = r.choice(others).data[:3]
    elif how == 1:
        other = _with_items(r, others)
        there = r.choice(other.items)[0]
        data[at : at + 3] = other.data[there : there + 3]
    elif how == 2:
        data[at + 3] = r.randrange(14)
    elif how == 3:  # another type, with a value to fit
        kind = r.randrange(1, 12)
        new = _encoded(bytes(data[at : at + 3]), kind, value(r, kind))
        _grown(data, around, len(new) - (behind - at))
        data[at:behind] = new
    elif how == 4:
        data[at + 4 : at + 8] = r.choice(HOSTILE).to_bytes(4, "big")
    elif how == 5:
        size = (end - at - 8 + r.choice((-8, -4, -1, 1, 4, 8))) & 0xFFFFFFFF
        data[at + 4 : at + 8] = size.to_bytes(4, "big")
    elif how < 9:  # another value of its type
        kind = data[at + 3]
        if kind == 1:
            new = bytes(data[at : at + 4]) + bytes(4)
        else:
            new = _encoded(bytes(data[at : at + 3]), kind, value(r, kind))
        _grown(data, around, len(new) - (behind - at))
        data[at:behind] = new
    elif how == 9:
        _grown(data, around, at - behind)
        del data[at:behind]
    elif how == 10:  # doubled, or many times
        times = r.choice((1, 1, 1, 2, 12))
        piece = bytes(data[at:behind])
        if len(data) + times * len(piece) < 20000:
            data[behind:behind] = piece * times
            _grown(data, around, times * len(piece))
    elif how == 11:  # in another order
        if behind < len(data):
            _, after = _cut(data, behind)
            data[at:after] = data[behind:after] + data[at:behind]
    elif how == 12:  # something from elsewhere before it
        other = _with_items(r, others)
        there = r.choice(other.items)[0]
        piece = other.data[there : _cut(other.data, there)[1]]
        data[at:at] = piece
        _grown(data, around, len(piece))
    elif how == 13:  # deeper
        times = r.choice((1, 1, 2, 8, 16, 30))
        tag = bytes(data[at : at + 3])
        piece = bytes(data[at:behind])
        for _ in range(times):
            piece = tag + b"\1" + len(piece).to_bytes(4, "big") + piece
        _grown(data, around, len(piece) - (behind - at))
        data[at:behind] = piece
    elif how == 14 and behind > end:
        data[r.randrange(end, behind)] = r.choice(BYTES)  # padding
    else:
        del data[r.randrange(at, len(data) + 1) :]
        if around and r.random() < 0.7:  # the structures around end where the bytes do
            for each in around:
                if each + 8 <= len(data):
                    data[each + 4 : each + 8] = (len(data) - each - 8).to_bytes(4, "big")


def ttlv(r, seed, others):
    """A message with one to four items changed; a text by its bytes."""
    if not seed.items:
        return noise(r, seed.data)
    data = bytearray(seed.data)
    count = r.choice((1, 1, 1, 1, 2, 2, 3, 4))
    items = sorted(r.sample(seed.items, min(count, len(seed.items))))
    for at, around in reversed(items):  # from the end on, so that the offsets before hold
        if at + 8 <= len(data):
            _change(r, data, at, around, others)
    if r.random() < 0.05:
        data = bytearray(noise(r, data))
    return bytes(data)


def noise(r, data):
    """Bytes changed, dropped, doubled, put in, cut off."""
    data = bytearray(data)
    for _ in range(r.choice((1, 1, 2, 5))):
        if not data:
            return r.randbytes(r.randrange(1, 40))
        at = r.randrange(len(data))
        how = r.randrange(8)
        if how < 2:
            data[at] ^= 1 << r.randrange(8)
        elif how < 4:
            data[at] = r.choice(BYTES)
        elif how == 4:
            del data[at : at + r.randrange(1, 17)]
        elif how == 5:
            data[at:at] = r.randbytes(r.randrange(1, 17))
        elif how == 6:
            piece = data[at : at + r.randrange(1, 65)]
            data[at:at] = piece
        else:
            del data[at + 1 :]
    return bytes(data)


def raw(r, seed, others):
    """The seed's bytes with some of them changed, or nothing but chance."""
    if r.random() < 0.1:
        return r.randbytes(r.randrange(200))
    return noise(r, seed.data)


# ---- DER ----

_LENGTHS = (b"\x80", b"\x81\x05", b"\x82\x00\x05", b"\x83\x00\x00\x05", b"\x84\xff\xff\xff\xff", b"\xff",
            b"\x82\xff\xff", b"\x7f", b"\x00")


def _tree(data, at, end):
    # [tag, value or list] of all items from `at` on; None where it is no DER.
    found = []
    while at < end:
        if at + 2 > end:
            return None
        tag, size = data[at], data[at + 1]
        at += 2
        if size > 127:
            count = size & 127
            size = int.from_bytes(data[at : at + count], "big")
            at += count
        if at + size > end:
            return None
        inner = None
        if tag & 0x20 or (tag == 4 and size > 3):
            inner = _tree(data, at, at + size)
        elif tag == 3 and size > 3 and not data[at]:
            inner = _tree(data, at + 1, at + size)
            if inner:
                inner = [[None, b"\0"], *inner]
        found.append([tag, inner or data[at : at + size]])
        at += size
    return found


def _all(tree, found):
    for item in tree:
        found.append((tree, item))
        if isinstance(item[1], list):
            _all(item[1], found)
    return found


def _packed(tree):
    out = b""
    for item in tree:
        body = _packed(item[1]) if isinstance(item[1], list) else item[1]
        if item[0] is None:
            out += body
            continue
        size = len(body)
        if len(item) > 2:
            head = item[2]
        elif size < 128:
            head = bytes((size,))
        else:
            octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
            head = bytes((128 | len(octets),)) + octets
        out += bytes((item[0] & 0xFF,)) + head + body
    return out


def der(r, seed, others):
    """DER with one to three items changed, and lengths that fit, or not."""
    tree = None if r.random() < 0.25 else _tree(seed.data, 0, len(seed.data))
    if not tree:
        return noise(r, seed.data)
    places = _all(tree, [])
    for _ in range(r.choice((1, 1, 2, 3))):
        parent, item = r.choice(places)
        index = next((n for n, each in enumerate(parent) if each is item), None)
        if index is None:
            continue
        how = r.randrange(10)
        if how == 0:
            item[0] = r.choice(BYTES)
        elif how == 1:
            del parent[index]
        elif how == 2:
            parent[index:index] = [item] * r.choice((1, 1, 2, 20))
        elif how == 3 and index + 1 < len(parent):
            parent[index], parent[index + 1] = parent[index + 1], parent[index]
        elif how == 4:
            item[2:] = [r.choice(_LENGTHS)]
        elif how == 5:
            parent[index] = [0x30, [item]]
        elif how == 6:
            parent[index:index] = [[None, _packed([r.choice(places)[1]])]]
        elif how == 7:
            item[1] = r.choice((b"", b"\0", b"\x80", b"\xff" * 30, b"\0\0", bytes(600)))
        elif not isinstance(item[1], list):
            item[1] = noise(r, item[1])
    return _packed(tree)


# ---- HTTP ----

_LINES = (
    b"", b"Content-Length: 0", b"Content-Length: 16777216", b"Content-Length: -1", b"Content-Length: 1e3",
    b"Content-Length: 99999999999999999999", b"content-length:\t 8 ", b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: gzip, chunked", b"Connection: close", b"Location: https://other.example/kmip",
    b": x",
    b" folded", b"X" * 300 + b": y", b"HTTP/1.1 100 Continue\r\n", b"HTTP/1.1 302 Found", b"HTTP/1.0 200 OK",
    b"HTTP/1.1 200", b"0", b"ffffff", b"8;x=y", b"-8", b"\xff\xfe: z",
)


def http(r, seed, others):
    """An answer with lines of its head, its chunks or its body changed."""
    if r.random() < 0.2:
        return noise(r, seed.data)
    lines = seed.data.split(b"\r\n")
    for _ in range(r.choice((1, 1, 2, 3))):
        at = r.randrange(len(lines)) if lines else 0
        how = r.randrange(9)
        if how == 0 and lines:
            del lines[at]
        elif how == 1 and lines:
            lines[at:at] = [lines[at]] * (r.choice((1, 1, 3)) if r.random() < 0.98 else 900)
        elif how == 2:
            lines[at:at] = [r.choice(_LINES)]
        elif how == 3 and lines:
            lines[at] = r.choice(_LINES)
        elif how == 4 and len(lines) > 1:
            other = r.randrange(len(lines))
            lines[at], lines[other] = lines[other], lines[at]
        elif how == 5 and lines:
            lines[at] = lines[at].replace(b" ", r.choice((b"", b"  ", b"\t", b"\n", b"\r")))
        elif how == 6 and len(lines) > at + 1:
            lines[at : at + 2] = [lines[at] + r.choice((b"\n", b"\r", b"\r\r\n", b"")) + lines[at + 1]]
        elif how == 7 and r.random() < 0.02:
            lines[at:at] = [b"X-Endless: " + b"y" * 60] * 80
        elif lines:
            lines[at] = noise(r, lines[at])
    return b"\r\n".join(lines)
