"""Delete Attribute: a value of an attribute, or all of them (1.0 section 4.15, 1.1-1.4 4.16, 2.x 6.1.13)."""

from micropython import const

from kmip_lite.fields import write_uid
from kmip_lite.ops.add_attribute import response as response
from kmip_lite.ops.add_attribute import write_changed

_STRUCTURE = const(1)
_INTEGER = const(2)
_ENUMERATION = const(5)
_TEXT_STRING = const(7)

_TAG_ATTRIBUTE_INDEX = const(0x420009)
_TAG_ATTRIBUTE_NAME = const(0x42000A)
_TAG_CURRENT_ATTRIBUTE = const(0x42013C)
_TAG_ATTRIBUTE_REFERENCE = const(0x42013B)

_E_FIELD = const(25)  # errors.py

OP = 0x0F


def request(e, version, uid, name=None, index=None, current=None):
    """Write the payload: the object's Unique Identifier, None for the ID Placeholder, and which attribute.

    In 1.x its name, and of several values the index (0 where there is none; 1.0 refuses that). In 2.x its
    tag or the fields of a vendor's Attribute Reference, both as Get Attribute List gives them, for all
    values; or `current`, an attribute (see `fields`), for this one value. A tuple of name and tag serves
    either. The answer is that of Add Attribute, with the value that is gone.
    """
    write_uid(e, version, uid)
    if isinstance(name, tuple):
        name = name[version >= 20]
    if version < 20:
        if current is not None or name is None:
            e.fail(_TAG_ATTRIBUTE_NAME if current is None else _E_FIELD)
            return
        e.put(_TAG_ATTRIBUTE_NAME, _TEXT_STRING, name)
        if index is not None:
            e.put(_TAG_ATTRIBUTE_INDEX, _INTEGER, index)
        return
    if index is not None:
        e.fail(_E_FIELD)
    if current is not None:
        write_changed(e, version, current, _TAG_CURRENT_ATTRIBUTE)
    if isinstance(name, int):
        e.put(_TAG_ATTRIBUTE_REFERENCE, _ENUMERATION, name)
    elif name is not None:
        e.put(_TAG_ATTRIBUTE_REFERENCE, _STRUCTURE, name)
    elif current is None:
        e.fail(_TAG_ATTRIBUTE_REFERENCE)
