"""Objects and attributes: Register, Create, Get and its formats, the attribute operations."""

import os

import pytest
from cryptography.hazmat.primitives import keywrap
from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from serverkit import Clock, make_engine

from tools.refserver import direct, ttlv
from tools.refserver.cryptoenums import CryptographicAlgorithm as A
from tools.refserver.cryptoenums import KeyFormatType as F
from tools.refserver.direct import Direct, attribute, key_object, name_item, template
from tools.refserver.enums import ObjectType, Operation, State
from tools.refserver.enums import ResultReason as R
from tools.refserver.errors import KmipError
from tools.refserver.tags import Tag as T

START = 1_700_000_000


@pytest.fixture
def meter(tmp_path):
    clock = Clock(START)
    engine, caller = make_engine(tmp_path / "state", clock)
    caller.clock = clock
    yield caller
    engine.close()


def mask(bits):
    return attribute("Cryptographic Usage Mask", ttlv.integer(T.CRYPTOGRAPHIC_USAGE_MASK, bits))


def uid_item(uid):
    return ttlv.text(T.UNIQUE_IDENTIFIER, uid)


def date(name, value):
    return attribute(name, ttlv.date_time(T.ATTRIBUTE_VALUE, value))


def register_key(caller, *extra, material=bytes(16), format_=F.RAW, algorithm=A.AES, length=128):
    return caller.register(
        ObjectType.SYMMETRIC_KEY,
        key_object(T.SYMMETRIC_KEY, format_, material, algorithm, length), mask(0x84), *extra)


def failure(function, *args, **kwargs):
    with pytest.raises(KmipError) as caught:
        function(*args, **kwargs)
    return caught.value.reason


def get(caller, uid, *payload):
    """The managed object Item of a Get."""
    return caller.call(Operation.GET, uid_item(uid), *payload).value[2]


def material(item):
    return item.find(T.KEY_BLOCK).find(T.KEY_VALUE).find(T.KEY_MATERIAL)


def as_format(format_):
    return ttlv.enumeration(T.KEY_FORMAT_TYPE, format_)


def attributes(caller, uid, *names):
    payload = caller.call(Operation.GET_ATTRIBUTES, uid_item(uid), *[
        ttlv.text(T.ATTRIBUTE_NAME, name) for name in names])
    return {item.find(T.ATTRIBUTE_NAME).value: item.find(T.ATTRIBUTE_VALUE).value
            for item in payload.value[1:]}


def add(caller, uid, item):
    return caller.call(Operation.ADD_ATTRIBUTE, uid_item(uid), item)


def test_a_raw_key_can_be_had_transparent_and_back(meter):
    secret = os.urandom(16)
    uid = register_key(meter, material=secret)
    assert material(get(meter, uid)).value == secret
    transparent = get(meter, uid, as_format(F.TRANSPARENT_SYMMETRIC_KEY))
    assert material(transparent).find(T.KEY).value == secret
    back = register_key(meter, material=material(transparent),
                        format_=F.TRANSPARENT_SYMMETRIC_KEY)
    assert material(get(meter, back, as_format(F.RAW))).value == secret
    for wrong in (F.PKCS8, F.X509, F.OPAQUE):
        assert failure(get, meter, uid, as_format(wrong)) == R.KEY_FORMAT_TYPE_NOT_SUPPORTED


def pair(kind):
    if kind == "EC":
        return ec.generate_private_key(ec.SECP256R1()), A.ECDSA, 256
    return rsa.generate_private_key(65537, 2048), A.RSA, 2048


PUBLIC = [("EC", F.X509, F.TRANSPARENT_ECDSA_PUBLIC_KEY),
          ("EC", F.X509, F.TRANSPARENT_EC_PUBLIC_KEY),
          ("RSA", F.PKCS1, F.X509), ("RSA", F.X509, F.TRANSPARENT_RSA_PUBLIC_KEY)]
PRIVATE = [("EC", F.ECPRIVATEKEY, F.PKCS8), ("EC", F.PKCS8, F.TRANSPARENT_ECDSA_PRIVATE_KEY),
           ("EC", F.PKCS8, F.TRANSPARENT_EC_PRIVATE_KEY),
           ("RSA", F.PKCS1, F.PKCS8), ("RSA", F.PKCS8, F.TRANSPARENT_RSA_PRIVATE_KEY)]


