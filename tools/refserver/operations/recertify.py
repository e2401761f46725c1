"""Re-certify (KMIP 1.x §4.8): renew a certificate, with the same key pair.

A certificate is renewed once: its Name has moved and its Replacement Object Link is taken. A second
Re-certify of it is refused with Permission Denied ("object cannot be certified", §11.9); the
certificate at the end of the chain of Replacement Object Links is the one to renew.
"""

from .. import certificates, creation, issuing, ttlv
from ..enums import LinkType, ObjectType, Operation
from ..errors import Reason, denied, invalid_field, invalid_message
from ..schema import INTERVAL, Field
from ..structures import UNIQUE_IDENTIFIER
from ..tags import Tag as T

OPERATION = Operation.RE_CERTIFY
WRITES = True
FIELDS = [
    UNIQUE_IDENTIFIER,
    Field(T.CERTIFICATE_REQUEST_UNIQUE_IDENTIFIER, UNIQUE_IDENTIFIER.kinds, since=20),
    *issuing.REQUEST_FIELDS,
    Field(T.OFFSET, INTERVAL),
    *creation.OPTIONAL,
]

# Of the existing certificate, not copied: set anew, computed from the new one, or never set (§4.8).
_NOT_COPIED = frozenset((
    "Name", "Link", "Digest", "Initial Date", "Last Change Date", "Original Creation Date",
    "Activation Date", "Deactivation Date", "Destroy Date", "Archive Date", "Revocation Reason",
    "Compromise Date", "Compromise Occurrence Date", "Fresh",
    "Certificate Type", "Certificate Length", "Cryptographic Algorithm", "Cryptographic Length",
    "Digital Signature Algorithm", "X.509 Certificate Identifier", "X.509 Certificate Subject",
    "X.509 Certificate Issuer", "Certificate Identifier", "Certificate Subject",
    "Certificate Issuer", "Always Sensitive", "Never Extractable", "Lease Time",
))


def run(ctx, request):
    old = ctx.find(request.unique_identifier)
    _check(ctx, old)
    given = creation.attributes_of(ctx, request)
    issuing.check_type(given)
    activation, deactivation = _dates(ctx, old, request.offset, given)
    old_certificate = certificates.load(old.material.find(T.CERTIFICATE_VALUE).value)
    signing_request = issuing.read_request(ctx, request)
    if request.certificate_request_unique_identifier is not None:
        if signing_request is not None:
            raise invalid_message("two certificate requests are given")
        signing_request = issuing.request_of(
            ctx, ctx.find(request.certificate_request_unique_identifier))
    managed, der = issuing.issue(ctx, old_certificate.public_key(), signing_request, activation)
    creation.apply(ctx, managed, given, claims=("Certificate Type",))
    _copy(managed, old)
    for name, value in (("Activation Date", activation), ("Deactivation Date", deactivation)):
        if value is not None:
            managed.set_value(name, value)
    certificates.describe_certificate(managed, der)
    old.drop("Name")
    ctx.txn.save(old)  # the Name is free before the new certificate takes it
    _link(ctx, managed, old)
    issuing.link_issuer(ctx, managed, old_certificate)
    creation.finish(ctx, managed, fresh=True)
    ctx.txn.index_certificate(certificates.fingerprint(der), managed.uid)
    old.link(LinkType.REPLACEMENT_OBJECT_LINK, managed.uid)
    ctx.save(old)
    return [ttlv.text(T.UNIQUE_IDENTIFIER, managed.uid)]


def _check(ctx, old):
    if old.object_type != ObjectType.CERTIFICATE:
        raise denied("only a Certificate can be re-certified", Reason.INVALID_OBJECT_TYPE)
    issuing.check_usable(ctx, old, "certificate")
    replaced = old.links(LinkType.REPLACEMENT_OBJECT_LINK)
    if replaced:
        raise denied("the certificate has been renewed already, by %s" % replaced[0])
    for uid in old.links(LinkType.PUBLIC_KEY_LINK):
        public = ctx.own(uid)
        if public is not None:
            issuing.check_usable(ctx, public, "public key")


def _dates(ctx, old, offset, given):
    """(Activation Date, Deactivation Date) of the new certificate, by the table of §4.8."""
    stated = [creation.first(given, name) for name in ("Activation Date", "Deactivation Date")]
    if offset is not None and stated != [None, None]:
        raise invalid_message("Offset and an Activation or Deactivation Date exclude each other")
    activation, deactivation = old.get("Activation Date"), old.get("Deactivation Date")
    if offset is not None:
        if activation is None:
            return None, deactivation
        new = ctx.now + offset
        if deactivation is not None:
            deactivation += new - activation
            if not -2**63 <= deactivation < 2**63:
                raise invalid_field("the Deactivation Date would be out of range")
        return new, deactivation
    return tuple(
        date if attribute is None else attribute.value.value
        for attribute, date in zip(stated, (activation, deactivation), strict=True))


def _copy(managed, old):
    """The other attributes of the existing certificate; those of the request come first."""
    for name, instances in old.attributes.items():
        if name not in _NOT_COPIED and name not in managed.attributes:
            managed.attributes[name] = list(instances)
    for item in old.items("Name"):
        managed.add("Name", item)


def _link(ctx, managed, old):
    for uid in old.links(LinkType.PUBLIC_KEY_LINK):
        managed.link(LinkType.PUBLIC_KEY_LINK, uid)
        public = ctx.own(uid)
        if public is not None and public.object_type == ObjectType.PUBLIC_KEY:
            public.link(LinkType.CERTIFICATE_LINK, managed.uid)
            ctx.save(public)
    managed.link(LinkType.REPLACED_OBJECT_LINK, old.uid)
