"""Add Attribute: one more value of an attribute (1.0 section 4.13, 1.1-1.4 4.14, 2.x 6.1.2)."""

from micropython import const

from kmip_lite.fields import uid_response, write_attribute, write_uid
from kmip_lite.ops.get_attributes import response as read_attributes
from kmip_lite.ttlv import TTLVError

_TAG_ATTRIBUTE = const(0x420008)
_TAG_NEW_ATTRIBUTE = const(0x42013D)

_E_FIELD = const(25)  # errors.py

OP = 0x0D


def write_changed(e, version, attribute, tag=_TAG_NEW_ATTRIBUTE):
    """An attribute as itself (1.x) or in a structure of its own (2.x)."""
    if version >= 20:
        e.begin(tag)
    write_attribute(e, version, attribute)
    if version >= 20:
        e.end()


def request(e, version, uid, attribute):
    """Write the payload: the object's Unique Identifier, None for the ID Placeholder, and an attribute (see
    `fields`) without an index, which is the server's to give."""
    if version < 20 and len(attribute) > 4:
        e.fail(_E_FIELD)
    write_uid(e, version, uid)
    write_changed(e, version, attribute)


def response(d, version):
    """The attribute as the server has it now, (name, index, value) as in Get Attributes; in 2.x, whose
    answer holds no more, the object's Unique Identifier. Allocates it."""
    if version >= 20:
        return uid_response(d, version)
    found = read_attributes(d, version)
    if len(found) != 1:
        raise TTLVError(_TAG_ATTRIBUTE, d.at)
    return found[0]
