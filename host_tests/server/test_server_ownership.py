"""A meter reaches only what is its own; a renewal changes no ownership."""

import contextlib

import pytest
from serverkit import ENGINES, make_engine
from test_server_certify import csr

from tools.refserver import direct, policy, ttlv
from tools.refserver.authority import new_key
from tools.refserver.cryptoenums import CryptographicAlgorithm, KeyFormatType
from tools.refserver.direct import Direct, attribute, name_item
from tools.refserver.enums import LinkType, ObjectType, Operation
from tools.refserver.enums import ResultReason as R
from tools.refserver.errors import KmipError
from tools.refserver.keyformats import spki
from tools.refserver.managed import link_item
from tools.refserver.tags import Tag as T

MASK = attribute("Cryptographic Usage Mask", ttlv.integer(T.CRYPTOGRAPHIC_USAGE_MASK, 0x84))


@pytest.fixture
def meters(tmp_path):
    engine, one = make_engine(tmp_path / "state", newest=21)
    two = Direct(engine, engine.add_device("meter-0002"))
    yield one, two
    engine.close()


SIGNER = new_key()
REQUEST = csr(SIGNER)
KEY = direct.key_object(T.SYMMETRIC_KEY, KeyFormatType.RAW, bytes(range(16)), CryptographicAlgorithm.AES, 128)
PAIR = (("Cryptographic Algorithm", ttlv.enumeration(T.CRYPTOGRAPHIC_ALGORITHM, 6)),  # ECDSA
        ("Cryptographic Length", ttlv.integer(T.CRYPTOGRAPHIC_LENGTH, 256)),
        ("Cryptographic Usage Mask", ttlv.integer(T.CRYPTOGRAPHIC_USAGE_MASK, 3)))


def request_items(data, version=14):
    """A PKCS#10 as a version's Certify and Re-certify take it."""
    return [ttlv.enumeration(T.CERTIFICATE_REQUEST_TYPE, 2), ttlv.byte_string(
        T.CERTIFICATE_REQUEST_VALUE if version >= 20 else T.CERTIFICATE_REQUEST, data)]


def register_key(caller, *extra):
    return caller.register(
        ObjectType.SYMMETRIC_KEY,
        direct.key_object(T.SYMMETRIC_KEY, KeyFormatType.RAW, bytes(16),
                          CryptographicAlgorithm.AES, 128), MASK, *extra)


def failure(function, *args):
    with pytest.raises(KmipError) as caught:
        function(*args)
    return caught.value


CODE = ttlv.structure(T.REVOCATION_REASON, ttlv.enumeration(T.REVOCATION_REASON_CODE, 1))
VERSIONS = (10, 11, 12, 13, 14, 20, 21)


def uid_item(uid, tag=T.UNIQUE_IDENTIFIER):
    return ttlv.text(tag, uid)


def given(version, *items):
    """Attributes by (name, Item under its own tag), as a version wraps them."""
    if version >= 20:
        return direct.attributes_2x(*[item for _, item in items])
    return direct.template(*[attribute(name, item) for name, item in items])


def stated(version, name, item):
    """An attribute to add or change."""
    return direct.attributes_2x(item, tag=T.NEW_ATTRIBUTE) if version >= 20 else attribute(name, item)


CONTACT = ("Contact Information", ttlv.text(T.CONTACT_INFORMATION, "mine now"))
USAGE = ("Cryptographic Usage Mask", ttlv.integer(T.CRYPTOGRAPHIC_USAGE_MASK, 0x200))
AES = (("Cryptographic Algorithm", ttlv.enumeration(T.CRYPTOGRAPHIC_ALGORITHM, 3)),
       ("Cryptographic Length", ttlv.integer(T.CRYPTOGRAPHIC_LENGTH, 128)), USAGE)
REFERENCE = ttlv.structure(T.ATTRIBUTE_REFERENCE, ttlv.text(T.VENDOR_IDENTIFICATION, "x"),
                           ttlv.text(T.ATTRIBUTE_NAME, "mine"))


