"""A line over a UART, up to the handshake; client/test_uart_live.py has the rest, over a real one."""

from errno import ETIMEDOUT

from check import raises

from kmip_lite import tls, uart


class Port:
    """A UART in memory, and what select.poll() is to tell of it. `chatter`: bytes that stand in it; None:
    there are always some."""

    POLLIN = 1
    POLLOUT = 4

    def __init__(self, chatter=b""):
        self.chatter = chatter
        self.closed = 0
        self.waits = []

    def poll(self, timeout=None):
        # The `select` of tls.py is this, and so is what it makes.
        if timeout is None:
            return self
        self.waits.append(timeout)
        return [self] if self.chatter is None or self.chatter else []

    def register(self, port, event):
        pass

    modify = register

    def readinto(self, buf):
        if self.chatter is None:
            return len(buf)
        if not self.chatter:
            return None
        count = min(len(buf), len(self.chatter))
        self.chatter = self.chatter[count:]
        return count

    def write(self, buf):
        return len(buf)

    def close(self):
        self.closed += 1


def with_line(port, function):
    """Call function(line), with a TLS that only says what it was given."""
    select, wrap = tls.select, tls.wrap
    tls.select = port
    tls.wrap = lambda *args: args
    try:
        return function(uart.Line(port))
    finally:
        tls.select, tls.wrap = select, wrap


def test_what_stands_in_the_uart_is_dropped_before_the_handshake():
    for chatter in (b"", b"x", b"old" * 100):
        port = Port(chatter)
        line, context, name, timeout = with_line(port, lambda line: line.connect("", 0, "context", "name", 7))
        assert (context, name, timeout) == ("context", "name", 7)
        assert port.chatter == b"" and port.waits[-1] == line.quiet == 100


def test_a_line_that_is_never_quiet():
    error = with_line(Port(None), lambda line: raises(OSError, line.connect, "", 0, None, "name", 0.02))
    assert error.args[0] == ETIMEDOUT


def test_closing_leaves_the_uart_open():
    port = Port()
    with_line(port, lambda line: line.close())
    assert port.closed == 0
