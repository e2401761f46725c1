"""KMIP 2.0 and 2.1: attributes by tag, identifiers by reference, other defaults and other reasons."""

import pytest
from serverkit import Clock, make_engine, vectors
from test_server_certify import csr, spki
from test_server_pending import items_of

from tools.refserver import direct, ttlv
from tools.refserver.authority import new_key
from tools.refserver.direct import Direct, name_item, payload_of
from tools.refserver.direct import attributes_2x as A
from tools.refserver.enums import (
    AsynchronousIndicator,
    CancellationResult,
    LinkType,
    ObjectType,
    Operation,
    ResultStatus,
    State,
    UniqueIdentifier,
)
from tools.refserver.enums import ResultReason as R
from tools.refserver.errors import KmipError
from tools.refserver.tags import Tag as T

NOW = 1_700_000_000
VERSIONS = (20, 21)


@pytest.fixture(params=VERSIONS)
def caller(request, tmp_path):
    clock = Clock(NOW)
    engine, old = make_engine(tmp_path / "state", clock, newest=21)
    caller = Direct(engine, old.identity, request.param)
    caller.clock, caller.old = clock, old
    yield caller
    engine.close()


def text(tag, value):
    return ttlv.text(tag, value)


def uid_item(value):
    """Unique Identifier: a str, an int (the nth of the batch) or a UniqueIdentifier."""
    if isinstance(value, str):
        return ttlv.text(T.UNIQUE_IDENTIFIER, value)
    kind = ttlv.enumeration if isinstance(value, UniqueIdentifier) else ttlv.integer
    return kind(T.UNIQUE_IDENTIFIER, value)


AES = ttlv.enumeration(T.CRYPTOGRAPHIC_ALGORITHM, 3)
BITS = ttlv.integer(T.CRYPTOGRAPHIC_LENGTH, 128)
MASK = ttlv.integer(T.CRYPTOGRAPHIC_USAGE_MASK, 4)
ACTIVE = ttlv.date_time(T.ACTIVATION_DATE, NOW)
SYMMETRIC = ttlv.enumeration(T.OBJECT_TYPE, ObjectType.SYMMETRIC_KEY)


def create_payload(*extra):
    return [SYMMETRIC, A(AES, BITS, MASK, *extra)]


def create(caller, *extra):
    payload = caller.call(Operation.CREATE, *create_payload(*extra))
    assert [item.tag for item in payload.value] == [T.OBJECT_TYPE, T.UNIQUE_IDENTIFIER]
    return payload.find(T.UNIQUE_IDENTIFIER).value


def get(caller, uid, *tags):
    """The Items in the Attributes that Get Attributes answers."""
    payload = caller.call(Operation.GET_ATTRIBUTES, uid_item(uid), *[
        ttlv.enumeration(T.ATTRIBUTE_REFERENCE, tag) for tag in tags])
    assert [item.tag for item in payload.value] == [T.UNIQUE_IDENTIFIER, T.ATTRIBUTES]
    return payload.find(T.ATTRIBUTES).value


def failure(function, *args):
    with pytest.raises(KmipError) as caught:
        function(*args)
    return caught.value.reason


def do(caller, operation, uid, *payload):
    return caller.call(operation, uid_item(uid), *payload)


def new(*items):
    return A(*items, tag=T.NEW_ATTRIBUTE)


def current(*items):
    return A(*items, tag=T.CURRENT_ATTRIBUTE)


def vendor(vendor, name, value):
    return ttlv.structure(T.ATTRIBUTE, text(T.VENDOR_IDENTIFICATION, vendor),
                          text(T.ATTRIBUTE_NAME, name), text(T.ATTRIBUTE_VALUE, value))


# versions


def test_only_where_it_is_switched_on(tmp_path):
    _, old = make_engine(tmp_path / "state")
    with pytest.raises(KmipError) as caught:
        Direct(old.engine, old.identity, 21).call(Operation.QUERY, ttlv.enumeration(T.QUERY_FUNCTION, 1))
    assert caught.value.reason == R.INVALID_MESSAGE
    with pytest.raises(ValueError, match="newest"):
        make_engine(tmp_path / "state", newest=22)


