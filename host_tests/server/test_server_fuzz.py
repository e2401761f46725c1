"""Mutated requests: every one is answered, none shakes a defect out of the engine."""

import json
import random

import pytest
from serverkit import ROOT, Clock, make_engine, vectors

from tools.refserver import direct, ttlv
from tools.refserver.authority import Authority
from tools.refserver.certificates import der
from tools.refserver.cryptoenums import CryptographicAlgorithm as A
from tools.refserver.cryptoenums import KeyFormatType as F
from tools.refserver.direct import attribute, key_object, name_item, template
from tools.refserver.enums import ObjectType, Operation
from tools.refserver.tags import Tag as T
from tools.refserver.tags import name as tag_name

START = 1_700_000_000
VALUES = {
    ttlv.INTEGER: (0, 1, -1, 2**31 - 1, -2**31),
    ttlv.LONG_INTEGER: (0, 1, -1, 2**63 - 1, -2**63),
    ttlv.BIG_INTEGER: (0, -1, 1, 2**64, 2**2048),
    ttlv.ENUMERATION: (0, 1, 2, 3, 4, 5, 6, 7, 0x80000000, 2**32 - 1),
    ttlv.BOOLEAN: (True, False),
    ttlv.TEXT_STRING: ("", "x-a", "Name", "State", "é\0x", "y" * 300),
    ttlv.BYTE_STRING: (b"", b"\0", b"0\x82\xff\xff", bytes(300)),
    ttlv.DATE_TIME: (0, -1, START, 2**63 - 1, -2**63),
    ttlv.INTERVAL: (0, 1, 2**32 - 1),
    ttlv.STRUCTURE: ([],),
}


def uid(value="u0"):
    return ttlv.text(T.UNIQUE_IDENTIFIER, value)


def seeds():
    """Requests to begin with: this project's own, OASIS's, and one of each kind of object."""
    found = [bytes.fromhex(message["hex"]) for message in json.loads(
        (ROOT / "host_tests" / "vectors" / "own.json").read_text())]
    found += [bytes.fromhex(message["hex"]) for message in vectors("oasis-1.2.json") or []
              if message["kind"] == "request"]
    attributes = template(
        attribute("Name", name_item("n")),
        attribute("Cryptographic Usage Mask", ttlv.integer(T.STATE, 0x94)),
        attribute("Activation Date", ttlv.date_time(T.STATE, START)),
        attribute("Usage Limits", ttlv.structure(
            T.USAGE_LIMITS, ttlv.long_integer(T.USAGE_LIMITS_TOTAL, 5),
            ttlv.enumeration(T.USAGE_LIMITS_UNIT, 1))),
        attribute("Cryptographic Parameters", ttlv.structure(
            T.CRYPTOGRAPHIC_PARAMETERS, ttlv.enumeration(T.BLOCK_CIPHER_MODE, 0x0D))))
    key = key_object(T.SYMMETRIC_KEY, F.RAW, bytes(16), A.AES, 128)
    spec = ttlv.structure(
        T.KEY_WRAPPING_SPECIFICATION, ttlv.enumeration(T.WRAPPING_METHOD, 1),
        ttlv.structure(T.ENCRYPTION_KEY_INFORMATION, uid()))
    for version in (10, 12, 14):
        found += [
            direct.request(version, (Operation.REGISTER, [
                ttlv.enumeration(T.OBJECT_TYPE, ObjectType.SYMMETRIC_KEY), attributes, key])),
            direct.request(version, (Operation.GET, [
                uid(), ttlv.enumeration(T.KEY_FORMAT_TYPE, F.TRANSPARENT_SYMMETRIC_KEY), spec])),
            direct.request(version, (Operation.CREATE_KEY_PAIR, [ttlv.structure(
                T.COMMON_TEMPLATE_ATTRIBUTE,
                attribute("Cryptographic Algorithm", ttlv.enumeration(T.STATE, A.ECDSA)),
                attribute("Cryptographic Length", ttlv.integer(T.STATE, 256)),
                attribute("Cryptographic Usage Mask", ttlv.integer(T.STATE, 3)))])),
            direct.request(version, (Operation.LOCATE, [attribute("Name", name_item("n"))]),
                           (Operation.GET, []), ordered=True),
            direct.request(version, (Operation.GET_USAGE_ALLOCATION, [
                uid(), ttlv.long_integer(T.USAGE_LIMITS_COUNT, 1)])),
        ]
        found += [direct.request(version, each) for each in _later_operations(version)]
    for version in (20, 21):
        found += [direct.request(version, each, asynchronous=bool(version % 2))
                  for each in _later_operations(version)]
        found.append(direct.request(
            version, (Operation.REGISTER, [
                ttlv.enumeration(T.OBJECT_TYPE, ObjectType.SYMMETRIC_KEY), given(version, *_AES), key]),
            (Operation.GET, [ttlv.integer(T.UNIQUE_IDENTIFIER, 0)]),
            (Operation.GET, [ttlv.enumeration(T.UNIQUE_IDENTIFIER, 0xC)])))
    found.append(direct.request(14, (Operation.ARCHIVE, [uid()]), (Operation.RECOVER, []),
                                ordered=True, option=3))
    return found


