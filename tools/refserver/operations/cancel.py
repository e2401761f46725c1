"""Cancel (KMIP 1.x §4.27): it never fails; what came of it is in the payload."""

from .. import ttlv
from ..enums import CancellationResult, Operation
from ..schema import BYTE_STRING, Field
from ..tags import Tag as T

OPERATION = Operation.CANCEL
WRITES = False
FIELDS = [Field(T.ASYNCHRONOUS_CORRELATION_VALUE, BYTE_STRING, True)]


def run(ctx, request):
    correlation = request.asynchronous_correlation_value
    result = CancellationResult.UNAVAILABLE
    if ctx.engine.pending.find(ctx.identity, correlation) is not None:
        result = CancellationResult.UNABLE_TO_CANCEL
    return [
        ttlv.byte_string(T.ASYNCHRONOUS_CORRELATION_VALUE, correlation),
        ttlv.enumeration(T.CANCELLATION_RESULT, result),
    ]
