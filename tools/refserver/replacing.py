"""A new key in the place of an old one: what Re-key and Re-key Key Pair share (KMIP 1.x §4.4, §4.5).

A key is replaced once: its Names have moved and its one Replacement Object Link is taken. A second Re-key
of it is Permission Denied ("object cannot be re-keyed").
"""

from . import creation, state, view
from .enums import LinkType
from .errors import denied, illegal, invalid_field, invalid_message

DATES = ("Activation Date", "Process Start Date", "Protect Stop Date", "Deactivation Date")

# Of the existing key: set anew, computed, never set, or handed over in another way.
_NOT_COPIED = frozenset((
    "Name", "Link", "Digest", "Initial Date", "Last Change Date", "Original Creation Date", "Destroy Date",
    "Archive Date", "Revocation Reason", "Compromise Date", "Compromise Occurrence Date", "Fresh",
    "Always Sensitive", "Never Extractable", "Lease Time", "Random Number Generator", "Key Value Present",
    "Key Value Location", *DATES,
))


def check(old, what):
    """Permission Denied where the key cannot be replaced (any more)."""
    if state.destroyed(old):
        raise denied("the %s is destroyed" % what)
    replaced = old.links(LinkType.REPLACEMENT_OBJECT_LINK)
    if replaced:
        raise denied("the %s has been replaced already, by %s" % (what, replaced[0]))


def dates(ctx, old, offset, given):
    """{name: time} of the replacement, by the table of §4.4."""
    stated = {name: creation.first(given, name) for name in DATES}
    stated = {name: attribute.value.value for name, attribute in stated.items() if attribute is not None}
    if offset is None:
        found = {name: old.get(name) for name in DATES}
        found.update(stated)
    else:
        if stated:
            raise invalid_message("Offset and %s exclude each other" % next(iter(stated)))
        activation = old.get("Activation Date")
        if activation is None:
            raise illegal("Offset needs an Activation Date of the existing key")
        shift = ctx.now + offset - activation
        found = {name: old.get(name) and old.get(name) + shift for name in DATES}
        if any(date is not None and date >= 2**63 for date in found.values()):
            raise invalid_field("a date would be out of range")
    return {name: date for name, date in found.items() if date is not None}


def hand_over(ctx, managed, old, when):
    """Give the replacement (its request's attributes applied already) what is the old key's."""
    for name, instances in old.attributes.items():
        if name not in _NOT_COPIED and name not in managed.attributes:
            managed.attributes[name] = list(instances)
    for name, date in when.items():
        managed.set_value(name, date)
    limits = ctx.txn.limits(old.uid)
    if limits is not None and managed.limits is None:
        total, _, unit = limits[:3]
        managed.limits = view.limits_item((total, total, unit))
    for item in old.items("Name"):
        managed.add("Name", item)
    old.drop("Name")
    ctx.txn.save(old)  # the Names are free before the replacement takes them


def link(ctx, managed, old):
    """Tell each of the other; both are stored afterwards."""
    managed.link(LinkType.REPLACED_OBJECT_LINK, old.uid)
    creation.finish(ctx, managed, fresh=True)
    old.link(LinkType.REPLACEMENT_OBJECT_LINK, managed.uid)
    ctx.save(old)

