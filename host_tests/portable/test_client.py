"""Client and Batch over a stream in memory that reads and writes in pieces, stops, breaks and lies."""

from errno import ECONNRESET, EIO, ENOTCONN, ETIMEDOUT

import messages as m
from check import raises
from messages import Stream

from kmip_lite import client
from kmip_lite.client import Client
from kmip_lite.header import Header
from kmip_lite.message import KmipError, KmipPending
from kmip_lite.ttlv import Decoder, TTLVError

KEY = b"0123456789abcdef"
KEY_ANSWER = m.success(m.GET, *m.got_key(value=KEY))
DER = b"0\x82" + b"c" * 300
CSR = b"0\x03\x02\x01\x00"


def get_key(kmip):
    return kmip.get("id-1").value


def renew(kmip):
    batch = kmip.batch()
    batch.recertify("cert-1", csr=CSR, offset=0)
    batch.get()
    name, certificate = batch.send()
    return name, certificate.value


RENEWAL_ANSWER = m.message(
    m.item(m.RECERTIFY, [m.uid("cert-2")], 1), m.item(m.GET, m.got_certificate(DER, name="cert-2"), 2)
)
# What is called, the answer, and what it gives.
EXCHANGES = (
    (get_key, KEY_ANSWER, KEY),
    (renew, RENEWAL_ANSWER, ("cert-2", DER)),
)


def blank(kmip):
    return not any(kmip.buf)


def fields(data):
    """A message's payload fields of each item, and its header's."""
    d = Decoder(bytearray(data))
    d.open(len(data))
    d.next()
    top = d.value()
    return [item[2] for item in top[1:]], top[0][2]


def test_streams_that_read_and_write_in_pieces():
    for call, data, wanted in EXCHANGES:
        for read in (0, 1, 3, 8, 9):
            for write in (0, 1, 3):
                stream = Stream(data, data, read=read, write=write)
                kmip = Client(stream)
                for number in (1, 2):
                    assert call(kmip) == wanted
                    assert blank(kmip)
                    assert kmip.round_trips == len(stream.requests) == number
                    assert kmip.sent == len(stream.sent)
                    assert kmip.received == number * len(data)
                assert not stream.closed
                kmip.close()
                assert stream.closed == 1


def broken(call, kind, stream):
    """The exception of an exchange after which the client has let go of its stream."""
    kmip = Client(stream)
    error = raises(kind, call, kmip)
    assert stream.closed == 1
    assert blank(kmip)
    calls = stream.calls
    assert raises(OSError, call, kmip).errno == ENOTCONN
    assert stream.calls == calls and stream.closed == 1
    kmip.close()
    assert stream.closed == 1
    return error


def test_an_end_after_every_byte():
    for call, data, _ in EXCHANGES:
        for size in range(len(data)):
            error = broken(call, OSError, Stream(data[:size], read=1 + size % 5))
            assert error.errno == ECONNRESET


def count_calls(call, data, **how):
    stream = Stream(data, **how)
    call(Client(stream))
    return stream.calls


def test_a_failure_at_every_call():
    for call, data, _ in EXCHANGES:
        for pieces in ({"read": 7, "write": 11}, {}):
            calls = count_calls(call, data, **pieces)
            assert calls >= 3
            for at in range(calls):
                for how, number in (
                    (OSError(ECONNRESET, ""), ECONNRESET),
                    (OSError(EIO, ""), EIO),
                    (OSError(ETIMEDOUT, ""), ETIMEDOUT),
                    (None, ETIMEDOUT),  # nothing happened in time
                    (0, ECONNRESET),  # the end
                ):
                    error = broken(call, OSError, Stream(data, fail=at, how=how, **pieces))
                    assert error.errno == number, (at, how, error)


