"""Archive (KMIP 1.x §4.22): here the object is put away at once."""

from .. import ttlv
from ..enums import Operation
from ..structures import UNIQUE_IDENTIFIER
from ..tags import Tag as T

OPERATION = Operation.ARCHIVE
WRITES = True
FIELDS = [UNIQUE_IDENTIFIER]


def run(ctx, request):
    managed = ctx.find(request.unique_identifier)
    managed.set_value("Archive Date", ctx.now)
    ctx.save(managed)
    return [ttlv.text(T.UNIQUE_IDENTIFIER, managed.uid)]
