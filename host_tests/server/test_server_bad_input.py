"""For every operation: a required field missing, a wrong type, an unknown field, a field twice, out of order.

The requests are made from the operations' own tables of fields, which are compared with the specification's
first; what follows shows that every row of them is held to, those of the structures inside as well.
"""

import pytest
from payloads import TABLES, payload
from serverkit import make_engine

from tools.refserver import ttlv
from tools.refserver.direct import Direct
from tools.refserver.enums import ObjectType, Operation
from tools.refserver.enums import ResultReason as R
from tools.refserver.errors import KmipError
from tools.refserver.managed import OBJECT_TAGS
from tools.refserver.operations import MODULES, OPERATIONS
from tools.refserver.tags import Tag as T

SAMPLES = {
    ttlv.STRUCTURE: [], ttlv.INTEGER: 1, ttlv.LONG_INTEGER: 1, ttlv.BIG_INTEGER: 1, ttlv.ENUMERATION: 1,
    ttlv.BOOLEAN: True, ttlv.TEXT_STRING: "a", ttlv.BYTE_STRING: b"a", ttlv.DATE_TIME: 1, ttlv.INTERVAL: 1,
}
VERSIONS = (10, 11, 12, 13, 14, 20, 21)
CASES = [(int(module.OPERATION), version) for module in MODULES for version in VERSIONS
         if Operation.known(module.OPERATION, version)]


def name_of(case):
    return "%s-%d" % (Operation(case[0]).name.lower(), case[1])


@pytest.fixture
def engine(tmp_path):
    engine, caller = make_engine(tmp_path / "state", newest=21)
    engine.caller = caller
    yield engine
    engine.close()


def sample(field, version, kind=None):
    """An Item for a field, whole in itself."""
    kind = field.kinds[0] if kind is None else kind
    if kind != ttlv.STRUCTURE:
        return ttlv.Item(field.tag, kind, SAMPLES[kind])
    inner = [each for each in field.fields or () if each.known(version) and each.needed(version)]
    return ttlv.Item(field.tag, kind, [sample(each, version) for each in inner])


def reason(engine, version, operation, items):
    try:
        Direct(engine, engine.caller.identity, version).call(Operation(operation), *items)
    except KmipError as error:
        return error.reason
    return None


def spelled(text):
    return text.lower().replace(" ", "_").replace("-", "_")


def test_the_tables_are_the_specifications():
    assert {spelled(name) for name in TABLES} == {
        Operation(module.OPERATION).name.lower() for module in MODULES}
    for name in TABLES:
        operation = Operation[spelled(name).upper()]
        for version in VERSIONS:
            wanted = payload(name, version)
            assert (wanted is not None) == Operation.known(operation, version), (name, version)
            if wanted is not None:
                fields = [each for each in OPERATIONS[operation].FIELDS if each.known(version)
                          and (operation != Operation.REGISTER or each.tag not in OBJECT_TAGS.values())]
                assert [(each.name, bool(each.needed(version)), each.many) for each in fields] == [
                    (spelled(field), required, many) for field, required, many in wanted], (name, version)


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_bad_input(engine, case):
    operation, version = case
    fields = [each for each in OPERATIONS[operation].FIELDS if each.known(version)]
    needed = [each for each in fields if each.needed(version)]
    whole = [sample(each, version) for each in needed]
    for position in range(len(needed)):
        left = whole[:position] + whole[position + 1:]
        assert reason(engine, version, operation, left) == R.INVALID_MESSAGE, needed[position].name
    for field in fields:
        others = [item for item in whole if item.tag != field.tag]
        at = next((n for n, each in enumerate(needed) if fields.index(each) >= fields.index(field)
                   and each is not field), len(others))
        at = min(at, len(others))
        wrong = next(kind for kind in SAMPLES if kind not in field.kinds)
        item = sample(field, version, wrong)
        assert reason(engine, version, operation, others[:at] + [item] + others[at:]) == (
            R.INVALID_MESSAGE), field.name
        good = sample(field, version)
        if not field.many:
            twice = others[:at] + [good, good] + others[at:]
            assert reason(engine, version, operation, twice) == R.INVALID_MESSAGE, field.name
    unknown = ttlv.text(T.COMMENT, "what is this?")
    assert reason(engine, version, operation, [*whole, unknown]) == R.INVALID_FIELD
    assert reason(engine, version, operation, [unknown, *whole]) == R.INVALID_FIELD
    if len(whole) > 1:
        assert reason(engine, version, operation, whole[::-1]) == R.INVALID_MESSAGE