def test_an_exchange_cut_off_from_outside_is_not_taken_up_again():
    # A MemoryError, a watchdog, ^C: the rest of the answer must not be read as the next one.
    for call, data, _ in EXCHANGES:
        for at in range(count_calls(call, data)):
            stream = Stream(data, fail=at, how=ValueError("not of this library"))
            kmip = Client(stream)
            raises(ValueError, call, kmip)
            assert stream.closed == 1 and blank(kmip)
            assert raises(OSError, call, kmip).errno == ENOTCONN


def test_the_answer_fills_the_buffer_and_no_more():
    size = len(KEY_ANSWER)
    assert get_key(Client(Stream(KEY_ANSWER), buf=size)) == KEY
    stream = Stream(KEY_ANSWER)
    kmip = Client(stream, buf=size - 8)
    assert "longer than the buffer at byte 4" in str(raises(TTLVError, get_key, kmip))
    assert stream.closed == 1 and blank(kmip)


def test_an_answer_beyond_64_kib():
    der = b"c" * 70000
    data = m.success(m.GET, *m.got_certificate(der))
    kmip = Client(Stream(data, read=5000), buf=len(data))
    assert kmip.get("id-1").value == der
    assert "longer" in str(broken(get_key, TTLVError, Stream(data)))


def test_lengths_that_lie():
    for length in (b"\xff\xff\xff\xff", b"\x80\0\0\0", b"\x7f\xff\xff\xff", b"\0\1\0\0", b"\0\0\x08\0"):
        stream = Stream(KEY_ANSWER[:4] + length + KEY_ANSWER[8:] * 20)
        assert "longer" in str(broken(get_key, TTLVError, stream))
        assert stream.calls == 2  # the request, and eight bytes of the answer
    for size in (0, 1, 7):
        broken(get_key, TTLVError, Stream(KEY_ANSWER[:4] + bytes([0, 0, 0, size]) + KEY_ANSWER[8:]))


def test_not_a_kmip_answer():
    for data in (
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x15\x03\x03\x00\x02\x02\x28\x00",
        b"\x42\x00\x78" + KEY_ANSWER[3:],
        b"\x42\x00\x7b\x02" + KEY_ANSWER[4:],
        b"\x42\x01" + KEY_ANSWER[2:],
        bytes(64),
    ):
        stream = Stream(data)
        assert "not a KMIP answer" in str(broken(get_key, TTLVError, stream))
        assert stream.calls == 2


def test_answers_that_do_not_fit_the_request():
    for data in (
        m.success(m.CERTIFY, m.uid()),
        m.success(m.GET, *m.got_key(value=KEY), version=13),
        m.success(m.GET, m.uid()),
        m.message(m.item(m.GET, m.got_key(value=KEY), 1)),
        m.message(m.item(m.GET, m.got_key(value=KEY)), m.item(m.GET, m.got_key(value=KEY))),
        m.message(m.item(m.GET, m.got_key(value=KEY)), count=2),
        KEY_ANSWER[:-8] + b"\xff" * 8,  # the value and its padding
        m.success(m.GET, *m.got_key(value=KEY)).replace(b"\x42\x00\x57\x05", b"\x42\x00\x57\x0c"),
    ):
        broken(get_key, TTLVError, Stream(data))


def test_a_refusal_keeps_the_connection():
    stream = Stream(m.message(m.failure(m.GET, 0x0C, "not yours")), KEY_ANSWER)
    kmip = Client(stream)
    error = raises(KmipError, get_key, kmip)
    assert (error.operation, error.status, error.reason) == (m.GET, 1, 0x0C)
    assert "not yours" in str(error) and blank(kmip) and not stream.closed
    assert get_key(kmip) == KEY
    # The server could not even read the request, or speaks another version: no operation in it.
    stream = Stream(m.message(m.failure(None, 4, "cannot parse"), version=10), KEY_ANSWER)
    kmip = Client(stream, version=12)
    assert raises(KmipError, get_key, kmip).reason == 4
    assert get_key(kmip) == KEY


