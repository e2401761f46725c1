"""Sends devices what notices.py has noted: the server is the TLS client, with its own certificate.

One thread looks for what is due; each device that is to be told gets a thread of its own for that, a few at a
time, so that one that is slow or away holds up neither the others nor the server's service.
"""

import socket
import threading
import time

from cryptography import x509

from . import notices, ttlv
from .bindings import read_exactly
from .certificates import common_names, fingerprint
from .contexts import client_side
from .direct import request
from .enums import Operation, ResultStatus
from .setup import SERVER_CERT, SERVER_KEY
from .tags import Tag as T
from .threads import Threads

AT_ONCE = 8  # devices
LONGEST = 8192  # bytes of an answer


class Counters:
    """What came of it so far: messages."""

    def __init__(self):
        self.told = 0  # answered with success
        self.refused = 0  # answered with an error, which is not tried again
        self.failed = 0  # tries that brought no answer
        self.given_up = 0


class Peer(Exception):
    """Why the one at a device's end point is not taken for the device, or what it sends for an answer."""


class Notifier:
    """Started and stopped by Server.

    timeout  seconds for a connection, a handshake, an exchange
    first    seconds before the second try; each one later waits twice as long, up to `most`
    tries    after so many a notice is given up
    """

    def __init__(self, engine, log, timeout=10, first=2, most=3600, tries=12, every=0.2):
        self.counters = Counters()
        self._engine = engine
        self._log = log
        self._timeout = timeout
        self._first = first
        self._most = most
        self._tries = tries
        self._every = every
        self._busy = set()  # devices
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._threads = Threads()
        self._context = client_side(engine, SERVER_CERT, SERVER_KEY)

    def start(self):
        self._threads.spawn(self._look)

    def stop(self):
        self._stopping.set()
        self._threads.join(self._timeout + 5)

    def reload(self):
        """Read the meter CA and the server's certificate anew, for new connections."""
        self._context = client_side(self._engine, SERVER_CERT, SERVER_KEY)

    def _look(self):
        while not self._stopping.wait(self._every):
            try:
                with self._engine.store.transaction(write=False) as txn:
                    due = txn.devices_to_tell(time.time())
            except Exception as error:
                self._engine.unexpected(error)
                continue
            for device in due:
                with self._lock:
                    if device in self._busy or len(self._busy) >= AT_ONCE:
                        continue
                    self._busy.add(device)
                self._threads.spawn(self._tell, device)

    def _tell(self, device):
        try:
            self._tell_all(device)
        except Exception as error:
            self._engine.unexpected(error)
        finally:
            with self._lock:
                self._busy.discard(device)

    def _tell_all(self, device):
        """Everything that is noted for a device, in order, until there is nothing more or it fails."""
        connection = None
        try:
            while not self._stopping.is_set():
                now = self._engine.now()
                with self._engine.store.transaction() as txn:
                    endpoint = txn.endpoint(device)
                    waiting = txn.notices(device)
                    if not endpoint or not waiting:
                        return
                    notice = waiting[0]
                    payload = notices.put(txn, notice.uid, endpoint.version, now) \
                        if notice.operation == Operation.PUT else ttlv.decode(notice.payload)
                    if payload is None:
                        txn.drop_notice(notice.sequence)
                        continue
                try:
                    if connection is None:
                        connection = self._connect(endpoint)
                    refusal = self._exchange(connection, endpoint.version, notice.operation, payload)
                except (OSError, ValueError, Peer) as error:
                    self._failed(notice, error)
                    return
                self._done(notice, refusal)
        finally:
            if connection is not None:
                connection.close()

    def _done(self, notice, refusal):
        with self._engine.store.transaction() as txn:
            txn.drop_notice(notice.sequence)
        if refusal:
            self.counters.refused += 1
        else:
            self.counters.told += 1
        self._log("%s of %s to %s: %s" % (
            Operation(notice.operation).name, notice.uid, notice.device, refusal or "told"))

    def _failed(self, notice, error):
        last = notice.tries + 1 >= self._tries
        with self._engine.store.transaction() as txn:
            if last:
                txn.drop_notice(notice.sequence)
            else:
                wait = min(self._first * 2 ** notice.tries, self._most)
                txn.retry_notice(notice.sequence, time.time() + wait)
        self.counters.failed += 1
        self.counters.given_up += last
        self._log("%s of %s to %s: %s%s" % (
            Operation(notice.operation).name, notice.uid, notice.device, error,
            ", given up" if last else ""))

    def _connect(self, endpoint):
        """A TLS connection to a device, which is the one of the record, and not revoked."""
        raw = socket.create_connection((endpoint.host, endpoint.port), self._timeout)
        try:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            tls = self._context.wrap_socket(raw)
        except BaseException:
            raw.close()
            raise
        try:
            self._check(tls.getpeercert(binary_form=True), endpoint.device)
        except Peer:
            tls.close()
            raise
        return tls

    def _check(self, der, device):
        certificate = x509.load_der_x509_certificate(der)
        names = common_names(certificate.subject)
        identity = len(names) == 1 and self._engine.identify(
            names[0], fingerprint(der), certificate.issuer)
        if not identity or identity.device != device:
            raise Peer("the end point is not the device's, but %s's" % ", ".join(names))
        if not self._engine.accepts(identity):
            raise Peer("the device's certificate is revoked")

    def _exchange(self, tls, version, operation, payload):
        """Send one request; "" where the device has taken it, or what it says against it."""
        deadline = time.monotonic() + self._timeout
        tls.settimeout(self._timeout)
        tls.sendall(request(version, (operation, payload.value)))
        head = read_exactly(tls, 8, deadline)
        length = int.from_bytes(head[4:], "big")
        if head[:4] != b"\x42\x00\x7b\x01" or length > LONGEST:
            raise Peer("the answer is no Response Message")
        return read_answer(ttlv.decode(head + read_exactly(tls, length, deadline)), version, operation)


def read_answer(tree, version, operation):
    """"" for a success, else the Result Reason and Message; Peer for what is no answer to this request."""
    try:
        header, item = tree.value
        told = [each.value for each in header.find(T.PROTOCOL_VERSION).value]
        if header.tag != T.RESPONSE_HEADER or item.tag != T.BATCH_ITEM \
                or header.find(T.BATCH_COUNT).value != 1 or header.find(T.TIME_STAMP) is None:
            raise Peer("the answer is malformed")
        status = item.find(T.RESULT_STATUS).value
        answered = item.find(T.OPERATION)
        if answered is not None and answered.value != operation:
            raise Peer("the answer is to another operation")
        if status == ResultStatus.SUCCESS:
            if answered is None or told != list(divmod(version, 10)):
                raise Peer("a success without its operation, or in another version")
            return ""
        reason = item.find(T.RESULT_REASON).value
        text = item.find(T.RESULT_MESSAGE)
        return "refused, reason %X%s" % (reason, ": " + text.value[:100] if text else "")
    except (AttributeError, TypeError, ValueError):
        raise Peer("the answer is malformed") from None
