"""The HTTPS binding over a stream in memory: heads, lengths and chunks, whole, in pieces, and false."""

import asyncio
import gc
import sys
from errno import ECONNRESET, EINVAL, EIO, ENOTCONN, ETIMEDOUT

import messages as m
import micropython
from check import Skip, raises

from kmip_lite import https
from kmip_lite.aclient import AsyncClient
from kmip_lite.ahttps import AsyncStream
from kmip_lite.client import Client
from kmip_lite.message import KmipError
from kmip_lite.ttlv import TTLVError

KEY = b"0123456789abcdef"
ANSWER = m.success(m.GET, *m.got_key(value=KEY))
TYPE = b"Content-Type: application/octet-stream\r\n"


def answered(body=ANSWER, fields=TYPE, status=b"HTTP/1.1 200 OK", length=None):
    if length is None:
        length = len(body)
    return status + b"\r\n" + fields + b"Content-Length: %d\r\n\r\n" % length + body


def chunk(data, extension=b""):
    return b"%x" % len(data) + extension + b"\r\n" + data + b"\r\n"


def chunked(*chunks, end=b"0\r\n\r\n"):
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"".join(chunks) + end


def pieces(data, size):
    return [chunk(data[at : at + size]) for at in range(0, len(data), size)]


class Raw:
    """What lies under HTTP: takes whole requests, and gives an answer to each.

    `read`, `write`: the most that one call takes, 0 for all. `fail`: the number of the call that gives
    `how`, an exception to raise or a value.
    """

    def __init__(self, *answers, read=0, write=0, fail=None, how=None):
        self.answers = list(answers)
        self.sent = b""
        self.requests = []  # (head, body)
        self.calls = self.closed = self.writes = 0
        self._into = b""
        self._at = 0
        self._read = read
        self._write = write
        self._fail = fail
        self._how = how

    def _failed(self):
        if self.closed:
            raise RuntimeError("used after close()")
        self.calls += 1
        if self.calls - 1 == self._fail and isinstance(self._how, Exception):
            raise self._how
        return self.calls - 1 == self._fail

    def write(self, data):
        if self._failed():
            return self._how
        self.writes += 1
        data = bytes(data[: self._write or len(data)])
        self.sent += data
        at = self.sent.find(b"\r\n\r\n") + 4
        if at > 3:
            head = self.sent[:at]
            size = int(head[head.find(b"Content-Length:") + 15 : at - 4])
            if len(self.sent) >= at + size:
                self.requests.append((head, self.sent[at : at + size]))
                self.sent = self.sent[at + size :]
                if self.answers:
                    self._into = self.rest() + self.answers.pop(0)
                    self._at = 0
        return len(data)

    def readinto(self, buf):
        if self._failed():
            return self._how
        count = min(len(buf), len(self._into) - self._at, self._read or len(buf))
        buf[:count] = self._into[self._at : self._at + count]
        self._at += count
        return count

    def rest(self):
        """What is not read yet."""
        return self._into[self._at :]

    def close(self):
        self.closed += 1


def client(raw, **how):
    return Client(https.Stream(raw, "kmip.example", **how))


def get_key(kmip):
    return kmip.get("id-1").value


def test_what_is_sent():
    raw = Raw(answered())
    kmip = client(raw, path="/a/kmip?x=1")
    assert get_key(kmip) == KEY
    head, body = raw.requests[0]
    assert head == (
        b"POST /a/kmip?x=1 HTTP/1.1\r\nHost: kmip.example\r\nContent-Type: application/octet-stream\r\n"
        b"Cache-Control: no-cache\r\nContent-Length: %8d\r\n\r\n" % len(body)
    )
    plain = m.Stream(ANSWER)
    get_key(Client(plain))
    assert body == plain.sent and raw.sent == b""
    kmip.close()
    assert raw.closed == 1


