"""The attributes: names, types and rules (KMIP 1.x §3; the table of every attribute's rules)."""

from . import structures as s
from . import tags, ttlv
from .cryptoenums import (
    CryptographicAlgorithm,
    CryptographicUsageMask,
    DigitalSignatureAlgorithm,
    KeyFormatType,
)
from .enums import CertificateRequestType, CertificateType, ObjectType, State
from .errors import invalid_field, invalid_message
from .schema import Field, check_enum, parse
from .tags import Tag as T
from .ttlv import (
    BOOLEAN,
    DATE_TIME,
    ENUMERATION,
    INTEGER,
    INTERVAL,
    STRUCTURE,
    TEXT_STRING,
    TYPE_NAMES,
    integer,
    structure,
    text,
)

O = ObjectType  # noqa: E741
ALL = frozenset(ObjectType)
KEYS = frozenset((O.SYMMETRIC_KEY, O.PUBLIC_KEY, O.PRIVATE_KEY, O.SPLIT_KEY, O.PGP_KEY))
CRYPTOGRAPHIC = KEYS | {O.CERTIFICATE, O.SECRET_DATA}
CERTIFICATES = frozenset((O.CERTIFICATE,))
KEYS_AND_CERTIFICATES = KEYS | CERTIFICATES
WITH_OPAQUE = CRYPTOGRAPHIC | {O.OPAQUE_OBJECT, O.CERTIFICATE_REQUEST}
SYMMETRIC = frozenset((O.SYMMETRIC_KEY, O.SPLIT_KEY))
_A = CryptographicAlgorithm
_ASYMMETRIC_ALGORITHMS = (_A.RSA, _A.DSA, _A.ECDSA, _A.DH, _A.ECDH, _A.ECMQV, _A.EC)
WITH_VALUE = frozenset((O.SYMMETRIC_KEY, O.PRIVATE_KEY, O.SPLIT_KEY, O.SECRET_DATA))


class Rule:
    """One attribute: its type and who may do what with it.

    objects  the object types it applies to
    set      a client may give it at creation or add it later
    modify   a client may change it; delete: a client may delete it (state rules come on top)
    many     several instances
    """

    def __init__(self, name, tag, kind, objects, flags="", since=10, until=21, enum=None,
                 fields=None):
        self.name = name
        self.tag = int(tag)
        self.kind = kind
        self.objects = objects
        self.set = "s" in flags
        self.modify = "m" in flags
        self.delete = "d" in flags
        self.many = "*" in flags
        self.since = since
        self.until = until
        self.enum = enum
        self.fields = fields

    def known(self, version):
        return self.since <= version <= self.until

    def applies(self, managed):
        """Whether the object may have it; of the Split Keys some only to those of symmetric keys (§3.25)."""
        return managed.object_type in self.objects and not (
            managed.object_type == O.SPLIT_KEY and self.objects is SYMMETRIC
            and managed.get("Cryptographic Algorithm") in _ASYMMETRIC_ALGORITHMS)

    def check(self, value, version, lenient):
        """Refuse a value of the wrong type, structure or enumeration."""
        if self.kind is not None and value.type != self.kind:
            raise invalid_message("%s is %s, not %s" % (
                self.name, TYPE_NAMES[value.type], TYPE_NAMES[self.kind]))
        if self.fields is not None:
            parse(value.retag(self.tag), self.fields, version, lenient)
        elif self.enum is not None:
            check_enum(self.enum, value.value, version, self.name)
        elif self.kind is None and value.type == STRUCTURE and any(
                sub.type == STRUCTURE for sub in value.value):
            raise invalid_field("the custom attribute %s holds a structure in a structure"
                                % self.name)


def _rule(tag, kind, objects, flags="", **options):
    return Rule(tags.name(tag), tag, kind, objects, flags, **options)


