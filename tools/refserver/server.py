"""The server: mutual TLS on a TCP port, a thread for each connection, an Engine behind it."""

import contextlib
import socket
import ssl
import sys
import threading
import time
import traceback

from cryptography import x509

from . import trace
from .authority import METER_CA
from .certificates import common_names, fingerprint
from .engine import Engine
from .errors import KmipError, invalid_message
from .faults import Faults
from .message import OLDEST, refusal
from .setup import SERVER_CERT, SERVER_KEY

DEFAULT_PORT = 5696


class Counters:
    """What the server has seen so far."""

    def __init__(self):
        self._lock = threading.Lock()
        self.connections = 0  # accepted by TCP
        self.handshakes = 0  # of these, finished TLS handshakes
        self.refused = 0  # failed handshakes and connections over the cap
        self.requests = 0
        self.bytes_in = 0  # of KMIP messages, without TLS
        self.bytes_out = 0

    def add(self, **numbers):
        with self._lock:
            for name, number in numbers.items():
                setattr(self, name, getattr(self, name) + number)


class Server:
    """A reference server on its own threads.

    with Server("state") as server:
        ... server.port, server.engine, server.faults, server.counters ...

    verbose  0 quiet, 1 one line a request, 2 also hex and the decoded tree
    log      takes one line (default: standard error)
    Times are in seconds. Other keyword arguments go to the Engine.
    """

    def __init__(self, state_dir, host="127.0.0.1", port=0, verbose=0, log=None,
                 max_connections=64, max_request=1 << 20, handshake_timeout=10, idle_timeout=300,
                 io_timeout=30, **engine_options):
        self.engine = Engine(state_dir, **engine_options)
        self.host = host
        self.port = port
        self.faults = Faults()
        self.counters = Counters()
        self._verbose = verbose
        self._log_line = log or (lambda line: print(line, file=sys.stderr, flush=True))
        self._max_connections = max_connections
        self._max_request = max_request
        self._handshake_timeout = handshake_timeout
        self._idle_timeout = idle_timeout
        self._io_timeout = io_timeout
        self.engine.unexpected = lambda error: self._log(
            0, "internal error\n" + "".join(traceback.format_exception(error)))
        self._context = _tls_context(self.engine.folder)
        self._listener = None
        self._threads = set()
        self._sockets = set()
        self._lock = threading.Lock()
        self._stopping = False

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc):
        self.stop()

    def start(self):
        """Listen and serve; returns at once, with `port` set."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        self._listener = socket.socket(family, socket.SOCK_STREAM)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._listener.bind((self.host, self.port))
            self._listener.listen(64)
            self._listener.settimeout(0.5)  # not every system wakes accept() when it is closed
        except OSError:
            self._listener.close()
            self.engine.close()
            raise
        self.port = self._listener.getsockname()[1]
        self._spawn(self._accept_loop)
        return self

    def reload(self):
        """Read the CAs and the server's certificate anew, for new connections."""
        self._context = _tls_context(self.engine.folder)
        self.engine.reload()

    def stop(self):
        """Close every connection and wait for the threads."""
        self._stopping = True
        self.faults.stop()
        with self._lock:
            sockets = list(self._sockets) + [self._listener]
            threads = list(self._threads)
        for sock in sockets:
            _shut(sock)
        for thread in threads:
            thread.join(5)
        self.engine.close()

    def _log(self, level, line):
        if self._verbose >= level:
            self._log_line(line)

    def _spawn(self, function, *args):
        def run():
            try:
                function(*args)
            finally:
                with self._lock:
                    self._threads.discard(thread)

        thread = threading.Thread(target=run, daemon=True)
        with self._lock:  # stop() must not see one that cannot be joined yet
            thread.start()
            self._threads.add(thread)

    def _accept_loop(self):
        while not self._stopping:
            try:
                sock, address = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:
                if self._stopping:
                    return
                time.sleep(0.05)  # out of descriptors, say: do not spin
                continue
            self.counters.add(connections=1)
            peer = "%s:%d" % address[:2]
            with self._lock:
                full = len(self._sockets) >= self._max_connections
                if not full:
                    self._sockets.add(sock)
            if full:
                self.counters.add(refused=1)
                self._log(1, "%s refused: %d connections already" % (peer, self._max_connections))
                _shut(sock)
                continue
            self._spawn(self._connection, sock, peer)

    def _connection(self, sock, peer):
        tls = None
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(self._handshake_timeout)
            tls = self._context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
            with self._lock:
                self._sockets.discard(sock)
                self._sockets.add(tls)
            try:
                tls.do_handshake()
            except (OSError, ValueError) as error:
                self.counters.add(refused=1)
                self._log(1, "%s TLS handshake failed: %s" % (peer, error))
                linger(tls)
                return
            self.counters.add(handshakes=1)
            self._serve(tls, self._identify(tls, peer), peer)
        except Exception:
            # A defect: told even when quiet, and this connection ends. Tracebacks hold no values.
            self._log(0, "%s internal error\n%s" % (peer, traceback.format_exc()))
        finally:
            with self._lock:
                self._sockets.discard(sock)
                self._sockets.discard(tls)
            _shut(tls or sock)

    def _identify(self, tls, peer):
        """The Identity of the peer's certificate: valid now, exactly one CN, in the table.

        TLS has verified the certificate; its dates are looked at again because a resumed session
        does not.
        """
        der = tls.getpeercert(binary_form=True)
        certificate = x509.load_der_x509_certificate(der)
        names = common_names(certificate.subject)
        if certificate.not_valid_after_utc.timestamp() < time.time():
            self._log(1, "%s: the client certificate has expired" % peer)
            return None
        if len(names) != 1:
            self._log(1, "%s: the client certificate has %d CNs" % (peer, len(names)))
            return None
        return self.engine.identify(names[0], fingerprint(der), certificate.issuer)

    def _serve(self, tls, identity, peer):
        while not self._stopping:
            try:
                request = self._read_request(tls)
            except KmipError as error:
                self._send(tls, refusal(OLDEST, self.engine.now(), error))
                self._log(1, "%s refused: %s" % (peer, error.message))
                return
            except OSError as error:
                self._log(1, "%s read failed: %s" % (peer, error))
                return
            if request is None or not self._answer(tls, request, identity, peer):
                return

    def _answer(self, tls, request, identity, peer):
        """Handle one request and send the answer; whether the connection goes on."""
        started = time.monotonic()
        fault = self.faults.take(request)
        self.counters.add(requests=1, bytes_in=len(request))
        if fault is not None and fault.lose:
            return False
        outcome = self.engine.process(request, identity)
        response, close = outcome.response, outcome.close
        if fault is not None:
            response, close = self.faults.distort(fault, request, response)
        sent = self._send(tls, response)
        who = "%s %s" % (peer, identity or "unknown device")
        self._log(1, trace.request_line(
            who, outcome, len(request), len(response), (time.monotonic() - started) * 1000))
        if self._verbose >= 2:
            for line in trace.dump("request", request) + trace.dump("response", response):
                self._log(2, line)
        return sent and not close

    def _send(self, tls, data):
        tls.settimeout(self._io_timeout)
        try:
            tls.sendall(data)
        except OSError:
            return False
        self.counters.add(bytes_out=len(data))
        return True

    def _read_request(self, tls):
        """One whole message; None where the peer closed before one began.

        The header is judged before anything is read behind it, and the whole message has one
        deadline, however the bytes trickle in.
        """
        tls.settimeout(self._idle_timeout)
        first = tls.recv(1)
        if not first:
            return None
        deadline = time.monotonic() + self._io_timeout
        header = first + _read_exactly(tls, 7, deadline)
        length = int.from_bytes(header[4:8], "big")
        if header[:4] != b"\x42\x00\x78\x01":
            raise invalid_message("the message does not begin with a Request Message")
        if length % 8:
            raise invalid_message("the message's length %d is no multiple of 8" % length)
        if length + 8 > self._max_request:
            raise invalid_message("a request of %d bytes; this server takes %d at most"
                                  % (length + 8, self._max_request))
        return header + _read_exactly(tls, length, deadline)


def _read_exactly(tls, count, deadline):
    data = bytearray()
    while len(data) < count:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the request did not arrive in time")
        tls.settimeout(left)
        part = tls.recv(min(count - len(data), 65536))
        if not part:
            raise ConnectionError("the peer closed within a request")
        data += part
    return bytes(data)


def _tls_context(folder):
    """TLS 1.2 and 1.3; the client must show a certificate of the meter CA."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(folder / SERVER_CERT, folder / SERVER_KEY)
    context.load_verify_locations(folder / (METER_CA + ".crt"))
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_TICKET
    context.num_tickets = 0  # every connection shows its certificate
    return context


def linger(sock, limit=2):
    """End a connection so that what was sent last arrives: closed with bytes unread, TCP would throw the
    TLS alert away that tells the peer why."""
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_WR)
        deadline = time.monotonic() + limit
        sock.settimeout(limit)
        while time.monotonic() < deadline and sock.recv(4096):
            pass


def _shut(sock):
    if sock is None:
        return
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    with contextlib.suppress(OSError):
        sock.close()
