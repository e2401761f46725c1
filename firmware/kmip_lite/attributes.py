"""Attributes by name: into the tuples that requests take, and out of what Get Attributes gives.

    kmip.register(2, key, (attribute("Name", ("meter-1", 1)), attribute("Cryptographic Usage Mask", 12)))
    for name, index, value in plain(kmip.get_attributes(uid)):

The value of an attribute that is a structure is a tuple of its fields in the order of the specification
(1.x section 3, 2.x section 4), None where one is absent, those at the end may be missing when it is
given: a Name is (value, type), a Link (type, identifier), Usage Limits (total, count, unit), a Digest
(hashing algorithm, value, Key Format Type), Application Specific Information (namespace, data), a
Revocation Reason (code, message). Dates are seconds since 1970. Everything here allocates.
"""

from micropython import const

from kmip_lite.structures import known, pack, unpack
from kmip_lite.ttlv import TTLVError

_STRUCTURE = const(1)

_TAG_ATTRIBUTE = const(0x420008)
_TAG_ATTRIBUTE_VALUE = const(0x42000B)

# What a vendor's Attribute of 2.x holds, but for the value.
_VENDOR = "09D7 00A7"

# One line an attribute: name=word and, of a structure, the words of its fields; see structures.py.
_TABLE = """
Unique Identifier=0947
Name=0531 0557 0545
Object Type=0575
Cryptographic Algorithm=0285
Cryptographic Length=02A2
Cryptographic Parameters=02B1 0115o 05F5o 0385o 0835o 0AE5oc 0285oc 0C56oc 0CD2oc 0CE2oc 0CF2oc 0D22oc \
0D02oc 0D12oc 1002oe 1015oe 1025oe 1038oe 1042oe
Cryptographic Domain Parameters=0291 0732o 0755o
Certificate Type=01D5
Certificate Length=0AD2b
X.509 Certificate Identifier=0B51b 0B28 0AF8
X.509 Certificate Subject=0B71b 0B48 0B38*
X.509 Certificate Issuer=0B61b 0B28 0B18*
Certificate Identifier=0141- 03B7 0877o
Certificate Subject=01A1- 01C7 01B7*
Certificate Issuer=0151- 0177 0167*
Digital Signature Algorithm=0AE5b
Digest=0341 0385 0358 0425ob
Operation Policy Name=05D7-
Cryptographic Usage Mask=02C2
Lease Time=049A
Usage Limits=0951 0973 0963o 0985
State=08D5
Initial Date=0399
Activation Date=0019
Process Start Date=0679
Protect Stop Date=0689
Deactivation Date=02F9
Destroy Date=0339
Compromise Occurrence Date=0219
Compromise Date=0209
Revocation Reason=0811 0825 0807o
Archive Date=0059
Object Group=0567
Fresh=0A86b
Link=04A1 04B5 04C7
Application Specific Information=0041 0037 0027o
Contact Information=0227
Last Change Date=0489
Alternative Name=0BF1c 0C07 0C15
Key Value Present=0BB6c
Key Value Location=0B81c 0B97 0BA5
Original Creation Date=0BC9c
Random Number Generator=0DE1d 0DA5 0285o 02A2o 0385o 0DB5o 0755o 0DC5o 0DD6o
PKCS#12 Friendly Name=0FB7e
Description=0FC7e
Comment=0FD7e
Sensitive=1206e
Always Sensitive=1216e
Extractable=1226e
Never Extractable=1236e
Key Format Type=0425f
Opaque Data Type=0595f
"""

# What a value is in Python, by its type's code.
_KINDS = (None, list, int, int, bytes, int, bool, str, bytes, int, int, int)


def _row(start):
    # The rest of the line that begins with `start`, or None.
    at = _TABLE.find(start)
    return None if at < 0 else _TABLE[at + len(start) : _TABLE.find("\n", at + 1)]


def attribute(name, value, version=12, index=None):
    """The tuple of an attribute, as `fields` has it. `index`: the Attribute Index of 1.x.

    Raises TTLVError where there is no attribute of this name, or `version` does not know it or a field.
    """
    words = _row("\n%s=" % name)
    if words is None:
        raise TTLVError("no attribute " + name)
    word, _, rest = words.partition(" ")
    known(word, version)
    kind = int(word[3], 16)
    if kind == _STRUCTURE:
        value = pack(rest, value, version)
    made = (name, 0x420000 | int(word[:3], 16), kind, value)
    return made if index is None else made + (index,)


def custom(name, kind, value, version=12, index=None):
    """The tuple of a custom attribute: "x-" and a name of your own. `kind`, `value` as in `Encoder.put`.

    In 2.x it is a vendor's attribute (2.0 and 2.1 section 4): "x-site" is the attribute "site" of "x".
    """
    if version >= 20:
        value = pack(_VENDOR, name.split("-", 1)) + [(_TAG_ATTRIBUTE_VALUE, kind, value)]
        kind = _STRUCTURE
    made = (name, _TAG_ATTRIBUTE, kind, value)
    return made if index is None else made + (index,)


def reference(name):
    """An attribute's name as `get_attributes` and `delete_attribute` take it in every version."""
    words = _row("\n%s=" % name)
    if words is None:
        return name, pack(_VENDOR, name.split("-", 1))
    return name, 0x420000 | int(words[:3], 16)


def title(given):
    """The text of a name as Get Attribute List gives it in any version; an unknown tag stays a number."""
    if isinstance(given, list):
        return "%s-%s" % unpack(_VENDOR, given)
    if isinstance(given, int) and given >> 12 == 0x420:
        at = _TABLE.find("=%03X" % (given & 0xFFF))
        if at >= 0:
            return _TABLE[_TABLE.rfind("\n", 0, at) + 1 : at]
    return given


def plain(found):
    """(name, index, value) of each of `found`, what Get Attributes gave: in 2.x too the name is text, and
    a structure is a tuple. What is not in the table stays as it is, and so does None, which stands in a
    Notify for an attribute that was deleted.

    Raises TTLVError where a value is not of its attribute's type or shape.
    """
    made = []
    for name, index, value in found:
        if name == _TAG_ATTRIBUTE and isinstance(value, list):
            name = title(value)
            (value,) = unpack("00B0", value)
            index = len([one for one in made if one[0] == name])
        else:
            name = title(name)
            words = _row("\n%s=" % name)
            if words is not None and value is not None:
                if type(value) is not _KINDS[int(words[3], 16)]:
                    raise TTLVError("wrong type of " + name)
                if isinstance(value, list):
                    value = unpack(words.partition(" ")[2], value)
        made.append((name, index, value))
    return made
