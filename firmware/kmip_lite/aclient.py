"""AsyncClient: the client's verbs with await, over asyncio's streams.

    async with AsyncClient(await connect(host, 5696, context, "kmip.example"), version=12) as kmip:
        key = (await kmip.get("key-1")).value

Other tasks run while the server takes its time, whatever it sends meanwhile. What still holds them up
is the look-up of a host's name, which blocks on MicroPython, and the arithmetic of a TLS handshake.
"""

import asyncio
import io
import select
import sys
from errno import EALREADY, ECONNRESET, ENOTCONN, ETIMEDOUT

from micropython import const

from kmip_lite.client import Client, load, moved
from kmip_lite.tls import TLSError, collecting, explain

_DAY = const(86400)
_HEADER = const(8)

_POLL_REQUEST = const(3)  # MicroPython's stream ioctl requests
_CLOSE_REQUEST = const(4)
_CHANGE_CIPHER_SPEC = const(20)  # TLS's types of records
_APPLICATION_DATA = const(23)
_TURN = const(64)  # reads of the socket, two a record, before others have their turn
_SHAKING = const(2)  # the same within a handshake, where each record can mean long arithmetic


class Stream:
    """A connection over a pair of asyncio's streams: write() and readinto() to await, close() at once.

    What is awaited has a time-out only within(): `timeout`, in seconds. `under` has a close() for what
    lies under the pair, where the pair's own does not do.
    """

    def __init__(self, reader, writer, timeout=10, under=None):
        self._reader = reader
        self._writer = writer
        self._timeout = timeout
        self._under = under

    async def within(self, steps):
        """Await `steps` for as long as the time-out and give their value.

        Raises OSError(ETIMEDOUT) when it is over, TLSError and OSError as tls.py does. After these,
        and where the call is cancelled, the connection is good for nothing but close().
        """
        return await _within(steps, self._timeout)

    async def write(self, buf):
        """Write all of `buf`; gives its length."""
        writer = self._writer
        writer.write(buf)
        try:
            await writer.drain()
        except OSError:
            if not hasattr(writer, "transport"):
                raise
            # CPython's knows only that the connection is lost: the read that follows tells why.
        return len(buf)

    async def readinto(self, buf):
        """Read at least one byte, at most len(buf); 0 is the end of the stream."""
        reader = self._reader
        if not hasattr(reader, "readinto"):  # CPython's
            data = await reader.read(len(buf))
            buf[: len(data)] = data
            return len(data)
        count = None
        while count is None:  # a part of a TLS record is nothing yet
            count = await reader.readinto(buf)
        return count

    def close(self):
        """Close the connection at once, without a wait for the peer."""
        if self._under is not None:
            self._under.close()
        elif hasattr(self._writer, "transport"):  # CPython's
            self._writer.transport.abort()
        else:
            self._writer.s.close()


class _Under(io.IOBase):
    # Between TLS and the socket on MicroPython; stands for the context in open_connection(), too.
    #
    # It bounds what TLS reads in one turn of the loop: mbedTLS passes over warnings and their like for
    # as long as they come. It sees that the handshake is over, which mbedTLS tells nobody: with the
    # first record behind the server's Change Cipher Spec, or an encrypted one (TLS 1.3: what is left
    # is done in the first exchange then). And it closes the socket, which open_connection() loses when
    # it is cancelled, and TLS when the handshake fails.

    def __init__(self, context, raw):
        self._context = context
        self._raw = raw
        self._sock = None
        self._poll = select.poll()
        self._polled = select.POLLIN
        self._turn = _SHAKING
        self._head = bytearray(5)  # of a record: type, version, length
        self._have = 0
        self._left = 0
        self._before = 0  # the type of the record before
        self.secure = None
        self.over = False

    def wrap_socket(self, sock, **options):
        self._sock = sock
        self._poll.register(sock, self._polled)
        self.secure = self._context.wrap_socket(self, **options)
        return self.secure

    def setblocking(self, flag):
        pass  # it does not block already

    def readinto(self, buf):
        if not self._turn:
            return None
        self._turn -= 1
        count = self._sock.readinto(buf)
        if count and not self.over:
            self._see(buf, count)
        return count

    def _see(self, buf, count):
        # mbedTLS asks for a record's head, then for the rest of it, and never for more.
        head = self._head
        if self._left:
            self._left -= count
            if not self._left:
                self.over = head[0] == _APPLICATION_DATA or self._before == _CHANGE_CIPHER_SPEC
                self._before = head[0]
            return
        for index in range(count):
            head[self._have] = buf[index]
            self._have += 1
        if self._have == len(head):
            self._have = 0
            self._left = head[3] << 8 | head[4]

    def write(self, buf):
        return self._sock.write(buf)

    def ioctl(self, request, argument):
        if request == _POLL_REQUEST:
            self._turn = _TURN if self.over else _SHAKING
            if argument != self._polled:
                self._polled = argument
                self._poll.modify(self._sock, argument)
            for _, events in self._poll.ipoll(0):
                return events
        elif request == _CLOSE_REQUEST and self._raw is None:
            self._sock.close()
        return 0

    def close(self):
        # TLS first: it closes what it holds, and must not find the socket's number in other hands.
        for sock in (self.secure, self._sock):
            if sock is not None and sock is not self._raw:
                sock.close()