@pytest.mark.parametrize("kind, first, second", PUBLIC)
def test_public_keys_in_their_formats(meter, kind, first, second):
    private, algorithm, length = pair(kind)
    key = private.public_key()
    spelled = ser.PublicFormat.PKCS1 if first == F.PKCS1 else ser.PublicFormat.SubjectPublicKeyInfo
    der = key.public_bytes(ser.Encoding.DER, spelled)
    uid = meter.register(ObjectType.PUBLIC_KEY,
                         key_object(T.PUBLIC_KEY, first, der, algorithm, length), mask(2))
    other = get(meter, uid, as_format(second))
    again = meter.register(ObjectType.PUBLIC_KEY, other, mask(2))
    assert material(get(meter, again, as_format(first))).value == der
    assert failure(get, meter, uid, as_format(F.RAW)) == R.KEY_FORMAT_TYPE_NOT_SUPPORTED


@pytest.mark.parametrize("kind, first, second", PRIVATE)
def test_private_keys_in_their_formats(meter, kind, first, second):
    key, algorithm, length = pair(kind)
    spelled = ser.PrivateFormat.PKCS8 if first == F.PKCS8 else ser.PrivateFormat.TraditionalOpenSSL
    der = key.private_bytes(ser.Encoding.DER, spelled, ser.NoEncryption())
    uid = meter.register(ObjectType.PRIVATE_KEY,
                         key_object(T.PRIVATE_KEY, first, der, algorithm, length), mask(1))
    other = get(meter, uid, as_format(second))
    again = meter.register(ObjectType.PRIVATE_KEY, other, mask(1))
    found = material(get(meter, again, as_format(F.PKCS8))).value
    assert ser.load_der_private_key(found, None).private_numbers() == key.private_numbers()


def test_secret_data_and_opaque_objects(meter):
    secret = ttlv.structure(
        T.SECRET_DATA, ttlv.enumeration(T.SECRET_DATA_TYPE, 1),
        key_object(T.SYMMETRIC_KEY, F.RAW, b"pass phrase").value[0])
    uid = meter.register(ObjectType.SECRET_DATA, secret, mask(0))
    assert get(meter, uid) == secret
    opaque = ttlv.structure(
        T.OPAQUE_OBJECT, ttlv.enumeration(T.OPAQUE_DATA_TYPE, 0x80000001),
        ttlv.byte_string(T.OPAQUE_DATA_VALUE, b"\0\1\2"))
    uid = meter.register(ObjectType.OPAQUE_OBJECT, opaque)
    assert get(meter, uid) == opaque
    assert "State" not in attributes(meter, uid)
    assert failure(meter.call, Operation.ACTIVATE, uid_item(uid)) == R.ILLEGAL_OPERATION
    assert failure(get, meter, uid, as_format(F.RAW)) == R.KEY_FORMAT_TYPE_NOT_SUPPORTED
    meter.call(Operation.DESTROY, uid_item(uid))
    assert failure(get, meter, uid) == R.ILLEGAL_OPERATION
    wrong = ttlv.structure(T.OPAQUE_OBJECT, ttlv.enumeration(T.OPAQUE_DATA_TYPE, 1),
                           ttlv.byte_string(T.OPAQUE_DATA_VALUE, b""))
    assert failure(meter.register, ObjectType.OPAQUE_OBJECT, wrong) == R.INVALID_FIELD


def wrapped_key(*, value=None, encoding=None):
    return ttlv.structure(T.SYMMETRIC_KEY, ttlv.structure(
        T.KEY_BLOCK,
        as_format(F.RAW),
        ttlv.byte_string(T.KEY_VALUE, bytes(range(24))) if value is None else value,
        ttlv.enumeration(T.CRYPTOGRAPHIC_ALGORITHM, A.AES),
        ttlv.integer(T.CRYPTOGRAPHIC_LENGTH, 128),
        ttlv.structure(
            T.KEY_WRAPPING_DATA, ttlv.enumeration(T.WRAPPING_METHOD, 1),
            ttlv.structure(T.ENCRYPTION_KEY_INFORMATION, uid_item("elsewhere")), encoding)))