# flags: s set, m modify, d delete by a client; * several instances.
_RULES = [
    _rule(T.UNIQUE_IDENTIFIER, TEXT_STRING, ALL),
    _rule(T.NAME, STRUCTURE, ALL, "smd*", fields=s.NAME),
    _rule(T.OBJECT_TYPE, ENUMERATION, ALL, enum=ObjectType),
    _rule(T.CRYPTOGRAPHIC_ALGORITHM, ENUMERATION, KEYS_AND_CERTIFICATES, "s",
          enum=CryptographicAlgorithm),
    _rule(T.CRYPTOGRAPHIC_LENGTH, INTEGER, KEYS_AND_CERTIFICATES, "s"),
    _rule(T.CRYPTOGRAPHIC_PARAMETERS, STRUCTURE, KEYS_AND_CERTIFICATES, "smd*",
          fields=s.CRYPTOGRAPHIC_PARAMETERS),
    _rule(T.CRYPTOGRAPHIC_DOMAIN_PARAMETERS, STRUCTURE, {O.PUBLIC_KEY, O.PRIVATE_KEY}, "s",
          fields=s.CRYPTOGRAPHIC_DOMAIN_PARAMETERS),
    _rule(T.CERTIFICATE_TYPE, ENUMERATION, CERTIFICATES, enum=CertificateType),
    _rule(T.CERTIFICATE_LENGTH, INTEGER, CERTIFICATES, since=11),
    _rule(T.X509_CERTIFICATE_IDENTIFIER, STRUCTURE, CERTIFICATES, since=11,
          fields=s.X509_CERTIFICATE_IDENTIFIER),
    _rule(T.X509_CERTIFICATE_SUBJECT, STRUCTURE, CERTIFICATES, since=11,
          fields=s.X509_CERTIFICATE_SUBJECT),
    _rule(T.X509_CERTIFICATE_ISSUER, STRUCTURE, CERTIFICATES, since=11,
          fields=s.X509_CERTIFICATE_ISSUER),
    _rule(T.CERTIFICATE_IDENTIFIER, STRUCTURE, CERTIFICATES, until=14,
          fields=s.CERTIFICATE_IDENTIFIER),
    _rule(T.CERTIFICATE_SUBJECT, STRUCTURE, CERTIFICATES, until=14,
          fields=s.CERTIFICATE_SUBJECT),
    _rule(T.CERTIFICATE_ISSUER, STRUCTURE, CERTIFICATES, until=14, fields=s.CERTIFICATE_ISSUER),
    _rule(T.DIGITAL_SIGNATURE_ALGORITHM, ENUMERATION, {O.CERTIFICATE, O.PGP_KEY}, since=11,
          enum=DigitalSignatureAlgorithm),
    _rule(T.DIGEST, STRUCTURE, WITH_OPAQUE, "*", fields=s.DIGEST),
    _rule(T.KEY_FORMAT_TYPE, ENUMERATION, KEYS | {O.SECRET_DATA}, since=20, enum=KeyFormatType),
    _rule(T.OPAQUE_DATA_TYPE, ENUMERATION, {O.OPAQUE_OBJECT}, since=20),
    _rule(T.CERTIFICATE_REQUEST_TYPE, ENUMERATION, {O.CERTIFICATE_REQUEST}, since=20,
          enum=CertificateRequestType),
    _rule(T.OPERATION_POLICY_NAME, TEXT_STRING, ALL, "s", until=14),
    _rule(T.CRYPTOGRAPHIC_USAGE_MASK, INTEGER, CRYPTOGRAPHIC, "s"),
    _rule(T.LEASE_TIME, INTERVAL, CRYPTOGRAPHIC),
    _rule(T.USAGE_LIMITS, STRUCTURE, KEYS, "smd", fields=s.USAGE_LIMITS),
    _rule(T.STATE, ENUMERATION, CRYPTOGRAPHIC, enum=State),
    _rule(T.INITIAL_DATE, DATE_TIME, ALL),
    _rule(T.ACTIVATION_DATE, DATE_TIME, CRYPTOGRAPHIC, "sm"),
    _rule(T.PROCESS_START_DATE, DATE_TIME, SYMMETRIC, "sm"),
    _rule(T.PROTECT_STOP_DATE, DATE_TIME, SYMMETRIC, "sm"),
    _rule(T.DEACTIVATION_DATE, DATE_TIME, CRYPTOGRAPHIC, "sm"),
    _rule(T.DESTROY_DATE, DATE_TIME, WITH_OPAQUE),
    _rule(T.COMPROMISE_OCCURRENCE_DATE, DATE_TIME, WITH_OPAQUE),
    _rule(T.COMPROMISE_DATE, DATE_TIME, WITH_OPAQUE),
    _rule(T.REVOCATION_REASON, STRUCTURE, WITH_OPAQUE, fields=s.REVOCATION_REASON),
    _rule(T.ARCHIVE_DATE, DATE_TIME, ALL),
    _rule(T.OBJECT_GROUP, TEXT_STRING, ALL, "smd*"),
    _rule(T.FRESH, BOOLEAN, CRYPTOGRAPHIC, "s", since=11),
    _rule(T.LINK, STRUCTURE, CRYPTOGRAPHIC, "smd*", fields=s.LINK),
    _rule(T.APPLICATION_SPECIFIC_INFORMATION, STRUCTURE, ALL, "smd*",
          fields=s.APPLICATION_SPECIFIC_INFORMATION),
    _rule(T.CONTACT_INFORMATION, TEXT_STRING, ALL, "smd"),
    _rule(T.LAST_CHANGE_DATE, DATE_TIME, ALL),
    _rule(T.ALTERNATIVE_NAME, STRUCTURE, ALL, "smd*", since=12, fields=s.ALTERNATIVE_NAME),
    _rule(T.KEY_VALUE_PRESENT, BOOLEAN, WITH_VALUE, since=12),
    _rule(T.KEY_VALUE_LOCATION, STRUCTURE, WITH_VALUE, "smd*", since=12,
          fields=s.KEY_VALUE_LOCATION),
    _rule(T.ORIGINAL_CREATION_DATE, DATE_TIME, ALL, "s", since=12),
    _rule(T.RANDOM_NUMBER_GENERATOR, STRUCTURE, CRYPTOGRAPHIC, "s", since=13,
          fields=s.RNG_PARAMETERS),
    _rule(T.PKCS12_FRIENDLY_NAME, TEXT_STRING, CRYPTOGRAPHIC, "smd", since=14),
    _rule(T.DESCRIPTION, TEXT_STRING, ALL, "smd", since=14),
    _rule(T.COMMENT, TEXT_STRING, ALL, "smd", since=14),
    _rule(T.SENSITIVE, BOOLEAN, ALL, "sm", since=14),
    _rule(T.ALWAYS_SENSITIVE, BOOLEAN, ALL, since=14),
    _rule(T.EXTRACTABLE, BOOLEAN, ALL, "sm", since=14),
    _rule(T.NEVER_EXTRACTABLE, BOOLEAN, ALL, since=14),
]

