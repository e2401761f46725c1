"""Archive, Recover, Obtain Lease, Re-key, Re-key Key Pair, Derive Key, Validate, and Templates."""

import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from test_server_attributes import NOW, V, caller, create, date, failure, get, limits, state_of, text
from test_server_certify import csr, register_public, request_items
from test_server_rollover import linked

from tools.refserver import direct, rollover, ttlv
from tools.refserver.authority import METER_CA, Authority, new_key, subject_for
from tools.refserver.certificates import certificate_object, der
from tools.refserver.cryptoenums import DerivationMethod, KeyFormatType
from tools.refserver.direct import Direct, attribute, name_item, template
from tools.refserver.enums import LinkType, ObjectType, Operation, State, ValidityIndicator
from tools.refserver.enums import ResultReason as R
from tools.refserver.errors import KmipError
from tools.refserver.tags import Tag as T

__all__ = ["caller"]


def uid_item(uid):
    return ttlv.text(T.UNIQUE_IDENTIFIER, uid)


def do(caller, operation, uid, *payload):
    return caller.call(operation, uid_item(uid), *payload)


def made(payload):
    return payload.find(T.UNIQUE_IDENTIFIER).value


def key_of(caller, uid):
    block = do(caller, Operation.GET, uid).value[2].find(T.KEY_BLOCK)
    return block.find(T.KEY_VALUE).find(T.KEY_MATERIAL).value


def revoke(caller, uid, code=1):
    occurrence = [] if code != 2 else [ttlv.date_time(T.COMPROMISE_OCCURRENCE_DATE, NOW)]
    do(caller, Operation.REVOKE, uid, ttlv.structure(
        T.REVOCATION_REASON, ttlv.enumeration(T.REVOCATION_REASON_CODE, code)), *occurrence)


ACTIVE = attribute("Activation Date", date(NOW))


# Archive, Recover


def test_archived_and_recovered(caller):
    uid = create(caller, ACTIVE)
    caller.clock.now += 7
    assert made(do(caller, Operation.ARCHIVE, uid)) == uid
    for operation, payload in (
            (Operation.GET, []), (Operation.ARCHIVE, []), (Operation.OBTAIN_LEASE, []),
            (Operation.RE_KEY, []), (Operation.ACTIVATE, []), (Operation.CHECK, []), (Operation.DESTROY, []),
            (Operation.GET_ATTRIBUTE_LIST, []), (Operation.ADD_ATTRIBUTE, [attribute("x-a", text("a"))]),
            (Operation.MODIFY_ATTRIBUTE, [attribute("x-a", text("a"))]),
            (Operation.DELETE_ATTRIBUTE, [ttlv.text(T.ATTRIBUTE_NAME, "x-a")]),
            (Operation.GET_USAGE_ALLOCATION, [ttlv.long_integer(T.USAGE_LIMITS_COUNT, 1)])):
        assert failure(do, caller, operation, uid, *payload) == R.OBJECT_ARCHIVED, operation
    assert get(caller, uid, "Archive Date")[0].value == NOW + 7
    assert caller.call(Operation.LOCATE).find(T.UNIQUE_IDENTIFIER) is None
    assert made(caller.call(Operation.LOCATE, ttlv.integer(T.STORAGE_STATUS_MASK, 2))) == uid
    assert made(do(caller, Operation.RECOVER, uid)) == uid
    assert get(caller, uid, "Archive Date") == {}
    assert get(caller, uid, "Last Change Date")[0].value == NOW + 7
    key_of(caller, uid)
    assert made(do(caller, Operation.RECOVER, uid)) == uid  # nothing to do is no error


def test_what_cannot_be_archived_or_recovered(caller):
    other = Direct(caller.engine, caller.engine.add_device("meter-0002"))
    uid = create(caller)
    for operation in (Operation.ARCHIVE, Operation.RECOVER):
        assert failure(do, caller, operation, "nothing") == R.ITEM_NOT_FOUND
        assert failure(do, other, operation, uid) == R.ITEM_NOT_FOUND


def test_recover_sets_the_placeholder(caller):
    uid = create(caller)
    do(caller, Operation.ARCHIVE, uid)
    answer = caller.send((Operation.RECOVER, [uid_item(uid)]), (Operation.GET, []), ordered=True)
    assert [item.find(T.RESULT_STATUS).value for item in answer.value[1:]] == [0, 0]


