"""P-256: key pairs made on the device, ECDSA with SHA-256 (FIPS 186-5), and the keys' DER forms.

A secret is 32 octets, a point 65 (0x04, x, y), a digest 32 (SHA-256), a signature DER (RFC 3279).
generate(), public(), sign() and verify() are generators to drive with steps.run() or `yield from`: some
64 steps of equal length, 260 for verify(). One run leaves 340 to 380 KB of garbage (verify() 1 MB), of which
about 2 KB are in use at any time.

A multiple of the base point takes 63 doublings and 63 additions, in Jacobian coordinates, over a comb of
four teeth: 512 octets. Measured on the 32-bit port against it, a comb of three teeth (256 octets) takes 1.3
times as long, five teeth or two combs (1,024 octets) 0.8 times, a ladder that doubles and adds at every bit
4.4, the same with complete formulas 6.4 times. Euclid's inverse takes a sixth of pow(a, p - 2, p). `%` is two
fifths of all instructions: the formulas are those with few reductions. Montgomery's reduction by 96 bits at a
time takes 1.5 times as long as `%`, the sums of FIPS 186 more than ten times.

What this promises about side channels, and what it cannot. The work on a secret is one fixed sequence of
additions, doublings and look-ups without a branch on its bits. Nonces come from RFC 6979, so that a bad
generator cannot reveal the key through them. Every run is blinded with fresh entropy (random projective
coordinates; a random factor at the inversion and at the secret), so that two runs on one input handle
different numbers. But this is Python: its integers drop leading zeros, `%` takes as long as its operands make
it, the table is read at an index that depends on the secret, and integers stay in the heap until something
overwrites them. An attacker on the network sees single runs through much jitter. One who measures a board's
power, radiation or nanoseconds may learn something, and one who can disturb it may force a faulty signature,
which is given out unchecked. Where attackers hold the board in their hands, use a secure element: csr.build
takes any signer.
"""

import os
from hashlib import sha256

from micropython import const

from identity.der import Reader, integer, item

_P = const(0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF)
_N = const(0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551)

# AlgorithmIdentifier of id-ecPublicKey; the curve's identifier begins at 11
_ALGORITHM = const(b"\x30\x13\x06\x07*\x86H\xce=\x02\x01\x06\x08*\x86H\xce=\x03\x01\x07")

