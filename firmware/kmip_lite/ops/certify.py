"""Certify: a certificate for a public key (1.0 section 4.6, 1.1-1.4 4.7, 2.x 6.1.6)."""

from micropython import const

from kmip_lite.fields import read_uid as read
from kmip_lite.fields import uid_response as response
from kmip_lite.fields import write_attributes, write_uid

_ENUMERATION = const(5)
_BYTE_STRING = const(8)

_TAG_CERTIFICATE_REQUEST = const(0x420018)
_TAG_CERTIFICATE_REQUEST_TYPE = const(0x420019)
_TAG_CERTIFICATE_REQUEST_VALUE = const(0x420140)

_REQUEST_PKCS10 = const(2)

_E_REQUEST = const(26)  # errors.py

OP = 0x06


def write_certificate_request(e, version, csr, kind):
    """The certificate request, bytes-like, and before it its type; nothing where `csr` is None, which 1.0
    does not have."""
    if csr is not None:
        e.put(_TAG_CERTIFICATE_REQUEST_TYPE, _ENUMERATION, kind)
        tag = _TAG_CERTIFICATE_REQUEST_VALUE if version >= 20 else _TAG_CERTIFICATE_REQUEST
        e.put(tag, _BYTE_STRING, csr)
    elif version == 10:
        e.fail(_E_REQUEST)


def request(e, version, uid=None, csr=None, attributes=(), kind=_REQUEST_PKCS10):
    """Write the payload. The answer is the Unique Identifier of the new certificate.

    `uid`: the Public Key's, None for the ID Placeholder. `csr`: the certificate request, DER of a
    PKCS#10 unless `kind` (Certificate Request Type) says otherwise; required in KMIP 1.0, later it
    may be left out where `attributes` (see `fields`) has a Certificate Type.
    """
    write_uid(e, version, uid)
    write_certificate_request(e, version, csr, kind)
    write_attributes(e, version, attributes)
