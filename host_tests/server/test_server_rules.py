"""Who may set which attribute, on what and in which state: the rules of KMIP 1.x section 3 (2.x section 4),
of every attribute, and the states of section 3.22 (1.0 3.17, 2.1 4.57) with every operation that moves them.

The table is that of the specification's attribute rules. Templates hold attributes of other objects; here a
Template counts where the rule says "All".
"""

import itertools

import pytest
from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.asymmetric import ec
from serverkit import Clock, make_engine
from test_server_certify import csr, register_public, request_items

from tools.refserver import attributes, ttlv
from tools.refserver.authority import METER_CA, Authority, new_key, subject_for
from tools.refserver.cryptoenums import KeyFormatType as F
from tools.refserver.direct import Direct, attribute, key_object, name_item, template
from tools.refserver.enums import ObjectType as O
from tools.refserver.enums import Operation, State
from tools.refserver.enums import ResultReason as R
from tools.refserver.errors import KmipError
from tools.refserver.tags import Tag as T

NOW = 1_700_000_000
NUMBERS = itertools.count()
V = T.ATTRIBUTE_VALUE

ALL = frozenset((O.CERTIFICATE, O.SYMMETRIC_KEY, O.PUBLIC_KEY, O.PRIVATE_KEY, O.SPLIT_KEY, O.TEMPLATE,
                 O.SECRET_DATA, O.OPAQUE_OBJECT))
KEYS = frozenset((O.SYMMETRIC_KEY, O.PUBLIC_KEY, O.PRIVATE_KEY, O.SPLIT_KEY))
CERTIFICATE = frozenset((O.CERTIFICATE,))
CRYPTOGRAPHIC = KEYS | CERTIFICATE | {O.SECRET_DATA}
WITH_OPAQUE = CRYPTOGRAPHIC | {O.OPAQUE_OBJECT}
ASYMMETRIC = frozenset((O.PUBLIC_KEY, O.PRIVATE_KEY))
SYMMETRIC = frozenset((O.SYMMETRIC_KEY, O.SPLIT_KEY))
WITH_VALUE = SYMMETRIC | {O.PRIVATE_KEY, O.SECRET_DATA}


def text(value):
    return ttlv.text(V, value)


def date(value):
    return ttlv.date_time(V, value)


def enum(value):
    return ttlv.enumeration(V, value)


def integer(value):
    return ttlv.integer(V, value)


def boolean(value):
    return ttlv.boolean(V, value)


def struct(*items):
    return ttlv.structure(V, *items)


def two_texts(first, second):
    return [struct(ttlv.text(first, one), ttlv.text(second, other)) for one, other in ("ab", "cd")]


