"""-v and -vv never show a secret, whoever sent it."""

import os

import pytest
from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from serverkit import make_engine

from tools.refserver import direct, keyformats, trace, ttlv
from tools.refserver.cryptoenums import CryptographicAlgorithm as A
from tools.refserver.cryptoenums import KeyFormatType as F
from tools.refserver.direct import attribute, key_object, template
from tools.refserver.enums import ObjectType, Operation
from tools.refserver.tags import Tag as T

MASK = attribute("Cryptographic Usage Mask", ttlv.integer(T.STATE, 1))
EC = ec.generate_private_key(ec.SECP256R1())
RSA = rsa.generate_private_key(65537, 2048)


def number(value):
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def secrets_of(key):
    """The private numbers of a key, as bytes."""
    numbers = key.private_numbers()
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return [number(numbers.private_value)]
    return [number(value) for value in (
        numbers.p, numbers.q, numbers.d, numbers.dmp1, numbers.dmq1, numbers.iqmp)]


def pkcs8(key):
    return key.private_bytes(ser.Encoding.DER, ser.PrivateFormat.PKCS8, ser.NoEncryption())


RAW = os.urandom(16)
OBJECTS = {
    "raw": (ObjectType.SYMMETRIC_KEY, key_object(T.SYMMETRIC_KEY, F.RAW, RAW, A.AES, 128), [RAW]),
    "transparent": (ObjectType.SYMMETRIC_KEY, key_object(
        T.SYMMETRIC_KEY, F.TRANSPARENT_SYMMETRIC_KEY, ttlv.structure(
            T.KEY_MATERIAL, ttlv.byte_string(T.KEY, RAW)), A.AES, 128), [RAW]),
    "EC": (ObjectType.PRIVATE_KEY, key_object(T.PRIVATE_KEY, F.PKCS8, pkcs8(EC), A.ECDSA, 256),
           secrets_of(EC)),
    "EC transparent": (ObjectType.PRIVATE_KEY, key_object(
        T.PRIVATE_KEY, F.TRANSPARENT_EC_PRIVATE_KEY,
        keyformats.private_material(EC, F.TRANSPARENT_EC_PRIVATE_KEY), A.EC, 256),
        secrets_of(EC)),
    "RSA transparent": (ObjectType.PRIVATE_KEY, key_object(
        T.PRIVATE_KEY, F.TRANSPARENT_RSA_PRIVATE_KEY,
        keyformats.private_material(RSA, F.TRANSPARENT_RSA_PRIVATE_KEY), A.RSA, 2048),
        secrets_of(RSA)),
    "password": (ObjectType.SECRET_DATA, ttlv.structure(
        T.SECRET_DATA, ttlv.enumeration(T.SECRET_DATA_TYPE, 1),
        key_object(T.SYMMETRIC_KEY, F.RAW, b"correct horse").value[0]), [b"correct horse"]),
    "opaque": (ObjectType.OPAQUE_OBJECT, ttlv.structure(
        T.OPAQUE_OBJECT, ttlv.enumeration(T.OPAQUE_DATA_TYPE, 0x80000000),
        ttlv.byte_string(T.OPAQUE_DATA_VALUE, b"opaque secret")), [b"opaque secret"]),
}


def shown(*messages):
    return "\n".join(line for data in messages for line in trace.dump("message", data))


def assert_hidden(secret, text):
    for form in (secret.hex(), secret.hex().upper()):
        assert form not in text.replace("\n  ", "")
    assert str(int.from_bytes(secret, "big")) not in text
    assert repr(secret)[2:-1] not in text


@pytest.mark.parametrize("kind", OBJECTS)
def test_key_material_is_redacted_both_ways(tmp_path, kind):
    object_type, item, secrets = OBJECTS[kind]
    engine, caller = make_engine(tmp_path / "state")
    mask = [] if object_type == ObjectType.OPAQUE_OBJECT else [MASK]
    register = direct.request(14, (Operation.REGISTER, [
        ttlv.enumeration(T.OBJECT_TYPE, object_type), template(*mask), item]))
    answer = engine.handle(register, caller.identity)
    uid = direct.payload_of(ttlv.decode(answer).find(T.BATCH_ITEM)).find(T.UNIQUE_IDENTIFIER)
    get = direct.request(14, (Operation.GET, [uid]))
    got = engine.handle(get, caller.identity)
    assert all(secret in register and secret in got for secret in secrets)
    text = shown(register, answer, get, got)
    for secret in secrets:
        assert_hidden(secret, text)
    assert "***" in text and "Unique Identifier = '%s'" % uid.value in text
    line = trace.request_line("peer", engine.process(register, caller.identity), 1, 1, 0.1)
    for secret in secrets:
        assert_hidden(secret, line)
    engine.close()


def test_passwords_and_unknown_bytes_are_redacted():
    credential = ttlv.structure(
        T.CREDENTIAL, ttlv.enumeration(T.CREDENTIAL_TYPE, 1), ttlv.structure(
            T.CREDENTIAL_VALUE, ttlv.text(T.USERNAME, "me"), ttlv.text(T.PASSWORD, "hunter2")))
    text = shown(ttlv.encode(credential))
    assert "hunter2" not in text and b"hunter2".hex() not in text.lower()
    strange = ttlv.encode(ttlv.structure(T.VENDOR_EXTENSION, ttlv.byte_string(0x540001, RAW)))
    assert_hidden(RAW, shown(strange))


def test_public_keys_and_certificates_are_shown():
    der = keyformats.spki(EC.public_key())
    text = shown(ttlv.encode(key_object(T.PUBLIC_KEY, F.X509, der, A.ECDSA, 256)))
    assert der[:40].hex() in text


def test_what_cannot_be_read_is_not_shown():
    assert shown(b"\x42\x00\x43\x08\xff\xff\xff\xff" + RAW).count("\n") == 0
    assert_hidden(RAW, shown(b"\x42\x00\x43\x08\xff\xff\xff\xff" + RAW))