# Obtain Lease


def test_a_lease(caller):
    uid = create(caller)
    payload = do(caller, Operation.OBTAIN_LEASE, uid)
    assert [item.tag for item in payload.value] == [T.UNIQUE_IDENTIFIER, T.LEASE_TIME, T.LAST_CHANGE_DATE]
    assert [item.value for item in payload.value] == [uid, 3600, NOW]
    assert payload.value[1].type == ttlv.INTERVAL


def test_no_lease(caller):
    uid = create(caller, ACTIVE)
    revoke(caller, uid)
    assert failure(do, caller, Operation.OBTAIN_LEASE, uid) == R.PERMISSION_DENIED
    assert failure(do, caller, Operation.OBTAIN_LEASE, "nothing") == R.ITEM_NOT_FOUND
    opaque = caller.register(ObjectType.OPAQUE_OBJECT, ttlv.structure(
        T.OPAQUE_OBJECT, ttlv.enumeration(T.OPAQUE_DATA_TYPE, 0x80000000),
        ttlv.byte_string(T.OPAQUE_DATA_VALUE, b"x")))
    assert failure(do, caller, Operation.OBTAIN_LEASE, opaque) == R.PERMISSION_DENIED


# Re-key

DATES = ("Activation Date", "Process Start Date", "Protect Stop Date", "Deactivation Date")


def dated(caller):
    return create(caller, attribute("Name", name_item("seal")), attribute("Usage Limits", limits(10)),
                  attribute("Contact Information", text("me")),
                  *[attribute(name, date(NOW + 10 * number)) for number, name in enumerate(DATES)])


def test_rekey(caller):
    old = dated(caller)
    do(caller, Operation.GET_USAGE_ALLOCATION, old, ttlv.long_integer(T.USAGE_LIMITS_COUNT, 4))
    caller.clock.now += 5
    payload = do(caller, Operation.RE_KEY, old)
    assert [item.tag for item in payload.value] == [T.UNIQUE_IDENTIFIER]
    new = made(payload)
    assert key_of(caller, new) != key_of(caller, old) and len(key_of(caller, new)) == 16
    for name in (*DATES, "Cryptographic Usage Mask", "Cryptographic Algorithm", "Contact Information"):
        assert get(caller, new, name) == get(caller, old, name), name
    assert get(caller, new, "Initial Date")[0].value == NOW + 5
    assert [item.value for item in get(caller, new, "Usage Limits")[0].value][:2] == [10, 10]
    assert [item.value for item in get(caller, old, "Usage Limits")[0].value][:2] == [10, 6]
    assert get(caller, new, "Name") == {0: name_item("seal", V)}
    assert get(caller, old, "Name") == {}
    assert linked(caller, new, LinkType.REPLACED_OBJECT_LINK) == old
    assert linked(caller, old, LinkType.REPLACEMENT_OBJECT_LINK) == new
    assert failure(do, caller, Operation.RE_KEY, old) == R.PERMISSION_DENIED  # once only
    do(caller, Operation.RE_KEY, new)


def test_rekey_with_an_offset_shifts_every_date(caller):
    old = dated(caller)
    caller.clock.now += 100
    assert state_of(caller, old) == State.DEACTIVATED
    new = made(do(caller, Operation.RE_KEY, old, ttlv.interval(T.OFFSET, 3)))
    assert [get(caller, new, name)[0].value for name in DATES] == [
        NOW + 103 + 10 * number for number in range(4)]
    assert state_of(caller, new) == State.PRE_ACTIVE


def test_rekey_a_compromised_key_gives_an_active_one(caller):  # TC-93
    old = create(caller, ACTIVE)
    revoke(caller, old, 2)
    new = made(do(caller, Operation.RE_KEY, old, ttlv.interval(T.OFFSET, 0)))
    assert state_of(caller, new) == State.ACTIVE
    for name in ("Compromise Date", "Compromise Occurrence Date", "Revocation Reason"):
        assert get(caller, old, name) and not get(caller, new, name)


def test_rekey_with_attributes(caller):
    old = dated(caller)
    new = made(do(caller, Operation.RE_KEY, old, template(
        attribute("Activation Date", date(NOW + 5)), attribute("Contact Information", text("you")))))
    assert get(caller, new, "Activation Date")[0].value == NOW + 5
    assert get(caller, new, "Contact Information") == {0: text("you")}


