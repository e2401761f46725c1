"""Obtain Lease: for how long the object may be used without asking again (1.0 section 4.16, 1.1-1.4 4.17,
2.0 6.1.34, 2.1 6.1.35).

Takes the object's Unique Identifier, None for the ID Placeholder.
"""

from micropython import const

from kmip_lite.fields import read_uid
from kmip_lite.fields import write_uid as request

_DATE_TIME = const(9)
_INTERVAL = const(10)

_TAG_LAST_CHANGE_DATE = const(0x420048)
_TAG_LEASE_TIME = const(0x420049)

OP = 0x10


def response(d, version):
    """(Lease Time in seconds, 0 for no limit; Last Change Date in seconds since 1970). Allocates both.

    An object that was changed since it was fetched is to be fetched again.
    """
    read_uid(d, version)
    d.need(_TAG_LEASE_TIME, _INTERVAL)
    lease = d.value()
    d.need(_TAG_LAST_CHANGE_DATE, _DATE_TIME)
    return lease, d.value()