_AES = (
    ttlv.enumeration(T.CRYPTOGRAPHIC_ALGORITHM, A.AES), ttlv.integer(T.CRYPTOGRAPHIC_LENGTH, 128),
    ttlv.integer(T.CRYPTOGRAPHIC_USAGE_MASK, 0x20C), ttlv.date_time(T.ACTIVATION_DATE, START))
_CHANGED = ttlv.text(T.CONTACT_INFORMATION, "me")


def given(version, *items):
    """Attributes for a new object, in the form of the version."""
    if version >= 20:
        return direct.attributes_2x(*items)
    return template(*[attribute(tag_name(item.tag), item) for item in items])


def _change(version, tag, item):
    return direct.attributes_2x(item, tag=tag) if version >= 20 else attribute(tag_name(item.tag), item)


def _later_operations(version):
    """(operation, payload) of the operations that OASIS's cases show little of."""
    parameters = ttlv.structure(
        T.DERIVATION_PARAMETERS,
        ttlv.structure(T.CRYPTOGRAPHIC_PARAMETERS, ttlv.enumeration(T.BLOCK_CIPHER_MODE, 1),
                       ttlv.enumeration(T.HASHING_ALGORITHM, 6)),
        ttlv.byte_string(T.INITIALIZATION_VECTOR, bytes(16)),
        ttlv.byte_string(T.DERIVATION_DATA, bytes(32)), ttlv.byte_string(T.SALT, b"salt"),
        ttlv.integer(T.ITERATION_COUNT, 2))
    name = [ttlv.text(T.ATTRIBUTE_NAME, "Contact Information")]
    if version >= 20:
        name = [ttlv.enumeration(T.ATTRIBUTE_REFERENCE, T.CONTACT_INFORMATION)]
    yield Operation.CREATE, [ttlv.enumeration(T.OBJECT_TYPE, 2), given(version, *_AES, name_item("k"))]
    yield Operation.CREATE, [ttlv.enumeration(T.OBJECT_TYPE, 2), given(version, *_AES, _CHANGED)]
    yield Operation.ADD_ATTRIBUTE, [uid(), _change(version, T.NEW_ATTRIBUTE, _CHANGED)]
    yield Operation.MODIFY_ATTRIBUTE, [uid(), _change(version, T.NEW_ATTRIBUTE, _CHANGED)]
    yield Operation.DELETE_ATTRIBUTE, [uid(), *name]
    yield Operation.GET_ATTRIBUTES, [uid(), *name]
    for operation in (Operation.ARCHIVE, Operation.RECOVER, Operation.OBTAIN_LEASE, Operation.RE_KEY,
                      Operation.GET_ATTRIBUTE_LIST, Operation.VALIDATE, Operation.ACTIVATE):
        yield operation, [uid()]
    yield Operation.RE_KEY, [uid(), ttlv.interval(T.OFFSET, 1), given(version, ttlv.text(
        T.CONTACT_INFORMATION, "new"))]
    yield Operation.RE_KEY_KEY_PAIR, [ttlv.text(T.PRIVATE_KEY_UNIQUE_IDENTIFIER, "u0")]
    yield Operation.VALIDATE, [ttlv.structure(
        T.CERTIFICATE, ttlv.enumeration(T.CERTIFICATE_TYPE, 1), ttlv.byte_string(
            T.CERTIFICATE_VALUE, der(Authority.new("Stranger", START).certificate)))]
    for method in (1, 2, 3, 4, 5) if version < 20 else (1, 4, 0xA):
        yield Operation.DERIVE_KEY, [
            ttlv.enumeration(T.OBJECT_TYPE, 2), uid(), ttlv.enumeration(T.DERIVATION_METHOD, method),
            parameters, given(version, *_AES)]
    yield Operation.POLL, [ttlv.byte_string(T.ASYNCHRONOUS_CORRELATION_VALUE, bytes(8))]
    yield Operation.CANCEL, [ttlv.byte_string(T.ASYNCHRONOUS_CORRELATION_VALUE, bytes(8))]
    if version >= 20:
        yield Operation.LOCATE, [given(version, *_AES)]
        yield Operation.SET_ATTRIBUTE, [uid(), _change(version, T.NEW_ATTRIBUTE, _CHANGED)]
        yield Operation.ADJUST_ATTRIBUTE, [
            uid(), ttlv.enumeration(T.ATTRIBUTE_REFERENCE, T.ACTIVATION_DATE),
            ttlv.enumeration(T.ADJUSTMENT_TYPE, 1)]
    else:
        yield Operation.REGISTER, [
            ttlv.enumeration(T.OBJECT_TYPE, ObjectType.TEMPLATE), template(attribute("Name", name_item("t"))),
            ttlv.structure(T.TEMPLATE, *given(version, *_AES).value)]
        yield Operation.CREATE, [ttlv.enumeration(T.OBJECT_TYPE, 2), ttlv.structure(
            T.TEMPLATE_ATTRIBUTE, name_item("t"))]


