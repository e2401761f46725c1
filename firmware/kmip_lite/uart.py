"""TLS over a UART, for a meter behind a modem: cellular or power line, in its transparent mode.

    line = Line(UART(1, 115200, rxbuf=1024))
    with Client(line.connect("", 0, context, "kmip.example")) as kmip: ...

A UART carries bytes and no connections. What stands at the other end, a modem, a gateway or
tools/uartbridge.py, passes them on to the server as they come, and begins a connection where the board
begins TLS. Nothing tells the board that the server has hung up, so that a time-out is what it sees of that.
"""

from errno import ETIMEDOUT
from select import POLLIN
from time import ticks_add, ticks_diff, ticks_ms

from kmip_lite import tls


class Line(tls._Timed):
    """`uart`: machine.UART with its time-outs at 0 (it must not block), or any other stream for
    select.poll() whose readinto() gives None while there is nothing. A byte comes every 87 us at 115,200
    baud: give the UART an rxbuf of 1 KB, or flow control, so that none is lost while the board does
    arithmetic; a lost byte is a TLSError or a time-out. One connection at a time.

    `quiet`: milliseconds without a byte after which what came before is taken to be over.
    """

    quiet = 100

    def connect(self, host, port, context, server_name, timeout=10):
        """Shake hands with whoever is at the other end, and give a Stream, as tls.connect() does.

        `host` and `port` are the other end's business, and not looked at. What is left of a connection
        before is read and dropped first: OSError(ETIMEDOUT) where it does not end.
        """
        self.until = ticks_add(ticks_ms(), int(timeout * 1000))
        self._poll.modify(self._sock, POLLIN)
        scrap = bytearray(32)
        while self._poll.poll(self.quiet):
            if self.readinto(scrap) <= 0:
                raise OSError(ETIMEDOUT, "the line is never quiet")
        return tls.wrap(self, context, server_name, timeout)

    def close(self):
        """Nothing: the UART stays as it is, for the next connection."""


class AsyncLine:
    """As Line, under asyncio: connect() is to be awaited and gives a Stream for AsyncClient. On MicroPython
    only. `uart`: a machine.UART with its time-outs at 0."""

    quiet = 100

    def __init__(self, uart):
        self._uart = uart

    async def connect(self, host, port, context, server_name, timeout=10):
        """As Line.connect()."""
        from asyncio import sleep_ms

        from kmip_lite import aclient

        until = ticks_add(ticks_ms(), int(timeout * 1000))
        scrap = bytearray(32)
        heard = True
        while heard:
            await sleep_ms(self.quiet)
            heard = False
            for _ in range(64):  # more than a UART holds; a line that never ends must not hold the loop up
                if not self._uart.readinto(scrap):
                    break
                heard = True
            if ticks_diff(until, ticks_ms()) <= 0:
                raise OSError(ETIMEDOUT, "the line is never quiet")
        return await aclient.connect(host, port, context, server_name, timeout, self._uart)
