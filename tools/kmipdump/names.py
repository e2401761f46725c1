"""Names for numbers and numbers for names, all from tools/kmip_table.json.

Two spellings: that of the specification ("Re-certify") for the tree, and the CamelCase of the XML form
("ReCertify"; KMIP Additional Message Encodings 1.0 §6.1.3). A number with several names, one a version, is
shown by the shortest; every one is understood.
"""

import re
from pathlib import Path

from tools import kmip_table

TABLE = kmip_table.loads(
    (Path(kmip_table.__file__).with_name("kmip_table.json")).read_text(encoding="utf-8"))
TAGS = TABLE["Tag"]

# Fields of type Enumeration whose values are those of a field of another name.
_VALUES_OF = {
    "Attribute Reference": "Tag",
    "Mask Generator Hashing Algorithm": "Hashing Algorithm",
    "Private Key Unique Identifier": "Unique Identifier",
    "Public Key Unique Identifier": "Unique Identifier",
    "Replaced Unique Identifier": "Unique Identifier",
    "Certificate Request Unique Identifier": "Unique Identifier",
    "Linked Object Identifier": "Unique Identifier",
}
# Fields of type Integer that are bit masks.
MASKS = ("Cryptographic Usage Mask", "Storage Status Mask", "Protection Storage Mask")
_BOUNDARY = re.compile(r"\W([a-zA-Z][a-z])")
_DIGITS = re.compile(r"^(\d+)(.+)")


def camel(name):
    """A name as the XML form spells it: PKCS#10 is PKCS_10, 3DES is DES3."""
    name = name.replace("(", " ").replace(")", " ")
    name = _BOUNDARY.sub(r" \1", name)
    words = [re.sub(r"\W", "_", word) for word in name.split()]
    words[0] = _DIGITS.sub(r"\2\1", words[0])
    return "".join(word[:1].upper() + word[1:] for word in words)


def _by_number(numbers):
    names = {}
    for name, value in numbers.items():
        old = names.get(value)
        if old is None or (len(name), old) <= (len(old), name):
            names[value] = name
    return names


def _by_camel(numbers):
    """Numbers by every spelling of their names, in lower case: "Content Commitment (Non Repudiation)" may
    be written without what is in brackets."""
    found = {}
    for name, value in numbers.items():
        for spelling in (name, re.sub(r"\([^)]*\)", "", name)):
            found.setdefault(camel(spelling).lower(), set()).add(value)
    return {name: values.pop() for name, values in found.items() if len(values) == 1}


_NAMES = {group: _by_number(numbers) for group, numbers in TABLE.items()}
_NUMBERS = {group: _by_camel(numbers) for group, numbers in TABLE.items()}
_CAMEL = {group: {value: camel(name) for value, name in names.items()} for group, names in _NAMES.items()}


def tag_name(tag):
    """"Unique Identifier", or "420FFF" where there is no name."""
    return _NAMES["Tag"].get(tag) or "%06X" % tag


def tag_camel(tag):
    """"UniqueIdentifier", or None."""
    return _CAMEL["Tag"].get(tag)


def tag_number(name):
    """The tag of an XML element's name, or None."""
    return _NUMBERS["Tag"].get(name.lower())


def type_name(kind):
    return _NAMES["Item Type"].get(kind) or "type %02X" % kind


def type_camel(kind):
    return _CAMEL["Item Type"][kind]


def type_number(name):
    return _NUMBERS["Item Type"].get(name.lower())


def group_of(tag, attribute=None):
    """The name of the table that the values of a field stand in, which may be none that exists.

    attribute: the Attribute Name that stands before an Attribute Value of KMIP 1.x, or None
    """
    if tag == TAGS["Attribute Value"] and attribute is not None:
        name = " ".join(attribute.split())  # the OASIS test cases have runs of spaces
    else:
        name = _NAMES["Tag"].get(tag)
    return _VALUES_OF.get(name, name)


class Groups:
    """Tells the group of each item of one Structure, asked in order: what an Attribute Value's numbers mean
    is said by the Attribute Name before it."""

    def __init__(self):
        self._attribute = None
        self._vendor = False  # names that a vendor gave say nothing about the values

    def of(self, tag, value):
        """The group of an item, as group_of() has it. `value` matters where it is a text."""
        group = group_of(tag, self._attribute)
        if tag == TAGS["Vendor Identification"]:
            self._vendor = True
        elif tag == TAGS["Attribute Name"]:
            self._attribute = value if isinstance(value, str) and not self._vendor else None
        return group


def value_name(group, value):
    """"Re-certify" for 7 of Operation, or None."""
    return _NAMES.get(group, {}).get(value)


def value_camel(group, value):
    return _CAMEL.get(group, {}).get(value)


def value_number(group, name):
    """The number of a CamelCase name, or None."""
    return _NUMBERS.get(group, {}).get(name.lower())


def bits(value):
    """The bits of a signed 32 bit mask, lowest first, as unsigned numbers."""
    value &= 0xFFFFFFFF
    return [1 << place for place in range(32) if value >> place & 1]
