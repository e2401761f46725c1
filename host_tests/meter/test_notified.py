"""The meter told by the key server, on both Unix ports: it renews, it changes its key, and strangers cannot
keep it from its work."""

import contextlib
import json
import socket
import threading
import time
from types import SimpleNamespace

import pytest
from cryptography import x509
from ports import FIRMWARE
from waiting import reserve

from meter.notified import Told
from tools.billing import Billing
from tools.provision import CONFIG, main, provision
from tools.refserver import Server, init, operator, ttlv
from tools.refserver.enums import LinkType, Operation
from tools.refserver.notifier import Peer
from tools.refserver.tags import Tag as T

DEVICE = "meter-0001"
SCRIPT = "from meter.main import main; main(%r)"
MOST = 240  # seconds: on a busy machine the 32-bit port takes its time over a signature


class Utility:
    """A key server, a billing end point, and a meter that listens, running on a port of MicroPython."""

    def __init__(self, tmp_path, port):
        self.state = tmp_path / "state"
        self.folder = tmp_path / DEVICE
        init(self.state, life=6000)
        self.reserved = reserve()
        self.at = self.reserved.getsockname()
        self.config = provision(self.state, DEVICE, self.folder, usage_total=100000, listen=self.at)
        self.lines = []
        self.server = Server(self.state, notifier={"first": 1, "every": 0.05, "timeout": 6}, verbose=1,
                             log=self.lines.append)
        self.billing = Billing(self.server.engine, {DEVICE: self.config["key_uid"]})
        self.port = port
        self.process = None

    def __enter__(self):
        self.server.__enter__()
        self.billing.__enter__()
        path = self.folder / CONFIG
        kept = json.loads(path.read_text())
        kept.update(
            port=self.server.port, report_every=1, timeout=6,
            billing={"host": "127.0.0.1", "port": self.billing.port, "name": "localhost", "path": "/reports"},
            renewal={"retry_first": 1, "window": 0})
        path.write_text(json.dumps(kept))
        self.process = self.port.start(["-c", SCRIPT % str(self.folder)], path=[FIRMWARE])
        return self

    def __exit__(self, *exc):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.billing.__exit__()
        self.server.__exit__()
        self.reserved.close()

    def until(self, condition):
        deadline = time.monotonic() + MOST
        while not condition():
            assert self.process.poll() is None and time.monotonic() < deadline, \
                self.output()[:2000] + self.log()
            time.sleep(0.05)

    def output(self):
        """All that it has printed; it is stopped."""
        self.process.kill()
        return self.process.communicate()[0]

    def log(self):
        return "\n".join(self.lines[:40])

    def reported(self, more=2):
        """Until some more reports have come; the serial number of the last one's certificate."""
        count = len(self.billing.reports) + more
        self.until(lambda: len(self.billing.reports) >= count)
        return self.billing.reports[-1].certificate.serial_number

    def told(self):
        return self.server.notifier.counters.told


def test_the_certificate_is_replaced(port, tmp_path):
    with Utility(tmp_path, port) as utility:
        first = utility.reported()
        engine = utility.server.engine
        uid = operator.replace(engine, utility.config["cert_uid"])
        utility.until(lambda: utility.billing.reports[-1].certificate.serial_number != first)
        utility.reported()
        assert utility.told() >= 1
        with engine.store.transaction(write=False) as txn:
            material = txn.load(uid).material
            assert not txn.load(uid).links(LinkType.REPLACEMENT_OBJECT_LINK)  # and no more than the one
        used = utility.billing.reports[-1].certificate
        assert used == x509.load_der_x509_certificate(material.value[1].value)
        output = utility.output()
    assert "the key server tells of %s: renew" % utility.config["cert_uid"] in output
    assert output.count("KEYED -> ASKED") == 1 and "TRIAL -> STABLE (proved)" in output


def test_the_key_is_revoked(port, tmp_path):
    with Utility(tmp_path, port) as utility:
        utility.reported()
        before = utility.billing.reports[-1].certificate.public_key()
        operator.withdraw(utility.server.engine, utility.config["public_key_uid"])
        utility.until(lambda: utility.billing.reports[-1].certificate.public_key() != before)
        utility.reported()
        output = utility.output()
    assert "the key server tells of %s: rotate" % utility.config["public_key_uid"] in output


