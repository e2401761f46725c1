"""Get, of any object, as the items in it: also those that `get` does not read (Split Key, Template,
transparent keys as fields). The request is that of `get`."""

from micropython import const

from kmip_lite.ops.get import OP, request
from kmip_lite.ttlv import TTLVError

_STRUCTURE = const(1)
_ENUMERATION = const(5)
_TEXT_STRING = const(7)

_TAG_OBJECT_TYPE = const(0x420057)
_TAG_UNIQUE_IDENTIFIER = const(0x420094)

# The last byte of the object's tag, by Object Type.
_TAGS = b"\x00\x13\x8f\x6d\x64\x89\x90\x85\x5b"

_E_OBJECT = const(28)  # errors.py


def response(d, version):
    """(Object Type, Unique Identifier, items): the items in the object, as `Decoder.value` gives them.

    `register` takes them as they are, `objects.Parts` takes them apart. Allocates the tuple and all in it;
    secrets among them cannot be wiped. Raises TTLVError.
    """
    d.need(_TAG_OBJECT_TYPE, _ENUMERATION)
    object_type = d.small()
    if not 0 < object_type < len(_TAGS):
        raise TTLVError(_E_OBJECT, d.at)
    d.need(_TAG_UNIQUE_IDENTIFIER, _TEXT_STRING)
    uid = d.value()
    d.need(0x420000 | _TAGS[object_type], _STRUCTURE)
    return object_type, uid, d.value()
