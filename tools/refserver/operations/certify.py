"""Certify (KMIP 1.x §4.7): a certificate for a public key."""

from .. import certificates, creation, issuing, keyblock, keyformats, ttlv
from ..cryptoenums import CryptographicUsageMask as Mask
from ..enums import ANY, LinkType, ObjectType, Operation
from ..errors import Reason, denied, invalid_message
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
    public, signing_request = _subject(ctx, request)
    if public is not None:
        issuing.check_usable(ctx, public, "public key")
    given = creation.attributes_of(ctx, request)
    if not issuing.check_type(given) and signing_request is None:
        raise invalid_message("neither a Certificate Request nor a Certificate Type is given")
    managed, der = issuing.issue(
        ctx, _key_of(public) if public is not None else signing_request.public_key(), signing_request,
        _activation(given))
    creation.apply(ctx, managed, given, claims=("Certificate Type",))
    certificates.describe_certificate(managed, der)
    if managed.get("Cryptographic Usage Mask") is None:
        mask = Mask.VERIFY if public is None else public.get("Cryptographic Usage Mask")
        managed.set_value("Cryptographic Usage Mask", mask)
    if public is not None:
        managed.link(LinkType.PUBLIC_KEY_LINK, public.uid)
    issuing.link_issuer(ctx, managed)
    creation.finish(ctx, managed, fresh=True)
    ctx.txn.index_certificate(certificates.fingerprint(der), managed.uid)
    if public is not None:
        public.link(LinkType.CERTIFICATE_LINK, managed.uid)
        ctx.save(public)
    return [ttlv.text(T.UNIQUE_IDENTIFIER, managed.uid)]


def _subject(ctx, request):
    """(Public Key object, certificate request): what is to be certified.

    In 2.x the Unique Identifier may name a Certificate Request object, and a request in the payload needs
    none; the certificate is linked to the asker's Public Key with the same key then, if there is one.
    """
    by_request = ctx.version >= 20 and request.certificate_request_value is not None
    named = None
    if request.unique_identifier is not None or not by_request:
        named = ctx.find(request.unique_identifier)
    signing_request = issuing.read_request(ctx, request)
    if named is None:
        return _public_like(ctx, signing_request.public_key()), signing_request
    if ctx.version >= 20 and named.object_type == ObjectType.CERTIFICATE_REQUEST:
        if signing_request is not None:
            raise invalid_message("two certificate requests are given")
        signing_request = issuing.request_of(ctx, named)
        return _public_like(ctx, signing_request.public_key()), signing_request
    if named.object_type != ObjectType.PUBLIC_KEY:
        raise denied("only a Public Key can be certified", Reason.INVALID_OBJECT_TYPE)
    return named, signing_request


def _public_like(ctx, key):
    """The asker's Public Key object that holds this key, or None."""
    for uid in ctx.txn.uids_of(ctx.identity.device):
        managed = ctx.txn.load(uid)
        if managed.object_type == ObjectType.PUBLIC_KEY and managed.material is not None and (
                managed.get("Archive Date") is None):
            block = keyblock.read_object(managed.object_type, managed.material, ANY).key_block
            other = None if block.material is None else keyformats.load_public(block)
            if other is not None and keyformats.spki(other) == keyformats.spki(key):
                return managed
    return None


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