def test_a_wrapped_key_is_handed_over_as_registered(meter):
    item = wrapped_key(encoding=ttlv.enumeration(T.ENCODING_OPTION, 1))
    uid = meter.register(ObjectType.SYMMETRIC_KEY, item, mask(4))
    assert get(meter, uid) == item
    assert failure(get, meter, uid, as_format(F.TRANSPARENT_SYMMETRIC_KEY)) == (
        R.KEY_FORMAT_TYPE_NOT_SUPPORTED)
    assert "Digest" not in attributes(meter, uid)  # the server does not know the key's value
    plain = ttlv.structure(T.KEY_VALUE, ttlv.byte_string(T.KEY_MATERIAL, bytes(16)))
    assert failure(meter.register, ObjectType.SYMMETRIC_KEY, wrapped_key(value=plain),
                   mask(4)) == R.INVALID_FIELD


def wrapping_specification(uid, *extra):
    return ttlv.structure(
        T.KEY_WRAPPING_SPECIFICATION, ttlv.enumeration(T.WRAPPING_METHOD, 1),
        ttlv.structure(T.ENCRYPTION_KEY_INFORMATION, uid_item(uid)), *extra)


def test_get_wraps_a_key(meter):
    kek, secret = os.urandom(16), os.urandom(16)
    parameters = attribute("Cryptographic Parameters", ttlv.structure(
        T.CRYPTOGRAPHIC_PARAMETERS, ttlv.enumeration(T.BLOCK_CIPHER_MODE, 0x0D)))
    wrapping = meter.register(
        ObjectType.SYMMETRIC_KEY, key_object(T.SYMMETRIC_KEY, F.RAW, kek, A.AES, 128),
        mask(0x10), parameters, date("Activation Date", START))
    uid = register_key(meter, attribute("Sensitive", ttlv.boolean(T.SENSITIVE, True)),
                       material=secret)
    assert failure(get, meter, uid) == R.SENSITIVE
    block = get(meter, uid, wrapping_specification(wrapping)).find(T.KEY_BLOCK)
    value = ttlv.decode(keywrap.aes_key_unwrap(kek, block.find(T.KEY_VALUE).value))
    assert value.find(T.KEY_MATERIAL).value == secret
    bare = get(meter, uid, wrapping_specification(
        wrapping, ttlv.enumeration(T.ENCODING_OPTION, 1))).find(T.KEY_BLOCK)
    assert keywrap.aes_key_unwrap(kek, bare.find(T.KEY_VALUE).value) == secret
    assert failure(get, meter, uid, wrapping_specification("nothing")) == R.ITEM_NOT_FOUND
    assert failure(get, meter, uid, wrapping_specification(register_key(meter))) == (
        R.PERMISSION_DENIED)  # its mask lacks Wrap Key
    assert failure(get, meter, uid, wrapping_specification(
        wrapping, ttlv.text(T.ATTRIBUTE_NAME, "Name"),
        ttlv.enumeration(T.ENCODING_OPTION, 1))) == R.ENCODING_OPTION_ERROR


def test_not_extractable_keys_never_leave(meter):
    uid = register_key(meter, attribute("Extractable", ttlv.boolean(T.EXTRACTABLE, False)))
    assert failure(get, meter, uid) == R.NOT_EXTRACTABLE
    assert failure(get, Direct(meter.engine, meter.identity, 13), uid) == R.PERMISSION_DENIED


BAD_KEYS = [
    ("a length that is not the key's", {"length": 256}, R.INVALID_FIELD),
    ("a length that AES does not have", {"material": bytes(10), "length": 80}, R.INVALID_FIELD),
    ("a DES key without its parity bits",
     {"material": bytes(21), "algorithm": A.TRIPLE_DES, "length": 168}, R.INVALID_FIELD),
    ("an algorithm without length", {"length": None}, R.INVALID_FIELD),
    ("a structure where bytes belong",
     {"material": ttlv.structure(T.KEY_MATERIAL, ttlv.byte_string(T.KEY, bytes(16)))},
     R.INVALID_FIELD),
    ("bytes where a structure belongs", {"format_": F.TRANSPARENT_SYMMETRIC_KEY},
     R.INVALID_FIELD),
    ("a format of another object type", {"format_": F.PKCS8}, R.KEY_FORMAT_TYPE_NOT_SUPPORTED),
    ("neither algorithm nor length", {"algorithm": None, "length": None}, R.MISSING_DATA),
]


