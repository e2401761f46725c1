"""Pending, Poll and Cancel (KMIP 1.x §4.27, §4.28, §6.7)."""

import pytest
from serverkit import Clock, make_engine

from tools.refserver import Engine, ttlv
from tools.refserver.direct import Direct, attribute, name_item, template
from tools.refserver.enums import CancellationResult, ObjectType, Operation, ResultStatus
from tools.refserver.enums import ResultReason as R
from tools.refserver.errors import KmipError
from tools.refserver.policy import BOOTSTRAP
from tools.refserver.tags import Tag as T

PENDING = ResultStatus.OPERATION_PENDING
SUCCESS = ResultStatus.SUCCESS
FAILED = ResultStatus.OPERATION_FAILED


@pytest.fixture
def caller(tmp_path):
    clock = Clock()
    engine, caller = make_engine(tmp_path / "state", clock)
    caller.clock = clock
    yield caller
    engine.close()


def create_payload(name="key"):
    return [
        ttlv.enumeration(T.OBJECT_TYPE, ObjectType.SYMMETRIC_KEY),
        template(
            attribute("Cryptographic Algorithm", ttlv.enumeration(T.ATTRIBUTE_VALUE, 3)),
            attribute("Cryptographic Length", ttlv.integer(T.ATTRIBUTE_VALUE, 128)),
            attribute("Cryptographic Usage Mask", ttlv.integer(T.ATTRIBUTE_VALUE, 4)),
            attribute("Name", name_item(name)))]


def offer(caller, rule, **options):
    """Create, answered Pending under a rule; its correlation value."""
    caller.engine.pending.set(Operation.CREATE, rule)
    item = caller.offer(Operation.CREATE, *create_payload(**options))
    assert [sub.tag for sub in item.value] == [
        T.OPERATION, T.RESULT_STATUS, T.ASYNCHRONOUS_CORRELATION_VALUE]  # no reason, no payload
    assert item.find(T.OPERATION).value == Operation.CREATE
    assert item.find(T.RESULT_STATUS).value == PENDING
    return item.find(T.ASYNCHRONOUS_CORRELATION_VALUE).value


def objects(caller):
    with caller.engine.store.transaction(write=False) as txn:
        return len(txn.uids_of(caller.identity.device))


def still_pending(item, correlation):
    return (item.find(T.RESULT_STATUS).value == PENDING and item.find(T.RESPONSE_PAYLOAD) is None
            and item.find(T.ASYNCHRONOUS_CORRELATION_VALUE).value == correlation)


def check_created(item):
    """The answer that Create would have had at once."""
    assert item.find(T.OPERATION).value == Operation.CREATE
    assert item.find(T.RESULT_STATUS).value == SUCCESS
    assert item.find(T.RESULT_REASON) is None
    assert item.find(T.ASYNCHRONOUS_CORRELATION_VALUE) is None
    payload = item.find(T.RESPONSE_PAYLOAD)
    assert [sub.tag for sub in payload.value] == [T.OBJECT_TYPE, T.UNIQUE_IDENTIFIER]
    return payload.find(T.UNIQUE_IDENTIFIER).value


def test_always_is_done_at_the_first_poll(caller):
    correlation = offer(caller, "always")
    assert objects(caller) == 0
    uid = check_created(caller.poll(correlation))
    assert objects(caller) == 1
    # A lost answer to Poll can be had again, and does nothing again.
    assert check_created(caller.poll(correlation)) == uid
    assert objects(caller) == 1


def test_delay(caller):
    correlation = offer(caller, "delay 5")
    caller.clock.now += 4
    assert still_pending(caller.poll(correlation), correlation)
    caller.clock.now += 1
    check_created(caller.poll(correlation))


def test_a_delayed_request_is_done_without_a_poll(caller):
    offer(caller, "delay 5")
    caller.clock.now += 5
    found = caller.call(Operation.LOCATE, attribute("Name", name_item("key")))
    assert found.find(T.UNIQUE_IDENTIFIER) is not None


def test_approval(caller):
    correlation = offer(caller, "approve")
    caller.clock.now += 86400
    assert still_pending(caller.poll(correlation), correlation)
    assert caller.engine.pending.approve("meter-0002") == 0
    assert caller.engine.pending.approve(correlation=b"other") == 0
    assert caller.engine.pending.approve("meter-0001", correlation) == 1
    check_created(caller.poll(correlation))
    assert caller.engine.pending.approve("meter-0001") == 0


def test_an_operator_refuses(caller):
    correlation = offer(caller, "approve")
    caller.engine.pending.approve("meter-0001", refuse=True)
    item = caller.poll(correlation)
    assert item.find(T.RESULT_REASON).value == R.PERMISSION_DENIED
    assert objects(caller) == 0