def link_to(uid):
    return "Link", link_item(LinkType.DERIVED_KEY_LINK, uid)


def wrapped_by(uid):
    return ttlv.structure(
        T.KEY_WRAPPING_SPECIFICATION, ttlv.enumeration(T.WRAPPING_METHOD, 1),
        ttlv.structure(T.ENCRYPTION_KEY_INFORMATION, uid_item(uid)))


def derive(version, *uids):
    return [ttlv.enumeration(T.OBJECT_TYPE, ObjectType.SYMMETRIC_KEY), *map(uid_item, uids),
            ttlv.enumeration(T.DERIVATION_METHOD, 3),
            ttlv.structure(T.DERIVATION_PARAMETERS, ttlv.byte_string(T.DERIVATION_DATA, b"data")),
            given(version, *AES)]


def register(version, *items):
    return [ttlv.enumeration(T.OBJECT_TYPE, ObjectType.SYMMETRIC_KEY), given(version, USAGE, *items), KEY]


def only_it(version, uid, own):
    return [uid_item(uid)]


# Each operation that the server has, and the payloads in which it can name an object, a line each: made of
# (version, the object's UID, one of the asker's own). Where there is none, why not.
ROWS = {
    Operation.ACTIVATE: [only_it],
    Operation.ADD_ATTRIBUTE: [
        lambda v, uid, own: [uid_item(uid), stated(v, *CONTACT)],
        lambda v, uid, own: [uid_item(own), stated(v, *link_to(uid))]],
    Operation.ADJUST_ATTRIBUTE: [lambda v, uid, own: [
        uid_item(uid), REFERENCE, ttlv.enumeration(T.ADJUSTMENT_TYPE, 1)]],
    Operation.ARCHIVE: [only_it],
    Operation.CANCEL: "names a request: test_requests_of_others()",
    Operation.CERTIFY: [lambda v, uid, own: [uid_item(uid), *request_items(REQUEST, v)]],
    Operation.CHECK: [
        only_it,
        lambda v, uid, own: [uid_item(uid), ttlv.long_integer(T.USAGE_LIMITS_COUNT, 1)]],
    Operation.CREATE: [lambda v, uid, own: [
        ttlv.enumeration(T.OBJECT_TYPE, ObjectType.SYMMETRIC_KEY), given(v, *AES, link_to(uid))]],
    Operation.CREATE_KEY_PAIR: [lambda v, uid, own: [direct.attributes_2x(
        *[item for _, item in (*PAIR, link_to(uid))], tag=T.COMMON_ATTRIBUTES) if v >= 20 else ttlv.structure(
            T.COMMON_TEMPLATE_ATTRIBUTE, *[attribute(*each) for each in (*PAIR, link_to(uid))])]],
    Operation.DELETE_ATTRIBUTE: [lambda v, uid, own: [
        uid_item(uid), REFERENCE if v >= 20 else ttlv.text(T.ATTRIBUTE_NAME, "Name")]],
    Operation.DERIVE_KEY: [
        lambda v, uid, own: derive(v, uid),
        lambda v, uid, own: derive(v, own, uid)],
    Operation.DESTROY: [only_it],
    Operation.DISCOVER_VERSIONS: "names no object",
    Operation.GET: [
        only_it,
        lambda v, uid, own: [uid_item(own), wrapped_by(uid)]],
    Operation.GET_ATTRIBUTE_LIST: [only_it],
    Operation.GET_ATTRIBUTES: [
        only_it,
        lambda v, uid, own: [uid_item(uid), ttlv.structure(
            T.ATTRIBUTE_REFERENCE, ttlv.text(T.VENDOR_IDENTIFICATION, "x"), ttlv.text(T.ATTRIBUTE_NAME, "y"))
            if v >= 20 else ttlv.text(T.ATTRIBUTE_NAME, "State")]],
    Operation.GET_USAGE_ALLOCATION: [lambda v, uid, own: [
        uid_item(uid), ttlv.long_integer(T.USAGE_LIMITS_COUNT, 1)]],
    Operation.LOCATE: "shows what is the asker's: test_locate_shows_only_ones_own()",
    Operation.MODIFY_ATTRIBUTE: [lambda v, uid, own: [uid_item(uid), stated(v, *CONTACT)]],
    Operation.OBTAIN_LEASE: [only_it],
    Operation.POLL: "names a request: test_requests_of_others()",
    Operation.QUERY: "names no object",
    Operation.RE_CERTIFY: [lambda v, uid, own: [uid_item(uid), *request_items(REQUEST, v)]],
    Operation.RECOVER: [only_it],
    Operation.REGISTER: [lambda v, uid, own: register(v, link_to(uid))],
    Operation.RE_KEY: [
        only_it,
        lambda v, uid, own: [uid_item(own), given(v, link_to(uid))]],
    Operation.RE_KEY_KEY_PAIR: [
        lambda v, uid, own: [uid_item(uid, T.PRIVATE_KEY_UNIQUE_IDENTIFIER)]],
    Operation.REVOKE: [lambda v, uid, own: [uid_item(uid), CODE]],
    Operation.SET_ATTRIBUTE: [lambda v, uid, own: [uid_item(uid), stated(v, *CONTACT)]],
    Operation.VALIDATE: [only_it],
}


