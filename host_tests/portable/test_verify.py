"""What a new certificate has to be before it is used."""

import minica
from fakeworld import DAY, NAME, T0

from identity import csr, p256, steps, verify, x509

ca = minica.CA()
SUBJECT = csr.name((("CN", NAME),))
BEGIN, END = T0, T0 + 30 * DAY


def made(kind="", subject=SUBJECT, begin=BEGIN, end=END):
    return ca.issue(subject, minica.key("device")[1], begin, end, kind, END)


def judge(der, issuers=None, after=(0, 0), subject=SUBJECT):
    issuers = [ca.anchor] if issuers is None else issuers
    return steps.run(verify.certificate(der, minica.key("device")[1], subject, issuers, after))


def moment(seconds):
    return divmod(seconds, DAY)


def test_good():
    fault, begin, signer = judge(made())
    assert (fault, begin, signer) == ("", moment(BEGIN), 0)
    assert judge(bytearray(made()))[0] == "" and judge(memoryview(made()))[0] == ""


FAULTS = {
    "wrong key": "for another key",
    "foreign subject": "for another subject",
    "wrong issuer": verify.UNKNOWN_ISSUER,
    "forged issuer": verify.UNKNOWN_ISSUER,
    "broken signature": verify.UNKNOWN_ISSUER,
    "an authority": "of a certification authority",
    "no clientAuth": "not for client authentication",
    "no extended usage": "not for client authentication",
    "no digitalSignature": "not for digital signatures",
    "no key usage": "not for digital signatures",
    "expired": "ends no later than the old one, or before now",
    "ends early": "ends no later than the old one, or before now",
    "unknown critical": "a critical extension is unknown",
    "garbage": "malformed",
    "truncated": "malformed",
    "empty": "malformed",
    "trailing": "malformed",
}


def test_each_fault_is_named():
    assert sorted(FAULTS) == sorted(minica.BAD)
    for kind in minica.BAD:
        fault, begin, _ = judge(made(kind), after=moment(END if kind == "ends early" else END - 1))
        assert fault.startswith(FAULTS[kind]), (kind, fault)
        assert begin is None


def test_it_must_outlast():
    for end, good in ((END - 1, False), (END, False), (END + 1, True), (253402300799, True)):
        assert (judge(made(end=end), after=moment(END))[0] == "") is good


def test_no_date_is_compared_with_a_clock():
    assert judge(made("not yet valid"))[0] == ""


def test_any_of_the_anchors():
    other = minica.CA("Other CA")
    assert judge(made(), [other.anchor, ca.anchor]) == ("", moment(BEGIN), 1)
    assert judge(made(), [other.anchor])[0] == verify.UNKNOWN_ISSUER
    assert judge(made(), [])[0] == verify.UNKNOWN_ISSUER
    assert judge(made(), [b"no certificate"])[0].startswith("malformed")
    cross = other.cross(ca)  # the same name and key, signed by another
    assert judge(made(), [cross])[0] == ""


def test_an_anchor_has_to_be_an_authority():
    secret, point = minica.key("Meter CA")
    no_signing = minica.extension(19, b"\x30\x03\x01\x01\xff") + minica.extension(15, b"\x03\x02\x07\x80")
    for extensions in (minica.client_extensions(), no_signing):
        anchor = minica.certificate(ca.name, secret, 9, ca.name, point, BEGIN, END, extensions)
        assert judge(made(), [anchor])[0] == verify.UNKNOWN_ISSUER


def test_subject_by_value():
    printable = SUBJECT.replace(b"\x0c", b"\x13", 1)  # another string type says the same
    assert printable != SUBJECT and judge(made(subject=printable))[0] == ""
    for name in ("meter-0002", "meter-00011", "METER-0001"):
        assert judge(made(subject=csr.name((("CN", name),))))[0] == "for another subject"
    two = csr.name((("CN", NAME), ("O", "Somebody")))
    assert judge(made(subject=two))[0] == "for another subject"
    assert judge(made(subject=two), subject=two)[0] == ""


def test_any_octet():
    # Whatever is changed, it is refused, and nothing but a word comes of it.
    der = made()
    signed = bytes(x509.Certificate(der).tbs)
    for at in range(0, len(der), 5):
        changed = bytearray(der)
        changed[at] ^= 1 << at % 8
        assert judge(changed, after=moment(BEGIN))[0] != "", at
    assert len(signed) < len(der)


def test_any_length():
    der = made()
    for length in range(0, len(der), 3):
        assert judge(der[:length])[0].startswith("malformed")


def test_anything_for_anybody_counts_as_client():
    secret = ca.secret
    point = minica.key("device")[1]
    extensions = minica.extension(15, b"\x03\x02\x07\x80", True) + minica.extension(
        37, b"\x30\x06\x06\x04\x55\x1d\x25\x00"
    )
    der = minica.certificate(ca.name, secret, 5, SUBJECT, point, BEGIN, END, extensions)
    assert judge(der)[0] == ""


def test_the_key_of_another_curve():
    # A point of the right length that is said to be of another curve is not our key's type.
    curve = b"\x06\x08*\x86H\xce=\x03\x01"
    der = made().replace(curve + b"\x07\x03\x42", curve + b"\x06\x03\x42")
    c = x509.Certificate(der)
    assert c.kind == "" and judge(der)[0] != ""
    assert p256.read(p256.sec1(*minica.key("device")))[1] == bytes(c.key)
