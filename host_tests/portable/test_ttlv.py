"""The codec: the specification's own examples, both ways, and every malformation it must refuse."""

from check import raises, unhex

from kmip_lite.ttlv import Decoder, Encoder, TTLVError

KINDS = {
    "integer": 2, "long_integer": 3, "big_integer": 4, "enumeration": 5, "boolean": 6, "text_string": 7,
    "byte_string": 8, "date_time": 9, "interval": 10, "date_time_extended": 11,
}
# 1.2 section 9.1.2: type, value, the encoding; the same in all of 1.x.
EXAMPLES = (
    ("integer", 8, "42002002 00000004 00000008 00000000"),
    ("long_integer", 123456789000000000, "42002003 00000008 01B69B4BA5749200"),
    (
        "big_integer",
        unhex("00000000 03FD35EB 6BC2DF4618080000"),
        "42002004 00000010 0000000003FD35EB 6BC2DF4618080000",
    ),
    ("enumeration", 255, "42002005 00000004 000000FF 00000000"),
    ("boolean", True, "42002006 00000008 0000000000000001"),
    ("text_string", "Hello World", "42002007 0000000B 48656C6C6F20576F 726C640000000000"),
    ("byte_string", b"\x01\x02\x03", "42002008 00000003 0102030000000000"),
    ("date_time", 1205495800, "42002009 00000008 0000000047DA67F8"),
    ("interval", 864000, "4200200A 00000004 000D2F0000000000"),
)
STRUCTURE = (
    "42002001 00000020 42000405 00000004 000000FE00000000 42000502 00000004 000000FF00000000"
)


def encoded(kind, value):
    buf = bytearray(512)
    e = Encoder(buf)
    e.put(0x420020, KINDS.get(kind, kind), value)
    return bytes(buf[: e.finish()])


def decoder(data):
    d = Decoder(bytearray(data))
    d.open(len(data))
    d.next()
    return d


def wrapped(text):
    """The items of a hex text inside one structure."""
    data = unhex(text)
    return bytes([0x42, 0, 0x20, 1, 0, 0, len(data) >> 8, len(data) & 255]) + data


def test_examples_encode():
    for method, value, text in EXAMPLES:
        assert encoded(method, value) == unhex(text), method


def test_examples_decode():
    for method, value, text in EXAMPLES:
        d = decoder(unhex(text))
        assert d.value() == value, (method, d.value())


def test_structure_both_ways():
    buf = bytearray(64)
    e = Encoder(buf)
    e.begin(0x420020)
    e.put(0x420004, 5, 254)
    e.put(0x420005, 2, 255)
    e.end()
    assert bytes(buf[: e.finish()]) == unhex(STRUCTURE)
    d = decoder(unhex(STRUCTURE))
    assert d.value() == [(0x420004, 5, 254), (0x420005, 2, 255)]
    assert not d.next()


def test_numbers_at_their_bounds():
    for method, values in (
        ("integer", (0, -1, 0x7FFFFFFF, -0x80000000, 1 << 30, -(1 << 30) - 1)),
        ("enumeration", (0, 1 << 30, 0x80000001, 0xFFFFFFFF)),
        ("interval", (0, 0xFFFFFFFF)),
        ("long_integer", (0, -1, (1 << 63) - 1, -(1 << 63), 1 << 32, 0xFFFFFFFF)),
        ("date_time", (-1, 0x69999999, 253402300799)),
    ):
        for value in values:
            assert decoder(encoded(method, value)).value() == value, (method, value)
    for method, values in (
        ("integer", (0x80000000, -0x80000001)),
        ("enumeration", (-1, 1 << 32)),
        ("interval", (-1, 1 << 32)),
        ("long_integer", (1 << 63, -(1 << 63) - 1)),
    ):
        for value in values:
            raises(TTLVError, encoded, method, value)


def test_halves_of_a_long_integer():
    d = decoder(encoded("long_integer", 0x123456789ABCDEF0))
    assert [d.half(i) for i in range(4)] == [0x1234, 0x5678, 0x9ABC, 0xDEF0]


