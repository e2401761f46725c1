"""Modify Attribute and Delete Attribute (KMIP 1.x §4.15, §4.16, §3), and the paper's attributes."""

import pytest
from serverkit import Clock, make_engine

from tools.refserver import attributes, ttlv
from tools.refserver.direct import Direct, attribute, name_item, template
from tools.refserver.enums import LinkType, Operation, State, UsageLimitsUnit
from tools.refserver.enums import ResultReason as R
from tools.refserver.errors import KmipError
from tools.refserver.managed import link_item
from tools.refserver.tags import Tag as T

V = T.ATTRIBUTE_VALUE
NOW = 1_700_000_000

# The white paper's Table 6; Owner is the server's record and not on the wire.
PAPER = """Activation Date, Application Specific Information, Archive Date, Certificate Issuer,
Certificate Subject,
Certificate Type, Compromise Occurrence Date, Compromise Date, Contact Information, Cryptographic Algorithm,
Cryptographic Length, Cryptographic Parameters, Cryptographic Usage Mask, Deactivation Date, Destroy Date,
Digest, Initial Date, Last Change Date, Lease Time, Link, Name, Object Group, Object Type,
Operation Policy Name, Process Start Date, Protect Stop Date, Revocation Reason, State, Unique Identifier,
Usage Limits"""


@pytest.fixture
def caller(tmp_path):
    clock = Clock(NOW)
    engine, caller = make_engine(tmp_path / "state", clock)
    caller.clock = clock
    yield caller
    engine.close()


def text(value):
    return ttlv.text(V, value)


def date(value):
    return ttlv.date_time(V, value)


def limits(total, unit=UsageLimitsUnit.BYTE):
    return ttlv.structure(
        V, ttlv.long_integer(T.USAGE_LIMITS_TOTAL, total), ttlv.enumeration(T.USAGE_LIMITS_UNIT, unit))


def create(caller, *extra, algorithm=3):
    payload = caller.call(Operation.CREATE, ttlv.enumeration(T.OBJECT_TYPE, 2), template(
        attribute("Cryptographic Algorithm", ttlv.enumeration(V, algorithm)),
        attribute("Cryptographic Length", ttlv.integer(V, 128)),
        attribute("Cryptographic Usage Mask", ttlv.integer(V, 0x20C)), *extra))
    return payload.find(T.UNIQUE_IDENTIFIER).value


def indexed(name, value, index):
    return ttlv.structure(T.ATTRIBUTE, ttlv.text(T.ATTRIBUTE_NAME, name),
                          ttlv.integer(T.ATTRIBUTE_INDEX, index), value)


def told(payload):
    """(name, index or None, Item) of an answer's Attribute."""
    item = payload.find(T.ATTRIBUTE)
    index = item.find(T.ATTRIBUTE_INDEX)
    return (item.find(T.ATTRIBUTE_NAME).value, index and index.value, item.find(V))


def modify(caller, uid, name, value, index=None):
    given = attribute(name, value) if index is None else indexed(name, value, index)
    return told(caller.call(Operation.MODIFY_ATTRIBUTE, ttlv.text(T.UNIQUE_IDENTIFIER, uid), given))


def delete(caller, uid, name, index=None):
    return told(caller.call(
        Operation.DELETE_ATTRIBUTE, ttlv.text(T.UNIQUE_IDENTIFIER, uid), ttlv.text(T.ATTRIBUTE_NAME, name),
        *([] if index is None else [ttlv.integer(T.ATTRIBUTE_INDEX, index)])))


def add(caller, uid, name, value):
    return told(caller.call(
        Operation.ADD_ATTRIBUTE, ttlv.text(T.UNIQUE_IDENTIFIER, uid), attribute(name, value)))


def get(caller, uid, name):
    """{index: Item} of an attribute."""
    payload = caller.call(Operation.GET_ATTRIBUTES, ttlv.text(T.UNIQUE_IDENTIFIER, uid),
                          ttlv.text(T.ATTRIBUTE_NAME, name))
    found = {}
    for item in payload.value[1:]:
        index = item.find(T.ATTRIBUTE_INDEX)
        found[index.value if index else 0] = item.find(V)
    return found


def failure(function, *args, **options):
    with pytest.raises(KmipError) as caught:
        function(*args, **options)
    return caught.value.reason


def test_the_papers_attributes_are_all_there():
    names = [" ".join(name.split()) for name in PAPER.split(",")]
    assert len(names) == 30  # with Custom Attribute and Owner: 32
    for name in names:
        assert attributes.rule_for(name, 10) is not None, name
    assert attributes.rule_for("x-anything", 10).many


def test_modify_a_custom_attribute(caller):
    uid = create(caller, attribute("x-a", text("one")))
    caller.clock.now += 5
    assert modify(caller, uid, "x-a", text("two")) == ("x-a", None, text("two"))
    assert get(caller, uid, "x-a") == {0: text("two")}
    assert get(caller, uid, "Last Change Date")[0].value == NOW + 5


