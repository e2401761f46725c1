"""A modem's other end: passes the bytes of a serial line on to a TCP address and back, unframed.

    python -m tools.uartbridge --line /dev/ttyUSB0 --baud 115200 --to kmip.example:5696

LINE is a serial device or a pseudo terminal, tcp:HOST:PORT to connect to (an emulator's UART), or
listen:HOST:PORT to wait at for one. A line that goes away is opened again.

A line has no connections. Here one begins where the device begins TLS: at a ClientHello (RFC 8446, 4.1.2),
found wherever it stands in the device's bytes, so that a device that was reset in the middle of a record is
understood again at once; the connection before it is closed then, and what it still had for the device
dropped. With several --to NAME=HOST:PORT it is the server that the device names in it (RFC 6066, 3) that it
is connected to: the key server, and the billing end point. With --plain, for what is not TLS, one begins with
the first byte while there is none. One ends when the server closes it or when nothing has come from either
side for --idle seconds. The device is told neither; its own time-outs tell it.
"""

import argparse
import contextlib
import os
import re
import select
import socket
import sys
import termios
import threading
import time
import tty

from .address import address, named

# Record header, handshake header, and the first bytes of a ClientHello: every version of TLS has them so.
_HELLO = re.compile(rb"\x16\x03[\x01-\x03](..)\x01\x00(..)\x03\x03", re.S)
_HELLO_SIZE = 11
_HOLD = 0.2  # seconds that what may be the beginning of a ClientHello is held back, at most
_HOLD_HELLO = 3  # seconds that a device has for the rest of one
_RETRY = 0.5  # seconds between two tries to open the line
_CHUNK = 4096
_MOST = 1 << 16  # bytes that wait for the device before the server has to


