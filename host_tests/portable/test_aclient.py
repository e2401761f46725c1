"""AsyncClient and AsyncBatch over a stream in memory: as the blocking client, and what waiting adds."""

import asyncio
import gc
import time
from errno import EALREADY, ECONNRESET, EIO, ENOTCONN, ETIMEDOUT

import messages as m
from check import raises

from kmip_lite import aclient
from kmip_lite.aclient import AsyncClient
from kmip_lite.client import Client
from kmip_lite.header import Header
from kmip_lite.message import KmipError, KmipPending
from kmip_lite.tls import TLSError
from kmip_lite.ttlv import TTLVError

KEY = b"0123456789abcdef"
KEY_ANSWER = m.success(m.GET, *m.got_key(value=KEY))
DER = b"0\x82" + b"c" * 300
CSR = b"0\x03\x02\x01\x00"
RENEWAL_ANSWER = m.message(
    m.item(m.RECERTIFY, [m.uid("cert-2")], 1), m.item(m.GET, m.got_certificate(DER, name="cert-2"), 2)
)


class Stream(aclient.Stream):
    """The stream in memory of messages.py, with a pause before each call.

    `hang`: the number of the call that never comes to an end; `drip`: seconds before each read.
    """

    def __init__(self, *answers, timeout=10, hang=None, drip=0, **how):
        super().__init__(None, None, timeout)
        self.memory = m.Stream(*answers, **how)
        self._hang = hang
        self._drip = drip

    async def _pause(self):
        if self.memory.calls == self._hang:
            await asyncio.sleep(60)
        await asyncio.sleep(self._drip)

    async def write(self, buf):
        at = 0
        while at < len(buf):
            await self._pause()
            at += self.memory.write(buf[at:])
        return at

    async def readinto(self, buf):
        await self._pause()
        return self.memory.readinto(buf)

    def close(self):
        self.memory.close()


def run(coroutine):
    """The coroutine's value, on a loop of its own."""
    if hasattr(asyncio, "Runner"):
        return asyncio.run(coroutine)
    asyncio.new_event_loop()
    return asyncio.run(coroutine)


async def get_key(kmip):
    return (await kmip.get("id-1")).value


async def renew(kmip):
    batch = kmip.batch()
    batch.recertify("cert-1", csr=CSR, offset=0)
    batch.get()
    name, certificate = await batch.send()
    return name, certificate.value


def renew_blocking(kmip):
    batch = kmip.batch()
    batch.recertify("cert-1", csr=CSR, offset=0)
    batch.get()
    batch.send()


EXCHANGES = (
    (get_key, KEY_ANSWER, KEY),
    (renew, RENEWAL_ANSWER, ("cert-2", DER)),
)


def blank(kmip):
    return not any(kmip.buf)


def failed(kind, coroutine):
    """The exception of exactly this kind or a subclass that the coroutine ends with."""
    return raises(kind, run, coroutine)


def test_the_wire_is_that_of_the_blocking_client():
    for call, blocking, data in (
        (get_key, lambda kmip: kmip.get("id-1"), KEY_ANSWER),
        (renew, renew_blocking, RENEWAL_ANSWER),
    ):
        for version in (10, 14):
            answer = data.replace(
                b"\x42\x00\x6b\2\0\0\0\4\0\0\0\2", b"\x42\x00\x6b\2\0\0\0\4\0\0\0" + bytes([version - 10])
            )
            expected = m.Stream(answer)
            blocking(Client(expected, version))
            stream = Stream(answer)
            run(call(AsyncClient(stream, version)))
            assert stream.memory.sent == expected.sent


def test_streams_that_read_and_write_in_pieces():
    for call, data, wanted in EXCHANGES:
        for read in (0, 1, 3, 8, 9):
            for write in (0, 7):
                stream = Stream(data, data, read=read, write=write)
                kmip = AsyncClient(stream)
                for number in (1, 2):
                    assert run(call(kmip)) == wanted
                    assert blank(kmip)
                    assert kmip.round_trips == len(stream.memory.requests) == number
                    assert kmip.sent == len(stream.memory.sent)
                    assert kmip.received == number * len(data)
                assert not stream.memory.closed
                kmip.close()
                assert stream.memory.closed == 1


def broken(call, kind, stream):
    """The exception of an exchange after which the client has let go of its stream."""
    kmip = AsyncClient(stream)
    error = failed(kind, call(kmip))
    assert stream.memory.closed == 1
    assert blank(kmip)
    calls = stream.memory.calls
    assert failed(OSError, call(kmip)).errno == ENOTCONN
    assert stream.memory.calls == calls and stream.memory.closed == 1
    kmip.close()
    assert stream.memory.closed == 1
    return error