GOOD = (
    answered(),
    answered(status=b"HTTP/1.1 200"),
    answered(status=b"HTTP/1.1 200 "),
    answered(status=b"HTTP/1.1 200 " + b"x" * 200),
    answered(fields=b"CONTENT-TYPE:x\r\nX:" + b"y" * 3000 + b"\r\nServer:\r\n"),
    answered(fields=b"Connection: keep-alive\r\nDate: Thu, 26 Nov 2026 20:00:00 GMT\r\n"),
    answered().replace(b"Content-Length: ", b"content-length:\t 000"),
    answered().replace(b"\r\n\r\n", b" \t\r\n\r\n"),
    b"HTTP/1.1 100 Continue\r\n\r\n" + answered(),
    b"HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\nConnection: close\r\n\r\n" * 3 + answered(),
    chunked(chunk(ANSWER)),
    chunked(*pieces(ANSWER, 1)),
    chunked(*pieces(ANSWER, 3)),
    chunked(*pieces(ANSWER, 8)),
    chunked(*pieces(ANSWER, 100)),
    chunked(chunk(ANSWER, b" ;a=b"), end=b"000;x=\"" + b"y" * 100 + b"\"\r\nX-Sum: 1\r\nY:\r\n\r\n"),
    chunked(chunk(ANSWER[:12])[:-2].replace(b"c\r\n", b"0000C\r\n", 1) + b"\r\n", *pieces(ANSWER[12:], 64)),
    chunked(chunk(ANSWER)).replace(b"chunked", b"  Chunked "),
)


def test_answers_that_are_right():
    for data in GOOD:
        for read in (0, 1, 3, 7):
            for write in (0, 1, 5, 64):
                raw = Raw(data, data, read=read, write=write)
                kmip = client(raw)
                for number in (1, 2):
                    assert get_key(kmip) == KEY, data
                    assert len(raw.requests) == kmip.round_trips == number
                    assert raw.rest() == b"", data  # read to its end
                assert raw.requests[0] == raw.requests[1]
                assert not raw.closed


def test_a_large_answer():
    der = b"c" * 70000
    body = m.success(m.GET, *m.got_certificate(der))
    for data in (answered(body), chunked(*pieces(body, 0x4000))):
        kmip = Client(https.Stream(Raw(data, read=5000), "h"), buf=len(body))
        assert kmip.get("id-1").value == der


def test_a_refusal_is_a_kmip_answer():
    raw = Raw(answered(m.message(m.failure(m.GET))), answered())
    kmip = client(raw)
    raises(KmipError, get_key, kmip)
    assert get_key(kmip) == KEY


def failed(data, number=EIO, **how):
    raw = Raw(data, **how)
    kmip = client(raw)
    error = raises(OSError, get_key, kmip)
    assert error.errno == number, (data, error)
    assert raw.closed == 1 and not any(kmip.buf)
    assert raises(OSError, get_key, kmip).errno == ENOTCONN
    return str(error)


def test_other_statuses():
    location = b"Location: https://other.example/\r\n"
    for status in (b"404 Not Found", b"301 Moved", b"101 Switching", b"500", b"204 Empty", b"099 x"):
        text = failed(answered(status=b"HTTP/1.1 " + status, fields=location))
        assert "status %d" % int(status[:3]) in text


