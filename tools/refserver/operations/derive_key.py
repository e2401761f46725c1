"""Derive Key (KMIP 1.x §4.6, errors §11.7; 2.x §6.1.14)."""

from .. import creation, derivation, keyblock, policy, state, ttlv
from ..context import ID_PLACEHOLDER
from ..cryptoenums import CryptographicUsageMask as Mask
from ..cryptoenums import DerivationMethod, KeyFormatType, SecretDataType
from ..enums import ANY, LinkType, ObjectType, Operation, State
from ..errors import KmipError, Reason, invalid_field, invalid_message, missing
from ..managed import link_item
from ..schema import ENUMERATION, STRUCTURE, Field, parse
from ..structures import UNIQUE_IDENTIFIER
from ..tags import Tag as T

OPERATION = Operation.DERIVE_KEY
WRITES = True
FIELDS = [
    Field(T.OBJECT_TYPE, ENUMERATION, True, enum=ObjectType),
    Field(T.UNIQUE_IDENTIFIER, UNIQUE_IDENTIFIER.kinds, True, many=True),
    Field(T.DERIVATION_METHOD, ENUMERATION, True, enum=DerivationMethod),
    Field(T.DERIVATION_PARAMETERS, STRUCTURE, True),
    *creation.REQUIRED,
]
MOST_BITS = 1 << 16


def run(ctx, request):
    kind = request.object_type
    if kind not in (ObjectType.SYMMETRIC_KEY, ObjectType.SECRET_DATA):
        raise invalid_field("a Symmetric Key or Secret Data can be derived, nothing else")
    policy.check_new_object(ctx.identity, kind)
    given = parse(request.derivation_parameters, derivation.PARAMETERS, ctx.version, ctx.lenient)
    if ctx.version < 20 and len(given.derivation_data) > 1:
        raise invalid_message("Derivation Parameters holds Derivation Data twice")
    bases = [_base(ctx, item) for item in request.unique_identifier]
    secret, data, algorithm = _inputs(bases, b"".join(given.derivation_data) or None)
    managed = creation.new(ctx, kind, None)
    length, attributes = _length_and_rest(kind, creation.attributes_of(ctx, request))
    creation.apply(ctx, managed, attributes)
    if length is None:
        raise missing("Cryptographic Length is required")
    if length % 8 or not 8 <= length <= MOST_BITS:
        raise invalid_field("Cryptographic Length %d is no number of bytes here" % length)
    method = derivation.METHODS.get(request.derivation_method)
    if method is None:
        raise invalid_field("the Derivation Method is not supported")
    output = method(secret, data, given, length // 8, algorithm)
    managed.material = _object(managed, output, length)
    if managed.get("Cryptographic Usage Mask") is None:
        raise missing("Cryptographic Usage Mask is required")
    for base in bases:
        managed.add("Link", link_item(LinkType.DERIVATION_BASE_OBJECT_LINK, base.uid))
    creation.finish(ctx, managed, fresh=True)
    for base in bases:
        base.add("Link", link_item(LinkType.DERIVED_KEY_LINK, managed.uid))
        ctx.save(base)
    return [ttlv.text(T.UNIQUE_IDENTIFIER, managed.uid)]


def _base(ctx, item):
    """A base object; the ID Placeholder is no input of Derive Key."""
    if ctx.version >= 20 and item.type == ENUMERATION and item.value == ID_PLACEHOLDER:
        raise invalid_field("the ID Placeholder is no input of Derive Key")
    base = ctx.find(item)
    if base.object_type not in (ObjectType.SYMMETRIC_KEY, ObjectType.SECRET_DATA):
        raise invalid_field("nothing can be derived from an object of this type", Reason.INVALID_OBJECT_TYPE)
    if not base.get("Cryptographic Usage Mask", 0) & Mask.DERIVE_KEY:
        raise invalid_field("the base object's Cryptographic Usage Mask lacks Derive Key",
                            Reason.INCOMPATIBLE_CRYPTOGRAPHIC_USAGE_MASK)
    now = state.current(base, ctx.now)
    if now != State.ACTIVE:
        raise invalid_field("the base object is %s, not Active" % state.spell(now),
                            Reason.WRONG_KEY_LIFECYCLE_STATE)
    return base


def _inputs(bases, data):
    """(the key's bytes or None, the data or None, the key's algorithm) out of the base objects."""
    secret = algorithm = None
    for base in bases:
        block = keyblock.read_object(base.object_type, base.material, ANY).key_block
        value = block.symmetric_bytes()
        if value is None:
            raise KmipError(Reason.KEY_VALUE_NOT_PRESENT, "the server cannot read a base object's value")
        if secret is None and (base.object_type == ObjectType.SYMMETRIC_KEY or len(bases) == 1):
            secret, algorithm = value, base.get("Cryptographic Algorithm")
        elif base.object_type == ObjectType.SECRET_DATA:
            if data is not None:
                raise invalid_message("derivation data are given twice")
            data = value
        else:
            raise invalid_field("more than one base key is not supported")
    return secret, data, algorithm


def _length_and_rest(kind, given):
    """Of Secret Data, which has no such attribute, the Cryptographic Length is only what is asked for."""
    stated = creation.first(given, "Cryptographic Length")
    if stated is None:
        return None, given
    return stated.value.value, [
        each for each in given if each is not stated or kind == ObjectType.SYMMETRIC_KEY]


def _object(managed, output, length):
    if managed.object_type == ObjectType.SECRET_DATA:
        return ttlv.structure(
            T.SECRET_DATA, ttlv.enumeration(T.SECRET_DATA_TYPE, SecretDataType.SEED),
            keyblock.build(KeyFormatType.RAW, output))
    algorithm = managed.get("Cryptographic Algorithm")
    if algorithm is None:
        raise missing("Cryptographic Algorithm is required for a key")
    return ttlv.structure(
        T.SYMMETRIC_KEY, keyblock.build(KeyFormatType.RAW, output, algorithm, length))