# Section in 1.1 to 1.4; name; always has a value; a client may set it, modify it, delete it; several
# instances; objects; two values. First the white paper's Table 6, then the rest.
RULES = [
    ("3.1", "Unique Identifier", "A", ALL, [text("a"), text("b")]),
    ("3.2", "Name", "smd*", ALL, [name_item("a", V), name_item("b", V)]),
    ("3.3", "Object Type", "A", ALL, [enum(1), enum(2)]),
    # Sections 3.4, 3.5: set by the server, but from what the client states with the object; so a second
    # one is an attribute that is there already.
    ("3.4", "Cryptographic Algorithm", "As", KEYS | CERTIFICATE, [enum(3), enum(4)]),
    ("3.5", "Cryptographic Length", "As", KEYS | CERTIFICATE, [integer(128), integer(256)]),
    ("3.6", "Cryptographic Parameters", "smd*", KEYS | CERTIFICATE,
     [struct(ttlv.enumeration(T.BLOCK_CIPHER_MODE, 1)), struct(ttlv.enumeration(T.BLOCK_CIPHER_MODE, 2))]),
    ("3.8", "Certificate Type", "A", CERTIFICATE, [enum(1), enum(2)]),
    ("3.14", "Certificate Subject", "A", CERTIFICATE, two_texts(
        T.CERTIFICATE_SUBJECT_DISTINGUISHED_NAME, T.CERTIFICATE_SUBJECT_ALTERNATIVE_NAME)),
    ("3.15", "Certificate Issuer", "A", CERTIFICATE, two_texts(
        T.CERTIFICATE_ISSUER_DISTINGUISHED_NAME, T.CERTIFICATE_ISSUER_ALTERNATIVE_NAME)),
    ("3.17", "Digest", "A", WITH_OPAQUE,
     [struct(ttlv.enumeration(T.HASHING_ALGORITHM, 6), ttlv.byte_string(T.DIGEST_VALUE, bytes(32)))] * 2),
    ("3.18", "Operation Policy Name", "s", ALL, [text("default"), text("public")]),
    ("3.19", "Cryptographic Usage Mask", "As", CRYPTOGRAPHIC, [integer(4), integer(8)]),
    ("3.20", "Lease Time", "", CRYPTOGRAPHIC, [ttlv.interval(V, 5), ttlv.interval(V, 6)]),
    ("3.21", "Usage Limits", "smd", KEYS, [
        struct(ttlv.long_integer(T.USAGE_LIMITS_TOTAL, total), ttlv.enumeration(T.USAGE_LIMITS_UNIT, 1))
        for total in (5, 6)]),
    ("3.22", "State", "A", CRYPTOGRAPHIC, [enum(2), enum(3)]),
    ("3.23", "Initial Date", "A", ALL, [date(5), date(6)]),
    ("3.24", "Activation Date", "sm", CRYPTOGRAPHIC, [date(NOW + 100), date(NOW + 200)]),
    ("3.25", "Process Start Date", "sm", SYMMETRIC, [date(NOW + 300), date(NOW + 310)]),
    ("3.26", "Protect Stop Date", "sm", SYMMETRIC, [date(NOW + 400), date(NOW + 410)]),
    ("3.27", "Deactivation Date", "sm", CRYPTOGRAPHIC, [date(NOW + 500), date(NOW + 510)]),
    ("3.28", "Destroy Date", "", WITH_OPAQUE, [date(5), date(6)]),
    ("3.29", "Compromise Occurrence Date", "", WITH_OPAQUE, [date(5), date(6)]),
    ("3.30", "Compromise Date", "", WITH_OPAQUE, [date(5), date(6)]),
    ("3.31", "Revocation Reason", "", WITH_OPAQUE,
     [struct(ttlv.enumeration(T.REVOCATION_REASON_CODE, 1))] * 2),
    ("3.32", "Archive Date", "", ALL, [date(5), date(6)]),
    ("3.33", "Object Group", "smd*", ALL, [text("a"), text("b")]),
    ("3.35", "Link", "smd*", CRYPTOGRAPHIC, []),  # to the object itself: see values()
    ("3.36", "Application Specific Information", "smd*", ALL,
     two_texts(T.APPLICATION_NAMESPACE, T.APPLICATION_DATA)),
    ("3.37", "Contact Information", "smd", ALL, [text("a"), text("b")]),
    ("3.38", "Last Change Date", "A", ALL, [date(5), date(6)]),
    ("3.39", "x-custom", "smd*", ALL, [text("a"), text("b")]),
    ("3.39", "y-custom", "", ALL, [text("a"), text("b")]),  # y-: the server's
    ("3.7", "Cryptographic Domain Parameters", "s", ASYMMETRIC,
     [struct(ttlv.integer(T.QLENGTH, 160)), struct(ttlv.integer(T.QLENGTH, 224))]),
    ("3.9", "Certificate Length", "A", CERTIFICATE, [integer(5), integer(6)]),
    ("3.10", "X.509 Certificate Identifier", "A", CERTIFICATE, [struct(
        ttlv.byte_string(T.ISSUER_DISTINGUISHED_NAME, b"a"),
        ttlv.byte_string(T.CERTIFICATE_SERIAL_NUMBER, b"b"))] * 2),
    ("3.11", "X.509 Certificate Subject", "A", CERTIFICATE, [struct(
        ttlv.byte_string(T.SUBJECT_DISTINGUISHED_NAME, b"a"))] * 2),
    ("3.12", "X.509 Certificate Issuer", "A", CERTIFICATE, [struct(
        ttlv.byte_string(T.ISSUER_DISTINGUISHED_NAME, b"a"))] * 2),
    ("3.13", "Certificate Identifier", "A", CERTIFICATE, two_texts(T.ISSUER, T.SERIAL_NUMBER)),
    ("3.16", "Digital Signature Algorithm", "A", CERTIFICATE, [enum(1), enum(2)]),
    ("3.34", "Fresh", "s", CRYPTOGRAPHIC, [boolean(True), boolean(False)]),
    ("3.40", "Alternative Name", "smd*", ALL, [struct(
        ttlv.text(T.ALTERNATIVE_NAME_VALUE, name), ttlv.enumeration(T.ALTERNATIVE_NAME_TYPE, 1))
        for name in "ab"]),
    ("3.41", "Key Value Present", "", WITH_VALUE, [boolean(True), boolean(False)]),
    ("3.42", "Key Value Location", "smd*", WITH_VALUE, [struct(
        ttlv.text(T.KEY_VALUE_LOCATION_VALUE, name), ttlv.enumeration(T.KEY_VALUE_LOCATION_TYPE, 1))
        for name in "ab"]),
    ("3.43", "Original Creation Date", "s", ALL, [date(5), date(6)]),
    ("3.45", "PKCS#12 Friendly Name", "smd", CRYPTOGRAPHIC, [text("a"), text("b")]),
    ("3.46", "Description", "smd", ALL, [text("a"), text("b")]),
    ("3.47", "Comment", "smd", ALL, [text("a"), text("b")]),
    ("3.48", "Sensitive", "Asm", ALL, [boolean(True), boolean(False)]),
    ("3.49", "Always Sensitive", "A", ALL, [boolean(True), boolean(False)]),
    ("3.50", "Extractable", "Asm", ALL, [boolean(True), boolean(False)]),
    ("3.51", "Never Extractable", "A", ALL, [boolean(True), boolean(False)]),
]
GONE_IN_2 = ("Certificate Subject", "Certificate Issuer", "Certificate Identifier", "Operation Policy Name")


