"""What -v and -vv print: one line a request; hex and the decoded tree. Never key material.

Redacted in both are the values of the fields that can hold a secret, whoever sent them. There is
no switch to show them. Byte strings whose meaning is not known count as secrets.
"""

import binascii

from . import ttlv
from .cryptoenums import KeyFormatType
from .enums import ObjectType, Operation, ResultReason, ResultStatus
from .tags import NAMES
from .tags import Tag as T
from .tags import name as tag_name

SECRET = frozenset((
    T.KEY_MATERIAL, T.KEY, T.D, T.X, T.P, T.Q, T.PRIVATE_EXPONENT, T.PRIME_EXPONENT_P,
    T.PRIME_EXPONENT_Q, T.CRT_COEFFICIENT, T.PASSWORD, T.OPAQUE_DATA_VALUE, T.KEY_VALUE,
    T.CREDENTIAL_VALUE, T.DERIVATION_DATA, T.DATA, T.SALT, T.J, T.DIGEST_VALUE,
))
_PUBLIC_OBJECTS = (T.PUBLIC_KEY, T.CERTIFICATE)  # their Key Material is no secret
_ENUMS = {
    T.OPERATION: Operation, T.OBJECT_TYPE: ObjectType, T.RESULT_STATUS: ResultStatus,
    T.RESULT_REASON: ResultReason, T.KEY_FORMAT_TYPE: KeyFormatType,
}
_LONGEST = 48


def _hidden(item, public):
    """Whether an item's value must not be shown."""
    if item.tag == T.CREDENTIAL_VALUE:
        return True
    if item.type == ttlv.BYTE_STRING and (item.tag == T.ATTRIBUTE_VALUE or item.tag not in NAMES):
        return True
    return item.tag in SECRET and not public and (
        item.type != ttlv.STRUCTURE or item.tag not in (T.KEY_VALUE, T.KEY_MATERIAL))


def redact(item, public=False):
    """A copy of the tree with every secret overwritten by zeros; lengths stay."""
    public = public or item.tag in _PUBLIC_OBJECTS
    if not _hidden(item, public):
        if item.type != ttlv.STRUCTURE:
            return item
        return ttlv.Item(item.tag, item.type, [redact(sub, public) for sub in item.value])
    if item.type == ttlv.STRUCTURE:
        return ttlv.Item(item.tag, item.type, [_blank(sub) for sub in item.value])
    return _blank(item)


def _blank(item):
    """The item with zeros for its value."""
    if item.type == ttlv.STRUCTURE:
        return ttlv.Item(item.tag, item.type, [_blank(sub) for sub in item.value])
    if item.type == ttlv.BYTE_STRING:
        return ttlv.Item(item.tag, item.type, bytes(len(item.value)))
    if item.type == ttlv.TEXT_STRING:
        return ttlv.Item(item.tag, item.type, "*" * len(item.value.encode()))
    return ttlv.Item(item.tag, item.type, False if item.type == ttlv.BOOLEAN else 0)


def tree_lines(item, indent=0, public=False):
    """The decoded tree, one line an item, secrets as *** and long values cut."""
    public = public or item.tag in _PUBLIC_OBJECTS
    head = "%s%s" % ("  " * indent, tag_name(item.tag))
    if _hidden(item, public):
        size = len(ttlv.encode(item)) - 8
        yield "%s = *** (%s, %d bytes with padding)" % (head, ttlv.TYPE_NAMES[item.type], size)
    elif item.type == ttlv.STRUCTURE:
        yield head
        for sub in item.value:
            yield from tree_lines(sub, indent + 1, public)
    else:
        yield "%s = %s" % (head, _value(item))


def _value(item):
    if item.type == ttlv.BYTE_STRING:
        text = binascii.hexlify(item.value[:_LONGEST]).decode()
        return text + ("... (%d bytes)" % len(item.value) if len(item.value) > _LONGEST else "")
    if item.type == ttlv.ENUMERATION:
        enum = _ENUMS.get(item.tag)
        try:
            return "%s (%X)" % (enum(item.value).name, item.value) if enum else "%X" % item.value
        except ValueError:
            return "%X" % item.value
    if item.type == ttlv.TEXT_STRING:
        return repr(item.value[:4 * _LONGEST])
    return str(item.value)


def dump(label, data):
    """Lines of -vv for one message: redacted hex and the tree."""
    try:
        item = ttlv.decode(data)
    except ttlv.TTLVError as error:
        # Nothing can be redacted in what cannot be read, so nothing is shown.
        return ["%s %d bytes, not well-formed: %s" % (label, len(data), error)]
    lines = ["%s %d bytes" % (label, len(data))]
    text = ttlv.encode(redact(item)).hex().upper()
    lines += ["  " + text[start:start + 96] for start in range(0, len(text), 96)]
    return lines + list(tree_lines(item, 1))


def request_line(peer, outcome, received, sent, milliseconds):
    """The one line of -v."""
    parts = []
    for answer in outcome.answers:
        name = "-" if answer.operation is None else _operation(answer.operation)
        if answer.reason is None:
            pending = answer.status == ResultStatus.OPERATION_PENDING
            parts.append("%s %s" % (name, "pending" if pending else "ok"))
        else:
            # A message may repeat what the client sent: it must not forge lines or move the cursor.
            message = "".join(c if c.isprintable() else "\\x%02x" % ord(c) for c in answer.message)
            parts.append("%s %s: %s" % (name, ResultReason(answer.reason).name, message))
    return "%s [%s] in %d out %d %.1f ms" % (
        peer, "; ".join(parts), received, sent, milliseconds)


def _operation(value):
    try:
        return Operation(value).name
    except ValueError:
        return "%X" % value