LIES = (
    b"HTTP/2.0 200 OK\r\n\r\n",
    b"HTTP/1.x 200 OK\r\n\r\n",
    b"HTTP/1.1x200 OK\r\n\r\n",
    b"HTTP/1.1 2000 OK\r\n\r\n",
    b"HTTP/1.1 20x OK\r\n\r\n",
    b"HTTP/1.1\r\n\r\n",
    b"\r\n" + answered(),
    ANSWER,
    b"\n",
    answered().replace(b"\r\n", b"\n"),
    answered(fields=b"X: a\rb\r\n"),
    answered(fields=b"X: a\r\r\n"),
    answered(fields=b"no colon\r\n"),
    answered(fields=b"nocolon\r\n"),
    answered(fields=b": no name\r\n"),
    answered(fields=b"X : a\r\n"),
    answered(fields=b"X: a\r\n folded: b\r\n"),
    answered(fields=b"\x00X: a\r\n"),
    answered(fields=b"X\xff: a\r\n"),
    answered(fields=b"X: " + b"y" * 4096 + b"\r\n"),
    answered(fields=b"X: y\r\n" * 700),
    b"HTTP/1.1 100 Continue\r\n\r\n" * 170 + answered(),
    # lengths
    b"HTTP/1.1 200 OK\r\n\r\n" + ANSWER,
    answered(fields=b"Content-Length: %d\r\n" % len(ANSWER)),
    answered(fields=b"Transfer-Encoding: chunked\r\n"),
    answered(length=len(ANSWER) - 8),
    answered(length=len(ANSWER) + 8),
    answered(length=0),
    answered(length=7),
    answered(length=1 << 24),
    answered(length=1 << 31),
    answered(length=1 << 64),
    answered().replace(b"Length: ", b"Length: -"),
    answered().replace(b"Length: ", b"Length: +"),
    answered().replace(b"Length: ", b"Length: 0x"),
    answered().replace(b"Length: ", b"Length: 1, "),
    answered().replace(b"Length: ", b"Length: 1 "),
    answered().replace(b"Length: ", b"Length: " + b"0" * 40),
    answered().replace(b"Length: ", b"Length: " + b" " * 40),
    b"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n",
    # encodings
    chunked(chunk(ANSWER)).replace(b"chunked", b"gzip"),
    chunked(chunk(ANSWER)).replace(b"chunked", b"gzip, chunked"),
    chunked(chunk(ANSWER)).replace(b"chunked", b"chunked, chunked"),
    chunked(chunk(ANSWER)).replace(b"chunked", b"chunked\r\nTransfer-Encoding: chunked"),
    chunked(chunk(ANSWER)).replace(b"chunked", b"chunked" + b" " * 40 + b"x"),
    # chunks
    chunked(chunk(ANSWER[:-8])),
    chunked(chunk(ANSWER + bytes(8))),
    chunked(chunk(ANSWER), chunk(bytes(8))),
    chunked(chunk(ANSWER), chunk(b"x")),
    chunked(end=b"0\r\n\r\n"),
    chunked(chunk(ANSWER[:4])),
    chunked(end=b"\r\n"),
    chunked(end=b"g\r\n"),
    chunked(end=b"-1\r\n"),
    chunked(end=b"8 8\r\n"),
    chunked(end=b"1000000\r\n"),
    chunked(end=b"FFFFFFFFFFFFFFFFF\r\n"),
    chunked(end=b"0" * 41 + b"\r\n"),
    chunked(end=b"8;" + b"x" * 5000),
    chunked(chunk(ANSWER)[:-2] + b"x\r\n"),
    chunked(chunk(ANSWER)[:-2] + b"x:y\r\n"),
    chunked(chunk(ANSWER)[:-2] + b"\n"),
    chunked(chunk(ANSWER), end=b"0\r\nno colon\r\n\r\n"),
    chunked(chunk(ANSWER), end=b"0\r\n" + b"X: y\r\n" * 700 + b"\r\n"),
)


def test_answers_that_are_wrong():
    for data in LIES:
        for read in (0, 1):
            text = failed(data, read=read)
            assert text.find("HTTP: ") >= 0, (data, text)


def test_a_messages_length_that_lies():
    for length in (b"\xff\xff\xff\xff", b"\x01\0\0\0", b"\0\xff\xff\xff", b"\0\0\0\0"):
        failed(answered(ANSWER[:4] + length + ANSWER[8:]))
        raw = Raw(chunked(chunk(ANSWER[:4] + length + ANSWER[8:])))
        raises((OSError, TTLVError), get_key, client(raw))
        assert raw.closed == 1
    big = m.success(m.GET, *m.got_certificate(b"c" * 3000))
    raw = Raw(answered(big))
    assert "longer than the buffer" in str(raises(TTLVError, get_key, client(raw)))
    assert raw.closed == 1
    raises(TTLVError, get_key, client(Raw(answered(bytes(8)))))


