"""A managed object as the server holds it: its TTLV object and its attributes."""

from . import ttlv
from .attributes import RULES
from .enums import ANY, LinkType, ObjectType, State
from .schema import parse
from .structures import LINK, NAME
from .tags import Tag as T

OBJECT_TAGS = {
    ObjectType.CERTIFICATE: T.CERTIFICATE,
    ObjectType.SYMMETRIC_KEY: T.SYMMETRIC_KEY,
    ObjectType.PUBLIC_KEY: T.PUBLIC_KEY,
    ObjectType.PRIVATE_KEY: T.PRIVATE_KEY,
    ObjectType.SPLIT_KEY: T.SPLIT_KEY,
    ObjectType.TEMPLATE: T.TEMPLATE,
    ObjectType.SECRET_DATA: T.SECRET_DATA,
    ObjectType.OPAQUE_OBJECT: T.OPAQUE_OBJECT,
    ObjectType.PGP_KEY: T.PGP_KEY,
    ObjectType.CERTIFICATE_REQUEST: T.CERTIFICATE_REQUEST,
}


class Managed:
    """One object: `attributes` maps a name to a list of (index, Item under its own tag).

    State, Usage Limits and Unique Identifier are not among them: the state is computed from
    `base_state` and the dates (state.py), the limits live in a table of their own so that
    they can be counted atomically (store.py).
    """

    def __init__(self, uid, owner, object_type, material, base_state=State.PRE_ACTIVE):
        self.uid = uid
        self.owner = owner
        self.object_type = ObjectType(object_type)
        self.material = material
        self.base_state = base_state
        self.attributes = {}
        self.claimed = []  # attributes a client stated that creation.finish() compares
        self.limits = None  # Usage Limits that creation.finish() stores

    def __repr__(self):
        return "<%s %s of %s>" % (self.object_type.name, self.uid, self.owner)

    def get(self, name, default=None):
        """The value of an attribute's first instance, as a plain value or an Item list."""
        instances = self.attributes.get(name)
        return instances[0][1].value if instances else default

    def set(self, name, item):
        """Give a single-instance attribute this value."""
        self.attributes[name] = [(0, item)]

    def set_value(self, name, value):
        """The same with a plain value, for attributes whose rule has a plain type."""
        rule = RULES[name]
        self.set(name, ttlv.Item(rule.tag, rule.kind, value))

    def add(self, name, item):
        """One more instance; returns its index, which does not shift later (§2.1.1)."""
        instances = self.attributes.setdefault(name, [])
        index = instances[-1][0] + 1 if instances else 0
        instances.append((index, item))
        return index

    def drop(self, name):
        self.attributes.pop(name, None)

    def items(self, name):
        return [item for _, item in self.attributes.get(name, ())]

    def links(self, kind):
        """The UIDs that this object's Links of one type point to."""
        found = [parse(item, LINK, ANY) for item in self.items("Link")]
        return [link.linked_object_identifier for link in found if link.link_type == kind]

    def link(self, kind, uid):
        """Point the Link of this type to uid: changed in place if there is one, else added."""
        item = link_item(kind, uid)
        instances = self.attributes.setdefault("Link", [])
        for position, (index, old) in enumerate(instances):
            if parse(old, LINK, ANY).link_type == kind:
                instances[position] = (index, item)
                return
        self.add("Link", item)

    def names(self):
        """(value, type) of every Name."""
        found = [parse(item, NAME, ANY) for item in self.items("Name")]
        return [(name.name_value, name.name_type) for name in found]


def link_item(kind, uid):
    return ttlv.structure(
        T.LINK,
        ttlv.enumeration(T.LINK_TYPE, LinkType(kind)),
        ttlv.text(T.LINKED_OBJECT_IDENTIFIER, uid),
    )
