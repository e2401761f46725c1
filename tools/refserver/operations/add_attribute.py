"""Add Attribute (KMIP 1.x §4.14, errors §11.15; 2.x §6.1.2)."""

from .. import attributes, changes, ttlv
from ..enums import Operation
from ..schema import STRUCTURE, Field
from ..structures import UNIQUE_IDENTIFIER
from ..tags import Tag as T

OPERATION = Operation.ADD_ATTRIBUTE
WRITES = True
FIELDS = [
    UNIQUE_IDENTIFIER,
    Field(T.ATTRIBUTE, STRUCTURE, True, until=14),
    Field(T.NEW_ATTRIBUTE, STRUCTURE, True, since=20),
]


def run(ctx, request):
    managed = ctx.find(request.unique_identifier)
    if ctx.version >= 20:
        changes.add(ctx, managed, attributes.read_one_2x(request.new_attribute, ctx.version, ctx.lenient))
        return [ttlv.text(T.UNIQUE_IDENTIFIER, managed.uid)]
    given = attributes.read_1x(request.attribute, ctx.version, ctx.lenient)
    return changes.uid_and(managed, given.name, *changes.add(ctx, managed, given))