def test_small_numbers():
    for kind in ("integer", "enumeration"):
        for value, small in ((0, 0), (1, 1), (0xFFFF, 0xFFFF), (0x10000, -1), (0x7FFFFFFF, -1)):
            assert decoder(encoded(kind, value)).small() == small
    assert decoder(encoded("integer", -1)).small() == -1
    assert decoder(encoded("enumeration", 0x80000001)).small() == -1


def test_big_integer_is_a_multiple_of_eight():
    for value in (bytes(8), b"\xff" * 7 + b"\x80", bytes(range(16)), bytearray(8)):
        assert decoder(encoded("big_integer", value)).value() == value
    for count in (0, 1, 7, 9, 12):
        raises(TTLVError, encoded, "big_integer", bytes(count))


def test_a_structure_from_a_sequence():
    assert encoded(1, ((0x420004, 5, 254), (0x420005, 2, 255))) == unhex(STRUCTURE)
    assert encoded(1, ()) == unhex("42002001 00000000")
    raises(TTLVError, encoded, 1, ((0x420004, 5, -1),))


def test_types_that_there_are_not():
    for kind in (-1, 0, 12, 255, 1 << 40):
        raises(TTLVError, encoded, kind, b"")


def test_date_time_extended():
    data = unhex("4200200B 00000008 0004A6FF30C7C600")
    assert decoder(data).value() == 0x0004A6FF30C7C600
    assert encoded("date_time_extended", 0x0004A6FF30C7C600) == data


def test_strings_of_every_length_and_kind():
    for kind in (bytes, bytearray, memoryview):
        for count in list(range(0, 20)) + [63, 64, 65, 255, 256, 257, 1023, 1100]:
            data = bytes([7 + i % 200 for i in range(count)])
            for room in (0, 5000):
                size = 8 + (count + 7) // 8 * 8
                buf = bytearray(b"\xff" * (size + room))
                e = Encoder(buf)
                e.put(0x420020, 8, kind(data))
                assert e.finish() == size
                d = Decoder(buf)
                d.open(size)
                d.next()
                assert d.bytes() == data
                target = bytearray(count)
                assert d.into(target) == count
                assert target == data
                assert not any(buf[8 + count : size])


def test_text_is_utf8():
    for text in ("", "abc", "meter-1", "Zähler", "\u20ac\u20ac", "a" * 300):
        assert decoder(encoded("text_string", text)).value() == text
        assert encoded("text_string", text.encode()) == encoded("text_string", text)
    for bad in (b"\xff", b"\xc3", b"a\x80"):
        raises(TTLVError, decoder(encoded("text_string", bad)).value)


def test_encoder_counts_past_the_end():
    e = Encoder(bytearray(20))
    e.begin(0x420020)
    e.put(0x420021, 7, "twelve bytes")
    e.put(0x420022, 2, 1)
    e.end()
    assert e.size == 8 + 24 + 16
    error = raises(TTLVError, e.finish)
    assert "fit" in str(error) and error.offset == 48
    e.reset()
    e.put(0x420022, 2, 1)
    assert e.finish() == 16


def test_encoder_keeps_the_first_error():
    e = Encoder(bytearray(64))
    e.put(0x420022, 2, 1 << 40)
    e.put(0x420022, 5, -1)
    error = raises(TTLVError, e.finish)
    assert "range" in str(error) and error.offset == 16
    e.reset()
    e.end()
    raises(TTLVError, e.finish)
    e.reset()
    e.begin(0x420020)
    assert "open" in str(raises(TTLVError, e.finish))
    e.reset()
    for _ in range(20):
        e.begin(0x420020)
    assert "deep" in str(raises(TTLVError, e.finish))