def test_a_request_that_cannot_be_sent():
    stream = Stream(KEY_ANSWER)
    kmip = Client(stream, buf=320)
    for call in (
        lambda: kmip.get("x" * 400),
        lambda: kmip.get_usage_allocation("x", 1 << 64),
        lambda: kmip.get_usage_allocation("x", 0),
        lambda: kmip.get_usage_allocation("x", -1),
        lambda: kmip.get("x", wrap_type=1),
    ):
        raises(TTLVError, call)
        assert blank(kmip) and not stream.closed and not stream.calls
    assert get_key(kmip) == KEY
    batch = kmip.batch()
    batch.get("x" * 400)
    raises(TTLVError, batch.send)
    assert blank(kmip) and not stream.closed
    raises(TTLVError, kmip.batch().send)


def test_wrong_arguments_leave_the_client_usable():
    kmip = Client(Stream(KEY_ANSWER))
    raises(TypeError, lambda: kmip.get("x", nonsense=1))
    raises(TypeError, lambda: kmip.get_usage_allocation("x", count="much"))
    assert blank(kmip)
    assert get_key(kmip) == KEY


def test_the_server_is_told_the_buffers_size():
    for size in (512, 2048):
        stream = Stream(KEY_ANSWER)
        get_key(Client(stream, buf=size))
        assert fields(stream.requests[0])[1][1] == (0x420050, 2, size)
    stream = Stream(KEY_ANSWER)
    get_key(Client(stream, limit=False))
    assert [tag for tag, _, _ in fields(stream.requests[0])[1]] == [0x420069, 0x42000D]


def test_a_buffer_of_the_callers():
    buf = bytearray(b"." * 600)
    kmip = Client(Stream(KEY_ANSWER), buf=buf)
    assert get_key(kmip) == KEY
    assert len(buf) == 600 and not any(buf)


def test_every_version():
    for version in (10, 11, 12, 13, 14):
        stream = Stream(m.success(m.GET, *m.got_key(value=KEY), version=version), KEY_ANSWER)
        kmip = Client(stream, version=version)
        assert get_key(kmip) == KEY
        numbers = [(0x42006A, 2, 1), (0x42006B, 2, version - 10)]
        assert fields(stream.requests[0])[1][0] == (0x420069, 1, numbers)
        kmip.set_version(12)
        assert get_key(kmip) == KEY
        assert fields(stream.requests[1])[1][0][2][1] == (0x42006B, 2, 2)


def test_the_servers_clock():
    kmip = Client(Stream(m.message(m.item(m.GET, m.got_key(value=KEY)), stamp=4000000000)))
    assert kmip.time_stamp() == 0
    get_key(kmip)
    assert kmip.time_stamp() == 4000000000


def test_a_secret_goes_into_the_callers_buffer():
    kmip = Client(Stream(KEY_ANSWER))
    room = bytearray(16)
    found = kmip.get("id-1", into=room)
    assert found.value is None and found.size == 16 and room == KEY
    room = bytearray(15)
    assert "fit" in str(broken(lambda kmip: kmip.get("id-1", into=room), TTLVError, Stream(KEY_ANSWER)))
    assert not any(room)