def test_an_end_after_every_byte():
    for call, data, _ in EXCHANGES:
        for size in range(len(data)):
            error = broken(call, OSError, Stream(data[:size], read=1 + size % 9))
            assert error.errno == ECONNRESET


def count_calls(call, data, **how):
    stream = Stream(data, **how)
    run(call(AsyncClient(stream)))
    return stream.memory.calls


def test_a_failure_at_every_call():
    pieces = {"read": 50, "write": 60}
    for call, data, _ in EXCHANGES:
        calls = count_calls(call, data, **pieces)
        assert calls >= 4
        for at in range(calls):
            for how, kind, number in (
                (OSError(ECONNRESET, ""), OSError, ECONNRESET),
                (OSError(EIO, ""), OSError, EIO),
                (OSError(ETIMEDOUT, ""), OSError, ETIMEDOUT),
                (OSError(-ETIMEDOUT), OSError, ETIMEDOUT),
                (ValueError("the certificate has expired"), TLSError, 0),
                (OSError(-0x7280, "connection ended"), TLSError, -0x7280),
            ):
                error = broken(call, kind, Stream(data, fail=at, how=how, **pieces))
                assert error.errno == number and not getattr(error, "refused", False), (at, how, error)
            error = broken(call, TLSError, Stream(data, fail=at, how=OSError(-30592, "alert"), **pieces))
            assert error.refused
            broken(call, MemoryError, Stream(data, fail=at, how=MemoryError(), **pieces))


def test_not_an_answer():
    for data in (
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        KEY_ANSWER[:4] + b"\0\1\0\0" + KEY_ANSWER[8:],
        KEY_ANSWER[:-8] + b"\xff" * 8,
        m.success(m.CERTIFY, m.uid()),
        m.success(m.GET, *m.got_key(value=KEY), version=13),
        m.message(m.item(m.GET, m.got_key(value=KEY)), count=2),
    ):
        broken(get_key, TTLVError, Stream(data))
    for data in (
        m.message(m.item(m.RECERTIFY, [m.uid("cert-2")], 1)),
        m.message(m.item(m.GET, m.got_certificate(DER), 1), m.item(m.RECERTIFY, [m.uid()], 2)),
        RENEWAL_ANSWER[:-8] + b"\xff" * 8,
    ):
        broken(renew, TTLVError, Stream(data))


# ---- time ----


def test_a_call_that_hangs_is_given_up():
    pieces = {"read": 50, "write": 60}
    for call, data, _ in EXCHANGES:
        for at in range(count_calls(call, data, **pieces)):
            start = time.ticks_ms()
            error = broken(call, OSError, Stream(data, timeout=0.02, hang=at, **pieces))
            assert error.errno == ETIMEDOUT and "in time" in str(error)
            assert 10 <= time.ticks_diff(time.ticks_ms(), start) < 20000  # it would hang for a minute


def test_drops_do_not_outlast_the_time_out():
    # Each is there in good time; the whole answer is not.
    start = time.ticks_ms()
    stream = Stream(KEY_ANSWER, timeout=0.4, drip=0.05, read=1)
    assert broken(get_key, OSError, stream).errno == ETIMEDOUT
    assert 390 <= time.ticks_diff(time.ticks_ms(), start) < 5000
    assert 1 < stream.memory.calls < 20


def test_the_time_out_begins_again_with_each_exchange():
    async def often(kmip):
        for _ in range(8):
            assert await get_key(kmip) == KEY

    stream = Stream(*[KEY_ANSWER] * 8, timeout=1.5, drip=0.08)  # an exchange takes a sixth of it
    start = time.ticks_ms()
    run(often(AsyncClient(stream)))
    assert time.ticks_diff(time.ticks_ms(), start) > 1500


def test_others_run_meanwhile():
    async def both():
        ticks = [0]

        async def tick():
            while True:
                ticks[0] += 1
                await asyncio.sleep(0.005)

        ticking = asyncio.create_task(tick())
        await get_key(AsyncClient(Stream(KEY_ANSWER, drip=0.2)))
        ticking.cancel()
        return ticks[0]

    assert run(both()) > 10


# ---- cancellation ----


async def steps(count):
    for _ in range(count):
        await asyncio.sleep(0)


async def cancelled_after(rounds, call, stream):
    """Cancel a call after so many rounds of the loop; whether it was done by then, and the client."""
    kmip = AsyncClient(stream)
    task = asyncio.create_task(call(kmip))
    await steps(rounds)
    task.cancel()
    try:
        await task
        done = True  # CPython 3.11 also lets a call end whose answer is there, but not delivered
    except asyncio.CancelledError:
        done = False
    return done, kmip


