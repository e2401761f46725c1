"""The DER reader's rules, one malformation a line with its reason, and the writer."""

from check import raises, unhex

from identity.der import Reader, integer, item


def read(octets):
    reader = Reader(octets)
    reader.next()
    reader.finish()
    return reader


def test_items_that_are_well_formed():
    for octets, size in (
        ("05 00", 0),
        ("04 01 aa", 1),
        ("04 7f" + "00" * 127, 127),
        ("04 81 80" + "00" * 128, 128),
        ("04 81 ff" + "00" * 255, 255),
        ("04 82 01 00" + "00" * 256, 256),
        ("bf 00", None),  # tags of more than one octet are not read here
    ):
        if size is None:
            raises(ValueError, read, unhex(octets))
        else:
            reader = read(unhex(octets))
            assert reader.pos - reader.start == size == len(reader.view())


def test_items_that_are_malformed():
    for octets, reason in (
        ("", "nothing"),
        ("04", "no length"),
        ("00 00", "end of contents"),
        ("04 01", "no content"),
        ("04 02 aa", "longer than the data"),
        ("04 00 00", "trailing octet"),
        ("04 80 00 00", "indefinite length"),
        ("30 80 05 00 00 00", "indefinite length, constructed"),
        ("04 81 00", "a long form where the short serves"),
        ("04 81 7f" + "00" * 127, "the same"),
        ("04 82 00 80" + "00" * 128, "a leading zero"),
        ("04 82 00 ff" + "00" * 255, "the same"),
        ("04 83 01 00 00" + "00" * 300, "three octets of length"),
        ("04 84 7f ff ff ff", "four"),
        ("04 84 ff ff ff ff", "four, negative in 32 bits"),
        ("04 88 ff ff ff ff ff ff ff ff", "eight"),
        ("04 ff", "reserved"),
        ("04 81", "length cut short"),
        ("04 82 01", "length cut short"),
        ("1f 81 00 00", "a tag of two octets"),
    ):
        assert raises(ValueError, read, unhex(octets)), reason


def test_a_child_stays_inside_its_parent():
    reader = Reader(unhex("30 03 04 02 aa 05 00"))
    outer = reader.enter()
    raises(ValueError, reader.next)
    reader = Reader(unhex("30 02 05 00 05 00"))
    outer = reader.enter()
    assert reader.next() == 5 and reader.peek() == 0
    reader.leave(outer)
    assert reader.next(5) == 5
    reader.finish()
    reader = Reader(unhex("30 04 05 00 05 00"))
    outer = reader.enter()
    reader.next()
    raises(ValueError, reader.leave, outer)
    raises(ValueError, reader.next, 4)


def test_integers():
    for octets, value in (
        ("02 01 00", 0),
        ("02 01 7f", 127),
        ("02 02 00 80", 128),
        ("02 05 00 ff ff ff ff", 0xFFFFFFFF),
    ):
        reader = Reader(unhex(octets))
        size = reader.integer()
        assert reader.value() == value and size == max(1, (len(hex(value)) - 1) // 2)
    for octets, reason in (
        ("02 00", "empty"),
        ("02 01 80", "negative"),
        ("02 01 ff", "negative"),
        ("02 02 00 7f", "padded"),
        ("02 02 ff 80", "padded, negative"),
        ("03 01 00", "another type"),
    ):
        reader = Reader(unhex(octets))
        assert raises(ValueError, reader.integer), reason
    assert Reader(unhex("02 01 05")).small() == 5
    assert Reader(unhex("02 02 00 ff")).small() == 255
    raises(ValueError, Reader(unhex("02 02 01 00")).small)


def test_bit_strings():
    for octets, unused, content in (
        ("03 01 00", 0, ""),
        ("03 02 00 81", 0, "81"),
        ("03 02 07 80", 7, "80"),
        ("03 03 04 ff f0", 4, "fff0"),
    ):
        reader = Reader(unhex(octets))
        assert reader.bits() == unused and reader.view() == unhex(content)
    for octets, reason in (
        ("03 00", "no count"),
        ("03 02 08 00", "eight unused bits"),
        ("03 02 01 81", "unused bits that are set"),
        ("03 01 01", "unused bits of nothing"),
        ("23 05 03 03 00 00 00", "constructed"),
    ):
        reader = Reader(unhex(octets))
        assert raises(ValueError, reader.bits), reason


def test_object_identifiers():
    for octets in ("06 01 2a", "06 03 55 1d 0f", "06 03 2a 86 48"):
        assert Reader(unhex(octets)).oid() == unhex(octets)[2:]
    for octets, reason in (
        ("06 00", "empty"),
        ("06 01 80", "does not end"),
        ("06 02 2a 86", "does not end"),
        ("06 03 2a 80 01", "an arc with a leading zero"),
        ("06 02 80 01", "the same, the first"),
    ):
        reader = Reader(unhex(octets))
        assert raises(ValueError, reader.oid), reason


def test_flags():
    reader = Reader(unhex("01 01 ff 05 00"))
    assert reader.flag() is True and reader.flag() is False and reader.next() == 5
    for octets in ("01 01 00", "01 01 01", "01 00", "01 02 ff ff", "01"):
        raises(ValueError, Reader(unhex(octets)).flag)


def test_literals():
    reader = Reader(unhex("05 00 05 01 00"))
    assert not reader.literal(unhex("05 01"))
    assert reader.literal(unhex("05 00")) and reader.pos == 2
    assert not reader.literal(unhex("05 01 00 00"))


def test_writing():
    for size in (0, 1, 127, 128, 255, 256, 65535):
        octets = item(4, bytes(size))
        assert read(octets).view() == bytes(size)
    assert item(0x30, b"\5\0", memoryview(b"\5\0")) == unhex("30 04 05 00 05 00")
    raises(ValueError, item, 4, bytes(65536))
    for number in (0, 1, 127, 128, 255, 256, 1 << 255):
        reader = Reader(integer(number.to_bytes(33, "big")))
        reader.integer()
        assert reader.value() == number
