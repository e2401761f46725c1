"""Objects: every kind made for Register and taken apart after Get, by hand from KMIP 1.x section 2 (2.x
sections 2 and 3)."""

import messages as m
from check import inside, raises

from kmip_lite import keywrap, objects
from kmip_lite.attributes import attribute, plain
from kmip_lite.objects import Parts
from kmip_lite.ops import get_object, register
from kmip_lite.ttlv import Decoder, Encoder, TTLVError

KEY = bytes(range(16))
N = b"\x00\xc1" + bytes(range(30))  # a positive number with its first bit set: a zero in front


def big(number):
    """A Big Integer's value on the wire: sign-extended in front to a multiple of 8 (section 9.1.1.4)."""
    return bytes(-len(number) % 8) + number


def tree(data):
    d = Decoder(bytearray(data))
    d.open(len(data))
    d.next()
    return d.value()


def encoded(tag, kind, value):
    if kind == m.STRUCTURE:
        value = [encoded(*item) for item in value]
    return m.ttlv(tag, kind, value)


def sent(version, kind, items):
    """The object's own item in Register's payload."""
    e = Encoder(bytearray(1500))
    register.request(e, version, kind, items)
    return tree(m.ttlv(0x420079, m.STRUCTURE, [bytes(e.buf[: e.finish()])]))[2]


def fetched(kind, tag, items, version=12):
    """What get_object gives for an object with these items."""
    payload = [m.ttlv(0x420057, m.ENUM, kind), m.uid("u"), encoded(tag, m.STRUCTURE, items)]
    found, uid, items = get_object.response(inside(m.ttlv(0x42007C, m.STRUCTURE, payload)), version)
    assert (found, uid) == (kind, "u")
    return Parts(found, items)


def block(format, material, algorithm=None, bits=None, compression=None, wrapping=None, extra=()):
    """The Key Block item (section 2.1.3); `material` bytes, or a list of items."""
    of = m.STRUCTURE if isinstance(material, list) else m.BYTES
    fields = [(0x420042, m.ENUM, format)]
    if compression is not None:
        fields.append((0x420041, m.ENUM, compression))
    if wrapping is not None:
        fields.append((0x420045, m.BYTES, material))
    elif material is not None:
        fields.append((0x420045, m.STRUCTURE, [(0x420043, of, material)] + list(extra)))
    if algorithm is not None:
        fields += [(0x420028, m.ENUM, algorithm), (0x42002A, m.INTEGER, bits)]
    if wrapping is not None:
        fields.append((0x420046, m.STRUCTURE, wrapping))
    return (0x420040, m.STRUCTURE, fields)


B = m.BIG
# Section 2.1.7: format, the tuple that key() takes, the items of the Key Material.
TRANSPARENT = (
    (0x07, (KEY,), [(0x42003F, 8, KEY)]),
    (0x08, (N, b"\x05", b"\x02", b"\x03"),
     [(0x42005E, B, N), (0x420071, B, b"\x05"), (0x420037, B, b"\x02"), (0x42009F, B, b"\x03")]),
    (0x09, (N, b"\x05", b"\x02", b"\x03"),
     [(0x42005E, B, N), (0x420071, B, b"\x05"), (0x420037, B, b"\x02"), (0x4200A0, B, b"\x03")]),
    (0x0A, (N, b"\x04", b"\x01\x00\x01", b"\x05", b"\x06", b"\x07", b"\x08", b"\x09"),
     [(0x420052, B, N), (0x420063, B, b"\x04"), (0x42006C, B, b"\x01\x00\x01"), (0x42005E, B, b"\x05"),
      (0x420071, B, b"\x06"), (0x420060, B, b"\x07"), (0x420061, B, b"\x08"), (0x420027, B, b"\x09")]),
    (0x0A, (N, b"\x04"), [(0x420052, B, N), (0x420063, B, b"\x04")]),
    (0x0A, (N, None, None, b"\x05", b"\x06"),
     [(0x420052, B, N), (0x42005E, B, b"\x05"), (0x420071, B, b"\x06")]),
    (0x0A, (N, None, None, None, None, b"\x07", b"\x08"),
     [(0x420052, B, N), (0x420060, B, b"\x07"), (0x420061, B, b"\x08")]),
    (0x0B, (N, b"\x01\x00\x01"), [(0x420052, B, N), (0x42006C, B, b"\x01\x00\x01")]),
    (0x0C, (N, b"\x05", b"\x02", b"\x04", b"\x03"),
     [(0x42005E, B, N), (0x420071, B, b"\x05"), (0x420037, B, b"\x02"), (0x42003E, B, b"\x04"),
      (0x42009F, B, b"\x03")]),
    (0x0D, (N, None, b"\x02", None, b"\x03"),
     [(0x42005E, B, N), (0x420037, B, b"\x02"), (0x4200A0, B, b"\x03")]),
    (0x0E, (7, N), [(0x420075, 5, 7), (0x42002E, B, N)]),
    (0x0F, (7, b"\x04xy"), [(0x420075, 5, 7), (0x420072, 8, b"\x04xy")]),
    (0x10, (7, N), [(0x420075, 5, 7), (0x42002E, B, N)]),
    (0x11, (7, b"\x04xy"), [(0x420075, 5, 7), (0x420072, 8, b"\x04xy")]),
    (0x12, (7, N), [(0x420075, 5, 7), (0x42002E, B, N)]),
    (0x13, (7, b"\x04xy"), [(0x420075, 5, 7), (0x420072, 8, b"\x04xy")]),
    (0x14, (7, N), [(0x420075, 5, 7), (0x42002E, B, N)]),
    (0x15, (7, b"\x04xy"), [(0x420075, 5, 7), (0x420072, 8, b"\x04xy")]),
)