def test_cancelled_at_every_round_of_the_loop():
    for call, data, wanted in EXCHANGES:
        rounds = 0
        ended = 0
        while ended < 3:
            stream = Stream(data, data, read=20, write=30)
            done, kmip = run(cancelled_after(rounds, call, stream))
            assert blank(kmip)
            if done:
                ended += 1
                assert not stream.memory.closed and len(stream.memory.requests) == 1
                assert run(call(kmip)) == wanted
            elif not stream.memory.calls:  # not begun: nothing is amiss, on the wire or here
                assert stream.memory.closed <= 1
            else:
                assert stream.memory.closed == 1
                assert failed(OSError, call(kmip)).errno == ENOTCONN
            rounds += 1
        assert rounds > 15


def test_cancelled_by_a_time_out_of_the_callers():
    async def impatient(kmip):
        try:
            await asyncio.wait_for(kmip.get("id-1"), 0.02)
        except asyncio.TimeoutError:
            return True

    for at in (0, 1, 2):
        stream = Stream(KEY_ANSWER, hang=at)
        kmip = AsyncClient(stream)
        assert run(impatient(kmip))
        assert stream.memory.closed == 1 and blank(kmip)


def test_a_verb_that_is_not_awaited_does_nothing():
    stream = Stream(KEY_ANSWER)
    kmip = AsyncClient(stream)
    pending = kmip.get("id-1")
    assert not stream.memory.calls and blank(kmip)
    pending.close()
    assert run(get_key(kmip)) == KEY


# ---- one exchange at a time ----


def test_two_tasks_with_one_client():
    async def both():
        stream = Stream(KEY_ANSWER, KEY_ANSWER, drip=0.02, read=30)
        kmip = AsyncClient(stream)
        first = asyncio.create_task(get_key(kmip))
        await asyncio.sleep(0.01)
        for other in (get_key(kmip), renew(kmip), kmip.agree(), kmip.poll(b"c", "certify")):
            try:
                await other
                raise AssertionError("two at a time")
            except OSError as error:
                assert error.errno == EALREADY
        assert await first == KEY
        assert len(stream.memory.requests) == 1 and not stream.memory.closed and blank(kmip)
        assert await get_key(kmip) == KEY

    run(both())


def test_closed_by_another_task():
    async def both():
        stream = Stream(KEY_ANSWER, drip=0.02, read=30)
        kmip = AsyncClient(stream)
        first = asyncio.create_task(get_key(kmip))
        await asyncio.sleep(0.01)
        kmip.close()
        try:
            await first
        except RuntimeError:  # of the stream in memory, which tells what it is asked after close()
            assert stream.memory.closed == 1 and blank(kmip)
            return True

    assert run(both())


def test_a_batch_and_other_calls_between():
    async def between():
        stream = Stream(KEY_ANSWER, RENEWAL_ANSWER)
        kmip = AsyncClient(stream)
        batch = kmip.batch()
        batch.recertify("cert-1", csr=CSR, offset=0)
        assert await get_key(kmip) == KEY
        batch.get()
        assert (await batch.send())[0] == "cert-2"

    run(between())


# ---- what the client does besides ----


def test_a_refusal_keeps_the_connection():
    stream = Stream(m.message(m.failure(m.GET, 0x0C, "not yours")), KEY_ANSWER)
    kmip = AsyncClient(stream)
    error = failed(KmipError, get_key(kmip))
    assert (error.operation, error.reason) == (m.GET, 0x0C)
    assert blank(kmip) and not stream.memory.closed
    assert run(get_key(kmip)) == KEY


def test_a_request_that_cannot_be_sent():
    async def verb(kmip, *args, **kwargs):
        await kmip.get(*args, **kwargs)

    async def batch(kmip, *args):
        made = kmip.batch()
        if args:
            made.get(*args)
        await made.send()

    stream = Stream(KEY_ANSWER)
    kmip = AsyncClient(stream, buf=320)
    failed(TTLVError, verb(kmip, "x" * 400))
    failed(TypeError, verb(kmip, "x", nonsense=1))
    failed(TTLVError, batch(kmip, "x" * 400))
    failed(TTLVError, batch(kmip))
    assert blank(kmip) and not stream.memory.calls
    assert run(get_key(kmip)) == KEY


def test_operations_that_are_not_there():
    kmip = AsyncClient(Stream())
    assert "not on this board" in str(raises(AttributeError, lambda: kmip.teleport))
    raises(AttributeError, lambda: kmip._private)
    raises(AttributeError, lambda: kmip.batch().teleport)


