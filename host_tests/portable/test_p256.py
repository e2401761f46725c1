"""P-256: published vectors, keys, signatures at the edges. host_tests/identity asks OpenSSL for more."""

from hashlib import sha256

from check import raises, unhex

from identity import p256
from identity.der import integer, item
from identity.steps import run

N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
GX = 0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296
GY = 0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5

# RFC 6979, A.2.5: the key, and the signatures with SHA-256
SECRET = unhex("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721")
POINT = b"\x04" + unhex(
    "60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6"
    "7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299"
)
VECTORS = (
    (
        b"sample",
        "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716",
        "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8",
    ),
    (
        b"test",
        "F1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367",
        "019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083",
    ),
)


def octets(number):
    return number.to_bytes(32, "big")


def pair(r, s):
    return item(0x30, integer(r.to_bytes(40, "big")), integer(s.to_bytes(40, "big")))


def verify(point, digest, signature):
    return run(p256.verify(point, digest, signature))


def test_rfc_6979():
    assert run(p256.public(SECRET)) == POINT
    for message, r, s in VECTORS:
        digest = sha256(message).digest()
        signature = run(p256.sign(SECRET, digest))
        assert signature == item(0x30, integer(unhex(r)), integer(unhex(s)))
        assert verify(POINT, digest, signature) is True
        assert verify(POINT, sha256(message + b".").digest(), signature) is False


def test_small_and_large_multiples():
    g = b"\x04" + octets(GX) + octets(GY)
    assert run(p256.public(octets(1))) == g
    assert run(p256.public(octets(N - 1))) == g[:33] + octets(P - GY)
    # SEC 2's point doubled, and k G + (n - k) G = 0 in other words
    two = run(p256.public(octets(2)))
    assert two[1:33] == unhex("7CF27B188D034F7E8A52380304B51AC3C08969E277F21B35A60B48FC47669978")
    for k in (2, 3, 4, 5, 255, 256, (1 << 192) + 1, (1 << 255) + 1):
        a = run(p256.public(octets(k)))
        b = run(p256.public(octets(N - k)))
        assert a[:33] == b[:33] and a != b


def test_generate():
    secret, point = run(p256.generate())
    assert len(secret) == 32 and len(point) == 65 and run(p256.public(secret)) == point
    assert run(p256.generate())[0] != secret
    secret, point = run(p256.generate(lambda size: SECRET[:size]))
    assert (secret, point) == (SECRET, POINT)


def test_bad_entropy():
    for entropy in (
        lambda size: bytes(size),
        lambda size: b"\xff" * size,
        lambda size: octets(N),
        lambda size: b"",
        lambda size: bytes(size - 1),
        lambda size: b"\x01" * (size + 1),
    ):
        raises(ValueError, run, p256.generate(entropy))
        raises(ValueError, run, p256.sign(SECRET, bytes(32), entropy))
    drawn = []

    def late(size):
        drawn.append(size)
        return octets(N) if len(drawn) < 3 else SECRET

    assert run(p256.generate(late)) == (SECRET, POINT)


def test_blinding_does_not_show():
    digest = sha256(b"sample").digest()
    first = run(p256.sign(SECRET, digest, lambda size: b"\x01" * size))
    assert first == run(p256.sign(SECRET, digest, lambda size: b"\x99" * size))
    assert first == run(p256.sign(SECRET, digest))


def test_bad_secrets_and_digests():
    for secret in (b"", bytes(32), octets(N), b"\xff" * 32, SECRET[1:], b"\0" + SECRET):
        raises(ValueError, run, p256.sign(secret, bytes(32)))
        raises(ValueError, run, p256.public(secret))
    for digest in (b"", bytes(31), bytes(33)):
        raises(ValueError, run, p256.sign(SECRET, digest))
        assert verify(POINT, digest, pair(1, 1)) is False


