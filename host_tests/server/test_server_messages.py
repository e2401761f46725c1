"""What the engine says to requests that break a rule of KMIP 1.x §6, §7 and §11.1."""

import pytest
from serverkit import make_engine

from tools.refserver import Identity, direct, ttlv
from tools.refserver.direct import attribute, name_item, template
from tools.refserver.enums import (
    BatchErrorContinuationOption,
    ObjectType,
    Operation,
    ResultStatus,
)
from tools.refserver.enums import ResultReason as R
from tools.refserver.message import version_item
from tools.refserver.operations import create as create_operation
from tools.refserver.tags import Tag as T

CONTINUE, STOP, UNDO = (BatchErrorContinuationOption.CONTINUE, BatchErrorContinuationOption.STOP,
                        BatchErrorContinuationOption.UNDO)


@pytest.fixture
def server(tmp_path):
    engine, caller = make_engine(tmp_path / "state")
    yield caller
    engine.close()


def items_of(tree):
    return [item for item in tree.value if item.tag == T.BATCH_ITEM]


def reason(item):
    found = item.find(T.RESULT_REASON)
    return None if found is None else found.value


def header(version=12, *extra, count=1):
    return ttlv.structure(T.REQUEST_HEADER, version_item(version), *extra,
                          ttlv.integer(T.BATCH_COUNT, count))


def batch_item(operation=Operation.QUERY, *payload, before=(), after=()):
    payload = payload or (ttlv.enumeration(T.QUERY_FUNCTION, 1),)
    return ttlv.structure(
        T.BATCH_ITEM, ttlv.enumeration(T.OPERATION, operation), *before,
        ttlv.structure(T.REQUEST_PAYLOAD, *payload), *after)


def send(server, *items):
    return ttlv.decode(server.engine.handle(
        ttlv.encode(ttlv.structure(T.REQUEST_MESSAGE, *items)), server.identity))


def refused(tree, expected):
    """The message as a whole was refused: one item without Operation."""
    (item,) = items_of(tree)
    assert item.find(T.OPERATION) is None
    assert item.find(T.RESULT_STATUS).value == ResultStatus.OPERATION_FAILED
    assert reason(item) == expected
    assert item.find(T.RESULT_MESSAGE).value
    assert tree.value[0].find(T.TIME_STAMP).value == 1_700_000_000
    return item.find(T.RESULT_MESSAGE).value


def test_rubbish_is_an_invalid_message(server):
    for data in (b"", b"GET / HTTP/1.1\r\n\r\n", bytes(64), b"\x42\x00\x78\x01\xff\xff\xff\xff"):
        tree = ttlv.decode(server.engine.handle(data, server.identity))
        refused(tree, R.INVALID_MESSAGE)


def test_a_response_is_no_request(server):
    data = ttlv.encode(ttlv.structure(T.RESPONSE_MESSAGE, header(), batch_item()))
    refused(ttlv.decode(server.engine.handle(data, server.identity)), R.INVALID_MESSAGE)


def test_another_major_version(server):
    text = refused(send(server, header(21), batch_item()), R.INVALID_MESSAGE)
    assert "2.1" in text


@pytest.mark.parametrize("version", [10, 11, 12, 13, 14])
def test_the_answer_carries_the_requests_version(server, version):
    tree = send(server, header(version), batch_item())
    assert reason(items_of(tree)[0]) is None
    assert tree.value[0].value[0] == version_item(version)


def test_a_newer_minor_version_may_hold_unknown_fields(server):
    strange = ttlv.text(T.COMMENT, "from the future")
    tree = send(server, header(15), batch_item(
        Operation.QUERY, ttlv.enumeration(T.QUERY_FUNCTION, 1), strange))
    assert reason(items_of(tree)[0]) is None
    assert tree.value[0].value[0] == version_item(14)


