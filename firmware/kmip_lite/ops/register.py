"""Register: hand the server an object that was made elsewhere (1.x section 4.3, 2.0 6.1.39,
2.1 6.1.43)."""

from micropython import const

from kmip_lite.fields import read_uid as read
from kmip_lite.fields import uid_response as response
from kmip_lite.fields import write_attributes

_STRUCTURE = const(1)
_INTEGER = const(2)
_ENUMERATION = const(5)
_BYTE_STRING = const(8)

_TAG_CERTIFICATE_TYPE = const(0x42001D)
_TAG_CERTIFICATE_VALUE = const(0x42001E)
_TAG_CRYPTOGRAPHIC_ALGORITHM = const(0x420028)
_TAG_CRYPTOGRAPHIC_LENGTH = const(0x42002A)
_TAG_KEY = const(0x42003F)
_TAG_KEY_BLOCK = const(0x420040)
_TAG_KEY_FORMAT_TYPE = const(0x420042)
_TAG_KEY_MATERIAL = const(0x420043)
_TAG_KEY_VALUE = const(0x420045)
_TAG_OBJECT_TYPE = const(0x420057)
_TAG_OPAQUE_DATA_TYPE = const(0x420059)
_TAG_OPAQUE_DATA_VALUE = const(0x42005A)
_TAG_SECRET_DATA_TYPE = const(0x420086)

_OBJECT_CERTIFICATE = const(1)
_OBJECT_SPLIT_KEY = const(5)
_OBJECT_TEMPLATE = const(6)
_OBJECT_SECRET_DATA = const(7)
_OBJECT_OPAQUE_OBJECT = const(8)
_FORMAT_RAW = const(1)
_FORMAT_TRANSPARENT_SYMMETRIC_KEY = const(7)

# The last byte of the object's tag, by Object Type.
_TAGS = b"\x00\x13\x8f\x6d\x64\x89\x90\x85\x5b"

_E_OBJECT = const(28)  # errors.py

OP = 0x03


def request(
    e,
    version,
    object_type,
    value,
    attributes=(),
    kind=1,
    format=_FORMAT_RAW,
    algorithm=None,
    bits=None,
):
    """Write the payload. The answer is the new object's Unique Identifier.

    `object_type`: 1 Certificate, 2 Symmetric Key, 3 Public Key, 4 Private Key, 5 Split Key, 6 Template
    (1.x), 7 Secret Data, 8 Opaque Object. `value`: its bytes, for all but Split Key and Template.
    `kind`: the Certificate Type, Secret Data Type or Opaque Data Type. `format`, `algorithm`, `bits`: a
    key's Key Format Type, Cryptographic Algorithm and Length; of the transparent formats the symmetric
    one. `attributes`: see `fields`; a key needs at least its Cryptographic Usage Mask.

    Or `value` is the whole object, a tuple or list of the items in its structure as `Encoder.put` takes
    them: what `get_object` gives, or `objects` makes. Then `kind` and those behind it say nothing.
    """
    whole = isinstance(value, (tuple, list))
    if (
        not 0 < object_type < len(_TAGS)
        or (object_type == _OBJECT_TEMPLATE and version >= 20)
        or (not whole and _OBJECT_SPLIT_KEY <= object_type <= _OBJECT_TEMPLATE)
    ):
        e.fail(_E_OBJECT)
        return
    e.put(_TAG_OBJECT_TYPE, _ENUMERATION, object_type)
    write_attributes(e, version, attributes, True)
    if whole:
        e.put(0x420000 | _TAGS[object_type], _STRUCTURE, value)
        return
    e.begin(0x420000 | _TAGS[object_type])
    if object_type == _OBJECT_CERTIFICATE:
        e.put(_TAG_CERTIFICATE_TYPE, _ENUMERATION, kind)
        e.put(_TAG_CERTIFICATE_VALUE, _BYTE_STRING, value)
    elif object_type == _OBJECT_OPAQUE_OBJECT:
        e.put(_TAG_OPAQUE_DATA_TYPE, _ENUMERATION, kind)
        e.put(_TAG_OPAQUE_DATA_VALUE, _BYTE_STRING, value)
    else:
        if object_type == _OBJECT_SECRET_DATA:
            e.put(_TAG_SECRET_DATA_TYPE, _ENUMERATION, kind)
        _key_block(e, value, format, algorithm, bits)
    e.end()


def _key_block(e, value, format, algorithm, bits):
    # 1.x section 2.1.3, 2.x section 3.1.
    e.begin(_TAG_KEY_BLOCK)
    e.put(_TAG_KEY_FORMAT_TYPE, _ENUMERATION, format)
    e.begin(_TAG_KEY_VALUE)
    if format == _FORMAT_TRANSPARENT_SYMMETRIC_KEY:
        e.begin(_TAG_KEY_MATERIAL)
        e.put(_TAG_KEY, _BYTE_STRING, value)
        e.end()
    else:
        e.put(_TAG_KEY_MATERIAL, _BYTE_STRING, value)
    e.end()
    if algorithm is not None:
        e.put(_TAG_CRYPTOGRAPHIC_ALGORITHM, _ENUMERATION, algorithm)
    if bits is not None:
        e.put(_TAG_CRYPTOGRAPHIC_LENGTH, _INTEGER, bits)
    e.end()
