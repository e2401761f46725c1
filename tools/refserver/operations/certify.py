"""Certify (KMIP 1.x §4.7): a certificate for a public key."""

from .. import certificates, creation, issuing, keyblock, keyformats, ttlv
from ..enums import ANY, LinkType, ObjectType, Operation
from ..errors import denied, invalid_message
from ..structures import UNIQUE_IDENTIFIER
from ..tags import Tag as T

OPERATION = Operation.CERTIFY
WRITES = True
FIELDS = [
    UNIQUE_IDENTIFIER,
    *issuing.REQUEST_FIELDS,
    *creation.OPTIONAL,
]


def run(ctx, request):
    public = ctx.find(request.unique_identifier)
    if public.object_type != ObjectType.PUBLIC_KEY:
        raise denied("only a Public Key can be certified")
    issuing.check_usable(ctx, public, "public key")
    given = creation.attributes_of(ctx, request)
    signing_request = issuing.read_request(ctx, request)
    if not issuing.check_type(given) and signing_request is None:
        raise invalid_message("neither a Certificate Request nor a Certificate Type is given")
    managed, der = issuing.issue(
        ctx, _key_of(public), signing_request, _activation(given))
    creation.apply(ctx, managed, given, claims=("Certificate Type",))
    certificates.describe_certificate(managed, der)
    if managed.get("Cryptographic Usage Mask") is None:
        managed.set_value("Cryptographic Usage Mask", public.get("Cryptographic Usage Mask"))
    managed.link(LinkType.PUBLIC_KEY_LINK, public.uid)
    issuing.link_issuer(ctx, managed)
    creation.finish(ctx, managed, fresh=True)
    ctx.txn.index_certificate(certificates.fingerprint(der), managed.uid)
    public.link(LinkType.CERTIFICATE_LINK, managed.uid)
    ctx.save(public)
    return [ttlv.text(T.UNIQUE_IDENTIFIER, managed.uid)]


def _key_of(public):
    """The key of a Public Key object; Permission Denied where it cannot be read."""
    block = keyblock.read_object(public.object_type, public.material, ANY).key_block
    key = None
    if block.wrapped is None and block.material is not None:
        key = keyformats.load_public(block)
    if key is None:
        raise denied("a public key in the format %s cannot be certified" % block.format.name)
    return key


def _activation(given):
    attribute = creation.first(given, "Activation Date")
    return None if attribute is None else attribute.value.value