def test_discover_versions(caller):
    payload = caller.call(Operation.DISCOVER_VERSIONS)
    assert [tuple(part.value for part in item.value) for item in payload.value] == [
        (2, 1), (2, 0), (1, 4), (1, 3), (1, 2), (1, 1), (1, 0)]


def test_a_server_of_1_0_does_not_know_discover_versions(tmp_path):
    _, old = make_engine(tmp_path / "state", newest=10)
    assert failure(old.call, Operation.DISCOVER_VERSIONS) == R.OPERATION_NOT_SUPPORTED


def test_the_answer_has_the_requests_version(caller):
    answer = caller.send((Operation.QUERY, [ttlv.enumeration(T.QUERY_FUNCTION, 1)]))
    version = answer.value[0].find(T.PROTOCOL_VERSION)
    assert [item.value for item in version.value] == list(divmod(caller.version, 10))


def test_2_2_is_read_as_2_1(caller):
    newer = Direct(caller.engine, caller.identity, 22)
    answer = newer.send((Operation.QUERY, [ttlv.enumeration(T.QUERY_FUNCTION, 1), text(T.COMMENT, "new")]))
    assert [item.value for item in answer.value[0].find(T.PROTOCOL_VERSION).value] == [2, 1]
    assert items_of(answer)[0].find(T.RESULT_STATUS).value == 0


@pytest.mark.parametrize(("name", "reason"), [
    ("certify-2.1-req", R.ITEM_NOT_FOUND),  # the one list of 2.x that has it
    ("recertify-2.1-req", R.OBJECT_NOT_FOUND), ("gua-2.1-req", R.OBJECT_NOT_FOUND)])
def test_own_vectors(caller, name, reason):
    messages = vectors("own.json")
    if messages is None:
        pytest.skip("shared/vectors/own.json is not beside this repository")
    data = next(bytes.fromhex(each["hex"]) for each in messages if each["id"] == name)
    item = items_of(ttlv.decode(caller.engine.handle(data, caller.identity)))[0]
    assert item.find(T.RESULT_REASON).value == reason  # understood: only the object is not there


def test_what_belongs_to_1_x_is_unknown(caller):
    uid = create(caller)
    assert failure(caller.call, Operation.CREATE, SYMMETRIC, ttlv.structure(
        T.TEMPLATE_ATTRIBUTE)) == R.INVALID_FIELD
    assert failure(do, caller, Operation.GET_ATTRIBUTES, uid,
                   text(T.ATTRIBUTE_NAME, "Name")) == R.INVALID_FIELD
    template = ttlv.enumeration(T.OBJECT_TYPE, 6)
    assert failure(caller.call, Operation.REGISTER, template, A()) == R.INVALID_FIELD
    policy = text(T.OPERATION_POLICY_NAME, "default")
    assert failure(caller.call, Operation.CREATE, *create_payload(policy)) == R.INVALID_FIELD


def test_what_belongs_to_2_x_is_unknown_to_1_4(caller):
    uid = create(caller)
    old = caller.old
    assert failure(do, old, Operation.ADD_ATTRIBUTE, uid, new(text(T.COMMENT, "a"))) == R.INVALID_FIELD
    assert failure(do, old, Operation.SET_ATTRIBUTE, uid, new(text(T.COMMENT, "a"))) == (
        R.OPERATION_NOT_SUPPORTED)
    assert failure(do, old, Operation.GET, UniqueIdentifier.ID_PLACEHOLDER) == R.INVALID_MESSAGE


# attributes


def test_attributes_by_tag(caller):
    uid = create(caller, name_item("one"), name_item("two"), ACTIVE, vendor("x", "site", "north"),
                 vendor("acme", "site", "south"))
    items = get(caller, uid)
    assert AES in items and BITS in items and MASK in items and ACTIVE in items
    assert [item for item in items if item.tag == T.NAME] == [name_item("one"), name_item("two")]
    assert [item for item in items if item.tag == T.ATTRIBUTE] == [
        vendor("acme", "site", "south"), vendor("x", "site", "north")]
    assert ttlv.enumeration(T.KEY_FORMAT_TYPE, 1) in items
    assert get(caller, uid, T.STATE, T.UNIQUE_IDENTIFIER) == [
        ttlv.enumeration(T.STATE, State.ACTIVE), text(T.UNIQUE_IDENTIFIER, uid)]
    assert get(caller, uid, T.COMMENT) == []


