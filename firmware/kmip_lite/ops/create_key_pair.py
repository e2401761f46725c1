"""Create Key Pair: the server makes a private and a public key (1.x section 4.2, 2.x 6.1.9)."""

from micropython import const

from kmip_lite.fields import write_attribute
from kmip_lite.ops.create import write_storage

_TEXT_STRING = const(7)

_TAG_COMMON_TEMPLATE_ATTRIBUTE = const(0x42001F)
_TAG_PRIVATE_KEY_TEMPLATE_ATTRIBUTE = const(0x420065)
_TAG_PRIVATE_KEY_UNIQUE_IDENTIFIER = const(0x420066)
_TAG_PUBLIC_KEY_TEMPLATE_ATTRIBUTE = const(0x42006E)
_TAG_PUBLIC_KEY_UNIQUE_IDENTIFIER = const(0x42006F)
_TAG_COMMON_ATTRIBUTES = const(0x420126)
_TAG_PRIVATE_KEY_ATTRIBUTES = const(0x420127)
_TAG_PUBLIC_KEY_ATTRIBUTES = const(0x420128)
_TAG_COMMON_PROTECTION_STORAGE_MASKS = const(0x420163)

OP = 0x02


def request(e, version, common=(), private=(), public=(), storage=()):
    """Write the payload. The answer is (Unique Identifier of the private key, of the public key).

    `common`, `private`, `public`: attributes (see `fields`) of both keys, of one, of the other; together
    at least Cryptographic Algorithm, Cryptographic Length and a Cryptographic Usage Mask for each.
    `storage` (2.x): Protection Storage Masks, up to three sequences of numbers: for both keys, for the
    private, for the public key.
    """
    second = version >= 20
    _attributes(e, version, _TAG_COMMON_ATTRIBUTES if second else _TAG_COMMON_TEMPLATE_ATTRIBUTE, common)
    _attributes(
        e, version, _TAG_PRIVATE_KEY_ATTRIBUTES if second else _TAG_PRIVATE_KEY_TEMPLATE_ATTRIBUTE, private
    )
    _attributes(
        e, version, _TAG_PUBLIC_KEY_ATTRIBUTES if second else _TAG_PUBLIC_KEY_TEMPLATE_ATTRIBUTE, public
    )
    tag = _TAG_COMMON_PROTECTION_STORAGE_MASKS  # those of the private and the public key come next
    for masks in storage:
        write_storage(e, version, masks, tag)
        tag += 1


def _attributes(e, version, tag, attributes):
    if attributes:
        e.begin(tag)
        for attribute in attributes:
            write_attribute(e, version, attribute)
        e.end()


def response(d, version):
    """The two Unique Identifiers, a tuple of str. Allocates them."""
    d.need(_TAG_PRIVATE_KEY_UNIQUE_IDENTIFIER, _TEXT_STRING)
    private = d.value()
    d.need(_TAG_PUBLIC_KEY_UNIQUE_IDENTIFIER, _TEXT_STRING)
    return private, d.value()