def test_transparent_keys():
    for format, values, items in TRANSPARENT:
        wire = [(tag, kind, big(value) if kind == B else value) for tag, kind, value in items]
        kind, tag = (2, 0x42008F) if format == 7 else (3, 0x42006D) if format & 1 else (4, 0x420064)
        # Key Format Type: 0E to 13 are of 1.x, 14 and 15 of 1.3 on.
        for version in (10, 12, 13, 14, 20, 21):
            if version >= 20 if 0x0E <= format <= 0x13 else format >= 0x14 and version < 13:
                raises(TTLVError, objects.key, values, format, version=version)
                continue
            made = objects.key(values, format, 4, 256, version)
            assert sent(version, kind, made) == (tag, 1, [block(format, wire, 4, 256)]), format
        got = fetched(kind, tag, [block(format, wire, 4, 256)])
        assert (got.object_type, got.format, got.algorithm, got.bits) == (kind, format, 4, 256)
        assert not got.wrapped and got.kind is None and got.compression is None
        if format == 7:
            assert got.value == KEY
        else:
            assert [value for value in got.value if value is not None] == [item[2] for item in wire]
            for at, value in enumerate(got.value):
                assert (value is None) == (at >= len(values) or values[at] is None)
        # What came goes back as it is.
        assert sent(14, kind, got.items) == (tag, 1, [block(format, wire, 4, 256)])


def test_keys_as_bytes():
    # Raw, Opaque, PKCS#1, PKCS#8, X.509, ECPrivateKey, PKCS#12: a Byte String (section 2.1.4).
    for format in (1, 2, 3, 4, 5, 6, 0x16, 0x80000001):
        for kind, tag in ((2, 0x42008F), (3, 0x42006D), (4, 0x420064)):
            wanted = block(format, KEY, 3, 128, compression=1)
            made = objects.key(KEY, format, 3, 128, compression=1)
            for version in (10, 14, 21):
                assert sent(version, kind, made) == (tag, 1, [wanted])
            got = fetched(kind, tag, [wanted])
            assert (got.value, got.format, got.compression) == (KEY, format, 1)
            assert (got.algorithm, got.bits, got.wrapped, got.wrapping) == (3, 128, False, None)
    got = fetched(2, 0x42008F, [block(1, KEY)])
    assert (got.algorithm, got.bits, list(got.attributes), got.split) == (None, None, [], None)
    # An extension's material may be a structure.
    got = fetched(2, 0x42008F, [block(0x80000001, [(0x54ABCD, 7, "a")])])
    assert got.value == [(0x54ABCD, 7, "a")]


def test_a_key_that_is_not_there():
    # 1.2 and later (section 2.1.3): its value is kept elsewhere.
    for version in (10, 11):
        raises(TTLVError, objects.key, None, 1, 3, 128, version)
    for version in (12, 21):
        made = objects.key(None, 1, 3, 128, version)
        assert sent(version, 2, made) == (0x42008F, 1, [block(1, None, 3, 128)])
    got = fetched(2, 0x42008F, [block(1, None, 3, 128)])
    assert got.value is None and not got.wrapped and got.bits == 128


