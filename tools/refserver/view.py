"""The attributes of an object as a version of KMIP sees them."""

from . import attributes, state, ttlv
from .attributes import RULES
from .schema import STRUCTURE
from .tags import Tag as T


def all_attributes(ctx, managed):
    """[(name, index, Item)] of every attribute that has a value, in the order of the table."""
    computed = {
        "Unique Identifier": ttlv.text(T.UNIQUE_IDENTIFIER, managed.uid),
        "Object Type": ttlv.enumeration(T.OBJECT_TYPE, managed.object_type),
    }
    if managed.object_type not in state.STATELESS:
        computed["State"] = ttlv.enumeration(T.STATE, state.current(managed, ctx.now))
    limits = ctx.txn.limits(managed.uid)
    if limits is not None:
        computed["Usage Limits"] = limits_item(limits)
    found = []
    for name, rule in RULES.items():
        if not rule.known(ctx.version) or managed.object_type not in rule.objects:
            continue
        if name in computed:
            found.append((name, 0, computed[name]))
        for index, item in managed.attributes.get(name, ()):
            found.append((name, index, _trim(item, rule, ctx.version)))
    for name in sorted(managed.attributes):
        if name not in RULES and attributes.rule_for(name, ctx.version) is not None:
            found.extend((name, index, item) for index, item in managed.attributes[name])
    return found


def limits_item(limits):
    """Usage Limits {Total, Count: what is left, Unit}."""
    total, remaining, unit = limits[:3]
    return ttlv.structure(
        T.USAGE_LIMITS,
        ttlv.long_integer(T.USAGE_LIMITS_TOTAL, total),
        ttlv.long_integer(T.USAGE_LIMITS_COUNT, remaining),
        ttlv.enumeration(T.USAGE_LIMITS_UNIT, unit))


def _trim(item, rule, version):
    """A structure without the fields that this version does not know."""
    if item.type != STRUCTURE or rule.fields is None:
        return item
    known = {field.tag for field in rule.fields if field.known(version)}
    return ttlv.Item(item.tag, item.type, [sub for sub in item.value if sub.tag in known])


def wire(ctx, triples):
    """Attribute Items for a 1.x payload."""
    return [attributes.wire_1x(name, index, item) for name, index, item in triples]