def test_answers_that_are_damaged():
    random = m.Random(7)
    for data in (answered(), chunked(*pieces(ANSWER, 60))):
        for _ in range(300):
            broken = bytearray(data)
            for _ in range(1 + random.below(3)):
                broken[random.below(len(broken) if random.below(2) else 90)] = random.below(256)
            raw = Raw(bytes(broken), read=random.below(9))
            try:
                get_key(client(raw))
            except (OSError, TTLVError):
                assert raw.closed == 1
            except KmipError:
                pass


def test_an_end_after_every_byte():
    for data in (answered(), chunked(*pieces(ANSWER, 50))):
        for size in range(len(data)):
            failed(data[:size], ECONNRESET)


def test_a_failure_at_every_call():
    for data in (answered(), chunked(*pieces(ANSWER, 90))):
        for how in ({}, {"read": 7, "write": 40}):
            raw = Raw(data, **how)
            get_key(client(raw))
            for at in range(0, raw.calls, 11):
                for fault, number in (
                    (OSError(ETIMEDOUT, ""), ETIMEDOUT),
                    (None, ETIMEDOUT),
                    (0, ECONNRESET),
                ):
                    failed(data, number, fail=at, how=fault, **how)


class Awaited:
    """What lies under HTTP under asyncio: a Raw with await, which writes all, as aclient.py's Stream does."""

    def __init__(self, raw):
        self.raw = raw

    async def within(self, steps):
        return await steps

    async def write(self, buf):
        at = 0
        while at < len(buf):
            at += self.raw.write(memoryview(buf)[at:])
            await asyncio.sleep(0)
        return at

    async def readinto(self, buf):
        return self.raw.readinto(buf)

    def close(self):
        self.raw.close()


async def keys(raw, count):
    """So many keys by an AsyncClient, an OSError in place of one that could not be had."""
    found = []
    async with AsyncClient(AsyncStream(Awaited(raw), "kmip.example")) as kmip:
        for _ in range(count):
            try:
                found.append((await kmip.get("id-1")).value)
            except (OSError, TTLVError) as error:
                found.append(error)
    return found


def test_the_same_under_asyncio():
    for data in GOOD:
        for how in ({}, {"read": 3, "write": 5}):
            raw = Raw(data, data, **how)
            assert asyncio.run(keys(raw, 2)) == [KEY, KEY], data
            assert raw.rest() == b"" and len(raw.requests) == 2 and raw.closed == 1
            blocking = Raw(data)
            get_key(client(blocking))
            assert raw.requests[0] == blocking.requests[0]
    for data in LIES:
        first, second = asyncio.run(keys(Raw(data), 2))
        assert first.errno == EIO and second.errno == ENOTCONN, data
    ended = Raw(answered(fields=b"Connection: close\r\n"), answered())
    first, second = asyncio.run(keys(ended, 2))
    assert first == KEY and second.errno == ENOTCONN and len(ended.requests) == 1
    first, _ = asyncio.run(keys(Raw(answered()[:-1]), 2))
    assert first.errno == ECONNRESET


def test_a_connection_that_ends():
    for data in (
        answered(fields=b"Connection: close\r\n"),
        answered(fields=b"CONNECTION:  x, Close\r\n"),
        answered(fields=b"Connection: " + b"x, " * 20 + b"keep-alive\r\n"),  # too long to be sure
        answered(status=b"HTTP/1.0 200 OK"),
    ):
        raw = Raw(data, answered())
        kmip = client(raw)
        assert get_key(kmip) == KEY
        calls = raw.calls
        assert raises(OSError, get_key, kmip).errno == ENOTCONN
        assert raw.calls == calls and raw.closed == 1