@pytest.fixture(scope="module", params=[14, 21])
def caller(request, tmp_path_factory):
    clock = Clock(NOW)
    engine, old = make_engine(tmp_path_factory.mktemp("rules") / "state", clock, newest=21)
    caller = Direct(engine, old.identity, request.param)
    caller.clock, caller.old = clock, old
    with engine.store._connection() as connection:
        connection.execute("PRAGMA synchronous=OFF")  # thousands of commits; other tests wait for the disk
    yield caller
    engine.close()


@pytest.fixture(autouse=True)
def noon(caller):
    caller.clock.now = NOW


def mask(bits=0x20C):
    return attribute("Cryptographic Usage Mask", integer(bits))


def given(caller, *made):
    """Template-Attribute or Attributes out of 1.x Attribute items."""
    if caller.version < 20:
        return template(*made)
    found = []
    for item in made:
        name, value = item.find(T.ATTRIBUTE_NAME).value, item.find(V)
        found.append(own(name, value))
    return ttlv.structure(T.ATTRIBUTES, *found)


def own(name, value):
    """An attribute as 2.x has it."""
    if name[:2] in ("x-", "y-"):
        return ttlv.structure(T.ATTRIBUTE, ttlv.text(T.VENDOR_IDENTIFICATION, name[0]),
                              ttlv.text(T.ATTRIBUTE_NAME, name[2:]), value)
    return value.retag(attributes.RULES[name].tag)


def materials():
    key = new_key()
    private = key.private_bytes(ser.Encoding.DER, ser.PrivateFormat.PKCS8, ser.NoEncryption())
    public = key.public_key().public_bytes(ser.Encoding.DER, ser.PublicFormat.SubjectPublicKeyInfo)
    return private, public


