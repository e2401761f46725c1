"""Check (KMIP 1.x §4.10): would this use be allowed? It changes nothing."""

from .. import attributes, ttlv
from ..enums import Operation
from ..errors import KmipError, Reason, illegal, invalid_field
from ..schema import INTEGER, INTERVAL, LONG_INTEGER, Field
from ..structures import UNIQUE_IDENTIFIER
from ..tags import Tag as T

OPERATION = Operation.CHECK
WRITES = False
FIELDS = [
    UNIQUE_IDENTIFIER,
    Field(T.USAGE_LIMITS_COUNT, LONG_INTEGER),
    Field(T.CRYPTOGRAPHIC_USAGE_MASK, INTEGER),
    Field(T.LEASE_TIME, INTERVAL),
]


def run(ctx, request):
    """The UID where all is well; else a failure whose payload holds the fields that denied it."""
    managed = ctx.find(request.unique_identifier)
    denied = []
    reason = None  # 2.x's, for the first cause
    count, mask, lease = (
        request.usage_limits_count, request.cryptographic_usage_mask, request.lease_time)
    if count is not None:
        limits = ctx.txn.limits(managed.uid)
        if limits is None:
            raise illegal("the object has no Usage Limits", Reason.USAGE_LIMIT_EXCEEDED)
        if count <= 0:
            raise invalid_field("Usage Limits Count must be positive")
        if count > limits[1]:
            reason = Reason.USAGE_LIMIT_EXCEEDED
            denied.append(ttlv.long_integer(T.USAGE_LIMITS_COUNT, count))
    if mask is not None:
        attributes.check_mask(mask, ctx.version)
        if mask & ~managed.get("Cryptographic Usage Mask", 0):
            reason = reason or Reason.INCOMPATIBLE_CRYPTOGRAPHIC_USAGE_MASK
            denied.append(ttlv.integer(T.CRYPTOGRAPHIC_USAGE_MASK, mask))
    if lease is not None and lease > managed.get("Lease Time", 0):
        denied.append(ttlv.interval(T.LEASE_TIME, lease))
    uid = ttlv.text(T.UNIQUE_IDENTIFIER, managed.uid)
    if denied:
        ctx.batch.placeholder = None
        ctx.batch.halted = ctx.version < 20
        if ctx.version == 10:
            denied.insert(0, uid)
        raise KmipError(Reason.PERMISSION_DENIED, "the use that was asked for is not allowed",
                        payload=denied, in_2=reason)
    return [uid]
