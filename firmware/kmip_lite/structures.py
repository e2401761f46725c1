"""Structures as one line of text: what attributes.py, objects.py and keywrap.py are written with.

A pattern names the fields of a structure in wire order, one word each: three hex digits of the tag
behind 420, one of the type (0: any when read, Structure or Byte String when written), then letters: `o`
optional, `*` in any number, `b` `c` `d` `e` `f` known from KMIP 1.1, 1.2, 1.3, 1.4, 2.0 on, `-` not in
2.x. So a Name {Name Value, Name Type} is "0557 0545". Its values are a tuple in the same order.
"""

from micropython import const

from kmip_lite.ttlv import TTLVError

_STRUCTURE = const(1)
_BIG_INTEGER = const(4)
_BYTE_STRING = const(8)

# Numbers of errors.py.
_E_TYPE = const(5)
_E_FIELD = const(25)


def known(word, version):
    """Raise TTLVError unless this version knows the field or attribute of this word."""
    for letter in word[4:]:
        if (letter == "-" and version >= 20) or ("b" <= letter <= "f" and version < ord(letter) - 87):
            raise TTLVError(_E_FIELD)


def pack(pattern, values, version=12):
    """The items of a structure, a list of (tag, type, value) as `Encoder.put` takes them.

    `values`: in the pattern's order, None where a field is left out; those at the end may be missing; of
    a field in any number a sequence. Raises TTLVError where a required one is missing or this version
    does not know one. A Big Integer is extended to a multiple of 8 bytes, by its sign. Allocates.
    """
    items = []
    at = 0
    for word in pattern.split():
        value = values[at] if at < len(values) else None
        at += 1
        tag = 0x420000 | int(word[:3], 16)
        many = "*" in word
        if value is None:
            if not many and "o" not in word:
                raise TTLVError(tag)
            continue
        known(word, version)
        for each in value if many else (value,):
            kind = int(word[3], 16)
            if not kind:
                kind = _STRUCTURE if isinstance(each, (list, tuple)) else _BYTE_STRING
            elif kind == _BIG_INTEGER and len(each) & 7:
                each = (b"\xff" if each[0] & 0x80 else b"\x00") * (-len(each) & 7) + each
            items.append((tag, kind, each))
    if at < len(values):
        raise TTLVError("too many values")
    return items


def unpack(pattern, items):
    """The tuple of values that pack() would make these items of; None, or [], where a field is absent.

    Items are found by their tags, and unknown ones passed over. Raises TTLVError where a required one is
    missing, or one has a wrong type or is there twice. Allocates.
    """
    values = []
    for word in pattern.split():
        tag = 0x420000 | int(word[:3], 16)
        kind = int(word[3], 16)
        found = []
        for item in items:
            if item[0] == tag:
                if kind and item[1] != kind:
                    raise TTLVError(_E_TYPE)
                found.append(item[2])
        if "*" not in word:
            if len(found) > 1:
                raise TTLVError("an item twice")
            if not found and "o" not in word:
                raise TTLVError(tag)
            found = found[0] if found else None
        values.append(found)
    return tuple(values)