def test_references(caller):
    uid = create(caller, vendor("x", "site", "north"))
    reference = ttlv.structure(T.ATTRIBUTE_REFERENCE, text(T.VENDOR_IDENTIFICATION, "x"),
                               text(T.ATTRIBUTE_NAME, "site"))
    payload = do(caller, Operation.GET_ATTRIBUTES, uid, reference)
    assert payload.find(T.ATTRIBUTES).value == [vendor("x", "site", "north")]
    listed = do(caller, Operation.GET_ATTRIBUTE_LIST, uid).value[1:]
    assert reference in listed
    assert ttlv.enumeration(T.ATTRIBUTE_REFERENCE, T.STATE) in listed
    twice = [ttlv.enumeration(T.ATTRIBUTE_REFERENCE, T.STATE)] * 2
    assert failure(do, caller, Operation.GET_ATTRIBUTES, uid, *twice) == R.INVALID_MESSAGE


def test_vendor_attributes_are_1_xs_custom_attributes(caller):
    uid = create(caller, vendor("x", "site", "north"), vendor("acme", "site", "south"))
    payload = do(caller.old, Operation.GET_ATTRIBUTES, uid, text(T.ATTRIBUTE_NAME, "x-site"))
    assert payload.find(T.ATTRIBUTE).find(T.ATTRIBUTE_VALUE).value == "north"
    names = [item.value for item in do(caller.old, Operation.GET_ATTRIBUTE_LIST, uid).value[1:]]
    assert "x-site" in names and len([name for name in names if "site" in name]) == 1


def test_add_modify_delete_set(caller):
    uid = create(caller)
    a, b, c = (text(T.OBJECT_GROUP, each) for each in "abc")
    for item in (a, b):
        payload = do(caller, Operation.ADD_ATTRIBUTE, uid, new(item))
        assert [each.tag for each in payload.value] == [T.UNIQUE_IDENTIFIER]
    # Current Attribute picks the instance by its value.
    do(caller, Operation.MODIFY_ATTRIBUTE, uid, current(b), new(c))
    assert get(caller, uid, T.OBJECT_GROUP) == [a, c]
    for payload in ([new(b)], [current(b), new(a)]):
        assert failure(do, caller, Operation.MODIFY_ATTRIBUTE, uid, *payload) == (
            R.ATTRIBUTE_INSTANCE_NOT_FOUND)
    do(caller, Operation.DELETE_ATTRIBUTE, uid, current(a))
    assert get(caller, uid, T.OBJECT_GROUP) == [c]
    do(caller, Operation.MODIFY_ATTRIBUTE, uid, new(b))
    do(caller, Operation.SET_ATTRIBUTE, uid, new(a))  # changes the only one
    assert get(caller, uid, T.OBJECT_GROUP) == [a]
    do(caller, Operation.ADD_ATTRIBUTE, uid, new(b))
    assert failure(do, caller, Operation.SET_ATTRIBUTE, uid, new(c)) == R.MULTI_VALUED_ATTRIBUTE
    do(caller, Operation.DELETE_ATTRIBUTE, uid, ttlv.enumeration(T.ATTRIBUTE_REFERENCE, T.OBJECT_GROUP))
    assert get(caller, uid, T.OBJECT_GROUP) == []
    do(caller, Operation.SET_ATTRIBUTE, uid, new(a))  # adds one
    assert get(caller, uid, T.OBJECT_GROUP) == [a]


