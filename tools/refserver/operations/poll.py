"""Poll (KMIP 1.x §4.28)."""

from ..enums import Operation
from ..errors import not_found
from ..schema import BYTE_STRING, Field
from ..tags import Tag as T

OPERATION = Operation.POLL
WRITES = False
FIELDS = [Field(T.ASYNCHRONOUS_CORRELATION_VALUE, BYTE_STRING, True)]


def run(ctx, request):
    correlation = request.asynchronous_correlation_value
    if ctx.engine.pending.find(ctx.identity, correlation) is None:
        raise not_found("the Asynchronous Correlation Value is not known")
    return []
