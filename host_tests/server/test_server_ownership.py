"""A meter reaches only what is its own; a renewal changes no ownership."""

import pytest
from serverkit import make_engine

from tools.refserver import direct, policy, ttlv
from tools.refserver.cryptoenums import CryptographicAlgorithm, KeyFormatType
from tools.refserver.direct import Direct, attribute, name_item
from tools.refserver.enums import LinkType, ObjectType, Operation
from tools.refserver.enums import ResultReason as R
from tools.refserver.errors import KmipError
from tools.refserver.managed import link_item
from tools.refserver.tags import Tag as T

MASK = attribute("Cryptographic Usage Mask", ttlv.integer(T.CRYPTOGRAPHIC_USAGE_MASK, 0x84))


@pytest.fixture
def meters(tmp_path):
    engine, one = make_engine(tmp_path / "state")
    two = Direct(engine, engine.add_device("meter-0002"))
    yield one, two
    engine.close()


def register_key(caller, *extra):
    return caller.register(
        ObjectType.SYMMETRIC_KEY,
        direct.key_object(T.SYMMETRIC_KEY, KeyFormatType.RAW, bytes(16),
                          CryptographicAlgorithm.AES, 128), MASK, *extra)


def failure(function, *args):
    with pytest.raises(KmipError) as caught:
        function(*args)
    return caught.value


def calls(uid):
    """Every operation that names an object."""
    item = ttlv.text(T.UNIQUE_IDENTIFIER, uid)
    reason = ttlv.structure(T.REVOCATION_REASON, ttlv.enumeration(T.REVOCATION_REASON_CODE, 1))
    kind = direct.template(attribute(
        "Certificate Type", ttlv.enumeration(T.CERTIFICATE_TYPE, 1)))
    return [
        (Operation.GET, item),
        (Operation.GET_ATTRIBUTES, item),
        (Operation.GET_ATTRIBUTE_LIST, item),
        (Operation.ADD_ATTRIBUTE, item, attribute("x-a", ttlv.text(T.ATTRIBUTE_VALUE, "b"))),
        (Operation.CHECK, item),
        (Operation.ACTIVATE, item),
        (Operation.REVOKE, item, reason),
        (Operation.DESTROY, item),
        (Operation.GET_USAGE_ALLOCATION, item, ttlv.long_integer(T.USAGE_LIMITS_COUNT, 1)),
        (Operation.CERTIFY, item, kind),
        (Operation.RE_CERTIFY, item),
    ]


def test_anothers_objects_are_denied_all_alike(meters):
    one, two = meters
    key = register_key(one)
    destroyed = register_key(one)
    one.call(Operation.DESTROY, ttlv.text(T.UNIQUE_IDENTIFIER, destroyed))
    said = set()
    for uid in (key, destroyed):
        for call in calls(uid):
            error = failure(two.call, *call)
            said.add((error.reason, error.message))
    assert said == {(R.PERMISSION_DENIED, "meter-0002 may not use this object")}
    for call in calls("no-such-object"):
        assert failure(two.call, *call).reason == R.ITEM_NOT_FOUND
    # The owner is not stopped by any of it.
    one.call(Operation.GET, ttlv.text(T.UNIQUE_IDENTIFIER, key))


def test_locate_shows_only_ones_own(meters):
    one, two = meters
    name = attribute("Name", name_item("same name"))
    mine, theirs = register_key(one, name), register_key(two, name)
    for caller, uid in ((one, mine), (two, theirs)):
        for search in ((), (name,)):
            payload = caller.call(Operation.LOCATE, *search)
            assert [item.value for item in payload.value[1:]] == [uid]


def test_a_link_cannot_point_at_anothers_object(meters):
    one, two = meters
    key = register_key(one)
    link = attribute("Link", link_item(LinkType.PARENT_LINK, key))
    assert failure(register_key, two, link).reason == R.PERMISSION_DENIED
    own = register_key(two)
    assert failure(two.call, Operation.ADD_ATTRIBUTE, ttlv.text(T.UNIQUE_IDENTIFIER, own),
                   link).reason == R.PERMISSION_DENIED


def test_names_are_a_meters_own_affair(meters):
    one, _ = meters
    name = attribute("Name", name_item("once"))
    uid = register_key(one, name)
    assert failure(register_key, one, name).reason == R.INVALID_FIELD
    other = register_key(one)
    assert failure(one.call, Operation.ADD_ATTRIBUTE, ttlv.text(T.UNIQUE_IDENTIFIER, other),
                   name).reason == R.ILLEGAL_OPERATION
    one.call(Operation.DESTROY, ttlv.text(T.UNIQUE_IDENTIFIER, uid))
    register_key(one, name)  # what is destroyed reserves no name


def test_a_bootstrap_identity_reaches_no_secret(meters):
    one, _ = meters
    key = register_key(one)
    identity = one.engine.add_device("meter-0001", "bootstrap-0001", policy.BOOTSTRAP)
    boot = Direct(one.engine, identity)
    assert failure(boot.call, Operation.GET,
                   ttlv.text(T.UNIQUE_IDENTIFIER, key)).reason == R.PERMISSION_DENIED
    assert len(boot.call(Operation.LOCATE).value) == 1  # Located Items: 0
    assert failure(register_key, boot).reason == R.PERMISSION_DENIED
    for operation in (Operation.DESTROY, Operation.REVOKE, Operation.RE_CERTIFY,
                      Operation.GET_USAGE_ALLOCATION):
        assert failure(boot.call, operation).reason in (R.PERMISSION_DENIED, R.INVALID_MESSAGE)


@pytest.mark.parametrize("device", ["", "a b", "meter/1", "-x", "a" * 65, "méter", "x\0", "a,b"])
def test_device_ids_are_plain(meters, device):
    with pytest.raises(ValueError):
        meters[0].engine.add_device(device)
