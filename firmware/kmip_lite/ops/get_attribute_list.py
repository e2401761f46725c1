"""Get Attribute List: which attributes an object has (1.0 section 4.12, 1.1-1.4 4.13, 2.x 6.1.21).

Takes the object's Unique Identifier, None for the ID Placeholder.
"""

from micropython import const

from kmip_lite.fields import read_uid
from kmip_lite.fields import write_uid as request
from kmip_lite.ttlv import TTLVError

_STRUCTURE = const(1)
_ENUMERATION = const(5)
_TEXT_STRING = const(7)

_TAG_ATTRIBUTE_NAME = const(0x42000A)
_TAG_ATTRIBUTE_REFERENCE = const(0x42013B)

_E_TYPE = const(5)  # errors.py

OP = 0x0C


def response(d, version):
    """The list of the attributes' names, each once. Allocates it.

    In 2.x it is of their tags; of a vendor's attribute it holds the fields of the Attribute Reference, as
    `Decoder.value` gives them: its Vendor Identification and its Attribute Name.
    """
    read_uid(d, version)
    found = []
    while d.find(_TAG_ATTRIBUTE_REFERENCE if version >= 20 else _TAG_ATTRIBUTE_NAME):
        kind = d.kind
        if kind != _TEXT_STRING if version < 20 else kind != _ENUMERATION and kind != _STRUCTURE:
            raise TTLVError(_E_TYPE, d.at)
        found.append(d.value())
    if not found:
        raise TTLVError(_TAG_ATTRIBUTE_NAME, d.at)
    return found