def register(caller, kind, *extra):
    """A new object of this type; its UID."""
    private, public = materials()
    raw = key_object(T.SYMMETRIC_KEY, F.RAW, bytes(16), 3, 128)
    item, own_mask = {
        O.SYMMETRIC_KEY: (raw, mask()),
        O.PUBLIC_KEY: (key_object(T.PUBLIC_KEY, F.X509, public, 6, 256), mask(2)),
        O.PRIVATE_KEY: (key_object(T.PRIVATE_KEY, F.PKCS8, private, 6, 256), mask(1)),
        O.SPLIT_KEY: (ttlv.structure(
            T.SPLIT_KEY, ttlv.integer(T.SPLIT_KEY_PARTS, 2), ttlv.integer(T.KEY_PART_IDENTIFIER, 1),
            ttlv.integer(T.SPLIT_KEY_THRESHOLD, 2), ttlv.enumeration(T.SPLIT_KEY_METHOD, 1),
            *raw.value), mask()),
        O.TEMPLATE: (ttlv.structure(T.TEMPLATE, attribute("Object Group", text("a"))), None),
        O.SECRET_DATA: (ttlv.structure(
            T.SECRET_DATA, ttlv.enumeration(T.SECRET_DATA_TYPE, 1),
            *key_object(T.SECRET_DATA, F.RAW, b"secret", None, None).value), mask(2)),
        O.OPAQUE_OBJECT: (ttlv.structure(
            T.OPAQUE_OBJECT, ttlv.enumeration(T.OPAQUE_DATA_TYPE, 0x80000000),
            ttlv.byte_string(T.OPAQUE_DATA_VALUE, b"x")), None),
        O.CERTIFICATE: (None, mask(2)),
    }[kind]
    if kind == O.CERTIFICATE:
        item = certificate(caller)
    named = [attribute("Name", name_item("template-%d" % next(NUMBERS), V))] if kind == O.TEMPLATE else []
    at = caller.old if kind == O.TEMPLATE else caller
    extra = [*extra, *named] + ([own_mask] if own_mask is not None else [])
    payload = at.call(Operation.REGISTER, ttlv.enumeration(T.OBJECT_TYPE, kind), given(at, *extra), item)
    return payload.find(T.UNIQUE_IDENTIFIER).value


def certificate(caller):
    authority = Authority.load(caller.engine.folder, METER_CA)
    subject = subject_for("CN={device}", "meter-0001")
    made = authority.issue_client(subject, new_key().public_key(), NOW, 3600)
    return ttlv.structure(T.CERTIFICATE, ttlv.enumeration(T.CERTIFICATE_TYPE, 1),
                          ttlv.byte_string(T.CERTIFICATE_VALUE, made.public_bytes(ser.Encoding.DER)))


def do(caller, operation, uid, *payload):
    return caller.call(operation, ttlv.text(T.UNIQUE_IDENTIFIER, uid), *payload)


def add(caller, uid, name, value):
    if caller.version < 20:
        return do(caller, Operation.ADD_ATTRIBUTE, uid, attribute(name, value))
    return do(caller, Operation.ADD_ATTRIBUTE, uid, ttlv.structure(T.NEW_ATTRIBUTE, own(name, value)))


def modify(caller, uid, name, old, value):
    """Change the instance that has the value `old`, or the one that there is none of."""
    if caller.version < 20:
        return do(caller, Operation.MODIFY_ATTRIBUTE, uid, ttlv.structure(
            T.ATTRIBUTE, ttlv.text(T.ATTRIBUTE_NAME, name), index_of(caller, uid, name, old), value))
    return do(caller, Operation.MODIFY_ATTRIBUTE, uid, ttlv.structure(T.CURRENT_ATTRIBUTE, own(name, old)),
              ttlv.structure(T.NEW_ATTRIBUTE, own(name, value)))


def delete(caller, uid, name, old):
    if caller.version < 20:
        return do(caller, Operation.DELETE_ATTRIBUTE, uid, ttlv.text(T.ATTRIBUTE_NAME, name),
                  index_of(caller, uid, name, old))
    return do(caller, Operation.DELETE_ATTRIBUTE, uid, ttlv.structure(T.CURRENT_ATTRIBUTE, own(name, old)))


def index_of(caller, uid, name, value):
    payload = do(caller.old, Operation.GET_ATTRIBUTES, uid, ttlv.text(T.ATTRIBUTE_NAME, name))
    for item in payload.value[1:]:
        if item.find(V) == value:
            return item.find(T.ATTRIBUTE_INDEX)
    return ttlv.integer(T.ATTRIBUTE_INDEX, 99)


def reason(caller, function, *args):
    try:
        function(caller, *args)
    except KmipError as error:
        return error.reason
    return None


def get(caller, uid, name):
    """The values of an attribute, in 1.4."""
    payload = do(caller.old, Operation.GET_ATTRIBUTES, uid, ttlv.text(T.ATTRIBUTE_NAME, name))
    return [item.find(V) for item in payload.value[1:]]


def values(caller, uid, name, given):
    if name == "Link":
        return [struct(ttlv.enumeration(T.LINK_TYPE, kind), ttlv.text(T.LINKED_OBJECT_IDENTIFIER, uid))
                for kind in (0x104, 0x105)]
    if name == "Name":
        return [name_item("%s-%s" % (uid, letter), V) for letter in "ab"]
    return given


