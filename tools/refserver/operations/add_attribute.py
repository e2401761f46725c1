"""Add Attribute (KMIP 1.x §4.14, errors §11.15)."""

from .. import attributes, creation, state, ttlv, view
from ..enums import Operation, State
from ..errors import denied, illegal, invalid_field
from ..schema import STRUCTURE, TEXT_STRING, Field
from ..store import NameTaken
from ..tags import Tag as T

OPERATION = Operation.ADD_ATTRIBUTE
WRITES = True
FIELDS = [
    Field(T.UNIQUE_IDENTIFIER, TEXT_STRING),
    Field(T.ATTRIBUTE, STRUCTURE, True, until=14),
]

# Given at creation or never (§3: set by the client, not modifiable, and always there).
_ONLY_AT_CREATION = frozenset((
    "Cryptographic Algorithm", "Cryptographic Length", "Cryptographic Usage Mask",
    "Cryptographic Domain Parameters", "Operation Policy Name", "Fresh",
    "Random Number Generator",
))


def run(ctx, request):
    managed = ctx.find(request.unique_identifier)
    given = attributes.read_1x(request.attribute, ctx.version, ctx.lenient)
    rule = given.rule
    if rule is None or managed.object_type not in rule.objects:
        raise denied("the attribute %r is not supported for this object" % given.name)
    if given.index is not None:
        raise invalid_field("Add Attribute takes no Attribute Index")
    if not rule.set:
        raise denied("%s is read-only" % rule.name)
    limits = rule.name == "Usage Limits"
    present = ctx.txn.limits(managed.uid) is not None if limits else (
        managed.attributes.get(rule.name))
    if present and not rule.many:
        raise illegal("%s has a value already" % rule.name)
    if rule.name in _ONLY_AT_CREATION:
        raise denied("%s is set when an object is made" % rule.name)
    _check_state(ctx, managed, rule.name)
    value = creation.check_value(ctx, managed, rule, given.value)
    index = 0
    if limits:
        creation.set_limits(ctx, managed, value)
        value = view.limits_item(ctx.txn.limits(managed.uid))
    else:
        index = managed.add(rule.name, value)
        creation.check_dates(managed)
    try:
        ctx.save(managed)
    except NameTaken:
        raise illegal("another object has this Name already")
    return [
        ttlv.text(T.UNIQUE_IDENTIFIER, managed.uid),
        attributes.wire_1x(rule.name, index, value),
    ]


_WHILE = {
    "Activation Date": (State.PRE_ACTIVE,),
    "Process Start Date": (State.PRE_ACTIVE, State.ACTIVE),
    "Protect Stop Date": (State.PRE_ACTIVE, State.ACTIVE),
    "Deactivation Date": (State.PRE_ACTIVE, State.ACTIVE),
}


def _check_state(ctx, managed, name):
    """The dates may only come while the state allows (§3.24 to §3.27)."""
    now = state.current(managed, ctx.now)
    if name in _WHILE and now not in _WHILE[name]:
        raise denied("%s cannot be set on an object that is %s" % (name, state.spell(now)))
