"""The server's own codec: the specification's examples, and one reason for each refusal."""

import json

import pytest
from serverkit import ROOT

from tools.refserver import ttlv
from tools.refserver.ttlv import TTLVError, decode, encode

# KMIP 1.2 §9.1.2, the same in every version.
EXAMPLES = [
    ("42002002 00000004 00000008 00000000", ttlv.integer(0x420020, 8)),
    ("42002003 00000008 01B69B4BA5749200", ttlv.long_integer(0x420020, 123456789000000000)),
    ("42002004 00000010 0000000003FD35EB 6BC2DF4618080000",
     ttlv.big_integer(0x420020, 1234567890000000000000000000)),
    ("42002005 00000004 000000FF 00000000", ttlv.enumeration(0x420020, 255)),
    ("42002006 00000008 0000000000000001", ttlv.boolean(0x420020, True)),
    ("42002007 0000000B 48656C6C6F20576F 726C640000000000",
     ttlv.text(0x420020, "Hello World")),
    ("42002008 00000003 0102030000000000", ttlv.byte_string(0x420020, b"\1\2\3")),
    ("42002009 00000008 0000000047DA67F8", ttlv.date_time(0x420020, 0x47DA67F8)),
    ("4200200A 00000004 000D2F0000000000", ttlv.interval(0x420020, 864000)),
    ("42002001 00000020 42000405 00000004 000000FE00000000 42000502 00000004 000000FF00000000",
     ttlv.structure(0x420020, ttlv.enumeration(0x420004, 254), ttlv.integer(0x420005, 255))),
]


@pytest.mark.parametrize("text, item", EXAMPLES)
def test_the_examples_of_the_specification(text, item):
    data = bytes.fromhex(text)
    assert encode(item) == data
    assert decode(data) == item


@pytest.mark.parametrize("value", [
    0, 1, -1, 127, 128, -128, -129, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64, 2**2048 - 1])
def test_big_integers_keep_their_sign(value):
    data = encode(ttlv.big_integer(0x420020, value))
    assert len(data) % 8 == 0
    assert decode(data).value == value


def test_limits_of_the_number_types():
    for item in (ttlv.integer(0x420020, -2**31), ttlv.long_integer(0x420020, -2**63),
                 ttlv.interval(0x420020, 2**32 - 1), ttlv.enumeration(0x420020, 2**32 - 1),
                 ttlv.date_time(0x420020, -1)):
        assert decode(encode(item)) == item


MALFORMED = [
    ("420020", "no room for a header"),
    ("42002002 00000004 00000008", "padding cut off"),
    ("42002002 00000004 00000008 00000001", "padding not zero"),
    ("42002002 00000008 0000000800000000", "an Integer of 8 bytes"),
    ("42002003 00000004 0000000800000000", "a Long Integer of 4 bytes"),
    ("42002004 00000004 0000000800000000", "a Big Integer that is no multiple of 8"),
    ("42002004 00000000", "a Big Integer without a byte"),
    ("42002006 00000008 0000000000000002", "a Boolean of 2"),
    ("42002006 00000008 0100000000000000", "a Boolean with a high bit"),
    ("42002007 00000002 C328000000000000", "text that is not UTF-8"),
    ("42002007 00000002 6100000000000000", "text with a NUL at its end"),
    ("4200200B 00000008 0000000000000001", "Date-Time Extended in 1.x"),
    ("4200200C 00000000", "an unknown type"),
    ("42002000 00000000", "type zero"),
    ("43002002 00000004 0000000800000000", "a tag outside 42 and 54"),
    ("42002008 FFFFFFFF 0102030000000000", "a length beyond the end"),
    ("42002008 00000009 0102030000000000", "a length one byte beyond the end"),
    ("42002001 00000004 42000405", "a structure whose length is no multiple of 8"),
    ("42002001 00000010 42000408 00000010 0000000000000000", "an item longer than its parent"),
    ("42002001 00000000 4200200200000004 0000000800000000", "bytes after the end"),
]


@pytest.mark.parametrize("text, why", MALFORMED, ids=[why for _, why in MALFORMED])
def test_malformed(text, why):
    with pytest.raises(TTLVError):
        decode(bytes.fromhex(text))


def nested(depth):
    data = b""
    for _ in range(depth):
        data = b"\x42\x00\x20\x01" + len(data).to_bytes(4, "big") + data
    return data


def test_nesting_is_bounded():
    decode(nested(ttlv.MAX_DEPTH))
    with pytest.raises(TTLVError, match="nested more than"):
        decode(nested(ttlv.MAX_DEPTH + 1))
    with pytest.raises(TTLVError, match="nested more than"):
        decode(nested(20000))


def test_the_number_of_items_is_bounded():
    many = bytes.fromhex("4200200100000000") * (ttlv.MAX_ITEMS + 1)
    with pytest.raises(TTLVError, match="more than"):
        decode(b"\x42\x00\x20\x01" + len(many).to_bytes(4, "big") + many)


def test_every_cut_and_every_flipped_byte_is_an_answer_or_a_ttlv_error():
    own = json.loads((ROOT / "host_tests" / "vectors" / "own.json").read_text())
    for message in own:
        data = bytes.fromhex(message["hex"])
        for cut in range(len(data)):
            with pytest.raises(TTLVError):
                decode(data[:cut], extended_dates=True)
        for position in range(0, len(data), 3):
            broken = bytearray(data)
            broken[position] ^= 0x55
            try:
                assert encode(decode(broken, extended_dates=True)) == bytes(broken)
            except TTLVError:
                pass


def test_this_projects_own_messages():
    own = json.loads((ROOT / "host_tests" / "vectors" / "own.json").read_text())
    assert len(own) == 20
    for message in own:
        data = bytes.fromhex(message["hex"])
        assert len(data) == message["bytes"]
        assert encode(decode(data, extended_dates=True)) == data
