"""Activate (KMIP 1.x §4.19)."""

from .. import state, ttlv
from ..enums import Operation
from ..schema import TEXT_STRING, Field
from ..tags import Tag as T

OPERATION = Operation.ACTIVATE
WRITES = True
FIELDS = [Field(T.UNIQUE_IDENTIFIER, TEXT_STRING)]


def run(ctx, request):
    managed = ctx.find(request.unique_identifier)
    state.activate(managed, ctx.now)
    ctx.save(managed)
    return [ttlv.text(T.UNIQUE_IDENTIFIER, managed.uid)]
