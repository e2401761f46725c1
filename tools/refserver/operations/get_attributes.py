"""Get Attributes (KMIP 1.x §4.12)."""

from .. import attributes, ttlv, view
from ..enums import Operation
from ..errors import invalid_message
from ..schema import ENUMERATION, STRUCTURE, TEXT_STRING, Field
from ..structures import UNIQUE_IDENTIFIER
from ..tags import Tag as T

OPERATION = Operation.GET_ATTRIBUTES
WRITES = False
FIELDS = [
    UNIQUE_IDENTIFIER,
    Field(T.ATTRIBUTE_NAME, TEXT_STRING, many=True, until=14),
    Field(T.ATTRIBUTE_REFERENCE, (ENUMERATION, STRUCTURE), many=True, since=20),
]


def run(ctx, request):
    """Every instance of the attributes named, in that order; all if none is named."""
    managed = ctx.find(request.unique_identifier, archived=True)
    found = view.all_attributes(ctx, managed)
    names = request.attribute_name
    if ctx.version >= 20:
        names = [attributes.read_reference(item, ctx.version)[0] for item in request.attribute_reference]
    if len(set(names)) != len(names):
        raise invalid_message("an Attribute Name is given twice")
    if names:
        found = [triple for name in names for triple in found if triple[0] == name]
    return [ttlv.text(T.UNIQUE_IDENTIFIER, managed.uid)] + view.wire(ctx, found)