def by(caller, old, new):
    """The Result Reason by version."""
    return new if caller.version >= 20 else old


def test_the_table_has_every_attribute():
    names = {row[1] for row in RULES}
    assert {name for name, rule in attributes.RULES.items() if rule.since < 20} - names == {
        "Random Number Generator"}
    assert len([row for row in RULES if "Custom" not in row[1]]) == len(RULES)


ROWS = [pytest.param(*row, id=row[1]) for row in RULES]


@pytest.mark.parametrize(("section", "name", "flags", "objects", "two"), ROWS)
def test_who_may(caller, section, name, flags, objects, two):
    if caller.version >= 20 and name in GONE_IN_2:
        assert reason(caller, add, register(caller, O.CERTIFICATE), name, two[0]) == R.INVALID_ATTRIBUTE
        return
    for kind in sorted(ALL if caller.version < 20 else ALL - {O.TEMPLATE}):
        uid = register(caller, kind)
        first, second = values(caller, uid, name, two)
        had = get(caller, uid, name)
        if "A" in flags:
            assert bool(had) == (kind in objects), (section, kind)
        if kind not in objects:
            assert not had
            assert reason(caller, add, uid, name, first) == by(
                caller, R.PERMISSION_DENIED, R.INVALID_ATTRIBUTE), kind
            continue
        check_adding(caller, uid, name, flags, first, second)
        had = get(caller, uid, name)
        if not had:
            assert "s" not in flags
            continue
        other = second if had[0] == first else first
        assert reason(caller, modify, uid, name, had[0], other) == (
            None if "m" in flags else by(caller, R.PERMISSION_DENIED, R.ATTRIBUTE_READ_ONLY)), kind
        if "m" in flags and name != "Usage Limits":  # the server adds the Count
            assert get(caller, uid, name) == [other, *had[1:]]
        if "m" not in flags and name != "Last Change Date":
            assert get(caller, uid, name) == had
        had = get(caller, uid, name)
        assert reason(caller, delete, uid, name, had[0]) == (
            None if "d" in flags else by(caller, R.PERMISSION_DENIED, R.ATTRIBUTE_READ_ONLY)), kind
        assert get(caller, uid, name) == (had[1:] if "d" in flags else had)


def check_adding(caller, uid, name, flags, first, second):
    had = get(caller, uid, name)
    failed = reason(caller, add, uid, name, first)
    if "s" not in flags:
        assert failed == by(caller, R.PERMISSION_DENIED, R.READ_ONLY_ATTRIBUTE)
        return
    if "*" in flags:
        assert failed is None
        assert reason(caller, add, uid, name, second) is None
        assert get(caller, uid, name) == [*had, first, second]
        # One goes, the others stay, and their indexes with them (section 2.1.1).
        assert reason(caller, delete, uid, name, first) is None
        assert get(caller, uid, name) == [*had, second]
        return
    assert failed == (by(caller, R.ILLEGAL_OPERATION, R.ATTRIBUTE_SINGLE_VALUED) if had else None)
    assert reason(caller, add, uid, name, second) == by(
        caller, R.ILLEGAL_OPERATION, R.ATTRIBUTE_SINGLE_VALUED)


# Every registration of a key states these.
STATED = ("Cryptographic Algorithm", "Cryptographic Length", "Cryptographic Usage Mask")


@pytest.mark.parametrize(("section", "name", "flags", "objects", "two"), [
    row for row in ROWS if row.id not in STATED])
def test_who_may_at_registration(caller, section, name, flags, objects, two):
    """What is set by the client comes with Register; all else is Invalid Field there (section 11.4)."""
    if caller.version >= 20 and name in GONE_IN_2:
        objects = ()
    for kind in sorted(ALL if caller.version < 20 else ALL - {O.TEMPLATE}):
        target = register(caller, O.SYMMETRIC_KEY)
        first, second = values(caller, target, name, two)
        wanted = kind in objects and "s" in flags
        # Of a certificate the client may state what the server reads out of it: the second value is wrong.
        failed = None
        try:
            uid = register(caller, kind, attribute(name, first if wanted else second))
        except KmipError as error:
            failed = error.reason
        assert failed == (None if wanted else R.INVALID_FIELD), (section, kind)
        if wanted and name != "Usage Limits":
            assert first in get(caller, uid, name)