# Comb with four teeth: entry i is (2**192 + e2 * 2**128 + e1 * 2**64 + e0) G as x and y, where ej is
# 1 if bit j of i is set, else -1. host_tests/identity computes it again.
_COMB = const(
    b"\xdc\xa7\x46\x34\x84\x11\xaf\xb5\x7a\x94\x1b\x31\x00\xc7\x46\x2e"
    b"\xc7\xdd\x30\x79\x02\xd8\x83\x40\x2c\x14\x7b\xd3\x02\x3e\x0a\x99"
    b"\xa3\x78\xf4\x9c\x3c\x60\x73\xe0\xef\xa2\x30\xd3\x8e\x28\x75\xb6"
    b"\xd1\x70\xfe\x41\x00\x60\x63\x2c\x47\xb0\xd5\x20\x23\x5f\x3f\xb0"
    b"\x47\xb8\xc1\x5b\x59\x31\x23\x90\x87\xf5\x1b\xcf\xa6\xc7\x51\x33"
    b"\x24\xfc\x08\x1a\xd4\xe6\xe5\xc5\xf7\x44\x7e\x16\xe0\xb9\x01\x0a"
    b"\xea\xb6\x9c\xfc\xb2\x7b\xce\xd9\x1d\xe9\xc2\xea\xd6\x1a\xa5\xc0"
    b"\xc8\xcb\x9d\x1b\xc2\xfa\xa8\x27\x5d\x8a\x5a\x16\xd7\xb4\xb7\x92"
    b"\x39\xf2\xe1\x26\xe7\xa9\x01\x57\xaf\xf9\x55\xe9\x75\xa5\x29\x79"
    b"\x4f\xcf\xde\x2a\x0f\xcb\x47\xe3\x8d\xb2\x21\x50\x5b\x37\x0b\x39"
    b"\x2f\xe3\x91\x8b\x81\xba\xc5\xc2\x03\x4c\xfc\x1d\x65\x14\x1b\x26"
    b"\x6f\xda\xb9\xfb\x48\x1d\xe5\xac\xc1\x3c\x7a\x63\x86\x51\x22\xba"
    b"\xb9\x86\x68\xc6\x4a\x1d\x88\x9b\x37\xb0\x90\x17\x18\x35\x52\x37"
    b"\x43\x72\x6c\x12\xf9\x02\x1b\xc1\xdb\xd4\x0b\x53\x76\x99\xe8\x98"
    b"\x04\xef\x5f\xa9\xa1\x13\xf2\x97\xc8\xda\xa7\x51\x5d\xa9\xf6\x56"
    b"\x4e\xc8\x47\x65\x37\xc4\x8f\x4e\xc8\x94\xa7\x32\x3a\x91\x3c\x3d"
    b"\x83\x99\xd7\x6d\xf7\x06\x60\xcb\x57\x4a\xf4\x33\xf5\x1b\x14\xf0"
    b"\xac\xcb\xd9\xe5\xa6\xc9\x02\xa9\x73\x42\xe8\x9b\x4c\x02\xfa\xa6"
    b"\xa0\x8f\x6b\x51\x56\xec\xb1\xcc\x58\xef\x27\xc6\x20\x16\xd4\xc8"
    b"\x7a\x47\xe0\x13\xc6\x87\x58\x72\x74\xc9\x3f\x9b\xe6\x8b\xa2\xba"
    b"\x61\x30\x2d\x5d\x50\x8f\xdc\x2e\x7f\x8e\xd5\x08\xa4\x3b\x83\xb7"
    b"\x0b\xa6\xd2\xf4\xe0\x10\x3c\x59\xd1\x4f\x8e\xad\x7d\xb8\xca\xb2"
    b"\x6c\x58\x4e\x7f\x2c\xc4\xa0\x29\x04\x10\xb8\x83\x23\xe6\xde\x42"
    b"\x70\x75\x0b\x1d\x46\xb0\xf7\x59\xeb\xd1\x78\x2f\xb0\x12\x80\xc1"
    b"\x87\x81\xfb\xda\xfc\x93\x14\x10\xb4\x14\xf9\xce\xe8\x1f\xf1\x0c"
    b"\x45\xe3\x88\xa8\x1f\xd9\xd0\x3d\xe4\x7c\x24\x7d\x3c\xe7\x42\xeb"
    b"\x3e\xb3\x52\x34\xfa\x6a\xda\x4c\xbf\xe6\x1e\xe2\x0c\x94\x51\x28"
    b"\xca\xda\x9a\xd5\x97\x13\xe7\xca\xa8\x7b\x21\x11\x08\x2c\xa2\x0d"
    b"\xb4\x8e\x26\xb4\x84\xf7\xa2\x1c\x0a\x4a\x46\xfb\x6a\xaf\x36\x3a"
    b"\x66\xb0\xde\x32\x25\xc4\x74\x4b\x96\x15\xb5\x11\x0d\x1d\x78\xe5"
    b"\xfa\xc0\x15\x40\x4d\x4d\x3d\xab\x64\x13\x1b\xcd\xfe\xd6\xf6\x68"
    b"\xc0\x04\xe4\x04\x8b\x7b\x0f\x98\x06\xeb\xb0\xf6\x21\xa0\x1b\x2d"
)


def _inverse(a, m):
    """1/a mod m by Euclid, whose steps depend on a: callers blind what is secret."""
    x = 1
    y = 0
    b = m
    while b:
        q, r = divmod(a, b)
        a = b
        b = r
        q = x - q * y
        x = y
        y = q
    return x % m


def _double(x, y, z):
    """Seven reductions: they cost two and a half times what a product costs."""
    a = 2 * y * y % _P
    s = 2 * x * a % _P
    zz = z * z % _P
    m = 3 * (x - zz) * (x + zz) % _P
    x = (m * m - 2 * s) % _P
    return x, (m * (s - x) - 2 * a * a) % _P, 2 * y * z % _P


