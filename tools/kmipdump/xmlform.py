"""TTLV to the XML form of KMIP and back (KMIP Additional Message Encodings 1.0 §6).

An item is an element that is named after its tag, <TTLV tag="0x540001"> where the tag has no name, with the
attributes type (a Structure needs none) and value:

    Integer, Long Integer  decimal or 0x and hex; a mask by its bits' names, separated by spaces
    Big Integer            hex, a multiple of 8 bytes, sign-extended
    Enumeration            a name, or 0x and hex
    Boolean                true or false
    Text String            the text
    Byte String            hex
    Date-Time (Extended)   ISO 8601 with its zone
    Interval               seconds

Two things are this tool's own, so that every well-formed message has a form: a date beyond the year 9999 is
written as 0x and 16 hex digits; and what XML cannot hold at all (control characters in a text) is refused.
Several messages stand in a <KMIP> element, as in the OASIS test cases.

The parser is expat itself and not xml.etree on top of it: it tells the line of an element. A DOCTYPE is
refused, so there are no entities to expand.
"""

import re
from xml.parsers import expat

from . import items, names, secret, times
from .tree import quoted

_ROOT = "KMIP"
_UNNAMED = "TTLV"
_ATTRIBUTES = {"type", "value", "tag", "name"}
_ESCAPES = str.maketrans({
    "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"})
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_HEX = re.compile(r"[0-9a-fA-F]*", re.ASCII)
_DECIMAL = re.compile(r"[+-]?\d{1,20}", re.ASCII)
_MASKS = frozenset(names.MASKS)

# Kind -> (lowest, highest, hex digits)
_RANGES = {
    items.INTEGER: (-1 << 31, (1 << 31) - 1, 8),
    items.LONG_INTEGER: (-1 << 63, (1 << 63) - 1, 16),
    items.DATE_TIME: (-1 << 63, (1 << 63) - 1, 16),
    items.DATE_TIME_EXTENDED: (-1 << 63, (1 << 63) - 1, 16),
    items.ENUMERATION: (0, (1 << 32) - 1, 8),
    items.INTERVAL: (0, (1 << 32) - 1, 8),
}


class XMLError(ValueError):
    """What cannot be written as XML, or read from it; the message is one line for the user."""


def write(root, secrets=False, indent=0):
    """Yields the lines of the XML form of a message without errors. Secret values are overwritten, at their
    length, unless `secrets`. Raises XMLError for what XML cannot hold."""
    yield from _element(root, secrets, indent, secret.OPEN, names.group_of(root.tag))


def _element(item, secrets, depth, where, group):
    name = names.tag_camel(item.tag)
    head = "%s<%s" % ("  " * depth, name or '%s tag="0x%06X"' % (_UNNAMED, item.tag))
    if item.kind == items.STRUCTURE:
        if not item.value:
            yield head + "/>"
            return
        yield head + ">"
        inside = secret.inside(item, where)
        groups = names.Groups()
        for sub in item.value:
            its = groups.of(sub.tag, sub.value)
            yield from _element(sub, secrets, depth + 1, inside, its)
        yield "%s</%s>" % ("  " * depth, name or _UNNAMED)
        return
    value = item.value if secrets or not secret.hidden(item, where) else secret.blank(item)
    yield '%s type="%s" value="%s"/>' % (head, names.type_camel(item.kind), _text(item, value, group))


def _text(item, value, group):
    kind = item.kind
    if kind == items.TEXT_STRING:
        bad = _FORBIDDEN.search(value)
        if bad:
            raise XMLError("XML cannot hold the character U+%04X in %s at byte %d"
                           % (ord(bad[0]), names.tag_name(item.tag), item.offset))
        return value.translate(_ESCAPES)
    if kind in (items.BYTE_STRING, items.BIG_INTEGER):
        return value.hex()
    if kind == items.ENUMERATION:
        return names.value_camel(group, value) or "0x%08X" % value
    if kind == items.INTEGER and group in _MASKS and value:
        return " ".join(names.value_camel(group, bit) or "0x%08X" % bit for bit in names.bits(value))
    if kind == items.BOOLEAN:
        return "true" if value else "false"
    if kind in (items.DATE_TIME, items.DATE_TIME_EXTENDED):
        return times.iso(kind, value, "+00:00") or "0x%016X" % (value & (1 << 64) - 1)
    return str(value)


def read(data):
    """Yields the messages that stand in XML (bytes), as Items, and raises XMLError where it ends to be the
    XML form: what stood before has been yielded."""
    reader = _Reader()
    error = None
    try:
        reader.parser.Parse(data, True)
    except expat.ExpatError as problem:
        error = "line %d: %s" % (problem.lineno, expat.ErrorString(problem.code))
    except (ValueError, LookupError) as problem:  # XMLError is a ValueError; unknown encodings are both
        error = "line %d: %s" % (reader.parser.CurrentLineNumber, problem)
    yield from reader.found
    if error:
        raise XMLError(error)
    if not reader.found:
        raise XMLError("no message in it")


