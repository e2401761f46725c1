"""Re-key Key Pair: a new pair of keys in the place of an old one (1.1-1.4 section 4.5, 2.0 6.1.43,
2.1 6.1.47)."""

from micropython import const

from kmip_lite.ops.create_key_pair import request as write
from kmip_lite.ops.create_key_pair import response as response

_TEXT_STRING = const(7)
_INTERVAL = const(10)

_TAG_OFFSET = const(0x420058)
_TAG_PRIVATE_KEY_UNIQUE_IDENTIFIER = const(0x420066)

_E_FIELD = const(25)  # errors.py

OP = 0x1D


def request(e, version, uid=None, offset=None, common=(), private=(), public=(), storage=()):
    """Write the payload. The answer is (Unique Identifier of the new private key, of the public key).

    `uid`: that of the old private key, str or bytes, None for the ID Placeholder. `offset`: as in Re-key.
    The others: as in Create Key Pair, where they are not to be copied.
    """
    if version < 11:
        e.fail(_E_FIELD)
    if uid is not None:
        e.put(_TAG_PRIVATE_KEY_UNIQUE_IDENTIFIER, _TEXT_STRING, uid)
    if offset is not None:
        e.put(_TAG_OFFSET, _INTERVAL, offset)
    write(e, version, common, private, public, storage)
