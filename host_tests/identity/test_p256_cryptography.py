"""P-256 against `cryptography` (OpenSSL): keys, signatures, and the edge cases of verification."""

import random
import subprocess

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from hypothesis import given, settings
from hypothesis import strategies as st

from identity import p256
from identity.steps import run

N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
PREHASHED = ec.ECDSA(utils.Prehashed(hashes.SHA256()))
DETERMINISTIC = ec.ECDSA(utils.Prehashed(hashes.SHA256()), deterministic_signing=True)

SEC1 = serialization.PrivateFormat.TraditionalOpenSSL
PKCS8 = serialization.PrivateFormat.PKCS8

scalars = st.one_of(
    st.integers(1, N - 1),
    st.integers(1, 300),
    st.integers(1, 300).map(lambda k: N - k),
    st.builds(lambda a, b: (1 << a) + b, st.integers(0, 255), st.integers(-2, 2)),
    # One tooth of the comb at a time, and their sums: where additions could meet their own points
    st.lists(st.integers(0, 3), max_size=4).map(lambda t: sum(1 << 64 * i for i in t)),
    st.lists(st.integers(0, 3), max_size=4).map(lambda t: N - 2 * sum(1 << 64 * i for i in t)),
).filter(lambda k: 0 < k < N)


def point_of(k):
    key = ec.derive_private_key(k, ec.SECP256R1()).public_key()
    return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def test_the_comb_table_is_what_it_says():
    for index in range(8):
        k = (1 << 192) + sum((1 if index >> bit & 1 else -1) << 64 * bit for bit in range(3))
        assert p256._COMB[64 * index : 64 * index + 64] == point_of(k % N)[1:]


@settings(max_examples=300, deadline=None)
@given(scalars)
def test_public_points(k):
    assert run(p256.public(k.to_bytes(32, "big"))) == point_of(k)


def test_public_points_where_the_comb_meets_itself():
    """k = 2 T - n and the like, T an entry of the table: the last addition is then a doubling."""
    for index in range(8):
        t = (1 << 192) + sum((1 if index >> bit & 1 else -1) << 64 * bit for bit in range(3))
        for sign in (1, -1):
            for factor in (1, 2, 3, 4):
                k = sign * factor * t % N
                assert run(p256.public(k.to_bytes(32, "big"))) == point_of(k)


@settings(max_examples=1000, deadline=None)
@given(scalars, st.binary(min_size=32, max_size=32))
def test_signatures_are_those_of_openssl(k, digest):
    ours = run(p256.sign(k.to_bytes(32, "big"), digest))
    assert ours == ec.derive_private_key(k, ec.SECP256R1()).sign(digest, DETERMINISTIC)


@settings(max_examples=200, deadline=None)
@given(scalars, st.binary(min_size=32, max_size=32))
def test_signatures_of_openssl_verify(k, digest):
    signature = ec.derive_private_key(k, ec.SECP256R1()).sign(digest, PREHASHED)
    point = point_of(k)
    assert run(p256.verify(point, digest, signature))
    other = bytearray(digest)
    other[k % 32] ^= 1
    assert not run(p256.verify(point, other, signature))


def verdict(point, digest, signature):
    """What OpenSSL says; a point that it does not load is False."""
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        key.verify(signature, digest, PREHASHED)
        return True
    except (InvalidSignature, ValueError):
        return False


def forged(u1, u2, d):
    """A digest and the (r, s) that verify for it with the key d, for chosen u1 and u2."""
    point = point_of((u1 + u2 * d) % N)
    r = int.from_bytes(point[1:33], "big") % N
    s = r * pow(u2, -1, N) % N
    return (u1 * s % N).to_bytes(32, "big"), r, s


def test_verification_at_the_edges():
    """Digests are chosen so that u1 and u2 take extreme values; R near infinity; r as x + n."""
    r = random.Random(1)
    stranger = point_of(r.randrange(1, N))
    for d in (1, 2, N - 1, N - 2, r.randrange(1, N)):
        point = point_of(d)
        for u1 in (0, 1, 2, 3, N - 1, N - 2, 1 << 192, (1 << 255) % N, r.randrange(N)):
            for u2 in (1, 2, 3, 7, 8, 15, 16, N - 1, N - 3, 1 << 255, r.randrange(1, N)):
                if (u1 + u2 * d) % N == 0:
                    continue
                digest, r_, s = forged(u1, u2, d)
                signature = utils.encode_dss_signature(r_, s)
                assert run(p256.verify(point, digest, signature)) is True
                assert verdict(point, digest, signature)
                assert run(p256.verify(stranger, digest, signature)) is False