# One malformation a line: why, and the items inside a structure.
MALFORMED = (
    ("no KMIP tag", "41002002 00000004 00000008 00000000"),
    ("type 0", "42002000 00000004 00000008 00000000"),
    ("type 12", "4200200C 00000004 00000008 00000000"),
    ("type 255", "420020FF 00000004 00000008 00000000"),
    ("Integer of 8 bytes", "42002002 00000008 0000000000000008"),
    ("Integer of 3 bytes", "42002002 00000003 00000008 00000000"),
    ("Integer of none", "42002002 00000000"),
    ("Long Integer of 4", "42002003 00000004 00000008 00000000"),
    ("Big Integer of 4", "42002004 00000004 00000008 00000000"),
    ("Big Integer of none", "42002004 00000000"),
    ("Enumeration of 8", "42002005 00000008 0000000000000008"),
    ("Boolean of 4", "42002006 00000004 00000001 00000000"),
    ("Boolean 2", "42002006 00000008 0000000000000002"),
    ("Boolean with high bits", "42002006 00000008 0100000000000001"),
    ("Date-Time of 4", "42002009 00000004 00000008 00000000"),
    ("Interval of 8", "4200200A 00000008 0000000000000008"),
    ("padding of an Integer", "42002002 00000004 00000008 00000001"),
    ("padding of a text", "42002007 00000003 6162630000000100"),
    ("padding cut short", "42002007 00000003 61626300"),
    ("length past the parent", "42002007 00000010 6162636465666768"),
    ("length with the top byte", "42002007 01000003 6162630000000000"),
    ("length of 4 GiB", "42002007 FFFFFFFF 6162630000000000"),
    ("structure past its parent", "42002001 00000020 42000405 00000004 000000FE00000000"),
    ("structure of 12", "42002001 0000000C 42000405 00000004 000000FE 42000405"),
    ("header cut short", "42002002 000000"),
    ("item cut short", "42002002 00000004 00000008"),
)


def test_malformed_items_are_refused():
    for why, text in MALFORMED:
        data = wrapped(text)
        d = Decoder(bytearray(data))
        try:
            d.open(len(data))
        except TTLVError:
            continue
        raise AssertionError(why)


def test_bytes_behind_the_message():
    data = unhex(STRUCTURE)
    for tail in (b"\0", b"\0" * 8, data, data[:9]):
        d = Decoder(bytearray(data + tail))
        raises(TTLVError, d.open, len(data + tail))
    d = Decoder(bytearray(64))
    raises(TTLVError, d.open, 0)


def test_every_truncation_is_refused():
    data = unhex(STRUCTURE)
    d = Decoder(bytearray(data))
    for size in range(len(data)):
        raises(TTLVError, d.open, size)
    d.open(len(data))


def test_depth_is_bounded():
    def nested(depth):
        buf = bytearray(8 * depth)
        e = Encoder(buf, depth)
        for _ in range(depth):
            e.begin(0x420020)
        for _ in range(depth):
            e.end()
        return buf, e.finish()

    buf, size = nested(16)
    Decoder(buf).open(size)
    buf, size = nested(17)
    error = raises(TTLVError, Decoder(buf).open, size)
    assert "deep" in str(error)
    assert error.offset > 0


def test_cursor():
    data = wrapped(
        "42000405 00000004 000000FE00000000 42000501 00000010 42000602 00000004 0000000700000000"
        "42000702 00000004 0000000800000000"
    )
    d = decoder(data)
    d.enter()
    assert not d.find(0x420008)
    d.enter(0x420005)
    d.need(0x420006, 2)
    assert d.value() == 7
    d.leave()
    d.need(0x420007, 2)
    assert d.value() == 8
    assert not d.next()
    raises(TTLVError, d.need, 0x420007, 2)
    raises(TTLVError, d.enter)
    raises(TTLVError, d.enter, 0x420005)
    d.leave()
    assert not d.next()
    raises(TTLVError, d.leave)
    d = decoder(data)
    d.enter()
    assert "type" in str(raises(TTLVError, d.find, 0x420004, 2))


def test_leave_skips_what_was_not_read():
    d = decoder(wrapped(STRUCTURE + "42000702 00000004 0000000800000000"))
    d.enter()
    d.next()
    d.enter()
    d.next()
    d.leave()
    d.need(0x420007, 2)


def test_into_refuses_a_short_target():
    d = decoder(encoded("byte_string", b"12345"))
    raises(TTLVError, d.into, bytearray(4))
    target = bytearray(b"........")
    assert d.into(target) == 5
    assert target == b"12345..."


def test_errors_have_their_texts():
    for number in range(32):
        said = str(TTLVError(number, 7))
        assert said.endswith(" at byte 7") and "error" not in said and len(said) > 20, said
    assert str(TTLVError("a text of its own", 1)) == "a text of its own at byte 1"
