"""What every new object goes through: the attributes a client gives and those the server sets."""

import hashlib

from . import attributes, keyblock, policy, ttlv
from .cryptoenums import HashingAlgorithm
from .enums import ANY, LinkType, ObjectType
from .errors import KmipError, Reason, illegal, invalid_field, not_found
from .managed import Managed
from .schema import INTEGER, STRUCTURE, Field, parse
from .state import STATELESS
from .store import NameTaken
from .structures import APPLICATION_SPECIFIC_INFORMATION, LINK, NAME, USAGE_LIMITS
from .tags import Tag as T

_TEMPLATE = [
    Field(T.NAME, STRUCTURE, many=True, fields=NAME),
    Field(T.ATTRIBUTE, STRUCTURE, many=True),
]
# The attributes of a new object: in 1.x, and in 2.x.
TEMPLATE_ATTRIBUTE = Field(T.TEMPLATE_ATTRIBUTE, STRUCTURE, until=14)
ATTRIBUTES = Field(T.ATTRIBUTES, STRUCTURE, since=20)
PROTECTION_STORAGE_MASKS = Field(T.PROTECTION_STORAGE_MASKS, STRUCTURE, since=20)
OPTIONAL = [TEMPLATE_ATTRIBUTE, ATTRIBUTES, PROTECTION_STORAGE_MASKS]
REQUIRED = [
    Field(T.TEMPLATE_ATTRIBUTE, STRUCTURE, True, until=14),
    Field(T.ATTRIBUTES, STRUCTURE, True, since=20),
]
MASKS = [PROTECTION_STORAGE_MASKS]


def attributes_of(ctx, request):
    """The Given attributes of a request with one Template-Attribute, or Attributes in 2.x."""
    if ctx.version >= 20:
        check_storage(ctx, getattr(request, "protection_storage_masks", None))
    return read_template(ctx, request.attributes if ctx.version >= 20 else request.template_attribute)


def read_template(ctx, item):
    """The Given attributes of a Template-Attribute, or of Attributes in 2.x, or of none.

    What stands there itself wins over what a template named there says (§4.5); several instances add up.
    """
    if item is None:
        return []
    if ctx.version >= 20:
        return attributes.read_2x(item, ctx.version, ctx.lenient)
    found = parse(item, _TEMPLATE, ctx.version, ctx.lenient)
    given = [attributes.read_1x(sub, ctx.version, ctx.lenient) for sub in found.attribute]
    for name in found.name:
        given = merge(given, _template_named(ctx, name))
    return given


def _template_named(ctx, name):
    """What a Template of the asker holds."""
    def find(txn):
        uid = txn.named(ctx.identity.device, name.name_value, name.name_type)
        return uid and txn.load(uid)

    if ctx.txn is not None:
        template = find(ctx.txn)
    else:  # before the transaction begins
        with ctx.engine.store.transaction(write=False) as txn:
            template = find(txn)
    if template is None or template.object_type != ObjectType.TEMPLATE:
        raise not_found("there is no template %r" % name.name_value[:64])
    if template.get("Archive Date") is not None:
        raise KmipError(Reason.OBJECT_ARCHIVED, "the template is archived")
    if template.material is None:
        raise not_found("the template %r is destroyed" % name.name_value[:64])
    return [attributes.read_1x(sub, ctx.version, ctx.lenient) for sub in template.material.value]


def merge(own, common):
    """What is said for one wins over what is said for all; several instances add up."""
    names = {attribute.name for attribute in own}
    merged = own + [attribute for attribute in common if attribute.name not in names or (
        attribute.rule is not None and attribute.rule.many)]
    if common:
        for attribute in merged:
            attribute.index = None  # indexes of two templates mean nothing together
    return merged


def first(given, name):
    """The Given with this name, or None."""
    for attribute in given:
        if attribute.name == name:
            return attribute
    return None