def test_other_objects():
    for kind, tag, items, wanted in (
        (1, 0x420013, [(0x42001D, 5, 1), (0x42001E, 8, b"der")], (1, b"der")),
        (8, 0x42005B, [(0x420059, 5, 0x80000000), (0x42005A, 8, b"x")], (0x80000000, b"x")),
        (7, 0x420085, [(0x420086, 5, 2), block(1, b"seed")], (2, b"seed")),
    ):
        got = fetched(kind, tag, items)
        assert (got.kind, got.value) == wanted
        assert sent(12, kind, got.items) == (tag, 1, items)
    made = objects.secret(objects.key(b"pw"))
    assert sent(12, 7, made) == (0x420085, 1, [(0x420086, 5, 1), block(1, b"pw")])
    assert got.format == 1 and got.algorithm is None
    assert fetched(1, 0x420013, [(0x42001D, 5, 1), (0x42001E, 8, b"der")]).format is None


def test_split_key():
    # Section 2.2.5: Parts, Key Part Identifier, Threshold, Method, Prime Field Size, Key Block.
    head = [(0x42008B, 2, 5), (0x420044, 2, 4), (0x42008C, 2, 3), (0x42008A, 5, 3)]
    prime = (0x420062, B, big(N))
    for split, items in (
        ((5, 4, 3, 3, N), head + [prime, block(1, KEY, 3, 128)]),
        ((5, 4, 3, 3), head + [block(1, KEY, 3, 128)]),
    ):
        made = objects.split(objects.key(KEY, 1, 3, 128), *split)
        assert sent(10, 5, made) == (0x420089, 1, items)
        got = fetched(5, 0x420089, items)
        assert got.split == (5, 4, 3, 3, big(N) if len(split) > 4 else None)
        assert (got.value, got.algorithm, got.bits) == (KEY, 3, 128)
        assert sent(21, 5, got.items) == (0x420089, 1, items)


def test_template():
    # Section 2.2.6, of 1.x only; the white paper's Policy Template is one.
    made = objects.template((
        attribute("Cryptographic Algorithm", 3), attribute("Object Group", "g"),
        attribute("Object Group", "h", index=1)))
    items = [
        (0x420008, 1, [(0x42000A, 7, "Cryptographic Algorithm"), (0x42000B, 5, 3)]),
        (0x420008, 1, [(0x42000A, 7, "Object Group"), (0x42000B, 7, "g")]),
        (0x420008, 1, [(0x42000A, 7, "Object Group"), (0x42000B, 7, "h")]),
    ]
    assert sent(10, 6, made) == (0x420090, 1, items)
    raises(TTLVError, sent, 20, 6, made)
    items[2][2].insert(1, (0x420009, 2, 1))
    got = fetched(6, 0x420090, items)
    assert plain(got.value) == [
        ("Cryptographic Algorithm", 0, 3), ("Object Group", 0, "g"), ("Object Group", 1, "h")]
    assert got.format is None


def test_attributes_of_a_template():
    # Template-Attribute (section 2.1.8): Name of the Template, then attributes.
    e = Encoder(bytearray(500))
    known = (objects.named("t"), attribute("Object Group", "g"))
    register.request(e, 14, 8, [(0x420059, 5, 0x80000000), (0x42005A, 8, b"x")], known)
    payload = tree(m.ttlv(0x420079, m.STRUCTURE, [bytes(e.buf[: e.finish()])]))
    assert payload[1] == (0x420091, 1, [
        (0x420053, 1, [(0x420055, 7, "t"), (0x420054, 5, 1)]),
        (0x420008, 1, [(0x42000A, 7, "Object Group"), (0x42000B, 7, "g")]),
    ])
    raises(TTLVError, objects.named, "t", 20)


def test_attributes_that_travel_with_the_key():
    # Section 2.1.4: Key Value {Key Material, Attribute...}; 2.x section 3.2: {Key Material, Attributes}.
    group = attribute("Object Group", "g")
    old = (0x420008, 1, [(0x42000A, 7, "Object Group"), (0x42000B, 7, "g")])
    new = (0x420125, 1, [(0x420056, 7, "g")])
    for version, item, name in ((10, old, "Object Group"), (14, old, "Object Group"), (20, new, 0x420056)):
        made = objects.key(KEY, 1, 3, 128, version, attributes=(group,))
        wanted = block(1, KEY, 3, 128, extra=[item])
        assert sent(version, 2, made) == (0x42008F, 1, [wanted])
        got = fetched(2, 0x42008F, [wanted])
        assert got.attributes == [(name, 0, "g")] and got.value == KEY
        assert plain(got.attributes) == [("Object Group", 0, "g")]


