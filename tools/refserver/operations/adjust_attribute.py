"""Adjust Attribute (KMIP 2.x §6.1.3): a number or date up or down, or turned round."""

from .. import attributes, changes, ttlv
from ..attributes import Given
from ..enums import AdjustmentType, Operation
from ..errors import Reason, denied, invalid_field
from ..schema import ENUMERATION, STRUCTURE, Field
from ..structures import UNIQUE_IDENTIFIER
from ..tags import Tag as T

OPERATION = Operation.ADJUST_ATTRIBUTE
WRITES = True
FIELDS = [
    UNIQUE_IDENTIFIER,
    Field(T.ATTRIBUTE_REFERENCE, (ENUMERATION, STRUCTURE), True),
    Field(T.ADJUSTMENT_TYPE, ENUMERATION, True, enum=AdjustmentType),
    Field(T.ADJUSTMENT_VALUE, (ttlv.INTEGER, ttlv.LONG_INTEGER, ttlv.BIG_INTEGER, ttlv.INTERVAL)),
]

_NEGATED = (ttlv.INTEGER, ttlv.LONG_INTEGER, ttlv.BIG_INTEGER, ttlv.BOOLEAN)
_COUNTED = (ttlv.INTEGER, ttlv.LONG_INTEGER, ttlv.BIG_INTEGER, ttlv.INTERVAL, ttlv.DATE_TIME)
_RANGES = {ttlv.INTEGER: (-2**31, 2**31), ttlv.INTERVAL: (0, 2**32), ttlv.LONG_INTEGER: (-2**63, 2**63),
           ttlv.DATE_TIME: (-2**63, 2**63)}


def run(ctx, request):
    managed = ctx.find(request.unique_identifier)
    name, rule = attributes.read_reference(request.attribute_reference, ctx.version)
    if rule is None or managed.object_type not in rule.objects:
        raise denied("the attribute %r is not supported for this object" % name,
                     Reason.UNSUPPORTED_ATTRIBUTE)
    if not rule.modify:
        raise denied("%s is read-only" % name, Reason.READ_ONLY_ATTRIBUTE)
    have = changes.instances(ctx, managed, name)
    if len(have) > 1:
        raise invalid_field("%s has several instances" % name, Reason.MULTI_VALUED_ATTRIBUTE)
    kind = have[0][1].type if have else rule.kind
    value = _adjusted(request, name, kind, have[0][1].value if have else 0)
    given = Given(name, rule, None, ttlv.Item(rule.tag, kind, value))
    if have:
        changes.modify(ctx, managed, given, index=have[0][0])
    else:
        changes.add(ctx, managed, given)
    return [ttlv.text(T.UNIQUE_IDENTIFIER, managed.uid)]


def _adjusted(request, name, kind, value):
    """The new value; an absent one counts as 0 or False."""
    negate = request.adjustment_type == AdjustmentType.NEGATE
    if kind not in (_NEGATED if negate else _COUNTED):
        raise invalid_field("%s cannot be adjusted so" % name, Reason.INVALID_DATA_TYPE)
    if negate:
        value = not value if kind == ttlv.BOOLEAN else -value
    else:
        step = 1 if request.adjustment_value is None else request.adjustment_value.value
        value += step if request.adjustment_type == AdjustmentType.INCREMENT else -step
    if kind in _RANGES and not _RANGES[kind][0] <= value < _RANGES[kind][1]:
        raise invalid_field("%s would be out of range" % name, Reason.NUMERIC_RANGE)
    return value
