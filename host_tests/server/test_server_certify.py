"""Certify and Re-certify (KMIP 1.x §4.7, §4.8, errors §11.8, §11.9)."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from serverkit import Clock, make_engine

from tools.refserver import direct, policy, ttlv
from tools.refserver.cryptoenums import CryptographicAlgorithm, KeyFormatType
from tools.refserver.direct import Direct, attribute, name_item, template
from tools.refserver.enums import CertificateRequestType, LinkType, ObjectType, Operation, State
from tools.refserver.enums import ResultReason as R
from tools.refserver.errors import KmipError
from tools.refserver.keyformats import spki
from tools.refserver.tags import Tag as T

START = 1_700_000_000


@pytest.fixture
def meter(tmp_path):
    """A caller with .clock, .key and .public (the UID of its public key)."""
    clock = Clock(START)
    engine, caller = make_engine(tmp_path / "state", clock, life=1000)
    caller.clock = clock
    caller.key = ec.generate_private_key(ec.SECP256R1())
    caller.public = register_public(caller, caller.key)
    yield caller
    engine.close()


def register_public(caller, key, *extra, algorithm=CryptographicAlgorithm.ECDSA, bits=256):
    return caller.register(
        ObjectType.PUBLIC_KEY,
        direct.key_object(T.PUBLIC_KEY, KeyFormatType.X509, spki(key.public_key()), algorithm, bits),
        attribute("Cryptographic Usage Mask", ttlv.integer(T.CRYPTOGRAPHIC_USAGE_MASK, 2)),
        *extra)


def name(*common_names, more=()):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, cn) for cn in common_names]
                     + list(more))


def csr(key, subject=None, extensions=(), algorithm=None):
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        name("meter-0001") if subject is None else subject)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(key, algorithm or hashes.SHA256()).public_bytes(ser.Encoding.DER)


def request_items(data, kind=CertificateRequestType.PKCS10):
    return [ttlv.enumeration(T.CERTIFICATE_REQUEST_TYPE, kind),
            ttlv.byte_string(T.CERTIFICATE_REQUEST, data)]


def uid_item(uid):
    return ttlv.text(T.UNIQUE_IDENTIFIER, uid)


def certify(caller, uid, *payload):
    return caller.call(Operation.CERTIFY, uid_item(uid), *payload).find(
        T.UNIQUE_IDENTIFIER).value


def recertify(caller, uid, *payload):
    return caller.call(Operation.RE_CERTIFY, uid_item(uid), *payload).find(
        T.UNIQUE_IDENTIFIER).value


def failure(function, *args):
    with pytest.raises(KmipError) as caught:
        function(*args)
    return caught.value.reason


def certificate(caller, uid):
    payload = caller.call(Operation.GET, uid_item(uid))
    value = payload.find(T.CERTIFICATE).find(T.CERTIFICATE_VALUE).value
    return x509.load_der_x509_certificate(value)


def attributes(caller, uid):
    """{name: [plain values]} of an object."""
    found = {}
    for item in caller.call(Operation.GET_ATTRIBUTES, uid_item(uid)).value[1:]:
        value = item.find(T.ATTRIBUTE_VALUE)
        plain = value.value if value.type != ttlv.STRUCTURE else tuple(
            sub.value for sub in value.value)
        found.setdefault(item.find(T.ATTRIBUTE_NAME).value, []).append(plain)
    return found


def date(label, value):
    return attribute(label, ttlv.date_time(T.ACTIVATION_DATE, value))


def named(text):
    return attribute("Name", name_item(text))


def test_the_certificate_is_what_a_meter_needs(meter):
    new = certificate(meter, certify(meter, meter.public, *request_items(csr(meter.key))))
    ca = meter.engine.meter_ca.certificate
    new.verify_directly_issued_by(ca)
    assert new.subject == name("meter-0001")
    assert new.public_key() == meter.key.public_key()
    assert 2**64 <= new.serial_number < 2**159
    assert new.not_valid_before_utc.timestamp() == START
    assert new.not_valid_after_utc.timestamp() == START + 1000
    extensions = new.extensions
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    usage = extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature and not usage.key_cert_sign and not usage.key_agreement
    assert list(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [
        ExtendedKeyUsageOID.CLIENT_AUTH]
    assert extensions.get_extension_for_class(
        x509.AuthorityKeyIdentifier).value.key_identifier == ca.extensions.get_extension_for_class(
        x509.SubjectKeyIdentifier).value.digest
    extensions.get_extension_for_class(x509.SubjectKeyIdentifier)


@pytest.mark.parametrize("kind", ["EC", "RSA"])
def test_small_keys_are_not_certified(meter, kind):
    key, algorithm, bits = {
        "EC": (ec.generate_private_key(ec.SECP192R1()), CryptographicAlgorithm.ECDSA, 192),
        "RSA": (rsa.generate_private_key(65537, 1024), CryptographicAlgorithm.RSA, 1024)}[kind]
    public = register_public(meter, key, algorithm=algorithm, bits=bits)
    kind = template(attribute("Certificate Type", ttlv.enumeration(T.CERTIFICATE_TYPE, 1)))
    assert failure(certify, meter, public, *request_items(csr(key))) in (R.PERMISSION_DENIED, R.INVALID_FIELD)
    assert failure(certify, meter, public, kind) == R.PERMISSION_DENIED


def test_requested_extensions_are_ignored(meter):
    greedy = csr(meter.key, extensions=(
        x509.BasicConstraints(ca=True, path_length=None),
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])))
    new = certificate(meter, certify(meter, meter.public, *request_items(greedy)))
    assert not new.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert list(new.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [
        ExtendedKeyUsageOID.CLIENT_AUTH]


def test_links_of_certify_and_the_state_from_the_dates(meter):
    uid = certify(meter, meter.public, *request_items(csr(meter.key)))
    assert attributes(meter, uid)["Link"] == [(LinkType.PUBLIC_KEY_LINK, meter.public)]
    assert attributes(meter, meter.public)["Link"] == [(LinkType.CERTIFICATE_LINK, uid)]
    assert attributes(meter, uid)["State"] == [State.PRE_ACTIVE]  # no Activation Date was given
    active = certify(meter, meter.public, *request_items(csr(meter.key)), template(
        date("Activation Date", START)))
    assert attributes(meter, active)["State"] == [State.ACTIVE]
    assert attributes(meter, meter.public)["Link"] == [(LinkType.CERTIFICATE_LINK, active)]


def test_certify_without_a_request_needs_a_certificate_type(meter):
    assert failure(certify, meter, meter.public) == R.INVALID_MESSAGE
    kind = attribute("Certificate Type", ttlv.enumeration(T.CERTIFICATE_TYPE, 1))
    new = certificate(meter, certify(meter, meter.public, template(kind)))
    assert new.subject == name("meter-0001")
    assert new.public_key() == meter.key.public_key()
    older = Direct(meter.engine, meter.identity, 10)
    assert failure(certify, older, meter.public, template(kind)) == R.INVALID_MESSAGE
    pgp = attribute("Certificate Type", ttlv.enumeration(T.CERTIFICATE_TYPE, 2))
    assert failure(certify, meter, meter.public, template(pgp)) == R.INVALID_FIELD


def test_a_request_must_be_signed_and_for_this_key(meter):
    other = ec.generate_private_key(ec.SECP256R1())
    good = csr(meter.key)
    spoiled = bytearray(good)
    spoiled[-1] ^= 1
    wrong = {
        "another key": csr(other),
        "a spoiled signature": bytes(spoiled),
        "no request at all": b"0\x03\x02\x01\x00",
        "a SHA-1 signature": csr_sha1(meter.key),
    }
    for what, data in wrong.items():
        assert failure(certify, meter, meter.public, *request_items(data)) == R.INVALID_FIELD, what
    for kind in (CertificateRequestType.CRMF, CertificateRequestType.PGP):
        assert failure(certify, meter, meter.public, *request_items(good, kind)) == R.INVALID_FIELD
    assert failure(certify, meter, meter.public, request_items(good)[0]) == R.INVALID_MESSAGE
    assert failure(certify, meter, meter.public, request_items(good)[1]) == R.INVALID_MESSAGE
    pem = x509.load_der_x509_csr(good).public_bytes(ser.Encoding.PEM)
    certify(meter, meter.public, *request_items(pem, CertificateRequestType.PEM))


def csr_sha1(key):
    """cryptography signs no request with SHA-1, so the algorithm is swapped and signed by hand."""
    tbs = x509.load_der_x509_csr(csr(key)).tbs_certrequest_bytes
    signature = key.sign(tbs, ec.ECDSA(hashes.SHA1()))
    algorithm = bytes.fromhex("300906072a8648ce3d0401")  # ecdsa-with-SHA1
    bits = b"\x03" + bytes([len(signature) + 1]) + b"\0" + signature
    body = tbs + algorithm + bits
    return b"\x30\x81" + bytes([len(body)]) + body if len(body) > 127 else (
        b"\x30" + bytes([len(body)]) + body)


@pytest.mark.parametrize("subject", [
    name("meter-0002"), name(), name("meter-0001", "meter-0002"), name("meter-0001", "meter-0001"),
    name("METER-0001"), name("meter-0001 "),
    name("meter-0001", more=[x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Other Utility")]),
])
def test_no_meter_is_certified_under_another_name(meter, subject):
    data = csr(meter.key, subject)
    assert failure(certify, meter, meter.public, *request_items(data)) == R.PERMISSION_DENIED
    uid = certify(meter, meter.public, *request_items(csr(meter.key)))
    assert failure(recertify, meter, uid, *request_items(data)) == R.PERMISSION_DENIED


def test_alternative_names_only_if_they_are_its_own(meter):
    def with_san(*names):
        return csr(meter.key, extensions=[x509.SubjectAlternativeName(names)])
    for stranger in (x509.DNSName("meter-0002"), x509.RFC822Name("a@b.example"),
                     x509.DirectoryName(name("meter-0002"))):
        assert failure(certify, meter, meter.public,
                       *request_items(with_san(stranger))) == R.PERMISSION_DENIED
    own = with_san(x509.DNSName("meter-0001"))
    new = certificate(meter, certify(meter, meter.public, *request_items(own)))
    san = new.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(san) == [x509.DNSName("meter-0001")]


def test_what_cannot_be_certified(meter):
    uid = certify(meter, meter.public, *request_items(csr(meter.key)))
    data = request_items(csr(meter.key))
    assert failure(certify, meter, uid, *data) == R.PERMISSION_DENIED  # a certificate
    assert failure(recertify, meter, meter.public, *data) == R.PERMISSION_DENIED  # a public key
    assert failure(certify, meter, "nothing", *data) == R.ITEM_NOT_FOUND
    compromise = ttlv.structure(
        T.REVOCATION_REASON, ttlv.enumeration(T.REVOCATION_REASON_CODE, 2))
    meter.call(Operation.REVOKE, uid_item(meter.public), compromise)
    assert failure(certify, meter, meter.public, *data) == R.PERMISSION_DENIED
    assert failure(recertify, meter, uid, *data) == R.PERMISSION_DENIED  # its key is compromised


def first_certificate(meter, *extra):
    return certify(meter, meter.public, *request_items(csr(meter.key)), template(
        attribute("Cryptographic Usage Mask", ttlv.integer(T.CRYPTOGRAPHIC_USAGE_MASK, 3)),
        *extra))


def test_recertify_moves_the_name_and_links_the_chain(meter):
    old = first_certificate(
        meter, named("the certificate"), date("Activation Date", START),
        attribute("x-site", ttlv.text(T.ATTRIBUTE_VALUE, "cellar")))
    meter.clock.now += 100
    new = recertify(meter, old, *request_items(csr(meter.key)), ttlv.interval(T.OFFSET, 0))
    was, now = attributes(meter, old), attributes(meter, new)
    assert "Name" not in was
    assert now["Name"] == [("the certificate", 1)]
    assert set(was["Link"]) == {(LinkType.PUBLIC_KEY_LINK, meter.public),
                                (LinkType.REPLACEMENT_OBJECT_LINK, new)}
    assert set(now["Link"]) == {(LinkType.PUBLIC_KEY_LINK, meter.public),
                                (LinkType.REPLACED_OBJECT_LINK, old)}
    assert attributes(meter, meter.public)["Link"] == [(LinkType.CERTIFICATE_LINK, new)]
    assert now["x-site"] == ["cellar"]
    assert now["Cryptographic Usage Mask"] == [3]
    assert now["Initial Date"] == now["Last Change Date"] == [START + 100]
    assert now["Activation Date"] == [START + 100]
    assert now["State"] == [State.ACTIVE]
    assert was["State"] == [State.ACTIVE] and was["Last Change Date"] == [START + 100]
    assert now["Digest"] != was["Digest"]
    located = meter.call(Operation.LOCATE, named("the certificate"))
    assert [item.value for item in located.value[1:]] == [new]
    before, after = certificate(meter, old), certificate(meter, new)
    assert after.public_key() == before.public_key()
    assert after.serial_number != before.serial_number
    assert after.not_valid_after_utc.timestamp() == START + 1100


def test_a_certificate_is_renewed_once_and_the_end_of_the_chain_is_next(meter):
    first = first_certificate(meter, date("Activation Date", START))
    second = recertify(meter, first)
    with pytest.raises(KmipError, match=second) as caught:
        recertify(meter, first)
    assert caught.value.reason == R.PERMISSION_DENIED
    third = recertify(meter, second)
    assert (LinkType.REPLACEMENT_OBJECT_LINK, third) in attributes(meter, second)["Link"]


OFFSETS = [
    # AT1, DT1, Offset, AT2, DT2 (relative to START; the renewal is at START + 100)
    (0, 500, 0, 100, 600),
    (0, 500, 50, 150, 650),
    (-40, 500, 7, 107, 647),
    (0, None, 50, 150, None),
    (None, 500, 50, None, 500),
    (0, 500, None, 0, 500),
    (None, None, None, None, None),
]


@pytest.mark.parametrize("at1, dt1, offset, at2, dt2", OFFSETS)
def test_the_dates_of_a_renewed_certificate(meter, at1, dt1, offset, at2, dt2):
    dates = [date(label, START + value)
             for label, value in (("Activation Date", at1), ("Deactivation Date", dt1))
             if value is not None]
    old = first_certificate(meter, *dates)
    meter.clock.now += 100
    new = recertify(meter, old, *(
        [] if offset is None else [ttlv.interval(T.OFFSET, offset)]))
    found = attributes(meter, new)
    for label, value in (("Activation Date", at2), ("Deactivation Date", dt2)):
        assert found.get(label) == (None if value is None else [START + value])
    if at2 is not None and at2 > 100:
        assert found["State"] == [State.PRE_ACTIVE]
        assert certificate(meter, new).not_valid_before_utc.timestamp() == START + at2


def test_offset_and_dates_exclude_each_other(meter):
    old = first_certificate(meter, date("Activation Date", START))
    for label in ("Activation Date", "Deactivation Date"):
        assert failure(recertify, meter, old, ttlv.interval(T.OFFSET, 0), template(
            date(label, START + 900))) == R.INVALID_MESSAGE
    new = recertify(meter, old, template(date("Activation Date", START + 300)))
    assert attributes(meter, new)["Activation Date"] == [START + 300]


def test_dates_out_of_range(meter):
    far = template(date("Activation Date", 2**63 - 1))
    assert failure(certify, meter, meter.public, *request_items(csr(meter.key)), far) == (
        R.INVALID_FIELD)
    old = first_certificate(meter, date("Activation Date", -2**63),
                            date("Deactivation Date", 2**63 - 1))
    for offset in (0, 2**32 - 1):
        assert failure(recertify, meter, old, ttlv.interval(T.OFFSET, offset)) == R.INVALID_FIELD


def test_recertify_keeps_the_key(meter):
    old = first_certificate(meter)
    other = ec.generate_private_key(ec.SECP256R1())
    assert failure(recertify, meter, old, *request_items(csr(other))) == R.INVALID_FIELD
    assert "Link" in attributes(meter, old)
    assert (LinkType.REPLACEMENT_OBJECT_LINK not in
            [kind for kind, _ in attributes(meter, old)["Link"]])


def test_a_revoked_certificate_is_not_renewed(meter):
    old = first_certificate(meter, date("Activation Date", START))
    reason = ttlv.structure(T.REVOCATION_REASON, ttlv.enumeration(T.REVOCATION_REASON_CODE, 5))
    meter.call(Operation.REVOKE, uid_item(old), reason)
    assert failure(recertify, meter, old) == R.PERMISSION_DENIED


def test_register_certify_get_in_one_message(meter):
    """First enrolment: the ID Placeholder leads from the public key to the certificate."""
    identity = meter.engine.add_device("meter-0001", "bootstrap-1", policy.BOOTSTRAP)
    fresh = Direct(meter.engine, identity, 12)
    key = ec.generate_private_key(ec.SECP256R1())
    answer = fresh.send(
        (Operation.REGISTER, [
            ttlv.enumeration(T.OBJECT_TYPE, ObjectType.PUBLIC_KEY),
            template(attribute("Cryptographic Usage Mask",
                               ttlv.integer(T.CRYPTOGRAPHIC_USAGE_MASK, 2)), named("pk")),
            direct.key_object(T.PUBLIC_KEY, KeyFormatType.X509, spki(key.public_key()),
                              CryptographicAlgorithm.ECDSA, 256)]),
        (Operation.CERTIFY, request_items(csr(key))),
        (Operation.GET, []), ordered=True)
    items = [item for item in answer.value if item.tag == T.BATCH_ITEM]
    got = direct.payload_of(items[2]).find(T.CERTIFICATE).find(T.CERTIFICATE_VALUE).value
    assert x509.load_der_x509_certificate(got).public_key() == key.public_key()
    assert failure(fresh.call, Operation.CREATE_KEY_PAIR) == R.PERMISSION_DENIED


def test_requests_that_break_off_anywhere(meter):
    """Every third byte of a certificate request changed: refused, never a defect, nothing issued."""
    whole = csr(meter.key)
    for position in range(0, len(whole), 3):
        broken = bytearray(whole)
        broken[position] ^= 0x2E
        assert failure(certify, meter, meter.public, *request_items(bytes(broken))) == R.INVALID_FIELD