def test_a_flood_of_notices_does_not_keep_it_from_renewing(port, tmp_path):
    # The key server itself, one connection after the other with as many messages as the meter takes.
    with Utility(tmp_path, port) as utility:
        first = utility.reported()
        notifier = utility.server.notifier
        told = ttlv.structure(
            T.REQUEST_PAYLOAD, ttlv.text(T.UNIQUE_IDENTIFIER, utility.config["cert_uid"]),
            ttlv.structure(T.ATTRIBUTE, ttlv.text(T.ATTRIBUTE_NAME, "State"),
                           ttlv.enumeration(T.ATTRIBUTE_VALUE, 3)))
        counts = [0, 0]  # connections, answers
        ended = threading.Event()

        def flood():
            while not ended.is_set():
                with contextlib.suppress(OSError, ValueError, Peer), \
                        socket.create_connection(utility.at, 60) as raw, \
                        notifier._context.wrap_socket(raw) as tls:
                    counts[0] += 1
                    while not ended.is_set():
                        notifier._exchange(tls, 14, Operation.NOTIFY, told)
                        counts[1] += 1

        thread = threading.Thread(target=flood, daemon=True)
        thread.start()
        try:
            utility.until(lambda: utility.billing.reports[-1].certificate.serial_number != first)
            utility.until(lambda: counts[0] > 2)
            utility.reported()
        finally:
            ended.set()
        output = utility.output()
        thread.join(10)
    assert counts[1] > 20 and output.count("KEYED -> ASKED") == 1, output
    assert "TRIAL -> STABLE (proved)" in output and "Traceback" not in output


def test_strangers_do_not_keep_it_from_its_work(port, tmp_path):
    with Utility(tmp_path, port) as utility:
        utility.reported()
        sockets = []
        for _ in range(5):
            with contextlib.suppress(OSError):
                sockets.append(socket.create_connection(utility.at, 1))
            time.sleep(0.2)
        utility.reported(4)  # while one of them is waited for, the others wait
        for sock in sockets:
            sock.close()
        output = utility.output()
    assert "told: " in output and "Traceback" not in output


def test_told_again_after_a_clock_that_was_far_ahead():
    # Asked for at a moment that never was, which the server said: not deaf until then.
    asked = []
    agent = SimpleNamespace(
        own=lambda: SimpleNamespace(uid="cert-1", public_uid="key-1"), state="STABLE", request=asked.append)
    clock = SimpleNamespace(now=lambda: 1 << 33)
    told = Told(SimpleNamespace(agent=agent, clock=clock, log=print, called=False))
    for now, count in ((1 << 33, 1), (1 << 30, 2), ((1 << 30) + 9, 2), ((1 << 30) + 9999, 3)):
        clock.now = lambda now=now: now
        told.notify("cert-1", [("State", 0, 4)])
        assert asked == ["renew"] * count


def test_a_meter_that_does_not_listen_has_no_port(tmp_path):
    init(tmp_path / "state")
    config = provision(tmp_path / "state", DEVICE, tmp_path / DEVICE)
    assert "listen" not in config


def test_provisioned_to_listen(tmp_path, capsys):
    init(tmp_path / "state")
    arguments = ["--state", str(tmp_path / "state"), "--device", DEVICE, "--out", str(tmp_path / DEVICE)]
    for wrong in ("nonsense", "5697", "127.0.0.1:99999"):
        with pytest.raises(SystemExit):
            main([*arguments, "--listen", wrong])
        assert "HOST:PORT" in capsys.readouterr().err
    assert not (tmp_path / DEVICE).exists()
    assert main([*arguments, "--listen", "127.0.0.1:5697"]) == 0
    assert json.loads((tmp_path / DEVICE / CONFIG).read_text())["listen"] == {"port": 5697}
    certificate = x509.load_der_x509_certificate((tmp_path / DEVICE / "cert.der").read_bytes())
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert x509.oid.ExtendedKeyUsageOID.SERVER_AUTH in usage
    server = Server(tmp_path / "state")
    with server.engine.store.transaction(write=False) as txn:
        assert txn.endpoint(DEVICE).port == 5697 and not txn.notices()
    server.engine.close()
