"""Activate (KMIP 1.x §4.19)."""

from .. import state, ttlv
from ..enums import Operation
from ..structures import UNIQUE_IDENTIFIER
from ..tags import Tag as T

OPERATION = Operation.ACTIVATE
WRITES = True
FIELDS = [UNIQUE_IDENTIFIER]


def run(ctx, request):
    managed = ctx.find(request.unique_identifier)
    state.activate(managed, ctx.now)
    ctx.save(managed)
    return [ttlv.text(T.UNIQUE_IDENTIFIER, managed.uid)]