def test_reasons_of_the_attribute_operations(caller):
    create(caller, name_item("taken"))
    uid = create(caller, text(T.COMMENT, "one"), name_item("mine"))
    state = ttlv.enumeration(T.STATE, State.ACTIVE)
    add, modify, delete = Operation.ADD_ATTRIBUTE, Operation.MODIFY_ATTRIBUTE, Operation.DELETE_ATTRIBUTE
    reference = ttlv.enumeration(T.ATTRIBUTE_REFERENCE, T.CONTACT_INFORMATION)
    contact = text(T.CONTACT_INFORMATION, "me")
    length = ttlv.integer(T.CERTIFICATE_LENGTH, 1)
    for operation, payload, reason in (
            (add, [new(text(T.COMMENT, "two"))], R.ATTRIBUTE_SINGLE_VALUED),
            (add, [new(state)], R.READ_ONLY_ATTRIBUTE),
            (add, [new(length)], R.INVALID_ATTRIBUTE),
            (add, [new(name_item("taken"))], R.NON_UNIQUE_NAME_ATTRIBUTE),
            (add, [new()], R.INVALID_MESSAGE), (add, [new(contact, contact)], R.INVALID_MESSAGE),
            (modify, [new(state)], R.ATTRIBUTE_READ_ONLY),
            (modify, [new(contact)], R.ATTRIBUTE_NOT_FOUND),
            (modify, [current(contact), new(text(T.COMMENT, "a"))], R.INVALID_FIELD),
            (modify, [new(name_item("taken"))], R.NON_UNIQUE_NAME_ATTRIBUTE),
            (delete, [current(contact)], R.ATTRIBUTE_NOT_FOUND),
            (delete, [reference], R.ATTRIBUTE_NOT_FOUND),
            (delete, [current(text(T.COMMENT, "two"))], R.ATTRIBUTE_INSTANCE_NOT_FOUND),
            (delete, [ttlv.enumeration(T.ATTRIBUTE_REFERENCE, T.STATE)], R.ATTRIBUTE_READ_ONLY),
            (delete, [], R.INVALID_MESSAGE)):
        assert failure(do, caller, operation, uid, *payload) == reason, (operation, payload)
    assert failure(do, caller, add, "nothing", new(contact)) == R.OBJECT_NOT_FOUND
    assert failure(caller.call, Operation.CREATE, *create_payload(name_item("taken"))) == (
        R.NON_UNIQUE_NAME_ATTRIBUTE)


def test_adjust_attribute(caller):
    uid = create(caller, ttlv.date_time(T.ACTIVATION_DATE, NOW + 50))

    def adjust(tag, kind, *value):
        do(caller, Operation.ADJUST_ATTRIBUTE, uid, ttlv.enumeration(T.ATTRIBUTE_REFERENCE, tag),
           ttlv.enumeration(T.ADJUSTMENT_TYPE, kind),
           *[ttlv.integer(T.ADJUSTMENT_VALUE, each) for each in value])

    adjust(T.ACTIVATION_DATE, 1)
    adjust(T.ACTIVATION_DATE, 2, 11)
    assert get(caller, uid, T.ACTIVATION_DATE)[0].value == NOW + 40
    adjust(T.SENSITIVE, 3)
    assert get(caller, uid, T.SENSITIVE)[0].value is True
    assert failure(adjust, T.ACTIVATION_DATE, 3) == R.INVALID_DATA_TYPE
    assert failure(adjust, T.STATE, 1) == R.READ_ONLY_ATTRIBUTE
    assert failure(adjust, T.CERTIFICATE_LENGTH, 1) == R.UNSUPPORTED_ATTRIBUTE
    assert failure(do, caller, Operation.ADJUST_ATTRIBUTE, "nothing",
                   ttlv.enumeration(T.ATTRIBUTE_REFERENCE, T.STATE),
                   ttlv.enumeration(T.ADJUSTMENT_TYPE, 1)) == R.ITEM_NOT_FOUND


def test_locate_by_attributes(caller):
    uid = create(caller, name_item("one"))
    create(caller, name_item("two"))
    payload = caller.call(Operation.LOCATE, A(name_item("one")))
    assert [item.value for item in payload.value] == [1, uid]
    assert caller.call(Operation.LOCATE, A(SYMMETRIC)).value[0].value == 2
    assert failure(caller.call, Operation.LOCATE) == R.INVALID_MESSAGE  # Attributes is required