@pytest.mark.parametrize("what, change, reason", BAD_KEYS, ids=[row[0] for row in BAD_KEYS])
def test_bad_key_blocks(meter, what, change, reason):
    assert failure(register_key, meter, **change) == reason
    assert meter.call(Operation.LOCATE).find(T.LOCATED_ITEMS).value == 0


def test_asymmetric_keys_must_be_what_they_say(meter):
    der = ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(
        ser.Encoding.DER, ser.PublicFormat.SubjectPublicKeyInfo)

    def register(format_, data, algorithm, length):
        return meter.register(ObjectType.PUBLIC_KEY, key_object(
            T.PUBLIC_KEY, format_, data, algorithm, length), mask(2))
    assert failure(register, F.X509, der, A.RSA, 256) == R.INVALID_FIELD
    assert failure(register, F.X509, der, A.ECDSA, 384) == R.INVALID_FIELD
    assert failure(register, F.PKCS1, der, A.ECDSA, 256) == R.INVALID_FIELD
    assert failure(register, F.X509, der[:-1], A.ECDSA, 256) == R.INVALID_FIELD
    register(F.X509, der, A.EC, 256)


def test_the_wrong_object_or_two_of_them(meter):
    key = key_object(T.SYMMETRIC_KEY, F.RAW, bytes(16), A.AES, 128)
    kind = ttlv.enumeration(T.OBJECT_TYPE, ObjectType.SYMMETRIC_KEY)
    public = key_object(T.PUBLIC_KEY, F.RAW, bytes(16), A.AES, 128)
    for payload in ((kind, template(mask(4))), (kind, template(mask(4)), public),
                    (kind, template(mask(4)), key, public)):
        assert failure(meter.call, Operation.REGISTER, *payload) == R.INVALID_MESSAGE


BAD_ATTRIBUTES = [
    (attribute("No Such Attribute", ttlv.integer(T.ATTRIBUTE_VALUE, 1)), R.INVALID_FIELD),
    (attribute("State", ttlv.enumeration(T.STATE, 2)), R.INVALID_FIELD),
    (attribute("Unique Identifier", ttlv.text(T.UNIQUE_IDENTIFIER, "mine")), R.INVALID_FIELD),
    (attribute("Name", ttlv.text(T.NAME_VALUE, "bare")), R.INVALID_MESSAGE),
    (attribute("Name", ttlv.structure(T.NAME, ttlv.text(T.NAME_VALUE, "x"))), R.INVALID_MESSAGE),
    (attribute("Cryptographic Usage Mask", ttlv.integer(T.ATTRIBUTE_VALUE, 4)), R.INVALID_FIELD),
    (attribute("Process Start Date", ttlv.integer(T.ATTRIBUTE_VALUE, 4)), R.INVALID_MESSAGE),
    (attribute("Certificate Type", ttlv.enumeration(T.ATTRIBUTE_VALUE, 1)), R.INVALID_FIELD),
    (attribute("y-server", ttlv.text(T.ATTRIBUTE_VALUE, "no")), R.INVALID_FIELD),
    (attribute("x-deep", ttlv.structure(T.NAME, ttlv.structure(T.NAME))), R.INVALID_FIELD),
]


@pytest.mark.parametrize("bad, reason", BAD_ATTRIBUTES)
def test_bad_attributes_make_no_object(meter, bad, reason):
    # register_key gives a Cryptographic Usage Mask already: one instance is the most.
    assert failure(register_key, meter, bad) == reason
    assert meter.call(Operation.LOCATE).find(T.LOCATED_ITEMS).value == 0


def test_unknown_mask_bits_and_dates_in_disorder(meter):
    assert failure(meter.register, ObjectType.SYMMETRIC_KEY, key_object(
        T.SYMMETRIC_KEY, F.RAW, bytes(16), A.AES, 128), mask(0x100000)) == R.INVALID_FIELD
    assert failure(register_key, meter, date("Activation Date", START + 5),
                   date("Process Start Date", START)) == R.INVALID_FIELD
    assert failure(register_key, meter, date("Protect Stop Date", START + 5),
                   date("Deactivation Date", START)) == R.INVALID_FIELD