def test_infinity_is_no_signature():
    """u1 G + u2 Q = 0: there is no x to compare."""
    for d in (1, 5, N - 1):
        for u2 in (1, 2, N - 1):
            u1 = -u2 * d % N
            for r in (1, 12345, N - 1):
                s = r * pow(u2, -1, N) % N
                digest = (u1 * s % N).to_bytes(32, "big")
                signature = utils.encode_dss_signature(r, s)
                assert run(p256.verify(point_of(d), digest, signature)) is False
                assert not verdict(point_of(d), digest, signature)


def test_r_that_wrapped_around_n():
    """x of the point R is between n and p: r = x - n has to be found again."""
    x = N
    while True:
        x += 1
        y2 = (x**3 - 3 * x + 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B) % P
        y = pow(y2, (P + 1) // 4, P)
        if y * y % P == y2:
            break
    # Q = (s R - e G) / r for any s and e: take s = r, e = 0 and so Q = R
    r = x - N
    q = b"\x04" + x.to_bytes(32, "big") + y.to_bytes(32, "big")
    digest = bytes(32)
    signature = utils.encode_dss_signature(r, r)
    assert verdict(q, digest, signature)
    assert run(p256.verify(q, digest, signature)) is True
    assert run(p256.verify(q, digest, utils.encode_dss_signature(x % P, r))) is False
    # r + n that would not be below p
    assert run(p256.verify(q, digest, utils.encode_dss_signature(P - N + 1, r))) is False


def tlv(tag, content, length=None):
    return bytes((tag, len(content) if length is None else length)) + content


def test_every_malformed_signature_is_false():
    d = 7
    point = point_of(d)
    digest = bytes(range(32))
    good = ec.derive_private_key(d, ec.SECP256R1()).sign(digest, DETERMINISTIC)
    r, s = utils.decode_dss_signature(good)
    assert run(p256.verify(point, digest, good))
    values = [0, 1, 2, N - 1, N, N + 1, r + N, P, P - 1, 1 << 255, (1 << 256) - 1, 1 << 256]
    bad = [utils.encode_dss_signature(a, s) for a in values]
    bad += [utils.encode_dss_signature(r, a) for a in values]
    bad += [utils.encode_dss_signature(a, a) for a in values]
    bad += [utils.encode_dss_signature(s, r), utils.encode_dss_signature(r, s + N)]
    raw_r, raw_s = r.to_bytes(33, "big"), s.to_bytes(33, "big")
    minimal = [raw.lstrip(b"\0") for raw in (raw_r, raw_s)]
    minimal = [b"\0" + m if m[0] > 127 else m for m in minimal]
    both = tlv(2, minimal[0]) + tlv(2, minimal[1])
    assert tlv(0x30, both) == good
    bad += [
        b"",
        b"\x30",
        good[:-1],
        good + b"\0",
        tlv(0x30, both + b"\0"),
        tlv(0x30, both + tlv(2, b"\1")),
        tlv(0x30, both + b"\5\0"),
        tlv(0x31, both),
        tlv(0x30, tlv(2, minimal[0])),
        tlv(0x30, tlv(2, b"\0" + minimal[0]) + tlv(2, minimal[1])),  # padded
        tlv(0x30, tlv(2, minimal[0]) + tlv(2, b"\0" + minimal[1])),
        tlv(0x30, tlv(2, b"") + tlv(2, minimal[1])),
        tlv(0x30, tlv(4, minimal[0]) + tlv(2, minimal[1])),
        tlv(0x30, tlv(2, b"\xff") + tlv(2, minimal[1])),  # negative
        tlv(0x30, tlv(2, minimal[0]) + tlv(2, b"\x80" + bytes(32))),
        b"\x30\x81" + good[1:],  # a long length where a short one serves
        b"\x30\x80" + both + b"\0\0",  # indefinite
        b"\x30\x84\xff\xff\xff\xff" + both,
        raw_r[1:] + raw_s[1:],  # no DER
    ]
    # Negative, as if the leading zero had been left out
    bad += [utils.encode_dss_signature(1, 1).replace(b"\x02\x01\x01", b"\x02\x01\x81")]
    for signature in bad:
        assert run(p256.verify(point, digest, signature)) is False, signature.hex()
    for at in range(len(good)):
        for bit in range(8):
            changed = bytearray(good)
            changed[at] ^= 1 << bit
            assert run(p256.verify(point, digest, changed)) is False


def test_points_off_the_curve():
    d = 99
    good = point_of(d)
    digest = bytes(range(32))
    signature = ec.derive_private_key(d, ec.SECP256R1()).sign(digest, DETERMINISTIC)
    x, y = good[1:33], good[33:]
    bad = [
        b"",
        b"\0",
        good[:-1],
        good + b"\0",
        b"\4" + bytes(64),
        b"\2" + x,
        b"\3" + x,
        b"\6" + x + y,
        b"\0" + x + y,
        b"\4" + y + x,
        b"\4" + x + (P - 1).to_bytes(32, "big"),
        b"\4" + P.to_bytes(32, "big") + y,
        b"\4" + b"\xff" * 64,
    ]
    for at in (1, 16, 32, 33, 64):
        changed = bytearray(good)
        changed[at] ^= 1
        bad.append(changed)
    for point in bad:
        assert run(p256.verify(point, digest, signature)) is False
        if point[:1] not in (b"\2", b"\3", b"\6"):  # OpenSSL takes other forms of a point, too
            assert not verdict(bytes(point), digest, signature), bytes(point).hex()
    # The other root belongs to -d
    negative = b"\4" + x + (P - int.from_bytes(y, "big")).to_bytes(32, "big")
    assert run(p256.verify(negative, digest, signature)) is False


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=80), st.binary(max_size=70), st.binary(max_size=34))
def test_noise_is_false(point, signature, digest):
    assert run(p256.verify(point, digest, signature)) is False


