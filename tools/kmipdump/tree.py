"""A message as an indented tree."""

from . import items, names, secret, times

SHOWN = 64  # bytes of a Byte String or Big Integer, and characters of a text four times as many, unless full
_MASKS = frozenset(names.MASKS)


def lines(root, secrets=False, full=False, offsets=False, where=secret.OPEN, group=None, depth=0):
    """Yields the lines of an item and all in it; errors stand below the item that they were found in.

    secrets  show secret values
    full     show long values to their end
    offsets  before each line: offset, tag, type and length
    """
    head = "  " * depth + names.tag_name(root.tag)
    if offsets:
        head = "%08X %06X %02X %6d  %s" % (root.offset, root.tag, root.kind, root.size, head)
    if root.kind == items.STRUCTURE:
        yield head
    elif root.value is None:
        yield "%s: %s, %d bytes" % (head, names.type_name(root.kind), root.size)
    elif not secrets and secret.hidden(root, where):
        yield "%s: *** (%s, %d bytes)" % (head, names.type_name(root.kind), root.size)
    else:
        yield "%s: %s" % (head, _value(root, group or names.group_of(root.tag), full))
    for offset, text in root.errors:
        yield "%s! error at byte %d: %s" % ("  " * (depth + 1), offset, text)
    if root.kind == items.STRUCTURE and root.value is not None:
        where = secret.inside(root, where)
        groups = names.Groups()
        for sub in root.value:
            its = groups.of(sub.tag, sub.value)
            yield from lines(sub, secrets, full, offsets, where, its, depth + 1)


def quoted(text, full=True):
    """Text in quotes, with nothing in it that moves a cursor or ends a line."""
    cut = text if full or len(text) <= 4 * SHOWN else text[:4 * SHOWN]
    shown = "".join(_escaped(c) for c in cut)
    return '"%s"%s' % (shown, "" if cut is text else "... (%d characters)" % len(text))


def _escaped(c):
    if c in '"\\':
        return "\\" + c
    return c if c.isprintable() else "\\u%04x" % ord(c) if ord(c) < 0x10000 else "\\U%08x" % ord(c)


def _value(item, group, full):
    value = item.value
    if item.kind == items.ENUMERATION:
        name = names.value_name(group, value)
        if group == "Tag":
            return "%s (%06X)" % (name or "unknown", value)
        return "%s (%02X)" % (name or "unknown", value)
    if item.kind == items.INTEGER:
        return _integer(value, group)
    if item.kind == items.TEXT_STRING:
        return quoted(value, full)
    if item.kind == items.BYTE_STRING:
        return "%s (%d bytes)" % (_hex(value, full), len(value))
    if item.kind == items.BIG_INTEGER:
        size = int.from_bytes(value, "big", signed=True).bit_length()
        return "%s (%d bits)" % (_hex(value, full), size)
    if item.kind in (items.DATE_TIME, items.DATE_TIME_EXTENDED):
        return times.iso(item.kind, value) or "%d, beyond any calendar" % value
    if item.kind == items.INTERVAL:
        return "%d s" % value
    return str(value)


def _integer(value, group):
    if group in _MASKS:
        found = [names.value_name(group, bit) or "0x%X" % bit for bit in names.bits(value)]
        return "%s (%X)" % (" | ".join(found) or "none", value & 0xFFFFFFFF)
    if group == "Extension Tag":
        return "%06X" % (value & 0xFFFFFFFF)
    if group == "Extension Type":
        return "%s (%02X)" % (names.type_name(value), value & 0xFFFFFFFF)
    return str(value)


def _hex(value, full):
    if full or len(value) <= SHOWN:
        return value.hex().upper() or "empty"
    return value[:SHOWN].hex().upper() + "..."
