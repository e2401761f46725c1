"""Poll (KMIP 1.x §4.28): the answer of an asynchronous request once it is done."""

from .. import pending
from ..enums import Operation
from ..schema import BYTE_STRING, Field
from ..tags import Tag as T

OPERATION = Operation.POLL
WRITES = False
FIELDS = [Field(T.ASYNCHRONOUS_CORRELATION_VALUE, BYTE_STRING, True)]


def prepare(ctx, request):
    ctx.engine.pending.settle(ctx.identity.device, request.asynchronous_correlation_value)


def run(ctx, request):
    row = ctx.engine.pending.find(ctx.txn, ctx.identity, request.asynchronous_correlation_value)
    if row is None:
        raise pending.unknown(ctx.version)
    return pending.answer_of(row, ctx.version)
