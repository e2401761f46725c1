"""Attributes: each of the white paper's Table 6 and of the specification's, by hand from the tables of KMIP
1.x section 3 and 2.x section 4, encoded and decoded in both forms."""

import messages as m
from check import inside, raises

from kmip_lite import attributes
from kmip_lite.attributes import attribute, custom, plain, reference, title
from kmip_lite.fields import write_attributes
from kmip_lite.ops import get_attributes
from kmip_lite.ttlv import Encoder, TTLVError

S, N, L, E, B, T, X, D, V = (
    m.STRUCTURE, m.INTEGER, m.LONG, m.ENUM, m.BOOL, m.TEXT, m.BYTES, m.DATE, m.INTERVAL
)
NOW = 1700000000
LATER = 253402300799  # the year 9999: beyond 32 bits

# Section of 1.1 to 1.4, name, tag, type, value, and of a structure the items it must become. The white
# paper's Table 6; Custom Attribute has tests of its own, and Owner is the server's record.
PAPER = (
    ("3.1", "Unique Identifier", 0x420094, T, "uid-1", None),
    ("3.2", "Name", 0x420053, S, ("meter-1", 1), [(0x420055, T, "meter-1"), (0x420054, E, 1)]),
    ("3.3", "Object Type", 0x420057, E, 2, None),
    ("3.4", "Cryptographic Algorithm", 0x420028, E, 3, None),
    ("3.5", "Cryptographic Length", 0x42002A, N, 128, None),
    ("3.6", "Cryptographic Parameters", 0x42002B, S, (1, 3, 6, 11),
     [(0x420011, E, 1), (0x42005F, E, 3), (0x420038, E, 6), (0x420083, E, 11)]),
    ("3.8", "Certificate Type", 0x42001D, E, 1, None),
    ("3.14", "Certificate Subject", 0x42001A, S, ("CN=a", ["a.example", "b.example"]),
     [(0x42001C, T, "CN=a"), (0x42001B, T, "a.example"), (0x42001B, T, "b.example")]),
    ("3.15", "Certificate Issuer", 0x420015, S, ("CN=ca", []), [(0x420017, T, "CN=ca")]),
    ("3.17", "Digest", 0x420034, S, (6, b"\x01" * 32, None), [(0x420038, E, 6), (0x420035, X, b"\x01" * 32)]),
    ("3.18", "Operation Policy Name", 0x42005D, T, "default", None),
    ("3.19", "Cryptographic Usage Mask", 0x42002C, N, 12, None),
    ("3.20", "Lease Time", 0x420049, V, 0xFFFFFFFF, None),
    ("3.21", "Usage Limits", 0x420095, S, (1 << 40, 7, 1),
     [(0x420097, L, 1 << 40), (0x420096, L, 7), (0x420098, E, 1)]),
    ("3.22", "State", 0x42008D, E, 2, None),
    ("3.23", "Initial Date", 0x420039, D, NOW, None),
    ("3.24", "Activation Date", 0x420001, D, NOW, None),
    ("3.25", "Process Start Date", 0x420067, D, NOW, None),
    ("3.26", "Protect Stop Date", 0x420068, D, LATER, None),
    ("3.27", "Deactivation Date", 0x42002F, D, LATER, None),
    ("3.28", "Destroy Date", 0x420033, D, NOW, None),
    ("3.29", "Compromise Occurrence Date", 0x420021, D, 0, None),
    ("3.30", "Compromise Date", 0x420020, D, NOW, None),
    ("3.31", "Revocation Reason", 0x420081, S, (1, "lost"), [(0x420082, E, 1), (0x420080, T, "lost")]),
    ("3.32", "Archive Date", 0x420005, D, NOW, None),
    ("3.33", "Object Group", 0x420056, T, "north", None),
    ("3.35", "Link", 0x42004A, S, (0x101, "uid-2"), [(0x42004B, E, 0x101), (0x42004C, T, "uid-2")]),
    ("3.36", "Application Specific Information", 0x420004, S, ("ssl", "www.example.com"),
     [(0x420003, T, "ssl"), (0x420002, T, "www.example.com")]),
    ("3.37", "Contact Information", 0x420022, T, "z\u00e4hler@example.com", None),
    ("3.38", "Last Change Date", 0x420048, D, NOW, None),
)
# What the specification has besides, with the version that brought it.
MORE = (
    (10, "3.7", "Cryptographic Domain Parameters", 0x420029, S, (160, 7),
     [(0x420073, N, 160), (0x420075, E, 7)]),
    (10, "3.13", "Certificate Identifier", 0x420014, S, ("CN=ca", "01"),
     [(0x42003B, T, "CN=ca"), (0x420087, T, "01")]),
    (11, "3.9", "Certificate Length", 0x4200AD, N, 500, None),
    (11, "3.10", "X.509 Certificate Identifier", 0x4200B5, S, (b"ca", b"\x01"),
     [(0x4200B2, X, b"ca"), (0x4200AF, X, b"\x01")]),
    (11, "3.11", "X.509 Certificate Subject", 0x4200B7, S, (b"me", [b"a", b"b"]),
     [(0x4200B4, X, b"me"), (0x4200B3, X, b"a"), (0x4200B3, X, b"b")]),
    (11, "3.12", "X.509 Certificate Issuer", 0x4200B6, S, (b"ca", [b"c"]),
     [(0x4200B2, X, b"ca"), (0x4200B1, X, b"c")]),
    (11, "3.16", "Digital Signature Algorithm", 0x4200AE, E, 14, None),
    (11, "3.34", "Fresh", 0x4200A8, B, True, None),
    (12, "3.40", "Alternative Name", 0x4200BF, S, ("urn:a", 2), [(0x4200C0, T, "urn:a"), (0x4200C1, E, 2)]),
    (12, "3.41", "Key Value Present", 0x4200BB, B, False, None),
    (12, "3.42", "Key Value Location", 0x4200B8, S, ("hsm", 1), [(0x4200B9, T, "hsm"), (0x4200BA, E, 1)]),
    (12, "3.43", "Original Creation Date", 0x4200BC, D, NOW, None),
    (13, "3.44", "Random Number Generator", 0x4200DE, S, (3, None, None, 6, 4, None, None, True),
     [(0x4200DA, E, 3), (0x420038, E, 6), (0x4200DB, E, 4), (0x4200DD, B, True)]),
    (14, "3.45", "PKCS#12 Friendly Name", 0x4200FB, T, "me", None),
    (14, "3.46", "Description", 0x4200FC, T, "the meter in the cellar", None),
    (14, "3.47", "Comment", 0x4200FD, T, "rusty", None),
    (14, "3.48", "Sensitive", 0x420120, B, True, None),
    (14, "3.49", "Always Sensitive", 0x420121, B, False, None),
    (14, "3.50", "Extractable", 0x420122, B, False, None),
    (14, "3.51", "Never Extractable", 0x420123, B, True, None),
    (20, "4", "Key Format Type", 0x420042, E, 1, None),
    (20, "4", "Opaque Data Type", 0x420059, E, 0x80000000, None),
)
ALL = tuple((10,) + row for row in PAPER) + MORE
# Not in 2.x any more: their tags are reserved there.
ONLY_1 = ("Certificate Identifier", "Certificate Subject", "Certificate Issuer", "Operation Policy Name")