def test_an_unknown_field_in_the_same_version(server):
    refused(send(server, header(12, ttlv.text(T.COMMENT, "?")), batch_item()), R.INVALID_FIELD)
    # Known to 1.4, but not to 1.3.
    correlation = ttlv.text(T.CLIENT_CORRELATION_VALUE, "c-1")
    refused(send(server, header(13, correlation), batch_item()), R.INVALID_FIELD)
    tree = send(server, header(14, correlation), batch_item())
    assert tree.value[0].find(T.CLIENT_CORRELATION_VALUE).value == "c-1"
    tree = send(server, header(), batch_item(
        Operation.QUERY, ttlv.enumeration(T.QUERY_FUNCTION, 1), ttlv.text(T.COMMENT, "?")))
    assert reason(items_of(tree)[0]) == R.INVALID_FIELD


def test_fields_twice_out_of_order_of_a_wrong_type_or_missing(server):
    twice = [ttlv.integer(T.MAXIMUM_RESPONSE_SIZE, 999)] * 2
    refused(send(server, header(12, *twice), batch_item()), R.INVALID_MESSAGE)
    swapped = (ttlv.boolean(T.BATCH_ORDER_OPTION, True),
               ttlv.enumeration(T.BATCH_ERROR_CONTINUATION_OPTION, STOP))
    refused(send(server, header(12, *swapped), batch_item()), R.INVALID_MESSAGE)
    mistyped = ttlv.long_integer(T.MAXIMUM_RESPONSE_SIZE, 999)
    refused(send(server, header(12, mistyped), batch_item()), R.INVALID_MESSAGE)
    bare = ttlv.structure(T.REQUEST_HEADER, version_item(12))
    refused(send(server, bare, batch_item()), R.INVALID_MESSAGE)
    uid = ttlv.text(T.UNIQUE_IDENTIFIER, "x")
    tree = send(server, header(), batch_item(Operation.GET_USAGE_ALLOCATION, uid))
    assert reason(items_of(tree)[0]) == R.INVALID_MESSAGE  # §11.19: no Usage Limits Count
    tree = send(server, header(), batch_item(
        Operation.GET_USAGE_ALLOCATION, uid, ttlv.integer(T.USAGE_LIMITS_COUNT, 5)))
    assert reason(items_of(tree)[0]) == R.INVALID_MESSAGE  # must be a Long Integer


def test_batch_counts(server):
    refused(send(server, header(count=2), batch_item()), R.INVALID_MESSAGE)
    refused(send(server, header(count=0)), R.INVALID_MESSAGE)
    items = [batch_item(before=(ttlv.byte_string(T.UNIQUE_BATCH_ITEM_ID, bytes([n])),))
             for n in range(33)]
    tree = send(server, header(count=32), *items[:32])
    assert [item.find(T.UNIQUE_BATCH_ITEM_ID).value for item in items_of(tree)] == [
        bytes([n]) for n in range(32)]
    refused(send(server, header(count=33), *items), R.FEATURE_NOT_SUPPORTED)


def test_unique_batch_item_ids(server):
    refused(send(server, header(count=2), batch_item(), batch_item()), R.INVALID_MESSAGE)
    same = batch_item(before=(ttlv.byte_string(T.UNIQUE_BATCH_ITEM_ID, b"1"),))
    refused(send(server, header(count=2), same, same), R.INVALID_MESSAGE)


@pytest.mark.parametrize("operation", [
    Operation.CERTIFY, Operation.RE_CERTIFY, Operation.GET_USAGE_ALLOCATION, Operation.POLL])
def test_what_cannot_be_undone_refuses_the_whole_request(server, operation):
    before = server.send((Operation.LOCATE, []))
    answer = server.send((Operation.QUERY, [ttlv.enumeration(T.QUERY_FUNCTION, 1)]), (operation, []),
                         option=UNDO)
    refused(answer, R.FEATURE_NOT_SUPPORTED)
    assert server.send((Operation.LOCATE, [])) == before


def create_items(name, length=128):
    return (Operation.CREATE, [ttlv.enumeration(T.OBJECT_TYPE, 2), template(
        attribute("Cryptographic Algorithm", ttlv.enumeration(T.ATTRIBUTE_VALUE, 3)),
        attribute("Cryptographic Length", ttlv.integer(T.ATTRIBUTE_VALUE, length)),
        attribute("Cryptographic Usage Mask", ttlv.integer(T.ATTRIBUTE_VALUE, 4)),
        attribute("Name", name_item(name)))])