def test_every_verb():
    link = m.attribute("Link", m.STRUCTURE, [m.ttlv(0x42004B, m.ENUM, 0x106), m.ttlv(0x42004C, 7, "c2")])
    name = ("Name", 0x420053, 1, ((0x420055, 7, "meter-1"), (0x420054, 5, 1)))
    for verb, args, operation, payload, sent, wanted in (
        ("certify", ("pk", CSR), m.CERTIFY, [m.uid("c1")],
         [(m.UID, 7, "pk"), (0x420019, 5, 2), (0x420018, 8, CSR)], "c1"),
        ("recertify", ("c1", CSR, 0), m.RECERTIFY, [m.uid("c2")],
         [(m.UID, 7, "c1"), (0x420019, 5, 2), (0x420018, 8, CSR), (0x420058, 10, 0)], "c2"),
        ("get_usage_allocation", (b"key", 1 << 40), m.USAGE, [m.uid("key")],
         [(m.UID, 7, "key"), (0x420096, 3, 1 << 40)], "key"),
        ("check", ("key", 5, 4), m.CHECK, [m.uid("key")],
         [(m.UID, 7, "key"), (0x420096, 3, 5), (0x42002C, 2, 4)], "key"),
        ("discover_versions", ((14, 10),), m.DISCOVER, [m.header(12)[0]],
         [(0x420069, 1, [(0x42006A, 2, 1), (0x42006B, 2, 4)]),
          (0x420069, 1, [(0x42006A, 2, 1), (0x42006B, 2, 0)])], [12]),
        ("query", (), m.QUERY, [m.ttlv(0x42005C, m.ENUM, 7)],
         [(0x420074, 5, 1), (0x420074, 5, 2), (0x420074, 5, 3)], {0x42005C: [7]}),
        ("locate", ((name,), 1), m.LOCATE, [m.uid("a")],
         [(0x42004F, 2, 1), (0x420008, 1, [(0x42000A, 7, "Name"),
          (0x42000B, 1, [(0x420055, 7, "meter-1"), (0x420054, 5, 1)])])], ["a"]),
        ("get_attributes", ("c1", ("Link",)), m.GET_ATTRIBUTES, [m.uid("c1"), link],
         [(m.UID, 7, "c1"), (0x42000A, 7, "Link")],
         [("Link", 0, [(0x42004B, 5, 0x106), (0x42004C, 7, "c2")])]),
        ("register", (2, KEY), m.REGISTER, [m.uid("new")],
         [(0x420057, 5, 2), (0x420091, 1, []), (0x42008F, 1, [(0x420040, 1, [(0x420042, 5, 1),
          (0x420045, 1, [(0x420043, 8, KEY)])])])], "new"),
        ("cancel", (b"c",), 0x19, [m.ttlv(0x420006, 8, b"c"), m.ttlv(0x420012, m.ENUM, 1)],
         [(0x420006, 8, b"c")], 1),
    ):
        stream = Stream(m.success(operation, *payload), m.success(operation, *payload))
        kmip = Client(stream)
        for _ in range(2):
            assert getattr(kmip, verb)(*args) == wanted, verb
        item = fields(stream.requests[1])[0][0]
        assert item == [(0x42005C, 5, operation), (0x420079, 1, sent)], (verb, item)


def test_operations_that_are_not_there():
    kmip = Client(Stream())
    error = raises(AttributeError, lambda: kmip.teleport)
    assert "teleport.py is not on this board" in str(error)
    for name in ("_private", "__len__"):
        raises(AttributeError, getattr, kmip, name)
    raises(AttributeError, lambda: kmip.batch().teleport("x"))


def test_with_closes():
    stream = Stream(KEY_ANSWER)
    with Client(stream) as kmip:
        assert get_key(kmip) == KEY
    assert stream.closed == 1
    stream = Stream()
    try:
        with Client(stream):
            raise ValueError
    except ValueError:
        assert stream.closed == 1


# ---- agreeing on a version ----


def versions_answer(*versions):
    return m.success(m.DISCOVER, *[m.header(version)[0] for version in versions], version=11)


def test_agree():
    for answer, wanted in (
        (versions_answer(14, 13, 12, 11, 10), 14),
        (versions_answer(10, 11, 12), 12),
        (versions_answer(21, 20, 11), 21),
        (versions_answer(22, 11), 11),
        (m.message(m.failure(m.DISCOVER, 5)), 10),
    ):
        stream = Stream(answer)
        kmip = Client(stream)
        assert kmip.agree() == kmip.version == wanted
        assert fields(stream.requests[0])[0][0][1] == (0x420079, 1, [])  # all that the server speaks
    for answer in (versions_answer(), versions_answer(22)):
        stream = Stream(answer)
        kmip = Client(stream, 13)
        assert "version" in str(raises(TTLVError, kmip.agree))
        assert stream.closed and kmip.version == 13
    kmip = Client(Stream(m.message(m.failure(m.DISCOVER, 12))), 13)
    assert raises(KmipError, kmip.agree).reason == 12
    assert kmip.version == 13
    kmip = Client(Stream(m.message(m.failure(m.DISCOVER, 5))))
    raises(TTLVError, kmip.agree, (14, 13))
    # Asked in the lowest version that knows the question, so that an old server can answer it.
    stream = Stream(versions_answer(14, 11))
    assert Client(stream).agree((21, 14, 11)) == 14