def test_rekey_refused(caller):
    plain = create(caller)
    offset = ttlv.interval(T.OFFSET, 0)
    assert failure(do, caller, Operation.RE_KEY, plain, offset) == R.ILLEGAL_OPERATION  # no Activation Date
    for name in DATES:
        assert failure(do, caller, Operation.RE_KEY, create(caller, ACTIVE), offset, template(
            attribute(name, date(NOW)))) == R.INVALID_MESSAGE
    assert failure(do, caller, Operation.RE_KEY, "nothing") == R.ITEM_NOT_FOUND
    assert failure(do, caller, Operation.RE_KEY, register_public(caller, new_key())) == R.PERMISSION_DENIED
    do(caller, Operation.DESTROY, plain)
    assert failure(do, caller, Operation.RE_KEY, plain) == R.PERMISSION_DENIED
    assert failure(do, caller, Operation.RE_KEY, create(caller), template(
        attribute("Cryptographic Length", ttlv.integer(V, 100)))) == R.INVALID_FIELD


def key_pair(caller, algorithm=6, length=256):
    payload = caller.call(
        Operation.CREATE_KEY_PAIR,
        ttlv.structure(T.COMMON_TEMPLATE_ATTRIBUTE,
                       attribute("Cryptographic Algorithm", ttlv.enumeration(V, algorithm)),
                       attribute("Cryptographic Length", ttlv.integer(V, length)), ACTIVE),
        ttlv.structure(T.PRIVATE_KEY_TEMPLATE_ATTRIBUTE, attribute("Name", name_item("private")),
                       attribute("Cryptographic Usage Mask", ttlv.integer(V, 1))),
        ttlv.structure(T.PUBLIC_KEY_TEMPLATE_ATTRIBUTE, attribute("Name", name_item("public")),
                       attribute("Cryptographic Usage Mask", ttlv.integer(V, 2))))
    return [item.value for item in payload.value]


@pytest.mark.parametrize(("algorithm", "length"), [(6, 384), (4, 1024)])
def test_rekey_key_pair(caller, algorithm, length):
    old = key_pair(caller, algorithm, length)
    caller.clock.now += 20
    payload = caller.call(Operation.RE_KEY_KEY_PAIR, ttlv.text(T.PRIVATE_KEY_UNIQUE_IDENTIFIER, old[0]),
                          ttlv.interval(T.OFFSET, 5))
    assert [item.tag for item in payload.value] == [
        T.PRIVATE_KEY_UNIQUE_IDENTIFIER, T.PUBLIC_KEY_UNIQUE_IDENTIFIER]
    new = [item.value for item in payload.value]
    for before, after, name in zip(old, new, ("private", "public"), strict=True):
        assert linked(caller, after, LinkType.REPLACED_OBJECT_LINK) == before
        assert linked(caller, before, LinkType.REPLACEMENT_OBJECT_LINK) == after
        assert get(caller, after, "Name") == {0: name_item(name, V)} and not get(caller, before, "Name")
        assert get(caller, after, "Activation Date")[0].value == NOW + 25
        assert get(caller, after, "Cryptographic Length")[0].value == length
        assert key_of(caller, before) != key_of(caller, after)
    assert linked(caller, new[0], LinkType.PUBLIC_KEY_LINK) == new[1]
    assert linked(caller, new[1], LinkType.PRIVATE_KEY_LINK) == new[0]
    again = ttlv.text(T.PRIVATE_KEY_UNIQUE_IDENTIFIER, old[0])
    assert failure(caller.call, Operation.RE_KEY_KEY_PAIR, again) == R.PERMISSION_DENIED
    public = ttlv.text(T.PRIVATE_KEY_UNIQUE_IDENTIFIER, new[1])
    assert failure(caller.call, Operation.RE_KEY_KEY_PAIR, public) == R.PERMISSION_DENIED


def test_rekey_key_pair_is_not_in_1_0_and_its_field_is_the_private_keys(caller):
    private = key_pair(caller)[0]
    old = Direct(caller.engine, caller.identity, 10)
    item = ttlv.text(T.PRIVATE_KEY_UNIQUE_IDENTIFIER, private)
    assert failure(old.call, Operation.RE_KEY_KEY_PAIR, item) == R.OPERATION_NOT_SUPPORTED
    assert failure(caller.call, Operation.RE_KEY_KEY_PAIR, uid_item(private)) == R.INVALID_FIELD