def test_locate_by_storage_status(caller):
    """Storage Status Mask: 1 On-line, 2 Archival, 4 Destroyed, the last of 2.x only (S21 §12)."""
    online, archived, destroyed = [create(caller) for _ in range(3)]
    do(caller, Operation.ARCHIVE, archived)
    do(caller, Operation.DESTROY, destroyed)

    def located(mask, *attributes):
        payload = caller.call(Operation.LOCATE, ttlv.integer(T.STORAGE_STATUS_MASK, mask), A(*attributes))
        return [item.value for item in payload.value[1:]]

    assert located(1) == [online] and located(2) == [archived] and located(4) == [destroyed]
    assert located(5) == [online, destroyed] and located(7) == [online, archived, destroyed]
    state = ttlv.enumeration(T.STATE, State.DESTROYED)
    assert located(4, state) == [destroyed] and located(1, state) == []
    found = caller.call(Operation.LOCATE, A(state)).find(T.UNIQUE_IDENTIFIER)  # as in 1.x
    assert found.value == destroyed
    assert failure(caller.call, Operation.LOCATE, ttlv.integer(T.STORAGE_STATUS_MASK, 8), A()) == (
        R.INVALID_FIELD)
    assert failure(caller.old.call, Operation.LOCATE, ttlv.integer(T.STORAGE_STATUS_MASK, 4)) == (
        R.INVALID_FIELD)


def test_protection_storage_masks(caller):
    def masks(*values):
        return ttlv.structure(T.PROTECTION_STORAGE_MASKS, *[
            ttlv.integer(T.PROTECTION_STORAGE_MASK, each) for each in values])
    caller.call(Operation.CREATE, *create_payload(), masks(1))
    caller.call(Operation.CREATE, *create_payload(), masks(2, 1))
    assert failure(caller.call, Operation.CREATE, *create_payload(), masks(2)) == (
        R.PROTECTION_STORAGE_UNAVAILABLE)
    payload = caller.call(Operation.QUERY, ttlv.enumeration(T.QUERY_FUNCTION, 0xE))
    assert payload.value[0].tag == T.PROTECTION_STORAGE_MASKS


# batches and identifiers


def test_ordered_is_the_default(caller):
    answer = caller.send((Operation.CREATE, create_payload()), (Operation.GET, []))
    assert [item.find(T.RESULT_STATUS).value for item in items_of(answer)] == [0, 0]
    answer = caller.send((Operation.CREATE, create_payload()), (Operation.GET, []), ordered=False)
    assert items_of(answer)[1].find(T.RESULT_REASON).value == R.INVALID_MESSAGE


def test_identifiers_by_reference(caller):
    items = [(Operation.CREATE, create_payload(name_item("one"))),
             (Operation.CREATE, create_payload(name_item("two")))]
    wanted = [0, 1, -2, UniqueIdentifier.CREATE, UniqueIdentifier.ID_PLACEHOLDER]
    answer = items_of(caller.send(*items, *[(Operation.GET, [uid_item(each)]) for each in wanted]))
    made = [payload_of(item).find(T.UNIQUE_IDENTIFIER).value for item in answer]
    assert made[2:4] == made[:2]
    assert made[4] == made[2]  # the second but last of those so far: 0, 1, 0, 1
    assert made[5:] == [made[1], made[1]]
    for wrong in (0, -1, UniqueIdentifier.CREATE, UniqueIdentifier.ID_PLACEHOLDER):
        assert failure(do, caller, Operation.GET, wrong) == R.OBJECT_NOT_FOUND
    strange = ttlv.enumeration(T.UNIQUE_IDENTIFIER, 0x99)
    assert failure(caller.call, Operation.GET, strange) == R.INVALID_FIELD


def test_the_halves_of_a_key_pair_by_reference(caller):
    common = A(ttlv.enumeration(T.CRYPTOGRAPHIC_ALGORITHM, 6), ttlv.integer(T.CRYPTOGRAPHIC_LENGTH, 256),
               ttlv.integer(T.CRYPTOGRAPHIC_USAGE_MASK, 3), tag=T.COMMON_ATTRIBUTES)
    kinds = (UniqueIdentifier.CREATE_KEY_PAIR_PRIVATE_KEY, UniqueIdentifier.CREATE_KEY_PAIR_PUBLIC_KEY)
    answer = items_of(caller.send(
        (Operation.CREATE_KEY_PAIR, [common]), *[(Operation.GET, [uid_item(each)]) for each in kinds]))
    assert [payload_of(item).find(T.OBJECT_TYPE).value for item in answer[1:]] == [
        ObjectType.PRIVATE_KEY, ObjectType.PUBLIC_KEY]


