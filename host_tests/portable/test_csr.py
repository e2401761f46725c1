"""Certification requests, octet by octet. host_tests/identity asks OpenSSL for more."""

from hashlib import sha256

import minica
from check import raises, unhex

from identity import csr, p256
from identity.der import Reader, item
from identity.steps import run

SECRET = unhex("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721")
POINT = run(p256.public(SECRET))


def sign(digest):
    return run(p256.sign(SECRET, digest))


def test_request():
    octets = csr.build(csr.name((("CN", "m"),)), POINT, sign)
    r = Reader(octets)
    outer = r.enter()
    start = r.pos
    info = r.enter()
    assert r.literal(b"\x02\x01\x00")
    assert r.literal(unhex("300c310a300806035504030c016d"))
    assert r.literal(csr.spki(POINT))
    assert r.literal(b"\xa0\x00")
    r.leave(info)
    digest = sha256(octets[start : r.pos]).digest()
    assert r.literal(unhex("300a06082a8648ce3d040302"))
    assert r.bits() == 0
    assert run(p256.verify(POINT, digest, r.view())) is True
    r.leave(outer)
    r.finish()


def test_alternative_names():
    san = (
        ("DNS", "m.example"),
        ("URI", "urn:meter:7"),
        ("email", "m@example"),
        ("IP", b"\xc0\x00\x02\x01"),
        (0xA0, b"\x06\x02\x2a\x03\xa0\x02\x05\x00"),
    )
    info = csr.info(csr.name((("CN", "m"),)), POINT, san)
    names = b"".join(
        (
            item(0x82, b"m.example"),
            item(0x86, b"urn:meter:7"),
            item(0x81, b"m@example"),
            item(0x87, b"\xc0\x00\x02\x01"),
            item(0xA0, b"\x06\x02\x2a\x03\xa0\x02\x05\x00"),
        )
    )
    extension = item(0x30, unhex("0603551d11"), item(4, item(0x30, names)))
    attribute = item(0x30, unhex("06092a864886f70d01090e"), item(0x31, item(0x30, extension)))
    assert info[-len(attribute) :] == attribute


def test_names():
    name = csr.name((("C", "NL"), ("O", "Grid"), ("serialNumber", "A-1 (2)"), ("CN", "Zähler")))
    assert name == item(
        0x30,
        item(0x31, item(0x30, unhex("0603550406"), item(0x13, b"NL"))),
        item(0x31, item(0x30, unhex("060355040a"), item(0x0C, b"Grid"))),
        item(0x31, item(0x30, unhex("0603550405"), item(0x13, b"A-1 (2)"))),
        item(0x31, item(0x30, unhex("0603550403"), item(0x0C, "Zähler".encode()))),
    )
    assert minica.common_name(name) == "Zähler"
    for bad in (
        ("CN", ""),
        ("CN", "m" * 65),
        ("C", "NLD"),
        ("XX", "m"),
        ("serialNumber", "a_b"),
        ("serialNumber", "a*b"),
        ("serialNumber", "a;b"),
        ("serialNumber", "a@b"),
        ("serialNumber", "ü"),
    ):
        raises(ValueError, csr.name, (bad,))


def test_the_steps_of_it():
    """A signer that works in steps, or elsewhere: info() first, signed() when the signature is there."""
    subject = csr.name((("CN", "m"),))
    info = csr.info(subject, POINT)
    signature = sign(sha256(info).digest())
    assert csr.signed(info, signature) == csr.build(subject, POINT, sign)
    given = []
    csr.build(subject, POINT, lambda digest: given.append(digest) or b"")
    assert given == [sha256(info).digest()]


def test_bad_points():
    for point in (b"", POINT[1:], POINT + b"\0", b"\x02" + POINT[1:]):
        raises(ValueError, csr.spki, point)
        raises(ValueError, csr.build, csr.name((("CN", "m"),)), point, sign)


def test_a_subject_as_it_stands_elsewhere():
    subject = csr.name((("CN", "m"), ("OU", "n")))
    assert csr.info(memoryview(b"x" + subject)[1:], POINT) == csr.info(subject, POINT)
