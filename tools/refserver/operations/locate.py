"""Locate (KMIP 1.x §4.9)."""

from .. import attributes, policy, state, ttlv, view
from ..enums import ObjectGroupMember, ObjectType, Operation
from ..errors import invalid_field, invalid_message
from ..schema import DATE_TIME, ENUMERATION, INTEGER, STRUCTURE, Field
from ..tags import Tag as T

OPERATION = Operation.LOCATE
WRITES = False
FIELDS = [
    Field(T.MAXIMUM_ITEMS, INTEGER),
    Field(T.OFFSET_ITEMS, INTEGER, since=13),
    Field(T.STORAGE_STATUS_MASK, INTEGER),
    Field(T.OBJECT_GROUP_MEMBER, ENUMERATION, since=11, enum=ObjectGroupMember),
    Field(T.ATTRIBUTE, STRUCTURE, many=True, until=14),
    Field(T.ATTRIBUTES, STRUCTURE, True, since=20),
]

ONLINE, ARCHIVAL, DESTROYED = 1, 2, 4  # Storage Status Mask; the last since 2.0


def run(ctx, request):
    """The asker's own objects that match every attribute given, oldest first.

    A destroyed object is found only by a State (§3.22) or a Unique Identifier that names it; in 2.x, by a
    Storage Status Mask that asks for it, where there is one.
    """
    for name in ("maximum_items", "offset_items"):
        if (getattr(request, name) or 0) < 0:
            raise invalid_field("%s is negative" % name.replace("_", " ").title())
    mask = request.storage_status_mask
    if mask is not None and mask & ~(ONLINE | ARCHIVAL | (DESTROYED if ctx.version >= 20 else 0)):
        raise invalid_field("Storage Status Mask %X has unknown bits" % (mask & 0xFFFFFFFF))
    wanted = _wanted(ctx, request)
    found = []
    for uid in ctx.txn.uids_of(ctx.identity.device):
        managed = ctx.txn.load(uid)
        if not ObjectType.known(managed.object_type, ctx.version):
            continue
        status = ONLINE if managed.get("Archive Date") is None else ARCHIVAL
        if state.destroyed(managed):
            if mask is not None and ctx.version >= 20:
                status = DESTROYED
            elif not {"State", "Unique Identifier"} & set(wanted):
                continue
        if not (ONLINE if mask is None else mask) & status:
            continue
        if policy.may_see(ctx.identity, managed) and _matches(ctx, managed, wanted, request):
            found.append(uid)
    return _answer(ctx, request, found)


def _wanted(ctx, request):
    """{name: [value Items]} of the attributes to match."""
    wanted = {}
    if ctx.version >= 20:
        found = attributes.read_2x(request.attributes, ctx.version, ctx.lenient)
    else:
        found = [attributes.read_1x(item, ctx.version, ctx.lenient) for item in request.attribute]
    for given in found:
        if given.rule is None:
            raise invalid_field("the attribute %r is not supported" % given.name)
        wanted.setdefault(given.name, []).append(given.value)
    for name, values in wanted.items():
        if values[0].type == DATE_TIME and len(values) > 2:
            raise invalid_message("%s is given more than twice" % name)
    return wanted


def _matches(ctx, managed, wanted, request):
    have = {}
    for name, _, item in view.all_attributes(ctx, managed):
        have.setdefault(name, []).append(item)
    member = request.object_group_member
    if member == ObjectGroupMember.GROUP_MEMBER_FRESH and not managed.get("Fresh"):
        return False
    return all(_match(name, have.get(name, []), values) for name, values in wanted.items())


def _match(name, have, values):
    if not have:
        return False
    if values[0].type == DATE_TIME and len(values) == 2:  # a range
        low, high = sorted(value.value for value in values)
        return low <= have[0].value <= high
    if name == "Cryptographic Usage Mask":
        return all(have[0].value & value.value == value.value for value in values)
    return all(value in have for value in values)


def _answer(ctx, request, found):
    limit, offset = request.maximum_items, request.offset_items or 0
    shown = found[offset:] if limit is None else found[offset:offset + limit]
    ctx.batch.placeholder = shown[0] if len(shown) == 1 and (
        limit == 1 or len(found) == 1) else None
    items = [ttlv.integer(T.LOCATED_ITEMS, len(found))] if ctx.version >= 13 else []
    return items + [ttlv.text(T.UNIQUE_IDENTIFIER, uid) for uid in shown]
