"""The OASIS test cases of KMIP 1.2, as a program would run them: the client writes every request of its own
byte for byte, Maximum Response Size off, and reads every answer.

What the vectors have otherwise, and why:
- Notify and Put are the server's requests, which the listener answers.
- Unique Batch Item IDs are the client's to choose: eight bytes there, one here.
- Four batches there leave out Batch Order Option; this client always asks for order.
- TC-161 also asks for version 9.31; a version is one number here, 10 * major + minor, and has none for it.
- A caller's large values (keys, the certificate request of TC-134) are taken from the vectors themselves.
"""

import vectors
from check import raises
from messages import Stream, ttlv

from kmip_lite.client import Client
from kmip_lite.header import Header
from kmip_lite.message import KmipError, KmipPending
from kmip_lite.ttlv import Decoder

SERVERS_OWN = (["Notify"], ["Put"])
UNORDERED = (("TC_51", 2), ("TC_41", 20), ("TC_41", 22), ("TC_41", 24))
ORDER = ttlv(0x420010, 6, 1)
ID = b"\x42\x00\x93\x08\0\0\0\x08"


def items(data):
    """The top level of a message: its header's items, and the items of each batch item."""
    d = Decoder(bytearray(data))
    d.open(len(data))
    d.next()
    top = [value for _, _, value in d.value()]
    return top[0], top[1:]


def blob(data, *path):
    """The value that these tags lead to in the first batch item's payload."""
    found = items(data)[1][0]
    for tag in (0x420079,) + path:
        found = [value for got, _, value in found if got == tag][0]
    return found


def with_our_ids(data):
    """A batch with the IDs that this client gives; both kinds take up sixteen bytes."""
    at = data.find(ID)
    number = 0
    while at >= 0:
        number += 1
        data = data[:at] + ttlv(0x420093, 8, bytes([number])) + data[at + 16 :]
        at = data.find(ID)
    return data


def with_order(data):
    """A request with Batch Order Option in its header, before Batch Count, the last field."""
    size = int.from_bytes(data[12:16], "big")  # of the header, which stands behind the message's own head
    head = data[8:12] + (size + 16).to_bytes(4, "big") + data[16 : size] + ORDER + data[size : 16 + size]
    return data[:4] + (len(data) + 8).to_bytes(4, "big") + head + data[16 + size :]


class Case:
    """The exchanges of a test case that are the client's, and a client to which they are answered."""

    def __init__(self, prefix, limit=False, buf=4096, only=None):
        found = [vector for vector in vectors.oasis() if vector["case"].startswith(prefix + "_")]
        found.sort(key=lambda vector: vector["index"])
        self.requests = []
        answers = []
        for request, answer in zip(found[::2], found[1::2]):  # noqa: B905 (MicroPython has no strict)
            if request["operations"] in SERVERS_OWN or (only and request["index"] not in only):
                continue
            data = with_our_ids(bytes.fromhex(request["hex"]))
            if (prefix, request["index"]) in UNORDERED:
                data = with_order(data)
            self.requests.append(data)
            answers.append(with_our_ids(bytes.fromhex(answer["hex"])))
        self.stream = Stream(*answers)
        self.kmip = Client(self.stream, 12, buf, limit)

    def check(self, count):
        """Every request was sent, as printed."""
        sent = self.stream.requests
        assert len(sent) == len(self.requests) == count, (len(sent), len(self.requests))
        for index in range(count):
            assert sent[index] == self.requests[index], index
        assert not self.stream.closed


def test_what_is_done_to_the_vectors():
    version = ttlv(0x420069, 1, [ttlv(0x42006A, 2, 1), ttlv(0x42006B, 2, 2)])
    count = ttlv(0x42000D, 2, 1)

    def message(head, its):
        item = ttlv(0x42000F, 1, [ttlv(0x42005C, 5, 20), ttlv(0x420093, 8, its), ttlv(0x420079, 1, [])])
        return ttlv(0x420078, 1, [ttlv(0x420077, 1, head), item])

    printed = message([version, count], b"12345678")
    assert with_our_ids(printed) == message([version, count], b"\x01")
    assert with_order(printed) == message([version, ORDER, count], b"12345678")


# Attributes as a caller gives them.
AES = ("Cryptographic Algorithm", 0x420028, 5, 3)
TRIPLE_DES = ("Cryptographic Algorithm", 0x420028, 5, 2)
RSA = ("Cryptographic Algorithm", 0x420028, 5, 4)
SYMMETRIC = ("Object Type", 0x420057, 5, 2)
PRE_ACTIVE = ("State", 0x42008D, 5, 1)


