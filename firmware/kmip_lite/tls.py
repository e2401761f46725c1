"""TLS streams for the client, over a socket or any other raw stream, with a deadline on every wait.

Mutual TLS, always with the server's chain and name verified: there is no switch for not doing so.
Keys and certificates are DER, which every board's mbedTLS reads.
"""

import gc
import io
import select
from errno import ECONNRESET, ETIMEDOUT
from time import ticks_add, ticks_diff, ticks_ms

import tls
from micropython import const

_DAY = const(86400)
_POLL_REQUEST = const(3)  # MicroPython's stream ioctl requests
_CLOSE_REQUEST = const(4)
_EPIPE = const(32)  # not in MicroPython's errno
_FATAL_ALERT = const(-30592)  # MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE


class TLSError(OSError):
    """No TLS with this server, and why: its certificate is not trusted, expired or of another name, or
    it refuses ours with an alert (`refused` is True then). An OSError: the transport has failed."""

    refused = False


class _Timed(io.IOBase):
    # The raw stream under TLS. MicroPython's readinto() goes on until the buffer is full and its
    # time-outs count from the last byte, so a peer that drips bytes could hold it for hours: here the
    # socket never blocks, and every wait ends at `until`, whatever came before.

    def __init__(self, sock):
        self._sock = sock
        # CPython's sockets read and write as files only; MicroPython's are streams themselves.
        self._raw = sock if hasattr(sock, "readinto") else sock.makefile("rwb", 0)
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)
        self.until = 0

    def readinto(self, buf):
        return self._move(self._raw.readinto, buf, select.POLLIN)

    def write(self, buf):
        return self._move(self._raw.write, buf, select.POLLOUT)

    def _move(self, move, buf, event):
        while True:
            left = ticks_diff(self.until, ticks_ms())
            if left <= 0:  # looked at first: a flood never lets a wait come about
                return -ETIMEDOUT
            count = move(buf)
            if count is not None:
                return count
            self._poll.modify(self._sock, event)
            self._poll.poll(left)

    def ioctl(self, request, argument):
        if request == _CLOSE_REQUEST:
            self.close()
        return argument if request == _POLL_REQUEST else 0

    def close(self):
        self._sock.close()
        if self._raw is not self._sock:
            self._raw.close()


class Stream:
    """A TLS connection: readinto(), write(), close(), as the client wants them.

    `timeout` (seconds) bounds the handshake, and then each exchange: what is written and all that is
    read until the next write. Raises OSError(ETIMEDOUT) when it is over.
    """

    def __init__(self, timed, secure, timeout):
        self._timed = timed
        self._secure = secure
        self._timeout = timeout

    def write(self, buf):
        """Write all of `buf`; gives its length."""
        self._timed.until = ticks_add(ticks_ms(), int(self._timeout * 1000))
        try:
            return self._secure.write(buf)
        except (OSError, ValueError) as error:
            raise explain(error)

    def readinto(self, buf):
        """Read at least one byte, at most len(buf); 0 is the end of the stream."""
        try:
            return self._secure.readinto(buf)
        except (OSError, ValueError) as error:
            raise explain(error)

    def close(self):
        """Close TLS and the socket."""
        try:
            self._secure.close()
        except OSError:
            pass  # the peer may be gone; what counts is that our side is closed
        self._timed.close()


def explain(error):
    """The OSError to raise for what the TLS library raised."""
    code = error.args[0] if error.args else 0
    if code == -ETIMEDOUT or code == ETIMEDOUT:
        return OSError(ETIMEDOUT, "the server does not answer in time")
    if code == _FATAL_ALERT:
        made = TLSError(code, "the server refuses our certificate, or TLS with us")
        made.refused = True
        return made
    if code in (_EPIPE, ECONNRESET) and isinstance(error, OSError):
        # A server that refuses us and closes at once can cut its own alert off.
        return OSError(code, "the server closed the connection")
    if isinstance(error, OSError) and not (isinstance(code, int) and code < 0):
        return error
    # mbedTLS raises ValueError(text) for a certificate, else OSError(code, its name).
    text = str(error.args[-1]).strip() if error.args else "failed"
    return TLSError(code if isinstance(code, int) else 0, "TLS: " + text)


def context(anchors, cert=None, key=None, peer=None):
    """A TLS context. `anchors`: a sequence of the DER of the certificates that the server's chain may
    end in; `cert` and `key`: the DER of our own certificate and private key (SEC1 or PKCS#8). `peer`:
    called in each handshake with the DER (a memoryview, for the call only) and the depth of each
    certificate of the server's chain, 0 being its own; it must give 0, and raise nothing. Raises TLSError
    for DER that is no certificate or key."""
    made = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    made.verify_mode = tls.CERT_REQUIRED
    try:
        for anchor in anchors:
            made.load_verify_locations(anchor)
        if cert is not None:
            made.load_cert_chain(cert, key)
    except (OSError, ValueError) as error:
        raise explain(error)
    if peer is not None:
        made.verify_callback = peer
    return made


def connect(host, port, context, server_name, timeout=10):
    """Connect, shake hands, and give a Stream.

    `context` from context(). `server_name`: the DNS name that the server's certificate must bear.
    `timeout`: seconds for the connection, for the handshake, and for each exchange, up to a day. Raises
    TLSError when either side refuses the other, OSError when the transport fails, MemoryError or
    OSError(ENOMEM) when the heap is too small. On a board a TLS connection holds about 23 KB of heap,
    most of it in one piece: close the old one before opening a new one.
    """
    import socket  # here, for boards without a network have none (uart.py)

    if "\0" in server_name:
        raise TLSError(0, "TLS: no name of a server")
    timeout = min(timeout, _DAY)
    address = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)[0]
    sock = socket.socket(address[0], address[1], address[2])
    try:
        sock.settimeout(timeout)
        sock.connect(address[-1])
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return wrap(_Timed(sock), context, server_name, timeout)


def wrap(timed, context, server_name, timeout):
    """Shake hands over a raw stream with an attribute `until`, the tick at which its waits end."""
    timed.until = ticks_add(ticks_ms(), int(timeout * 1000))
    was = collecting(-1)
    try:
        return Stream(timed, context.wrap_socket(timed, server_hostname=server_name), timeout)
    except (OSError, ValueError, MemoryError) as error:
        timed.close()
        raise error if isinstance(error, MemoryError) else explain(error)
    finally:
        collecting(was)


def collecting(threshold):
    """Set gc.threshold() to a number, if it is one, and give what it was, None for no limit or on CPython.

    Off for a handshake: its arithmetic takes megabytes from the heap and gives each piece back by itself, so
    that the collections that they bring about, a thousand of them, find nothing and take most of the time."""
    was = None
    if threshold and hasattr(gc, "threshold"):
        was = gc.threshold()
        gc.threshold(threshold)
    return was if was != -1 else None