RULES = {rule.name: rule for rule in _RULES}


_BY_TAG = {rule.tag: rule for rule in _RULES}
_VENDOR = "\x1f"  # between a vendor other than x and y, and the attribute's name


def rule_for(name, version):
    """The rule of an attribute name in this version, a custom attribute's, or None."""
    rule = RULES.get(name)
    if rule is not None:
        return rule if rule.known(version) else None
    if _VENDOR in name and version >= 20:
        return Rule(name, T.ATTRIBUTE_VALUE, None, ALL, "smd*")
    if name.startswith("x-"):
        return Rule(name, T.ATTRIBUTE_VALUE, None, ALL, "smd*")
    if name.startswith("y-"):
        return Rule(name, T.ATTRIBUTE_VALUE, None, ALL, "*")
    return None


def wire_1x(name, index, value):
    """Attribute {Name, Index, Value}; an index of 0 is left out."""
    return structure(
        T.ATTRIBUTE,
        text(T.ATTRIBUTE_NAME, name),
        integer(T.ATTRIBUTE_INDEX, index) if index else None,
        value.retag(T.ATTRIBUTE_VALUE),
    )


_ATTRIBUTE = [
    Field(T.ATTRIBUTE_NAME, TEXT_STRING, True),
    Field(T.ATTRIBUTE_INDEX, INTEGER),
    Field(T.ATTRIBUTE_VALUE, tuple(TYPE_NAMES), True),
]


