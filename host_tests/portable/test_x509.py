"""Certificates: known ones read and verified, hostile ones refused with ValueError and nothing else."""

import gc
import sys

import minica
from check import raises

from identity import x509
from identity.der import item
from identity.steps import run

MICROPYTHON = sys.implementation.name == "micropython"


def load(label):
    folder = __file__.rpartition("/")[0] or "."
    with open(folder + "/certificates.txt") as file:
        for line in file:
            found, _, octets = line.partition(" ")
            if found == label:
                return bytes.fromhex(octets.strip())
    raise KeyError(label)


def test_a_leaf():
    octets = load("ec_leaf")
    c = x509.Certificate(octets)
    assert c.serial == b"\xc0\xff\xee" + bytes(15)
    assert minica.common_name(c.subject) == "meter-0042"
    assert minica.common_name(c.issuer) == "EC CA"
    assert c.not_before == x509.moment((2025, 2, 28, 23, 59, 59)) == (20147, 86399)
    assert c.not_after == x509.moment((9999, 12, 31, 23, 59, 59)) == (2932896, 86399)
    assert c.kind == "P-256" and len(c.key) == 65 and c.key[0] == 4
    assert c.algorithm == "P-256" and 68 < len(c.signature) < 73
    assert not c.is_ca and c.path_length == -1
    assert c.key_usage == 1 and c.extended_usage == 1 << 2
    assert c.subject_key_id == b"\x22" * 20 and c.authority_key_id == b"\x11" * 20
    assert c.unknown_critical is None
    assert bytes(c.tbs) in octets


def test_an_authority():
    c = x509.Certificate(load("ec_ca"))
    assert c.is_ca and c.path_length == 0 and c.key_usage == 1 << 5 | 1 << 6
    assert c.extended_usage == -1 and c.authority_key_id is None
    assert x509.same_name(c.subject, c.issuer)
    assert not x509.same_name(c.subject, x509.Certificate(load("ec_leaf")).subject)


def test_an_odd_one():
    c = x509.Certificate(load("odd"))
    assert c.not_before == (-7305, 0) and c.not_after == (-1, 86399)
    assert c.kind == "" and c.algorithm == ""
    assert c.key_usage == 0x17F and c.extended_usage == 1 << 1 | 1 << 9 | 1
    assert c.unknown_critical == b"+\x06\x01\x04\x01\x86\x8d\x1f\x01"
    assert run(c.signed_by(c)) is False


def test_signatures():
    for kind in ("ec", "rsa2048", "rsa4096"):
        authority = x509.Certificate(load(kind + "_ca"))
        octets = bytearray(load(kind + "_leaf"))
        assert run(authority.signed_by(authority)) is True
        assert run(x509.Certificate(octets).signed_by(authority)) is True
        at = octets.index(b"meter-0042")
        octets[at] ^= 1
        assert run(x509.Certificate(octets).signed_by(authority)) is False
        octets[at] ^= 1
        octets[-1] ^= 1
        assert run(x509.Certificate(octets).signed_by(authority)) is False
    leaf = x509.Certificate(load("ec_leaf"))
    assert run(leaf.signed_by(x509.Certificate(load("ec_no_ca")))) is False
    assert run(leaf.signed_by(leaf)) is False
    assert run(leaf.signed_by(x509.Certificate(load("rsa2048_ca")))) is False
    other = x509.Certificate(load("rsa4096_ca"))
    assert run(x509.Certificate(load("rsa2048_leaf")).signed_by(other)) is False


def test_days():
    day = -719162
    for year in (1, 4, 100, 400, 1900, 1969, 1970, 2000, 2024, 2100, 9999):
        for month in range(1, 13):
            assert x509.days(year, month + 1, 1) - x509.days(year, month, 1) in (28, 29, 30, 31)
    assert x509.days(1, 1, 1) == day and x509.days(1970, 1, 1) == 0
    assert x509.days(2000, 2, 29) == 11016 and x509.days(2000, 3, 1) == 11017
    assert x509.days(2038, 1, 19) == 24855 and x509.days(9999, 12, 31) == 2932896
    assert x509.moment((2000, 1, 1, 0, 0, 1, 5, 1)) == (10957, 1)
    assert (2, 0) > (1, 86399) > (1, 86398) > (-1, 86399)


def replaced(octets, old, new):
    """The certificate with a part of its to-be-signed structure replaced and all lengths mended."""
    c = x509.Certificate(octets)
    tbs = bytes(c.tbs)
    at = tbs.index(old)
    inner = tbs[4:at] + new + tbs[at + len(old) :]
    rest = octets[octets.index(tbs) + len(tbs) :]
    return item(0x30, item(0x30, inner), rest)


