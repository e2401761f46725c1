"""The certificate reader against `cryptography`: thousands of certificates, and what is left of them."""

import datetime
import random

import pytest
from cryptography import x509 as reference
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID
from hypothesis import given
from hypothesis import strategies as st
from random_certificates import Maker, der

from identity import rsa as our_rsa
from identity import x509
from identity.steps import run

COUNT = 3000

_KNOWN = {
    ExtensionOID.BASIC_CONSTRAINTS,
    ExtensionOID.KEY_USAGE,
    ExtensionOID.EXTENDED_KEY_USAGE,
    ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
    ExtensionOID.SUBJECT_KEY_IDENTIFIER,
    ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
}
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


@pytest.fixture(scope="module")
def one_maker():
    return Maker()


@pytest.fixture
def maker(one_maker, request):
    """The keys are made once, the seed is each test's own."""
    one_maker.random = random.Random(request.node.name)
    return one_maker


def moment(date):
    gone = date - _EPOCH
    return gone.days, gone.seconds


def extension(certificate, kind):
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except reference.ExtensionNotFound:
        return None


def key_usage_bits(usage):
    if usage is None:
        return -1
    flags = [
        usage.digital_signature,
        usage.content_commitment,
        usage.key_encipherment,
        usage.data_encipherment,
        usage.key_agreement,
        usage.key_cert_sign,
        usage.crl_sign,
        usage.key_agreement and usage.encipher_only,
        usage.key_agreement and usage.decipher_only,
    ]
    return sum(1 << bit for bit, flag in enumerate(flags) if flag)


def extended_usage_bits(usage):
    if usage is None:
        return -1
    bits = 0
    for oid in usage:
        if oid == ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE:
            bits |= 1
        elif oid.dotted_string.startswith("1.3.6.1.5.5.7.3.") and oid.dotted_string.count(".") == 8:
            number = int(oid.dotted_string.rsplit(".", 1)[1])
            bits |= 1 << number if number < 30 else 0
    return bits


def same(ours, theirs):
    """Every attribute of ours against the same certificate read by `cryptography`."""
    assert ours.tbs == theirs.tbs_certificate_bytes
    assert ours.signature == theirs.signature
    assert ours.issuer == theirs.issuer.public_bytes()
    assert ours.subject == theirs.subject.public_bytes()
    assert int.from_bytes(ours.serial, "big") == theirs.serial_number
    assert ours.not_before == moment(theirs.not_valid_before_utc)
    assert ours.not_after == moment(theirs.not_valid_after_utc)
    key = theirs.public_key()
    if ours.kind == "" and ours.key[0] in (2, 3, 6, 7):
        pass  # another form of a point
    elif isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        assert ours.kind == "P-256"
        assert ours.key == key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    elif isinstance(key, rsa.RSAPublicKey):
        assert ours.kind == "RSA"
        numbers = key.public_numbers()
        if numbers.n.bit_length() <= 4096 and numbers.e.bit_length() <= 32:
            assert our_rsa.numbers(ours.key) == (numbers.n, numbers.e)
        else:
            with pytest.raises(ValueError):
                our_rsa.numbers(ours.key)
    else:
        assert ours.kind == ""
    algorithms = {"1.2.840.10045.4.3.2": "P-256", "1.2.840.113549.1.1.11": "RSA"}
    assert ours.algorithm == algorithms.get(theirs.signature_algorithm_oid.dotted_string, "")

    basic = extension(theirs, reference.BasicConstraints)
    assert ours.is_ca == (basic is not None and basic.ca)
    limit = basic.path_length if basic else None
    assert ours.path_length == (-1 if limit is None else limit)
    assert ours.key_usage == key_usage_bits(extension(theirs, reference.KeyUsage))
    assert ours.extended_usage == extended_usage_bits(extension(theirs, reference.ExtendedKeyUsage))
    identifier = extension(theirs, reference.SubjectKeyIdentifier)
    assert ours.subject_key_id == (identifier.digest if identifier else None)
    authority = extension(theirs, reference.AuthorityKeyIdentifier)
    assert ours.authority_key_id == (authority.key_identifier if authority else None)
    unknown = [e.oid for e in theirs.extensions if e.critical and e.oid not in _KNOWN]
    if unknown:
        assert oid_octets(unknown[0]) == ours.unknown_critical
    else:
        assert ours.unknown_critical is None


def oid_octets(oid):
    first, second, *rest = [int(arc) for arc in oid.dotted_string.split(".")]
    octets = b""
    for arc in (first * 40 + second, *rest):
        part = [arc & 127]
        while arc := arc >> 7:
            part.insert(0, 128 | arc & 127)
        octets += bytes(part)
    return octets


def test_thousands_of_certificates_read_alike(maker):
    for _ in range(COUNT):
        certificate = maker.certificate()
        octets = der(certificate)
        same(x509.Certificate(octets), certificate)


def test_any_buffer(maker):
    octets = der(maker.certificate())
    padded = b"xx" + octets + b"yyy"
    for buffer in (bytearray(octets), memoryview(octets), memoryview(padded)[2:-3]):
        assert x509.Certificate(buffer).tbs == x509.Certificate(octets).tbs