def versions(since, name):
    return [
        version for version in (10, 11, 12, 13, 14, 20, 21)
        if version >= since and not (version >= 20 and name in ONLY_1)
    ]


def encoded(tag, kind, value):
    if kind == S:
        value = [encoded(*item) for item in value]
    return m.ttlv(tag, kind, value)


def wire(version, name, tag, kind, value, index=None):
    """The item of one attribute."""
    if version >= 20:
        return encoded(tag, kind, value)
    fields = [(0x42000A, T, name)]
    if index is not None:
        fields.append((0x420009, N, index))
    return encoded(0x420008, S, fields + [(0x42000B, kind, value)])


def written(version, *made):
    e = Encoder(bytearray(600))
    write_attributes(e, version, made)
    return bytes(e.buf[: e.finish()])


def read(version, *items):
    """What Get Attributes makes of an answer with these items."""
    items = list(items)
    if version >= 20:
        items = [m.ttlv(0x420125, S, items)]
    return get_attributes.response(inside(m.ttlv(0x42007C, S, [m.uid("u")] + items)), version)


def test_the_papers_table_is_whole():
    # The white paper: 32 names, of which Custom Attribute is any and Owner never on the wire.
    assert len(PAPER) == 30
    assert len(attributes._TABLE.strip().split("\n")) == len(ALL)


def test_every_attribute_both_ways():
    for since, section, name, tag, kind, value, items in ALL:
        for version in versions(since, name):
            shape = value if items is None else items
            made = attribute(name, value, version)
            top = 0x420125 if version >= 20 else 0x420091
            item = wire(version, name, tag, kind, shape)
            assert written(version, made) == m.ttlv(top, S, [item]), (section, name, version)
            ((got, index, found),) = plain(read(version, item))
            assert (got, index) == (name, 0), (section, version)
            if items is not None:
                # Missing at the end when given, None when got.
                assert found[: len(value)] == value, (section, name, found)
                assert not any(found[len(value) :])
            else:
                assert found == value and type(found) is type(value), (section, name, found)


