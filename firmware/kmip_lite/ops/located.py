"""Locate once more, for those who page: how many objects match, beside the identifiers (1.3, 1.4 section
4.9, 2.0 6.1.27, 2.1 6.1.28). Takes what Locate takes."""

from micropython import const

from kmip_lite.ops.locate import OP as OP
from kmip_lite.ops.locate import request as request
from kmip_lite.ttlv import TTLVError

_INTEGER = const(2)
_TEXT_STRING = const(7)

_TAG_UNIQUE_IDENTIFIER = const(0x420094)
_TAG_LOCATED_ITEMS = const(0x4200D5)

_E_TYPE = const(5)  # errors.py


def response(d, version):
    """(Located Items, the list of Unique Identifiers): the first counts all that match, whatever `maximum`
    and `offset` leave of them in the second; None where the server does not say. Allocates both."""
    total = None
    found = []
    while d.next():
        tag = d.tag
        if tag == _TAG_LOCATED_ITEMS or tag == _TAG_UNIQUE_IDENTIFIER:
            if d.kind != (_INTEGER if tag == _TAG_LOCATED_ITEMS else _TEXT_STRING):
                raise TTLVError(_E_TYPE, d.at)
            if tag == _TAG_LOCATED_ITEMS:
                total = d.value()
            else:
                found.append(d.value())
    return total, found