def test_attributes_of_later_versions_stay_hidden(meter):
    uid = register_key(meter, attribute("Comment", ttlv.text(T.COMMENT, "new in 1.4")))
    assert "Comment" in attributes(meter, uid)
    names = {}
    for version in (10, 11, 12, 13, 14):
        older = Direct(meter.engine, meter.identity, version)
        names[version] = set(attributes(older, uid))
    assert names[14] - names[13] == {"Comment", "Sensitive", "Always Sensitive", "Extractable",
                                     "Never Extractable"}
    assert names[11] - names[10] == {"Fresh"}
    oldest = Direct(meter.engine, meter.identity, 10)
    assert len(attributes(oldest, uid)["Digest"]) == 2  # no Key Format Type in 1.0
    assert failure(register_key, oldest, attribute("Comment", ttlv.text(T.COMMENT, "x"))) == (
        R.INVALID_FIELD)


def test_states_follow_the_dates(meter):
    uid = register_key(meter, date("Activation Date", START + 10),
                       date("Deactivation Date", START + 20))
    for seconds, state in ((0, State.PRE_ACTIVE), (9, State.PRE_ACTIVE), (10, State.ACTIVE),
                           (19, State.ACTIVE), (20, State.DEACTIVATED)):
        meter.clock.now = START + seconds
        assert attributes(meter, uid, "State") == {"State": state}
        found = meter.call(Operation.LOCATE, attribute(
            "State", ttlv.enumeration(T.STATE, state)))
        assert found.find(T.UNIQUE_IDENTIFIER).value == uid


def revoke(caller, uid, code, *extra):
    return caller.call(
        Operation.REVOKE, uid_item(uid),
        ttlv.structure(T.REVOCATION_REASON, ttlv.enumeration(T.REVOCATION_REASON_CODE, code)),
        *extra)


def test_transitions(meter):
    uid = register_key(meter)
    assert failure(revoke, meter, uid, 6) == R.PERMISSION_DENIED  # Pre-Active to Deactivated
    meter.call(Operation.ACTIVATE, uid_item(uid))
    assert failure(meter.call, Operation.ACTIVATE, uid_item(uid)) == R.PERMISSION_DENIED
    assert failure(meter.call, Operation.DESTROY, uid_item(uid)) == R.PERMISSION_DENIED
    revoke(meter, uid, 6)
    assert attributes(meter, uid)["State"] == State.DEACTIVATED
    revoke(meter, uid, 2)
    found = attributes(meter, uid)
    assert found["State"] == State.COMPROMISED
    assert found["Compromise Occurrence Date"] == found["Initial Date"]
    meter.call(Operation.DESTROY, uid_item(uid))
    assert attributes(meter, uid)["State"] == State.DESTROYED_COMPROMISED
    assert failure(meter.call, Operation.DESTROY, uid_item(uid)) == R.PERMISSION_DENIED
    assert failure(revoke, meter, uid, 9) == R.INVALID_FIELD


def test_compromise_by_version(meter):
    def after(version, code, *extra):
        uid = register_key(meter, date("Activation Date", START))
        caller = Direct(meter.engine, meter.identity, version)
        revoke(caller, uid, code, *extra)
        return attributes(meter, uid)["State"]
    occurrence = ttlv.date_time(T.COMPROMISE_OCCURRENCE_DATE, START - 5)
    assert after(12, 2, occurrence) == State.COMPROMISED
    assert after(12, 3, occurrence) == State.DEACTIVATED  # CA Compromise counts from 1.3 on
    assert after(13, 3) == State.COMPROMISED
    assert failure(after, 12, 2) == R.MISSING_DATA
    assert failure(after, 14, 6, occurrence) == R.INVALID_FIELD


