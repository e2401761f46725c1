"""Which values are secret. They are shown only with --secrets.

Secret: Key Material, Key Value (a wrapped key too) and everything in them but enumerations and names of
attributes, unless they belong to a Public Key or a Certificate; the numbers of private keys; Opaque Data
Value, which may hold anything; what stands in a Credential Value, except who it is; passwords; data to
derive from, to encrypt or decrypt, and salts; digests, for a short secret can be found by its digest; a
Byte String or Big Integer as an attribute's value; and these two and text under a tag that has no name here
or in a Vendor Extension.

Not secret: certificates, certificate requests, public keys, signatures, identifiers, states, dates.
"""

from . import items, names

_T = names.TAGS
_PUBLIC = frozenset(_T[name] for name in ("Public Key", "Certificate"))
_KEY = frozenset(_T[name] for name in ("Key Material", "Key Value"))
_ALWAYS = frozenset(_T[name] for name in (
    "Opaque Data Value", "Password", "Server Hashed Password", "Derivation Data", "Data", "Salt",
    "Digest Value",
))
_NUMBERS = frozenset(_T[name] for name in (
    "Key", "D", "X", "P", "Q", "J", "Private Exponent", "Prime Exponent P", "Prime Exponent Q",
    "CRT Coefficient",
))
_WHO = frozenset(_T[name] for name in (
    "Username", "Device Serial Number", "Device Identifier", "Network Identifier", "Machine Identifier",
    "Media Identifier",
))
_BULK = (items.BYTE_STRING, items.BIG_INTEGER)

OPEN, PUBLIC, KEY, CREDENTIAL, VENDOR = range(5)


def inside(item, where):
    """The place that the items in a Structure are in, for a Structure that is in `where`."""
    if where in (PUBLIC, KEY, CREDENTIAL, VENDOR):
        return where
    if item.tag in _PUBLIC:
        return PUBLIC
    if item.tag in _KEY:
        return KEY
    if item.tag == _T["Credential Value"]:
        return CREDENTIAL
    if item.tag == _T["Vendor Extension"]:
        return VENDOR
    return where


def hidden(item, where):
    """Whether the value of an item that is no Structure must not be shown; `where` as inside() gives it."""
    if item.tag in _ALWAYS:
        return True
    if where == KEY:
        return item.kind != items.ENUMERATION and item.tag != _T["Attribute Name"]
    if where == CREDENTIAL:
        return item.tag not in _WHO
    if item.tag in _KEY or item.tag in _NUMBERS:
        return where != PUBLIC
    if where == VENDOR or names.tag_camel(item.tag) is None:
        return item.kind in _BULK or item.kind == items.TEXT_STRING
    return item.tag == _T["Attribute Value"] and item.kind in _BULK


def blank(item):
    """The value that stands for a hidden one in the XML form: of the same type and length."""
    if item.kind == items.TEXT_STRING:
        return "*" * len(item.value.encode("utf-8"))
    if item.kind in _BULK:
        return bytes(len(item.value))
    return False if item.kind == items.BOOLEAN else 0