def test_wrapped_keys():
    # Key Wrapping Data, section 2.1.5: Wrapping Method, Encryption Key Information {Unique Identifier,
    # Cryptographic Parameters}, MAC/Signature Key Information, MAC/Signature, IV/Counter/Nonce, Encoding
    # Option (1.1 and later).
    mode = attribute("Cryptographic Parameters", (0x0D,))[3]
    kek = (0x420036, 1, [(0x420094, 7, "kek"), (0x42002B, 1, [(0x420011, 5, 0x0D)])])
    bare = (0x420036, 1, [(0x420094, 7, "kek")])
    mac = (0x42004E, 1, [(0x420094, 7, "mac")])
    for data, items in (
        (objects.wrapping("kek"), [(0x42009E, 5, 1), bare]),
        (objects.wrapping("kek", mode, 1, 11), [(0x42009E, 5, 1), kek, (0x4200A3, 5, 1)]),
        (objects.wrapping("kek", iv=b"iv"), [(0x42009E, 5, 1), bare, (0x42003D, 8, b"iv")]),
        (objects.wrapping(None, method=2, mac=("mac", None, b"tag")),
         [(0x42009E, 5, 2), mac, (0x42004D, 8, b"tag")]),
        (objects.wrapping("kek", method=3, mac=("mac", None, None)), [(0x42009E, 5, 3), bare, mac]),
    ):
        wanted = block(1, b"w" * 24, 3, 128, wrapping=items)
        assert sent(12, 2, objects.key(b"w" * 24, 1, 3, 128, wrapping=data)) == (0x42008F, 1, [wanted])
        got = fetched(2, 0x42008F, [wanted])
        assert got.wrapped and got.value == b"w" * 24 and got.wrapping == items
    raises(TTLVError, objects.wrapping, "kek", mode, 1, 10)
    # A Key Wrapping Specification (2.1.6) may name attributes.
    spec = objects.wrapping("kek", names=("Object Group", "Link"))
    assert spec[2:] == [(0x42000A, 7, "Object Group"), (0x42000A, 7, "Link")]
    # The whole way: what was wrapped is what comes out.
    value = m.ttlv(0x420045, m.STRUCTURE, [m.ttlv(0x420043, m.BYTES, KEY)])
    data = objects.wrapping("kek", mode)
    made = objects.key(bytes(keywrap.wrap(KEY, value)), 1, 3, 128, wrapping=data)
    got = fetched(2, 0x42008F, made)
    assert keywrap.material(KEY, got.value, got.wrapping) == KEY


def test_a_key_value_of_bytes_is_wrapped():
    # Whatever else stands there: it must never be taken for the key.
    fields = [(0x420042, 5, 1), (0x420045, 8, b"w"), (0x420028, 5, 3), (0x42002A, 2, 128)]
    got = Parts(2, [(0x420040, 1, fields)])
    assert got.wrapped and got.wrapping is None and got.value == b"w"
    # Key Wrapping Data in a wrong place is seen.
    fields = [(0x420042, 5, 1), (0x420046, 1, [(0x42009E, 5, 2)]), (0x420045, 1, [(0x420043, 8, KEY)])]
    assert Parts(2, [(0x420040, 1, fields)]).wrapped


def bad(kind, items):
    raises(TTLVError, Parts, kind, items)


def test_malformed_objects():
    good = block(1, KEY, 3, 128)
    for kind in (2, 3, 4, 5, 7):
        bad(kind, [])
        bad(kind, [(0x420040, 8, b"")])
        if kind in (5, 7):
            bad(kind, [good])
    bad(2, [good, good])
    of = good[2]
    for at in range(len(of)):
        tag, kind, value = of[at]
        bad(2, [(0x420040, 1, of + [of[at]])])  # twice
        bad(2, [(0x420040, 1, of[:at] + [(tag, 7, "?")] + of[at + 1 :])])  # of a wrong type
    bad(2, [(0x420040, 1, of[1:])])  # no Key Format Type
    bad(2, [(0x420040, 1, of + [(0x420041, 2, 1)])])
    bad(2, [(0x420040, 1, of + [(0x420046, 8, b"")])])
    for value in ([], [(0x420043, 7, "key")], [(0x420043, 8, KEY), (0x420043, 8, KEY)], [(0x420043, 1, [])],
                  [(0x420043, 8, KEY), (0x420008, 1, [])], [(0x420043, 8, KEY), (0x420008, 7, "")],
                  [(0x420043, 8, KEY), (0x420125, 7, "")]):
        bad(2, [(0x420040, 1, [(0x420042, 5, 1), (0x420045, 1, value)])])
    # Fields that a newer version has are passed over, before and after.
    new = (0x420199, 7, "new")
    assert Parts(2, [new, (0x420040, 1, [new] + of + [new]), new]).value == KEY
    for kind, items in (
        (1, [(0x42001D, 5, 1), (0x42001E, 8, b"der")]),
        (8, [(0x420059, 5, 0x80000000), (0x42005A, 8, b"x")]),
        (7, [(0x420086, 5, 2), good]),
        (5, [(0x42008B, 2, 5), (0x420044, 2, 4), (0x42008C, 2, 3), (0x42008A, 5, 3), good]),
    ):
        Parts(kind, items)
        for at in range(len(items)):
            tag, of, value = items[at]
            bad(kind, items[:at] + items[at + 1 :])
            bad(kind, items + [items[at]])
            bad(kind, items[:at] + [(tag, 9, 0)] + items[at + 1 :])
    bad(5, items + [(0x420062, 8, b"")])
    bad(6, [(0x420008, 7, "")])
    for name_or_value in (0x42000A, 0x42000B):
        bad(6, [(0x420008, 1, [(name_or_value, 7, "g")])])