def test_add_attribute(meter):
    uid = register_key(meter)
    answer = add(meter, uid, attribute("Object Group", ttlv.text(T.OBJECT_GROUP, "a")))
    assert answer.find(T.ATTRIBUTE).find(T.ATTRIBUTE_INDEX) is None
    answer = add(meter, uid, attribute("Object Group", ttlv.text(T.OBJECT_GROUP, "b")))
    assert answer.find(T.ATTRIBUTE).find(T.ATTRIBUTE_INDEX).value == 1
    contact = attribute("Contact Information", ttlv.text(T.CONTACT_INFORMATION, "me"))
    add(meter, uid, contact)
    assert failure(add, meter, uid, contact) == R.ILLEGAL_OPERATION
    assert failure(add, meter, uid, attribute("State", ttlv.enumeration(T.STATE, 2))) == (
        R.PERMISSION_DENIED)
    assert failure(add, meter, uid, attribute("Nothing", ttlv.integer(T.STATE, 2))) == (
        R.PERMISSION_DENIED)
    indexed = ttlv.structure(
        T.ATTRIBUTE, ttlv.text(T.ATTRIBUTE_NAME, "Object Group"),
        ttlv.integer(T.ATTRIBUTE_INDEX, 2), ttlv.text(T.ATTRIBUTE_VALUE, "c"))
    assert failure(add, meter, uid, indexed) == R.INVALID_FIELD
    meter.clock.now += 60
    add(meter, uid, date("Activation Date", START + 60))
    assert attributes(meter, uid)["State"] == State.ACTIVE
    assert attributes(meter, uid)["Last Change Date"] == START + 60


def test_get_attributes_by_name(meter):
    uid = register_key(meter)
    names = ["State", "x-absent", "Object Type"]
    assert list(attributes(meter, uid, *names)) == ["State", "Object Type"]
    assert failure(attributes, meter, uid, "State", "State") == R.INVALID_MESSAGE


def test_fresh_until_served(meter):
    payload = meter.call(
        Operation.CREATE, ttlv.enumeration(T.OBJECT_TYPE, ObjectType.SYMMETRIC_KEY),
        template(attribute("Cryptographic Algorithm", ttlv.enumeration(T.ATTRIBUTE_VALUE, A.AES)),
                 mask(4)))
    uid = payload.find(T.UNIQUE_IDENTIFIER).value
    told = payload.find(T.TEMPLATE_ATTRIBUTE).find(T.ATTRIBUTE)
    assert told.find(T.ATTRIBUTE_VALUE).value == 256  # the length the server chose
    assert attributes(meter, uid, "Fresh") == {"Fresh": True}
    assert len(material(get(meter, uid)).value) == 32
    assert attributes(meter, uid, "Fresh") == {"Fresh": False}


def test_what_create_refuses(meter):
    def create(algorithm, length, kind=ObjectType.SYMMETRIC_KEY):
        return meter.call(
            Operation.CREATE, ttlv.enumeration(T.OBJECT_TYPE, kind), template(
                attribute("Cryptographic Algorithm", ttlv.enumeration(T.STATE, algorithm)),
                attribute("Cryptographic Length", ttlv.integer(T.STATE, length)), mask(4)))
    assert failure(create, A.AES, 127) == R.INVALID_FIELD
    assert failure(create, A.RSA, 2048) == R.INVALID_FIELD
    assert failure(create, A.AES, 128, ObjectType.SECRET_DATA) == R.INVALID_FIELD
    assert failure(meter.call, Operation.CREATE, ttlv.enumeration(
        T.OBJECT_TYPE, ObjectType.SYMMETRIC_KEY), template(mask(4))) == R.MISSING_DATA


def test_des_keys_have_odd_parity(meter):
    payload = meter.call(
        Operation.CREATE, ttlv.enumeration(T.OBJECT_TYPE, ObjectType.SYMMETRIC_KEY), template(
            attribute("Cryptographic Algorithm", ttlv.enumeration(T.STATE, A.TRIPLE_DES)),
            attribute("Cryptographic Length", ttlv.integer(T.STATE, 168)), mask(4)))
    key = material(get(meter, payload.find(T.UNIQUE_IDENTIFIER).value)).value
    assert len(key) == 24
    assert all(byte.bit_count() % 2 == 1 for byte in key)


@pytest.mark.parametrize("algorithm, length", [(A.RSA, 2048), (A.ECDSA, 256), (A.EC, 384)])
def test_create_key_pair(meter, algorithm, length):
    common = ttlv.structure(
        T.COMMON_TEMPLATE_ATTRIBUTE,
        attribute("Cryptographic Algorithm", ttlv.enumeration(T.STATE, algorithm)),
        attribute("Cryptographic Length", ttlv.integer(T.STATE, length)))

    def own(tag, bits):
        return ttlv.structure(tag, mask(bits))
    payload = meter.call(Operation.CREATE_KEY_PAIR, common,
                         own(T.PRIVATE_KEY_TEMPLATE_ATTRIBUTE, 1),
                         own(T.PUBLIC_KEY_TEMPLATE_ATTRIBUTE, 2))
    private, public = [item.value for item in payload.value]
    key = ser.load_der_private_key(material(get(meter, private, as_format(F.PKCS8))).value, None)
    der = material(get(meter, public, as_format(F.X509))).value
    assert ser.load_der_public_key(der) == key.public_key()
    assert attributes(meter, private)["Cryptographic Length"] == length
    assert failure(meter.call, Operation.CREATE_KEY_PAIR, common) == R.MISSING_DATA


