"""Modify Attribute (KMIP 1.x §4.15, errors §11.16; 2.0 §6.1.33, 2.1 §6.1.34)."""

from .. import attributes, changes, ttlv
from ..enums import Operation
from ..errors import Reason, invalid_field
from ..schema import STRUCTURE, Field
from ..structures import UNIQUE_IDENTIFIER
from ..tags import Tag as T

OPERATION = Operation.MODIFY_ATTRIBUTE
WRITES = True
FIELDS = [
    UNIQUE_IDENTIFIER,
    Field(T.ATTRIBUTE, STRUCTURE, True, until=14),
    Field(T.CURRENT_ATTRIBUTE, STRUCTURE, since=20),
    Field(T.NEW_ATTRIBUTE, STRUCTURE, True, since=20),
]


def run(ctx, request):
    managed = ctx.find(request.unique_identifier)
    if ctx.version >= 20:
        return _by_value(ctx, managed, request)
    given = attributes.read_1x(request.attribute, ctx.version, ctx.lenient)
    if ctx.version == 10 and given.index is not None and given.rule is not None and not given.rule.many:
        raise invalid_field("in KMIP 1.0 the Attribute Index of %s must be absent" % given.name)
    return changes.uid_and(
        managed, given.name, *changes.modify(ctx, managed, given, index=given.index))


def _by_value(ctx, managed, request):
    """Current Attribute says which instance; without it there must be exactly one."""
    given = attributes.read_one_2x(request.new_attribute, ctx.version, ctx.lenient)
    current = None
    have = changes.instances(ctx, managed, given.name) if given.rule is not None else []
    if request.current_attribute is not None:
        old = attributes.read_one_2x(request.current_attribute, ctx.version, ctx.lenient)
        if old.name != given.name:
            raise invalid_field("Current and New Attribute are two different attributes")
        current = old.value
    elif len(have) > 1:
        raise changes.in_2(
            invalid_field("%s has several instances: a Current Attribute is needed" % given.name),
            Reason.ATTRIBUTE_INSTANCE_NOT_FOUND)
    changes.modify(ctx, managed, given, have[0][0] if have else None, current)
    return [ttlv.text(T.UNIQUE_IDENTIFIER, managed.uid)]