def made_by_each_operation(caller):
    """(operation, Object Type, UID) of an object made by each of the operations that make one, in 1.4."""
    old = caller.old
    aes = [attribute("Cryptographic Algorithm", enum(3)), attribute("Cryptographic Length", integer(128)),
           mask(), attribute("Activation Date", date(NOW))]
    key = old.call(Operation.CREATE, enum(2).retag(T.OBJECT_TYPE), template(*aes)).find(T.UNIQUE_IDENTIFIER)
    yield "Create", O.SYMMETRIC_KEY, key.value
    payload = old.call(Operation.CREATE_KEY_PAIR, ttlv.structure(
        T.COMMON_TEMPLATE_ATTRIBUTE, attribute("Cryptographic Algorithm", enum(6)),
        attribute("Cryptographic Length", integer(256)), mask(3)))
    for kind, item in zip((O.PRIVATE_KEY, O.PUBLIC_KEY), payload.value, strict=True):
        yield "Create Key Pair", kind, item.value
    parameters = ttlv.structure(T.DERIVATION_PARAMETERS, ttlv.structure(
        T.CRYPTOGRAPHIC_PARAMETERS, ttlv.enumeration(T.HASHING_ALGORITHM, 6)))
    for kind in (O.SYMMETRIC_KEY, O.SECRET_DATA):
        rest = aes if kind == O.SYMMETRIC_KEY else aes[1:]
        payload = old.call(
            Operation.DERIVE_KEY, ttlv.enumeration(T.OBJECT_TYPE, kind), key,
            ttlv.enumeration(T.DERIVATION_METHOD, 2), parameters, template(*rest))
        yield "Derive Key", kind, payload.find(T.UNIQUE_IDENTIFIER).value
    yield "Re-key", O.SYMMETRIC_KEY, old.call(Operation.RE_KEY, key).find(T.UNIQUE_IDENTIFIER).value
    pair = ec.generate_private_key(ec.SECP256R1())
    public = register_public(old, pair)
    request = request_items(csr(pair))
    certified = do(old, Operation.CERTIFY, public, *request).find(T.UNIQUE_IDENTIFIER)
    yield "Certify", O.CERTIFICATE, certified.value
    yield "Re-certify", O.CERTIFICATE, old.call(Operation.RE_CERTIFY, certified, *request).find(
        T.UNIQUE_IDENTIFIER).value


def test_what_each_operation_sets(caller):
    """The attributes that always have a value have one whatever made the object, and no date is there before
    what it is the date of (the rows "When implicitly set")."""
    operations = set()
    for operation, kind, uid in made_by_each_operation(caller):
        operations.add(operation)
        for section, name, flags, objects, _ in RULES:
            if "A" in flags:
                assert bool(get(caller, uid, name)) == (kind in objects), (section, name, operation)
        for name in ("Destroy Date", "Compromise Date", "Compromise Occurrence Date", "Revocation Reason",
                     "Archive Date"):
            assert get(caller, uid, name) == [], (name, operation)
        assert get(caller, uid, "Initial Date") == get(caller, uid, "Last Change Date") == [date(NOW)]
        assert len(get(caller, uid, "Link")) == (0 if operation == "Create" else 1) + (
            operation == "Re-certify")
    assert len(operations) == 6


# States: the transitions of section 3.22, and the operations that make them.

REVOKE, COMPROMISE = 1, 2


def state_of(caller, uid):
    return get(caller, uid, "State")[0].value


def revoke(caller, uid, code, occurrence=None):
    reason_item = ttlv.structure(T.REVOCATION_REASON, ttlv.enumeration(T.REVOCATION_REASON_CODE, code))
    return do(caller, Operation.REVOKE, uid, reason_item, *(
        [] if occurrence is None else [ttlv.date_time(T.COMPROMISE_OCCURRENCE_DATE, occurrence)]))


def in_state(caller, state, *extra, kind=O.SYMMETRIC_KEY):
    """A new object that has come to this state."""
    uid = register(caller, kind, *extra)
    if state in (State.ACTIVE, State.DEACTIVATED):
        do(caller, Operation.ACTIVATE, uid)
    if state == State.DEACTIVATED:
        revoke(caller, uid, REVOKE)
    if state in (State.COMPROMISED, State.DESTROYED_COMPROMISED):
        revoke(caller, uid, COMPROMISE)
    if state in (State.DESTROYED, State.DESTROYED_COMPROMISED):
        do(caller, Operation.DESTROY, uid)
    assert state_of(caller, uid) == state
    return uid


