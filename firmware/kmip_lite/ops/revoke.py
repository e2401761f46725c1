"""Revoke: the object must not be used any more (1.0 section 4.19, 1.1-1.4 4.20, 2.0 6.1.40, 2.1 6.1.44)."""

from micropython import const

from kmip_lite.fields import uid_response as response
from kmip_lite.fields import write_uid

_ENUMERATION = const(5)
_TEXT_STRING = const(7)
_DATE_TIME = const(9)

_TAG_COMPROMISE_OCCURRENCE_DATE = const(0x420021)
_TAG_REVOCATION_MESSAGE = const(0x420080)
_TAG_REVOCATION_REASON = const(0x420081)
_TAG_REVOCATION_REASON_CODE = const(0x420082)

_REVOCATION_KEY_COMPROMISE = const(2)
_REVOCATION_CA_COMPROMISE = const(3)

_E_FIELD = const(25)  # errors.py

OP = 0x13


def request(e, version, uid, reason, message=None, occurred=None):
    """Write the payload. The answer is the Unique Identifier.

    `reason`: a Revocation Reason Code: 1 Unspecified, 2 Key Compromise, 3 CA Compromise, 4 Affiliation
    Changed, 5 Superseded, 6 Cessation of Operation, 7 Privilege Withdrawn. `message`: a text for people.
    `occurred`: the Compromise Occurrence Date, seconds since 1970; of a key compromise it is required up
    to 1.2, and from 1.4 on it is for compromises only.
    """
    write_uid(e, version, uid)
    e.begin(_TAG_REVOCATION_REASON)
    e.put(_TAG_REVOCATION_REASON_CODE, _ENUMERATION, reason)
    if message is not None:
        e.put(_TAG_REVOCATION_MESSAGE, _TEXT_STRING, message)
    e.end()
    if occurred is not None:
        if version >= 14 and not _REVOCATION_KEY_COMPROMISE <= reason <= _REVOCATION_CA_COMPROMISE:
            e.fail(_E_FIELD)
        e.put(_TAG_COMPROMISE_OCCURRENCE_DATE, _DATE_TIME, occurred)
    elif version < 13 and reason == _REVOCATION_KEY_COMPROMISE:
        e.fail(_TAG_COMPROMISE_OCCURRENCE_DATE)