def test_a_version_that_does_not_know_an_attribute():
    for since, _, name, _, _, value, _ in ALL:
        for version in (10, 11, 12, 13, 14, 20, 21):
            if version not in versions(since, name):
                raises(TTLVError, attribute, name, value, version)
    assert "no attribute Shoe Size" in str(raises(TTLVError, attribute, "Shoe Size", 43))
    raises(TTLVError, attribute, "", 1)
    raises(TTLVError, attribute, "x-own", 1)
    raises(TTLVError, attribute, "Name=0531", 1)


def test_a_version_that_does_not_know_a_field():
    # Cryptographic Parameters, 1.x section 3.6: all fields, in the order of the table,
    # which is not that of the tags.
    whole = (9, 1, 6, 3, 14, 3, True, 96, 16, 32, 48, 64, 1, 20, 1, 6, b"p", 1)
    tags = (
        0x420011, 0x42005F, 0x420038, 0x420083, 0x4200AE, 0x420028, 0x4200C5, 0x4200CD, 0x4200CE,
        0x4200CF, 0x4200D2, 0x4200D0, 0x4200D1, 0x420100, 0x420101, 0x420102, 0x420103, 0x420104,
    )
    kinds = (E, E, E, E, E, E, B, N, N, N, N, N, N, N, E, E, X, N)
    name = "Cryptographic Parameters"
    for version, count in ((10, 4), (11, 4), (12, 13), (13, 13), (14, 18), (20, 18), (21, 18)):
        made = attribute(name, whole[:count], version)
        wanted = [(tags[at], kinds[at], whole[at]) for at in range(count)]
        assert made == (name, 0x42002B, S, wanted)
        assert plain([(name, 0, made[3])]) == [(name, 0, whole[:count] + (None,) * (18 - count))]
        for at in range(count, 18):
            raises(TTLVError, attribute, name, (None,) * at + (whole[at],), version)
    # Digest: its Key Format Type is of 1.1 (section 3.17).
    assert attribute("Digest", (6, b"d", 1), 11)[3][2] == (0x420042, 5, 1)
    raises(TTLVError, attribute, "Digest", (6, b"d", 1), 10)


def test_fields_missing_or_too_many():
    for name, value in (
        ("Name", ("n",)), ("Name", ()), ("Name", (None, 1)), ("Name", ("n", 1, 2)), ("Link", (None, "u")),
        ("Usage Limits", (5,)), ("Revocation Reason", ()), ("Digest", (6,)), ("Key Value Location", ("h",)),
        ("Application Specific Information", (None, "d")), ("X.509 Certificate Identifier", (b"",)),
    ):
        raises(TTLVError, attribute, name, value)
    # A client gives no Count (section 3.21), and may leave the data out (3.36).
    assert attribute("Usage Limits", (5, None, 1))[3] == [(0x420097, 3, 5), (0x420098, 5, 1)]
    assert attribute("Application Specific Information", ("ssl",))[3] == [(0x420003, 7, "ssl")]


def test_index():
    # 1.x section 2.1.1; 2.x has none.
    made = attribute("Object Group", "g", 12, 3)
    assert written(12, made) == m.ttlv(0x420091, S, [wire(12, "Object Group", 0, T, "g", 3)])
    assert written(21, made) == m.ttlv(0x420125, S, [m.ttlv(0x420056, T, "g")])
    assert custom("x-a", T, "g", 12, 3) == ("x-a", 0x420008, T, "g", 3)
    items = [wire(12, "Object Group", 0, T, "g"), wire(12, "Object Group", 0, T, "h", 2)]
    assert plain(read(12, *items)) == [("Object Group", 0, "g"), ("Object Group", 2, "h")]
    items = [m.ttlv(0x420056, T, "g"), m.ttlv(0x4200FC, T, "d"), m.ttlv(0x420056, T, "h")]
    assert plain(read(20, *items)) == [
        ("Object Group", 0, "g"), ("Description", 0, "d"), ("Object Group", 1, "h")]


def vendor(owner, name, kind, value):
    names = [m.ttlv(0x42009D, T, owner), m.ttlv(0x42000A, T, name)]
    return m.ttlv(0x420008, S, names + [encoded(0x42000B, kind, value)])