# ---- inside the payloads' structures ----

UID = ttlv.text(T.UNIQUE_IDENTIFIER, "KEY")  # of a key that is there


def S(tag, *items):
    return ttlv.structure(tag, *items)


def attribute(*value):
    """Name, as an attribute of 1.x."""
    return S(T.ATTRIBUTE, ttlv.text(T.ATTRIBUTE_NAME, "Name"), S(T.ATTRIBUTE_VALUE, *value))


NAMED = (ttlv.text(T.NAME_VALUE, "a"), ttlv.enumeration(T.NAME_TYPE, 1))
NAMES = {T.NAME_VALUE: True, T.NAME_TYPE: True}
ATTRIBUTES = {T.ATTRIBUTE_NAME: True, T.ATTRIBUTE_VALUE: True}
REFERENCE = S(
    T.ATTRIBUTE_REFERENCE, ttlv.text(T.VENDOR_IDENTIFICATION, "x"), ttlv.text(T.ATTRIBUTE_NAME, "a"))
REFERENCES = {T.VENDOR_IDENTIFICATION: True, T.ATTRIBUTE_NAME: True}
SYMMETRIC = ttlv.enumeration(T.OBJECT_TYPE, ObjectType.SYMMETRIC_KEY)
OPAQUE = S(T.OPAQUE_OBJECT, ttlv.enumeration(T.OPAQUE_DATA_TYPE, 0x80000001),
           ttlv.byte_string(T.OPAQUE_DATA_VALUE, b"a"))
BLOCK = S(T.SYMMETRIC_KEY, S(
    T.KEY_BLOCK, ttlv.enumeration(T.KEY_FORMAT_TYPE, 1),
    S(T.KEY_VALUE, ttlv.byte_string(T.KEY_MATERIAL, bytes(16))),
    ttlv.enumeration(T.CRYPTOGRAPHIC_ALGORITHM, 3), ttlv.integer(T.CRYPTOGRAPHIC_LENGTH, 128)))
WRAPPING = S(
    T.KEY_WRAPPING_SPECIFICATION, ttlv.enumeration(T.WRAPPING_METHOD, 1),
    S(T.ENCRYPTION_KEY_INFORMATION, UID))
DERIVATION = S(
    T.DERIVATION_PARAMETERS, S(T.CRYPTOGRAPHIC_PARAMETERS, ttlv.enumeration(T.HASHING_ALGORITHM, 6)),
    ttlv.byte_string(T.INITIALIZATION_VECTOR, bytes(16)), ttlv.byte_string(T.SALT, b"a"),
    ttlv.integer(T.ITERATION_COUNT, 1))
DERIVED = (SYMMETRIC, UID, ttlv.enumeration(T.DERIVATION_METHOD, 2), DERIVATION)
IN_1, IN_2, EVER = (10, 14), (20, 21), (10, 21)

