"""Every operation of the client: its requests byte for byte in each version's form, its answers, and what
it makes of bad ones. The vectors are made by hand from the payload tables of the specification, whose
sections stand beside them (1.0; 1.1-1.4; 2.0, 2.1)."""

import messages as m
from check import raises
from messages import BOOL, BYTES, DATE, ENUM, INTEGER, INTERVAL, LONG, STRUCTURE, TEXT, Stream, ttlv

from kmip_lite.client import Client
from kmip_lite.message import KmipError, KmipPending
from kmip_lite.ops import (
    activate,
    add_attribute,
    archive,
    cancel,
    certify,
    check,
    create,
    create_key_pair,
    delete_attribute,
    derive_key,
    destroy,
    discover_versions,
    get,
    get_attribute_list,
    get_attributes,
    get_usage_allocation,
    locate,
    located,
    modify_attribute,
    obtain_lease,
    poll,
    query,
    recertify,
    recover,
    register,
    rekey,
    rekey_key_pair,
    revoke,
    validate,
)
from kmip_lite.ttlv import TTLVError

ALL = (10, 11, 12, 13, 14, 20, 21)
FIRST = (10, 11, 12, 13, 14)
SECOND = (20, 21)

UID = 0x420094
KEY = b"0123456789abcdef"
CSR = b"\x30\x03\x02\x01\x00"
DER = b"\x30\x82" + b"c" * 31
WHEN = 1335514481


def text(tag, value):
    return ttlv(tag, TEXT, value)


def data(tag, value):
    return ttlv(tag, BYTES, value)


def number(tag, value):
    return ttlv(tag, INTEGER, value)


def enum(tag, value):
    return ttlv(tag, ENUM, value)


def date(tag, value):
    return ttlv(tag, DATE, value)


def interval(tag, value):
    return ttlv(tag, INTERVAL, value)


def group(tag, *items):
    return ttlv(tag, STRUCTURE, items)


# Attributes as the client takes them, and the items they become in 1.x and in 2.x.
MASK = ("Cryptographic Usage Mask", 0x42002C, INTEGER, 12)
MASK_1 = m.attribute("Cryptographic Usage Mask", INTEGER, 12)
MASK_2 = number(0x42002C, 12)
LENGTH = ("Cryptographic Length", 0x42002A, INTEGER, 128)
LENGTH_1 = m.attribute("Cryptographic Length", INTEGER, 128)
LENGTH_2 = number(0x42002A, 128)
NAME = ("Name", 0x420053, STRUCTURE, ((0x420055, TEXT, "k"), (0x420054, ENUM, 1)))
NAME_FIELDS = (text(0x420055, "k"), enum(0x420054, 1))
NAME_1 = m.attribute("Name", STRUCTURE, NAME_FIELDS)
NAME_2 = group(0x420053, *NAME_FIELDS)
GROUP = ("Object Group", 0x420056, TEXT, "g")
GROUP_2 = text(0x420056, "g")

# Parameters and storage of KMIP 2: Protection Storage Masks {Protection Storage Mask, repeated}.
STORAGE = group(0x42015F, number(0x42015E, 3), number(0x42015E, 4))
HASH = ((0x420038, ENUM, 6),)
HASHED = group(0x42002B, enum(0x420038, 6))