def new(ctx, object_type, material):
    """A Managed object of the asker, Pre-Active, not yet stored."""
    return Managed(ctx.engine.new_uid(), ctx.identity.device, object_type, material)


def apply(ctx, managed, given, claims=()):
    """Give a new object the attributes of the request.

    claims: names of attributes that the client may state although the server computes them;
    what was stated is compared by finish().
    """
    seen = {}
    for attribute in given:
        rule = attribute.rule
        if rule is None:
            raise invalid_field("the attribute %r is not supported" % attribute.name)
        if managed.object_type not in rule.objects:
            raise invalid_field("%s does not apply to this object type" % rule.name)
        count = seen.get(rule.name, 0)
        if count and not rule.many:
            raise invalid_field("%s has only one instance" % rule.name)
        if attribute.index is not None and attribute.index != count:
            raise invalid_field("Attribute Index %d of %s is out of step"
                                % (attribute.index, rule.name))
        seen[rule.name] = count + 1
        if rule.name in claims:
            managed.claimed.append(attribute)
            continue
        if not rule.set:
            raise invalid_field("%s is set by the server only" % rule.name)
        value = check_value(ctx, managed, rule, attribute.value)
        if rule.name == "Usage Limits":
            managed.limits = value
        else:
            managed.add(rule.name, value)


def check_value(ctx, managed, rule, value, replaces=None):
    """The value to store for an attribute that a client sets; errors beyond type and structure.

    replaces: the instance that it takes the place of.
    """
    if rule.name == "Cryptographic Usage Mask":
        attributes.check_mask(value.value, ctx.version)
    elif rule.name == "Link":
        _check_link(ctx, managed, parse(value, LINK, ctx.version, ctx.lenient), replaces)
    elif rule.name == "Usage Limits":
        limits = parse(value, USAGE_LIMITS, ctx.version, ctx.lenient)
        if limits.usage_limits_total < 0:
            raise invalid_field("Usage Limits Total is negative")
    elif rule.name == "Application Specific Information":
        data = parse(value, APPLICATION_SPECIFIC_INFORMATION, ctx.version, ctx.lenient)
        if data.application_data is None:
            raise KmipError(Reason.APPLICATION_NAMESPACE_NOT_SUPPORTED,
                            "this server makes no Application Data")
    elif rule.name == "Activation Date" and ctx.version == 10 and value.value < ctx.now:
        return ttlv.date_time(value.tag, ctx.now)  # 1.0 takes the time of receipt (§3.17)
    return value


def _check_link(ctx, managed, link, replaces):
    """A Link may only point to an object of the same owner."""
    other = ctx.txn.load(link.linked_object_identifier)
    policy.check_object(ctx.identity, other, ctx.operation, not_found("the Link points to no object"))
    if replaces is not None and parse(replaces, LINK, ANY).link_type == link.link_type:
        return
    if link.link_type == LinkType.REPLACEMENT_OBJECT_LINK and managed.links(link.link_type):
        raise illegal("an object has at most one Replacement Object Link")


def finish(ctx, managed, fresh):
    """Set what the server sets, check the whole, and store the new object.

    fresh: the server made the object (else a client registered it).
    """
    now = ctx.now
    managed.set_value("Initial Date", now)
    managed.set_value("Last Change Date", now)
    if fresh:
        managed.set_value("Original Creation Date", now)
        managed.set_value("Fresh", True)
    elif managed.get("Fresh") is None:
        managed.set_value("Fresh", False)
    if managed.object_type not in STATELESS:
        managed.set_value("Lease Time", ctx.engine.options.lease_seconds)
    if managed.get("Sensitive") is None:
        managed.set_value("Sensitive", False)
    if managed.get("Extractable") is None:
        managed.set_value("Extractable", True)
    managed.set_value("Always Sensitive", managed.get("Sensitive"))
    managed.set_value("Never Extractable", not managed.get("Extractable"))
    managed.drop("Digest")
    digest = _digest(managed)
    if digest is not None:
        managed.add("Digest", digest)
    check_dates(managed)
    if managed.object_type == ObjectType.SPLIT_KEY:
        _check_applies(managed)
    _check_claims(managed)
    try:
        ctx.txn.add(managed)
    except NameTaken:
        raise invalid_field("another object has this Name already", Reason.NON_UNIQUE_NAME_ATTRIBUTE)
    if managed.limits is not None:
        set_limits(ctx, managed, managed.limits)
    ctx.batch.placeholder = managed.uid


