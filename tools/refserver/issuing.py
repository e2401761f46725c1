"""Making certificates: what Certify and Re-certify share (KMIP 1.x §4.7, §4.8)."""

from . import certificates, creation, csr
from .authority import subject_for
from .cryptoenums import CryptographicAlgorithm
from .enums import CertificateRequestType, CertificateType, LinkType, ObjectType, State
from .errors import Reason, denied, invalid_field, invalid_message
from .keyformats import describe, spki
from .schema import BYTE_STRING, ENUMERATION, Field
from .state import current, spell
from .tags import Tag as T

REQUEST_FIELDS = [
    Field(T.CERTIFICATE_REQUEST_TYPE, ENUMERATION, required=(10, 10),
          enum=CertificateRequestType),
    Field(T.CERTIFICATE_REQUEST, BYTE_STRING, required=(10, 10), until=14),
    Field(T.CERTIFICATE_REQUEST_VALUE, BYTE_STRING, since=20),
]

_RSA_BITS = 2048  # TLS takes no smaller ones
_EC_BITS = 256


def read_request(ctx, request):
    """The verified certificate request of a payload, or None where it carries none."""
    kind, data = request.certificate_request_type, request.certificate_request
    if ctx.version >= 20:
        data = request.certificate_request_value
    if (kind is None) != (data is None):
        raise invalid_message("Certificate Request Type and Certificate Request go together")
    if data is None:
        return None
    return csr.load(kind, data, ctx.engine.options.allow_sha1_requests)


def request_of(ctx, managed):
    """The certificate request in a Certificate Request object (2.x)."""
    if managed.object_type != ObjectType.CERTIFICATE_REQUEST or managed.material is None:
        raise denied("the object is no Certificate Request", Reason.INVALID_OBJECT_TYPE)
    return csr.load(managed.material.find(T.CERTIFICATE_REQUEST_TYPE).value,
                    managed.material.find(T.CERTIFICATE_REQUEST_VALUE).value,
                    ctx.engine.options.allow_sha1_requests)


def check_type(given):
    """Invalid Field for a Certificate Type other than X.509; whether one was given."""
    attribute = creation.first(given, "Certificate Type")
    if attribute is not None and attribute.value.value != CertificateType.X509:
        raise invalid_field("only X.509 certificates are issued")
    return attribute is not None


def check_usable(ctx, managed, what):
    """Permission Denied for a key or certificate that must not be certified any more."""
    state = current(managed, ctx.now)
    if state in (State.COMPROMISED, State.DESTROYED, State.DESTROYED_COMPROMISED):
        raise denied("the %s is %s" % (what, spell(state)))
    if state == State.DEACTIVATED and managed.get("Revocation Reason") is not None:
        raise denied("the %s has been revoked" % what)


def issue(ctx, public_key, request, activation):
    """A new Certificate object of the asker, its certificate signed; not yet stored.

    The life begins now, or at the Activation Date where that is later.
    """
    algorithm, bits = describe(public_key)
    if bits < (_RSA_BITS if algorithm == CryptographicAlgorithm.RSA else _EC_BITS):
        raise denied("a key of %d bits is too small for a certificate" % bits)
    device = ctx.identity.device
    subject = subject_for(ctx.engine.options.subject, device)
    alternatives = []
    if request is not None:
        if spki(request.public_key()) != spki(public_key):
            raise invalid_field("the Certificate Request is for another public key", Reason.INVALID_CSR)
        alternatives = csr.check_identity(request, device, subject)
        subject = request.subject  # the same name, in the string types the client chose
    start = ctx.now if activation is None else max(ctx.now, activation)
    if start >= ctx.engine.meter_ca.expires:
        raise invalid_field("the certificate would begin when its issuer has expired")
    certificate = ctx.engine.meter_ca.issue_client(
        subject, public_key, start, ctx.engine.options.life, alternatives,
        listens=ctx.txn.endpoint(device) is not None)
    der = certificates.der(certificate)
    managed = creation.new(ctx, ObjectType.CERTIFICATE, certificates.certificate_object(der))
    return managed, der


def link_issuer(ctx, managed, old=None):
    """After a roll-over of the CA: a Certificate Link to the new CA's certificate by the one before.

    That is the CA of the asker's own certificate, of `old` where the asker shows none.
    """
    signed = ctx.engine.crosses
    if not signed:
        return
    issuer = ctx.identity.issuer
    if issuer is None and old is not None:
        issuer = old.issuer
    der = signed.get(issuer) or list(signed.values())[-1]
    uid = ctx.txn.certificate_uid(certificates.fingerprint(der))
    if uid is not None:
        managed.link(LinkType.CERTIFICATE_LINK, uid)