# Activate: 1.0 4.18; 4.19; 6.1.1. Destroy: 4.20; 4.21; 6.1.15. Archive: 4.21; 4.22; 6.1.4. Recover: 4.22;
# 4.23; 6.1.38, 6.1.42. Obtain Lease: 4.16; 4.17; 6.1.34, 6.1.35. Get Attribute List: 4.12; 4.13; 6.1.21.
BY_UID = ("activate", "destroy", "archive", "recover", "obtain_lease", "get_attribute_list")
# (verb, arguments, named arguments, versions, the payload's items)
REQUESTS = [(verb, ("id-1",), {}, ALL, (m.uid(),)) for verb in BY_UID]
REQUESTS += [(verb, (), {}, ALL, ()) for verb in BY_UID]  # the ID Placeholder, 1.x section 4
REQUESTS += [(verb, (1,), {}, SECOND, (enum(UID, 1),)) for verb in BY_UID]  # the same by name, 2.1 4.58
REQUESTS += (
    # Create: 4.1; 4.1; 6.1.8
    ("create", (2, (MASK, NAME)), {}, FIRST, (enum(0x420057, 2), group(0x420091, MASK_1, NAME_1))),
    ("create", (2, (MASK, NAME)), {}, SECOND, (enum(0x420057, 2), group(0x420125, MASK_2, NAME_2))),
    ("create", (2, (MASK,), (3, 4)), {}, SECOND, (enum(0x420057, 2), group(0x420125, MASK_2), STORAGE)),
    # Create Key Pair: 4.2; 4.2; 6.1.9
    ("create_key_pair", ((LENGTH,), (MASK,), (NAME,)), {}, FIRST,
     (group(0x42001F, LENGTH_1), group(0x420065, MASK_1), group(0x42006E, NAME_1))),
    ("create_key_pair", ((), (MASK,)), {}, FIRST, (group(0x420065, MASK_1),)),
    ("create_key_pair", (), {"public": (NAME,)}, FIRST, (group(0x42006E, NAME_1),)),
    ("create_key_pair", ((LENGTH,), (MASK,), (NAME,), ((3, 4), (1,), (2,))), {}, SECOND,
     (group(0x420126, LENGTH_2), group(0x420127, MASK_2), group(0x420128, NAME_2),
      group(0x420163, number(0x42015E, 3), number(0x42015E, 4)), group(0x420164, number(0x42015E, 1)),
      group(0x420165, number(0x42015E, 2)))),
    ("create_key_pair", ((LENGTH,),), {"storage": ((), (), (2,))}, SECOND,
     (group(0x420126, LENGTH_2), group(0x420165, number(0x42015E, 2)))),
    ("create_key_pair", (), {}, ALL, ()),
    # Re-key: 4.4; 4.4; 6.1.42, 6.1.46
    ("rekey", ("id-1",), {}, ALL, (m.uid(),)),
    ("rekey", (), {"offset": 0}, ALL, (interval(0x420058, 0),)),
    ("rekey", ("id-1", 60, (MASK,)), {}, FIRST, (m.uid(), interval(0x420058, 60), group(0x420091, MASK_1))),
    ("rekey", ("id-1", 0xFFFFFFFF, (MASK,), (3, 4)), {}, SECOND,
     (m.uid(), interval(0x420058, 0xFFFFFFFF), group(0x420125, MASK_2), STORAGE)),
    # Re-key Key Pair: -; 4.5; 6.1.43, 6.1.47. The field is Private Key Unique Identifier.
    ("rekey_key_pair", ("id-1",), {}, ALL[1:], (text(0x420066, "id-1"),)),
    ("rekey_key_pair", (), {}, ALL[1:], ()),
    ("rekey_key_pair", ("id-1", 5, (LENGTH,), (MASK,), (NAME,)), {}, FIRST[1:],
     (text(0x420066, "id-1"), interval(0x420058, 5), group(0x42001F, LENGTH_1), group(0x420065, MASK_1),
      group(0x42006E, NAME_1))),
    ("rekey_key_pair", ("id-1", 5, (LENGTH,), (MASK,), (NAME,), ((1,),)), {}, SECOND,
     (text(0x420066, "id-1"), interval(0x420058, 5), group(0x420126, LENGTH_2), group(0x420127, MASK_2),
      group(0x420128, NAME_2), group(0x420163, number(0x42015E, 1)))),
    # Derive Key: 4.5; 4.6; 6.1.14. Derivation Parameters: 2.0 7.8, 2.1 7.12
    ("derive_key", (2, "id-1", 2, (LENGTH,)), {"parameters": HASH}, FIRST,
     (enum(0x420057, 2), m.uid(), enum(0x420031, 2), group(0x420032, HASHED), group(0x420091, LENGTH_1))),
    ("derive_key", (2, "id-1", 2, (LENGTH,)), {"parameters": HASH}, SECOND,
     (enum(0x420057, 2), m.uid(), enum(0x420031, 2), group(0x420032, HASHED), group(0x420125, LENGTH_2))),
    ("derive_key", (7, ("id-1", "id-2"), 4, (LENGTH,), b"data", HASH, b"iv"), {}, FIRST,
     (enum(0x420057, 7), m.uid(), m.uid("id-2"), enum(0x420031, 4),
      group(0x420032, HASHED, data(0x42003A, b"iv"), data(0x420030, b"data")), group(0x420091, LENGTH_1))),
    ("derive_key", (7, ("id-1", 3), 9, (LENGTH,), (b"20261126", b"here", b"kms")), {}, SECOND,
     (enum(0x420057, 7), m.uid(), enum(UID, 3), enum(0x420031, 9),
      group(0x420032, data(0x420030, b"20261126"), data(0x420030, b"here"), data(0x420030, b"kms")),
      group(0x420125, LENGTH_2))),
    ("derive_key", (2, "id-1", 1, ()), {"salt": b"salt", "iterations": 1000}, FIRST,
     (enum(0x420057, 2), m.uid(), enum(0x420031, 1),
      group(0x420032, data(0x420084, b"salt"), number(0x42003C, 1000)), group(0x420091))),
    ("derive_key", (2, "id-1", 10, ()), {"data": b"info", "salt": b"salt"}, SECOND,
     (enum(0x420057, 2), m.uid(), enum(0x420031, 10),
      group(0x420032, data(0x420030, b"info"), data(0x420084, b"salt")), group(0x420125))),
    ("derive_key", (2, b"id-1", 3, ()), {}, FIRST,  # HMAC: the base key's own attributes name the PRF
     (enum(0x420057, 2), m.uid(), enum(0x420031, 3), group(0x420032), group(0x420091))),
    # Certify: 4.6; 4.7; 6.1.6. Re-certify: 4.7; 4.8; 6.1.41, 6.1.45
    ("certify", ("id-1", CSR, (MASK,)), {}, FIRST,
     (m.uid(), enum(0x420019, 2), data(0x420018, CSR), group(0x420091, MASK_1))),
    ("certify", ("id-1", CSR, (MASK,)), {}, SECOND,
     (m.uid(), enum(0x420019, 2), data(0x420140, CSR), group(0x420125, MASK_2))),
    ("recertify", ("id-1", CSR, 0), {}, FIRST,
     (m.uid(), enum(0x420019, 2), data(0x420018, CSR), interval(0x420058, 0))),
    ("recertify", ("id-1",), {"csr_uid": "csr-1"}, SECOND, (m.uid(), text(0x420139, "csr-1"))),
    # Register: 4.3; 4.3; 6.1.39, 6.1.43
    ("register", (8, KEY, (), 0x80000001), {}, FIRST,
     (enum(0x420057, 8), group(0x420091),
      group(0x42005B, enum(0x420059, 0x80000001), data(0x42005A, KEY)))),
    ("register", (8, KEY, (MASK,), 0x80000001), {}, SECOND,
     (enum(0x420057, 8), group(0x420125, MASK_2),
      group(0x42005B, enum(0x420059, 0x80000001), data(0x42005A, KEY)))),
    # Locate: 4.8; 4.9; 6.1.27, 6.1.28
    ("locate", (), {}, FIRST, ()),
    ("locate", (), {}, SECOND, (group(0x420125),)),
    ("locate", ((NAME, MASK),), {"maximum": 1, "storage": 3}, FIRST,
     (number(0x42004F, 1), number(0x42008E, 3), NAME_1, MASK_1)),
    ("locate", ((NAME,), 1), {"group_member": 2}, (11, 12),
     (number(0x42004F, 1), enum(0x4200AC, 2), NAME_1)),
    ("locate", ((NAME,), 1, 7, 3, 1), {}, (13, 14),
     (number(0x42004F, 1), number(0x4200D4, 7), number(0x42008E, 3), enum(0x4200AC, 1), NAME_1)),
    ("locate", ((NAME,), 1, 7, 3, 1), {}, SECOND,
     (number(0x42004F, 1), number(0x4200D4, 7), number(0x42008E, 3), enum(0x4200AC, 1),
      group(0x420125, NAME_2))),
    ("located", ((NAME,), 1, 7), {}, (13, 14), (number(0x42004F, 1), number(0x4200D4, 7), NAME_1)),
    # Check: 4.9; 4.10; 6.1.7. Bare tags, in 1.x as well
    ("check", ("id-1", 500, 4, 60), {}, ALL,
     (m.uid(), ttlv(0x420096, LONG, 500), number(0x42002C, 4), interval(0x420049, 60))),
    ("check", (), {"mask": 4}, ALL, (number(0x42002C, 4),)),
    # Get: 4.10; 4.11; 6.1.19. Get Attributes: 4.11; 4.12; 6.1.20
    ("get", ("id-1", 1), {}, ALL, (m.uid(), enum(0x420042, 1))),
    ("get", ("id-1",), {"wrap_type": 2}, (14, 20, 21), (m.uid(), enum(0x4200F8, 2))),
    ("get_attributes", ("id-1", ("State", "Link")), {}, FIRST,
     (m.uid(), text(0x42000A, "State"), text(0x42000A, "Link"))),
    ("get_attributes", ("id-1", (0x42008D, 0x42004A)), {}, SECOND,
     (m.uid(), enum(0x42013B, 0x42008D), enum(0x42013B, 0x42004A))),
    # Add Attribute: 4.13; 4.14; 6.1.2
    ("add_attribute", ("id-1", NAME), {}, FIRST, (m.uid(), NAME_1)),
    ("add_attribute", (None, NAME), {}, FIRST, (NAME_1,)),
    ("add_attribute", ("id-1", NAME), {}, SECOND, (m.uid(), group(0x42013D, NAME_2))),
    ("add_attribute", ("id-1", NAME + (0,)), {}, SECOND, (m.uid(), group(0x42013D, NAME_2))),
    # Modify Attribute: 4.14; 4.15; 6.1.33, 6.1.34
    ("modify_attribute", ("id-1", NAME), {}, FIRST, (m.uid(), NAME_1)),
    ("modify_attribute", ("id-1", NAME + (2,)), {}, FIRST,
     (m.uid(), m.attribute("Name", STRUCTURE, NAME_FIELDS, 2))),
    ("modify_attribute", ("id-1", NAME), {}, SECOND, (m.uid(), group(0x42013D, NAME_2))),
    ("modify_attribute", ("id-1", NAME), {"current": GROUP}, SECOND,
     (m.uid(), group(0x42013C, GROUP_2), group(0x42013D, NAME_2))),
    # Delete Attribute: 4.15; 4.16; 6.1.13. In 1.x the name and the index are bare fields.
    ("delete_attribute", ("id-1", "x-a"), {}, FIRST, (m.uid(), text(0x42000A, "x-a"))),
    ("delete_attribute", ("id-1", ("Name", 0x420053), 1), {}, FIRST,
     (m.uid(), text(0x42000A, "Name"), number(0x420009, 1))),
    ("delete_attribute", ("id-1", ("Name", 0x420053)), {}, SECOND, (m.uid(), enum(0x42013B, 0x420053))),
    ("delete_attribute", ("id-1",), {"current": NAME}, SECOND, (m.uid(), group(0x42013C, NAME_2))),
    ("delete_attribute", (None, 0x420053), {"current": NAME}, SECOND,
     (group(0x42013C, NAME_2), enum(0x42013B, 0x420053))),
    ("delete_attribute", ("id-1", [(0x42009D, TEXT, "x"), (0x42000A, TEXT, "a")]), {}, SECOND,
     (m.uid(), group(0x42013B, text(0x42009D, "x"), text(0x42000A, "a")))),
    # Get Usage Allocation: 4.17; 4.18; 6.1.22, 6.1.23
    ("get_usage_allocation", ("id-1", 5), {}, ALL, (m.uid(), ttlv(0x420096, LONG, 5))),
    # Revoke: 4.19; 4.20; 6.1.40, 6.1.44
    ("revoke", ("id-1", 6), {}, ALL, (m.uid(), group(0x420081, enum(0x420082, 6)))),
    ("revoke", (None, 1, "lost"), {}, ALL, (group(0x420081, enum(0x420082, 1), text(0x420080, "lost")),)),
    ("revoke", ("id-1", 2, None, WHEN), {}, ALL,
     (m.uid(), group(0x420081, enum(0x420082, 2)), date(0x420021, WHEN))),
    ("revoke", ("id-1", 3, None, WHEN), {}, ALL,
     (m.uid(), group(0x420081, enum(0x420082, 3)), date(0x420021, WHEN))),
    ("revoke", ("id-1", 2), {}, (13, 14, 20, 21), (m.uid(), group(0x420081, enum(0x420082, 2)))),
    ("revoke", ("id-1", 5), {"occurred": WHEN}, (10, 11, 12, 13),
     (m.uid(), group(0x420081, enum(0x420082, 5)), date(0x420021, WHEN))),
    # Validate: 4.23; 4.24; 6.1.51, 6.1.57
    ("validate", ("id-1",), {}, ALL, (m.uid(),)),
    ("validate", (b"id-1",), {}, ALL, (m.uid(),)),
    ("validate", (("id-1", "id-2"), (DER, CSR), WHEN), {}, ALL,
     (group(0x420013, enum(0x42001D, 1), data(0x42001E, DER)),
      group(0x420013, enum(0x42001D, 1), data(0x42001E, CSR)), m.uid(), m.uid("id-2"), date(0x42009A, WHEN))),
    # Query: 4.24; 4.25; 6.1.37, 6.1.40
    ("query", (), {}, ALL, (enum(0x420074, 1), enum(0x420074, 2), enum(0x420074, 3))),
    ("query", ((14,),), {}, ALL, (enum(0x420074, 14),)),
    ("query", ((1,), ("g", "h")), {}, (21,),
     (enum(0x420074, 1), group(0x420166, GROUP_2, text(0x420056, "h")))),
    # Discover Versions: -; 4.26; 6.1.16
    ("discover_versions", (), {}, ALL[1:], ()),
    ("discover_versions", ((21, 10),), {}, ALL[1:],
     (group(0x420069, number(0x42006A, 2), number(0x42006B, 1)),
      group(0x420069, number(0x42006A, 1), number(0x42006B, 0)))),
    # Cancel: 4.25; 4.27; 6.1.5. Poll: 4.26; 4.28; 6.1.36, 6.1.38
    ("cancel", (b"12345678",), {}, ALL, (data(0x420006, b"12345678"),)),
    ("poll", (b"12345678", "destroy"), {}, ALL, (data(0x420006, b"12345678"),)),
)

