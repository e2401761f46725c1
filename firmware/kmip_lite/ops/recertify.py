"""Re-certify: a new certificate for the same key pair (1.0 section 4.7, 1.1-1.4 4.8, 2.0 6.1.41,
2.1 6.1.45)."""

from micropython import const

from kmip_lite.fields import read_uid as read
from kmip_lite.fields import uid_response as response
from kmip_lite.fields import write_attributes, write_uid
from kmip_lite.ops.certify import write_certificate_request

_TEXT_STRING = const(7)
_INTERVAL = const(10)

_TAG_OFFSET = const(0x420058)
_TAG_CERTIFICATE_REQUEST_UNIQUE_IDENTIFIER = const(0x420139)

_REQUEST_PKCS10 = const(2)

_E_FIELD = const(25)  # errors.py

OP = 0x07


def request(
    e, version, uid=None, csr=None, offset=None, attributes=(), kind=_REQUEST_PKCS10, csr_uid=None
):
    """Write the payload. The answer is the Unique Identifier of the new certificate.

    `uid`: that of the Certificate to be renewed, not of its key; None for the ID Placeholder.
    `csr`: as in Certify. `offset`: seconds from the new Initial Date to the new Activation Date; 0
    has the certificate active at once, None leaves the server to copy the old dates. `csr_uid`
    (2.x): the Unique Identifier of a Certificate Request object, instead of `csr`.
    """
    write_uid(e, version, uid)
    if csr_uid is not None:
        if version < 20:
            e.fail(_E_FIELD)
        e.put(_TAG_CERTIFICATE_REQUEST_UNIQUE_IDENTIFIER, _TEXT_STRING, csr_uid)
    write_certificate_request(e, version, csr, kind)
    if offset is not None:
        e.put(_TAG_OFFSET, _INTERVAL, offset)
    write_attributes(e, version, attributes)