def all_items(item):
    yield item
    if item.type == ttlv.STRUCTURE:
        for sub in item.value:
            yield from all_items(sub)


def mutate_tree(chance, data):
    """Change, drop, double, swap or retype items of a well-formed message."""
    tree = ttlv.decode(data, extended_dates=True)
    items = list(all_items(tree))
    for _ in range(chance.choice((1, 1, 2, 3))):
        item = chance.choice(items)
        kind = chance.randrange(7)
        if item.type == ttlv.STRUCTURE and item.value and kind < 4:
            position = chance.randrange(len(item.value))
            if kind == 0:
                del item.value[position]
            elif kind == 1:
                item.value.insert(position, item.value[position])
            elif kind == 2:
                chance.shuffle(item.value)
            else:
                other = ttlv.encode(chance.choice(items))  # a copy: no item within itself
                item.value.insert(position, ttlv.decode(other, extended_dates=True))
        elif kind == 5:
            item.tag = int(chance.choice(list(T)))
        elif kind == 6:
            item.type = chance.choice(list(VALUES))
            item.value = chance.choice(VALUES[item.type])
        else:
            value = chance.choice(VALUES.get(item.type, (item.value,)))
            item.value = list(value) if isinstance(value, list) else value
    return ttlv.encode(tree)


def mutate_bytes(chance, data):
    broken = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 8))):
        broken[chance.randrange(len(broken))] = chance.randrange(256)
    if chance.random() < 0.2:
        del broken[chance.randrange(len(broken)):]
    return bytes(broken)


def aim(chance, data, uids):
    """The same request at objects that exist."""
    tree = ttlv.decode(data, extended_dates=True)
    for item in all_items(tree):
        if uids and item.type == ttlv.TEXT_STRING and item.tag in (
                T.UNIQUE_IDENTIFIER, T.LINKED_OBJECT_IDENTIFIER, T.PRIVATE_KEY_UNIQUE_IDENTIFIER):
            item.value = chance.choice(uids)
    return ttlv.encode(tree)


def run(folder, seed, rounds):
    """Fuzz for some rounds; returns how many operations succeeded."""
    chance = random.Random(seed)
    engine, caller = make_engine(
        folder, Clock(START), device="Client", allow_sha1_requests=True, newest=21,
        subject="CN={device},OU=KMIP,O=ACME,C=US")
    successes = 0
    first = seeds()
    for operation in (Operation.RE_KEY, Operation.ARCHIVE, Operation.GET_ATTRIBUTES):
        engine.pending.set(operation, chance.choice(("always", "delay 0", "approve", "fail NUMERIC_RANGE")))
    for _ in range(rounds):
        with engine.store.transaction(write=False) as transaction:
            uids = transaction.uids_of("Client")[-6:]
        data = aim(chance, chance.choice(first), uids)
        if chance.random() < 0.7:
            data = chance.choice((mutate_tree, mutate_tree, mutate_bytes))(chance, data)
        answer = ttlv.decode(engine.handle(data, caller.identity))
        assert answer.tag == T.RESPONSE_MESSAGE
        items = [item for item in answer.value if item.tag == T.BATCH_ITEM]
        assert items and answer.value[0].find(T.BATCH_COUNT).value == len(items)
        for item in items:
            status = item.find(T.RESULT_STATUS).value
            successes += status == 0
            assert (status != 1) == (item.find(T.RESULT_REASON) is None)
            assert (status == 2) == (item.find(T.ASYNCHRONOUS_CORRELATION_VALUE) is not None)
    return successes


@pytest.mark.parametrize("seed", range(3))
def test_mutated_requests_are_answered(tmp_path, seed):
    # Fewer where OASIS's requests are not there to begin with.
    assert run(tmp_path / "state", seed, 600) > 30
