"""Seals usage reports with the meter's key: AES-CBC, then HMAC-SHA256 over all of it.

The key that Get brought is not used itself: one key to encrypt and one to authenticate are derived
from it, so that neither use can harm the other.
"""

from hashlib import sha256

from cryptolib import aes
from micropython import const

_CBC = const(2)
_BLOCK = const(16)


def hmac(key, *parts):
    """HMAC-SHA256 of the parts together, by a key of at most 64 bytes. 32 bytes."""
    key = bytes(key) + bytes(64 - len(key))
    inner = sha256(bytes([octet ^ 0x36 for octet in key]))
    for part in parts:
        inner.update(part)
    return sha256(bytes([octet ^ 0x5C for octet in key]) + inner.digest()).digest()


def seal(key, header, text, iv):
    """The sealed form of `text`: IV, ciphertext, MAC; the MAC covers `header` too. All bytes.

    `iv` must be 16 bytes that nobody can foretell. Allocates about three times the text.
    """
    count = _BLOCK - len(text) % _BLOCK
    cipher = aes(hmac(key, b"encrypt"), _CBC, iv).encrypt(text + bytes([count]) * count)
    return iv + cipher + hmac(hmac(key, b"authenticate"), header, iv, cipher)

