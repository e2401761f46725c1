"""Derive Key: a key or a secret made from another (1.0 section 4.5, 1.1-1.4 4.6, 2.x 6.1.14)."""

from micropython import const

from kmip_lite.fields import uid_response as response
from kmip_lite.fields import write_attributes, write_uid

_STRUCTURE = const(1)
_INTEGER = const(2)
_ENUMERATION = const(5)
_BYTE_STRING = const(8)

_TAG_CRYPTOGRAPHIC_PARAMETERS = const(0x42002B)
_TAG_DERIVATION_DATA = const(0x420030)
_TAG_DERIVATION_METHOD = const(0x420031)
_TAG_DERIVATION_PARAMETERS = const(0x420032)
_TAG_INITIALIZATION_VECTOR = const(0x42003A)
_TAG_ITERATION_COUNT = const(0x42003C)
_TAG_OBJECT_TYPE = const(0x420057)
_TAG_SALT = const(0x420084)
_TAG_UNIQUE_IDENTIFIER = const(0x420094)

_DERIVATION_PBKDF2 = const(1)

_E_FIELD = const(25)  # errors.py

OP = 0x05


def request(
    e,
    version,
    object_type,
    uids,
    method,
    attributes,
    data=None,
    parameters=(),
    iv=None,
    salt=None,
    iterations=None,
):
    """Write the payload. The answer is the new object's Unique Identifier.

    `object_type`: 2 Symmetric Key, 7 Secret Data. `uids`: that of the base object, or a sequence of
    several; the ID Placeholder is none. `method`: a number of Derivation Method: 1 PBKDF2, 2 HASH, 3 HMAC,
    4 ENCRYPT, 5 to 7 NIST 800-108. `attributes` (see `fields`): at least the Cryptographic Length, for a
    key the Cryptographic Algorithm, and a Cryptographic Usage Mask.

    The Derivation Parameters: `parameters`, the fields of Cryptographic Parameters as for `Encoder.put`;
    `iv`; `data`, the Derivation Data (in 2.x also a tuple of several); `salt` and `iterations`, required
    for PBKDF2, and in 1.x for nothing else. Byte strings are bytes-like.
    """
    if isinstance(uids, (str, bytes)):
        uids = (uids,)
    if not uids or None in uids or 1 in uids:
        e.fail(_TAG_UNIQUE_IDENTIFIER)
        return
    e.put(_TAG_OBJECT_TYPE, _ENUMERATION, object_type)
    for uid in uids:
        write_uid(e, version, uid)
    e.put(_TAG_DERIVATION_METHOD, _ENUMERATION, method)
    e.begin(_TAG_DERIVATION_PARAMETERS)
    if parameters:
        e.put(_TAG_CRYPTOGRAPHIC_PARAMETERS, _STRUCTURE, parameters)
    if iv is not None:
        e.put(_TAG_INITIALIZATION_VECTOR, _BYTE_STRING, iv)
    if data is not None:
        if not isinstance(data, tuple):
            data = (data,)
        if len(data) > 1 and version < 20:
            e.fail(_E_FIELD)
        for part in data:
            e.put(_TAG_DERIVATION_DATA, _BYTE_STRING, part)
    if method == _DERIVATION_PBKDF2:
        if salt is None or iterations is None:
            e.fail(_TAG_SALT if salt is None else _TAG_ITERATION_COUNT)
    elif version < 20 and (salt is not None or iterations is not None):
        e.fail(_E_FIELD)
    if salt is not None:
        e.put(_TAG_SALT, _BYTE_STRING, salt)
    if iterations is not None:
        e.put(_TAG_ITERATION_COUNT, _INTEGER, iterations)
    e.end()
    write_attributes(e, version, attributes, True)
