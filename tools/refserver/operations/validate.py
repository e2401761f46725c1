"""Validate (KMIP 1.x §4.24): whether one certificate chain is valid at a time.

The chain is the certificates given, objects first or last, in any order; it may leave out the authority's
own certificate where that is one of this server's. Valid: every signature, every date, every issuer's right
to issue, and no certificate of the chain revoked here. Unknown: it ends in an authority unknown here.
"""

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from .. import certificates, state, ttlv
from ..authority import METER_CA, SERVER_CA
from ..enums import ObjectType, Operation, State, ValidityIndicator
from ..errors import illegal, invalid_field, invalid_message
from ..keyblock import OBJECT_FIELDS
from ..schema import DATE_TIME, STRUCTURE, Field
from ..structures import UNIQUE_IDENTIFIER
from ..tags import Tag as T

OPERATION = Operation.VALIDATE
WRITES = False
FIELDS = [
    Field(T.CERTIFICATE, STRUCTURE, many=True, fields=OBJECT_FIELDS[ObjectType.CERTIFICATE]),
    Field(T.UNIQUE_IDENTIFIER, UNIQUE_IDENTIFIER.kinds, many=True),
    Field(T.VALIDITY_DATE, DATE_TIME),
]

_GOOD = (State.PRE_ACTIVE, State.ACTIVE)


def run(ctx, request):
    chain = [certificates.load(given.certificate_value) for given in request.certificate]
    for uid in request.unique_identifier:
        managed = ctx.find(uid)
        if managed.object_type != ObjectType.CERTIFICATE or managed.material is None:
            raise illegal("only certificates can be validated")
        chain.append(certificates.load(managed.material.find(T.CERTIFICATE_VALUE).value))
    if not chain:
        raise invalid_message("neither a Certificate nor a Unique Identifier is given")
    when = ctx.now if request.validity_date is None else request.validity_date
    return [ttlv.enumeration(T.VALIDITY_INDICATOR, _verdict(ctx, _ordered(chain), when))]


def _ordered(chain):
    """Leaf first; Invalid Field where the certificates are not one chain."""
    issuers = {certificate.issuer for certificate in chain if certificate.issuer != certificate.subject}
    leaves = [certificate for certificate in chain if certificate.subject not in issuers]
    if len(leaves) != 1:
        raise invalid_field("the certificates are not one chain")
    ordered = leaves
    left = [certificate for certificate in chain if certificate is not leaves[0]]
    while left:
        following = [each for each in left if each.subject == ordered[-1].issuer]
        if len(following) != 1:
            raise invalid_field("the certificates are not one chain")
        ordered.append(following[0])
        left.remove(following[0])
    return ordered


def _verdict(ctx, chain, when):
    known = _authorities(ctx.engine.folder)
    if chain[-1] not in known:
        above = [each for each in known if each.subject == chain[-1].issuer]
        if not above:
            return ValidityIndicator.UNKNOWN
        chain = [*chain, *above[:1]]
    for depth, certificate in enumerate(chain):
        if not (certificate.not_valid_before_utc.timestamp() <= when
                <= certificate.not_valid_after_utc.timestamp()):
            return ValidityIndicator.INVALID
        if _revoked(ctx, certificate) or (depth and not _may_issue(certificate)):
            return ValidityIndicator.INVALID
        if depth:
            try:
                chain[depth - 1].verify_directly_issued_by(certificate)
            except (InvalidSignature, *certificates.UNREADABLE):
                return ValidityIndicator.INVALID
    return ValidityIndicator.VALID


def _authorities(folder):
    return [each for stem in (METER_CA, SERVER_CA)
            for each in x509.load_pem_x509_certificates((folder / (stem + ".crt")).read_bytes())]


def _may_issue(certificate):
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False


def _revoked(ctx, certificate):
    uid = ctx.txn.certificate_uid(certificates.fingerprint(certificates.der(certificate)))
    managed = uid and ctx.txn.load(uid)
    return bool(managed) and managed.get("Revocation Reason") is not None and (
        state.current(managed, ctx.now) not in _GOOD)
