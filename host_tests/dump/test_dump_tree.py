"""The tree: names, values, secrets, errors with their place."""

import ast
import struct
from pathlib import Path

import pytest
from dumpkit import MESSAGES, OWN, item, run

from tools.kmipdump import items, names
from tools.refserver import ttlv

BY_ID = {row["id"]: row["hex"] for row in OWN}

SAMPLE = """\
--- request, 216 bytes at byte 0
Request Message
  Request Header
    Protocol Version
      Protocol Version Major: 1
      Protocol Version Minor: 2
    Batch Count: 1
  Batch Item
    Operation: Certify (06)
    Request Payload
      Unique Identifier: "pk-1"
      Certificate Request Type: PKCS#10 (02)
      Certificate Request: 3003020100 (5 bytes)
      Template-Attribute
        Attribute
          Attribute Name: "Cryptographic Usage Mask"
          Attribute Value: Sign | Verify (3)
"""


def shown(data, *args):
    """The lines of well-formed bytes, without the head."""
    status, out, err = run(data, *args)
    assert (status, err) == (0, "")
    return out.splitlines()[1:]


def test_a_message():
    assert run(BY_ID["certify-1.2-req"].encode()) == (0, SAMPLE, "")


def test_offsets():
    lines = shown(bytes.fromhex(BY_ID["certify-1.2-req"]), "--offsets")
    assert lines[0] == "00000000 420078 01    208  Request Message"
    assert lines[7] == "00000050 42005C 05      4      Operation: Certify (06)"


def test_every_message_of_the_vectors():
    for data in MESSAGES:
        lines = shown(data)
        assert lines[0] in ("Request Message", "Response Message")
        assert not [line for line in lines if "unknown (" in line or "! error" in line]


@pytest.mark.parametrize("tag, kind, value, line", [
    (0x420020, 2, struct.pack(">i", -8), "Compromise Date: -8"),
    (0x420020, 3, struct.pack(">q", 123456789000000000), "Compromise Date: 123456789000000000"),
    (0x420052, 4, bytes.fromhex("0000000003FD35EB6BC2DF4618080000"),
     "Modulus: 0000000003FD35EB6BC2DF4618080000 (90 bits)"),
    (0x42005C, 5, struct.pack(">I", 0x80000001), "Operation: unknown (80000001)"),
    (0x42013B, 5, struct.pack(">I", 0x420094), "Attribute Reference: Unique Identifier (420094)"),
    (0x420094, 5, struct.pack(">I", 1), "Unique Identifier: ID Placeholder (01)"),
    (0x420010, 6, struct.pack(">Q", 1), "Batch Order Option: True"),
    (0x420094, 7, 'a"\\\n\x1b[2J\u202eü'.encode(), 'Unique Identifier: "a\\"\\\\\\u000a\\u001b[2J\\u202eü"'),
    (0x420093, 8, b"", "Unique Batch Item ID: empty (0 bytes)"),
    (0x420092, 9, struct.pack(">q", 0x47DA67F8), "Time Stamp: 2008-03-14T11:56:40Z"),
    (0x420092, 9, struct.pack(">q", -1), "Time Stamp: 1969-12-31T23:59:59Z"),
    (0x420092, 9, struct.pack(">q", 1 << 62), "Time Stamp: 4611686018427387904, beyond any calendar"),
    (0x420092, 11, struct.pack(">q", 1500000), "Time Stamp: 1970-01-01T00:00:01.500000Z"),
    (0x420049, 10, struct.pack(">I", 4000000000), "Lease Time: 4000000000 s"),
    (0x42002C, 2, struct.pack(">i", 0), "Cryptographic Usage Mask: none (0)"),
    (0x42002C, 2, struct.pack(">i", -(1 << 31) + 4),
     "Cryptographic Usage Mask: Encrypt | 0x80000000 (80000004)"),
    (0x42015E, 2, struct.pack(">i", 3), "Protection Storage Mask: Software | Hardware (3)"),
    (0x42008E, 2, struct.pack(">i", 2), "Storage Status Mask: Archival storage (2)"),
    (0x4200A6, 2, struct.pack(">i", 0x540001), "Extension Tag: 540001"),
    (0x4200A7, 2, struct.pack(">i", 7), "Extension Type: Text String (07)"),
    (0x540001, 2, struct.pack(">i", 7), "540001: 7"),
])
def test_values(tag, kind, value, line):
    assert shown(item(tag, kind, value)) == [line]


def test_long_values_are_cut_unless_full():
    data = item(0x42001E, 8, bytes(65))
    assert shown(data) == ["Certificate Value: %s... (65 bytes)" % ("00" * 64)]
    assert shown(data, "--full") == ["Certificate Value: %s (65 bytes)" % ("00" * 65)]
    data = item(0x420094, 7, b"x" * 257)
    assert shown(data) == ['Unique Identifier: "%s"... (257 characters)' % ("x" * 256)]
    assert shown(data, "--full") == ['Unique Identifier: "%s"' % ("x" * 257)]


