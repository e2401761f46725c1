"""Get Usage Allocation: leave to use a key for so many bytes or objects (1.0 section 4.17,
1.1-1.4 4.18, 2.0 6.1.22, 2.1 6.1.23)."""

from micropython import const

from kmip_lite.fields import read_uid as read
from kmip_lite.fields import uid_response as response
from kmip_lite.fields import write_uid

_LONG_INTEGER = const(3)

_TAG_USAGE_LIMITS_COUNT = const(0x420096)

_E_NOTHING = const(27)  # errors.py

OP = 0x11


def request(e, version, uid, count):
    """Write the payload: `count` in the key's own Usage Limits Unit, 1 to 63 bits; `uid` None is the
    ID Placeholder.

    A success grants the whole count, and the server counts it as used; the answer is the key's
    Unique Identifier and says nothing of what remains. Refused: Permission Denied (1.x), Usage Limit
    Exceeded (2.x).
    """
    write_uid(e, version, uid)
    if count < 1:
        e.fail(_E_NOTHING)
    e.put(_TAG_USAGE_LIMITS_COUNT, _LONG_INTEGER, count)
