"""Locate: the Unique Identifiers of the objects that match (1.0 section 4.8, 1.1-1.4 4.9, 2.0 6.1.27,
2.1 6.1.28)."""

from micropython import const

from kmip_lite.fields import write_attribute, write_attributes

_INTEGER = const(2)
_ENUMERATION = const(5)
_TEXT_STRING = const(7)

_TAG_MAXIMUM_ITEMS = const(0x42004F)
_TAG_STORAGE_STATUS_MASK = const(0x42008E)
_TAG_UNIQUE_IDENTIFIER = const(0x420094)
_TAG_OBJECT_GROUP_MEMBER = const(0x4200AC)
_TAG_OFFSET_ITEMS = const(0x4200D4)

_E_FIELD = const(25)  # errors.py

OP = 0x08


def request(
    e, version, attributes=(), maximum=None, offset=None, storage=None, group_member=None
):
    """Write the payload: `attributes` (see `fields`) that all must match.

    `maximum`: of identifiers in the answer; 1 also sets the ID Placeholder. `offset` (1.3 and later):
    how many to skip. `storage`: a Storage Status Mask. `group_member` (1.1 and later): a number of
    the enumeration Object Group Member. The answer is a list of Unique Identifiers.
    """
    if maximum is not None:
        e.put(_TAG_MAXIMUM_ITEMS, _INTEGER, maximum)
    if offset is not None:
        if version < 13:
            e.fail(_E_FIELD)
        e.put(_TAG_OFFSET_ITEMS, _INTEGER, offset)
    if storage is not None:
        e.put(_TAG_STORAGE_STATUS_MASK, _INTEGER, storage)
    if group_member is not None:
        if version < 11:
            e.fail(_E_FIELD)
        e.put(_TAG_OBJECT_GROUP_MEMBER, _ENUMERATION, group_member)
    if version >= 20:
        write_attributes(e, version, attributes, True)
    else:
        for attribute in attributes:
            write_attribute(e, version, attribute)


def response(d, version):
    """The list of Unique Identifiers, str. Allocates it."""
    found = []
    while d.find(_TAG_UNIQUE_IDENTIFIER, _TEXT_STRING):
        found.append(d.value())
    return found