def test_the_value_of_an_attribute_is_named_by_the_attribute():
    def attribute(name, value, *before):
        return item(0x420008, 1, b"".join(before) + item(0x42000A, 7, name) + item(0x42000B, 5, value))

    state = struct.pack(">I", 2)
    assert shown(attribute(b"State", state))[-1] == "  Attribute Value: Active (02)"
    # The OASIS test cases have runs of spaces.
    assert shown(attribute(b"Object   Type", state))[-1] == "  Attribute Value: Symmetric Key (02)"
    assert shown(attribute(b"x-State", state))[-1] == "  Attribute Value: unknown (02)"
    # In 2.x a vendor's name says nothing.
    assert shown(attribute(b"State", state, item(0x42009D, 7, b"x")))[-1] == "  Attribute Value: unknown (02)"


SECRET = b"\x5e\xc2\xe7" * 5
VENDOR = b"\x42\x00\x9c"
PARTS = [SECRET[at:at + 3].hex() for at in range(3)]


def key_block(tag, value, kind=8):
    material = item(0x420043, kind, value)
    return item(tag, 1, item(0x420040, 1, item(0x420045, 1, material)))


@pytest.mark.parametrize("data", [
    key_block(0x42008F, SECRET),
    key_block(0x420064, SECRET),
    key_block(0x420085, SECRET),
    key_block(0x420089, SECRET),
    key_block(0x42008F, item(0x42003F, 8, SECRET), 1),
    key_block(0x420064, item(0x420063, 4, SECRET + b"\0"), 1),
    key_block(0x420064, item(0x420FFF, 8, SECRET), 1),
    item(0x42008F, 1, item(0x420040, 1, item(0x420045, 8, SECRET))),  # wrapped
    item(0x420043, 8, SECRET),
    item(0x42005B, 1, item(0x42005A, 8, SECRET)),
    item(0x420025, 1, item(0x420099, 7, b"user") + item(0x4200A1, 7, SECRET.hex().encode())),
    item(0x420025, 1, item(0x420FFE, 7, SECRET.hex().encode())),
    item(0x4200A1, 7, SECRET.hex().encode()),
    item(0x42009C, 1, item(0x420094, 7, SECRET.hex().encode())),
    item(0x420008, 1, item(0x42000A, 7, b"x-key") + item(0x42000B, 8, SECRET)),
    item(0x540001, 8, SECRET),
    item(0x420030, 8, SECRET),
    item(0x4200C2, 8, SECRET),
    item(0x420084, 8, SECRET),
    item(0x420035, 8, SECRET),
    item(0x42006D, 1, item(0x4200A1, 7, SECRET.hex().encode())),
])
def test_secrets(data):
    told = SECRET.hex()
    for args in ([], ["--full", "--offsets"]):
        status, out, err = run(data, *args)
        assert status == 0
        assert not [part for part in PARTS if part in (out + err).lower()]
        assert "***" in out
        _, out, _ = run(data, "--secrets", *args)
        assert told in out.lower()
    # A message that is cut short shows no more than the whole.
    for size in range(9, len(data)):
        status, out, err = run(data[:size])
        assert status == 1 and told[:6] not in (out + err).lower()
    # Nor one with a wrong length anywhere; but what its place alone makes a secret is then none.
    for place in range(4, len(data), 8) if data[:3] != VENDOR else ():
        for size in (0, 8, 16, 24, 255):
            _, out, err = run(data[:place + 3] + bytes((size,)) + data[place + 4:], "--offsets", "--full")
            assert not [part for part in PARTS if part in (out + err).lower()]
    _, out, _ = run(data, "--xml")
    assert told[:6] not in out.lower()
    _, out, _ = run(data, "--xml", "--secrets")
    assert told in out.lower()


@pytest.mark.parametrize("data", [
    key_block(0x42006D, SECRET),
    item(0x420013, 1, item(0x42001E, 8, SECRET)),
    item(0x420018, 8, SECRET),
    item(0x420140, 8, SECRET),
    item(0x4200C3, 8, SECRET),
    item(0x420006, 8, SECRET),
])
def test_what_is_no_secret(data):
    assert SECRET.hex().upper() + " (15 bytes)" in run(data)[1]


def test_who_a_credential_names_is_shown():
    assert '"user"' in run(item(0x420025, 1, item(0x420099, 7, b"user")))[1]


GOOD = item(0x420094, 7, b"uid")