class _Reader:
    """The handlers of one document: `stack` holds the elements that are open, each with the Groups of what
    is in it; `found` what is whole."""

    def __init__(self):
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.text
        self.parser.StartDoctypeDeclHandler = self.doctype
        self.stack = []
        self.found = []
        self.wrapped = False  # in <KMIP>

    def doctype(self, *_):
        raise XMLError("a DOCTYPE is not read")

    def start(self, name, attributes):
        name = name.rpartition(" ")[2]  # without its namespace
        if not self.stack and not self.wrapped and name == _ROOT:
            self.wrapped = True
            return
        for attribute in attributes:
            if attribute not in _ATTRIBUTES:
                raise XMLError("unknown attribute %s" % quoted(attribute))
        parent, groups = self.stack[-1] if self.stack else (None, names.Groups())
        if parent is not None and parent.kind != items.STRUCTURE:
            raise XMLError("an element in one that is no Structure")
        item = items.Item(_tag(name, attributes), _kind(attributes))
        group = groups.of(item.tag, attributes.get("value"))
        if item.kind == items.STRUCTURE:
            if len(self.stack) >= items.MAX_DEPTH:
                raise XMLError("structures nested more than %d deep" % items.MAX_DEPTH)
            if attributes.get("value"):
                raise XMLError("%s is a Structure and has a value" % name)
            item.value = []
        elif "value" not in attributes:
            raise XMLError("%s has no value" % name)
        else:
            item.value = _value(item, name, attributes["value"], group)
        if parent is not None:
            parent.value.append(item)
        self.stack.append((item, names.Groups()))

    def end(self, _):
        if self.stack:
            item, _ = self.stack.pop()
            if not self.stack:
                self.found.append(item)

    def text(self, text):
        # Between the messages the OASIS test cases have lines such as "# TIME 0".
        if self.stack and not text.isspace():
            raise XMLError("text in a message: values are attributes")


def _tag(name, attributes):
    if name != _UNNAMED:
        tag = names.tag_number(name)
        if tag is None:
            raise XMLError("no tag is named %s" % quoted(name))
        return tag
    text = attributes.get("tag", "")
    if not text.startswith("0x") or len(text) != 8 or not _HEX.fullmatch(text[2:]):
        raise XMLError('TTLV without a tag="0x......"')
    tag = int(text[2:], 16)
    if tag >> 16 not in (0x42, 0x54):
        raise XMLError("tag %06X begins with neither 42 nor 54" % tag)
    return tag


def _kind(attributes):
    name = attributes.get("type", "Structure")
    kind = names.type_number(name)
    if kind is None:
        raise XMLError("no type is named %s" % quoted(name))
    return kind


def _value(item, name, text, group):
    kind = item.kind
    if kind == items.TEXT_STRING:
        if text.endswith("\0"):
            raise XMLError("%s ends with a NUL" % name)
        return text
    if kind in (items.BYTE_STRING, items.BIG_INTEGER):
        digits = text.removeprefix("0x") if kind == items.BIG_INTEGER else text
        if len(digits) % 2 or not _HEX.fullmatch(digits):
            raise XMLError("%s: a %s is hex" % (name, names.type_name(kind)))
        if kind == items.BIG_INTEGER and (not digits or len(digits) % 16):
            raise XMLError("%s: a Big Integer has a multiple of 16 hex digits" % name)
        return bytes.fromhex(digits)
    if kind == items.BOOLEAN:
        if text not in ("true", "false", "1", "0"):
            raise XMLError("%s: a Boolean is true or false" % name)
        return text in ("true", "1")
    if kind == items.INTEGER and group in _MASKS:
        value = 0
        for word in text.split() or [text]:
            value |= _number(kind, name, word, group) & 0xFFFFFFFF
        return value - (value >> 31 << 32)
    return _number(kind, name, text, group)


def _number(kind, name, text, group):
    lowest, highest, digits = _RANGES[kind]
    if text.startswith("0x") and len(text) > 2 and _HEX.fullmatch(text[2:]):
        if len(text) - 2 > digits:
            raise XMLError("%s: more than %d hex digits" % (name, digits))
        value = int(text[2:], 16)
        return value if value <= highest else value + 2 * lowest
    if _DECIMAL.fullmatch(text):
        value = int(text)
        if not lowest <= value <= highest:
            raise XMLError("%s: %s is out of range" % (name, text))
        return value
    value = None
    if kind in (items.ENUMERATION, items.INTEGER):
        value = names.value_number(group, text)
    elif kind in (items.DATE_TIME, items.DATE_TIME_EXTENDED):
        value = times.number(kind, text)
    if value is None:
        hint = ": a placeholder, to be filled in first" if text.startswith("$") else ""
        raise XMLError("%s: %s is no %s of it%s" % (name, quoted(text, False), names.type_name(kind), hint))
    return value