# What a version does not know, or requires: refused before a byte is sent, and the connection goes on. The
# last member is the tag that is missing, or what is said of it.
FIELD = "not a field of this KMIP version"
RANGE = "out of range"
REFUSED = [(verb, (1,), {}, FIRST, FIELD) for verb in BY_UID + ("rekey",)]
REFUSED += (
    ("create", (2, (MASK,), (1,)), {}, FIRST, FIELD),
    ("create_key_pair", (), {"storage": ((), (1,))}, FIRST, FIELD),
    ("rekey", ("id-1",), {"storage": (1,)}, FIRST, FIELD),
    ("rekey_key_pair", ("id-1",), {}, (10,), FIELD),
    ("rekey_key_pair", ("id-1",), {"storage": ((1,),)}, FIRST, FIELD),
    ("rekey", ("id-1", -1), {}, ALL, RANGE),
    ("rekey", ("id-1", 0x100000000), {}, ALL, RANGE),
    ("derive_key", (2, (), 2, ()), {}, ALL, UID),
    ("derive_key", (2, None, 2, ()), {}, ALL, UID),
    ("derive_key", (2, ("id-1", None), 2, ()), {}, ALL, UID),  # the ID Placeholder is no base object
    ("derive_key", (2, (1,), 2, ()), {}, ALL, UID),
    ("derive_key", (2, "id-1", 2, (), (b"a", b"b")), {}, FIRST, FIELD),
    ("derive_key", (2, "id-1", 1, ()), {"salt": b"salt"}, ALL, 0x42003C),
    ("derive_key", (2, "id-1", 1, ()), {"iterations": 1}, ALL, 0x420084),
    ("derive_key", (2, "id-1", 2, ()), {"salt": b"salt"}, FIRST, FIELD),
    ("derive_key", (2, "id-1", 2, ()), {"iterations": 1}, FIRST, FIELD),
    ("certify", ("id-1",), {}, (10,), "certificate request"),
    ("recertify", ("id-1",), {}, (10,), "certificate request"),
    ("recertify", ("id-1", CSR), {"csr_uid": "csr-1"}, FIRST, FIELD),
    ("locate", (), {"group_member": 1}, (10,), FIELD),
    ("locate", (), {"offset": 1}, (10, 11, 12), FIELD),
    ("located", (), {"offset": 1}, (10, 11, 12), FIELD),
    ("get", ("id-1",), {"wrap_type": 1}, (10, 11, 12, 13), FIELD),
    ("add_attribute", ("id-1", NAME + (0,)), {}, FIRST, FIELD),
    ("modify_attribute", ("id-1", NAME), {"current": NAME}, FIRST, FIELD),
    ("delete_attribute", ("id-1",), {}, FIRST, 0x42000A),
    ("delete_attribute", ("id-1",), {}, SECOND, 0x42013B),
    ("delete_attribute", ("id-1",), {"current": NAME}, FIRST, FIELD),
    ("delete_attribute", ("id-1", "x-a"), {"current": NAME}, FIRST, FIELD),
    ("delete_attribute", ("id-1", 0x420053, 0), {}, SECOND, FIELD),
    ("get_usage_allocation", ("id-1", 0), {}, ALL, "nothing to allocate"),
    ("revoke", ("id-1", 2), {}, (10, 11, 12), 0x420021),
    ("revoke", ("id-1", 1), {"occurred": WHEN}, (14, 20, 21), FIELD),
    ("revoke", ("id-1", 4), {"occurred": WHEN}, (14, 20, 21), FIELD),
    ("query", ((1,), ("g",)), {}, (10, 14, 20), FIELD),
)

