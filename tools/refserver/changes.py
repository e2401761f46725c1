"""Adding, modifying and deleting attributes of an object that exists (KMIP 1.x §4.14 to §4.16, §3).

Errors carry both reasons: that of 1.x (§11.15 to §11.17) and that of 2.x (§6.1.2, §6.1.13, §6.1.33 on).
"""

from . import attributes, creation, state, ttlv, view
from .enums import State
from .errors import Reason, denied, illegal, invalid_field, not_found
from .store import NameTaken
from .tags import Tag as T

# Given at creation or never: what the client says of how it made the object (§3.44). All else that a client
# may set once can be added later, too: it is not modifiable, but there is no value yet.
_ONLY_AT_CREATION = ("Random Number Generator",)
_LIVING = (State.PRE_ACTIVE, State.ACTIVE)
_WHILE = {
    "Activation Date": (State.PRE_ACTIVE,),
    "Process Start Date": _LIVING,
    "Protect Stop Date": _LIVING,
    "Deactivation Date": _LIVING,
}
_UNTIL_REACHED = ("Process Start Date", "Protect Stop Date")


def in_2(error, reason):
    """The error, with the Result Reason that 2.x gives it."""
    error.in_2 = reason
    return error


def _check_applies(managed, given):
    rule = given.rule
    if rule is None or not rule.applies(managed):
        raise in_2(denied("the attribute %r is not supported for this object" % given.name),
                   Reason.INVALID_ATTRIBUTE)


def _check_state(ctx, managed, name):
    """The dates may only come and change while the state allows (§3.24 to §3.27)."""
    now = state.current(managed, ctx.now)
    if name in _WHILE and now not in _WHILE[name]:
        raise in_2(denied("%s cannot be set on an object that is %s" % (name, state.spell(now))),
                   Reason.WRONG_KEY_LIFECYCLE_STATE if ctx.version >= 21 else Reason.PERMISSION_DENIED)


def instances(ctx, managed, name):
    """[(index, Item)] of an attribute; Usage Limits with what is left of them."""
    if name == "Usage Limits":
        limits = ctx.txn.limits(managed.uid)
        return [] if limits is None else [(0, view.limits_item(limits))]
    return [(index, item) for found, index, item in view.all_attributes(ctx, managed) if found == name]


def add(ctx, managed, given):
    """One more value; (index, Item) as stored."""
    _check_applies(managed, given)
    rule = given.rule
    if given.index is not None:
        raise invalid_field("Add Attribute takes no Attribute Index")
    if not rule.set:
        raise in_2(denied("%s is read-only" % rule.name), Reason.READ_ONLY_ATTRIBUTE)
    if instances(ctx, managed, rule.name) and not rule.many:
        raise in_2(illegal("%s has a value already" % rule.name), Reason.ATTRIBUTE_SINGLE_VALUED)
    if rule.name in _ONLY_AT_CREATION:
        raise in_2(denied("%s is set when an object is made" % rule.name), Reason.READ_ONLY_ATTRIBUTE)
    _check_state(ctx, managed, rule.name)
    value = creation.check_value(ctx, managed, rule, given.value)
    index = 0
    if rule.name == "Usage Limits":
        creation.set_limits(ctx, managed, value)
        value = view.limits_item(ctx.txn.limits(managed.uid))
    else:
        index = managed.add(rule.name, value)
    _save(ctx, managed, rule.name)
    return index, value


def modify(ctx, managed, given, index=None, current=None):
    """Another value for the instance with this index (1.x) or this value (`current`, 2.x)."""
    _check_applies(managed, given)
    rule = given.rule
    if not rule.modify:
        raise in_2(denied("%s is read-only" % rule.name), Reason.ATTRIBUTE_READ_ONLY)
    have = instances(ctx, managed, rule.name)
    if not have:
        raise in_2(invalid_field("the object has no %s" % rule.name), Reason.ATTRIBUTE_NOT_FOUND)
    index, old = _instance(have, rule, index, current)
    _check_state(ctx, managed, rule.name)
    if rule.name in _UNTIL_REACHED and old.value <= ctx.now:
        raise in_2(denied("the %s has passed" % rule.name), Reason.ATTRIBUTE_READ_ONLY)
    value = creation.check_value(ctx, managed, rule, given.value, replaces=old)
    if rule.name == "Usage Limits":
        _check_unused(ctx, managed)
        creation.set_limits(ctx, managed, value)
        value = view.limits_item(ctx.txn.limits(managed.uid))
    else:
        managed.attributes[rule.name] = [
            (number, value if number == index else item)
            for number, item in managed.attributes[rule.name]]
    _save(ctx, managed, rule.name)
    return index, value


def delete(ctx, managed, name, rule, index=None, current=None):
    """Remove the instance with this index or value; the Item that went."""
    have = [] if rule is None else instances(ctx, managed, rule.name)
    if not have:
        raise in_2(not_found("the object has no %s" % name), Reason.ATTRIBUTE_NOT_FOUND)
    if not rule.delete:
        raise in_2(denied("%s cannot be deleted" % rule.name), Reason.ATTRIBUTE_READ_ONLY)
    if ctx.version == 10 and index is None and len(have) > 1:
        raise invalid_field("%s has several instances; KMIP 1.0 needs an Attribute Index" % rule.name)
    index, old = _instance(have, rule, index, current)
    if rule.name == "Usage Limits":
        _check_unused(ctx, managed)
        ctx.txn.drop_limits(managed.uid)
    else:
        left = [(number, item) for number, item in managed.attributes[rule.name] if number != index]
        managed.attributes[rule.name] = left
        if not left:
            managed.drop(rule.name)
    ctx.save(managed)
    return index, old


def _instance(have, rule, index, current):
    for number, item in have:
        if current is None and number == (index or 0):
            return number, item
        if current is not None and item.value == current.value and item.type == current.type:
            return number, item
    raise in_2(not_found("there is no such instance of %s" % rule.name),
               Reason.ATTRIBUTE_INSTANCE_NOT_FOUND)


def _check_unused(ctx, managed):
    """Usage Limits are the client's to change before the first allocation only (§3.21)."""
    if ctx.txn.limits(managed.uid)[3]:
        raise in_2(denied("some of the Usage Limits has been allocated already"),
                   Reason.ATTRIBUTE_READ_ONLY)


def _save(ctx, managed, name):
    creation.check_dates(managed)
    if name == "Sensitive" and not managed.get(name):
        managed.set_value("Always Sensitive", False)
    if name == "Extractable" and managed.get(name):
        managed.set_value("Never Extractable", False)
    try:
        ctx.save(managed)
    except NameTaken:
        raise in_2(illegal("another object has this Name already"), Reason.NON_UNIQUE_NAME_ATTRIBUTE)


def uid_and(managed, name, index, value):
    """The payload that the 1.x operations answer with."""
    return [ttlv.text(T.UNIQUE_IDENTIFIER, managed.uid), attributes.wire_1x(name, index, value)]
