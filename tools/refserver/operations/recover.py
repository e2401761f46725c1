"""Recover (KMIP 1.x §4.23): an archived object is on-line again; another one stays so."""

from .. import ttlv
from ..enums import Operation
from ..structures import UNIQUE_IDENTIFIER
from ..tags import Tag as T

OPERATION = Operation.RECOVER
WRITES = True
FIELDS = [UNIQUE_IDENTIFIER]


def run(ctx, request):
    managed = ctx.find(request.unique_identifier, archived=True)
    if managed.get("Archive Date") is not None:
        managed.drop("Archive Date")
        ctx.save(managed)
    ctx.batch.placeholder = managed.uid
    return [ttlv.text(T.UNIQUE_IDENTIFIER, managed.uid)]