def rows():
    for operation, payloads in ROWS.items():
        for number, payload in enumerate(payloads if isinstance(payloads, list) else ()):
            yield pytest.param(operation, payload, id="%s-%d" % (operation.name, number))


def test_every_operation_has_its_rows(meters):
    assert set(map(int, ROWS)) == set(meters[0].engine.operations)


def everything(engine, owner):
    """All that the store holds of an owner, row by row."""
    with engine.store.transaction(write=False) as txn:
        uids = txn.uids_of(owner)
        found = [(uid, txn.limits(uid)) for uid in uids]
        for table in ("objects", "attributes", "names"):
            found += [row for row in txn._db.execute("SELECT * FROM %s" % table) if set(row) & set(uids)]
    return found


@pytest.fixture(scope="module")
def possessions(tmp_path_factory):
    """(meter-0001, {kind: UID} of its objects, meter-0002, UID of a key of its own)."""
    engine, mine = make_engine(tmp_path_factory.mktemp("objects") / "state", newest=21)
    ENGINES.remove(engine)  # it lives longer than a test
    other = Direct(engine, engine.add_device("meter-0002"))
    start = attribute("Activation Date", ttlv.date_time(T.ACTIVATION_DATE, engine.now()))
    wide = attribute("Cryptographic Usage Mask", ttlv.integer(T.CRYPTOGRAPHIC_USAGE_MASK, 0x234))
    limits = attribute("Usage Limits", ttlv.structure(
        T.USAGE_LIMITS, ttlv.long_integer(T.USAGE_LIMITS_TOTAL, 100),
        ttlv.enumeration(T.USAGE_LIMITS_UNIT, 1)))
    public = mine.register(
        ObjectType.PUBLIC_KEY, direct.key_object(
            T.PUBLIC_KEY, KeyFormatType.X509, spki(SIGNER.public_key()), CryptographicAlgorithm.ECDSA, 256),
        attribute("Cryptographic Usage Mask", ttlv.integer(T.CRYPTOGRAPHIC_USAGE_MASK, 2)), start,
        attribute("Name", name_item("public")))
    objects = {
        "active key": mine.register(ObjectType.SYMMETRIC_KEY, KEY, wide, start, limits,
                                    attribute("Name", name_item("key"))),
        "pre-active key": register_key(mine),
        "destroyed": register_key(mine),
        "archived": register_key(mine),
        "public key": public,
        "certificate": mine.call(Operation.CERTIFY, uid_item(public), *request_items(REQUEST)).find(
            T.UNIQUE_IDENTIFIER).value,
        "private key": mine.call(Operation.CREATE_KEY_PAIR, ttlv.structure(
            T.COMMON_TEMPLATE_ATTRIBUTE, *[attribute(*each) for each in PAIR])).find(
                T.PRIVATE_KEY_UNIQUE_IDENTIFIER).value,
    }
    mine.call(Operation.DESTROY, uid_item(objects["destroyed"]))
    mine.call(Operation.ARCHIVE, uid_item(objects["archived"]))
    own = other.register(ObjectType.SYMMETRIC_KEY, KEY, wide, start)
    yield mine, objects, other, own
    engine.close()