def bits(count):
    return ("Cryptographic Length", 0x42002A, 2, count)


def mask(number):
    return ("Cryptographic Usage Mask", 0x42002C, 2, number)


def name(text):
    return ("Name", 0x420053, 1, ((0x420055, 7, text), (0x420054, 5, 1)))


def link(kind, uid):
    return ("Link", 0x42004A, 1, ((0x42004B, 5, kind), (0x42004C, 7, uid)))


def custom(text, value):
    return (text, 0x420008, 7, value)


def uid(number):
    return "00000000-0000-4000-8000-%012d" % number


def test_tc_51_get_usage_allocation():
    case = Case("TC_51")
    kmip = case.kmip
    key = kmip.create(2, (AES, bits(128), name("TC-51-12-key1"), mask(4)))
    assert key == uid(0)
    batch = kmip.batch()
    batch.add_attribute(key, ("Activation Date", 0x420001, 9, 2))
    batch.add_attribute(key, ("Protect Stop Date", 0x420068, 9, 1335514945))
    assert batch.send() == [("Activation Date", 0, 2), ("Protect Stop Date", 0, 1335514945)]
    limits = kmip.add_attribute(key, ("Usage Limits", 0x420095, 1, ((0x420097, 3, 1000), (0x420098, 5, 1))))
    assert limits == ("Usage Limits", 0, [(0x420097, 3, 1000), (0x420096, 3, 1000), (0x420098, 5, 1)])
    assert kmip.locate((SYMMETRIC, name("TC-51-12-key1"))) == [key]
    value = kmip.get(key).value
    assert len(value) == 16
    batch = kmip.batch()
    batch.check(key, 500)
    batch.get_usage_allocation(key, 500)
    assert batch.send() == [key, key]
    assert kmip.get_usage_allocation(key, 500) == key
    assert kmip.locate((SYMMETRIC, name("TC-51-12-key1"))) == [key]
    assert kmip.get(key).value == value
    error = raises(KmipError, kmip.get_usage_allocation, key, 500)
    assert error.reason == 0x0C and error.message.endswith("allocate requested amount")
    batch = kmip.batch()
    batch.revoke(key, 6)
    batch.destroy(key)
    assert batch.send() == [key, key]
    case.check(11)


def test_tc_32_asynchronous_locate():
    case = Case("TC_32")
    kmip = case.kmip
    head = Header(kmip)
    group = ("Object Group", 0x420056, 7, "Group1")
    by_name = (SYMMETRIC, name("TC-32-12-key1"))
    key = kmip.create(2, (AES, bits(128), name("TC-32-12-key1"), mask(4), group))
    for wanted in (by_name, (SYMMETRIC, group)):
        head.asynchronous = True
        pending = raises(KmipPending, kmip.locate, wanted)
        head.asynchronous = False
        assert kmip.poll(pending.correlation, "locate") == [key]
        assert kmip.get(key).bits == 128
    head.asynchronous = True
    pending = raises(KmipPending, kmip.locate, by_name)
    head.asynchronous = False
    assert kmip.cancel(pending.correlation) == 1
    assert kmip.destroy(key) == key
    case.check(10)


def test_tc_95_obtain_lease_for_an_expired_key():
    case = Case("TC_95")
    kmip = case.kmip
    key = kmip.create(2, (
        AES, bits(128), mask(12), name("TC-95-12-rekeyKey"), ("Activation Date", 0x420001, 9, 1335514345)))
    old = kmip.get(key).value
    assert kmip.obtain_lease(key) == (3600, 1335514345)
    assert kmip.revoke(key, 2, occurred=1335514345) == key
    new = kmip.rekey(key)
    assert new == uid(1)
    error = raises(KmipError, kmip.obtain_lease, key)
    assert error.reason == 0x0C and error.message.endswith("no lease given")
    assert kmip.locate((name("TC-95-12-rekeyKey"),)) == [new]
    assert kmip.get(new).value != old
    assert kmip.obtain_lease(new) == (3600, 1335514345)
    assert kmip.destroy(key) == key
    batch = kmip.batch()
    batch.revoke(new, 6)
    batch.destroy(new)
    assert batch.send() == [new, new]
    case.check(11)