GOT_KEY = m.got_key(value=KEY)
ID = (m.uid(),)
IDS = {UID: TEXT}

TEMPLATE = (m.uid(), group(0x420091, MASK_1))  # 1.x: with the attributes that the server set
MAKE = (("rekey", ()), ("certify", ("id-1", CSR)), ("recertify", ("id-1", CSR)), ("register", (8, KEY)),
        ("derive_key", (2, "id-1", 2, ())))
GIVE_UID = MAKE + (
    ("activate", ()), ("destroy", ()), ("archive", ()), ("recover", ()), ("check", ()), ("revoke", (None, 1)),
    ("get_usage_allocation", ("id-1", 1)), ("poll", (b"1", "destroy")))
PAIR = (text(0x420066, "id-1"), text(0x42006F, "id-2"))
PAIRS = {0x420066: TEXT, 0x42006F: TEXT}
CHANGE = (("add_attribute", ("id-1", NAME)), ("modify_attribute", ("id-1", NAME)),
          ("delete_attribute", ("id-1", ("x-a", 0x420008))))
CHANGED = (m.uid(), m.attribute("x-a", TEXT, "v", 3))

# (verb, least arguments, versions, the answer's items, its value, {tag: type} of the required items).
# Optional items of the tables are there, too.
ANSWERS = [(verb, args, ALL, ID, "id-1", IDS) for verb, args in GIVE_UID]
ANSWERS += [(verb, args, FIRST, TEMPLATE, "id-1", IDS) for verb, args in MAKE]
ANSWERS += [(verb, (), ALL[1:], PAIR, ("id-1", "id-2"), PAIRS)
            for verb in ("create_key_pair", "rekey_key_pair")]