def set_limits(ctx, managed, value):
    """Usage Limits as a client sets them: the Count starts at the Total."""
    limits = parse(value, USAGE_LIMITS, ctx.version, ctx.lenient)
    ctx.txn.set_limits(managed.uid, limits.usage_limits_total, limits.usage_limits_unit)


def _check_applies(managed):
    """Again, now that the object is whole: apply() did not know a Split Key's algorithm."""
    for name in managed.attributes:
        if name in attributes.RULES and not attributes.RULES[name].applies(managed):
            raise invalid_field("%s does not apply to this object" % name)


def _check_claims(managed):
    for attribute in managed.claimed:
        if managed.get(attribute.name) != attribute.value.value:
            raise invalid_field("%s does not agree with the object" % attribute.name)


_ORDER = (
    ("Activation Date", "Process Start Date"),
    ("Activation Date", "Deactivation Date"),
    ("Protect Stop Date", "Deactivation Date"),
)


def check_dates(managed):
    """Invalid Field unless the dates are in their order (§3.24 to §3.27)."""
    for earlier, later in _ORDER:
        before, after = managed.get(earlier), managed.get(later)
        if before is not None and after is not None and before > after:
            raise invalid_field("%s is after %s" % (earlier, later))


def _digest(managed):
    """Digest {SHA-256, value, format} over what §3.17 says; None where the value is not known."""
    if managed.material is None or managed.object_type == ObjectType.TEMPLATE:
        return None
    fields = keyblock.read_object(managed.object_type, managed.material, ANY)
    format_ = None
    if managed.object_type == ObjectType.CERTIFICATE:
        data = fields.certificate_value
    elif managed.object_type == ObjectType.OPAQUE_OBJECT:
        data = fields.opaque_data_value
    elif managed.object_type == ObjectType.CERTIFICATE_REQUEST:
        data = fields.certificate_request_value
    else:
        block = fields.key_block
        if block.material is None:
            return None
        format_ = block.format
        data = block.material
        if not isinstance(data, bytes):
            data = ttlv.encode(data)
    return ttlv.structure(
        T.DIGEST,
        ttlv.enumeration(T.HASHING_ALGORITHM, HashingAlgorithm.SHA_256),
        ttlv.byte_string(T.DIGEST_VALUE, hashlib.sha256(data).digest()),
        None if format_ is None else ttlv.enumeration(T.KEY_FORMAT_TYPE, format_))


_STORAGE = [Field(T.PROTECTION_STORAGE_MASK, INTEGER, True, many=True)]
STORAGE = 0x1 | 0x8 | 0x40  # what this server's storage is: Software, On System, Operating System


def check_storage(ctx, *masks):
    """Protection Storage Unavailable (2.x) where masks are given and none of them can be had."""
    for item in masks:
        if item is not None and all(mask & ~STORAGE for mask in parse(
                item, _STORAGE, ctx.version, ctx.lenient).protection_storage_mask):
            raise KmipError(Reason.PROTECTION_STORAGE_UNAVAILABLE,
                            "this server stores in software, on its own system")


def told(ctx, managed, *names):
    """Template-Attribute of a 1.x response: what the server chose where the client was silent."""
    if ctx.version >= 20:
        return None
    return ttlv.structure(T.TEMPLATE_ATTRIBUTE, *[
        attributes.wire_1x(name, index, item)
        for name in names for index, item in managed.attributes[name]])
