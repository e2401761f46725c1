"""The HTTPS binding for AsyncClient: https.py's Stream with await.

    stream = AsyncStream(await connect(host, 443, context, "kmip.example"), "kmip.example")
    async with AsyncClient(stream, version=12) as kmip:
        key = (await kmip.get("key-1")).value
"""

from micropython import const

from kmip_lite.client import moved
from kmip_lite.https import Stream, part

# What is to be read next, as in https.py.
_TRAILER = const(4)
_NOTHING = const(6)


class AsyncStream(Stream):
    """As Stream, over a Stream of aclient.py, whose time-out bounds each exchange as a whole."""

    async def within(self, steps):
        """As that Stream's."""
        return await self._stream.within(steps)

    async def write(self, buf):
        """Write all of `buf`; gives its length."""
        at = 0
        while at < len(buf):
            rest = memoryview(buf)[at:]
            count = self._goes(rest)
            if not count:
                rest = part(rest, self._size - self._have)
                count = await self._stream.write(rest)
            else:
                head = self._out(count)
                if head:
                    await self._stream.write(head)
            self._wrote(count)
            at += count
        return at

    async def readinto(self, buf):
        """As Stream.readinto()."""
        if self._state == _NOTHING:
            return 0
        await self._lines()
        buf = part(buf, self._left)
        count = moved(await self._stream.readinto(buf))
        self._read(buf, count)
        await self._lines()
        return count

    async def _lines(self):
        while self._state <= _TRAILER:
            moved(await self._stream.readinto(self._one))
            self._feed(self._one[0])
