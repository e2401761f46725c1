"""Get Usage Allocation (KMIP 1.x §4.18, errors §11.19)."""

from .. import state, ttlv
from ..attributes import KEYS
from ..cryptoenums import CryptographicUsageMask as M
from ..enums import Operation, State
from ..errors import Reason, denied, illegal, invalid_field
from ..schema import LONG_INTEGER, Field
from ..structures import UNIQUE_IDENTIFIER
from ..tags import Tag as T

OPERATION = Operation.GET_USAGE_ALLOCATION
WRITES = True
FIELDS = [
    UNIQUE_IDENTIFIER,
    Field(T.USAGE_LIMITS_COUNT, LONG_INTEGER, True),
]

# The uses that apply cryptographic protection: only they are counted (§3.21).
PROTECTING = (M.SIGN | M.ENCRYPT | M.WRAP_KEY | M.MAC_GENERATE | M.CERTIFICATE_SIGN | M.CRL_SIGN
              | M.GENERATE_CRYPTOGRAM | M.TRANSLATE_ENCRYPT | M.TRANSLATE_WRAP)


def run(ctx, request):
    """All that is asked for, counted as used, or nothing at all."""
    managed = ctx.find(request.unique_identifier)
    count = request.usage_limits_count
    limits = ctx.txn.limits(managed.uid)
    if limits is None:
        raise illegal("the object has no Usage Limits", Reason.ATTRIBUTE_NOT_FOUND)
    if managed.object_type not in KEYS or not (
            managed.get("Cryptographic Usage Mask", 0) & PROTECTING):
        raise illegal("the object cannot apply cryptographic protection")
    if count <= 0:
        raise invalid_field("Usage Limits Count must be positive")
    now = state.current(managed, ctx.now)
    if now != State.ACTIVE:
        raise denied("the object is %s, not Active" % state.spell(now))
    stop = managed.get("Protect Stop Date")
    if stop is not None and ctx.now >= stop:
        raise denied("the object's Protect Stop Date has passed")
    if not ctx.txn.allocate(managed.uid, count):
        # worded as TC-51 has it
        raise denied("Unable to allocate requested amount", Reason.USAGE_LIMIT_EXCEEDED)
    ctx.save(managed)
    return [ttlv.text(T.UNIQUE_IDENTIFIER, managed.uid)]
