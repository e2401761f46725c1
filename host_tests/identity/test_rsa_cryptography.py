"""RSA signatures against `cryptography`, and blocks that a lenient check would take."""

import hashlib

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from identity import rsa as ours
from identity.steps import run

DIGEST = hashlib.sha256(b"message").digest()
INFO = bytes.fromhex("3031300d060960864801650304020105000420")


@pytest.fixture(scope="module")
def keys():
    return {bits: rsa.generate_private_key(65537, bits) for bits in (2048, 2056, 3072, 4096)}


def public(key):
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)


def verify(key, signature, digest=DIGEST):
    return run(ours.verify(public(key), digest, signature))


def test_signatures(keys):
    for key in keys.values():
        for index in range(20):
            digest = hashlib.sha256(bytes((index,))).digest()
            signature = key.sign(digest, padding.PKCS1v15(), utils.Prehashed(hashes.SHA256()))
            assert verify(key, signature, digest) is True
            assert verify(key, memoryview(bytearray(signature)), digest) is True
            assert verify(key, signature, DIGEST) is False
            changed = bytearray(signature)
            changed[index * 7] ^= 1
            assert verify(key, changed, digest) is False
    assert verify(keys[2048], signature, digest) is False


def raw(key, block):
    """What the key makes of a block of any form."""
    numbers = key.private_numbers()
    size = key.key_size // 8
    return pow(int.from_bytes(block, "big"), numbers.d, numbers.public_numbers.n).to_bytes(size, "big")


def block(size, tail, start=b"\0\1", fill=b"\xff", gap=b"\0"):
    return start + fill * (size - len(start) - len(gap) - len(tail)) + gap + tail


def test_blocks(keys):
    key = keys[2048]
    tail = INFO + DIGEST
    assert verify(key, raw(key, block(256, tail))) is True
    no_null = bytes.fromhex("302f300b0609608648016503040201") + b"\x04\x20" + DIGEST
    sha1 = bytes.fromhex("3021300906052b0e03021a05000414") + DIGEST[:20]
    sha512_256 = bytes.fromhex("3031300d060960864801650304020605000420") + DIGEST
    long_form = b"\x30\x81\x31" + tail[2:]
    for bad, reason in (
        (block(256, no_null), "parameters left out"),
        (block(256, sha1), "another digest"),
        (block(256, sha512_256), "another digest"),
        (block(256, long_form), "a length that is not minimal"),
        (block(256, DIGEST), "no DigestInfo"),
        (block(256, INFO + DIGEST[:31]), "digest cut"),
        (block(256, tail + b"\0"), "trailing octet"),
        (block(256, tail, start=b"\0\2"), "block type 2"),
        (block(256, tail, start=b"\0\0"), "block type 0"),
        (block(256, tail, gap=b""), "no zero"),
        (block(256, tail, fill=b"\xfe"), "other padding"),
        (b"\0\1" + b"\xff" * 8 + b"\0" + tail + bytes(256 - 62), "short padding, rubbish after it"),
        (b"\0\1" + b"\xff" * 8 + b"\0" + bytes(256 - 62) + tail, "short padding, zeros after it"),
        (b"\0\1\0" + tail + bytes(256 - 54), "no padding"),
        (bytes(256), "zero"),
        (bytes(255) + b"\1", "one"),
    ):
        assert verify(key, raw(key, bad)) is False, reason


def test_sizes_and_ranges(keys):
    key = keys[2048]
    n = key.public_key().public_numbers().n
    good = key.sign(b"message", padding.PKCS1v15(), hashes.SHA256())
    assert verify(key, good) is True
    value = int.from_bytes(good, "big")
    assert verify(key, b"\0" + good) is False
    assert verify(key, good[:-1]) is False
    assert verify(key, b"") is False
    assert verify(key, bytes(600)) is False
    assert verify(key, n.to_bytes(256, "big")) is False
    assert verify(key, b"\xff" * 256) is False
    if value + n < 1 << 2048:
        assert verify(key, (value + n).to_bytes(256, "big")) is False
    for digest in (b"", DIGEST[:-1], DIGEST + b"\0"):
        assert verify(key, good, digest) is False


def test_keys_that_are_not_taken(keys):
    for bits, exponent in ((1024, 65537), (2047, 65537), (2048, 3), (2048, 65539), (4104, 65537)):
        key = rsa.generate_private_key(exponent if exponent in (3, 65537) else 65537, max(bits, 1024))
        signature = key.sign(b"message", padding.PKCS1v15(), hashes.SHA256())
        octets = public(key)
        if exponent == 65539:
            octets = octets[:-1] + b"\3"
        assert run(ours.verify(octets, DIGEST, signature)) is False
    for octets in (b"", b"\x30\0", b"\x30\3\2\1\0", b"\x30\6\2\1\0\2\1\0", b"\x30\6\2\1\x80\2\1\3"):
        assert run(ours.verify(octets, DIGEST, bytes(256))) is False


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_mutated_keys_are_false(keys, data):
    key = keys[2048]
    octets = bytearray(public(key))
    signature = key.sign(b"message", padding.PKCS1v15(), hashes.SHA256())
    at = data.draw(st.integers(0, len(octets) - 1))
    octets[at] ^= data.draw(st.integers(1, 255))
    assert run(ours.verify(octets, DIGEST, signature)) is False