def test_agree_with_a_server_that_speaks_2_x_only():
    # It cannot read a message of another major version: Invalid Message, an item without Operation.
    misread = m.message(m.item(None, None, status=m.FAILED, reason=4), version=21)
    stream = Stream(misread, m.success(m.DISCOVER, *[m.header(n)[0] for n in (21, 20)], version=20))
    kmip = Client(stream)
    assert kmip.agree() == kmip.version == 21 and kmip.round_trips == 2
    assert [fields(sent)[1][0][2][0][2] for sent in stream.requests] == [1, 2]
    for versions, answers in (((14, 11), 1), ((21, 14), 2)):
        kmip = Client(Stream(*[misread] * answers), 13)
        assert raises(KmipError, kmip.agree, versions).reason == 4
        assert kmip.version == 13 and kmip.round_trips == answers


def test_a_length_of_a_wrong_type_at_the_buffers_end():
    fields = m.key_block(KEY, bits=None) + [m.ttlv(0x42002A, m.TEXT, "")]
    answer = m.success(m.GET, *m.get_payload(2, [m.ttlv(0x420040, m.STRUCTURE, fields)]))
    stream = Stream(answer)
    raises(TTLVError, Client(stream, buf=len(answer)).get, "id-1")
    assert stream.closed


def test_wait_asks_less_and_less_often():
    waiting = m.message(m.item(0x1A, None, status=m.PENDING, correlation=b"c"))
    naps = []
    sleep = client.sleep
    client.sleep = naps.append
    try:
        kmip = Client(Stream(waiting, waiting, waiting, m.success(m.CERTIFY, m.uid("c1"))))
        assert kmip.wait(b"c", "certify") == "c1" and naps == [1, 2, 4, 8]
        naps[:] = []
        kmip = Client(Stream(*[waiting] * 6))
        assert raises(KmipPending, kmip.wait, b"c", "certify", 20, longest=6).correlation == b"c"
        assert naps == [1, 2, 4, 6, 6, 1]
        naps[:] = []
        kmip = Client(Stream(*[waiting] * 6))
        assert raises(KmipPending, kmip.wait, b"c", "certify", 5, first=0).correlation == b"c"
        assert naps == [0, 1, 2, 2]
    finally:
        client.sleep = sleep
    kmip = Client(Stream(m.message(m.failure(m.CERTIFY, 7))))
    assert raises(KmipError, kmip.wait, b"c", "certify", first=0.001).reason == 7


# ---- asynchronous answers ----


def test_pending_and_poll():
    pending = m.item(m.CERTIFY, None, status=m.PENDING, correlation=b"corr")
    answers = (
        m.message(pending),
        m.message(pending),
        m.message(m.item(0x1A, None, status=m.PENDING, correlation=b"corr")),
        m.success(m.CERTIFY, m.uid("c1")),
        m.message(m.failure(m.CERTIFY, 7)),
    )
    stream = Stream(*answers)
    kmip = Client(stream)
    Header(kmip).asynchronous = True
    assert raises(KmipPending, kmip.certify, "pk", CSR).correlation == b"corr"
    assert (0x420007, 6, True) in fields(stream.requests[0])[1]
    for _ in range(2):
        assert raises(KmipPending, kmip.poll, b"corr", "certify").correlation == b"corr"
    assert kmip.poll(b"corr", "certify") == "c1"
    assert fields(stream.requests[3])[0][0] == [(0x42005C, 5, 0x1A), (0x420079, 1, [(0x420006, 8, b"corr")])]
    assert raises(KmipError, kmip.poll, b"corr", "certify").reason == 7
    assert not stream.closed and blank(kmip)
    broken(lambda kmip: kmip.poll(b"corr", "certify"), TTLVError, Stream(KEY_ANSWER))


