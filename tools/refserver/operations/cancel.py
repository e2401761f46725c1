"""Cancel (KMIP 1.x §4.27): up to 1.4 it never fails; what came of it is in the payload."""

from .. import pending, ttlv
from ..enums import CancellationResult, Operation
from ..schema import BYTE_STRING, Field
from ..tags import Tag as T

OPERATION = Operation.CANCEL
WRITES = True
FIELDS = [Field(T.ASYNCHRONOUS_CORRELATION_VALUE, BYTE_STRING, True)]

_RESULTS = {
    pending.SUCCEEDED: CancellationResult.COMPLETED,
    pending.FAILED: CancellationResult.FAILED,
    pending.CANCELED: CancellationResult.CANCELED,
}


def run(ctx, request):
    correlation = request.asynchronous_correlation_value
    row = ctx.engine.pending.find(ctx.txn, ctx.identity, correlation)
    if row is None:
        if ctx.version >= 20:
            raise pending.unknown(ctx.version)
        result = CancellationResult.UNAVAILABLE
    elif row.status != pending.WAITING:
        result = _RESULTS[row.status]
    elif not row.cancellable:
        result = CancellationResult.UNABLE_TO_CANCEL
    else:
        ctx.txn.end_pending(correlation, pending.CANCELED)
        result = CancellationResult.CANCELED
    return [
        ttlv.byte_string(T.ASYNCHRONOUS_CORRELATION_VALUE, correlation),
        ttlv.enumeration(T.CANCELLATION_RESULT, result),
    ]
