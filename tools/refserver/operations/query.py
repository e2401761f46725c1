"""Query (KMIP 1.x §4.25): what this server can do."""

from .. import ttlv
from ..creation import STORAGE
from ..cryptoenums import RNGAlgorithm, RNGMode
from ..enums import (
    ClientRegistrationMethod,
    DestroyAction,
    ObjectType,
    Operation,
    QueryFunction,
    ShreddingAlgorithm,
    UnwrapMode,
)
from ..keyblock import OBJECT_FIELDS
from ..schema import ENUMERATION, STRUCTURE, Field
from ..tags import Tag as T

OPERATION = Operation.QUERY
WRITES = False
FIELDS = [
    Field(T.QUERY_FUNCTION, ENUMERATION, True, many=True, enum=QueryFunction),
    Field(T.OBJECT_GROUPS, STRUCTURE, since=21),
]

Q = QueryFunction


def run(ctx, request):
    asked = set(request.query_function)
    items = []
    for function, answer in _ANSWERS:
        if function in asked:
            items.extend(answer(ctx))
    return items


def _operations(ctx):
    return [ttlv.enumeration(T.OPERATION, operation) for operation in ctx.engine.operations
            if Operation.known(operation, ctx.version)]


def _objects(ctx):
    return [ttlv.enumeration(T.OBJECT_TYPE, kind) for kind in OBJECT_FIELDS
            if ObjectType.known(kind, ctx.version)]


def _server(ctx):
    return [
        ttlv.text(T.VENDOR_IDENTIFICATION, ctx.engine.options.vendor),
        ttlv.structure(T.SERVER_INFORMATION),
    ]


def _nothing(ctx):
    return []


def _rngs(ctx):
    return [ttlv.structure(
        T.RNG_PARAMETERS, ttlv.enumeration(T.RNG_ALGORITHM, RNGAlgorithm.UNSPECIFIED))]


def _capabilities(ctx):
    newer = ctx.version >= 14
    return [ttlv.structure(
        T.CAPABILITY_INFORMATION,
        ttlv.boolean(T.STREAMING_CAPABILITY, False),
        ttlv.boolean(T.ASYNCHRONOUS_CAPABILITY, True),
        ttlv.boolean(T.ATTESTATION_CAPABILITY, False),
        ttlv.boolean(T.BATCH_UNDO_CAPABILITY, True) if newer else None,
        ttlv.boolean(T.BATCH_CONTINUE_CAPABILITY, True) if newer else None,
        ttlv.enumeration(T.UNWRAP_MODE, UnwrapMode.NOT_PROCESSED),
        ttlv.enumeration(T.DESTROY_ACTION, DestroyAction.KEY_MATERIAL_DELETED),
        ttlv.enumeration(T.SHREDDING_ALGORITHM, ShreddingAlgorithm.UNSUPPORTED),
        ttlv.enumeration(T.RNG_MODE, RNGMode.UNSPECIFIED),
    )]


def _registration(ctx):
    return [ttlv.enumeration(T.CLIENT_REGISTRATION_METHOD,
                             ClientRegistrationMethod.SERVER_PRE_GENERATED)]


def _storage(ctx):
    return [ttlv.structure(T.PROTECTION_STORAGE_MASKS, ttlv.integer(T.PROTECTION_STORAGE_MASK, STORAGE))]


# In the order of the response payload's table; what is empty has nothing to tell.
_ANSWERS = (
    (Q.QUERY_OPERATIONS, _operations),
    (Q.QUERY_OBJECTS, _objects),
    (Q.QUERY_SERVER_INFORMATION, _server),
    (Q.QUERY_APPLICATION_NAMESPACES, _nothing),
    (Q.QUERY_EXTENSION_LIST, _nothing),
    (Q.QUERY_EXTENSION_MAP, _nothing),
    (Q.QUERY_ATTESTATION_TYPES, _nothing),
    (Q.QUERY_RNGS, _rngs),
    (Q.QUERY_PROFILES, _nothing),
    (Q.QUERY_VALIDATIONS, _nothing),
    (Q.QUERY_CAPABILITIES, _capabilities),
    (Q.QUERY_CLIENT_REGISTRATION_METHODS, _registration),
    (Q.QUERY_DEFAULTS_INFORMATION, _nothing),
    (Q.QUERY_STORAGE_PROTECTION_MASKS, _storage),
)