def authority(maker, key, ca=True, **usage):
    """A self-signed authority of a random name that says what it may do."""
    kinds = "digital_signature content_commitment key_encipherment data_encipherment key_agreement"
    kinds += " key_cert_sign crl_sign encipher_only decipher_only"
    flags = dict.fromkeys(kinds.split(), False)
    flags["key_cert_sign"] = flags["crl_sign"] = True
    flags.update(usage)
    name = maker.name()
    return (
        reference.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.datetime(2024, 1, 1))
        .not_valid_after(datetime.datetime(2044, 1, 1))
        .add_extension(reference.BasicConstraints(ca, None), True)
        .add_extension(reference.KeyUsage(**flags), True)
        .sign(key, hashes.SHA256())
    )


def test_signatures_of_issuers(maker):
    authorities = []
    for key in [*maker.ec, *maker.rsa.values()]:
        certificate = authority(maker, key)
        ours = x509.Certificate(der(certificate))
        assert run(ours.signed_by(ours))
        authorities.append((key, certificate, ours))
    for index in range(84):
        key, certificate, ours = authorities[index % len(authorities)]
        octets = bytearray(der(maker.certificate(key, certificate.subject)))
        leaf = x509.Certificate(octets)
        assert run(leaf.signed_by(ours))
        assert not run(leaf.signed_by(authorities[(index + 1) % len(authorities)][2]))
        # One bit of what is signed, or of the signature, is turned
        at = maker.random.randrange(4, len(octets))
        octets[at] ^= 1 << maker.random.randrange(8)
        try:
            changed = x509.Certificate(octets)
        except ValueError:
            continue
        assert not run(changed.signed_by(ours))


def test_who_may_not_sign(maker):
    """The right key and name are not enough: an authority, with keyCertSign, of a known algorithm."""
    key = maker.ec[0]
    for changes in ({"ca": False}, {"key_cert_sign": False, "digital_signature": True}):
        certificate = authority(maker, key, **changes)
        leaf = x509.Certificate(der(maker.certificate(key, certificate.subject)))
        assert not run(leaf.signed_by(x509.Certificate(der(certificate))))
    for key in (maker.odd_rsa, maker.others[0]):
        certificate = authority(maker, key)
        leaf = x509.Certificate(der(maker.certificate(key, certificate.subject)))
        assert not run(leaf.signed_by(x509.Certificate(der(certificate))))


def test_names_compare_by_value(maker):
    """An authority may turn PrintableString into UTF8String; it may not change a letter or the order."""
    for _ in range(300):
        name = maker.name()
        octets = name.public_bytes()
        assert x509.same_name(memoryview(octets), octets)
        turned = reference.Name(
            [
                reference.RelativeDistinguishedName(
                    [
                        reference.NameAttribute(a.oid, a.value, _ASN1Type.UTF8String, _validate=False)
                        for a in rdn
                    ]
                )
                for rdn in name.rdns
            ]
        ).public_bytes()
        if all(len(rdn) == 1 for rdn in name.rdns):  # else the SET is in another order
            assert x509.same_name(octets, turned) and x509.same_name(turned, octets)
        changed = bytearray(octets)
        changed[-1] ^= 1
        assert not x509.same_name(octets, changed)
        other = maker.name()
        if x509.same_name(octets, other.public_bytes()):
            assert reference_texts(name) == reference_texts(other)


def reference_texts(name):
    return [sorted((a.oid.dotted_string, a.value) for a in rdn) for rdn in name.rdns]


@pytest.mark.filterwarnings("ignore")  # the reference says what it thinks of some mutations
@pytest.mark.parametrize("seed", range(3))
def test_mutations(maker, seed):
    """A changed certificate is ValueError, or reads as `cryptography` reads it.

    Only parts that are never looked at here (alphabets of strings, the inside of alternative names, of
    unknown keys and of policies) may be wrong and pass. What is refused here and taken there are
    signature algorithms that differ and negative or long serial numbers, and key usage that is no DER.
    """
    r = maker.random
    alike = unread = refused = 0
    for _ in range(100):
        octets = der(maker.certificate())
        for _ in range(100):
            changed = mutate(r, octets)
            try:
                ours = x509.Certificate(changed)
            except ValueError:
                refused += 1
                continue
            try:
                theirs = reference.load_der_x509_certificate(bytes(changed))
                parts = theirs.extensions, theirs.subject, theirs.issuer, theirs.public_key()
            except (ValueError, TypeError, UnsupportedAlgorithm, reference.UnsupportedGeneralNameType):
                unread += 1
                continue
            assert all(parts[1:])
            same(ours, theirs)
            alike += 1
    print("alike %d, refused %d, unread parts wrong %d" % (alike, refused, unread))
    assert alike > 1000 and refused > 1000 and unread < alike


def mutate(r, octets):
    octets = bytearray(octets)
    for _ in range(r.choice((1, 1, 1, 2, 5))):
        kind = r.randrange(7)
        at = r.randrange(len(octets) or 1)
        octets = octets or bytearray(1)
        if kind < 3:
            octets[at] ^= 1 << r.randrange(8)
        elif kind == 3:
            octets[at] = r.choice((0, 1, 0x7F, 0x80, 0x81, 0x82, 0x84, 0xFF, 0x30, 0x1F))
        elif kind == 4:
            del octets[at : at + r.randrange(1, 9)]
        elif kind == 5:
            octets[at:at] = r.randbytes(r.randrange(1, 9))
        else:
            del octets[at + 1 :]
    return octets


@given(st.binary(max_size=300))
def test_noise_is_value_error(octets):
    with pytest.raises(ValueError):
        x509.Certificate(octets)