# A value is wrong: the rest of the Structure is read.
VALUES = [
    (item(0x42006A, 2, bytes(8)), 12, "length 8 instead of 4"),
    (item(0x420010, 6, struct.pack(">Q", 2)), 16, "Boolean is neither 0 nor 1"),
    (item(0x420094, 7, b"a\xffb"), 17, "text is not UTF-8"),
    (item(0x420094, 7, b"ab\0"), 18, "text ends with a NUL"),
    (item(0x420052, 4, bytes(7)), 12, "length 7 of a Big Integer is no multiple of 8"),
    (item(0x420052, 4, b""), 12, "length 0 of a Big Integer is no multiple of 8"),
    (item(0x42006A, 2, bytes(4))[:-1] + b"\1", 20, "padding is not zero"),
]
# The framing is wrong: the rest of the Structure cannot be read.
FRAMING = [
    (item(0x430094, 7, b"abc"), 8, "a tag that begins with neither 42 nor 54"),
    (item(0x420094, 12, b"abc"), 11, "unknown item type 0C"),
    (item(0x420094, 0, b"abc"), 11, "unknown item type 00"),
    (bytes.fromhex("4200940700000099") + bytes(8), 12, "length 153, but"),
]


@pytest.mark.parametrize("data, offset, text", VALUES + FRAMING)
@pytest.mark.parametrize("times", [1, 2])
def test_errors(data, offset, text, times):
    status, out, err = run(item(0x420008, 1, data * times + item(0x420093, 8, b"\1")) + GOOD)
    assert status == 1
    assert "! error at byte %d: %s" % (offset, text) in out
    assert "kmipdump: %s" % text in err and "at byte %d" % offset in err
    lines = out.splitlines()
    assert lines[-1] == 'Unique Identifier: "uid"'  # the next message is read all the same
    value = (data, offset, text) in VALUES
    assert ("  Unique Batch Item ID: 01 (1 bytes)" in lines) == value
    # A framing error is told once: what follows from it is not.
    assert out.count("! error") == (times if value else 1)


def test_a_structure_of_an_odd_length():
    status, out, _ = run(bytes.fromhex("42000801 0000000C 42006A02 00000004 00000001"))
    assert status == 1 and "error at byte 4: length 12 of a Structure is no multiple of 8" in out


def test_a_cut_message_shows_what_is_there():
    data = bytes.fromhex(BY_ID["certify-1.2-req"])
    for size in range(1, len(data)):
        status, out, err = run(data[:size], "--format", "binary")
        assert status == 1
        assert "error at byte %d: " % (4 if size >= 8 else 0) in out
        assert err.startswith("kmipdump: ")
        whole = SAMPLE.splitlines()[1:]
        lines = [line for line in out.splitlines()[1:] if "! error" not in line]
        assert lines[:-1] == whole[:max(0, len(lines) - 1)]  # the last one may be a cut value


def test_depth():
    def nested(depth):
        data = GOOD
        for _ in range(depth):
            data = item(0x420008, 1, data)
        return data

    assert run(nested(items.MAX_DEPTH))[0] == 0
    status, out, _ = run(nested(items.MAX_DEPTH + 1))
    assert status == 1 and "nested more than 64 deep" in out


def test_an_agreement_with_the_reference_server_on_what_is_well_formed():
    def strict(data):
        try:
            ttlv.decode(data, extended_dates=True)
        except ttlv.TTLVError:
            return False
        return True

    for data in MESSAGES[:40:3]:
        for place in range(0, len(data), 5):
            for value in (0, 1, 5, 8, 0x42, 0x80, 0xFF):
                changed = data[:place] + bytes((value,)) + data[place + 1:]
                found = list(items.messages(changed))
                fine = len(found) == 1 and not found[0].errors
                assert fine == strict(changed), (place, value, changed.hex())


def test_names_are_one_to_one_in_the_xml_form():
    for group, numbers in names.TABLE.items():
        for name, value in numbers.items():
            assert names.value_number(group, names.camel(name)) == value, (group, name)


@pytest.mark.parametrize("name, expected", [
    ("Re-certify", "ReCertify"), ("PKCS#10", "PKCS_10"), ("X.509", "X_509"), ("3DES", "DES3"),
    ("Get Usage Allocation", "GetUsageAllocation"), ("ANSI X9.31", "ANSIX9_31"),
    ("SHA-512/256", "SHA_512_256"), ("IV/Counter/Nonce", "IVCounterNonce"),
    ("MAC/sign then encrypt", "MACSignThenEncrypt"),
    ("Object archived", "ObjectArchived"), ("P-256", "P_256"), ("Dual-EC", "Dual_EC"),
    ("PKCS1 v1.5", "PKCS1V1_5"), ("Content Commitment (Non Repudiation)", "ContentCommitmentNonRepudiation"),
])
def test_camel_case(name, expected):
    assert names.camel(name) == expected


def test_it_shares_no_code_with_those_that_it_looks_at():
    for path in Path(items.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and not node.level and node.module.split(".")[0] == "tools":
                assert (node.module, [alias.name for alias in node.names]) == ("tools", ["kmip_table"])
            found = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            found += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [name for name in found if "refserver" in name or "kmip_lite" in name]
