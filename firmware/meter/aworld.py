"""The meter's connections under asyncio: World and the billing end point, with await."""

from errno import ENOMEM

from kmip_lite.aclient import AsyncClient, connect
from kmip_lite.message import KmipError
from meter import billing
from meter.world import VERSIONS, World

_SSL_ALLOC_FAILED = -0x7F00  # of mbedTLS


class AWorld(World):
    """As World, but for open(), call(), close() and report(identity), which are to be awaited.

    One task at a time: whoever has opened a connection has it until close(). `connect`: what takes the place
    of aclient.connect(), a uart.AsyncLine's.
    """

    def __init__(self, config, anchors, clock, report, connect=connect):
        super().__init__(config, anchors, clock, report, None, connect)
        self.starved = 0  # connections in a row for which there was no memory

    async def open(self, identity):
        """As World.open()."""
        super().close()
        try:
            stream = await self._connect(*self._address(identity))
        except (MemoryError, OSError) as error:
            if isinstance(error, MemoryError) or error.args[:1] in ((ENOMEM,), (_SSL_ALLOC_FAILED,)):
                self.starved += 1
            raise
        self.starved = 0
        self._opened(AsyncClient(stream, self.version or 12, self._buf))
        if not self.version:
            self.version = await self._client.agree(VERSIONS)

    async def call(self, calls, asynchronous=False):
        """As World.call()."""
        client = self._client
        verb, arguments = self._asked(calls, asynchronous)
        try:
            results = await verb(**arguments)
        except KmipError as error:
            results = error
        return self._heard(client, calls, results)

    async def close(self):
        """As World.close(). Waits for nothing."""
        super().close()


async def post(address, context, path, body, connect=connect):
    """POST `body` (bytes) over mutual TLS and give the status, an int.

    `address`: (host, port, name in the server's certificate, time-out in seconds: for the connection with
    its handshake, then for all the rest). Raises TLSError when either side refuses the other, OSError for
    anything else, also for an answer that is not HTTP.
    """
    host, port, name, timeout = address
    stream = await connect(host, port, context, name, timeout)
    try:
        return await stream.within(_exchange(stream, billing.request(name, path, body)))
    finally:
        stream.close()


async def _exchange(stream, request):
    await stream.write(request)
    buf = bytearray(billing.ANSWER)
    view = memoryview(buf)
    at = 0
    while at < len(buf) and buf.find(b"\r\n") < 0:
        count = await stream.readinto(view[at:])
        if not count:
            break
        at += count
    return billing.status(buf)
