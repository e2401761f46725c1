"""Get Attribute List (KMIP 1.x §4.13)."""

from .. import attributes, ttlv, view
from ..enums import Operation
from ..structures import UNIQUE_IDENTIFIER
from ..tags import Tag as T

OPERATION = Operation.GET_ATTRIBUTE_LIST
WRITES = False
FIELDS = [UNIQUE_IDENTIFIER]


def run(ctx, request):
    """The name of every attribute that has a value, each once."""
    managed = ctx.find(request.unique_identifier)
    names = dict.fromkeys(name for name, _, _ in view.all_attributes(ctx, managed))
    return [ttlv.text(T.UNIQUE_IDENTIFIER, managed.uid)] + [
        attributes.reference_2x(name) if ctx.version >= 20 else ttlv.text(T.ATTRIBUTE_NAME, name)
        for name in names]
