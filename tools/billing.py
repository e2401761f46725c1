"""The billing end point: takes sealed usage reports over mutual TLS, for tests and demonstrations.

    python -m tools.billing --state state --listen 127.0.0.1:8443

    POST /reports: 1 byte header length, header (JSON: device, boot, sequence), IV, ciphertext, MAC;
    the last three are left out by a meter that has no leave to use its key

It answers 204 for a report that is new, unsealed with the device's key and came under that device's
certificate, 403 where the certificate is another's, 400 for anything else. Its key table is the key
server's own store: in a utility it would be one more client of the key server. The command prints a line a
report; its certificate is made in the state folder at the first start, and anew for another name.
"""

import argparse
import hashlib
import hmac
import http.server
import json
import signal
import sqlite3
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.x509.oid import NameOID

from .address import address
from .refserver.authority import SERVER_CA, Authority
from .refserver.certificates import fingerprint
from .refserver.contexts import server_side
from .refserver.direct import Direct, attribute, name_item, payload_of
from .refserver.engine import Engine
from .refserver.enums import Operation
from .refserver.errors import KmipError
from .refserver.server import linger
from .refserver.setup import issue_server, server_names
from .refserver.tags import Tag as T
from .refserver.ttlv import text

STEM = "billing"
_LONGEST = 4096
_TIMEOUT = 10


@dataclass
class Report:
    """A report that was accepted, and the certificate that it came under."""

    device: str
    boot: int
    sequence: int
    wh: int | None  # None: the meter had no leave to seal its register's reading
    certificate: x509.Certificate
    when: float


class Refused(Exception):
    """A report that is not accepted: an HTTP status, and why."""


def unseal(key, header, sealed):
    """The text of a sealed report; Refused where its MAC is not right."""

    def derive(label):
        return hmac.digest(key, label, hashlib.sha256)

    body, mac = sealed[:-32], sealed[-32:]
    expected = hmac.digest(derive(b"authenticate"), header + body, hashlib.sha256)
    if len(body) < 32 or len(body) % 16 or not hmac.compare_digest(mac, expected):
        raise Refused(400, "the seal is broken")
    cipher = Cipher(algorithms.AES(derive(b"encrypt")), modes.CBC(body[:16])).decryptor()
    padded = cipher.update(body[16:]) + cipher.finalize()
    return padded[: -padded[-1]]