def test_for_ever(caller):
    correlation = offer(caller, "forever")
    caller.clock.now += 6 * 86400
    assert still_pending(caller.poll(correlation), correlation)
    assert caller.engine.pending.approve() == 0


@pytest.mark.parametrize("rule", ["fail CRYPTOGRAPHIC_FAILURE", "fail cryptographic_failure, delay 3"])
def test_fails_in_the_end(caller, rule):
    correlation = offer(caller, rule)
    caller.clock.now += 3
    item = caller.poll(correlation)
    assert item.find(T.OPERATION).value == Operation.CREATE
    assert item.find(T.RESULT_STATUS).value == FAILED
    assert item.find(T.RESULT_REASON).value == R.CRYPTOGRAPHIC_FAILURE
    assert item.find(T.RESPONSE_PAYLOAD) is None
    assert objects(caller) == 0


def test_what_fails_by_itself_fails_with_its_own_reason(caller):
    first = offer(caller, "always")
    second = offer(caller, "always")  # the same Name
    check_created(caller.poll(first))
    item = caller.poll(second)
    assert item.find(T.OPERATION).value == Operation.CREATE
    assert item.find(T.RESULT_REASON).value == R.INVALID_FIELD
    assert caller.cancel(second) == CancellationResult.FAILED


def test_a_malformed_request_is_refused_at_once(caller):
    caller.engine.pending.set(Operation.CREATE, "always")
    item = caller.offer(Operation.CREATE, *create_payload()[:1])
    assert item.find(T.RESULT_REASON).value == R.INVALID_MESSAGE
    assert caller.engine.pending.requests() == []


# the offer


@pytest.mark.parametrize("version", [10, 11, 12, 13, 14])
def test_nothing_is_pending_that_was_not_offered(caller, version):
    caller.engine.pending.set(Operation.CREATE, "always")
    Direct(caller.engine, caller.identity, version).call(Operation.CREATE, *create_payload())
    assert objects(caller) == 1


def test_false_is_no_offer(caller):
    caller.engine.pending.set(Operation.CREATE, "always")
    item = caller.send((Operation.CREATE, create_payload()), asynchronous=False).find(T.BATCH_ITEM)
    assert item.find(T.RESULT_STATUS).value == SUCCESS


@pytest.mark.parametrize("rule", ["always demand", "approve demand", "demand delay 3"])
@pytest.mark.parametrize("version", [10, 11])
def test_demanded_and_not_offered_is_not_supported_in_1_0_and_1_1(caller, version, rule):
    caller.engine.pending.set(Operation.CREATE, rule)
    old = Direct(caller.engine, caller.identity, version)
    with pytest.raises(KmipError) as caught:
        old.call(Operation.CREATE, *create_payload())
    assert caught.value.reason == R.OPERATION_NOT_SUPPORTED
    item = old.offer(Operation.CREATE, *create_payload())
    assert item.find(T.RESULT_STATUS).value == PENDING


@pytest.mark.parametrize("version", [12, 13, 14])
def test_demanded_and_not_offered_is_done_at_once_from_1_2_on(caller, version):
    new = Direct(caller.engine, caller.identity, version)
    caller.engine.pending.set(Operation.CREATE, "delay 5 demand")
    new.call(Operation.CREATE, *create_payload())
    caller.engine.pending.set(Operation.CREATE, "approve demand")
    with pytest.raises(KmipError) as caught:
        new.call(Operation.CREATE, *create_payload("other"))
    assert caught.value.reason == R.PERMISSION_DENIED


@pytest.mark.parametrize("operation", [Operation.POLL, Operation.CANCEL, Operation.DISCOVER_VERSIONS])
def test_never_asynchronous(caller, operation):
    with pytest.raises(ValueError, match="never asynchronous"):
        caller.engine.pending.set(operation, "always")


@pytest.mark.parametrize("text", ["", "sometimes", "delay", "delay x", "delay -1", "fail", "fail NOTHING"])
def test_a_rule_that_is_none(caller, text):
    with pytest.raises(ValueError, match="asynchronous"):
        caller.engine.pending.set(Operation.CREATE, text)


def test_a_rule_is_taken_away(caller):
    caller.engine.pending.set("create", "always")
    caller.engine.pending.set("create", "never")
    item = caller.offer(Operation.CREATE, *create_payload())
    assert item.find(T.RESULT_STATUS).value == SUCCESS
    with pytest.raises(ValueError, match="no operation"):
        caller.engine.pending.set("creation", "always")


# correlation values


def test_unknown_correlation_value(caller):
    assert caller.poll(b"12345678").find(T.RESULT_REASON).value == R.ITEM_NOT_FOUND
    assert caller.cancel(b"12345678") == CancellationResult.UNAVAILABLE