def test_tc_101_archive_and_recover():
    case = Case("TC_101")
    kmip = case.kmip
    head = Header(kmip)
    wanted = (SYMMETRIC, name("TC-101-12-archiveKey"))
    key = kmip.create(2, (AES, bits(128), mask(12), name("TC-101-12-archiveKey")))
    assert kmip.locate(wanted) == [key]
    value = kmip.get(key).value
    head.asynchronous = True
    pending = raises(KmipPending, kmip.archive, key)
    head.asynchronous = False
    assert kmip.poll(pending.correlation, "archive") == key
    assert raises(KmipError, kmip.get, key).reason == 0x0D  # Object Archived
    assert kmip.get_attributes(key, ("Archive Date",)) == [("Archive Date", 0, 1335514470)]
    assert kmip.locate(wanted) == []
    assert kmip.locate(wanted, storage=3) == [key]
    head.asynchronous = True
    pending = raises(KmipPending, kmip.recover, key)
    head.asynchronous = False
    assert kmip.poll(pending.correlation, "recover") == key
    assert kmip.get(key).value == value
    assert kmip.destroy(key) == key
    case.check(13)


def test_tc_np_what_is_the_clients():
    case = Case("TC_NP_1")
    key = case.kmip.create(2, (AES, bits(128), mask(12), custom("x-ID", "TC-NP-1-12")))
    assert case.kmip.destroy(key) == key
    case.check(2)
    case = Case("TC_NP_2")
    kmip = case.kmip
    value = bytes.fromhex("1122456789ABCDEF0123456789ABCDEF")
    key = kmip.register(2, value, (mask(4), custom("x-ID", "TC-NP-2-12")), algorithm=3, bits=128)
    added = kmip.add_attribute(key, custom("x-provider", "unknown"))
    assert added == ("x-provider", 0, "unknown")
    party = "third   party"  # runs of spaces in a value are the vectors' own
    assert kmip.modify_attribute(key, custom("x-provider", party)) == ("x-provider", 0, party)
    assert kmip.destroy(key) == key
    case.check(4)


def test_tc_121_maximum_response_size():
    case = Case("TC_121", True, 256, (0,))
    error = raises(KmipError, case.kmip.query, (1, 2))
    assert error.reason == 2 and "size: 648" in error.message
    case.check(1)
    case = Case("TC_121", True, 2048, (2,))
    told = case.kmip.query((1, 2, 3))
    assert len(told[0x42005C]) == 39 and told[0x420057] == [1, 2, 7, 3, 4, 6, 8, 5, 9]
    assert told[0x42009D] == ["SOME-VENDOR-NAME"] and told[0x420088] == [[]]
    case.check(1)


def test_tc_161_discover_versions():
    case = Case("TC_161", only=(0, 2, 4, 6))
    kmip = case.kmip
    assert kmip.discover_versions() == [12, 11, 10]
    for version in (10, 11, 12):
        assert kmip.discover_versions((version,)) == [version]
    case.check(4)


def test_tc_41_revoke():
    case = Case("TC_41")
    kmip = case.kmip

    def state():
        return kmip.get_attributes(key, ("State",))[0][2]

    key = kmip.create(2, (AES, bits(128), name("TC-41-12-key1"), mask(4)))
    assert state() == 1
    assert kmip.activate(key) == key
    assert state() == 2
    assert kmip.locate((SYMMETRIC, name("TC-41-12-key1"))) == [key]
    value = kmip.get(key).value
    assert kmip.revoke(key, 2, occurred=6) == key
    assert state() == 4
    names = kmip.get_attribute_list(key)
    assert len(names) == 17 and names[0] == "Unique Identifier" and names[-1] == "State"
    assert state() == 4
    batch = kmip.batch()
    batch.add_attribute(key, custom("x-attribute1", "Value1"))
    batch.add_attribute(key, custom("x-attribute2", "Value2"))
    assert batch.send() == [("x-attribute1", 0, "Value1"), ("x-attribute2", 0, "Value2")]
    batch = kmip.batch()
    batch.modify_attribute(key, custom("x-attribute1", "ModifiedValue1"))
    batch.modify_attribute(key, custom("x-attribute2", "ModifiedValue2"))
    now = [("x-attribute1", 0, "ModifiedValue1"), ("x-attribute2", 0, "ModifiedValue2")]
    assert batch.send() == now
    batch = kmip.batch()
    batch.delete_attribute(key, "x-attribute1")
    batch.delete_attribute(key, "x-attribute2")
    assert batch.send() == now
    assert kmip.get(key).value == value
    assert kmip.destroy(key) == key
    case.check(15)