def test_malformed_signatures():
    digest = sha256(b"test").digest()
    r = int.from_bytes(unhex(VECTORS[1][1]), "big")
    s = int.from_bytes(unhex(VECTORS[1][2]), "big")
    good = pair(r, s)
    assert verify(POINT, digest, good) is True
    assert verify(POINT, digest, pair(r, N - s)) is True  # the other root
    for bad in (0, 1, N - 1, N, N + 1, P, r + N, (1 << 256) - 1, 1 << 256, 1 << 300):
        assert verify(POINT, digest, pair(bad, s)) is False
        assert verify(POINT, digest, pair(r, bad)) is False
        assert verify(POINT, digest, pair(bad, bad)) is False
    body = good[2:]
    for bad, reason in (
        (b"", "nothing"),
        (good[:-1], "cut"),
        (good + b"\0", "trailing octet"),
        (item(0x30, body, b"\5\0"), "a third item"),
        (item(0x31, body), "no SEQUENCE"),
        (b"\x30\x80" + body + b"\0\0", "indefinite"),
        (b"\x30\x81" + good[1:], "a long length"),
        (item(0x30, item(2, b"\0\0" + octets(r)), integer(octets(s))), "padded r"),
        (item(0x30, item(2, octets(r)), integer(octets(s))), "negative r"),
        (item(0x30, item(2, b"\xff" + octets(r)), integer(octets(s))), "negative r"),
        (item(0x30, integer(octets(r))), "no s"),
        (item(0x30, item(2), item(2)), "empty"),
        (item(0x30, item(4, octets(r)), integer(octets(s))), "no INTEGER"),
        (octets(r) + octets(s), "no DER"),
        (bytes(2000), "long"),
    ):
        assert verify(POINT, digest, bad) is False, reason
    for at in range(len(good)):
        bad = bytearray(good)
        bad[at] ^= 1 << at % 8
        assert verify(POINT, digest, bad) is False


def test_points_off_the_curve():
    digest = sha256(b"test").digest()
    signature = run(p256.sign(SECRET, digest))
    x = POINT[1:33]
    y = POINT[33:]
    for point in (
        b"",
        b"\0",
        POINT[:-1],
        POINT + b"\0",
        bytes(65),
        b"\x04" + bytes(64),
        b"\x03" + x,
        b"\x07" + x + y,
        b"\x04" + y + x,
        b"\x04" + x + octets(P - 1),
        b"\x04" + octets(P) + y,
        b"\x04" + b"\xff" * 64,
    ):
        assert verify(point, digest, signature) is False
    assert verify(memoryview(bytearray(POINT)), digest, signature) is True


def test_u1_of_nothing():
    """A digest of zero: G plays no part. Valid, if r and s say so."""
    signature = run(p256.sign(SECRET, bytes(32)))
    assert verify(POINT, bytes(32), signature) is True
    assert verify(POINT, octets(N), signature) is True  # the same modulo n
    assert verify(POINT, octets(1), signature) is False


def test_doubling_and_infinity_in_the_sum():
    """Q = G and Q = -G: additions meet equal and opposite points."""
    for d in (1, 2, 3, N - 1, N - 2):
        point = run(p256.public(octets(d)))
        for k in range(1, 6):
            digest = octets(k)
            assert verify(point, digest, run(p256.sign(octets(d), digest))) is True
        # e = -r d: u1 G + u2 Q is infinity for every s
        r = 12345
        assert verify(point, octets(-r * d % N), pair(r, 7)) is False


def pkcs8(secret, point):
    """The key as PrivateKeyInfo (RFC 5958), as a host's tools write it."""
    key = item(0x30, b"\x02\x01\x01", item(4, secret), item(0xA1, item(3, b"\0", point)))
    algorithm = item(0x30, b"\x06\x07*\x86H\xce=\x02\x01", b"\x06\x08*\x86H\xce=\x03\x01\x07")
    return item(0x30, b"\x02\x01\x00", algorithm, item(4, key))


def test_keys_both_ways():
    for key in (p256.sec1(SECRET, POINT), pkcs8(SECRET, POINT)):
        assert p256.read(key) == (SECRET, POINT)
        assert p256.read(memoryview(bytearray(key))) == (SECRET, POINT)
        for at in range(len(key)):
            raises(ValueError, p256.read, key[:at])
            bad = bytearray(key)
            bad[at] ^= 0x80
            try:
                assert p256.read(bad) != (SECRET, POINT)
            except ValueError:
                pass
        raises(ValueError, p256.read, key + b"\0")
    assert len(p256.sec1(SECRET, POINT)) == 121
    # Without the point, which is optional; without the curve, which is not
    one = b"\x02\x01\x01" + item(4, SECRET)
    curve = item(0xA0, b"\x06\x08*\x86H\xce=\x03\x01\x07")
    assert p256.read(item(0x30, one, curve)) == (SECRET, None)
    raises(ValueError, p256.read, item(0x30, one))
    raises(ValueError, p256.read, item(0x30, one, item(0xA0, b"\x06\x05\x2b\x81\x04\x00\x22")))
    for secret in (bytes(32), octets(N), b"", SECRET[1:], b"\0" + SECRET):
        raises(ValueError, p256.read, item(0x30, b"\x02\x01\x01", item(4, secret), curve))


def test_steps_are_many_and_small():
    """A watchdog is fed between them; another task gets its turn."""
    ticks = []
    signature = run(p256.sign(SECRET, bytes(32)), lambda: ticks.append(1))
    assert 60 < len(ticks) < 70
    del ticks[:]
    assert run(p256.verify(POINT, bytes(32), signature), lambda: ticks.append(1))
    assert 255 < len(ticks) < 265