# (operation, versions, payload, the structure to spoil, {its items: required?})
INSIDE = [
    (Operation.REVOKE, EVER, [UID, S(
        T.REVOCATION_REASON, ttlv.enumeration(T.REVOCATION_REASON_CODE, 1),
        ttlv.text(T.REVOCATION_MESSAGE, "a"))],
     T.REVOCATION_REASON, {T.REVOCATION_REASON_CODE: True, T.REVOCATION_MESSAGE: False}),
    (Operation.VALIDATE, EVER, [S(
        T.CERTIFICATE, ttlv.enumeration(T.CERTIFICATE_TYPE, 1), ttlv.byte_string(T.CERTIFICATE_VALUE, b"a"))],
     T.CERTIFICATE, {T.CERTIFICATE_TYPE: True, T.CERTIFICATE_VALUE: True}),
    (Operation.DISCOVER_VERSIONS, (11, 21), [S(
        T.PROTOCOL_VERSION, ttlv.integer(T.PROTOCOL_VERSION_MAJOR, 1),
        ttlv.integer(T.PROTOCOL_VERSION_MINOR, 2))],
     T.PROTOCOL_VERSION, {T.PROTOCOL_VERSION_MAJOR: True, T.PROTOCOL_VERSION_MINOR: True}),
    (Operation.REGISTER, IN_1, [ttlv.enumeration(T.OBJECT_TYPE, 8), S(T.TEMPLATE_ATTRIBUTE), OPAQUE],
     T.OPAQUE_OBJECT, {T.OPAQUE_DATA_TYPE: True, T.OPAQUE_DATA_VALUE: True}),
    (Operation.REGISTER, IN_2, [ttlv.enumeration(T.OBJECT_TYPE, 8), S(T.ATTRIBUTES), OPAQUE],
     T.OPAQUE_OBJECT, {T.OPAQUE_DATA_TYPE: True, T.OPAQUE_DATA_VALUE: True}),
    (Operation.REGISTER, IN_1, [SYMMETRIC, S(T.TEMPLATE_ATTRIBUTE), BLOCK],
     T.KEY_BLOCK, {T.KEY_FORMAT_TYPE: True, T.CRYPTOGRAPHIC_ALGORITHM: False, T.CRYPTOGRAPHIC_LENGTH: False}),
    (Operation.REGISTER, IN_1, [SYMMETRIC, S(T.TEMPLATE_ATTRIBUTE), BLOCK],
     T.KEY_VALUE, {T.KEY_MATERIAL: True}),
    (Operation.GET, EVER, [UID, WRAPPING], T.KEY_WRAPPING_SPECIFICATION,
     {T.WRAPPING_METHOD: True, T.ENCRYPTION_KEY_INFORMATION: False}),
    (Operation.GET, EVER, [UID, WRAPPING], T.ENCRYPTION_KEY_INFORMATION, {T.UNIQUE_IDENTIFIER: True}),
    (Operation.DERIVE_KEY, IN_1, [*DERIVED, S(T.TEMPLATE_ATTRIBUTE)], T.DERIVATION_PARAMETERS,
     {T.CRYPTOGRAPHIC_PARAMETERS: False, T.INITIALIZATION_VECTOR: False, T.SALT: False,
      T.ITERATION_COUNT: False}),
    (Operation.DERIVE_KEY, IN_2, [*DERIVED, S(T.ATTRIBUTES)], T.CRYPTOGRAPHIC_PARAMETERS,
     {T.HASHING_ALGORITHM: False}),
    (Operation.GET_ATTRIBUTES, IN_2, [UID, REFERENCE], T.ATTRIBUTE_REFERENCE, REFERENCES),
    (Operation.DELETE_ATTRIBUTE, IN_2, [UID, REFERENCE], T.ATTRIBUTE_REFERENCE, REFERENCES),
    (Operation.CREATE, IN_1, [SYMMETRIC, S(T.TEMPLATE_ATTRIBUTE, S(T.NAME, *NAMED))], T.NAME, NAMES),
    (Operation.CREATE, IN_2, [SYMMETRIC, S(T.ATTRIBUTES), S(
        T.PROTECTION_STORAGE_MASKS, ttlv.integer(T.PROTECTION_STORAGE_MASK, 1))],
     T.PROTECTION_STORAGE_MASKS, {T.PROTECTION_STORAGE_MASK: False}),
]
# Wherever attributes go: those of 1.x in an Attribute, those of 2.x by themselves.
for _operation, _before, _tags in (
        (Operation.CREATE, [SYMMETRIC], (T.TEMPLATE_ATTRIBUTE, T.ATTRIBUTES)),
        (Operation.CREATE_KEY_PAIR, [], (T.PRIVATE_KEY_TEMPLATE_ATTRIBUTE, T.PUBLIC_KEY_ATTRIBUTES)),
        (Operation.RE_KEY, [UID], (T.TEMPLATE_ATTRIBUTE, T.ATTRIBUTES)),
        (Operation.DERIVE_KEY, [*DERIVED], (T.TEMPLATE_ATTRIBUTE, T.ATTRIBUTES)),
        (Operation.LOCATE, [], (None, T.ATTRIBUTES)),
        (Operation.ADD_ATTRIBUTE, [UID], (None, T.NEW_ATTRIBUTE)),
        (Operation.MODIFY_ATTRIBUTE, [UID], (None, T.NEW_ATTRIBUTE))):
    _first = attribute(*NAMED) if _tags[0] is None else S(_tags[0], attribute(*NAMED))
    INSIDE += [
        (_operation, IN_1, [*_before, _first], T.ATTRIBUTE, ATTRIBUTES),
        (_operation, IN_1, [*_before, _first], T.ATTRIBUTE_VALUE, NAMES),
        (_operation, IN_2, [*_before, S(_tags[1], S(T.NAME, *NAMED))], T.NAME, NAMES)]


