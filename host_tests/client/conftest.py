"""Fixtures of the client's tests over TLS."""

import keep
import kit
import pytest
from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.asymmetric import ec, rsa


@pytest.fixture(scope="session")
def pki():
    return kit.Pki()


@pytest.fixture(params=["CPython", "unix64", "unix32"])
def runtime(request):
    """CPython and each of the Unix ports in turn."""
    return kit.Runtime(request.param)


def hexed(data):
    return {"hex": data.hex()}


def big(number):
    """A positive number as two's complement."""
    return hexed(number.to_bytes(number.bit_length() // 8 + 1, "big"))


@pytest.fixture(scope="session")
def material():
    """Keys in every form, as keep.py takes them."""
    one = rsa.generate_private_key(65537, 1024)
    other = ec.generate_private_key(ec.SECP256R1())
    n, p = one.private_numbers(), other.private_numbers()

    def private(key, form):
        return hexed(key.private_bytes(ser.Encoding.DER, form, ser.NoEncryption()))

    def public(key, form, encoding=ser.Encoding.DER):
        return hexed(key.public_key().public_bytes(encoding, form))

    return {
        "PKCS#1 public": public(one, ser.PublicFormat.PKCS1),
        "X.509 of RSA": public(one, ser.PublicFormat.SubjectPublicKeyInfo),
        "X.509 of EC": public(other, ser.PublicFormat.SubjectPublicKeyInfo),
        "PKCS#1 private": private(one, ser.PrivateFormat.TraditionalOpenSSL),
        "PKCS#8 of RSA": private(one, ser.PrivateFormat.PKCS8),
        "PKCS#8 of EC": private(other, ser.PrivateFormat.PKCS8),
        "ECPrivateKey": private(other, ser.PrivateFormat.TraditionalOpenSSL),
        "RSA private": [big(each) for each in (
            n.public_numbers.n, n.d, n.public_numbers.e, n.p, n.q, n.dmp1, n.dmq1, n.iqmp)],
        "RSA public": [big(n.public_numbers.n), big(n.public_numbers.e)],
        "EC private": [keep.P256, big(p.private_value)],
        "EC public": [keep.P256, public(other, ser.PublicFormat.UncompressedPoint, ser.Encoding.X962)],
    }
