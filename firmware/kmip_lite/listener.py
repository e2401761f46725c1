"""Listens for the key server's own messages: one connection at a time, over mutual TLS.

    listener = Listener(Responder(now, notify=told), port=5696)
    while True:
        sock = listener.accept()
        if sock is not None:
            listener.serve(sock, context(anchors, cert, key), "kmip.example")

The key server is the TLS client here. It has to show a certificate that ends in our anchors and bears its
name; nobody else gets a byte of a message through. Our own certificate has to serve a TLS server, too
(Extended Key Usage serverAuth beside clientAuth), and the board's mbedTLS has to have that side compiled in
(MBEDTLS_SSL_SRV_C), as the official firmware of ESP32 and RP2 has.
"""

import socket
from errno import ECONNRESET, ETIMEDOUT
from time import sleep_ms, ticks_add, ticks_diff, ticks_ms

import tls
from micropython import const

from kmip_lite import tls as streams

_HEADER = const(8)
_NAP = const(20)  # ms between two looks at a connection
_TURN = const(2)  # reads of the socket in one look, two a record: each can mean long arithmetic
_MESSAGES = const(16)  # of one connection, then it ends


def context(anchors, cert, key):
    """A TLS context to listen with. `anchors`: a sequence of the DER of the certificates that the key
    server's chain may end in; `cert`, `key`: the DER of our own. Raises TLSError for DER that is neither."""
    made = tls.SSLContext(tls.PROTOCOL_TLS_SERVER)
    made.verify_mode = tls.CERT_REQUIRED
    try:
        for anchor in anchors:
            made.load_verify_locations(anchor)
        made.load_cert_chain(cert, key)
    except (OSError, ValueError) as error:
        raise streams.explain(error)
    return made


class _Raw(streams._Timed):
    # The socket under TLS, which never waits here, and reads no more than a little in one look.

    turn = 0

    def readinto(self, buf):
        if not self.turn:
            return None
        self.turn -= 1
        return self._raw.readinto(buf)

    def write(self, buf):
        return self._raw.write(buf)


class Listener:
    """A listening socket, and `responder`, a Responder, for what comes.

    `timeout`: seconds for a connection's handshake with its first message, and from each answer to the
    next message with its own answer. `error`: what ended the last connection, an OSError (TLSError where
    the peer was not wanted), or None. Raises OSError where the port cannot be had. A connection holds what
    a TLS connection does, about 23 KB of heap on a board; this object next to nothing.
    """

    def __init__(self, responder, host="0.0.0.0", port=5696, timeout=10):
        self.responder = responder
        self.error = None
        self._timeout = int(timeout * 1000)
        self._until = 0
        address = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)[0]
        self._sock = socket.socket(address[0], address[1], address[2])
        try:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._sock.bind(address[-1])
            self._sock.listen(1)
            self._sock.setblocking(False)
        except OSError:
            self._sock.close()
            raise

    def accept(self):
        """The socket of a connection that waits, or None. Does not wait."""
        try:
            return self._sock.accept()[0]
        except OSError:
            return None

    def serve(self, sock, context, peer):
        """Answer the messages of this connection, from the one whose certificate bears the DNS name
        `peer`, and close it; gives their number. `context` from context(). Raises nothing of TLS's or the
        socket's: see `error`."""
        before = self.responder.answers
        for _ in self.steps(sock, context, peer):
            sleep_ms(_NAP)
        return self.responder.answers - before

    async def aserve(self, sock, context, peer):
        """As serve(), beside other tasks; where it is cancelled the connection is closed."""
        import asyncio

        before = self.responder.answers
        steps = self.steps(sock, context, peer)
        try:
            for _ in steps:
                await asyncio.sleep(_NAP / 1000)
        finally:
            steps.close()
        return self.responder.answers - before

    def steps(self, sock, context, peer):
        """serve() as a generator that yields wherever it would wait."""
        raw = secure = None
        self.error = None
        try:
            sock.setblocking(False)
            raw = _Raw(sock)
            self._more()
            secure = context.wrap_socket(
                raw, server_side=True, do_handshake_on_connect=False, server_hostname=peer
            )
            yield from self._messages(raw, secure)
        except (OSError, ValueError, MemoryError) as error:
            self.error = error if isinstance(error, MemoryError) else streams.explain(error)
        finally:
            self.responder.wipe()
            for each in (secure, raw, sock):
                try:
                    if each is not None:
                        each.close()
                except OSError:
                    pass  # the peer may be gone; what counts is that our side is closed

    def _messages(self, raw, secure):
        responder = self.responder
        request = memoryview(responder.buf)
        for _ in range(_MESSAGES):
            if not (yield from self._moved(raw, secure.readinto, request[:_HEADER], True)):
                return
            size = responder.length()
            if size:
                yield from self._moved(raw, secure.readinto, request[_HEADER:size])
            answer = memoryview(responder.out)[: responder.answer(size)]
            responder.wipe()
            self._more()
            yield from self._moved(raw, secure.write, answer)
            if not size:
                return  # what follows is no message's beginning

    def _moved(self, raw, move, buf, may_end=False):
        # All of `buf` read or written: True; False at an end that may be.
        at = 0
        while at < len(buf):
            raw.turn = _TURN
            count = move(buf[at:])
            if count is None:
                if ticks_diff(self._until, ticks_ms()) <= 0:
                    raise OSError(ETIMEDOUT)
                yield
            elif not count:
                if at or not may_end:
                    raise OSError(ECONNRESET)
                return False
            else:
                at += count
        return True

    def _more(self):
        self._until = ticks_add(ticks_ms(), self._timeout)

    def close(self):
        """Listen no more."""
        self._sock.close()
