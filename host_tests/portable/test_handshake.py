"""No garbage is looked for while a handshake allocates, and as often as before when it is over."""

import asyncio
import gc

from check import raises

from kmip_lite import aclient, tls

BEFORE = 8192


class Timed:
    until = 0

    def close(self):
        pass


class Context:
    """Stands for tls.SSLContext: notes the threshold, and fails where it is to."""

    def __init__(self, error=None):
        self.error = error
        self.seen = None

    def wrap_socket(self, sock, server_hostname=None):
        self.seen = gc.threshold()
        if self.error is not None:
            raise self.error
        return sock


def test_a_handshake_blocking():
    if not hasattr(gc, "threshold"):  # CPython
        return
    was = gc.threshold()
    try:
        for before in (BEFORE, -1):
            for error in (None, OSError(104), ValueError("expired"), MemoryError()):
                gc.threshold(before)
                context = Context(error)
                if error is None:
                    tls.wrap(Timed(), context, "name", 1)
                else:
                    raises((OSError, MemoryError), tls.wrap, Timed(), context, "name", 1)
                assert context.seen == -1 and gc.threshold() == before
    finally:
        gc.threshold(was)


def test_a_handshake_under_asyncio():
    if not hasattr(gc, "threshold"):
        return
    was = gc.threshold()
    seen = []

    async def opened(host, port, *rest):
        await asyncio.sleep(0.05 * port)
        seen.append(gc.threshold())
        raise OSError(111)

    async def two():
        # The first is over before the second, which began when it was off already.
        first, second = [asyncio.create_task(attempt(port)) for port in (1, 2)]
        await first
        await second

    async def attempt(port):
        try:
            await aclient.connect("host", port, None, "name", 1)
        except OSError:
            pass

    real = aclient._open
    aclient._open = opened
    try:
        gc.threshold(BEFORE)
        asyncio.run(two())
        assert seen[0] == -1 and gc.threshold() == BEFORE, (seen, gc.threshold())
    finally:
        aclient._open = real
        gc.threshold(was)