class Billing:
    """Runs the end point on its own threads; `reports` holds what it accepted, in order.

    engine  the key server's, for the devices' keys; `keys` maps a device to its key's identifier; None: what
            provisioning named "DEVICE/usage"
    log     called with a line for each report and each refusal
    timeout seconds that a meter has for its handshake and its report
    """

    def __init__(self, engine, keys=None, host="127.0.0.1", port=0, name="localhost", log=lambda line: None,
                 timeout=_TIMEOUT):
        self.engine = engine
        self.keys = keys
        self.log = log
        self.reports = []
        self.refused = []
        self._seen = set()
        folder = Path(engine.folder)
        if not _named(folder / (STEM + ".crt"), name):
            issue_server(folder, Authority.load(folder, SERVER_CA, engine.vault), server_names(name),
                         int(time.time()), engine.vault, STEM)
        context = server_side(engine, STEM + ".crt", STEM + ".key")
        self._server = _Server((host, port), _handler(self, timeout), context, timeout)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exc):
        self._server.shutdown()
        self._server.server_close()

    def reload(self):
        """Read the meter CA and the certificate of its own anew, for new connections."""
        self._server.context = server_side(self.engine, STEM + ".crt", STEM + ".key")

    def key_of(self, device):
        """The device's key, got from the key server in its name."""
        if self.keys is not None and device not in self.keys:
            raise Refused(403, "no such device")
        direct = Direct(self.engine, self.engine.identify(device))
        if self.keys is None:
            name = attribute("Name", name_item(device + "/usage"))
            found = payload_of(direct.send((Operation.LOCATE, [name])).find(T.BATCH_ITEM))
            uid = found.find(T.UNIQUE_IDENTIFIER)
            if uid is None:
                raise Refused(403, "no key of this device")
            uid = uid.value
        else:
            uid = self.keys[device]
        got = direct.send((Operation.GET, [text(T.UNIQUE_IDENTIFIER, uid)]))
        block = payload_of(got.find(T.BATCH_ITEM)).find(T.SYMMETRIC_KEY).find(T.KEY_BLOCK)
        return block.find(T.KEY_VALUE).find(T.KEY_MATERIAL).value

    def accept(self, body, certificate):
        """Take a report's body under a client certificate (DER); Refused where it is not accepted."""
        if not body or len(body) < 1 + body[0]:
            raise Refused(400, "cut short")
        header = body[1 : 1 + body[0]]
        try:
            told = json.loads(header)
            device, boot, sequence = told["device"], int(told["boot"]), int(told["sequence"])
        except (ValueError, KeyError, TypeError, OverflowError):
            raise Refused(400, "no report") from None
        peer = x509.load_der_x509_certificate(certificate)
        names = [item.value for item in peer.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        if names != [device]:
            raise Refused(403, "the certificate is not the device's")
        if not self.engine.accepts(self.engine.identify(device, fingerprint(certificate), peer.issuer)):
            raise Refused(403, "the device or its certificate is revoked")
        sealed = body[1 + body[0] :]
        # A meter whose key's allocation is used up still says that it is there, and seals nothing.
        usage = json.loads(unseal(self.key_of(device), header, sealed)) if sealed else {"wh": None}
        if (device, boot, sequence) in self._seen:
            raise Refused(400, "seen before")
        self._seen.add((device, boot, sequence))
        self.reports.append(
            Report(device, boot, sequence, usage["wh"], peer, time.time()))
        self.log("%s: report %d of boot %d: %s, under certificate %X" % (
            device, sequence, boot, "no reading" if usage["wh"] is None else "%d Wh" % usage["wh"],
            peer.serial_number))


def _named(path, name):
    """Whether there is a certificate, and it bears this name."""
    if not path.exists():
        return False
    extensions = x509.load_pem_x509_certificate(path.read_bytes()).extensions
    names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return name in [str(entry.value) for entry in names]


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # connections that wait to be accepted

    def __init__(self, address, handler, context, timeout):
        super().__init__(address, handler)
        self.context = context
        self._timeout = timeout

    def finish_request(self, request, client_address):
        # The handshake is the connection's own thread's, so that a slow peer holds nobody up.
        request.settimeout(self._timeout)
        secure = self.context.wrap_socket(request, server_side=True, do_handshake_on_connect=False)
        try:
            secure.do_handshake()
        except OSError:
            linger(secure)
        else:
            super().finish_request(secure, client_address)
        finally:
            secure.close()

    def handle_error(self, request, client_address):
        pass  # a peer that went away is no news


def _handler(billing, seconds):
    class Handler(http.server.BaseHTTPRequestHandler):
        timeout = seconds

        def do_POST(self):
            try:
                length = self.headers.get("Content-Length", "")
                length = int(length) if length.isascii() and length.isdigit() else 0
                if self.path != "/reports" or not 0 < length <= _LONGEST:
                    raise Refused(400, "no report")
                billing.accept(self.rfile.read(length), self.connection.getpeercert(True))
                self._answer(204)
            except Refused as refusal:
                self._refuse(*refusal.args)
            except KmipError as error:  # the key server does not give the device's key
                self._refuse(403, str(error))

        def _refuse(self, status, why):
            billing.refused.append((status, why))
            billing.log("refused with %d: %s" % (status, why))
            self._answer(status)

        def _answer(self, status):
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()
            self.close_connection = True

        def log_message(self, *args):
            pass

    return Handler


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m tools.billing", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--state", required=True, help="the key server's state folder")
    parser.add_argument("--listen", type=address, default=("127.0.0.1", 8443), metavar="HOST:PORT",
                        help="(default 127.0.0.1:8443; port 0 takes a free one)")
    parser.add_argument("--name", default="localhost", help="the name in its certificate (default localhost)")
    arguments = parser.parse_args(argv)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    try:
        engine = Engine(arguments.state)
        try:
            host, port = arguments.listen
            with Billing(engine, None, host, port, arguments.name,
                         lambda line: print(line, flush=True)) as billing:
                print("listening on %s:%d" % (host, billing.port), flush=True)
                while not ended.wait(0.5):
                    pass
        finally:
            engine.close()
    except (OSError, ValueError, KmipError, sqlite3.Error) as error:
        print("billing: %s" % error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