def test_custom_attributes():
    # 1.x section 3.39: any type, a name of x- or y-; 2.x section 4: Vendor Attribute.
    for kind, value in (
        (N, -5), (L, 1 << 40), (E, 0x80000001), (B, True), (T, "north"), (X, b"\x00\x01"), (D, NOW), (V, 60),
        (S, [(0x420055, T, "n"), (0x420054, E, 1)]),
    ):
        for version in (10, 14):
            item = wire(version, "x-site", 0, kind, value)
            assert written(version, custom("x-site", kind, value, version)) == m.ttlv(0x420091, S, [item])
            assert plain(read(version, item)) == [("x-site", 0, value)]
        for version in (20, 21):
            item = vendor("x", "site", kind, value)
            assert written(version, custom("x-site", kind, value, version)) == m.ttlv(0x420125, S, [item])
            other = vendor("y", "si-te", kind, value)
            assert plain(read(version, item, other, item)) == [
                ("x-site", 0, value), ("y-si-te", 0, value), ("x-site", 1, value)]
    raises(TTLVError, custom, "site", T, "north", 20)


def test_references():
    assert reference("State") == ("State", 0x42008D)
    assert reference("Comment") == ("Comment", 0x4200FD)
    assert reference("x-site") == ("x-site", [(0x42009D, 7, "x"), (0x42000A, 7, "site")])
    raises(TTLVError, reference, "Shoe Size")
    for _, _, name, tag, _, _, _ in ALL:
        assert title(tag) == title(name) == name
    assert title([(0x42009D, 7, "x"), (0x42000A, 7, "site")]) == title("x-site") == "x-site"
    # Unknown numbers stay numbers, also where their last digits would be those of a line of the table.
    for number in (0x420002, 0x421206, 0x540001, 0x4200FF, 0):
        assert title(number) == number
    raises(TTLVError, title, [(0x42009D, 7, "x")])


def test_what_is_not_known_stays_as_it_is():
    # A server's own, and those of a newer version.
    unknown = [("Shoe Size", 1, 43), (0x540001, 0, b"x"), (0x420174, 0, [(0x420001, 9, 1)])]
    assert plain(unknown) == unknown
    assert plain([]) == []
    deleted = [("Link", 0, None), ("State", None, None), ("x-site", 1, None)]  # a Notify's
    assert plain(deleted) == deleted
    # Fields of a structure that a newer version has are passed over.
    link = [(0x420199, 7, "?"), (0x42004B, 5, 0x101), (0x4200FF, 2, 1), (0x42004C, 7, "u")]
    assert plain([("Link", 0, link)]) == [("Link", 0, (0x101, "u"))]


def test_values_of_a_wrong_type_or_shape():
    wrong = {N: "1", L: "1", E: b"1", B: 1, T: b"1", X: "1", D: True, V: "1", S: "1"}
    for _, _, name, tag, kind, _, items in ALL:
        for given in (name, tag):
            raises(TTLVError, plain, [(given, 0, wrong[kind])])
        for at in range(len(items or ())):
            field, of, value = items[at]
            other = items[:at] + [(field, of + 1, value)] + items[at + 1 :]
            raises(TTLVError, plain, [(name, 0, other)])
    for link in ([], [(0x42004B, 5, 1)], [(0x42004B, 5, 1), (0x42004C, 7, "u"), (0x42004C, 7, "v")]):
        raises(TTLVError, plain, [("Link", 0, link)])
    for site in (
        [],
        [(0x42009D, 7, "x"), (0x42000A, 7, "site")],
        [(0x42009D, 2, 1), (0x42000A, 7, "site"), (0x42000B, 2, 1)],
        [(0x42000A, 7, "site"), (0x42000B, 2, 1)],
        [(0x42009D, 7, "x"), (0x42000A, 7, "site"), (0x42000B, 2, 1), (0x42000B, 2, 1)],
    ):
        raises(TTLVError, plain, [(0x420008, 0, site)])


def test_mutated_bytes():
    """Whatever one byte says: attributes, or TTLVError."""
    random = m.Random()
    for version in (12, 21):
        items = [m.uid("u")]
        for since, _, name, tag, kind, value, fields in ALL:
            if version in versions(since, name) and (kind == S or since == 12):
                items.append(wire(version, name, tag, kind, value if fields is None else fields))
        own = custom("x-site", T, "north", version)
        items.append(encoded(own[1], S, own[3]) if version >= 20 else wire(12, "x-site", 0, T, "north"))
        if version >= 20:
            items[1:] = [m.ttlv(0x420125, S, items[1:])]
        whole = m.ttlv(0x42007C, S, items)
        good = bad = 0
        for at in range(len(whole)):
            for byte in (whole[at] ^ 1, random.below(256)):
                data = bytearray(whole)
                data[at] = byte
                try:
                    plain(get_attributes.response(inside(data), version))
                    good += 1
                except TTLVError:
                    bad += 1
        assert good and bad