S = State
# From a state, by an operation, to a state. What is not here is refused, and changes nothing.
TRANSITIONS = {
    (S.PRE_ACTIVE, "destroy"): S.DESTROYED,  # 2
    (S.PRE_ACTIVE, "compromise"): S.COMPROMISED,  # 3
    (S.PRE_ACTIVE, "activate"): S.ACTIVE,  # 4
    (S.ACTIVE, "compromise"): S.COMPROMISED,  # 5
    (S.ACTIVE, "revoke"): S.DEACTIVATED,  # 6
    (S.DEACTIVATED, "destroy"): S.DESTROYED,  # 7
    (S.DEACTIVATED, "compromise"): S.COMPROMISED,  # 8
    (S.COMPROMISED, "destroy"): S.DESTROYED_COMPROMISED,  # 9
    (S.DESTROYED, "compromise"): S.DESTROYED_COMPROMISED,  # 10
}
OPERATIONS = {
    "activate": lambda caller, uid: do(caller, Operation.ACTIVATE, uid),
    "destroy": lambda caller, uid: do(caller, Operation.DESTROY, uid),
    "revoke": lambda caller, uid: revoke(caller, uid, REVOKE),
    "compromise": lambda caller, uid: revoke(caller, uid, COMPROMISE),
}
# The dates that an operation sets (sections 3.24 to 3.31).
SETS = {
    "activate": {"Activation Date"}, "destroy": {"Destroy Date"},
    "revoke": {"Deactivation Date", "Revocation Reason"},
    "compromise": {"Compromise Date", "Compromise Occurrence Date", "Revocation Reason"},
}
DATES = ("Activation Date", "Process Start Date", "Protect Stop Date", "Deactivation Date", "Destroy Date",
         "Compromise Date", "Compromise Occurrence Date", "Revocation Reason", "Archive Date")


def has(caller, uid):
    return {name: get(caller, uid, name) for name in DATES}


@pytest.mark.parametrize("what", OPERATIONS)
@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("kind", [O.SYMMETRIC_KEY, O.CERTIFICATE, O.SECRET_DATA])
def test_transitions(caller, kind, state, what):
    uid = in_state(caller, state, kind=kind)
    before = has(caller, uid)
    caller.clock.now = NOW + 9
    failed = reason(caller, OPERATIONS[what], uid)
    after = has(caller, uid)
    changed = {name for name in DATES if before[name] != after[name]}
    wanted = TRANSITIONS.get((state, what))
    if wanted is None:
        assert failed == R.PERMISSION_DENIED
        assert (state_of(caller, uid), changed) == (state, set())
        return
    assert failed is None
    assert state_of(caller, uid) == wanted
    assert changed == SETS[what]
    for name in SETS[what] - {"Revocation Reason", "Compromise Occurrence Date"}:
        assert after[name] == [date(NOW + 9)]
    if what == "compromise":  # not given, it is the Initial Date (section 4.20)
        assert after["Compromise Occurrence Date"] == [date(NOW)]
    assert get(caller, uid, "Last Change Date") == [date(NOW + 9)]


def test_an_object_without_a_state(caller):
    # An Opaque Object may be revoked and destroyed, and cannot be activated; a Template only destroyed.
    uid = register(caller, O.OPAQUE_OBJECT)
    assert get(caller, uid, "State") == []
    illegal = by(caller, R.ILLEGAL_OPERATION, R.INVALID_OBJECT_TYPE)
    assert reason(caller, OPERATIONS["activate"], uid) == illegal
    assert reason(caller, OPERATIONS["compromise"], uid) is None
    assert get(caller, uid, "Compromise Date") == [date(NOW)]
    assert reason(caller, OPERATIONS["destroy"], uid) is None
    assert get(caller, uid, "Destroy Date") == [date(NOW)]
    if caller.version < 20:
        uid = register(caller, O.TEMPLATE)
        for what in ("activate", "revoke", "compromise"):
            assert reason(caller, OPERATIONS[what], uid) == R.ILLEGAL_OPERATION
        assert reason(caller, OPERATIONS["destroy"], uid) is None