def said(caller, operation, payload, uid, own):
    """(reason, text without the UID) of the refusal; None for a success."""
    try:
        caller.call(operation, *payload(caller.version, uid, own))
    except KmipError as error:
        return error.reason, error.message.replace(uid, "UID")
    return None


@pytest.mark.parametrize("operation, payload", list(rows()))
def test_what_is_anothers_is_not_there(possessions, operation, payload):
    """Refused in the words for what does not exist, and nothing has changed."""
    mine, objects, other, own = possessions
    before = everything(mine.engine, "meter-0001"), everything(mine.engine, "meter-0002")
    for version in VERSIONS:
        if not Operation.known(operation, version):
            continue
        stranger = Direct(mine.engine, other.identity, version)
        absent = said(stranger, operation, payload, "7f9c34b1-none", own)
        assert absent is not None and absent[0] in (
            R.ITEM_NOT_FOUND, R.OBJECT_NOT_FOUND, R.WRAPPING_OBJECT_NOT_FOUND), (version, absent)
        for kind, uid in objects.items():
            assert said(stranger, operation, payload, uid, own) == absent, (version, kind)
    assert (everything(mine.engine, "meter-0001"), everything(mine.engine, "meter-0002")) == before


@pytest.mark.parametrize("operation, payload", list(rows()))
def test_the_same_words_reach_ones_own(possessions, operation, payload):
    """So that the test above refuses for the reason that it says: for the owner the object is there."""
    mine, objects, _, _ = possessions
    reached = set()
    for version in VERSIONS:
        for uid in objects.values() if Operation.known(operation, version) else ():
            request = direct.request(version, (operation, payload(version, uid, objects["active key"])))
            with pytest.raises(Back), mine.engine.store.transaction() as txn:
                reached.add(tried(mine, request, txn))
                raise Back
    assert reached - {None, R.ITEM_NOT_FOUND, R.OBJECT_NOT_FOUND, R.WRAPPING_OBJECT_NOT_FOUND} or (
        None in reached)


class Back(Exception):
    """Rolls a transaction back."""


def tried(caller, request, txn):
    """The reason in which a request ends within a transaction, None for a success."""
    engine = caller.engine
    real = engine.store.transaction
    engine.store.transaction = lambda write=True: contextlib.nullcontext(txn)
    try:
        item = ttlv.decode(engine.handle(request, caller.identity)).find(T.BATCH_ITEM)
    finally:
        engine.store.transaction = real
    reason = item.find(T.RESULT_REASON)
    return None if reason is None else reason.value


@pytest.mark.parametrize("version", VERSIONS)
def test_requests_of_others(meters, version):
    """Poll and Cancel of another's request: as of one that there is not."""
    meters[0].engine.pending.set(Operation.CREATE, "forever")
    asker, stranger = (Direct(each.engine, each.identity, version) for each in meters)
    correlation = asker.offer(
        Operation.CREATE, ttlv.enumeration(T.OBJECT_TYPE, ObjectType.SYMMETRIC_KEY), given(version, *AES)
    ).find(T.ASYNCHRONOUS_CORRELATION_VALUE).value
    for operation in (Operation.POLL, Operation.CANCEL):
        answers = []
        for value in (correlation, b"\xee" * 8):
            answer = stranger.send((operation, [ttlv.byte_string(T.ASYNCHRONOUS_CORRELATION_VALUE, value)]))
            answers.append(ttlv.encode(answer).replace(value, b"(asked)"))
        assert answers[0] == answers[1]
    assert asker.poll(correlation).find(T.RESULT_STATUS).value == 2  # still pending