def spoiled(items, tag, change):
    """The items with the structure of this tag, wherever it is, holding what `change` makes of its items."""
    found = []
    for item in items:
        if item.tag == tag:
            item = ttlv.structure(tag, *change(item.value))
        elif item.type == ttlv.STRUCTURE:
            item = ttlv.structure(item.tag, *spoiled(item.value, tag, change))
        found.append(item)
    return found


@pytest.mark.parametrize("number", range(len(INSIDE)), ids=lambda number: "%s-%s-%d" % (
    INSIDE[number][0].name.lower(), T(INSIDE[number][3]).name.lower(), INSIDE[number][1][0]))
def test_bad_input_inside(engine, number):
    operation, (low, high), whole, tag, inner = INSIDE[number]
    uid = Direct(engine, engine.caller.identity, 14).call(
        Operation.CREATE, SYMMETRIC, S(T.TEMPLATE_ATTRIBUTE, *[
            S(T.ATTRIBUTE, ttlv.text(T.ATTRIBUTE_NAME, name), value.retag(T.ATTRIBUTE_VALUE))
            for name, value in (
                ("Cryptographic Algorithm", ttlv.enumeration(T.CRYPTOGRAPHIC_ALGORITHM, 3)),
                ("Cryptographic Usage Mask", ttlv.integer(T.CRYPTOGRAPHIC_USAGE_MASK, 0x230)),
                ("Activation Date", ttlv.date_time(T.ACTIVATION_DATE, 1)))])).find(T.UNIQUE_IDENTIFIER)
    whole = [uid if item is UID else item for item in whole]
    whole = spoiled(whole, T.ENCRYPTION_KEY_INFORMATION, lambda _: [uid])
    for version in VERSIONS:
        if not low <= version <= high:
            continue

        def outcome(change, version=version):
            return reason(engine, version, operation, spoiled(whole, tag, change))

        for each, required in inner.items():
            place = (Operation(operation).name, version, T(each).name)
            if required:
                assert outcome(lambda items, each=each: [
                    item for item in items if item.tag != each]) == R.INVALID_MESSAGE, place
            wrong = [ttlv.Item(each, ttlv.DATE_TIME, 1)]
            assert outcome(lambda items, each=each, wrong=wrong: [
                sub for item in items for sub in (wrong if item.tag == each else [item])]) == (
                    R.INVALID_MESSAGE), place
            if each != T.PROTECTION_STORAGE_MASK:
                assert outcome(lambda items, each=each: [
                    sub for item in items for sub in [item] * (1 + (item.tag == each))]) == (
                        R.INVALID_MESSAGE), place
        unknown = ttlv.text(T.COMMENT, "what is this?")
        for change in (lambda items, unknown=unknown: [*items, unknown],
                       lambda items, unknown=unknown: [unknown, *items]):
            assert outcome(change) == R.INVALID_FIELD, (Operation(operation).name, version)