def test_malformed_transparent_keys():
    for format, _, items in TRANSPARENT:
        Parts(3, [block(format, items)])
        bad(3, [block(format, KEY)])
        bad(3, [block(format, [])])
        for at in range(len(items)):
            tag, kind, value = items[at]
            bad(3, [block(format, items + [items[at]])])
            bad(3, [block(format, items[:at] + [(tag, kind ^ 3, value)] + items[at + 1 :])])
            if format not in (0x0A, 0x0C):
                bad(3, [block(format, items[:at] + items[at + 1 :])])
    # RSA: the private exponent, or both primes, or both their exponents (section 2.1.7.4).
    for held in ((), (0x42006C,), (0x42005E,), (0x420071, 0x420060), (0x420061, 0x420027)):
        fields = [(0x420052, B, N)] + [(tag, B, b"\x05") for tag in held]
        bad(4, [block(0x0A, fields)])


def test_what_cannot_be_made():
    raises(TTLVError, objects.key, (N,), 0x0B)  # no Public Exponent
    raises(TTLVError, objects.key, (N, N, N), 0x0B)
    raises(TTLVError, objects.key, (None, N), 0x0B)
    raises(TTLVError, objects.key, (KEY, KEY), 7)
    raises(TTLVError, objects.split, objects.key(KEY), 3, None, 2, 1)
    raises(TTLVError, objects.wrapping, "", method=None)
    assert objects.key(KEY, 7) == objects.key((KEY,), 7)


def test_mutated_bytes():
    """Whatever one byte says: an object, or TTLVError."""
    mode = attribute("Cryptographic Parameters", (0x0D,))[3]
    samples = [
        (3, [block(0x0B, [(0x420052, B, big(N)), (0x42006C, B, big(b"\x03"))], 4, 256)]),
        (4, [block(0x14, [(0x420075, 5, 7), (0x42002E, B, big(N))])]),
        (5, objects.split(objects.key(KEY, 7, attributes=(attribute("Object Group", "g"),)), 3, 1, 2, 1)),
        (6, objects.template((attribute("Object Group", "g"), attribute("Name", ("n", 1))))),
        (7, objects.secret(objects.key(KEY, 1, 3, 128, 20, attributes=(attribute("Object Group", "g"),)))),
        (2, objects.key(b"w" * 24, 1, 3, 128, wrapping=objects.wrapping("kek", mode, 2))),
    ]
    random = m.Random()
    for kind, items in samples:
        tag = m.OBJECT_TAGS.get(kind, {5: 0x420089, 6: 0x420090}.get(kind))
        whole = m.ttlv(0x42007C, m.STRUCTURE, [
            m.ttlv(0x420057, m.ENUM, kind), m.uid("u"), encoded(tag, m.STRUCTURE, items)])
        good = 0
        for at in range(len(whole)):
            for byte in (whole[at] ^ 1, whole[at] ^ 3, 0, random.below(256)):
                data = bytearray(whole)
                data[at] = byte
                try:
                    found, _, fields = get_object.response(inside(data), 12)
                    parts = Parts(found, fields)
                    plain(parts.attributes)
                    if found == 6:
                        plain(parts.value)
                    if parts.wrapped:
                        keywrap.material(KEY, parts.value, parts.wrapping)
                    good += 1
                except TTLVError:
                    pass
        assert good or kind == 2, kind
