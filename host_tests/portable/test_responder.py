"""Notify and Put as a device takes them: what handlers are given, and what is refused for which reason."""

import messages as m
import vectors

from kmip_lite.message import KmipError
from kmip_lite.responder import Responder
from kmip_lite.ttlv import Decoder, TTLVError

NOTIFY, PUT = 0x1B, 0x1C
TOO_LARGE, INVALID_MESSAGE, NOT_SUPPORTED, INVALID_FIELD, FEATURE, DENIED, FAILURE = 2, 4, 5, 7, 8, 12, 0x100

S, T, E, N = m.STRUCTURE, m.TEXT, m.ENUM, m.INTEGER
COUNT, VERSION, ORDER = 0x42000D, 0x420069, 0x420010


def version_item(version):
    return m.ttlv(VERSION, S, [
        m.ttlv(0x42006A, N, version // 10), m.ttlv(0x42006B, N, version % 10)])


def header(version=12, count=1, before=(), after=()):
    """A Request Header with more fields behind the version, and behind these the count."""
    fields = [version_item(version)] + list(before) + [m.ttlv(COUNT, N, count)] + list(after)
    return m.ttlv(0x420077, S, fields)


def item(operation, payload, its=None, *more):
    fields = [m.ttlv(0x42005C, E, operation)]
    if its is not None:
        fields.append(m.ttlv(0x420093, m.BYTES, its))
    return m.ttlv(0x42000F, S, fields + [m.ttlv(0x420079, S, payload)] + list(more))


def request(*items, **how):
    how.setdefault("count", len(items))
    return m.ttlv(0x420078, S, [header(**how)] + list(items))


MASK = m.attribute("Cryptographic Usage Mask", N, 12)
GONE = m.ttlv(0x420008, S, [m.ttlv(0x42000A, T, "x-a"), m.ttlv(0x420009, N, 3)])
NAME_ITEMS = [m.ttlv(0x420055, T, "new"), m.ttlv(0x420054, E, 1)]
NAME = m.attribute("Name", S, NAME_ITEMS)
ATTRIBUTES_2X = m.ttlv(0x420125, S, [m.ttlv(0x42002C, N, 12), m.ttlv(0x420053, S, NAME_ITEMS)])
REFERENCE = m.ttlv(0x42013B, E, 0x42004A)
VENDOR = [m.ttlv(0x42009D, T, "x"), m.ttlv(0x42000A, T, "b")]
REFERENCE_OF_A_VENDOR = m.ttlv(0x42013B, S, VENDOR)

UID = m.uid("id-1")
NEW, REPLACE = m.ttlv(0x420070, E, 1), m.ttlv(0x420070, E, 2)
REPLACED = m.ttlv(0x420076, T, "id-0")
KEY = m.ttlv(0x42008F, S, [m.ttlv(0x420040, S, m.key_block(b"0123456789abcdef"))])
CERTIFICATE = m.ttlv(0x420013, S, [m.ttlv(0x42001D, E, 1), m.ttlv(0x42001E, m.BYTES, b"der")])

TOLD = item(NOTIFY, [UID, MASK])
GIVEN = item(PUT, [UID, NEW, KEY])


class Device:
    """A Responder whose handlers note what they are given, and raise `fails` where it is set."""

    def __init__(self, **how):
        self.events = []
        self.fails = None
        how.setdefault("notify", self.told)
        how.setdefault("put", self.given)
        self.responder = Responder(lambda: m.STAMP, **how)

    def told(self, uid, changed):
        if self.fails:
            raise self.fails
        self.events.append((uid, changed))

    def given(self, uid, function, replaced, object_type, d, attributes):
        if self.fails:
            raise self.fails
        self.events.append((uid, function, replaced, object_type, d.tag, d.value(), attributes))

    def answer(self, data):
        responder = self.responder
        responder.buf[: len(data)] = data
        assert responder.length() == len(data)
        size = responder.answer(len(data))
        return bytes(responder.out[:size])


def told(data, version=12, **how):
    """What the handlers got of a message to which all went well."""
    device = Device(**how)
    assert device.answer(data) == m.success(
        NOTIFY if data.find(TOLD[8:24]) > 0 else PUT, version=version)
    return device.events


def refused(data, reason, operation=None, version=12, word="", **how):
    """A message of one item, refused: as a whole where there is no operation. No handler was called."""
    device = Device(**how)
    answer = device.answer(data)
    d = Decoder(bytearray(answer))
    d.open(len(answer))
    d.next()
    tree = d.value()
    assert tree[0][2][0][2] == [(0x42006A, N, version // 10), (0x42006B, N, version % 10)], tree
    assert tree[0][2][2] == (COUNT, N, 1) and len(tree) == 2, tree
    fields = {tag: value for tag, _, value in tree[1][2]}
    assert fields.get(0x42005C) == operation, fields
    assert fields[0x42007F] == 1 and fields[0x42007E] == reason, fields
    assert word in fields[0x42007D] and 0x42007C not in fields, fields
    assert not device.events
    device.answer(request(TOLD))  # and it goes on
    assert device.events or not device.responder._notify


def test_the_oasis_case():
    asked = answered = 0
    device = Device(buf=2048)
    for vector in vectors.oasis():
        if vector["operations"] not in (["Notify"], ["Put"]):
            continue
        data = bytes.fromhex(vector["hex"])
        if vector["kind"] == "request":
            asked += 1
            answer = device.answer(data)
        else:
            answered += 1
            stamp = data.find(b"\x42\x00\x92\x09") + 8
            assert answer[: answer.find(b"\x42\x00\x92\x09") + 8] == data[:stamp]
            assert answer[stamp + 8 :] == data[stamp + 8 :]
    assert asked == answered == len(device.events) == 5
    put, _, notify = device.events[:3]
    assert put[1:4] == (1, None, 2) and ("x-ID", 0, "TC-NP-1-12") in put[6]
    assert notify[1][0] == ("x-provider", 0, "unknown") and notify[1][1][0] == "Last Change Date"


def test_notify_of_1x():
    for version in (10, 11, 12, 13, 14):
        data = request(item(NOTIFY, [UID, MASK, GONE, NAME]), version=version)
        ((uid, changed),) = told(data, version)
        assert uid == "id-1"
        assert changed == [
            ("Cryptographic Usage Mask", 0, 12), ("x-a", 3, None),
            ("Name", 0, [(0x420055, T, "new"), (0x420054, E, 1)]),
        ]


def test_notify_of_2x():
    for version in (20, 21):
        data = request(
            item(NOTIFY, [UID, ATTRIBUTES_2X, REFERENCE, REFERENCE_OF_A_VENDOR]), version=version)
        ((uid, changed),) = told(data, version)
        assert changed == [
            (0x42002C, 0, 12), (0x420053, 0, [(0x420055, T, "new"), (0x420054, E, 1)]),
            (0x42004A, 0, None), ([(0x42009D, T, "x"), (0x42000A, T, "b")], 0, None),
        ]
        assert told(request(item(NOTIFY, [UID]), version=version), version) == [("id-1", [])]


def test_put():
    for version, attributes in ((10, MASK), (14, MASK), (20, ATTRIBUTES_2X), (21, ATTRIBUTES_2X)):
        ((uid, function, replaced, kind, tag, value, changed),) = told(
            request(item(PUT, [UID, REPLACE, REPLACED, KEY, attributes]), version=version), version)
        assert (uid, function, replaced, kind, tag) == ("id-1", 2, "id-0", 2, 0x42008F)
        assert value[0][0] == 0x420040 and changed[0][2] == 12
        ((_, function, replaced, kind, tag, value, changed),) = told(
            request(item(PUT, [UID, NEW, CERTIFICATE]), version=version), version)
        assert (function, replaced, kind, tag, changed) == (1, None, 1, 0x420013, [])
        assert value == [(0x42001D, E, 1), (0x42001E, m.BYTES, b"der")]


def test_every_kind_of_object():
    tags = b"\x13\x8f\x6d\x64\x89\x90\x85\x5b\xbd\x18"
    for kind in range(1, 11):
        found = m.ttlv(0x420000 | tags[kind - 1], S, [UID])
        ((_, _, _, given, tag, _, _),) = told(request(item(PUT, [UID, NEW, found])))
        assert (given, tag) == (kind, 0x420000 | tags[kind - 1])


def test_a_header_with_all_that_it_may_have():
    stamp = m.ttlv(0x420092, m.DATE, 5)
    login = m.ttlv(0x42000C, S, [m.ttlv(0x420023, S, [])])
    told(request(TOLD, before=(login, stamp)))
    values = (m.ttlv(0x420105, T, "a"), m.ttlv(0x420106, T, "b"))
    told(request(TOLD, version=14, before=values + (login, stamp)), 14)
    refused(request(TOLD, version=13, before=values), INVALID_FIELD, version=13)


def test_a_batch():
    ids = (b"\x01", b"a-long-id-of-the-server")
    device = Device()
    first, second = item(NOTIFY, [UID, MASK], ids[0]), item(PUT, [UID, NEW, KEY], ids[1])
    answer = device.answer(request(first, second))
    assert answer == m.message(m.item(NOTIFY, [], ids[0]), m.item(PUT, [], ids[1]))
    assert [len(event) for event in device.events] == [2, 7]
    # An ID is echoed where one item has it, too.
    assert device.answer(request(first)) == m.message(m.item(NOTIFY, [], ids[0]))
    # An item that fails ends it.
    device = Device(put=None)
    answer = device.answer(request(item(PUT, [], b"1"), item(NOTIFY, [UID, MASK], b"2")))
    assert answer == m.message(m.failure(PUT, NOT_SUPPORTED, "operation not supported", b"1"))
    assert not device.events
    refused(request(first, TOLD), INVALID_MESSAGE, word="ID")
    for count in (0, 1, 3, -1, 0x7FFFFFFF):
        refused(request(first, second, count=count), INVALID_MESSAGE)
    refused(request(count=0), INVALID_MESSAGE)
    refused(request(*[first] * 5), TOO_LARGE)
    refused(request(item(NOTIFY, [UID, MASK], b"i" * 400)), TOO_LARGE)
    most = request(*[first] * 8)
    assert len(Device(buf=2048, out=88 + 8 * 120).answer(most)) == 88 + 8 * 64


def test_the_header_comes_first():
    for first in (m.ttlv(0x420012, E, 1), TOLD):
        refused(m.ttlv(0x420078, S, [first, header(), TOLD]), INVALID_MESSAGE, version=10, word="header")
    refused(m.ttlv(0x420078, S, []), INVALID_MESSAGE, version=10, word="header")
    refused(m.ttlv(0x420078, S, [m.ttlv(0x420077, T, "x"), TOLD]), INVALID_MESSAGE, version=10)


def test_as_long_an_answer_as_can_be():
    # What is told of a failure never outgrows the room that was reckoned for it.
    for text in ("", "x", "x" * 40, "x" * 300, "\xe9" * 40, "\xe9" * 20):
        device = Device(out=88 + 104 + 16)
        device.fails = KmipError(NOTIFY, 1, DENIED, text)
        answer = device.answer(request(item(NOTIFY, [UID, MASK], b"12345678")))
        assert len(answer) <= 88 + 104 + 16
        found = answer.find(b"\x42\x00\x7d\x07") > 0
        assert found == (len(text[:40].encode()) <= 40)


def test_handlers_that_refuse():
    for fails, reason in (
        (KmipError(NOTIFY, 1, DENIED, "no"), DENIED),
        (KmipError(NOTIFY, 1, 0x80000001, "no"), 0x80000001),
        (TTLVError("no", 8), INVALID_MESSAGE),
        (ValueError("no"), FAILURE),
        (MemoryError(), FAILURE),
        (OSError(5), FAILURE),
    ):
        for data, operation in ((request(TOLD), NOTIFY), (request(GIVEN), PUT)):
            device = Device()
            device.fails = fails
            answer = device.answer(data)
            code = b"\x42\x00\x7e\x05\0\0\0\x04" + m.ttlv(0, E, reason)[8:12]
            assert answer.find(code) > 0, answer
            assert device.responder.fault is fails
            device.fails = None
            assert device.answer(data) == m.success(operation)


def test_operations_that_are_not_ours():
    for operation in (0x0A, 0x14, 0x18, 0x1A, 0x1D, 0, 0x3B, 0x80000001, 0xFFFFFFFF):
        refused(request(item(operation, [UID])), NOT_SUPPORTED, operation)
    refused(request(TOLD), NOT_SUPPORTED, NOTIFY, notify=None)
    refused(request(GIVEN), NOT_SUPPORTED, PUT, put=None)


def test_versions():
    refused(request(TOLD, version=30), INVALID_MESSAGE, version=10)
    refused(request(TOLD, version=0), INVALID_MESSAGE, version=10)
    refused(request(item(NOTIFY, [UID, ATTRIBUTES_2X]), version=14), INVALID_FIELD, NOTIFY, 14)
    refused(request(TOLD, version=20), INVALID_FIELD, NOTIFY, 20)
    refused(request(item(PUT, [UID, NEW, KEY, ATTRIBUTES_2X]), version=12), INVALID_FIELD, PUT)
    # Of a newer minor version what is not known is passed over, there only.
    unknown = m.ttlv(0x420177, T, "?")
    for version in (15, 19, 22):
        attributes = MASK if version < 20 else ATTRIBUTES_2X
        payload = [unknown, UID, attributes, unknown]
        data = request(item(NOTIFY, payload, None, unknown), version=version, after=[unknown])
        assert Device().answer(data) == m.success(NOTIFY, version=version)
    data = request(item(NOTIFY, [UID, m.ttlv(0x420008, S, [
        m.ttlv(0x42000A, T, "Name"), m.ttlv(0x42000B, S, NAME_ITEMS), unknown]), MASK]), version=15)
    device = Device()
    device.answer(data)
    assert [name for name, _, _ in device.events[0][1]] == ["Name", "Cryptographic Usage Mask"]


def every(fields, wrong, operation, version=12):
    """Each required field (by its place in `fields`) left out, and each of a wrong type, out of place, twice;
    an unknown one anywhere."""
    for at in range(len(fields)):
        rest = list(fields[:at]) + list(fields[at + 1 :])
        data = request(item(operation, rest), version=version)
        if at in wrong:
            refused(data, INVALID_MESSAGE, operation, version, "missing")
        other = fields[at][:3] + b"\x08\0\0\0\x04abcd\0\0\0\0"
        changed = list(fields[:at]) + [other] + list(fields[at + 1 :])
        refused(request(item(operation, changed), version=version), INVALID_MESSAGE, operation, version)
        twice = list(fields[:at]) + [fields[at]] * 2 + list(fields[at + 1 :])
        if fields[at][:3] not in (b"\x42\x00\x08", b"\x42\x01\x3b"):
            refused(request(item(operation, twice), version=version), INVALID_MESSAGE, operation, version)
        for unknown in (m.ttlv(0x420099, T, "x"), m.ttlv(0x540001, T, "x")):
            more = list(fields[:at]) + [unknown] + list(fields[at:])
            refused(request(item(operation, more), version=version), INVALID_FIELD, operation, version)
    backwards = list(reversed(fields))
    refused(request(item(operation, backwards), version=version), INVALID_MESSAGE, operation, version)


def test_payloads_that_are_wrong():
    every([UID, MASK], (0, 1), NOTIFY)
    every([UID, ATTRIBUTES_2X, REFERENCE], (0,), NOTIFY, 21)
    every([UID, REPLACE, REPLACED, KEY, MASK], (0, 1, 3), PUT)
    every([UID, REPLACE, REPLACED, KEY, ATTRIBUTES_2X], (0, 1, 3), PUT, 20)
    for code in (0, 3, 0x80000001):
        data = request(item(PUT, [UID, m.ttlv(0x420070, E, code), KEY]))
        refused(data, INVALID_FIELD, PUT, word="Put Function")
    refused(request(item(PUT, [UID, REPLACE, KEY])), INVALID_MESSAGE, PUT, word="Replaced")
    refused(request(item(PUT, [UID, NEW, REPLACED, KEY])), INVALID_MESSAGE, PUT, word="Replaced")
    refused(request(item(PUT, [UID, NEW, KEY, CERTIFICATE])), INVALID_MESSAGE, PUT)
    refused(request(item(PUT, [UID, NEW, KEY, GONE])), INVALID_MESSAGE, PUT, word="without a value")
    refused(request(item(NOTIFY, [m.ttlv(0x420094, T, b"\xff"), MASK])), INVALID_MESSAGE, NOTIFY)


def test_attributes_that_are_wrong():
    name, index, value = m.ttlv(0x42000A, T, "x-a"), m.ttlv(0x420009, N, 1), m.ttlv(0x42000B, T, "b")
    for fields, reason in (
        ([], INVALID_MESSAGE),
        ([value], INVALID_MESSAGE),
        ([value, name], INVALID_MESSAGE),
        ([name, value, index], INVALID_MESSAGE),
        ([name, name], INVALID_MESSAGE),
        ([name, value, value], INVALID_MESSAGE),
        ([m.ttlv(0x42000A, E, 1), value], INVALID_MESSAGE),
        ([name, m.ttlv(0x420009, m.LONG, 1), value], INVALID_MESSAGE),
        ([name, UID, value], INVALID_FIELD),
    ):
        data = request(item(NOTIFY, [UID, m.ttlv(0x420008, S, fields)]))
        refused(data, reason, NOTIFY)
    refused(request(item(NOTIFY, [UID, ATTRIBUTES_2X, m.ttlv(0x42013B, T, "x")]), version=20),
            INVALID_MESSAGE, NOTIFY, 20)


def test_headers_that_are_wrong():
    # The client's options, which a server does not send.
    for field in (
        m.ttlv(0x420050, N, 1024),
        m.ttlv(0x420007, m.BOOL, 1),
        m.ttlv(0x42000E, E, 1),
        m.ttlv(ORDER, m.BOOL, 1),
        m.ttlv(0x420099, T, "?"),
    ):
        refused(request(TOLD, before=(field,)), INVALID_FIELD)
    stamp = m.ttlv(0x420092, m.DATE, 5)
    refused(request(TOLD, before=(stamp, stamp)), INVALID_MESSAGE)
    refused(request(TOLD, after=(stamp,)), INVALID_MESSAGE)
    refused(request(TOLD, before=(m.ttlv(0x420092, m.LONG, 5),)), INVALID_MESSAGE)
    count = m.ttlv(COUNT, N, 1)
    for fields, version in (
        ([], 10),
        ([count], 10),
        ([version_item(12)], 12),
        ([count, version_item(12)], 12),
        ([m.ttlv(VERSION, S, []), count], 10),
        ([m.ttlv(VERSION, S, [m.ttlv(0x42006A, N, 1)]), count], 10),
        ([m.ttlv(VERSION, S, [m.ttlv(0x42006A, E, 1), m.ttlv(0x42006B, N, 2)]), count], 10),
        ([version_item(12), m.ttlv(COUNT, m.LONG, 1)], 12),
    ):
        data = m.ttlv(0x420078, S, [m.ttlv(0x420077, S, fields), TOLD])
        refused(data, INVALID_MESSAGE, version=version)
    refused(m.ttlv(0x420078, S, []), INVALID_MESSAGE, version=10)
    refused(m.ttlv(0x420078, S, [TOLD]), INVALID_MESSAGE, version=10)
    refused(m.ttlv(0x420078, S, [header(), UID]), INVALID_MESSAGE)
    refused(m.ttlv(0x420078, S, [header(), TOLD, UID]), INVALID_MESSAGE)


def test_items_that_are_wrong():
    operation, payload = m.ttlv(0x42005C, E, NOTIFY), m.ttlv(0x420079, S, [UID, MASK])
    its = m.ttlv(0x420093, m.BYTES, b"1")
    for fields, reason in (
        ([], INVALID_MESSAGE),
        ([operation], INVALID_MESSAGE),
        ([payload], INVALID_MESSAGE),
        ([payload, operation], INVALID_MESSAGE),
        ([its, operation, payload], INVALID_MESSAGE),
        ([operation, operation, payload], INVALID_MESSAGE),
        ([operation, payload, payload], INVALID_MESSAGE),
        ([m.ttlv(0x42005C, N, NOTIFY), payload], INVALID_MESSAGE),
        ([operation, m.ttlv(0x420093, T, "1"), payload], INVALID_MESSAGE),
        ([operation, m.ttlv(0x420079, m.BYTES, b"")], INVALID_MESSAGE),
        ([operation, UID, payload], INVALID_FIELD),
    ):
        refused(request(m.ttlv(0x42000F, S, fields)), reason)


def extension(critical, *more):
    return m.ttlv(0x420051, S, [
        m.ttlv(0x42009D, T, "vendor"), m.ttlv(0x420026, m.BOOL, critical), m.ttlv(0x42009C, S, [UID])]
        + list(more))


def test_message_extensions():
    told(request(item(NOTIFY, [UID, MASK], None, extension(0))))
    refused(request(item(NOTIFY, [UID, MASK], None, extension(1))), FEATURE)
    refused(request(item(NOTIFY, [UID, MASK], None, extension(0), extension(0))), INVALID_MESSAGE)
    refused(request(item(NOTIFY, [UID, MASK], None, extension(0, UID))), INVALID_FIELD)
    refused(request(item(NOTIFY, [UID, MASK], None, m.ttlv(0x420051, S, []))), INVALID_MESSAGE)
    refused(
        request(item(NOTIFY, [UID], None, extension(0), extension(1)), version=20), FEATURE, version=20)
    told(request(item(NOTIFY, [UID], None, extension(0), extension(0)), version=20), 20)
    # Before anything is done.
    refused(request(item(NOTIFY, [UID, MASK], b"1"), item(NOTIFY, [UID, MASK], b"2", extension(1))), FEATURE)


def test_what_is_no_request():
    responder = Device().responder
    for data in (
        b"GET / HT",
        b"\x42\x00\x7b\x01\0\0\0\x08",
        b"\x42\x00\x78\x02\0\0\0\x08",
        b"\x42\x01\x78\x01\0\0\0\x08",
        b"\x54\x00\x78\x01\0\0\0\x08",
        b"\x42\x00\x78\x01\0\0\x04\x00",
        b"\x42\x00\x78\x01\x01\0\0\x00",
        b"\x42\x00\x78\x01\xff\xff\xff\xff",
    ):
        responder.buf[:8] = data
        assert responder.length() == 0
    responder.buf[:8] = b"\x42\x00\x78\x01\0\0\x03\xf8"
    assert responder.length() == 1024
    answer = bytes(responder.out[: responder.answer(0)])
    assert answer == m.message(m.failure(None, INVALID_MESSAGE, "no request, or too long"), version=10)


def test_wiping():
    responder = Device().responder
    responder.buf[:] = b"x" * 1024
    responder.wipe()
    assert not any(responder.buf) and len(responder.buf) == 1024


def test_every_byte_damaged():
    # Whatever comes, there is one answer that decodes, and nothing else is raised.
    random = m.Random(3)
    good = request(
        item(NOTIFY, [UID, MASK, GONE, NAME], b"1", extension(0)),
        item(PUT, [UID, REPLACE, REPLACED, KEY, NAME], b"2"))
    device = Device()
    for at in range(len(good)):
        for byte in (0, 1, 0xFF, random.below(256)):
            data = bytearray(good)
            data[at] = byte
            device.responder.buf[: len(data)] = data
            size = device.responder.length()
            if size not in (0, len(data)):
                continue
            size = device.responder.answer(size)
            Decoder(bytearray(device.responder.out)).open(size)