# Derive Key

BASE = bytes.fromhex("00112233445566778899AABBCCDDEEFF")


def base_key(caller, key=BASE, algorithm=3, mask=0x20C, active=True):
    return caller.register(
        ObjectType.SYMMETRIC_KEY,
        direct.key_object(T.SYMMETRIC_KEY, KeyFormatType.RAW, key, algorithm, len(key) * 8),
        attribute("Cryptographic Usage Mask", ttlv.integer(V, mask)), *([ACTIVE] if active else []))


def secret(caller, value):
    block = ttlv.structure(
        T.KEY_BLOCK, ttlv.enumeration(T.KEY_FORMAT_TYPE, KeyFormatType.RAW),
        ttlv.structure(T.KEY_VALUE, ttlv.byte_string(T.KEY_MATERIAL, value)))
    return caller.register(
        ObjectType.SECRET_DATA,
        ttlv.structure(T.SECRET_DATA, ttlv.enumeration(T.SECRET_DATA_TYPE, 1), block),
        attribute("Cryptographic Usage Mask", ttlv.integer(V, 0x200)), ACTIVE)


def parameters(*cryptographic, data=None, iv=None, salt=None, count=None):
    return ttlv.structure(
        T.DERIVATION_PARAMETERS,
        ttlv.structure(T.CRYPTOGRAPHIC_PARAMETERS, *cryptographic) if cryptographic else None,
        iv and ttlv.byte_string(T.INITIALIZATION_VECTOR, iv),
        data and ttlv.byte_string(T.DERIVATION_DATA, data),
        salt and ttlv.byte_string(T.SALT, salt),
        count and ttlv.integer(T.ITERATION_COUNT, count))


SHA256 = ttlv.enumeration(T.HASHING_ALGORITHM, 6)


def derive_items(uids, method, given, bits=128, kind=ObjectType.SYMMETRIC_KEY):
    algorithm = [attribute("Cryptographic Algorithm", ttlv.enumeration(V, 3))]
    return [ttlv.enumeration(T.OBJECT_TYPE, kind), *map(uid_item, uids),
            ttlv.enumeration(T.DERIVATION_METHOD, method), given, template(
                *(algorithm if kind == ObjectType.SYMMETRIC_KEY else []),
                attribute("Cryptographic Length", ttlv.integer(V, bits)),
                attribute("Cryptographic Usage Mask", ttlv.integer(V, 0xC)))]


def derive(caller, uids, method, given, bits=128, kind=ObjectType.SYMMETRIC_KEY):
    payload = caller.call(Operation.DERIVE_KEY, *derive_items(uids, method, given, bits, kind))
    return made(payload)


def test_tc_derivekey_1(caller):
    base = base_key(caller)
    uid = derive(caller, [base], DerivationMethod.HASH, parameters(SHA256))
    assert key_of(caller, uid).hex().upper() == "A8FAED6ABBF35C12A4B26E40F6FEB19D"
    assert linked(caller, uid, LinkType.DERIVATION_BASE_OBJECT_LINK) == base
    assert linked(caller, base, LinkType.DERIVED_KEY_LINK) == uid
    second = derive(caller, [base], DerivationMethod.HASH, parameters(SHA256), bits=256)
    assert key_of(caller, second) == hashlib.sha256(BASE).digest()
    links = [item.find(T.LINKED_OBJECT_IDENTIFIER).value for item in get(caller, base, "Link").values()]
    assert links == [uid, second]


def test_pbkdf2(caller):
    given = parameters(ttlv.enumeration(T.HASHING_ALGORITHM, 4), salt=b"salt", count=2)
    uid = derive(caller, [secret(caller, b"password")], DerivationMethod.PBKDF2, given, 160,
                 ObjectType.SECRET_DATA)
    block = do(caller, Operation.GET, uid).find(T.SECRET_DATA).find(T.KEY_BLOCK)
    assert block.find(T.KEY_VALUE).find(T.KEY_MATERIAL).value.hex() == (
        hashlib.pbkdf2_hmac("sha1", b"password", b"salt", 2).hex())


def test_hmac(caller):
    """RFC 4231, test case 2, cut to its first half."""
    key = base_key(caller, b"Jefe", algorithm=9)
    uid = derive(caller, [key], DerivationMethod.HMAC, parameters(data=b"what do ya want for nothing?"))
    assert key_of(caller, uid).hex() == "5bdcc146bf60754e6a042426089575c7"


