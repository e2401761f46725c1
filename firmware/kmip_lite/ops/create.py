"""Create: the server makes a symmetric key (1.x section 4.1, 2.x 6.1.8)."""

from micropython import const

from kmip_lite.fields import uid_response, write_attributes

_INTEGER = const(2)
_ENUMERATION = const(5)

_TAG_OBJECT_TYPE = const(0x420057)
_TAG_PROTECTION_STORAGE_MASK = const(0x42015E)
_TAG_PROTECTION_STORAGE_MASKS = const(0x42015F)

_E_FIELD = const(25)  # errors.py

OP = 0x01


def write_storage(e, version, masks, tag=_TAG_PROTECTION_STORAGE_MASKS):
    """Protection Storage Masks, a sequence of numbers; nothing where it is empty."""
    if not masks:
        return
    if version < 20:
        e.fail(_E_FIELD)
    e.begin(tag)
    for mask in masks:
        e.put(_TAG_PROTECTION_STORAGE_MASK, _INTEGER, mask)
    e.end()


def request(e, version, object_type, attributes, storage=()):
    """Write the payload. The answer is the new object's Unique Identifier.

    `object_type`: 2, Symmetric Key. `attributes` (see `fields`): at least Cryptographic Algorithm,
    Cryptographic Length and Cryptographic Usage Mask. `storage` (2.x): Protection Storage Masks, each a
    number, of which one has to be met.
    """
    e.put(_TAG_OBJECT_TYPE, _ENUMERATION, object_type)
    write_attributes(e, version, attributes, True)
    write_storage(e, version, storage)


def response(d, version):
    """The Unique Identifier, a str. Allocates it."""
    d.need(_TAG_OBJECT_TYPE, _ENUMERATION)
    return uid_response(d, version)
