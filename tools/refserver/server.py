"""The server: mutual TLS on a TCP port, a thread for each connection, an Engine behind it."""

import contextlib
import resource
import socket
import sys
import threading
import time
import traceback

from cryptography import x509

from . import trace
from .bindings import Limits, Messages, Refused
from .certificates import common_names, fingerprint
from .check import check
from .contexts import server_side
from .engine import Engine
from .faults import Faults
from .https import Https
from .notifier import Notifier
from .setup import SERVER_CERT, SERVER_KEY
from .threads import Threads

DEFAULT_PORT = 5696
CONNECTIONS = 600  # at once; a thread and a descriptor each
_OTHER_FILES = 128  # descriptors for all else: the store's connections, listeners, standard streams


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

    https    (host, port) of a second port, which speaks HTTPS: then `https_port`
    verbose  0 quiet, 1 one line a request, 2 also hex and the decoded tree
    log      takes one line (default: standard error)
    notifier keyword arguments of the Notifier, which tells devices of changes
    Times are in seconds. Other keyword arguments go to the Engine.
    """

    def __init__(self, state_dir, host="127.0.0.1", port=0, https=None, verbose=0, log=None,
                 max_connections=CONNECTIONS, max_request=1 << 20, handshake_timeout=10, idle_timeout=300,
                 io_timeout=30, notifier=None, **engine_options):
        _make_room(max_connections)
        self.engine = Engine(state_dir, **engine_options)
        try:
            check(self.engine.store)
        except ValueError:
            self.engine.close()
            raise
        self.host = host
        self.port = port
        self.https = https
        self.https_port = None
        self.faults = Faults()
        self.counters = Counters()
        self._verbose = verbose
        self._log_line = log or (lambda line: print(line, file=sys.stderr, flush=True))
        self._max_connections = max_connections
        self._handshake_timeout = handshake_timeout
        self._limits = Limits(max_request, idle_timeout, io_timeout)
        self.engine.unexpected = lambda error: self._log(
            0, "internal error\n" + "".join(traceback.format_exception(error)))
        self._context = server_side(self.engine, SERVER_CERT, SERVER_KEY)
        self.notifier = Notifier(self.engine, lambda line: self._log(1, line), **(notifier or {}))
        self._listeners = []
        self._threads = Threads()
        self._sockets = set()
        self._lock = threading.Lock()
        self._stopping = False
        self._told = None  # when the log had it last that there are too many connections

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc):
        self.stop()

    def start(self):
        """Listen and serve; returns at once, with `port` set."""
        try:
            self.port = self._listen(self.host, self.port, Messages)
            if self.https is not None:
                self.https_port = self._listen(*self.https, Https)
        except OSError:
            self.stop()
            raise
        self.notifier.start()
        return self

    def _listen(self, host, port, binding):
        """Accept connections there, on a thread; the port."""
        listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        self._listeners.append(listener)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(64)
        listener.settimeout(0.5)  # not every system wakes accept() when it is closed
        self._threads.spawn(self._accept_loop, listener, binding)
        return listener.getsockname()[1]

    def reload(self):
        """Read the CAs and the server's certificate anew, for new connections."""
        self._context = server_side(self.engine, SERVER_CERT, SERVER_KEY)
        self.engine.reload()
        self.notifier.reload()

    def stop(self):
        """Close every connection and wait for the threads."""
        self._stopping = True
        self.faults.stop()
        with self._lock:
            sockets = list(self._sockets) + self._listeners
        for sock in sockets:
            _shut(sock)
        self._threads.join(5)
        self.notifier.stop()
        self.engine.close()

    def _log(self, level, line):
        if self._verbose >= level:
            self._log_line(line)

    def _accept_loop(self, listener, binding):
        while not self._stopping:
            try:
                sock, address = listener.accept()
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
                quiet = self._told is not None and time.monotonic() < self._told + 60
                if not quiet:
                    self._told = time.monotonic()
                self._log(1 if quiet else 0, "%s refused: there are %d connections, and no more are served"
                          % (peer, self._max_connections))
                _shut(sock)
                continue
            self._threads.spawn(self._connection, sock, peer, binding)

    def _connection(self, sock, peer, binding):
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
            self._serve(
                tls, self._identify(tls, peer), peer, binding(tls, self._limits, self.engine.now))
        except Exception:
            # A defect: told even when quiet, and this connection ends. Tracebacks hold no values.
            self._log(0, "%s internal error\n%s" % (peer, traceback.format_exc()))
        finally:
            with self._lock:
                self._sockets.discard(sock)
                self._sockets.discard(tls)
            _shut(tls or sock)

    def _identify(self, tls, peer):
        """The Identity of the peer's certificate, which TLS has verified: exactly one CN, in the table."""
        der = tls.getpeercert(binary_form=True)
        certificate = x509.load_der_x509_certificate(der)
        names = common_names(certificate.subject)
        if len(names) != 1:
            self._log(1, "%s: the client certificate has %d CNs" % (peer, len(names)))
            return None
        return self.engine.identify(
            names[0], fingerprint(der), certificate.issuer, certificate.not_valid_after_utc.timestamp())

    def _serve(self, tls, identity, peer, binding):
        while not self._stopping:
            try:
                request = binding.read()
            except Refused as error:
                self._send(tls, error.answer)
                self._log(1, "%s refused: %s" % (peer, error))
                linger(tls)
                return
            except OSError as error:
                self._log(1, "%s read failed: %s" % (peer, error))
                return
            if request is None or not self._answer(tls, request, identity, peer, binding):
                return

    def _answer(self, tls, request, identity, peer, binding):
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
        close = close or binding.ends
        sent = self._send(tls, binding.wrap(response, close))
        if sent:
            self.counters.add(bytes_out=len(response))
        who = "%s %s" % (peer, identity or "unknown device")
        self._log(1, trace.request_line(
            who, outcome, len(request), len(response), (time.monotonic() - started) * 1000))
        if self._verbose >= 2:
            for line in trace.dump("request", request) + trace.dump("response", response):
                self._log(2, line)
        return sent and not close

    def _send(self, tls, data):
        tls.settimeout(self._limits.io_timeout)
        try:
            tls.sendall(data)
        except OSError:
            return False
        return True


def _make_room(connections):
    """Descriptors for so many connections; ValueError where the system gives fewer."""
    wanted = connections + _OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        if hard != resource.RLIM_INFINITY and hard < wanted:
            raise ValueError("%d connections want %d file descriptors, and the limit is %d (ulimit -n)"
                             % (connections, wanted, hard))
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


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