def test_modify_one_of_several(caller):
    uid = create(caller)
    assert add(caller, uid, "x-a", text("one")) == ("x-a", None, text("one"))
    assert add(caller, uid, "x-a", text("two")) == ("x-a", 1, text("two"))
    assert modify(caller, uid, "x-a", text("three"), index=1) == ("x-a", 1, text("three"))
    assert modify(caller, uid, "x-a", text("zero")) == ("x-a", None, text("zero"))  # no index is 0
    assert get(caller, uid, "x-a") == {0: text("zero"), 1: text("three")}
    assert failure(modify, caller, uid, "x-a", text("four"), index=2) == R.ITEM_NOT_FOUND


@pytest.mark.parametrize(("name", "value"), [
    ("State", ttlv.enumeration(V, State.ACTIVE)), ("Unique Identifier", text("mine")),
    ("Initial Date", date(1)), ("Last Change Date", date(1)), ("Lease Time", ttlv.interval(V, 9)),
    ("Object Type", ttlv.enumeration(V, 1)), ("Cryptographic Length", ttlv.integer(V, 256)),
    ("Cryptographic Usage Mask", ttlv.integer(V, 0xFF)), ("Archive Date", date(1)),
    ("Operation Policy Name", text("default")), ("y-server", text("mine"))])
def test_what_is_read_only(caller, name, value):
    uid = create(caller)
    assert failure(modify, caller, uid, name, value) == R.PERMISSION_DENIED
    if name not in ("Archive Date", "Operation Policy Name", "y-server"):
        assert failure(delete, caller, uid, name) == R.PERMISSION_DENIED


def test_what_is_not_there(caller):
    uid = create(caller)
    assert failure(modify, caller, uid, "x-a", text("one")) == R.INVALID_FIELD
    assert failure(modify, caller, uid, "Contact Information", text("one")) == R.INVALID_FIELD
    assert failure(delete, caller, uid, "x-a") == R.ITEM_NOT_FOUND
    assert failure(delete, caller, uid, "No Such Attribute") == R.ITEM_NOT_FOUND
    assert failure(modify, caller, "nothing", "x-a", text("one")) == R.ITEM_NOT_FOUND
    assert failure(delete, caller, "nothing", "x-a") == R.ITEM_NOT_FOUND


def test_delete_gives_the_old_value_and_indexes_stay(caller):
    uid = create(caller, attribute("Name", name_item("one")), attribute("Name", name_item("two")))
    assert delete(caller, uid, "Name") == ("Name", None, name_item("one", V))  # TC-171: index 0
    assert get(caller, uid, "Name") == {1: name_item("two", V)}
    assert failure(delete, caller, uid, "Name") == R.ITEM_NOT_FOUND  # there is no index 0 any more
    assert delete(caller, uid, "Name", index=1)[1] == 1
    assert get(caller, uid, "Name") == {}
    create(caller, attribute("Name", name_item("one")))  # the Name is free


def test_1_0_needs_an_index_where_there_are_several(caller):
    old = Direct(caller.engine, caller.identity, 10)
    uid = create(caller, attribute("Name", name_item("one")), attribute("Name", name_item("two")))
    assert failure(delete, old, uid, "Name") == R.INVALID_FIELD
    delete(old, uid, "Name", index=0)
    delete(old, uid, "Name", index=1)


def test_1_0_takes_no_index_for_a_single_instance(caller):
    uid = create(caller, attribute("Contact Information", text("me")))
    old = Direct(caller.engine, caller.identity, 10)
    assert failure(modify, old, uid, "Contact Information", text("you"), index=0) == R.INVALID_FIELD
    assert modify(caller, uid, "Contact Information", text("you"), index=0)[1] is None


def test_a_name_of_another_object(caller):
    create(caller, attribute("Name", name_item("taken")))
    uid = create(caller, attribute("Name", name_item("mine")))
    assert failure(modify, caller, uid, "Name", name_item("taken")) == R.ILLEGAL_OPERATION
    assert get(caller, uid, "Name") == {0: name_item("mine", V)}


def state_of(caller, uid):
    return get(caller, uid, "State")[0].value


def test_activation_date_moves_the_state(caller):
    uid = create(caller, attribute("Activation Date", date(NOW + 100)))
    assert state_of(caller, uid) == State.PRE_ACTIVE
    modify(caller, uid, "Activation Date", date(NOW))
    assert state_of(caller, uid) == State.ACTIVE
    # SKLC-M-3: not on an Active key
    assert failure(modify, caller, uid, "Activation Date", date(NOW + 5)) == R.PERMISSION_DENIED
    assert failure(delete, caller, uid, "Activation Date") == R.PERMISSION_DENIED