# ---- batches ----


def three(kmip, check=True):
    batch = kmip.batch()
    batch.register(3, b"spki")
    batch.certify(csr=CSR)
    batch.get()
    return batch.send(check)


REGISTERED = m.item(m.REGISTER, [m.uid("pk")], 1)
CERTIFIED = m.item(m.CERTIFY, [m.uid("c1")], 2)
FETCHED = m.item(m.GET, m.got_certificate(DER), 3)


def test_batch():
    stream = Stream(m.message(REGISTERED, CERTIFIED, FETCHED))
    kmip = Client(stream)
    public, certificate, fetched = three(kmip)
    assert (public, certificate, fetched.value) == ("pk", "c1", DER)
    assert blank(kmip) and kmip.round_trips == 1
    items, head = fields(stream.requests[0])
    assert head[2:] == [(0x420010, 6, True), (0x42000D, 2, 3)]
    assert [item[0][2] for item in items] == [m.REGISTER, m.CERTIFY, m.GET]
    assert [item[1][2] for item in items] == [b"\1", b"\2", b"\3"]
    assert items[2][2] == (0x420079, 1, [])  # of the ID Placeholder


def test_what_was_pending_goes_into_the_callers_buffer():
    key = m.success(m.GET, *m.got_key(value=b"k" * 16))
    waiting = m.message(m.item(0x1A, None, status=m.PENDING, correlation=b"c"))
    for ask in (lambda kmip, room: kmip.poll(b"c", "get", into=room),
                lambda kmip, room: kmip.wait(b"c", "get", first=0.001, into=room)):
        room = bytearray(16)
        kmip = Client(Stream(key))
        assert ask(kmip, room).value is None and room == b"k" * 16
        raises(KmipPending, Client(Stream(waiting)).poll, b"c", "get", into=room)


def test_what_is_no_single_item_is_not_in_a_batch():
    batch = Client(Stream()).batch()
    for name in ("poll", "agree", "wait"):
        assert "batch" in str(raises(AttributeError, getattr, batch, name))


def test_batch_stops_at_a_failure():
    refused = m.failure(m.CERTIFY, 0x0C, "no", its=2)
    after = m.failure(m.GET, 1, "nothing there", its=3)
    undone = m.item(m.GET, None, 3, m.UNDONE)
    for rest in ((), (after,), (undone,)):
        stream = Stream(m.message(REGISTERED, refused, *rest), m.message(REGISTERED, refused, *rest))
        kmip = Client(stream)
        error = raises(KmipError, three, kmip)
        assert (error.operation, error.reason) == (m.CERTIFY, 0x0C)
        results = three(kmip, False)
        for found in (error.results, results):
            assert found[0] == "pk" and found[1].reason == 0x0C
            assert (found[2] is None) == (not rest)
        assert not stream.closed and blank(kmip)


def test_batch_refused_as_a_whole():
    # One item for the whole message, without operation or ID: it could not be parsed, or is too large.
    stream = Stream(m.message(m.failure(None, 2, "too large")), m.message(m.failure(None, 2, "too large")))
    kmip = Client(stream)
    assert raises(KmipError, three, kmip).reason == 2
    results = three(kmip, False)
    assert results[0].reason == 2 and results[1:] == [None, None]
    assert not stream.closed


def test_batch_goes_on_behind_a_pending_item():
    pending = m.item(m.CERTIFY, None, 2, m.PENDING, correlation=b"corr")
    for rest in ((), (m.failure(m.GET, 1, its=3),), (FETCHED,)):
        kmip = Client(Stream(m.message(REGISTERED, pending, *rest)))
        results = three(kmip, False)
        assert results[0] == "pk" and results[1].correlation == b"corr"
        assert (results[2] is None) == (not rest)


