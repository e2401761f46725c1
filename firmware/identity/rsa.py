"""RSASSA-PKCS1-v1_5 verification with SHA-256 (RFC 8017, 8.2.2): 2048 to 4096 bits, e = 65537."""

from micropython import const

from identity.der import Reader

_E = const(65537)

# DigestInfo of SHA-256 up to the digest (RFC 8017, 9.2, note 1)
_DIGEST_INFO = const(b"\x30\x31\x30\x0d\x06\x09`\x86H\x01e\x03\x04\x02\x01\x05\x00\x04\x20")


def numbers(key):
    """(n, e) of an RSAPublicKey (RFC 8017, A.1.1), of 4096 and 32 bits at most; ValueError."""
    reader = Reader(key)
    outer = reader.enter()
    if reader.integer() > 512:
        raise ValueError("RSA: key")
    n = reader.value()
    if reader.integer() > 4:
        raise ValueError("RSA: key")
    e = reader.value()
    reader.leave(outer)
    reader.finish()
    return n, e


def verify(key, digest, signature):
    """Steps (see steps.run) to True or False: 17 products modulo n. False for other keys than above.

    The signed block is made again and compared whole, never parsed: nothing lenient can creep in.
    """
    try:
        n, e = numbers(key)
    except ValueError:
        return False
    size = len(signature)
    s = int.from_bytes(signature, "big") if size < 513 else n
    if e != _E or size < 256 or not n >> 2047 or n >> (8 * size - 8) not in range(1, 256) or s >= n:
        return False
    m = s
    for _ in range(16):
        m = m * m % n
        yield
    block = b"\x00\x01" + b"\xff" * (size - 54) + b"\x00" + _DIGEST_INFO + digest
    return m * s % n == int.from_bytes(block, "big")
