"""Delete Attribute (KMIP 1.x §4.16, errors §11.17; 2.x §6.1.13)."""

from .. import attributes, changes, ttlv
from ..enums import Operation
from ..errors import invalid_message
from ..schema import ENUMERATION, INTEGER, STRUCTURE, TEXT_STRING, Field
from ..structures import UNIQUE_IDENTIFIER
from ..tags import Tag as T

OPERATION = Operation.DELETE_ATTRIBUTE
WRITES = True
FIELDS = [
    UNIQUE_IDENTIFIER,
    Field(T.ATTRIBUTE_NAME, TEXT_STRING, True, until=14),
    Field(T.ATTRIBUTE_INDEX, INTEGER, until=14),
    Field(T.CURRENT_ATTRIBUTE, STRUCTURE, since=20),
    Field(T.ATTRIBUTE_REFERENCE, (ENUMERATION, STRUCTURE), since=20),
]


def run(ctx, request):
    managed = ctx.find(request.unique_identifier)
    if ctx.version >= 20:
        return _by_value(ctx, managed, request)
    name = request.attribute_name
    index, old = changes.delete(
        ctx, managed, name, attributes.rule_for(name, ctx.version), request.attribute_index)
    return changes.uid_and(managed, name, index, old)


def _by_value(ctx, managed, request):
    """Current Attribute names one instance; an Attribute Reference alone all of them."""
    if request.current_attribute is not None:
        old = attributes.read_one_2x(request.current_attribute, ctx.version, ctx.lenient)
        changes.delete(ctx, managed, old.name, old.rule, current=old.value)
    elif request.attribute_reference is not None:
        name, rule = attributes.read_reference(request.attribute_reference, ctx.version)
        for _ in range(max(1, len(changes.instances(ctx, managed, name)))):
            first = changes.instances(ctx, managed, name)
            changes.delete(ctx, managed, name, rule, first[0][0] if first else None)
    else:
        raise invalid_message("neither a Current Attribute nor an Attribute Reference is given")
    return [ttlv.text(T.UNIQUE_IDENTIFIER, managed.uid)]
