"""Check: may this object be used so (1.0 section 4.9, 1.1-1.4 4.10, 2.x 6.1.7)."""

from micropython import const

from kmip_lite.fields import uid_response as response
from kmip_lite.fields import write_uid

_INTEGER = const(2)
_LONG_INTEGER = const(3)
_INTERVAL = const(10)

_TAG_CRYPTOGRAPHIC_USAGE_MASK = const(0x42002C)
_TAG_LEASE_TIME = const(0x420049)
_TAG_USAGE_LIMITS_COUNT = const(0x420096)

OP = 0x09


def request(e, version, uid=None, count=None, mask=None, lease=None):
    """Write the payload: a Usage Limits Count (63 bits), a Cryptographic Usage Mask, a Lease Time in
    seconds, each to be checked where it is given. The answer is the Unique Identifier; a no is a
    KmipError, and ends the batch."""
    write_uid(e, version, uid)
    if count is not None:
        e.put(_TAG_USAGE_LIMITS_COUNT, _LONG_INTEGER, count)
    if mask is not None:
        e.put(_TAG_CRYPTOGRAPHIC_USAGE_MASK, _INTEGER, mask)
    if lease is not None:
        e.put(_TAG_LEASE_TIME, _INTERVAL, lease)