def test_tc_81_create_key_pair():
    case = Case("TC_81")
    kmip = case.kmip
    private, public = kmip.create_key_pair(
        (RSA, bits(1024)), (name("TC-81-12-privatekey1"), mask(1)), (name("TC-81-12-publickey1"), mask(2)))
    assert (private, public) == (uid(0), uid(1))
    assert kmip.locate((("Object Type", 0x420057, 5, 3), link(0x103, private))) == [public]
    assert kmip.locate((("Object Type", 0x420057, 5, 4), link(0x102, public))) == [private]
    assert kmip.destroy(private) == private
    assert kmip.destroy(public) == public
    case.check(5)


def test_tc_313_create_locate_get_destroy():
    case = Case("TC_313")
    kmip = case.kmip
    key = kmip.create(2, (name("TC-313-12-key1"), TRIPLE_DES, bits(168), mask(12)))
    assert kmip.locate((SYMMETRIC, name("TC-313-12-key1"))) == [key]
    got = kmip.get(key)
    assert (got.algorithm, got.bits, len(got.value)) == (2, 168, 24)
    pre_active = (PRE_ACTIVE, ("Unique Identifier", 0x420094, 7, key))
    assert kmip.locate(pre_active) == [key]
    assert kmip.destroy(key) == key
    assert kmip.locate(pre_active) == []
    case.check(6)


def test_tc_134_certify_and_recertify():
    case = Case("TC_134")
    kmip = case.kmip
    material = (0x420040, 0x420045, 0x420043)
    public_value = blob(case.requests[0], 0x42006D, *material)
    private_value = blob(case.requests[1], 0x420064, *material)
    csr = blob(case.requests[3], 0x420018)

    def links(of):
        found = kmip.get_attributes(of, ("Link",))
        return [(index, value[0][2], value[1][2]) for _, index, value in found]

    public = kmip.register(
        3, public_value, (mask(2), custom("x-ID", "TC-134-12-pubkey1")), format=3, algorithm=4, bits=2048)
    private = kmip.register(
        4, private_value, (mask(1), link(0x102, public), custom("x-ID", "TC-134-12-prikey1")),
        format=3, algorithm=4, bits=2048)
    linked = kmip.add_attribute(public, link(0x103, private))
    assert linked == ("Link", 0, [(0x42004B, 5, 0x103), (0x42004C, 7, private)])
    first = kmip.certify(public, csr, (mask(3), name("TC-134-12-certificate1")))
    got = kmip.get(first)
    assert (got.object_type, got.kind, len(got.value)) == (1, 1, 635)
    assert len(kmip.get_attribute_list(first)) == 22
    wanted = (
        "Certificate Identifier", "Certificate Issuer", "Certificate Subject", "Certificate Type",
        "Digital Signature Algorithm", "Cryptographic Length", "Certificate Length",
        "X.509 Certificate Identifier", "X.509 Certificate Issuer", "X.509 Certificate Subject")
    found = kmip.get_attributes(first, wanted)
    assert tuple([attribute for attribute, _, _ in found]) == wanted
    assert found[2][2] == [(0x42001C, 7, "CN=Client,OU=KMIP,O=ACME,C=US")] and found[6][2] == 635
    second = kmip.recertify(first, csr, attributes=(mask(3), name("TC-134-12-certificate2")))
    assert (public, private, first, second) == (uid(0), uid(1), uid(2), uid(3))
    assert links(private) == [(0, 0x102, public)]
    assert links(public) == [(0, 0x103, private), (1, 0x101, second)]
    assert links(first) == [(0, 0x102, public), (1, 0x106, second)]
    found = kmip.get_attributes(second, ("Link", "Certificate Identifier", "Name"))
    assert [(attribute, index) for attribute, index, _ in found] == [
        ("Link", 0), ("Link", 1), ("Certificate Identifier", 0), ("Name", 0), ("Name", 1)]
    for each in (private, public, first, second):
        assert kmip.destroy(each) == each
    case.check(16)


def test_nothing_is_left_out():
    # The counts of the checks above, what the server sends, and version 9.31.
    requests = [vector for vector in vectors.oasis() if vector["kind"] == "request"]
    servers = [vector for vector in requests if vector["operations"] in SERVERS_OWN]
    assert len(requests) == 105 and len(servers) == 5
    assert 11 + 10 + 11 + 13 + 2 + 4 + 1 + 1 + 4 + 15 + 5 + 6 + 16 == len(requests) - len(servers) - 1