ANSWERS += [(verb, args, FIRST, CHANGED, ("x-a", 3, "v"), {UID: TEXT, 0x420008: STRUCTURE})
            for verb, args in CHANGE]
ANSWERS += [(verb, args, SECOND, ID, "id-1", IDS) for verb, args in CHANGE]
ANSWERS += (
    ("create", (2, ()), ALL, (enum(0x420057, 2), m.uid()), "id-1", {0x420057: ENUM, UID: TEXT}),
    ("create", (2, ()), FIRST, (enum(0x420057, 2), m.uid(), group(0x420091, LENGTH_1)), "id-1",
     {0x420057: ENUM, UID: TEXT}),
    ("create_key_pair", (), FIRST,
     PAIR + (group(0x420065, LENGTH_1), group(0x42006E, LENGTH_1)), ("id-1", "id-2"), PAIRS),
    ("obtain_lease", (), ALL, (m.uid(), interval(0x420049, 0xFFFFFFFF), date(0x420048, WHEN)),
     (0xFFFFFFFF, WHEN), {UID: TEXT, 0x420049: INTERVAL, 0x420048: DATE}),
    ("get_attribute_list", (), FIRST, (m.uid(), text(0x42000A, "State"), text(0x42000A, "x-a")),
     ["State", "x-a"], {UID: TEXT, 0x42000A: TEXT}),
    ("get_attribute_list", (), SECOND,
     (m.uid(), enum(0x42013B, 0x42008D), group(0x42013B, text(0x42009D, "x"), text(0x42000A, "a"))),
     [0x42008D, [(0x42009D, TEXT, "x"), (0x42000A, TEXT, "a")]], {UID: TEXT, 0x42013B: ENUM}),
    ("get_attributes", (), FIRST, (m.uid(), MASK_1, m.attribute("x-a", TEXT, "v", 1)),
     [("Cryptographic Usage Mask", 0, 12), ("x-a", 1, "v")], IDS),
    ("get_attributes", (), SECOND, (m.uid(), group(0x420125, MASK_2, GROUP_2, text(0x420056, "h"))),
     [(0x42002C, 0, 12), (0x420056, 0, "g"), (0x420056, 1, "h")], {UID: TEXT, 0x420125: STRUCTURE}),
    ("validate", (), ALL, (enum(0x42009B, 3),), 3, {0x42009B: ENUM}),
    ("cancel", (b"1",), ALL, (data(0x420006, b"1"), enum(0x420012, 2)), 2, {0x420006: BYTES, 0x420012: ENUM}),
    ("locate", (), ALL, (m.uid(), m.uid("id-2")), ["id-1", "id-2"], {}),
    ("locate", (), (13, 14, 20, 21), (number(0x4200D5, 9), m.uid()), ["id-1"], {}),
    ("located", (), (13, 14, 20, 21), (number(0x4200D5, 9), m.uid()), (9, ["id-1"]), {}),
    ("located", (), ALL, (m.uid(), m.uid("id-2")), (None, ["id-1", "id-2"]), {}),
    ("query", (), ALL,
     (enum(0x42005C, 3), enum(0x42005C, 10), enum(0x420057, 2), text(0x42009D, "us"), group(0x420088),
      text(0x420003, "ns")),
     {0x42005C: [3, 10], 0x420057: [2], 0x42009D: ["us"], 0x420088: [[]], 0x420003: ["ns"]}, {}),
    ("query", (), (13, 14),  # what 1.1, 1.2 and 1.3 add
     (group(0x4200A4, text(0x4200A5, "e")), enum(0x4200C7, 1), group(0x4200D9, enum(0x4200DA, 1)),
      group(0x4200EB, enum(0x4200EC, 1)), group(0x4200DF, enum(0x4200E0, 1)),
      group(0x4200F7, ttlv(0x4200EF, BOOL, 1)), enum(0x4200F6, 2)),
     {0x4200A4: [[(0x4200A5, TEXT, "e")]], 0x4200C7: [1], 0x4200D9: [[(0x4200DA, ENUM, 1)]],
      0x4200EB: [[(0x4200EC, ENUM, 1)]], 0x4200DF: [[(0x4200E0, ENUM, 1)]],
      0x4200F7: [[(0x4200EF, BOOL, True)]], 0x4200F6: [2]}, {}),
    ("query", (), SECOND, (group(0x420152), STORAGE),
     {0x420152: [[]], 0x42015F: [[(0x42015E, INTEGER, 3), (0x42015E, INTEGER, 4)]]}, {}),
    ("discover_versions", (), ALL[1:],
     (group(0x420069, number(0x42006A, 2), number(0x42006B, 1)),
      group(0x420069, number(0x42006A, 1), number(0x42006B, 0))), [21, 10], {}),
)
# An answer's optional items that have to be of their type all the same.
TYPED = (
    ("locate", (), ALL, UID),
    ("located", (), ALL, UID),
    ("located", (), (13, 14, 20, 21), 0x4200D5),
    ("discover_versions", (), ALL[1:], 0x420069),
    ("get_attributes", (), FIRST, 0x420008),
)

