"""Fields that many payloads share: the Unique Identifier, and attributes in requests.

An attribute is a tuple (name, tag, type, value): KMIP 1.x sends the name, 2.x the tag. Type and value
are as in `Encoder.put`. A fifth member is the Attribute Index of 1.x. So the name of an object is
("Name", 0x420053, 1, ((0x420055, 7, "meter-1"), (0x420054, 5, 1))). With None for its name it goes as
the item itself: the Name of a Template, say, in front of a Template-Attribute (1.x section 2.1.8).
"""

from micropython import const

_INTEGER = const(2)
_ENUMERATION = const(5)
_TEXT_STRING = const(7)

_TAG_ATTRIBUTE = const(0x420008)
_TAG_ATTRIBUTE_INDEX = const(0x420009)
_TAG_ATTRIBUTE_NAME = const(0x42000A)
_TAG_ATTRIBUTE_VALUE = const(0x42000B)
_TAG_TEMPLATE_ATTRIBUTE = const(0x420091)
_TAG_UNIQUE_IDENTIFIER = const(0x420094)
_TAG_ATTRIBUTES = const(0x420125)

_E_FIELD = const(25)  # errors.py


def write_uid(e, version, uid=None):
    """A Unique Identifier: str or bytes; None leaves it out, which means the ID Placeholder.

    In 2.x also an int, a number of the enumeration of that name (1 is the ID Placeholder).
    """
    if isinstance(uid, int):
        if version < 20:
            e.fail(_E_FIELD)
        e.put(_TAG_UNIQUE_IDENTIFIER, _ENUMERATION, uid)
    elif uid is not None:
        e.put(_TAG_UNIQUE_IDENTIFIER, _TEXT_STRING, uid)


def write_attribute(e, version, attribute):
    """One attribute: in 1.x an Attribute structure, in 2.x the item itself."""
    if version >= 20 or attribute[0] is None:
        e.put(attribute[1], attribute[2], attribute[3])
        return
    e.begin(_TAG_ATTRIBUTE)
    e.put(_TAG_ATTRIBUTE_NAME, _TEXT_STRING, attribute[0])
    if len(attribute) > 4:
        e.put(_TAG_ATTRIBUTE_INDEX, _INTEGER, attribute[4])
    e.put(_TAG_ATTRIBUTE_VALUE, attribute[2], attribute[3])
    e.end()


def write_attributes(e, version, attributes, always=False):
    """A Template-Attribute (1.x) or Attributes (2.x); left out where empty, unless `always`."""
    if attributes or always:
        e.begin(_TAG_ATTRIBUTES if version >= 20 else _TAG_TEMPLATE_ATTRIBUTE)
        for attribute in attributes:
            write_attribute(e, version, attribute)
        e.end()


def read_uid(d, version):
    """Move to the Unique Identifier of a response payload; allocates nothing. Raises TTLVError."""
    d.need(_TAG_UNIQUE_IDENTIFIER, _TEXT_STRING)


def uid_response(d, version):
    """The Unique Identifier of a response payload, a str. Allocates it."""
    read_uid(d, version)
    return d.value()