def test_undo(server):
    before = server.send((Operation.LOCATE, []))
    answer = server.send(create_items("one"), (Operation.GET, []), create_items("two", 100),
                         create_items("three"), option=UNDO, ordered=True)
    items = items_of(answer)
    # Undone items keep their payload and have no Result Reason; what is behind the failure is absent.
    assert [item.find(T.RESULT_STATUS).value for item in items] == [
        ResultStatus.OPERATION_UNDONE, ResultStatus.OPERATION_UNDONE, ResultStatus.OPERATION_FAILED]
    assert [item.find(T.RESPONSE_PAYLOAD) is not None for item in items] == [True, True, False]
    assert [reason(item) for item in items] == [None, None, R.INVALID_FIELD]
    assert server.send((Operation.LOCATE, [])) == before
    answer = server.send(create_items("one"), create_items("two"), option=UNDO, ordered=True)
    assert [item.find(T.RESULT_STATUS).value for item in items_of(answer)] == [0, 0]


def authentication(kind, *values):
    return ttlv.structure(T.AUTHENTICATION, ttlv.structure(
        T.CREDENTIAL, ttlv.enumeration(T.CREDENTIAL_TYPE, kind),
        ttlv.structure(T.CREDENTIAL_VALUE, *values)))


def test_credentials(server):
    def ask(version, kind, *values):
        return send(server, header(version, authentication(kind, *values)), batch_item())

    user, word = ttlv.text(T.USERNAME, "meter"), ttlv.text(T.PASSWORD, "open sesame")
    serial = ttlv.text(T.DEVICE_SERIAL_NUMBER, "4711")
    for version in (10, 11, 12, 13, 14):
        assert reason(items_of(ask(version, 1, user, word))[0]) is None
        assert reason(items_of(ask(version, 1, user))[0]) is None
    assert reason(items_of(ask(11, 2, serial, word, ttlv.text(T.MACHINE_IDENTIFIER, "m")))[0]) is None
    refused(ask(10, 2, serial), R.INVALID_FIELD)  # from 1.1 on
    refused(ask(12, 1, word), R.INVALID_MESSAGE)  # no Username
    refused(ask(12, 1, word, user), R.INVALID_MESSAGE)  # out of order
    refused(ask(12, 1, user, serial), R.INVALID_FIELD)
    refused(ask(12, 2), R.INVALID_MESSAGE)
    refused(ask(12, 9), R.INVALID_FIELD)


def test_passwords_that_are_asked_for(tmp_path):
    _, caller = make_engine(tmp_path / "state", passwords={"meter": "open sesame"})

    def ask(*values):
        return send(caller, header(12, authentication(1, *values)), batch_item())

    user = ttlv.text(T.USERNAME, "meter")
    assert reason(items_of(ask(user, ttlv.text(T.PASSWORD, "open sesame")))[0]) is None
    for values in ((user,), (user, ttlv.text(T.PASSWORD, "wrong")), (ttlv.text(T.USERNAME, "other"),)):
        refused(ask(*values), R.AUTHENTICATION_NOT_SUCCESSFUL)


def test_correlation_values_of_1_4(server):
    mine = ttlv.text(T.CLIENT_CORRELATION_VALUE, "mine 1")
    head = send(server, header(14, mine), batch_item()).value[0]
    assert [item.tag for item in head.value] == [
        T.PROTOCOL_VERSION, T.TIME_STAMP, T.CLIENT_CORRELATION_VALUE, T.SERVER_CORRELATION_VALUE,
        T.BATCH_COUNT]
    assert head.find(T.CLIENT_CORRELATION_VALUE).value == "mine 1"
    server_value = head.find(T.SERVER_CORRELATION_VALUE)
    again = send(server, header(14, mine, server_value), batch_item()).value[0]
    assert again.find(T.SERVER_CORRELATION_VALUE).value != server_value.value
    plain = send(server, header(14), batch_item()).value[0]
    assert plain.find(T.SERVER_CORRELATION_VALUE) is None
    refused(send(server, header(13, mine), batch_item()), R.INVALID_FIELD)