def test_agree():
    def versions(*numbers):
        return m.success(m.DISCOVER, *[m.header(number)[0] for number in numbers], version=11)

    for answer, wanted in (
        (versions(14, 13, 12, 11, 10), 14),
        (versions(21, 20, 11), 21),
        (m.message(m.failure(m.DISCOVER, 5)), 10),
    ):
        kmip = AsyncClient(Stream(answer))
        assert run(kmip.agree()) == kmip.version == wanted
    kmip = AsyncClient(Stream(versions(22)), 13)
    failed(TTLVError, kmip.agree())
    assert kmip.version == 13
    failed(OSError, get_key(kmip))
    error = failed(KmipError, AsyncClient(Stream(m.message(m.failure(m.DISCOVER, 12)))).agree())
    assert error.reason == 12


def test_pending_and_poll():
    pending = m.message(m.item(m.CERTIFY, None, status=m.PENDING, correlation=b"corr"))
    stream = Stream(pending, pending, m.success(m.CERTIFY, m.uid("c1")))
    kmip = AsyncClient(stream)
    Header(kmip).asynchronous = True
    assert failed(KmipPending, kmip.certify("pk", CSR)).correlation == b"corr"
    assert failed(KmipPending, kmip.poll(b"corr", "certify")).correlation == b"corr"
    assert run(kmip.poll(b"corr", "certify")) == "c1"
    assert not stream.memory.closed


def test_wait():
    waiting = m.message(m.item(0x1A, None, status=m.PENDING, correlation=b"c"))
    kmip = AsyncClient(Stream(waiting, waiting, m.success(m.CERTIFY, m.uid("c1"))))
    assert run(kmip.wait(b"c", "certify", first=0.001)) == "c1" and kmip.round_trips == 3
    kmip = AsyncClient(Stream(waiting, waiting))
    assert failed(KmipPending, kmip.wait(b"c", "certify", 0.02, first=0.01)).correlation == b"c"
    assert failed(KmipError, AsyncClient(Stream(m.message(m.failure(m.CERTIFY, 7)))).wait(
        b"c", "certify", first=0.001)).reason == 7

    # Cancelled while it waits: nothing was sent, so the connection is as it was.
    async def cancelled(kmip):
        task = asyncio.create_task(kmip.wait(b"c", "certify", first=5))
        await asyncio.sleep(0.01)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            return await kmip.get("id-1")

    kmip = AsyncClient(Stream(KEY_ANSWER))
    assert run(cancelled(kmip)).value == KEY and kmip.round_trips == 1


def test_batch_stops_at_a_failure():
    async def three(kmip, check):
        batch = kmip.batch()
        batch.register(3, b"spki")
        batch.certify(csr=CSR)
        batch.get()
        return await batch.send(check)

    answer = m.message(m.item(m.REGISTER, [m.uid("pk")], 1), m.failure(m.CERTIFY, 0x0C, "no", its=2))
    stream = Stream(answer, answer)
    kmip = AsyncClient(stream)
    error = failed(KmipError, three(kmip, True))
    assert error.reason == 0x0C and error.results[0] == "pk"
    results = run(three(kmip, False))
    assert results[0] == "pk" and results[1].reason == 0x0C and results[2] is None
    assert not stream.memory.closed and blank(kmip)


def test_a_secret_goes_into_the_callers_buffer():
    room = bytearray(16)

    async def alone(kmip):
        return await kmip.get("id-1", into=room)

    async def batched(kmip):
        batch = kmip.batch()
        batch.get("id-1", into=room)
        return (await batch.send())[0]

    for call, data in ((alone, KEY_ANSWER), (batched, m.message(m.item(m.GET, m.got_key(value=KEY), 1)))):
        room[:] = bytes(16)
        found = run(call(AsyncClient(Stream(data))))
        assert found.value is None and room == KEY


def test_with_closes():
    async def inside(stream, fail):
        async with AsyncClient(stream) as kmip:
            if fail:
                raise ValueError
            return await get_key(kmip)

    stream = Stream(KEY_ANSWER)
    assert run(inside(stream, False)) == KEY and stream.memory.closed == 1
    stream = Stream()
    failed(ValueError, inside(stream, True))
    assert stream.memory.closed == 1


def test_exchanges_leave_nothing_behind():
    if not hasattr(gc, "mem_alloc"):
        return

    async def many(count):
        for _ in range(count):
            stream = Stream(KEY_ANSWER)
            async with AsyncClient(stream, buf=512) as kmip:
                await get_key(kmip)
            stream = Stream(KEY_ANSWER, hang=1)
            await cancelled_after(5, get_key, stream)
            del stream, kmip
        gc.collect()
        return gc.mem_alloc()

    async def measure():
        await many(3)
        return await many(3) - await many(60)

    assert abs(run(measure())) < 400