WINDOWS = {
    "Activation Date": (S.PRE_ACTIVE,), "Process Start Date": (S.PRE_ACTIVE, S.ACTIVE),
    "Protect Stop Date": (S.PRE_ACTIVE, S.ACTIVE), "Deactivation Date": (S.PRE_ACTIVE, S.ACTIVE),
}


@pytest.mark.parametrize("name", WINDOWS)
@pytest.mark.parametrize("state", list(State))
def test_when_a_date_may_change(caller, state, name):
    """Sections 3.24 to 3.27: in which states a client sets and changes it; never deletes it."""
    refused = R.WRONG_KEY_LIFECYCLE_STATE if caller.version >= 21 else R.PERMISSION_DENIED
    wanted = None if state in WINDOWS[name] else refused
    later = date(NOW + 500)
    uid = in_state(caller, state)
    if not get(caller, uid, name):
        assert reason(caller, add, uid, name, later) == wanted
    if name == "Activation Date" and state == S.ACTIVE:
        return  # the date has made it Active
    uid = in_state(caller, state, attribute(name, later))
    old = get(caller, uid, name)[0]
    assert reason(caller, modify, uid, name, old, date(NOW + 600)) == wanted
    kept = get(caller, uid, name)
    assert kept == ([date(NOW + 600)] if wanted is None else [old])
    assert reason(caller, delete, uid, name, kept[0]) == by(
        caller, R.PERMISSION_DENIED, R.ATTRIBUTE_READ_ONLY)


@pytest.mark.parametrize("name", ["Process Start Date", "Protect Stop Date"])
def test_a_date_that_was_reached_stays(caller, name):
    uid = in_state(caller, S.ACTIVE, attribute(name, date(NOW + 5)))
    caller.clock.now = NOW + 5
    assert reason(caller, modify, uid, name, date(NOW + 5), date(NOW + 600)) == by(
        caller, R.PERMISSION_DENIED, R.ATTRIBUTE_READ_ONLY)


def test_dates_that_come_move_the_state(caller):
    # Transitions 4 and 6, by the dates themselves and by setting them to now or the past.
    uid = register(caller, O.SYMMETRIC_KEY, attribute("Activation Date", date(NOW + 5)),
                   attribute("Deactivation Date", date(NOW + 10)))
    for after, state in ((4, S.PRE_ACTIVE), (5, S.ACTIVE), (9, S.ACTIVE), (10, S.DEACTIVATED)):
        caller.clock.now = NOW + after
        assert state_of(caller, uid) == state
    caller.clock.now = NOW
    uid = register(caller, O.SYMMETRIC_KEY, attribute("Activation Date", date(NOW + 5)))
    modify(caller, uid, "Activation Date", date(NOW + 5), date(NOW - 5))
    assert state_of(caller, uid) == S.ACTIVE
    add(caller, uid, "Deactivation Date", date(NOW))
    assert state_of(caller, uid) == S.DEACTIVATED
    # Pre-Active to Deactivated does not exist.
    uid = register(caller, O.SYMMETRIC_KEY, attribute("Deactivation Date", date(NOW - 5)))
    assert state_of(caller, uid) == S.PRE_ACTIVE


def test_dates_of_a_split_key(caller):
    """Sections 3.25, 3.26: of a Split Key of a symmetric key only."""
    private, _ = materials()
    for name in ("Process Start Date", "Protect Stop Date"):
        item = ttlv.structure(
            T.SPLIT_KEY, ttlv.integer(T.SPLIT_KEY_PARTS, 2), ttlv.integer(T.KEY_PART_IDENTIFIER, 1),
            ttlv.integer(T.SPLIT_KEY_THRESHOLD, 2), ttlv.enumeration(T.SPLIT_KEY_METHOD, 1),
            *key_object(T.SPLIT_KEY, F.PKCS8, private, 6, 256).value)
        payload = [ttlv.enumeration(T.OBJECT_TYPE, O.SPLIT_KEY), given(caller, mask(1)), item]
        uid = caller.call(Operation.REGISTER, *payload).find(T.UNIQUE_IDENTIFIER).value
        assert reason(caller, add, uid, name, date(NOW + 300)) == by(
            caller, R.PERMISSION_DENIED, R.INVALID_ATTRIBUTE)
        payload[1] = given(caller, mask(1), attribute(name, date(NOW + 300)))
        with pytest.raises(KmipError) as caught:
            caller.call(Operation.REGISTER, *payload)
        assert caught.value.reason == R.INVALID_FIELD