def test_times():
    octets = load("ec_ca")
    end = b"\x17\x0d440101000000Z"
    old = item(0x30, b"\x17\x0d240101000000Z", end)
    assert x509.Certificate(replaced(octets, old, old)).not_before == (19723, 0)
    for text, moment in (
        (b"490101000000Z", (2049, 1, 1, 0, 0, 0)),
        (b"500101000000Z", (1950, 1, 1, 0, 0, 0)),
        (b"000229235959Z", (2000, 2, 29, 23, 59, 59)),
        (b"20500101000000Z", (2050, 1, 1, 0, 0, 0)),
        (b"21000228000000Z", (2100, 2, 28, 0, 0, 0)),
        (b"00010101000000Z", (1, 1, 1, 0, 0, 0)),
        (b"99991231235959Z", (9999, 12, 31, 23, 59, 59)),
    ):
        new = item(0x30, item(0x17 if len(text) == 13 else 0x18, text), end)
        read = x509.Certificate(replaced(octets, old, new)).not_before
        assert read == x509.moment(moment)
    for text, reason in (
        (b"240101000000", "no zone"),
        (b"240101000000+", "no zone"),
        (b"2401010000Z", "no seconds"),
        (b"240101000000+0000", "an offset"),
        (b"20240101000000.5Z", "a fraction"),
        (b"20240101000000", "local time"),
        (b"240001000000Z", "month 0"),
        (b"241301000000Z", "month 13"),
        (b"240100000000Z", "day 0"),
        (b"240132000000Z", "day 32"),
        (b"230229000000Z", "no leap year"),
        (b"21000229000000Z", "no leap year"),
        (b"240431000000Z", "day 31 of April"),
        (b"240101240000Z", "hour 24"),
        (b"240101006000Z", "minute 60"),
        (b"240101000060Z", "second 60"),
        (b"00000101000000Z", "year 0"),
        (b"+40101000000Z", "a sign"),
        (b" 40101000000Z", "a space"),
        (b"2_0101000000Z", "an underscore"),
        (b"24010100000\xb2Z", "no digit"),
        (b"", "empty"),
    ):
        for tag in (0x17, 0x18):
            new = replaced(octets, old, item(0x30, item(tag, text), end))
            assert raises(ValueError, x509.Certificate, new), reason
    for new in (item(0x16, b"240101000000Z") + end, item(0x18, b"240101000000Z") + end, end, b""):
        raises(ValueError, x509.Certificate, replaced(octets, old, item(0x30, new)))
    raises(ValueError, x509.Certificate, replaced(octets, old, item(0x30, end, end, end)))


KEY_USAGE = b"\x30\x0e\x06\x03\x55\x1d\x0f\x01\x01\xff\x04\x04\x03\x02\x01\x06"
BASIC = b"\x30\x12\x06\x03\x55\x1d\x13\x01\x01\xff\x04\x08\x30\x06\x01\x01\xff\x02\x01\x00"
KEY_ID = b"\x30\x1d\x06\x03\x55\x1d\x0e\x04\x16\x04\x14" + b"\x11" * 20


def with_extensions(*extensions):
    octets = load("ec_ca")
    old = item(0xA3, item(0x30, BASIC, KEY_USAGE, KEY_ID))
    return replaced(octets, old, item(0xA3, item(0x30, *extensions)))


def extension(last, value, critical=b""):
    arc = bytes((last,)) if last < 128 else bytes((129, last - 128))
    return item(0x30, item(6, b"U\x1d" + arc), critical, item(4, value))


def test_extensions():
    x509.Certificate(with_extensions(BASIC, KEY_USAGE, KEY_ID))
    for extensions, reason in (
        ((BASIC, BASIC), "twice the same"),
        ((KEY_USAGE, BASIC, KEY_USAGE), "twice the same"),
        ((extension(99, b""), extension(99, b"")), "twice the same unknown"),
        ((), "no extension"),
        ((b"\5\0",), "no SEQUENCE"),
        ((extension(99, b"", b"\1\1\0"),), "critical FALSE is the default"),
        ((extension(99, b"", b"\1\1\1"),), "TRUE is ff"),
        ((extension(99, b"") + b"\5\0",), "something between"),
        ((item(0x30, b"\6\3\x55\x1d\x63"),), "no value"),
        ((extension(15, b"\3\1\0"),), "no usage"),
        ((extension(15, b"\3\2\0\x80"),), "zeros at the end of named bits"),
        ((extension(15, b"\3\2\7\x80\0"),), "something behind"),
        ((extension(15, b"\3\4\0\1\1\1"),), "too many usages"),
        ((extension(15, b"\4\1\1"),), "no BIT STRING"),
        ((extension(19, b"\x30\3\1\1\0"),), "cA FALSE is the default"),
        ((extension(19, b"\x30\3\2\1\0"),), "a path length and no authority"),
        ((extension(19, b"\x30\6\1\1\xff\2\1\xff"),), "a negative path length"),
        ((extension(19, b"\x30\7\1\1\xff\2\2\1\0"),), "a long path length"),
        ((extension(19, b""),), "nothing"),
        ((extension(37, b"\x30\0"),), "no purpose"),
        ((extension(37, b"\x30\2\5\0"),), "no purpose"),
        ((extension(17, b"\x30\0"),), "no name"),
        ((extension(17, b"\x30\2\x04\0"),), "no GeneralName"),
        ((extension(17, b"\x30\2\x8f\0"),), None),
        ((extension(35, b"\x30\2\x83\0"),), "no such field"),
        ((extension(14, b"\3\1\0"),), "no OCTET STRING"),
        ([extension(n, b"") for n in range(100, 133)], "33 extensions"),
    ):
        if reason:
            new = with_extensions(*extensions)
            assert raises(ValueError, x509.Certificate, new), reason
    x509.Certificate(with_extensions(*[extension(n, b"") for n in range(100, 132)]))
    c = x509.Certificate(with_extensions(extension(99, b"?", b"\1\1\xff"), extension(30, b"", b"\1\1\xff")))
    assert c.unknown_critical == b"U\x1d\x63"
    c = x509.Certificate(with_extensions(extension(15, b"\3\3\7\0\x80")))
    assert c.key_usage == 1 << 8
    c = x509.Certificate(with_extensions(extension(35, b"\x30\0"), extension(19, b"\x30\0")))
    assert c.authority_key_id is None and c.is_ca is False