OPERATIONS = {
    "activate": activate, "add_attribute": add_attribute, "archive": archive, "cancel": cancel,
    "certify": certify, "check": check, "create": create, "create_key_pair": create_key_pair,
    "delete_attribute": delete_attribute, "derive_key": derive_key, "destroy": destroy,
    "discover_versions": discover_versions, "get": get, "get_attribute_list": get_attribute_list,
    "get_attributes": get_attributes, "get_usage_allocation": get_usage_allocation, "locate": locate,
    "located": located, "modify_attribute": modify_attribute, "obtain_lease": obtain_lease, "poll": poll,
    "query": query,
    "recertify": recertify, "recover": recover, "register": register, "rekey": rekey,
    "rekey_key_pair": rekey_key_pair, "revoke": revoke, "validate": validate,
}
# The enumeration Operation, 1.x section 9.1.3.2.27.
CODES = {
    "create": 1, "create_key_pair": 2, "register": 3, "rekey": 4, "derive_key": 5, "certify": 6,
    "recertify": 7, "locate": 8, "located": 8, "check": 9, "get": 10, "get_attributes": 11,
    "get_attribute_list": 12, "add_attribute": 13, "modify_attribute": 14, "delete_attribute": 15,
    "obtain_lease": 16, "get_usage_allocation": 17, "activate": 18, "revoke": 19, "destroy": 20,
    "archive": 21, "recover": 22, "validate": 23, "query": 24, "cancel": 25, "poll": 26,
    "rekey_key_pair": 29, "discover_versions": 30,
}