def test_a_failed_check_ends_no_batch_that_continues(caller):
    uid = create(caller)
    check = (Operation.CHECK, [uid_item(uid), ttlv.integer(T.CRYPTOGRAPHIC_USAGE_MASK, 8)])
    query = (Operation.QUERY, [ttlv.enumeration(T.QUERY_FUNCTION, 1)])
    answer = items_of(caller.send(check, query, option=1))
    assert answer[0].find(T.RESULT_REASON).value == R.INCOMPATIBLE_CRYPTOGRAPHIC_USAGE_MASK
    assert answer[1].find(T.RESULT_STATUS).value == 0


def test_ephemeral_and_several_extensions(caller):
    tree = ttlv.decode(direct.request(
        caller.version, (Operation.QUERY, [ttlv.enumeration(T.QUERY_FUNCTION, 1)])))
    batch = tree.find(T.BATCH_ITEM)
    extension = ttlv.structure(
        T.MESSAGE_EXTENSION, text(T.VENDOR_IDENTIFICATION, "acme"),
        ttlv.boolean(T.CRITICALITY_INDICATOR, False), ttlv.structure(T.VENDOR_EXTENSION))
    batch.value += [extension, extension]

    def answer():
        return items_of(ttlv.decode(caller.engine.handle(ttlv.encode(tree), caller.identity)))[0]
    assert answer().find(T.RESULT_STATUS).value == 0
    batch.value.insert(1, ttlv.boolean(T.EPHEMERAL, True))
    assert answer().find(T.RESULT_REASON).value == R.FEATURE_NOT_SUPPORTED


# asynchronous


def test_the_indicator_is_an_enumeration(caller):
    def ask(wait):
        item = items_of(caller.send((Operation.CREATE, create_payload()), asynchronous=wait))[0]
        return item.find(T.RESULT_STATUS).value

    kinds = AsynchronousIndicator
    assert [ask(kind) for kind in (kinds.MANDATORY, kinds.OPTIONAL, kinds.PROHIBITED)] == [
        ResultStatus.OPERATION_PENDING, 0, 0]
    caller.engine.pending.set(Operation.CREATE, "always")
    assert [ask(kind) for kind in (kinds.MANDATORY, kinds.OPTIONAL, kinds.PROHIBITED)] == [
        ResultStatus.OPERATION_PENDING, ResultStatus.OPERATION_PENDING, 0]


def test_poll_and_cancel(caller):
    item = items_of(caller.send((Operation.CREATE, create_payload()),
                                asynchronous=AsynchronousIndicator.MANDATORY))[0]
    correlation = item.find(T.ASYNCHRONOUS_CORRELATION_VALUE).value
    done = caller.poll(correlation)
    assert done.find(T.OPERATION).value == Operation.CREATE
    assert [sub.tag for sub in payload_of(done).value] == [T.OBJECT_TYPE, T.UNIQUE_IDENTIFIER]
    assert caller.cancel(correlation) == CancellationResult.COMPLETED
    unknown = R.INVALID_ASYNCHRONOUS_CORRELATION_VALUE
    assert caller.poll(b"unknown").find(T.RESULT_REASON).value == unknown
    assert failure(caller.cancel, b"unknown") == unknown


# certificates


def register_public(caller, key):
    material = direct.key_object(T.PUBLIC_KEY, 5, spki(key.public_key()), 6, 256)
    payload = caller.call(
        Operation.REGISTER, ttlv.enumeration(T.OBJECT_TYPE, ObjectType.PUBLIC_KEY),
        A(ttlv.integer(T.CRYPTOGRAPHIC_USAGE_MASK, 2)), material)
    assert [item.tag for item in payload.value] == [T.UNIQUE_IDENTIFIER]
    return payload.value[0].value


