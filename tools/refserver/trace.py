"""What -v and -vv print: one line a request; hex and the decoded tree. Never key material.

Redacted in both are the values of the fields that can hold a secret, whoever sent them. There is
no switch to show them.
"""

import binascii

from . import ttlv
from .cryptoenums import KeyFormatType
from .enums import ObjectType, Operation, ResultReason, ResultStatus
from .tags import Tag as T
from .tags import name as tag_name

SECRET = frozenset((
    T.KEY_MATERIAL, T.KEY, T.D, T.X, T.P, T.Q, T.PRIVATE_EXPONENT, T.PRIME_EXPONENT_P,
    T.PRIME_EXPONENT_Q, T.CRT_COEFFICIENT, T.PASSWORD, T.OPAQUE_DATA_VALUE, T.KEY_VALUE,
    T.CREDENTIAL_VALUE, T.DERIVATION_DATA, T.DATA, T.SALT, T.J, T.DIGEST_VALUE,
))
_ENUMS = {
    T.OPERATION: Operation, T.OBJECT_TYPE: ObjectType, T.RESULT_STATUS: ResultStatus,
    T.RESULT_REASON: ResultReason, T.KEY_FORMAT_TYPE: KeyFormatType,
}
_LONGEST = 48


def redact(item, public=False):
    """A copy of the tree with every secret overwritten by zeros; lengths stay.

    The Key Material of a Public Key or Certificate is no secret and stays.
    """
    public = public or item.tag in (T.PUBLIC_KEY, T.CERTIFICATE)
    if item.type == ttlv.STRUCTURE and (item.tag != T.CREDENTIAL_VALUE):
        return ttlv.Item(item.tag, item.type, [redact(sub, public) for sub in item.value])
    if item.tag not in SECRET or (public and item.tag != T.CREDENTIAL_VALUE):
        return item
    if item.type == ttlv.STRUCTURE:
        return ttlv.Item(item.tag, item.type, [])
    if item.type == ttlv.BIG_INTEGER:
        return ttlv.Item(item.tag, item.type, 0)
    size = len(item.value if item.type == ttlv.BYTE_STRING else item.value.encode())
    blank = bytes(size) if item.type == ttlv.BYTE_STRING else "*" * size
    return ttlv.Item(item.tag, item.type, blank)


def tree_lines(item, indent=0):
    """The decoded tree, one line an item, secrets as *** and long values cut."""
    yield from _lines(item, indent, False)


def _lines(item, indent, public):
    public = public or item.tag in (T.PUBLIC_KEY, T.CERTIFICATE)
    head = "%s%s" % ("  " * indent, tag_name(item.tag))
    hidden = item.tag in SECRET and not public
    if item.type == ttlv.STRUCTURE and item.tag != T.CREDENTIAL_VALUE:
        yield head
        for sub in item.value:
            yield from _lines(sub, indent + 1, public)
        return
    if hidden:
        size = len(item.value) if isinstance(item.value, (bytes, str)) else 0
        yield "%s = *** (%s, %d bytes)" % (head, ttlv.TYPE_NAMES[item.type], size)
        return
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
            parts.append("%s ok" % name)
        else:
            parts.append("%s %s: %s" % (name, ResultReason(answer.reason).name, answer.message))
    return "%s [%s] in %d out %d %.1f ms" % (
        peer, "; ".join(parts), received, sent, milliseconds)


def _operation(value):
    try:
        return Operation(value).name
    except ValueError:
        return "%X" % value