def test_encrypt(caller):
    iv, data = bytes(range(16)), bytes(range(32))
    mode = ttlv.enumeration(T.BLOCK_CIPHER_MODE, 1)
    uid = derive(caller, [base_key(caller)], DerivationMethod.ENCRYPT, parameters(mode, data=data, iv=iv))
    cipher = Cipher(algorithms.AES(BASE), modes.CBC(iv)).encryptor()
    assert key_of(caller, uid) == cipher.update(data)[:16]


def test_counter_mode(caller):
    """NIST SP 800-108: K(i) = PRF(key, counter of 32 bits || Label || 00 || Context)."""
    data = b"label\0context"
    uid = derive(caller, [base_key(caller)], DerivationMethod.NIST800_108_C,
                 parameters(SHA256, data=data), 256)
    assert key_of(caller, uid) == hmac.digest(BASE, b"\0\0\0\1" + data, "sha256")


def test_derivation_data_from_secret_data(caller):
    key, data = base_key(caller, b"Jefe", algorithm=9), secret(caller, b"what do ya want for nothing?")
    uid = derive(caller, [key, data], DerivationMethod.HMAC, parameters())
    assert key_of(caller, uid).hex() == "5bdcc146bf60754e6a042426089575c7"
    assert failure(derive, caller, [key, data], DerivationMethod.HMAC,
                   parameters(data=b"again")) == R.INVALID_MESSAGE


def test_derive_key_refused(caller):
    base, hashed = base_key(caller), parameters(SHA256)
    method = DerivationMethod.HASH
    assert failure(derive, caller, ["nothing"], method, hashed) == R.ITEM_NOT_FOUND
    assert failure(derive, caller, [base], method, hashed, 264) == R.CRYPTOGRAPHIC_FAILURE
    assert failure(derive, caller, [base], method, hashed, 12) == R.INVALID_FIELD
    assert failure(derive, caller, [base], method, parameters()) == R.INVALID_FIELD  # no hash named
    assert failure(derive, caller, [base], DerivationMethod.NIST800_108_DPI, hashed) == R.INVALID_FIELD
    assert failure(derive, caller, [base], DerivationMethod.HKDF, hashed) == R.INVALID_FIELD  # 2.x
    assert failure(derive, caller, [base], method, hashed, kind=ObjectType.PRIVATE_KEY) == R.INVALID_FIELD
    assert failure(derive, caller, [base_key(caller, mask=4)], method, hashed) == R.INVALID_FIELD
    assert failure(derive, caller, [base_key(caller, active=False)], method, hashed) == R.INVALID_FIELD
    assert failure(derive, caller, [register_public(caller, new_key())], method, hashed) == R.INVALID_FIELD
    assert failure(derive, caller, [base], DerivationMethod.PBKDF2,
                   parameters(salt=b"s", count=1_000_001)) == R.INVALID_FIELD
    assert failure(derive, caller, [base], DerivationMethod.PBKDF2, parameters(count=1)) == R.INVALID_MESSAGE
    mode = ttlv.enumeration(T.BLOCK_CIPHER_MODE, 1)
    assert failure(derive, caller, [base], DerivationMethod.ENCRYPT,
                   parameters(mode, data=b"x" * 16, iv=b"short")) == R.CRYPTOGRAPHIC_FAILURE
    do(caller, Operation.ARCHIVE, base)
    assert failure(derive, caller, [base], method, hashed) == R.OBJECT_ARCHIVED


def test_the_placeholder_is_no_input_of_derive_key(caller):
    items = derive_items([], DerivationMethod.HASH, parameters(SHA256))
    locate = (Operation.LOCATE, [attribute("Unique Identifier", uid_item(base_key(caller)))])
    answer = caller.send(locate, (Operation.DERIVE_KEY, items), ordered=True)
    assert answer.value[2].find(T.RESULT_REASON).value == R.INVALID_MESSAGE


# Validate


def verdict(caller, *items):
    payload = caller.call(Operation.VALIDATE, *items)
    assert [item.tag for item in payload.value] == [T.VALIDITY_INDICATOR]
    return payload.value[0].value


def certified(caller):
    key = new_key()
    public = register_public(caller, key)
    return made(do(caller, Operation.CERTIFY, public, *request_items(csr(key)), template(ACTIVE)))