async def _within(steps, timeout):
    try:
        return await asyncio.wait_for(steps, timeout)
    except asyncio.TimeoutError:
        raise explain(OSError(ETIMEDOUT))
    except (OSError, ValueError) as error:
        raise explain(error)


async def _open(host, port, context, server_name, under, raw):
    if raw is None:
        pair = await asyncio.open_connection(host, port, ssl=context, server_hostname=server_name)
    else:
        stream = asyncio.StreamReader(
            under.wrap_socket(raw, server_hostname=server_name, do_handshake_on_connect=False))
        pair = (stream, stream)
    if under is not None:
        # MicroPython's leaves the handshake to whoever reads or writes first.
        nothing = bytearray(1)
        count = under.secure.readinto(nothing)
        while count is None and not under.over:
            count = await pair[0].readinto(nothing)
        if count is not None:
            raise OSError(ECONNRESET, "the server has closed the connection")
    return pair


async def connect(host, port, context, server_name, timeout=10, raw=None):
    """Connect, shake hands, and give a Stream; arguments as those of tls.connect().

    `timeout`: seconds for the connection together with the handshake, and for each exchange, up to a
    day. Raises what tls.connect() does; the socket is closed then, and when the call is cancelled. `raw`, on
    MicroPython only: the stream that leads to the server, a UART, which stays open (uart.py).
    """
    if "\0" in server_name:
        raise TLSError(0, "TLS: no name of a server")
    timeout = min(timeout, _DAY)
    under = None
    if sys.implementation.name == "micropython":
        context = under = _Under(context, raw)
    done = False
    was = collecting(-1)
    try:
        pair = await _within(_open(host, port, context, server_name, under, raw), timeout)
        done = True
    finally:
        collecting(was)
        if not done and under is not None:
            under.close()
    return Stream(pair[0], pair[1], timeout, under)


class AsyncClient(Client):
    """The client's verbs and batch() with await; the rest is as Client has it.

    `stream` is a Stream, whose time-out bounds each exchange as a whole. One exchange at a time: a verb
    that another task calls meanwhile raises OSError(EALREADY) and harms nothing. A call that is
    cancelled while it waits for the server closes the connection. Allocates what Client does, and per
    exchange two tasks.
    """

    def __init__(self, stream, version=12, buf=2048, limit=True):
        super().__init__(stream, version, buf, limit)
        self._busy = False

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        self.close()
        await asyncio.sleep(0)  # CPython closes the socket after the next round of its loop

    def batch(self):
        """An AsyncBatch: several operations in one message, with the ID Placeholder."""
        return AsyncBatch(self)

    def idle(self):
        """Raises OSError(EALREADY) while an exchange is under way, when the buffer must be left alone."""
        if self._busy:
            raise OSError(EALREADY, "another exchange is under way")

    async def _call(self, operation, args, kwargs):
        if not hasattr(operation, "steps"):
            return await self._exchange(operation, args, kwargs, operation)
        self.idle()
        steps = operation.steps(self, *args, **kwargs)
        value = error = None
        try:
            while True:
                wanted = steps.send(value) if error is None else steps.throw(error)
                value = error = None
                try:
                    if isinstance(wanted, tuple):
                        value = await self._exchange(
                            load(wanted[0]), wanted[1], {"into": wanted[3]}, load(wanted[2]))
                    else:
                        await asyncio.sleep(wanted)
                except (Exception, asyncio.CancelledError) as caught:
                    error = caught
        except StopIteration as stop:
            return stop.value

    async def _exchange(self, operation, args, kwargs, answered):
        self.idle()
        into = kwargs.pop("into", None)
        try:
            await self.exchange(self._encode(operation, args, kwargs))
            return self._value(operation, answered, into)
        finally:
            self.wipe()

    async def exchange(self, size):
        """As Client.exchange()."""
        stream = self._stream
        if stream is None:
            raise OSError(ENOTCONN, "the connection is closed")
        done = False
        self._busy = True
        try:
            size = await stream.within(self._transfer(stream, size))
            self.received += size
            self.round_trips += 1
            self._response.open(size)
            done = True
        finally:
            self._busy = False
            if not done:
                self.close()
        return self._response

    async def _transfer(self, stream, size):
        await stream.write(self._view[:size])
        self.sent += size
        at = 0
        size = _HEADER
        while at < size:
            at += moved(await stream.readinto(self._view[at:size]))
            if at == _HEADER:
                size = self._length()
        return size


class AsyncBatch:
    """A message in the making: each verb notes an item, `await send()` encodes and exchanges them.

    As Batch otherwise; but the client can do something else between, for the arguments are kept.
    """

    def __init__(self, client):
        self._client = client
        self._items = []

    def __getattr__(self, name):
        load(name)

        def verb(*args, **kwargs):
            self._items.append((name, args, kwargs))

        return verb

    async def send(self, check=True):
        """As Batch.send()."""
        from kmip_lite.batch import Batch

        client = self._client
        client.idle()
        try:
            batch = Batch(client)
            for name, args, kwargs in self._items:
                getattr(batch, name)(*args, **kwargs)
            return batch.send(check, await client.exchange(client._request.finish()))
        finally:
            client.wipe()
