"""Validate: whether a chain of certificates is valid (1.0 section 4.23, 1.1-1.4 4.24, 2.0 6.1.51,
2.1 6.1.57)."""

from micropython import const

from kmip_lite.fields import write_uid

_ENUMERATION = const(5)
_BYTE_STRING = const(8)
_DATE_TIME = const(9)

_TAG_CERTIFICATE = const(0x420013)
_TAG_CERTIFICATE_TYPE = const(0x42001D)
_TAG_CERTIFICATE_VALUE = const(0x42001E)
_TAG_VALIDITY_DATE = const(0x42009A)
_TAG_VALIDITY_INDICATOR = const(0x42009B)

OP = 0x17


def request(e, version, uids=(), certificates=(), when=None, kind=1):
    """Write the payload: a chain made of certificates on the server, by their Unique Identifiers, and of
    others, bytes-like, of Certificate Type `kind` (1: DER of X.509).

    `when`: the moment it is to be valid at, seconds since 1970; now, where it is None. The answer is a
    Validity Indicator: 1 Valid, 2 Invalid, 3 Unknown.
    """
    if isinstance(uids, (str, bytes)):
        uids = (uids,)
    for certificate in certificates:
        e.begin(_TAG_CERTIFICATE)
        e.put(_TAG_CERTIFICATE_TYPE, _ENUMERATION, kind)
        e.put(_TAG_CERTIFICATE_VALUE, _BYTE_STRING, certificate)
        e.end()
    for uid in uids:
        write_uid(e, version, uid)
    if when is not None:
        e.put(_TAG_VALIDITY_DATE, _DATE_TIME, when)


def response(d, version):
    """The number of the Validity Indicator."""
    d.need(_TAG_VALIDITY_INDICATOR, _ENUMERATION)
    return d.value()