def test_keys_both_ways(tmp_path):
    """Ours is read by `cryptography` and by OpenSSL's command, and both DER forms of theirs here."""
    for _ in range(20):
        secret, point = run(p256.generate())
        octets = p256.sec1(secret, point)
        key = serialization.load_der_private_key(octets, None)
        assert key.private_numbers().private_value.to_bytes(32, "big") == secret
        assert point_of(key.private_numbers().private_value) == point
        assert theirs(key, SEC1) == octets
        for form in (octets, theirs(key, PKCS8)):
            assert p256.read(form) == (secret, point)
            assert p256.read(memoryview(form)) == (secret, point)
    path = tmp_path / "key.der"
    path.write_bytes(p256.sec1(secret, point))
    text = openssl("pkey", "-inform", "DER", "-in", path, "-check", "-noout", "-text")
    assert "is valid" in text and "prime256v1" in text


def theirs(key, form):
    """A private key's DER, by `cryptography`."""
    return key.private_bytes(serialization.Encoding.DER, form, serialization.NoEncryption())


def openssl(*arguments):
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_mutated_keys_are_value_error_or_keys(data):
    form = data.draw(st.sampled_from([SEC1, PKCS8]))
    octets = bytearray(theirs(ec.derive_private_key(5, ec.SECP256R1()), form))
    for _ in range(data.draw(st.integers(1, 3))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    del octets[data.draw(st.sampled_from([len(octets), 0, 1, 30, len(octets) - 1])) :]
    try:
        read_secret, read_point = p256.read(octets)
    except ValueError:
        return
    assert len(read_secret) == 32 and 0 < int.from_bytes(read_secret, "big") < N
    assert read_point is None or len(read_point) == 65


def test_keys_of_others_are_refused():
    for curve in (ec.SECP384R1(), ec.SECP256K1()):
        key = ec.generate_private_key(curve)
        for form in (
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.PrivateFormat.PKCS8,
        ):
            octets = key.private_bytes(serialization.Encoding.DER, form, serialization.NoEncryption())
            with pytest.raises(ValueError):
                p256.read(octets)


def test_blinding_changes_nothing_but_the_numbers_on_the_way():
    secret = bytes(31) + b"\x09"
    digest = bytes(32)
    signatures = {run(p256.sign(secret, digest)) for _ in range(20)}
    assert len(signatures) == 1