class Bridge:
    """Between a line (see above) and `to`, a (host, port), or a dict of such by the server's name; run() it,
    or use it in a `with`, on a thread.

    `connections`, `sent` and `received` count, in bytes of the device's. `address` is where it listens.
    """

    def __init__(self, line, to, baud=115200, plain=False, idle=300, log=None):
        self._line = line
        self._routes = to if isinstance(to, dict) else None
        self._to = None if self._routes else to
        self._hold = _HOLD
        self._baud = baud
        self._plain = plain
        self._idle = idle
        self._log = log or (lambda text: None)
        self.connections = self.sent = self.received = 0
        self.address = None
        self._stopping, self._stop = os.pipe()
        self._listener = None
        if line.startswith("listen:"):
            self._listener = socket.create_server(address(line[7:]))
            self.address = self._listener.getsockname()
        self._thread = None
        self._sock = None
        self._fd = None

    def __enter__(self):
        self._thread = threading.Thread(target=self.run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        os.write(self._stop, b"x")
        self._thread.join(10)
        for end in (self._stopping, self._stop):
            os.close(end)

    def run(self):
        """Serve the line until it is told to stop."""
        told = False
        try:
            while not self._stopped(0):
                try:
                    with self._open() as self._fd:
                        self._log("the line is there")
                        told = False
                        self._serve()
                except OSError as error:
                    if not told:
                        self._log("%s: %s" % (self._line, error.strerror or error))
                        told = True
                self._hang_up("the line has gone")
                self._stopped(_RETRY)
        finally:
            self._hang_up("the end")
            if self._listener:
                self._listener.close()

    def _stopped(self, seconds):
        return bool(select.select([self._stopping], [], [], seconds)[0])

    @contextlib.contextmanager
    def _open(self):
        """The line's file descriptor, non-blocking."""
        if self._listener or self._line.startswith("tcp:"):
            if self._listener:
                while not select.select([self._listener, self._stopping], [], [])[0]:
                    pass
                if self._stopped(0):
                    raise OSError("stopped")
                sock = self._listener.accept()[0]
            else:
                sock = socket.create_connection(address(self._line[4:]), 5)
            with sock:
                sock.setblocking(False)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                yield sock.fileno()
            return
        fd = os.open(self._line, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            tty.setraw(fd)
            speed = getattr(termios, "B%d" % self._baud)
            settings = termios.tcgetattr(fd)
            settings[4] = settings[5] = speed
            termios.tcsetattr(fd, termios.TCSANOW, settings)
            yield fd
        except termios.error as error:
            raise OSError(*error.args)
        finally:
            os.close(fd)

    def _serve(self):
        """Pass on what comes, until the line ends."""
        held = b""  # from the device: perhaps the beginning of a ClientHello
        self._waiting = b""  # for the device
        moved = time.monotonic()
        while True:
            sock = self._sock
            reads = [self._fd, self._stopping]
            if sock is not None and len(self._waiting) < _MOST:
                reads.append(sock)
            left = moved + (self._hold if held and sock else self._idle) - time.monotonic()
            readable, writable, _ = select.select(
                reads, [self._fd] if self._waiting else [], [], max(0, min(left, 1)))
            if self._stopping in readable:
                return
            now = time.monotonic()
            if self._fd in readable:
                data = os.read(self._fd, _CHUNK)
                if not data:
                    return
                moved = now
                held = self._from_device(held + data)
            elif held and self._sock and now - moved >= self._hold:
                self._send(held)
                held = b""
            if sock in readable and sock is self._sock:
                moved = now
                self._from_server(sock)
            if writable and self._waiting:
                with contextlib.suppress(BlockingIOError):
                    self._waiting = self._waiting[os.write(self._fd, self._waiting):]
                moved = now
            if self._sock and now - moved >= self._idle:
                self._hang_up("nothing came for %d s" % self._idle)

    def _from_device(self, data):
        """Pass data on; gives what is to be held back."""
        if self._plain:
            if self._sock is None:
                self._connect()
            self._send(data)
            return b""
        at = 0
        self._hold = _HOLD
        for found in _HELLO.finditer(data):
            size = int.from_bytes(found[1], "big")
            if size - 4 == int.from_bytes(found[2], "big"):
                self._send(data[at:found.start()])
                at = found.start()
                if self._routes:
                    if len(data) < at + 5 + size:
                        self._hold = _HOLD_HELLO
                        return data[at:]
                    name = server_name(data[at : at + 5 + size])
                    self._to = self._routes.get(name)
                    if self._to is None:
                        self._log("the device asks for %s" % (name or "no server by name"))
                        self._hang_up("there is no such server")
                        continue
                self._connect()
        keep = len(data) - _partial(data[at:])
        self._send(data[at:keep])
        return data[keep:]

    def _from_server(self, sock):
        try:
            data = sock.recv(_CHUNK)
        except OSError as error:
            return self._hang_up(error.strerror)
        if not data:
            return self._hang_up("the server has closed")
        self.received += len(data)
        self._waiting += data

    def _send(self, data):
        if self._sock is None or not data:
            return
        try:
            self._sock.sendall(data)
            self.sent += len(data)
        except OSError as error:
            self._hang_up(error.strerror or "no answer")

    def _connect(self):
        self._hang_up("the device begins anew")
        self._waiting = b""
        with contextlib.suppress(termios.error):
            termios.tcflush(self._fd, termios.TCOFLUSH)
        try:
            self._sock = socket.create_connection(self._to, 5)
        except OSError as error:
            self._log("%s:%d: %s" % (*self._to, error.strerror or error))
            return
        self._sock.settimeout(5)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connections += 1
        self._log("connected to %s:%d" % self._to)

    def _hang_up(self, why):
        if self._sock is not None:
            self._sock.close()
            self._sock = None
            self._log("disconnected: %s" % why)


def server_name(hello):
    """The server that a ClientHello, a whole record, asks for; "" where it names none or is cut short."""
    at = 5 + 4 + 2 + 32
    try:
        at += 1 + hello[at]  # session
        at += 2 + int.from_bytes(hello[at : at + 2], "big")  # cipher suites
        at += 1 + hello[at]  # compression
        at += 2
        while at < len(hello):
            kind, size = (int.from_bytes(hello[at + n : at + n + 2], "big") for n in (0, 2))
            if kind == 0:  # a list of one: its length, a type, the name's length, the name
                return hello[at + 9 : at + 4 + size].decode("ascii", "replace")
            at += 4 + size
    except IndexError:
        pass
    return ""


def _partial(data):
    """How many bytes at the end of data may be the beginning of a ClientHello."""
    for size in range(min(len(data), _HELLO_SIZE - 1), 0, -1):
        tail = data[-size:]
        if _HELLO.match(tail + b"\x16\x03\x03\0\x80\x01\0\0\x7c\x03\x03"[size:]):
            return size
    return 0


def main(argv=None):
    parser = argparse.ArgumentParser(
        prog="python -m tools.uartbridge", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--line", required=True, help="a device's path, tcp:HOST:PORT or listen:HOST:PORT")
    parser.add_argument("--to", required=True, action="append", type=named,
                        help="HOST:PORT of the server; or NAME=HOST:PORT, as often as there are servers")
    parser.add_argument("--baud", type=int, default=115200)
    parser.add_argument("--plain", action="store_true", help="what comes is not TLS")
    parser.add_argument("--idle", type=float, default=300, metavar="SECONDS")
    options = parser.parse_args(argv)
    to = dict(options.to)
    if None in to:
        if len(options.to) > 1:
            parser.error("several servers are told apart by their names: --to NAME=HOST:PORT")
        to = to[None]
    if not hasattr(termios, "B%d" % options.baud):
        parser.error("there is no speed of %d baud" % options.baud)
    if options.line.startswith(("tcp:", "listen:")):
        try:
            address(options.line.partition(":")[2])
        except argparse.ArgumentTypeError as error:
            parser.error(str(error))
    try:
        bridge = Bridge(options.line, to, options.baud, options.plain, options.idle,
                        lambda text: print(text, file=sys.stderr, flush=True))
    except OSError as error:
        print("%s: %s" % (options.line, error.strerror), file=sys.stderr)
        return 1
    if bridge.address:
        print("listening at %s:%d" % bridge.address[:2], flush=True)
    try:
        bridge.run()
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
