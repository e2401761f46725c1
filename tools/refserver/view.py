"""The attributes of an object as a version of KMIP sees them."""

from . import attributes, state, ttlv
from .attributes import RULES
from .schema import STRUCTURE
from .tags import Tag as T

# Attributes of 2.x that stand in the object itself.
_FROM_OBJECT = (
    ("Key Format Type", (T.KEY_BLOCK, T.KEY_FORMAT_TYPE)),
    ("Opaque Data Type", (T.OPAQUE_DATA_TYPE,)),
    ("Certificate Request Type", (T.CERTIFICATE_REQUEST_TYPE,)),
)


def all_attributes(ctx, managed):
    """[(name, index, Item)] of every attribute that has a value, in the order of the table."""
    computed = {
        "Unique Identifier": ttlv.text(T.UNIQUE_IDENTIFIER, managed.uid),
        "Object Type": ttlv.enumeration(T.OBJECT_TYPE, managed.object_type),
    }
    if managed.object_type not in state.STATELESS:
        computed["State"] = ttlv.enumeration(T.STATE, state.current(managed, ctx.now))
    if managed.material is not None and ctx.version >= 20:
        for name, path in _FROM_OBJECT:
            found = managed.material
            for tag in path:
                found = found and found.find(tag)
            if found is not None:
                computed[name] = found
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
    """Attribute Items for a 1.x payload; one Attributes structure for a 2.x payload."""
    if ctx.version >= 20:
        return [ttlv.structure(
            T.ATTRIBUTES, *[attributes.wire_2x(name, item) for name, _, item in triples])]
    return [attributes.wire_1x(name, index, item) for name, index, item in triples]