def test_a_bootstrap_identity_does_nothing_but_enrol(possessions):
    """Every operation beyond enrolment is refused before an object is looked for."""
    mine, objects, _, _ = possessions
    engine = mine.engine
    boot = engine.add_device("meter-0001", "meter-0001-bootstrap", policy.BOOTSTRAP)
    enrols = {Operation.DISCOVER_VERSIONS, Operation.QUERY, Operation.REGISTER, Operation.CERTIFY,
              Operation.GET, Operation.GET_ATTRIBUTES, Operation.GET_ATTRIBUTE_LIST, Operation.LOCATE,
              Operation.POLL, Operation.CANCEL}
    before = everything(engine, "meter-0001")
    for operation, payloads in ROWS.items():
        for payload in payloads if isinstance(payloads, list) else ():
            for version in VERSIONS:
                if not Operation.known(operation, version):
                    continue
                caller = Direct(engine, boot, version)
                for uid in ("nothing", objects["active key"], objects["private key"]):
                    reason, text = said(caller, operation, payload, uid, uid)
                    if operation not in enrols:
                        assert (reason, text) == (R.PERMISSION_DENIED, "a bootstrap identity may only enrol")
                    elif operation != Operation.REGISTER:
                        assert reason in (R.ITEM_NOT_FOUND, R.OBJECT_NOT_FOUND), (operation, version)
                    else:
                        assert reason == R.PERMISSION_DENIED
    assert everything(engine, "meter-0001") == before


def test_a_revoked_device_does_not_enrol_anew_either(meters):
    caller = meters[0]
    boot = Direct(caller.engine, caller.engine.add_device("meter-0001", "enrols-0001", policy.BOOTSTRAP))
    boot.call(Operation.LOCATE)
    caller.engine.revoke_device("meter-0001")
    for each in (caller, boot):
        assert failure(each.call, Operation.LOCATE).reason == R.AUTHENTICATION_NOT_SUCCESSFUL
    # Adding what is there already is no way back.
    caller.engine.add_device("meter-0001")
    assert failure(caller.call, Operation.LOCATE).reason == R.AUTHENTICATION_NOT_SUCCESSFUL


def test_the_owner_is_not_stopped_by_what_others_try(meters):
    one, two = meters
    key = register_key(one)
    assert failure(two.call, Operation.GET, uid_item(key)).reason == R.ITEM_NOT_FOUND
    one.call(Operation.GET, uid_item(key))


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
    assert failure(register_key, two, link).reason == R.ITEM_NOT_FOUND
    own = register_key(two)
    assert failure(two.call, Operation.ADD_ATTRIBUTE, ttlv.text(T.UNIQUE_IDENTIFIER, own),
                   link).reason == R.ITEM_NOT_FOUND


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
                   ttlv.text(T.UNIQUE_IDENTIFIER, key)).reason == R.ITEM_NOT_FOUND
    assert len(boot.call(Operation.LOCATE).value) == 1  # Located Items: 0
    assert failure(register_key, boot).reason == R.PERMISSION_DENIED
    for operation in (Operation.DESTROY, Operation.REVOKE, Operation.RE_CERTIFY,
                      Operation.GET_USAGE_ALLOCATION):
        assert failure(boot.call, operation).reason in (R.PERMISSION_DENIED, R.INVALID_MESSAGE)


@pytest.mark.parametrize("device", ["", "a b", "meter/1", "-x", "a" * 65, "méter", "x\0", "a,b"])
def test_device_ids_are_plain(meters, device):
    with pytest.raises(ValueError):
        meters[0].engine.add_device(device)