def _add(x, y, z, x2, y2):
    """Jacobian (x, y, z) plus affine (x2, y2); z = 0 is infinity. Nine reductions.

    No secret decides a branch: a comb meets neither infinity nor its own points (but for odds of
    2**-250).
    """
    if not z:
        return x2, y2, 1
    zz = z * z % _P
    h = (x2 * zz - x) % _P
    r = (zz * z % _P * y2 - y) % _P
    if not h:
        if r:
            return 1, 1, 0
        return _double(x, y, z)
    hh = h * h % _P
    x3 = (r * r - (h + x + x) * hh) % _P
    return x3, ((r * x - h * y) % _P * hh - r * x3) % _P, z * h % _P


def _affine(x, y, z):
    z = _inverse(z, _P)
    zz = z * z % _P
    return x * zz % _P, y * zz % _P * z % _P


def _signs(k):
    """The comb's digits of k as bits, 1 for plus; and whether all of them count the other way."""
    even = 1 - (k & 1)
    signs = bytearray(((k, _N - k)[even] >> 1).to_bytes(32, "big"))
    signs[0] |= 128
    return signs, even


def _tooth(signs, column, flip):
    """What to add in a column: its four signs choose the entry and whether to negate it."""
    i = 0
    for at in range(7 - (column >> 3), 32, 8):
        i = i << 1 | signs[at] >> (column & 7) & 1
    minus = 1 - (i >> 3)
    x, y = _xy(_COMB, ((i ^ 7 * minus) & 7) << 6)
    return x, (y, _P - y)[minus ^ flip]


def _xy(octets, at):
    return (
        int.from_bytes(octets[at : at + 32], "big"),
        int.from_bytes(octets[at + 32 : at + 64], "big"),
    )


def _multiple(k, entropy):
    """Steps to k G as (x, y), 0 < k < n."""
    signs, flip = _signs(k)
    x, y = _tooth(signs, 63, flip)
    z = _random(entropy)
    zz = z * z % _P
    x = x * zz % _P
    y = zz * z % _P * y % _P
    for column in range(62, -1, -1):
        yield
        x, y, z = _double(x, y, z)
        x2, y2 = _tooth(signs, column, flip)
        x, y, z = _add(x, y, z, x2, y2)
    return _affine(x, y, z)


def _scalar(octets):
    """The number in 32 octets if it is one from 1 to n - 1, else 0."""
    k = int.from_bytes(octets, "big") if len(octets) == 32 else 0
    return k if k < _N else 0


def _random(entropy):
    for _ in range(8):
        k = _scalar(entropy(32))
        if k:
            return k
    raise ValueError("no entropy")


def _octets(number):
    return number.to_bytes(32, "big")


def generate(entropy=None):
    """Steps to a new key pair: (secret, point). entropy(n) gives n octets; os.urandom if left out.

    ValueError if it does not look random at all.
    """
    k = _random(entropy or os.urandom)
    return _octets(k), (yield from public(_octets(k), entropy))


def public(secret, entropy=None):
    """Steps to the point that belongs to a secret. ValueError if it is none."""
    k = _scalar(secret)
    if not k:
        raise ValueError("P-256: secret")
    x, y = yield from _multiple(k, entropy or os.urandom)
    return b"\x04" + _octets(x) + _octets(y)


def _hmac(key, message):
    pad = bytearray(key + bytes(32))
    for i in range(64):
        pad[i] ^= 0x36
    inner = sha256(pad + message).digest()
    for i in range(64):
        pad[i] ^= 0x36 ^ 0x5C
    return sha256(pad + inner).digest()


def sign(secret, digest, entropy=None):
    """Steps to the ECDSA signature of a digest: DER, 70 to 72 octets as a rule.

    The nonce is RFC 6979's (3.2): the same signature for the same secret and digest. The entropy is
    for blinding. ValueError if the secret or the digest is none.
    """
    d = _scalar(secret)
    if not d or len(digest) != 32:
        raise ValueError("P-256: secret or digest")
    entropy = entropy or os.urandom
    e = int.from_bytes(digest, "big") % _N
    seed = _octets(d) + _octets(e)
    v = b"\x01" * 32
    key = _hmac(bytes(32), v + b"\x00" + seed)
    v = _hmac(key, v)
    key = _hmac(key, v + b"\x01" + seed)
    v = _hmac(key, v)
    while True:
        v = _hmac(key, v)
        k = _scalar(v)
        if k:
            r = (yield from _multiple(k, entropy))[0] % _N
            blind = _random(entropy)
            s = (blind * e + d * blind % _N * r) * _inverse(k * blind % _N, _N) % _N
            if r and s:
                return item(0x30, integer(_octets(r)), integer(_octets(s)))
        key = _hmac(key, v + b"\x00")
        v = _hmac(key, v)