def test_the_placeholder_after_create_key_pair_is_the_private_key(meter):
    common = ttlv.structure(
        T.COMMON_TEMPLATE_ATTRIBUTE,
        attribute("Cryptographic Algorithm", ttlv.enumeration(T.STATE, A.ECDSA)), mask(3))
    answer = meter.send((Operation.CREATE_KEY_PAIR, [common]), (Operation.GET, []), ordered=True)
    item = [item for item in answer.value if item.tag == T.BATCH_ITEM][1]
    assert direct.payload_of(item).find(T.OBJECT_TYPE).value == ObjectType.PRIVATE_KEY


def test_locate_by_range_mask_and_page(meter):
    uids = []
    for number in range(5):
        meter.clock.now = START + number
        uids.append(register_key(meter, attribute("Name", name_item("k%d" % number))))

    def locate(*payload):
        items = meter.call(Operation.LOCATE, *payload).value
        assert items[0].tag == T.LOCATED_ITEMS
        return items[0].value, [item.value for item in items[1:]]
    between = (date("Initial Date", START + 1), date("Initial Date", START + 3))
    assert locate(*between) == (3, uids[1:4])
    assert locate(date("Initial Date", START + 1)) == (1, uids[1:2])
    assert locate(mask(0x80))[0] == 5 and locate(mask(0x81))[0] == 0
    page = (ttlv.integer(T.MAXIMUM_ITEMS, 2), ttlv.integer(T.OFFSET_ITEMS, 1))
    assert locate(*page) == (5, uids[1:3])
    assert locate(attribute("Name", name_item("k3"))) == (1, uids[3:4])
    assert locate(attribute("Name", name_item("k3")), attribute("Name", name_item("k4")))[0] == 0
    meter.call(Operation.DESTROY, uid_item(uids[0]))
    assert locate()[0] == 4
    gone = attribute("State", ttlv.enumeration(T.STATE, State.DESTROYED))
    assert locate(gone) == (1, uids[:1])


def test_check_names_what_denied(meter):
    uid = register_key(meter, attribute("Usage Limits", ttlv.structure(
        T.USAGE_LIMITS, ttlv.long_integer(T.USAGE_LIMITS_TOTAL, 10),
        ttlv.enumeration(T.USAGE_LIMITS_UNIT, 2))))
    fine = (ttlv.long_integer(T.USAGE_LIMITS_COUNT, 10),
            ttlv.integer(T.CRYPTOGRAPHIC_USAGE_MASK, 0x80), ttlv.interval(T.LEASE_TIME, 3600))
    assert meter.call(Operation.CHECK, uid_item(uid), *fine).value == [uid_item(uid)]
    bad = (ttlv.long_integer(T.USAGE_LIMITS_COUNT, 11),
           ttlv.integer(T.CRYPTOGRAPHIC_USAGE_MASK, 1), ttlv.interval(T.LEASE_TIME, 3601))
    for version in (10, 12):
        caller = Direct(meter.engine, meter.identity, version)
        item = caller.send((Operation.CHECK, [uid_item(uid), *bad])).find(T.BATCH_ITEM)
        assert item.find(T.RESULT_REASON).value == R.PERMISSION_DENIED
        payload = item.find(T.RESPONSE_PAYLOAD).value
        assert payload == ([uid_item(uid)] if version == 10 else []) + list(bad)
    # It ends the batch, whatever the option says.
    answer = meter.send((Operation.CHECK, [uid_item(uid), bad[0]]),
                        (Operation.LOCATE, []), option=1)
    assert sum(item.tag == T.BATCH_ITEM for item in answer.value) == 1


def test_direct_calls_raise_what_the_server_said(meter):
    with pytest.raises(KmipError, match="there is no object"):
        direct.payload_of(meter.send((Operation.GET, [uid_item("x")])).find(T.BATCH_ITEM))