def test_batch_answers_that_do_not_fit():
    for data in (
        m.message(REGISTERED, CERTIFIED),  # fewer, and no failure
        m.message(REGISTERED),
        m.message(REGISTERED, CERTIFIED, count=3),
        m.message(REGISTERED, CERTIFIED, FETCHED, m.item(m.GET, m.got_certificate(DER), 4)),
        m.message(REGISTERED, CERTIFIED, FETCHED, count=2),
        m.message(CERTIFIED, REGISTERED, FETCHED),  # out of order
        m.message(REGISTERED, FETCHED, CERTIFIED),
        m.message(REGISTERED, m.item(m.CERTIFY, [m.uid()], 3), FETCHED),  # wrong IDs
        m.message(REGISTERED, m.item(m.CERTIFY, [m.uid()], b"\0\2"), FETCHED),
        m.message(m.item(m.REGISTER, [m.uid()], 2), CERTIFIED, FETCHED),
        m.message(REGISTERED, m.item(m.CERTIFY, [m.uid()]), FETCHED),  # no ID
        m.message(REGISTERED, m.item(m.RECERTIFY, [m.uid()], 2), FETCHED),  # another operation
        m.message(REGISTERED, CERTIFIED, m.item(m.GET, [m.uid()], 3)),  # no object in it
        m.message(REGISTERED, CERTIFIED, FETCHED, version=11),
    ):
        broken(three, TTLVError, Stream(data))


def test_batch_goes_on_behind_an_object():
    key = m.got_key(value=key_value_of(KEY), format=7)
    for payload, value in ((key, KEY), (m.got_certificate(DER), DER)):
        kmip = Client(Stream(m.message(m.item(m.GET, payload, 1), m.item(m.GET, payload, 2))))
        batch = kmip.batch()
        batch.get("id-1")
        batch.get("id-1")
        assert [found.value for found in batch.send()] == [value, value]


def key_value_of(key):
    material = m.ttlv(0x420043, m.STRUCTURE, [m.ttlv(0x42003F, m.BYTES, key)])
    return m.ttlv(0x420045, m.STRUCTURE, [material])


def test_batch_into_a_buffer():
    kmip = Client(Stream(m.message(m.item(m.USAGE, [m.uid()], 1), m.item(m.GET, m.got_key(value=KEY), 2))))
    room = bytearray(20)
    batch = kmip.batch()
    batch.get_usage_allocation("id-1", 500)
    batch.get("id-1", into=room)
    _, found = batch.send()
    assert found.value is None and room[:16] == KEY and blank(kmip)


def test_batch_of_many():
    count = 40
    items = [m.item(m.USAGE, [m.uid("key-%d" % n)], n + 1) for n in range(count)]
    kmip = Client(Stream(m.message(*items)), buf=8192)
    batch = kmip.batch()
    for number in range(count):
        batch.get_usage_allocation("key-%d" % number, 1)
    assert batch.send() == ["key-%d" % number for number in range(count)]


# ---- mutated answers, through the whole client ----


def test_mutated_answers_close_or_count():
    random = m.Random(3)
    counts = {}
    for call, data, _ in EXCHANGES:
        for _ in range(1200):
            mutated = bytearray(data)
            for _ in range(1 + random.below(2)):
                mutated[random.below(len(data) if random.below(3) else 16)] ^= 1 << random.below(8)
            stream = Stream(bytes(mutated))
            kmip = Client(stream)
            try:
                call(kmip)
                name = "accepted"
            except KmipError:
                name = "KmipError"
            except TTLVError:
                name = "TTLVError"
            except OSError as error:  # it says that it is longer than it is
                assert error.errno == ECONNRESET
                name = "OSError"
            assert blank(kmip)
            assert stream.closed == (name in ("TTLVError", "OSError")), name
            counts[name] = counts.get(name, 0) + 1
    assert counts["accepted"] > 50 and counts["TTLVError"] > 50 and counts["OSError"] > 5, counts