def test_a_critical_extension_refuses_a_harmless_one_does_not(server):
    def extension(critical):
        return ttlv.structure(
            T.MESSAGE_EXTENSION, ttlv.text(T.VENDOR_IDENTIFICATION, "acme"),
            ttlv.boolean(T.CRITICALITY_INDICATOR, critical), ttlv.structure(T.VENDOR_EXTENSION))
    refused(send(server, header(), batch_item(after=(extension(True),))),
            R.FEATURE_NOT_SUPPORTED)
    tree = send(server, header(), batch_item(after=(extension(False),)))
    assert reason(items_of(tree)[0]) is None


def test_asynchronous_indicator_false_is_wrong_up_to_1_1(server):
    off = ttlv.boolean(T.ASYNCHRONOUS_INDICATOR, False)
    refused(send(server, header(11, off), batch_item()), R.INVALID_MESSAGE)
    assert reason(items_of(send(server, header(12, off), batch_item()))[0]) is None


def test_unknown_operations(server):
    for version, operation in ((12, 0x1E00), (10, Operation.DISCOVER_VERSIONS), (14, 0x21)):
        (item,) = items_of(send(server, header(version), batch_item(operation)))
        assert item.find(T.OPERATION).value == operation
        assert reason(item) == R.OPERATION_NOT_SUPPORTED


def test_stop_and_continue(server):
    query = (Operation.QUERY, [ttlv.enumeration(T.QUERY_FUNCTION, 1)])
    wrong = (Operation.GET, [ttlv.text(T.UNIQUE_IDENTIFIER, "nothing")])
    stopped = items_of(server.send(query, wrong, query))
    assert [reason(item) for item in stopped] == [None, R.ITEM_NOT_FOUND]
    assert len(items_of(server.send(query, wrong, query, option=STOP))) == 2
    went_on = items_of(server.send(query, wrong, query, option=CONTINUE))
    assert [reason(item) for item in went_on] == [None, R.ITEM_NOT_FOUND, None]


def create(*attributes):
    return (Operation.CREATE, [
        ttlv.enumeration(T.OBJECT_TYPE, ObjectType.SYMMETRIC_KEY),
        direct.template(
            direct.attribute("Cryptographic Algorithm",
                             ttlv.enumeration(T.CRYPTOGRAPHIC_ALGORITHM, 3)),
            direct.attribute("Cryptographic Length", ttlv.integer(T.CRYPTOGRAPHIC_LENGTH, 128)),
            direct.attribute("Cryptographic Usage Mask",
                             ttlv.integer(T.CRYPTOGRAPHIC_USAGE_MASK, 4)),
            *attributes)])


def test_the_id_placeholder(server):
    made, got = items_of(server.send(create(), (Operation.GET, []), ordered=True))
    assert direct.payload_of(made).find(T.UNIQUE_IDENTIFIER) == direct.payload_of(got).find(
        T.UNIQUE_IDENTIFIER)
    # It lives for one request, needs Batch Order Option True, and no Continue.
    (lone,) = items_of(server.send((Operation.GET, [])))
    assert reason(lone) == R.ITEM_NOT_FOUND
    assert reason(items_of(server.send(create(), (Operation.GET, [])))[1]) == R.INVALID_MESSAGE
    assert reason(items_of(server.send(
        create(), (Operation.GET, []), ordered=True, option=CONTINUE))[1]) == R.INVALID_MESSAGE


def test_locate_sets_the_placeholder_only_for_one_match(server):
    name = direct.attribute("Object Group", ttlv.text(T.OBJECT_GROUP, "g"))
    locate = (Operation.LOCATE, [name])
    server.send(create(name))
    items = items_of(server.send(locate, (Operation.GET, []), ordered=True))
    assert reason(items[1]) is None
    server.send(create(name))
    items = items_of(server.send(create(), locate, (Operation.GET, []), ordered=True))
    assert reason(items[2]) == R.ITEM_NOT_FOUND  # two matches empty it
    one = (Operation.LOCATE, [ttlv.integer(T.MAXIMUM_ITEMS, 1), name])
    items = items_of(server.send(one, (Operation.GET, []), ordered=True))
    assert reason(items[1]) is None


