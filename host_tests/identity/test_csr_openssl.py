"""Certification requests: accepted, and read back, by OpenSSL's command and by `cryptography`."""

import ipaddress
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID, ObjectIdentifier
from hypothesis import given, settings
from hypothesis import strategies as st

from identity import csr, p256
from identity.steps import run

SECRET, POINT = run(p256.generate())


def sign(digest):
    return run(p256.sign(SECRET, digest))


def openssl(*arguments):
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_openssl_takes_it(tmp_path):
    path = tmp_path / "request.der"
    subject = csr.name((("C", "NL"), ("O", "North Grid"), ("OU", "Meters"), ("serialNumber", "0042")))
    names = (
        ("DNS", "meter-0042.example"),
        ("URI", "urn:meter:42"),
        ("email", "m@example.org"),
        ("IP", bytes((192, 0, 2, 1))),
        (0xA0, b"\x06\x08+\x06\x01\x05\x05\x07\x08\x04\xa0\x04\x04\x02\x01\x02"),
    )
    for san in ((), names[:1], names):
        path.write_bytes(csr.build(subject, POINT, sign, san))
        text = openssl("req", "-inform", "DER", "-in", path, "-verify", "-noout", "-text")
        assert "verify OK" in text
        assert "C = NL, O = North Grid, OU = Meters, serialNumber = 0042" in text
        assert ("DNS:meter-0042.example" in text) == bool(san)
        if len(san) > 1:
            assert "URI:urn:meter:42, email:m@example.org, IP Address:192.0.2.1, othername:" in text


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=64)
printable = st.text("abcXYZ019 '()+,-./:=?", min_size=1, max_size=64)
hosts = st.from_regex(r"\A[a-z][a-z0-9-]{0,30}(\.[a-z]{2,9}){0,3}\Z")


@settings(max_examples=60, deadline=None)
@given(texts, texts, printable, st.lists(hosts, max_size=8), st.lists(hosts, max_size=3))
def test_cryptography_reads_what_was_written(common, unit, number, dns, uris):
    subject = csr.name((("OU", unit), ("serialNumber", number), ("CN", common)))
    san = [("DNS", host) for host in dns] + [("URI", "urn:" + host) for host in uris]
    request = x509.load_der_x509_csr(csr.build(subject, POINT, sign, san))
    assert request.is_signature_valid
    assert [(a.oid, a.value) for a in request.subject] == [
        (NameOID.ORGANIZATIONAL_UNIT_NAME, unit),
        (NameOID.SERIAL_NUMBER, number),
        (NameOID.COMMON_NAME, common),
    ]
    key = request.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert key == csr.spki(POINT)
    if san:
        names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert names.get_values_for_type(x509.DNSName) == dns
        uris = ["urn:" + host for host in uris]
        assert names.get_values_for_type(x509.UniformResourceIdentifier) == uris
    else:
        assert not list(request.extensions)


def test_other_names():
    address = ipaddress.ip_address("2001:db8::1")
    other = x509.OtherName(ObjectIdentifier("1.3.6.1.4.1.99.1"), b"\x04\x01x")
    san = (("IP", address.packed), (0xA0, b"\x06\x07+\x06\x01\x04\x01\x63\x01\xa0\x03\x04\x01x"))
    octets = csr.build(csr.name((("CN", "m"),)), POINT, sign, san)
    names = x509.load_der_x509_csr(octets).extensions[0].value
    assert list(names) == [x509.IPAddress(address), other]


def test_the_subject_of_a_certificate_is_taken_over():
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "meter-7")]).public_bytes()
    request = x509.load_der_x509_csr(csr.build(memoryview(name), POINT, sign))
    assert request.subject.public_bytes() == name


@pytest.mark.parametrize(
    "attributes",
    [(("XX", "a"),), (("CN", ""),), (("CN", "m" * 65),), (("C", "NLD"),), (("serialNumber", "ü"),)],
)
def test_subjects_that_are_refused(attributes):
    with pytest.raises(ValueError):
        csr.name(attributes)