def test_deactivation_date_moves_the_state(caller):
    uid = create(caller, attribute("Activation Date", date(NOW - 10)),
                 attribute("Deactivation Date", date(NOW + 100)))
    modify(caller, uid, "Deactivation Date", date(NOW))
    assert state_of(caller, uid) == State.DEACTIVATED
    assert failure(modify, caller, uid, "Deactivation Date", date(NOW + 9)) == R.PERMISSION_DENIED


def test_dates_stay_in_order(caller):
    uid = create(caller, attribute("Activation Date", date(NOW + 10)),
                 attribute("Deactivation Date", date(NOW + 100)))
    assert failure(modify, caller, uid, "Activation Date", date(NOW + 101)) == R.INVALID_FIELD
    assert get(caller, uid, "Activation Date")[0].value == NOW + 10


@pytest.mark.parametrize("name", ["Process Start Date", "Protect Stop Date"])
def test_a_date_that_has_passed_stays(caller, name):
    uid = create(caller, attribute("Activation Date", date(NOW - 10)), attribute(name, date(NOW + 10)))
    modify(caller, uid, name, date(NOW + 5))
    caller.clock.now += 5
    assert failure(modify, caller, uid, name, date(NOW + 50)) == R.PERMISSION_DENIED


def test_usage_limits_are_the_clients_before_the_first_allocation(caller):
    uid = create(caller, attribute("Usage Limits", limits(10)), attribute("Activation Date", date(NOW)))
    modify(caller, uid, "Usage Limits", limits(20, UsageLimitsUnit.OBJECT))
    got = get(caller, uid, "Usage Limits")[0]
    assert [item.value for item in got.value] == [20, 20, UsageLimitsUnit.OBJECT]
    delete(caller, uid, "Usage Limits")
    assert get(caller, uid, "Usage Limits") == {}
    add(caller, uid, "Usage Limits", limits(5))
    caller.call(Operation.GET_USAGE_ALLOCATION, ttlv.text(T.UNIQUE_IDENTIFIER, uid),
                ttlv.long_integer(T.USAGE_LIMITS_COUNT, 2))
    assert failure(modify, caller, uid, "Usage Limits", limits(50)) == R.PERMISSION_DENIED
    assert failure(delete, caller, uid, "Usage Limits") == R.PERMISSION_DENIED


def test_links_stay_within_the_owner(caller):
    other = Direct(caller.engine, caller.engine.add_device("meter-0002"))
    one, two, foreign = create(caller), create(caller), create(other)
    kind = LinkType.DERIVED_KEY_LINK
    add(caller, one, "Link", link_item(kind, two))
    assert failure(modify, caller, one, "Link", link_item(kind, foreign)) == R.ITEM_NOT_FOUND
    assert failure(modify, caller, one, "Link", link_item(kind, "nothing")) == R.ITEM_NOT_FOUND
    modify(caller, one, "Link", link_item(kind, one))
    delete(caller, one, "Link")
    assert failure(modify, other, one, "x-a", text("one")) == R.ITEM_NOT_FOUND
    assert failure(delete, other, one, "Name") == R.ITEM_NOT_FOUND


def test_sensitive_and_extractable_have_a_history(caller):
    uid = create(caller, attribute("Sensitive", ttlv.boolean(V, True)),
                 attribute("Extractable", ttlv.boolean(V, False)))
    assert get(caller, uid, "Always Sensitive")[0].value and get(caller, uid, "Never Extractable")[0].value
    modify(caller, uid, "Sensitive", ttlv.boolean(V, False))
    modify(caller, uid, "Extractable", ttlv.boolean(V, True))
    modify(caller, uid, "Sensitive", ttlv.boolean(V, True))
    assert get(caller, uid, "Always Sensitive")[0].value is False
    assert get(caller, uid, "Never Extractable")[0].value is False


def test_malformed_requests(caller):
    uid = ttlv.text(T.UNIQUE_IDENTIFIER, create(caller, attribute("x-a", text("one"))))
    call = caller.call
    assert failure(call, Operation.MODIFY_ATTRIBUTE, uid) == R.INVALID_MESSAGE
    assert failure(call, Operation.DELETE_ATTRIBUTE, uid) == R.INVALID_MESSAGE
    wrong = attribute("Contact Information", ttlv.integer(V, 1))
    assert failure(call, Operation.MODIFY_ATTRIBUTE, uid, wrong) == R.INVALID_MESSAGE
    assert failure(call, Operation.DELETE_ATTRIBUTE, uid, attribute("x-a", text("one"))) == R.INVALID_FIELD
    assert failure(call, Operation.MODIFY_ATTRIBUTE, ttlv.integer(T.UNIQUE_IDENTIFIER, 0),
                   attribute("x-a", text("two"))) == R.INVALID_MESSAGE