def request_value(key):
    return [ttlv.enumeration(T.CERTIFICATE_REQUEST_TYPE, 2),
            ttlv.byte_string(T.CERTIFICATE_REQUEST_VALUE, csr(key))]


def register_request(caller, data):
    payload = caller.call(
        Operation.REGISTER, ttlv.enumeration(T.OBJECT_TYPE, ObjectType.CERTIFICATE_REQUEST), A(),
        ttlv.structure(T.CERTIFICATE_REQUEST, ttlv.enumeration(T.CERTIFICATE_REQUEST_TYPE, 2),
                       ttlv.byte_string(T.CERTIFICATE_REQUEST_VALUE, data)))
    return payload.value[0].value


def link_of(caller, uid, kind):
    for item in get(caller, uid, T.LINK):
        if item.find(T.LINK_TYPE).value == kind:
            return item.find(T.LINKED_OBJECT_IDENTIFIER).value
    return None


def test_certify_and_recertify(caller):
    key = new_key()
    public = register_public(caller, key)
    payload = do(caller, Operation.CERTIFY, public, *request_value(key), A(ACTIVE))
    assert [item.tag for item in payload.value] == [T.UNIQUE_IDENTIFIER]
    first = payload.value[0].value
    second = do(caller, Operation.RE_CERTIFY, first, *request_value(key),
                ttlv.interval(T.OFFSET, 0)).value[0].value
    assert link_of(caller, first, LinkType.REPLACEMENT_OBJECT_LINK) == second
    assert link_of(caller, public, LinkType.CERTIFICATE_LINK) == second
    assert do(caller, Operation.GET, second).find(T.CERTIFICATE) is not None


def test_a_certificate_request_needs_no_identifier(caller):
    key = new_key()
    public = register_public(caller, key)
    uid = caller.call(Operation.CERTIFY, *request_value(key)).value[0].value
    assert link_of(caller, uid, LinkType.PUBLIC_KEY_LINK) == public
    alone = caller.call(Operation.CERTIFY, *request_value(new_key())).value[0].value
    assert link_of(caller, alone, LinkType.PUBLIC_KEY_LINK) is None


def test_certificate_request_objects(caller):
    key = new_key()
    request = register_request(caller, csr(key))
    got = do(caller, Operation.GET, request).find(T.CERTIFICATE_REQUEST)
    assert got.find(T.CERTIFICATE_REQUEST_VALUE).type == ttlv.BYTE_STRING
    assert get(caller, request, T.CERTIFICATE_REQUEST_TYPE)[0].value == 2
    assert get(caller, request, T.STATE) == []
    first = do(caller, Operation.CERTIFY, request).value[0].value
    named = ttlv.text(T.CERTIFICATE_REQUEST_UNIQUE_IDENTIFIER, request)
    second = do(caller, Operation.RE_CERTIFY, first, named).value[0].value
    assert link_of(caller, second, LinkType.REPLACED_OBJECT_LINK) == first
    assert failure(do, caller, Operation.CERTIFY, request, *request_value(key)) == R.INVALID_MESSAGE
    wrong = ttlv.text(T.CERTIFICATE_REQUEST_UNIQUE_IDENTIFIER, second)
    assert failure(do, caller, Operation.RE_CERTIFY, second, wrong) == R.INVALID_OBJECT_TYPE
    assert failure(register_request, caller, b"no request") == R.INVALID_CSR
    # What 1.x does not know is not shown to it as an object either.
    assert failure(do, caller.old, Operation.GET, request) == R.ITEM_NOT_FOUND


def test_reasons_of_certify_and_recertify(caller):
    key, other = new_key(), new_key()
    public = register_public(caller, key)
    uid = do(caller, Operation.CERTIFY, public, *request_value(key)).value[0].value
    symmetric = create(caller)
    bad = [ttlv.enumeration(T.CERTIFICATE_REQUEST_TYPE, 2),
           ttlv.byte_string(T.CERTIFICATE_REQUEST_VALUE, b"rubbish")]
    for operation, target, payload, reason in (
            (Operation.CERTIFY, "nothing", [], R.ITEM_NOT_FOUND),
            (Operation.RE_CERTIFY, "nothing", [], R.OBJECT_NOT_FOUND),
            (Operation.CERTIFY, symmetric, request_value(key), R.INVALID_OBJECT_TYPE),
            (Operation.RE_CERTIFY, symmetric, request_value(key), R.INVALID_OBJECT_TYPE),
            (Operation.CERTIFY, public, bad, R.INVALID_CSR),
            (Operation.RE_CERTIFY, uid, bad, R.INVALID_CSR),
            (Operation.CERTIFY, public, request_value(other), R.INVALID_CSR),
            (Operation.RE_CERTIFY, uid, [ttlv.interval(T.OFFSET, 0), A(ACTIVE)], R.INVALID_MESSAGE)):
        assert failure(do, caller, operation, target, *payload) == reason, (operation, target)