def test_requests_in_pieces():
    request = m.ttlv(0x420078, m.STRUCTURE, [m.ttlv(0x420077, m.BYTES, b"x" * 90)])
    for sizes, room in (
        ((1,), 8), ((3, 2), 0), ((7, 9), 20), ((8,), 256), ((200,), 8), ((200,), 50), ((50,), 256),
        ((1,), 106),
    ):
        raw = Raw(answered())
        stream = https.Stream(raw, "h", room=room)
        at = turn = 0
        while at < len(request):
            size = sizes[turn % len(sizes)]
            at += stream.write(request[at : at + size])
            turn += 1
        assert raw.requests[0][1] == request
        assert raises(OSError, stream.write, request).errno == ENOTCONN  # before the answer
        got = bytearray(len(ANSWER) + 100)
        at = stream.readinto(got)
        assert bytes(got[:at]) == ANSWER
        assert stream.readinto(got) == 0
    # The smallest of all, and what would be two.
    raw = Raw(answered())
    stream = https.Stream(raw, "h")
    assert stream.write(m.ttlv(0x420078, m.STRUCTURE, []) + b"more") == 8
    assert raw.requests[0][1] == b"\x42\x00\x78\x01\0\0\0\0"
    assert raises(OSError, https.Stream(Raw(), "h").write, b"\x42\x00\x78\x01\x01\0\0\0").errno == EIO


def test_hosts_and_paths_that_would_end_the_line():
    for host in ("", "a b", "h\r\nX: y", "h\0", "\xe9"):
        assert raises(OSError, https.Stream, Raw(), host).errno == EINVAL
    for path in ("/a b", "/\n", "/\x7f"):
        assert raises(OSError, https.Stream, Raw(), "h", path).errno == EINVAL


class Quiet:
    """An answer again and again, of which nothing is allocated."""

    def __init__(self, data):
        self._data = data
        self._at = 0

    def write(self, buf):
        self._at = 0
        return len(buf)

    def readinto(self, buf):
        index = 0
        while index < len(buf):
            buf[index] = self._data[self._at]
            self._at += 1
            index += 1
        return index


def test_a_small_message_goes_out_in_one_piece():
    for room, writes in ((8, 2), (256, 1)):
        raw = Raw(answered())
        get_key(client(raw, room=room))
        assert raw.writes == writes


def test_no_secret_stays_behind_the_head():
    registered = answered(m.success(m.REGISTER, m.uid()))
    for raw in (Raw(registered), Raw(fail=0, how=OSError(ECONNRESET))):
        stream = https.Stream(raw, "kmip.example")
        try:
            Client(stream).register(2, KEY)
        except OSError:
            pass
        assert KEY not in bytes(stream._head)


def test_next_to_nothing_is_allocated():
    if not hasattr(micropython, "heap_lock") or not hasattr(gc, "mem_alloc"):
        raise Skip("MicroPython only")
    request = bytearray(m.ttlv(0x420078, m.STRUCTURE, [m.ttlv(0x420077, m.BYTES, b"x" * 90)]))
    body = bytearray(len(ANSWER))
    view = memoryview(body)
    head, tail = view[:8], view[8:]
    for data in (answered(), chunked(chunk(ANSWER[:8]), chunk(ANSWER[8:]))):
        stream = https.Stream(Quiet(data), "kmip.example")
        for _ in range(2):
            gc.collect()
            before = gc.mem_alloc()
            stream.write(request)
            now = gc.mem_alloc()
            assert now - before <= (64 if sys.maxsize > 1 << 31 else 32), now - before  # a view
            micropython.heap_lock()
            try:
                stream.readinto(head)
                stream.readinto(tail)
            finally:
                micropython.heap_unlock()
        assert bytes(body) == ANSWER