VALID, INVALID, UNKNOWN = ValidityIndicator.VALID, ValidityIndicator.INVALID, ValidityIndicator.UNKNOWN


def test_validate_by_uid(caller):
    uid = certified(caller)
    life = caller.engine.options.life
    assert verdict(caller, uid_item(uid)) == VALID
    for when, expected in ((NOW - 1, INVALID), (NOW, VALID), (NOW + life, VALID), (NOW + life + 1, INVALID)):
        assert verdict(caller, uid_item(uid), ttlv.date_time(T.VALIDITY_DATE, when)) == expected
    revoke(caller, uid)
    assert verdict(caller, uid_item(uid)) == INVALID


def test_validate_certificates(caller):
    ca = caller.engine.meter_ca
    leaf = ca.issue_client(subject_for("CN={device}", "m"), new_key().public_key(), NOW, 100)
    root = certificate_object(ca.der)
    assert verdict(caller, certificate_object(der(leaf))) == VALID
    assert verdict(caller, certificate_object(der(leaf)), root) == VALID
    assert verdict(caller, root, certificate_object(der(leaf))) == VALID
    stranger = Authority.new("Stranger", NOW)
    foreign = stranger.issue_client(subject_for("CN={device}", "m"), new_key().public_key(), NOW, 100)
    assert verdict(caller, certificate_object(der(foreign))) == UNKNOWN
    impostor = Authority.new("Meter CA", NOW)  # the name, another key
    forged = impostor.issue_client(subject_for("CN={device}", "m"), new_key().public_key(), NOW, 100)
    assert verdict(caller, certificate_object(der(forged))) == INVALID


def test_validate_after_a_roll_over(caller):
    before = certified(caller)
    rollover.roll(caller.engine, METER_CA)
    after = certified(caller)
    cross = linked(caller, after)
    assert verdict(caller, uid_item(before)) == VALID
    assert verdict(caller, uid_item(after)) == VALID
    assert verdict(caller, uid_item(after), uid_item(cross)) == VALID
    assert failure(verdict, caller, uid_item(after), uid_item(before)) == R.INVALID_FIELD  # two chains


def test_validate_refused(caller):
    assert failure(verdict, caller) == R.INVALID_MESSAGE
    assert failure(verdict, caller, uid_item("nothing")) == R.ITEM_NOT_FOUND
    assert failure(verdict, caller, uid_item(create(caller))) == R.ILLEGAL_OPERATION
    assert failure(verdict, caller, certificate_object(b"no certificate")) == R.INVALID_FIELD
    other = Direct(caller.engine, caller.engine.add_device("meter-0002"))
    assert failure(verdict, other, uid_item(certified(caller))) == R.ITEM_NOT_FOUND


# Templates and Split Keys


def register_template(caller, name, *held):
    return caller.register(ObjectType.TEMPLATE, ttlv.structure(T.TEMPLATE, *held),
                           *([attribute("Name", name_item(name))] if name else []))


def create_by(caller, named):
    return made(caller.call(Operation.CREATE, ttlv.enumeration(T.OBJECT_TYPE, 2), named))


AES = attribute("Cryptographic Algorithm", ttlv.enumeration(V, 3))
MASK = attribute("Cryptographic Usage Mask", ttlv.integer(V, 4))


def length_of(bits):
    return attribute("Cryptographic Length", ttlv.integer(V, bits))


def test_a_template(caller):
    uid = register_template(caller, "aes", AES, length_of(128), MASK, attribute("Object Group", text("a")))
    payload = do(caller, Operation.GET, uid)
    assert payload.find(T.OBJECT_TYPE).value == ObjectType.TEMPLATE
    assert payload.find(T.TEMPLATE) == ttlv.structure(
        T.TEMPLATE, AES, length_of(128), MASK, attribute("Object Group", text("a")))
    named = ttlv.structure(T.TEMPLATE_ATTRIBUTE, name_item("aes"))
    key = create_by(caller, named)
    assert get(caller, key, "Cryptographic Length")[0].value == 128
    # What stands in the request wins; several instances add up.
    named = ttlv.structure(T.TEMPLATE_ATTRIBUTE, name_item("aes"), length_of(256),
                           attribute("Object Group", text("b")))
    key = create_by(caller, named)
    assert get(caller, key, "Cryptographic Length")[0].value == 256
    assert {item.value for item in get(caller, key, "Object Group").values()} == {"a", "b"}