# keys


def test_usage_allocation(caller):
    limits = ttlv.structure(T.USAGE_LIMITS, ttlv.long_integer(T.USAGE_LIMITS_TOTAL, 5),
                            ttlv.enumeration(T.USAGE_LIMITS_UNIT, 1))
    uid, plain = create(caller, ACTIVE, limits), create(caller, ACTIVE)
    count = ttlv.long_integer(T.USAGE_LIMITS_COUNT, 5)
    assert do(caller, Operation.GET_USAGE_ALLOCATION, uid, count).value[0].value == uid
    allocate = Operation.GET_USAGE_ALLOCATION
    assert failure(do, caller, allocate, uid, count) == R.USAGE_LIMIT_EXCEEDED
    assert failure(do, caller, allocate, plain, count) == R.ATTRIBUTE_NOT_FOUND
    assert failure(do, caller, allocate, "nothing", count) == R.OBJECT_NOT_FOUND
    assert get(caller, uid, T.USAGE_LIMITS)[0].find(T.USAGE_LIMITS_COUNT).value == 0


def test_attributes_in_the_key_value(caller):
    block = ttlv.structure(
        T.KEY_BLOCK, ttlv.enumeration(T.KEY_FORMAT_TYPE, 1),
        ttlv.structure(T.KEY_VALUE, ttlv.byte_string(T.KEY_MATERIAL, bytes(16)), A(MASK)), AES, BITS)
    payload = caller.call(Operation.REGISTER, SYMMETRIC, A(), ttlv.structure(T.SYMMETRIC_KEY, block))
    assert get(caller, payload.value[0].value, T.CRYPTOGRAPHIC_USAGE_MASK) == [MASK]


def test_rekey(caller):
    uid = create(caller, name_item("seal"), ACTIVE)
    payload = do(caller, Operation.RE_KEY, uid, A(text(T.COMMENT, "second")))
    second = payload.value[0].value
    assert get(caller, second, T.NAME, T.COMMENT) == [name_item("seal"), text(T.COMMENT, "second")]
    assert failure(do, caller, Operation.RE_KEY, register_public(caller, new_key())) == R.INVALID_OBJECT_TYPE


def test_hkdf(caller):
    """RFC 5869, test case 1."""
    block = direct.key_object(T.SYMMETRIC_KEY, 1, b"\x0b" * 22, 9, 176)
    base = caller.call(Operation.REGISTER, SYMMETRIC, A(
        ttlv.integer(T.CRYPTOGRAPHIC_USAGE_MASK, 0x200), ACTIVE), block).value[0].value
    parameters = ttlv.structure(
        T.DERIVATION_PARAMETERS, ttlv.byte_string(T.DERIVATION_DATA, bytes.fromhex("f0f1f2f3f4f5f6f7f8f9")),
        ttlv.byte_string(T.SALT, bytes(range(13))))
    payload = caller.call(
        Operation.DERIVE_KEY, ttlv.enumeration(T.OBJECT_TYPE, ObjectType.SECRET_DATA), uid_item(base),
        ttlv.enumeration(T.DERIVATION_METHOD, 0xA), parameters,
        A(ttlv.integer(T.CRYPTOGRAPHIC_LENGTH, 336), MASK))
    got = do(caller, Operation.GET, payload.value[0].value).find(T.SECRET_DATA).find(T.KEY_BLOCK)
    assert got.find(T.KEY_VALUE).find(T.KEY_MATERIAL).value.hex() == (
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865")
