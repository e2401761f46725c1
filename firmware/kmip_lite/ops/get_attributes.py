"""Get Attributes: what the server knows of an object (1.0 section 4.11, 1.1-1.4 4.12, 2.x 6.1.20)."""

from micropython import const

from kmip_lite.fields import write_uid
from kmip_lite.ttlv import TTLVError

_STRUCTURE = const(1)
_INTEGER = const(2)
_ENUMERATION = const(5)
_TEXT_STRING = const(7)

_TAG_ATTRIBUTE = const(0x420008)
_TAG_ATTRIBUTE_INDEX = const(0x420009)
_TAG_ATTRIBUTE_NAME = const(0x42000A)
_TAG_ATTRIBUTE_VALUE = const(0x42000B)
_TAG_UNIQUE_IDENTIFIER = const(0x420094)
_TAG_ATTRIBUTES = const(0x420125)
_TAG_ATTRIBUTE_REFERENCE = const(0x42013B)

_E_TYPE = const(5)  # errors.py

OP = 0x0B


def request(e, version, uid=None, names=()):
    """Write the payload. `names`: of the attributes wanted, all where empty.

    In 1.x a name is text ("Link"); in 2.x a tag (0x42004A), or of a vendor's attribute the list of the
    fields of its Attribute Reference. A tuple of both serves either.
    """
    write_uid(e, version, uid)
    for name in names:
        if isinstance(name, tuple):
            name = name[version >= 20]
        if version >= 20:
            kind = _STRUCTURE if isinstance(name, list) else _ENUMERATION
            e.put(_TAG_ATTRIBUTE_REFERENCE, kind, name)
        else:
            e.put(_TAG_ATTRIBUTE_NAME, _TEXT_STRING, name)


def response(d, version):
    """A list of (name, index, value), the value as `Decoder.value` gives it. Allocates it.

    In 2.x the name is the attribute's tag, and the index counts its values from 0.
    """
    d.need(_TAG_UNIQUE_IDENTIFIER, _TEXT_STRING)
    found = []
    if version >= 20:
        d.need(_TAG_ATTRIBUTES, _STRUCTURE)
        d.enter()
        counts = {}
        while d.next():
            tag = d.tag
            index = counts.get(tag, 0)
            counts[tag] = index + 1
            found.append((tag, index, d.value()))
        d.leave()
        return found
    while d.find(_TAG_ATTRIBUTE, _STRUCTURE):
        d.enter()
        name = value = None
        index = 0
        while d.next():
            kind = d.kind
            if d.tag == _TAG_ATTRIBUTE_VALUE:
                value = d.value()
            elif d.tag == _TAG_ATTRIBUTE_NAME and kind == _TEXT_STRING:
                name = d.value()
            elif d.tag == _TAG_ATTRIBUTE_INDEX:
                if kind != _INTEGER:
                    raise TTLVError(_E_TYPE, d.at)
                index = d.value()
        if name is None:
            raise TTLVError(_TAG_ATTRIBUTE_NAME, d.at)
        d.leave()
        found.append((name, index, value))
    return found