def client(stream, version):
    return Client(stream, version, 1024, False)


def request_of(version, code, items):
    """A whole request message, by the tests' own encoder (1.x section 7, 2.x section 8)."""
    numbers = group(0x420069, number(0x42006A, version // 10), number(0x42006B, version % 10))
    head = group(0x420077, numbers, number(0x42000D, 1))
    return group(0x420078, head, group(0x42000F, enum(0x42005C, code), group(0x420079, *items)))


def call(verb, args, named, version, answer):
    """What the verb gives for this answer, and the stream."""
    stream = Stream(answer)
    return getattr(client(stream, version), verb)(*args, **named), stream


def answered(verb, version, items):
    return m.success(CODES[verb], *items, version=version)


def test_requests_byte_for_byte():
    seen = set()
    for verb, args, named, versions, items in REQUESTS:
        seen.add(verb)
        for version in versions:
            stream = Stream(m.message(m.failure(CODES[verb]), version=version))
            raises(KmipError, getattr(client(stream, version), verb), *args, **named)
            wanted = request_of(version, CODES[verb], items)
            assert stream.requests == [wanted], (verb, args, named, version, stream.sent, wanted)
    assert seen == set(OPERATIONS)


def test_what_a_version_does_not_know_is_never_sent():
    for verb, args, named, versions, why in REFUSED:
        why = why if isinstance(why, str) else "no item %06X" % why
        for version in versions:
            stream = Stream(answered("activate", version, ID))
            kmip = client(stream, version)
            error = raises(TTLVError, getattr(kmip, verb), *args, **named)
            assert why in str(error), (verb, args, named, version, error)
            assert not stream.calls
            assert kmip.activate("id-1") == "id-1"


def test_answers():
    seen = set()
    for verb, args, versions, items, wanted, _ in ANSWERS:
        seen.add(verb)
        for version in versions:
            value, _ = call(verb, args, {}, version, answered(verb, version, items))
            assert value == wanted, (verb, version, value)
            assert type(value) is type(wanted)
    assert seen | {"get"} == set(OPERATIONS)  # Get's many answers are in test_message.py
    for version in ALL:
        assert call("get", (), {}, version, answered("get", version, GOT_KEY))[0].value == KEY


def test_numbers_beyond_a_small_int():
    # 32-bit boards keep numbers below 2**30 in place; these are objects there.
    for lease in (0xFFFFFFFF, 0x40000000):
        for when in (1 << 40, -1, -(1 << 40)):
            answer = answered("obtain_lease", 12, (m.uid(), interval(0x420049, lease), date(0x420048, when)))
            assert call("obtain_lease", (), {}, 12, answer)[0] == (lease, when)
    for verdict in (0x80000001, 0xFFFFFFFF):
        answer = answered("validate", 12, (enum(0x42009B, verdict),))
        assert call("validate", (), {}, 12, answer)[0] == verdict
    stream = Stream(answered("revoke", 12, ID))
    client(stream, 12).revoke("id-1", 0x80000001, None, 1 << 40)
    assert date(0x420021, 1 << 40) in stream.sent and enum(0x420082, 0x80000001) in stream.sent


# ---- bad answers, every operation: the client raises, and says no more on that connection ----


def refuses(verb, args, version, answer, why, said=""):
    stream = Stream(answer)
    kmip = client(stream, version)
    try:
        value = getattr(kmip, verb)(*args)
    except TTLVError as error:
        assert stream.closed == 1 and said in str(error), (why, verb, version, error)
        assert not any(kmip.buf)
        return
    raise AssertionError("%s, %s in %d: %r" % (why, verb, version, value))


def required():
    """(verb, args, version, items, {tag: type}) of every row of ANSWERS, and of Get."""
    for verb, args, versions, items, _, needs in ANSWERS:
        for version in versions:
            yield verb, args, version, items, needs
    for version in ALL:
        yield "get", (), version, GOT_KEY, {0x420057: ENUM, UID: TEXT, 0x42008F: STRUCTURE}


def tag_of(item):
    return item[0] << 16 | item[1] << 8 | item[2]


def test_a_required_item_missing():
    for verb, args, version, items, needs in required():
        for tag in needs:
            rest = [item for item in items if tag_of(item) != tag]
            assert len(rest) < len(items)
            name = 0x42000A if tag == 0x42013B else tag  # one error for names and references
            refuses(verb, args, version, answered(verb, version, rest), "less", "no item %06X" % name)
    for verb, args, version, _, _ in required():
        # Nor may the whole payload be missing, but where everything in it is optional.
        refuses(verb, args, version, m.message(m.item(CODES[verb]), version=version), "no payload")


def test_an_item_of_a_wrong_type():
    for verb, args, version, items, needs in required():
        for tag in needs:
            wrong = data(tag, b"12345678") if needs[tag] != BYTES else text(tag, "12345678")
            changed = [wrong if tag_of(item) == tag else item for item in items]
            refuses(verb, args, version, answered(verb, version, changed), "type of %06X" % tag, "type")
    for verb, args, versions, tag in TYPED:
        for version in versions:
            items = (m.uid(), data(tag, b"12345678"))
            refuses(verb, args, version, answered(verb, version, items), "type of %06X" % tag, "type")


def test_an_unknown_item_is_passed_over():
    # The same version's, a vendor's, a structure: at every place, and the items behind it are found.
    for verb, args, versions, items, wanted, _ in ANSWERS:
        if verb == "query":
            continue  # whose value is a dict of whatever there is
        for version in versions:
            for unknown in (text(0x4200FD, "?"), text(0x540001, "?"), group(0x540002, m.uid("no"))):
                for at in range(len(items) + 1):
                    more = items[:at] + (unknown,) + items[at:]
                    value, _ = call(verb, args, {}, version, answered(verb, version, more))
                    assert value == wanted, (verb, version, at, value)


def test_an_error_answer():
    for verb, args, version, _, _ in required():
        stream = Stream(m.message(m.failure(CODES[verb], 0x0C, "not yours"), version=version),
                        answered(verb, version, ()))
        error = raises(KmipError, getattr(client(stream, version), verb), *args)
        asked = CODES["destroy" if verb == "poll" else verb]  # of a Poll, what was polled for
        assert (error.operation, error.status, error.reason) == (asked, 1, 0x0C)
        assert error.message == "not yours"
        assert not stream.closed  # the connection goes on


def test_a_failed_check_has_a_payload():
    # 1.x section 4.10: the fields that caused the denial. Read past; the next exchange is in step.
    fields = (ttlv(0x420096, LONG, 500), number(0x42002C, 4), interval(0x420049, 60))
    for version in ALL:
        item = m.item(9, fields if version > 10 else (m.uid(),) + fields, None, m.FAILED, 0x0C, "no")
        stream = Stream(m.message(item, version=version), answered("check", version, ID))
        kmip = client(stream, version)
        assert raises(KmipError, kmip.check, "id-1", 500).reason == 0x0C
        assert kmip.check("id-1", 1) == "id-1"


def test_an_answer_of_another_operation():
    for verb, args, version, items, _ in required():
        for other in (CODES[verb] + 1, 0x80000000 | CODES[verb]):
            answer = m.message(m.item(other, items), version=version)
            refuses(verb, args, version, answer, "operation %X" % other)
        refuses(verb, args, version, m.message(m.item(None, items), version=version), "no operation")


def test_mutated_answers_are_accepted_or_refused():
    random = m.Random(5)
    for verb, args, versions, items, _, _ in ANSWERS:
        version = versions[random.below(len(versions))]
        answer = answered(verb, version, items)
        for _ in range(60):
            bad = bytearray(answer)
            for _ in range(1 + random.below(3)):
                bad[8 + random.below(len(bad) - 8)] = random.below((256, 12)[random.below(2)])
            try:
                call(verb, args, {}, version, bytes(bad))
            except (KmipError, TTLVError):
                pass


def test_a_poll_is_answered_as_the_operation_would_have_been():
    for version in ALL:
        items = (enum(0x420057, 2), m.uid())
        for code in (1, 26):  # the original operation's code, as the test cases have it; or Poll's own
            answer = m.message(m.item(code, items), version=version)
            assert call("poll", (b"1", "create"), {}, version, answer)[0] == "id-1"
        refuses("poll", (b"1", "create"), version, m.message(m.item(2, items), version=version), "another")
        pending = m.item(1, None, None, m.PENDING, correlation=b"2")
        stream = Stream(m.message(pending, version=version), m.message(m.failure(1, 7), version=version))
        kmip = client(stream, version)
        assert raises(KmipPending, kmip.poll, b"1", "create").correlation == b"2"
        error = raises(KmipError, kmip.poll, b"2", "create")
        assert (error.operation, error.reason) == (1, 7)


def test_operations_have_their_codes():
    for name in OPERATIONS:
        assert OPERATIONS[name].OP == CODES[name], name