def test_maximum_response_size_counts_the_whole_message(server):
    query = (Operation.QUERY, [ttlv.enumeration(T.QUERY_FUNCTION, 1)])
    size = len(ttlv.encode(server.send(query)))
    assert reason(items_of(server.send(query, maximum_response_size=size))[0]) is None
    (item,) = items_of(server.send(query, maximum_response_size=size - 1))
    assert reason(item) == R.RESPONSE_TOO_LARGE
    assert item.find(T.RESULT_MESSAGE).value.startswith("Response size: %d, " % size)


def test_what_does_not_fit_has_no_effect(server):
    """A Create whose answer is too large is undone; the one before it stays."""
    first = len(ttlv.encode(server.send(create())))
    count = len(located(server))
    for limit in range(100, first + 200, 8):
        answer = server.send(create(), create(), ordered=True, maximum_response_size=limit)
        made = [item for item in items_of(answer) if reason(item) is None]
        count += len(made)
        assert len(located(server)) == count
        assert all(reason(item) in (None, R.RESPONSE_TOO_LARGE) for item in items_of(answer))
        if made:  # where anything was done, the answer that says so fits
            assert len(ttlv.encode(answer)) <= limit


def located(server):
    payload = server.call(Operation.LOCATE)
    return [item.value for item in payload.value if item.tag == T.UNIQUE_IDENTIFIER]


def test_the_error_for_too_large_fits_where_it_can(server):
    query = (Operation.QUERY, [ttlv.enumeration(T.QUERY_FUNCTION, 1)])
    answer = server.send(query, maximum_response_size=160)
    assert len(ttlv.encode(answer)) <= 160
    assert reason(items_of(answer)[0]) == R.RESPONSE_TOO_LARGE


def test_unknown_and_revoked_devices_are_refused(server):
    request = ttlv.encode(ttlv.structure(T.REQUEST_MESSAGE, header(), batch_item()))
    for identity in (None, Identity("meter-9999")):
        outcome = server.engine.process(request, identity)
        refused(ttlv.decode(outcome.response), R.AUTHENTICATION_NOT_SUCCESSFUL)
        assert outcome.close
    server.engine.revoke_device("meter-0001")
    refused(send(server, header(), batch_item()), R.AUTHENTICATION_NOT_SUCCESSFUL)
    server.engine.revoke_device("meter-0001", revoked=False)
    assert reason(items_of(send(server, header(), batch_item()))[0]) is None


def test_a_result_message_is_bounded(server):
    name = direct.attribute("n" * 5000, ttlv.text(T.ATTRIBUTE_VALUE, "v"))
    item = server.send((Operation.LOCATE, [name])).find(T.BATCH_ITEM)
    assert reason(item) == R.INVALID_FIELD
    assert len(item.find(T.RESULT_MESSAGE).value) == 300


def test_poll_and_cancel_of_an_unknown_value(server):
    value = ttlv.byte_string(T.ASYNCHRONOUS_CORRELATION_VALUE, b"12345678")
    (item,) = items_of(server.send((Operation.POLL, [value])))
    assert reason(item) == R.ITEM_NOT_FOUND
    payload = server.call(Operation.CANCEL, value)
    assert payload.value[0] == value
    assert payload.find(T.CANCELLATION_RESULT).value == 5  # Unavailable


def test_a_defect_is_a_general_failure_and_changes_nothing(server):
    class Broken:
        OPERATION, FIELDS, WRITES = Operation.CREATE, create_operation.FIELDS, True

        @staticmethod
        def run(ctx, request):
            create_operation.run(ctx, request)
            raise ZeroDivisionError

    seen = []
    server.engine.unexpected = seen.append
    server.engine.operations[int(Operation.CREATE)] = Broken
    (item,) = items_of(server.send(create()))
    assert reason(item) == R.GENERAL_FAILURE
    assert isinstance(seen[0], ZeroDivisionError)
    assert located(server) == []
