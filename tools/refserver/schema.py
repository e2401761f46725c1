"""Structures described as tables of fields, and one strict reader for all of them.

The reader holds the rules of KMIP 1.x §7, §8 and §11.1: fields in the order of the table, none
twice, none missing, each of its type; a field that this version does not know is Invalid Field.
"""

from types import SimpleNamespace

from . import tags
from .enums import ANY
from .errors import invalid_field, invalid_message
from .ttlv import (
    BIG_INTEGER,
    BOOLEAN,
    BYTE_STRING,
    DATE_TIME,
    ENUMERATION,
    INTEGER,
    INTERVAL,
    LONG_INTEGER,
    STRUCTURE,
    TEXT_STRING,
    TYPE_NAMES,
)

__all__ = [
    "BIG_INTEGER",
    "BOOLEAN",
    "BYTE_STRING",
    "DATE_TIME",
    "ENUMERATION",
    "INTEGER",
    "INTERVAL",
    "LONG_INTEGER",
    "STRUCTURE",
    "TEXT_STRING",
    "Field",
    "parse",
]


class Field:
    """One row of a structure's table.

    tag, kind     kind is a type number, or a tuple of them where several are allowed
    required      True, False, or a (first, last) range of versions that require it
    many          it may repeat
    since, until  first and last version that know the field
    enum          the Versioned class its value must belong to
    fields        the table of a structure; without it the Item is handed over as it is
    """

    def __init__(self, tag, kind, required=False, many=False, since=10, until=21, enum=None,
                 fields=None):
        self.tag = int(tag)
        self.name = tags.Tag(tag).name.lower()
        self.kinds = kind if isinstance(kind, tuple) else (kind,)
        self.required = required
        self.many = many
        self.since = since
        self.until = until
        self.enum = enum
        self.fields = fields

    def known(self, version):
        return version == ANY or self.since <= version <= self.until

    def needed(self, version):
        if isinstance(self.required, tuple):
            return self.required[0] <= version <= self.required[1]
        return self.required

    def read(self, item, version, lenient):
        if item.type not in self.kinds:
            raise invalid_message("%s is %s, not %s" % (
                tags.name(self.tag), TYPE_NAMES[item.type],
                " or ".join(TYPE_NAMES[kind] for kind in self.kinds)))
        if self.fields is not None:
            return parse(item, self.fields, version, lenient)
        if self.enum is not None:
            check_enum(self.enum, item.value, version, tags.name(self.tag))
        if item.type == STRUCTURE or len(self.kinds) > 1:
            return item
        return item.value


def check_enum(enum, value, version, name):
    """Invalid Field unless this version of KMIP knows the value."""
    if not enum.known(value, version):
        raise invalid_field("%s has the unknown value %X" % (name, value))


def parse(item, fields, version, lenient=False):
    """The fields of a structure by name; absent ones are None, repeated ones a list.

    lenient: the message says a minor version newer than the server's, so unknown fields are
    skipped (KMIP 1.x §11.1).
    """
    found = SimpleNamespace()
    known = [field for field in fields if field.known(version)]
    for field in fields:
        setattr(found, field.name, [] if field.many else None)
    position = 0
    seen = set()
    for sub in item.value:
        index = _index(known, sub.tag)
        if index is None:
            if lenient:
                continue
            raise invalid_field("%s does not belong into %s of KMIP %d.%d" % (
                tags.name(sub.tag), tags.name(item.tag), version // 10, version % 10))
        field = known[index]
        if sub.tag in seen and not field.many:
            raise invalid_message("%s holds %s twice" % (tags.name(item.tag), tags.name(sub.tag)))
        if index < position:
            raise invalid_message("%s is out of order in %s" % (
                tags.name(sub.tag), tags.name(item.tag)))
        position = index
        seen.add(sub.tag)
        value = field.read(sub, version, lenient)
        if field.many:
            getattr(found, field.name).append(value)
        else:
            setattr(found, field.name, value)
    for field in known:
        if field.needed(version) and field.tag not in seen:
            raise invalid_message("%s lacks %s" % (tags.name(item.tag), tags.name(field.tag)))
    return found


def _index(known, tag):
    for index, field in enumerate(known):
        if field.tag == tag:
            return index
    return None