def verify(point, digest, signature):
    """Steps to whether the signature is of the point's owner; False for anything malformed."""
    if len(point) != 65 or point[0] != 4 or len(digest) != 32 or len(signature) > 72:
        return False
    x, y = table = _xy(point, 1)
    # The curve's b is taken from a point known to be on it
    x2, y2 = _xy(_COMB, 0)
    if x >= _P or y >= _P or (y * y - y2 * y2 - (x * x - 3) * x + (x2 * x2 - 3) * x2) % _P:
        return False
    try:
        reader = Reader(signature)
        outer = reader.enter()
        reader.integer()
        r = reader.value()
        reader.integer()
        s = reader.value()
        reader.leave(outer)
        reader.finish()
    except ValueError:
        return False
    if not 0 < r < _N or not 0 < s < _N:
        return False
    w = _inverse(s, _N)
    # n G is nothing, as 0 G is, and odd
    signs, flip = _signs(int.from_bytes(digest, "big") * w % _N or _N)
    k = r * w % _N
    # Digits of k, low first: 0, or odd from -7 to 7 modulo 16
    digits = bytearray(257)
    at = 0
    while k:
        if k & 1:
            digits[at] = k & 15
            k -= (k & 15) - (k & 8) * 2
        k >>= 1
        at += 1
    table = [table]  # 1, 3, 5 and 7 times the point
    x2, y2 = _affine(*_double(x, y, 1))
    while len(table) < 4:
        x, y = _affine(*_add(x, y, 1, x2, y2))
        table.append((x, y))
        yield
    x = y = 1
    z = 0
    for column in range(256, -1, -1):
        yield
        x, y, z = _double(x, y, z)
        digit = digits[column]
        if digit:
            minus = digit >> 3
            x2, y2 = table[(digit ^ 15 * minus) >> 1]
            x, y, z = _add(x, y, z, x2, _P - y2 if minus else y2)
        if column < 64:
            x2, y2 = _tooth(signs, column, flip)
            x, y, z = _add(x, y, z, x2, y2)
    z = z * z % _P
    return z != 0 and ((x - r * z) % _P == 0 or (r + _N < _P and (x - (r + _N) * z) % _P == 0))


def sec1(secret, point):
    """The key as ECPrivateKey (RFC 5915), DER, 121 octets. TLS takes it."""
    curve = item(0xA0, _ALGORITHM[11:])
    public = item(0xA1, item(3, b"\0", point))
    return item(0x30, b"\x02\x01\x01", item(4, secret), curve, public)


def read(der):
    """(secret, point) of an ECPrivateKey or a PrivateKeyInfo; point is None where it is left out.

    ValueError for anything else. That they belong together is not looked at: public(secret) tells.
    """
    reader = Reader(der)
    outer = [reader.enter()]
    version = 1
    named = reader.literal(b"\x02\x01\x00")
    if named:
        version = reader.literal(_ALGORITHM)
        outer.append(reader.enter(4))
        outer.append(reader.enter())
    version = version and reader.literal(b"\x02\x01\x01")
    reader.next(4)
    secret = bytes(reader.view())
    point = None
    if reader.peek() == 0xA0:
        outer.append(reader.enter(0xA0))
        named = reader.literal(_ALGORITHM[11:])
        reader.leave(outer.pop())
    if reader.peek() == 0xA1:
        outer.append(reader.enter(0xA1))
        if not reader.bits():
            point = bytes(reader.view())
        reader.leave(outer.pop())
        named = named and point and len(point) == 65 and point[0] == 4
    while outer:
        reader.leave(outer.pop())
    reader.finish()
    if not version or not named or not _scalar(secret):
        raise ValueError("P-256: key")
    return secret, point