def attribute(tag, text, kind=b"U\4\3"):
    return item(0x30, item(6, kind), item(tag, text))


def test_names():
    octets = load("ec_ca")
    old = bytes(x509.Certificate(octets).issuer)
    grid = item(0x31, attribute(12, b"North Grid", b"U\4\n"))
    assert old == item(0x30, grid, item(0x31, attribute(12, b"EC CA")))
    pair = attribute(12, b"EC CA")
    for new, reason in (
        (item(0x31), "an empty set"),
        (item(0x30, pair), "no SET"),
        (item(0x31, item(0x30, b"\6\3\x55\4\3")), "no value"),
        (item(0x31, item(0x30, b"\6\3\x55\4\3", b"\5\0", b"\5\0")), "two values"),
        (item(0x31, attribute(12, b"EC CA", b"U\4\x83")), "no type"),
        (item(0x31, pair, b"\5\0"), "something behind"),
    ):
        new = replaced(octets, old, item(0x30, grid, new))
        assert raises(ValueError, x509.Certificate, new), reason
    new = item(0x30, grid, item(0x31, attribute(19, b"EC CA")))
    c = x509.Certificate(replaced(octets, old, new))
    assert c.issuer != c.subject and x509.same_name(c.issuer, c.subject)
    new = item(0x30, grid, item(0x31, attribute(20, b"EC CA")))  # TeletexString
    c = x509.Certificate(replaced(octets, old, new))
    assert not x509.same_name(c.issuer, c.subject)
    for new in (
        item(0x30, item(0x31, pair) + grid),
        item(0x30, grid),
        item(0x30, grid, item(0x31, attribute(12, b"EC CB"))),
        item(0x30, grid, item(0x31, attribute(12, b"EC CA", b"U\4\n"))),
        item(0x30, grid, item(0x31, attribute(12, b"EC C"))),
    ):
        assert not x509.same_name(old, new) and not x509.same_name(new, old)


def test_every_octet_changed():
    """Read, or ValueError: nothing else, whatever one octet becomes, and wherever the end is."""
    octets = load("ec_leaf")
    read = 0
    for at in range(len(octets)):
        raises(ValueError, x509.Certificate, octets[:at])
        changed = bytearray(octets)
        for value in (octets[at] ^ 1, octets[at] ^ 0x80, 0x80, 0xFF):
            changed[at] = value
            try:
                x509.Certificate(changed)
                read += 1
            except ValueError:
                pass
    assert read > 500  # a signature, a key, texts
    raises(ValueError, x509.Certificate, octets + b"\0")


def test_large_and_deep_ones():
    deep = b""
    for _ in range(300):
        deep = item(0x30, deep)
    raises(ValueError, x509.Certificate, deep)
    many = item(0x31, attribute(5, b"")) * 4000
    raises(ValueError, x509.Certificate, item(0x30, item(0x30, b"\2\1\1", item(0x30), item(0x30, many))))
    raises(ValueError, x509.Certificate, b"\x30" * 60000)
    raises(ValueError, x509.Certificate, b"\x30\x80" * 3000)
    raises(ValueError, x509.Certificate, b"\x30\x84\x7f\xff\xff\xff" + bytes(100))
    big = with_extensions(extension(99, bytes(50000)))
    assert len(x509.Certificate(big).tbs) > 50000


def test_what_a_certificate_takes():
    """Offsets and views, no copies: the same few hundred bytes for a small and a large one."""
    if not MICROPYTHON:
        return
    octets = load("ec_leaf")
    c = x509.Certificate(octets)
    c = None
    gc.collect()
    before = gc.mem_alloc()
    c = x509.Certificate(octets)
    gc.collect()
    taken = gc.mem_alloc() - before
    limit = 640 if sys.maxsize < 1 << 32 else 1280
    assert 0 < taken <= limit, taken
    assert c.kind