class Given:
    """An attribute as a request gives it: its name, rule (None if unknown), index and value."""

    def __init__(self, name, rule, index, value):
        self.name = name
        self.rule = rule
        self.index = index
        self.value = value


def read_1x(item, version, lenient=False):
    """A Given out of Attribute {Name, Index, Value}; the value under the attribute's own tag."""
    found = parse(item, _ATTRIBUTE, version, lenient)
    rule = rule_for(found.attribute_name, version)
    value = found.attribute_value
    if rule is not None:
        rule.check(value, version, lenient)
        value = value.retag(rule.tag)
    return Given(found.attribute_name, rule, found.attribute_index, value)


_VENDOR_ATTRIBUTE = [
    Field(T.VENDOR_IDENTIFICATION, TEXT_STRING, True),
    Field(T.ATTRIBUTE_NAME, TEXT_STRING, True),
    Field(T.ATTRIBUTE_VALUE, tuple(TYPE_NAMES), True),
]
_VENDOR_REFERENCE = _VENDOR_ATTRIBUTE[:2]


def _vendor_name(vendor, name):
    """A vendor attribute's name here: x and y are what 1.x writes x-NAME and y-NAME."""
    return "%s-%s" % (vendor, name) if vendor in ("x", "y") else vendor + _VENDOR + name


def read_2x(item, version, lenient=False):
    """The Givens in a structure that holds attributes, each under its own tag (2.x §4)."""
    return [_read_2x(sub, version, lenient) for sub in item.value]


def read_one_2x(item, version, lenient=False):
    """The one attribute of a New Attribute or Current Attribute."""
    if len(item.value) != 1:
        raise invalid_message("%s holds one attribute, not %d" % (tags.name(item.tag), len(item.value)))
    return _read_2x(item.value[0], version, lenient)


def _read_2x(item, version, lenient):
    if item.tag == T.ATTRIBUTE:
        if item.type != STRUCTURE:
            raise invalid_message("a vendor's Attribute is a Structure")
        found = parse(item, _VENDOR_ATTRIBUTE, version, lenient)
        name = _vendor_name(found.vendor_identification, found.attribute_name)
        value = found.attribute_value
    else:
        rule, value = _BY_TAG.get(item.tag), item
        name = rule.name if rule is not None else tags.name(item.tag)
    rule = rule_for(name, version)
    if rule is not None:
        rule.check(value, version, lenient)
    return Given(name, rule, None, value)


def read_reference(item, version):
    """(name, Rule or None) of an Attribute Reference: a tag, or a vendor's name."""
    if item.type == STRUCTURE:
        found = parse(item, _VENDOR_REFERENCE, version)
        name = _vendor_name(found.vendor_identification, found.attribute_name)
        return name, rule_for(name, version)
    rule = _BY_TAG.get(item.value)
    if rule is None or not rule.known(version):
        return tags.name(item.value), None
    return rule.name, rule


def _vendor_parts(name):
    vendor, _, rest = name.partition(_VENDOR) if _VENDOR in name else name.partition("-")
    return ttlv.text(T.VENDOR_IDENTIFICATION, vendor), ttlv.text(T.ATTRIBUTE_NAME, rest)


def wire_2x(name, value):
    """The attribute under its own tag, or a vendor's Attribute."""
    if name in RULES:
        return value
    return ttlv.structure(T.ATTRIBUTE, *_vendor_parts(name), value.retag(T.ATTRIBUTE_VALUE))


def reference_2x(name):
    """Attribute Reference."""
    if name in RULES:
        return ttlv.enumeration(T.ATTRIBUTE_REFERENCE, RULES[name].tag)
    return ttlv.structure(T.ATTRIBUTE_REFERENCE, *_vendor_parts(name))


def check_mask(value, version):
    """Invalid Field for a Cryptographic Usage Mask with bits that this version lacks."""
    known = 0
    for bit in CryptographicUsageMask:
        if CryptographicUsageMask.known(bit, version):
            known |= bit
    if value & ~known or value < 0:
        raise invalid_field("Cryptographic Usage Mask %X has unknown bits" % (value & 0xFFFFFFFF))