def test_they_survive_a_restart(caller):
    waiting = offer(caller, "approve")
    done = offer(caller, "always", name="other")
    uid = check_created(caller.poll(done))
    caller.engine.close()
    engine = Engine(caller.engine.folder, clock=caller.clock)
    again = Direct(engine, caller.identity)
    assert check_created(again.poll(done)) == uid
    assert still_pending(again.poll(waiting), waiting)
    engine.pending.approve()
    check_created(again.poll(waiting))
    engine.close()


def test_they_belong_to_the_device(caller):
    other = Direct(caller.engine, caller.engine.add_device("meter-0002"))
    correlation = offer(caller, "always")
    assert other.poll(correlation).find(T.RESULT_REASON).value == R.ITEM_NOT_FOUND
    assert other.cancel(correlation) == CancellationResult.UNAVAILABLE
    assert objects(other) == objects(caller) == 0
    check_created(caller.poll(correlation))


def test_a_bootstrap_identity_reaches_no_other_request_of_its_device(caller):
    enrols = Direct(caller.engine, caller.engine.add_device("meter-0001", "meter-0001-bootstrap", BOOTSTRAP))
    correlation = offer(caller, "always")
    check_created(caller.poll(correlation))
    assert enrols.poll(correlation).find(T.RESULT_REASON).value == R.ITEM_NOT_FOUND
    assert enrols.cancel(correlation) == CancellationResult.UNAVAILABLE


def test_they_expire(caller):
    seconds = caller.engine.options.pending_seconds
    waiting = offer(caller, "forever")
    done = offer(caller, "always")
    caller.clock.now += seconds - 1
    check_created(caller.poll(done))
    caller.clock.now += 1
    assert caller.poll(waiting).find(T.RESULT_REASON).value == R.ITEM_NOT_FOUND
    check_created(caller.poll(done))  # its answer is kept from when it was done
    caller.clock.now += seconds
    assert caller.poll(done).find(T.RESULT_REASON).value == R.ITEM_NOT_FOUND
    assert caller.engine.pending.requests() == []


def test_there_is_a_limit(caller):
    caller.engine.pending.set(Operation.CREATE, "forever")
    for _ in range(64):
        caller.offer(Operation.CREATE, *create_payload())
    item = caller.offer(Operation.CREATE, *create_payload())
    assert item.find(T.RESULT_REASON).value == R.PERMISSION_DENIED


def test_a_revoked_device_gets_nothing_done(caller):
    correlation = offer(caller, "delay 5")
    caller.engine.revoke_device("meter-0001")
    caller.clock.now += 5
    assert caller.poll(correlation).find(T.RESULT_REASON).value == R.AUTHENTICATION_NOT_SUCCESSFUL
    caller.engine.pending.settle("meter-0001")
    assert objects(caller) == 0


def test_a_device_that_is_forgotten_leaves_no_requests(caller):
    offer(caller, "forever")
    caller.engine.forget_device("meter-0001")
    assert caller.engine.pending.requests() == []


def test_an_answer_that_does_not_fit_stays(caller):
    correlation = offer(caller, "always")
    answer = caller.send((Operation.POLL, [ttlv.byte_string(
        T.ASYNCHRONOUS_CORRELATION_VALUE, correlation)]), maximum_response_size=160)
    assert answer.find(T.BATCH_ITEM).find(T.RESULT_REASON).value == R.RESPONSE_TOO_LARGE
    check_created(caller.poll(correlation))
    assert objects(caller) == 1


# Cancel


def test_canceled(caller):
    correlation = offer(caller, "delay 5")
    assert caller.cancel(correlation) == CancellationResult.CANCELED
    caller.clock.now += 5
    item = caller.poll(correlation)
    assert item.find(T.OPERATION).value == Operation.CREATE
    assert item.find(T.RESULT_REASON).value == R.OPERATION_CANCELED_BY_REQUESTER
    assert caller.cancel(correlation) == CancellationResult.CANCELED
    assert objects(caller) == 0


def test_unable_to_cancel(caller):
    correlation = offer(caller, "delay 5 uncancellable")
    assert caller.cancel(correlation) == CancellationResult.UNABLE_TO_CANCEL
    caller.clock.now += 5
    check_created(caller.poll(correlation))


def test_completed_before_it_was_canceled(caller):
    correlation = offer(caller, "delay 5")
    caller.clock.now += 5
    assert caller.cancel(correlation) == CancellationResult.COMPLETED
    check_created(caller.poll(correlation))


# batches


def items_of(answer):
    return [item for item in answer.value if item.tag == T.BATCH_ITEM]