def test_a_template_has_no_state_and_no_lease(caller):
    uid = register_template(caller, "aes", AES)
    for name in ("State", "Lease Time", "Digest"):
        assert get(caller, uid, name) == {}
    for operation in (Operation.ACTIVATE, Operation.OBTAIN_LEASE):
        assert failure(do, caller, operation, uid) in (R.ILLEGAL_OPERATION, R.PERMISSION_DENIED)
    assert failure(revoke, caller, uid) == R.ILLEGAL_OPERATION
    do(caller, Operation.DESTROY, uid)
    named = ttlv.structure(T.TEMPLATE_ATTRIBUTE, name_item("aes"), MASK)
    assert failure(create_by, caller, named) == R.ITEM_NOT_FOUND


def test_what_is_no_template(caller):
    assert failure(register_template, caller, None, AES) == R.MISSING_DATA
    assert failure(register_template, caller, "a") == R.INVALID_MESSAGE  # holds nothing
    state = attribute("State", ttlv.enumeration(V, 2))
    assert failure(register_template, caller, "a", state) == R.INVALID_FIELD
    create(caller, attribute("Name", name_item("key")))
    named = ttlv.structure(T.TEMPLATE_ATTRIBUTE, name_item("key"), AES, MASK)
    assert failure(create_by, caller, named) == R.ITEM_NOT_FOUND
    register_template(caller, "aes", AES, MASK)
    other = Direct(caller.engine, caller.engine.add_device("meter-0002"))
    named = ttlv.structure(T.TEMPLATE_ATTRIBUTE, name_item("aes"))
    assert failure(create_by, other, named) == R.ITEM_NOT_FOUND


def test_a_template_for_a_key_pair(caller):
    register_template(caller, "ec", attribute("Cryptographic Algorithm", ttlv.enumeration(V, 6)))
    mask = attribute("Cryptographic Usage Mask", ttlv.integer(V, 3))
    payload = caller.call(Operation.CREATE_KEY_PAIR, ttlv.structure(
        T.COMMON_TEMPLATE_ATTRIBUTE, name_item("ec"), length_of(256), mask))
    assert get(caller, payload.value[0].value, "Cryptographic Algorithm")[0].value == 6


@pytest.mark.parametrize(("method", "prime"), [(1, None), (2, None), (3, (1 << 130) + 5), (4, None)])
def test_a_split_key_comes_back_as_it_was(caller, method, prime):
    split = ttlv.structure(
        T.SPLIT_KEY, ttlv.integer(T.SPLIT_KEY_PARTS, 3), ttlv.integer(T.KEY_PART_IDENTIFIER, 2),
        ttlv.integer(T.SPLIT_KEY_THRESHOLD, 2 if method != 1 else 3),
        ttlv.enumeration(T.SPLIT_KEY_METHOD, method),
        prime and ttlv.big_integer(T.PRIME_FIELD_SIZE, prime),
        direct.key_object(T.SYMMETRIC_KEY, KeyFormatType.RAW, BASE, 3, 128).find(T.KEY_BLOCK))
    uid = caller.register(ObjectType.SPLIT_KEY, split, MASK)
    payload = do(caller, Operation.GET, uid)
    assert payload.find(T.OBJECT_TYPE).value == ObjectType.SPLIT_KEY
    assert ttlv.encode(payload.find(T.SPLIT_KEY)) == ttlv.encode(split)


def test_certificates_that_break_off_anywhere(caller):
    """Every byte of a certificate changed in turn: a verdict or Invalid Field, never a defect."""
    whole = der(caller.engine.meter_ca.certificate)
    outcomes = set()
    for position in range(0, len(whole), 3):
        broken = bytearray(whole)
        broken[position] ^= 0x2E
        try:
            outcomes.add(verdict(caller, certificate_object(bytes(broken))))
        except KmipError as error:
            outcomes.add(error.reason)
        try:
            caller.register(ObjectType.CERTIFICATE, certificate_object(bytes(broken)), MASK)
        except KmipError as error:
            assert error.reason in (R.INVALID_FIELD, R.CRYPTOGRAPHIC_FAILURE), error
    assert outcomes >= {INVALID, R.INVALID_FIELD}
    assert outcomes <= {INVALID, UNKNOWN, R.INVALID_FIELD}
