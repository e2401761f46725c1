"""Modify Attribute: another value for an attribute (1.0 section 4.14, 1.1-1.4 4.15, 2.0 6.1.33,
2.1 6.1.34)."""

from micropython import const

from kmip_lite.fields import write_uid
from kmip_lite.ops.add_attribute import response as response
from kmip_lite.ops.add_attribute import write_changed

_TAG_CURRENT_ATTRIBUTE = const(0x42013C)

_E_FIELD = const(25)  # errors.py

OP = 0x0E


def request(e, version, uid, attribute, current=None):
    """Write the payload: the object's Unique Identifier, None for the ID Placeholder, and the new value, an
    attribute (see `fields`). The answer is that of Add Attribute.

    Of several values, 1.x tells by the index in `attribute` which is meant (0 where there is none; 1.0 wants
    none for an attribute that has but one value), 2.x by `current`, an attribute with the old value.
    """
    write_uid(e, version, uid)
    if current is not None:
        if version < 20:
            e.fail(_E_FIELD)
        write_changed(e, version, current, _TAG_CURRENT_ATTRIBUTE)
    write_changed(e, version, attribute)