def batch(caller, after, ordered=True):
    """Create an object, Create another one Pending, Get by the ID Placeholder."""
    caller.engine.options.after_pending = after
    caller.send((Operation.CREATE, create_payload("first")))
    caller.engine.pending.set(Operation.CREATE, "always")
    first = [attribute("Name", name_item("first"))]
    return items_of(caller.send(
        (Operation.LOCATE, first), (Operation.CREATE, create_payload("second")), (Operation.GET, []),
        asynchronous=True, ordered=ordered))


def test_the_placeholder_is_empty_behind_a_pending_item(caller):
    items = batch(caller, "empty")
    assert [item.find(T.RESULT_STATUS).value for item in items] == [SUCCESS, PENDING, FAILED]
    assert items[1].find(T.UNIQUE_BATCH_ITEM_ID).value == b"\x02"
    assert items[2].find(T.RESULT_REASON).value == R.ITEM_NOT_FOUND


def test_the_placeholder_may_be_the_earlier_one(caller):
    items = batch(caller, "stale")
    assert [item.find(T.RESULT_STATUS).value for item in items] == [SUCCESS, PENDING, SUCCESS]
    first = items[0].find(T.RESPONSE_PAYLOAD).find(T.UNIQUE_IDENTIFIER).value
    assert items[2].find(T.RESPONSE_PAYLOAD).find(T.UNIQUE_IDENTIFIER).value == first


def test_the_items_behind_may_be_absent(caller):
    items = batch(caller, "stop")
    assert [item.find(T.RESULT_STATUS).value for item in items] == [SUCCESS, PENDING]


def test_the_items_behind_may_be_pending_as_well(caller):
    items = batch(caller, "pend")
    assert [item.find(T.RESULT_STATUS).value for item in items] == [SUCCESS, PENDING, PENDING]
    create, get = [item.find(T.ASYNCHRONOUS_CORRELATION_VALUE).value for item in items[1:]]
    assert still_pending(caller.poll(get), get)  # what it needs is not done yet
    uid = check_created(caller.poll(create))
    item = caller.poll(get)
    assert item.find(T.OPERATION).value == Operation.GET
    assert item.find(T.RESPONSE_PAYLOAD).find(T.UNIQUE_IDENTIFIER).value == uid


def test_what_is_behind_a_request_that_failed_fails(caller):
    items = batch(caller, "pend")
    create, get = [item.find(T.ASYNCHRONOUS_CORRELATION_VALUE).value for item in items[1:]]
    assert caller.cancel(create) == CancellationResult.CANCELED
    assert caller.poll(get).find(T.RESULT_REASON).value == R.ITEM_NOT_FOUND


def test_a_pending_item_keeps_the_placeholder_it_was_to_use(caller):
    caller.engine.pending.set(Operation.GET, "always")
    items = items_of(caller.send(
        (Operation.CREATE, create_payload("one")), (Operation.GET, []), asynchronous=True, ordered=True))
    caller.send((Operation.CREATE, create_payload("two")))
    item = caller.poll(items[1].find(T.ASYNCHRONOUS_CORRELATION_VALUE).value)
    assert item.find(T.RESPONSE_PAYLOAD).find(T.UNIQUE_IDENTIFIER).value == check_created(items[0])


def test_a_failed_answer_stops_the_batch_that_polls_it(caller):
    correlation = offer(caller, "fail PERMISSION_DENIED")
    poll = (Operation.POLL, [ttlv.byte_string(T.ASYNCHRONOUS_CORRELATION_VALUE, correlation)])
    items = items_of(caller.send(poll, (Operation.QUERY, [ttlv.enumeration(T.QUERY_FUNCTION, 1)])))
    assert len(items) == 1
    assert items[0].find(T.UNIQUE_BATCH_ITEM_ID).value == b"\x01"


def test_the_pending_answer_has_to_fit(caller):
    caller.engine.pending.set(Operation.CREATE, "always")
    answer = caller.send((Operation.CREATE, create_payload()), asynchronous=True, maximum_response_size=100)
    assert answer.find(T.BATCH_ITEM).find(T.RESULT_REASON).value == R.RESPONSE_TOO_LARGE
    assert caller.engine.pending.requests() == []


def test_query_tells_that_the_server_can(caller):
    payload = caller.call(Operation.QUERY, ttlv.enumeration(T.QUERY_FUNCTION, 0xB))
    assert payload.find(T.CAPABILITY_INFORMATION).find(T.ASYNCHRONOUS_CAPABILITY).value is True


def test_settings_of_the_folder(tmp_path):
    engine, caller = make_engine(tmp_path / "state", asynchronous={"create": "always"})
    assert caller.offer(Operation.CREATE, *create_payload()).find(T.RESULT_STATUS).value == PENDING
    with pytest.raises(ValueError, match="after_pending"):
        make_engine(tmp_path / "state", after_pending="later")
    engine.close()
