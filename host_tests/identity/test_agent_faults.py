"""The renewal agent against the reference server over TLS, through a proxy that cuts or stalls the ciphertext
after any octet, and against a server that sends what it should not.

Each run is one renewal of the same device, from wish to use; the server's store tells how many certificates
it took. FAULTS=all tries every octet, which takes some minutes.
"""

import asyncio
import contextlib
import os
import select
import socket
import sqlite3
import threading
import time

import pytest
from cryptography import x509 as cx509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from identity import p256, x509
from identity.anchors import Anchors
from identity.arunner import arun
from identity.clock import Clock
from identity.renewal import Agent
from identity.runner import run
from identity.slots import Identity, Slots
from meter.aworld import AWorld
from meter.world import World
from tools.provision import provision
from tools.refserver import Server, faults, init, ttlv
from tools.refserver.enums import Operation, ResultReason
from tools.refserver.errors import KmipError
from tools.refserver.tags import Tag as T

DEVICE = "meter-0001"
ALL = os.environ.get("FAULTS") == "all"
STALL = 0.2  # seconds the device waits for an answer, where it is to wait in vain


class Proxy:
    """Passes octets on, in both directions. `plan` maps the number of a connection to (direction, octets,
    how): after so many octets "up" or "down" it closes, resets, or stalls. `seen` counts what passed."""

    def __init__(self, port):
        self.target = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.begin({})
        self.down = False
        self.threads = []
        threading.Thread(target=self._accept, daemon=True).start()

    def begin(self, plan):
        self.plan = plan
        self.count = 0
        self.seen = []

    def stop(self):
        self.listener.close()
        for thread in self.threads:
            thread.join(5)

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if self.down:
                client.close()
                continue
            number = self.count
            self.count += 1
            seen = {"up": 0, "down": 0}
            self.seen.append(seen)
            thread = threading.Thread(
                target=self._pass, args=(client, self.plan.get(number), seen), daemon=True)
            thread.start()
            self.threads = [t for t in self.threads if t.is_alive()] + [thread]

    def _pass(self, client, plan, seen):
        server = socket.create_connection(("127.0.0.1", self.target))
        for sock in (client, server):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        ways = {client: (server, "up"), server: (client, "down")}
        try:
            while True:
                for source in select.select(list(ways), [], [], 30)[0] or [None]:
                    if source is None or not self._some(source, *ways[source], plan, seen, client):
                        return
        except OSError:
            pass
        finally:
            server.close()
            client.close()

    def _some(self, source, sink, direction, plan, seen, client):
        data = source.recv(65536)
        source.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)  # the device waits for it (Nagle)
        if not data:
            return False
        if plan and plan[0] == direction and seen[direction] + len(data) >= plan[1]:
            sink.sendall(data[:plan[1] - seen[direction]])
            if plan[2] == "stall":
                time.sleep(STALL * 1.6)
            elif plan[2] == "reset":
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            return False
        sink.sendall(data)
        seen[direction] += len(data)
        return True


class FastClock(Clock):
    """A clock that need not be waited for."""

    ahead = 0

    def _raw(self):
        return int(time.time()) + self.ahead


async def accepted(identity):
    return "accepted"


class Rig:
    """A server, a proxy before it, and a device that renews again and again; under asyncio from the next boot
    on where `awaited` is set."""

    awaited = False

    def __init__(self, folder):
        self.folder = folder
        init(folder / "state", life=3600)
        self.config = provision(folder / "state", DEVICE, folder / "meter", life=3000, usage_total=1 << 20)
        self.server = Server(folder / "state").start()
        self.server.engine.options.life = 3600
        self.proxy = Proxy(self.server.port)
        self.log = []
        self._bootstrap()
        self.anchors = Anchors(
            str(folder / "anchors"), [self._read("server_ca.der")], [self._read("meter_ca.der")])
        self.boot()
        slots = self.agent.slots
        slots.state["active"] = slots.stage(Identity(
            self._read("key.der"), self._read("cert.der"), self._read("csr.der"), self.config["cert_uid"],
            self.config["public_key_uid"]))
        slots.commit()
        self.boot()
        self.runs = self.orphans = 0
        self.needed = []

    def _read(self, name):
        return (self.folder / "meter" / name).read_bytes()

    def _bootstrap(self):
        engine = self.server.engine
        engine.add_device(DEVICE, DEVICE + "-bootstrap", "bootstrap")
        key = ec.generate_private_key(ec.SECP256R1())
        subject = cx509.Name([cx509.NameAttribute(NameOID.COMMON_NAME, DEVICE + "-bootstrap")])
        certificate = engine.meter_ca.issue_client(subject, key.public_key(), int(time.time()), 86400)
        secret = key.private_numbers().private_value.to_bytes(32, "big")
        point = certificate.public_key().public_numbers()
        point = b"\4" + point.x.to_bytes(32, "big") + point.y.to_bytes(32, "big")
        (self.folder / "boot").mkdir()
        (self.folder / "boot" / "key.der").write_bytes(p256.sec1(secret, point))
        (self.folder / "boot" / "cert.der").write_bytes(certificate.public_bytes(Encoding.DER))

    def stop(self):
        self.proxy.stop()
        self.server.stop()

    def boot(self, timeout=5, **options):
        slots = Slots(str(self.folder / "id"), str(self.folder / "boot"))
        clock = FastClock()
        self.address = {"host": "127.0.0.1", "port": self.proxy.port, "server_name": "localhost",
                        "timeout": timeout, "version": 14}
        self.world = self.blocking(clock)
        if self.awaited:
            self.world = AWorld(self.address, self.anchors, clock, accepted)
        options.setdefault("trial_span", 0)
        self.agent = Agent(
            slots, clock, DEVICE, self.anchors.issuer, ("get", {"uid": self.config["key_uid"]}),
            anchors=self.anchors, log=self.log.append, window=0, **options)

    def blocking(self, clock=None):
        """A World of its own."""
        return World(self.address, self.anchors, clock or self.agent.clock, lambda identity: "accepted",
                     lambda: None)

    def step(self):
        """One job of the agent, without the wait before it."""
        agent = self.agent
        agent.clock.ahead += agent.sleep()
        if self.awaited:
            asyncio.run(arun(agent, self.world))
        else:
            run(agent, self.world)
            self.world.close()
        identity = agent.slots.identity()
        assert p256.read(identity.key)[1] == bytes(x509.Certificate(identity.cert).key)
        secret = p256.read(identity.key)[0].hex()
        assert not any(secret in line for line in self.log[-5:]) and secret not in repr(agent.status())

    def wish(self, mode):
        """Ask for a renewal. Each certificate outlives the one before it by some seconds."""
        self.server.engine.options.life += 20
        self.first = self.agent.slots.using
        self.before = self.certificates()
        self.agent.request(mode)

    def finish(self, most=40, needed=1, orphans=1):
        """Until it is done; looks at how many certificates that took."""
        agent = self.agent
        for tried in range(most):
            if tried == 6:  # on a busy machine not even a handshake comes within STALL
                self.address["timeout"] = 5
            self.step()
            if agent.state == "STABLE" and not agent.slots.state.get("wanted"):
                break
        assert agent.state == "STABLE" and agent.slots.using != self.first, self.log[-12:]
        issued = self.certificates() - self.before
        assert needed <= issued <= needed + orphans, (issued, self.log[-12:])
        self.runs += 1
        self.orphans = max(self.orphans, issued - needed)
        return issued

    def certificates(self):
        with contextlib.closing(sqlite3.connect(self.folder / "state" / "objects.db")) as database:
            return database.execute("SELECT COUNT(*) FROM certificates").fetchone()[0]


@pytest.fixture(scope="module")
def rig(tmp_path_factory):
    rig = Rig(tmp_path_factory.mktemp("faults"))
    yield rig
    print("agent over TLS: %d renewals, most certificates left over: %d" % (rig.runs, rig.orphans))
    rig.stop()


@pytest.fixture(autouse=True)
def clean(rig):
    yield
    rig.server.faults.clear()
    rig.proxy.down = False
    rig.boot()


def measured(rig, mode):
    """What passes in an undisturbed renewal: a list of {"up", "down"} for each connection."""
    rig.proxy.begin({})
    rig.boot()
    rig.wish(mode)
    rig.finish(orphans=0)
    time.sleep(0.05)
    return [dict(seen) for seen in rig.proxy.seen]


def offsets(size, count):
    """Every octet, or so many of them, the last ones among them."""
    if ALL:
        return range(size + 1)
    return sorted({size * n // count for n in range(count)} | {max(0, size - 30), max(0, size - 1), size})


@pytest.mark.parametrize("how", ["close", "reset", "stall"])
@pytest.mark.parametrize("mode", ["renew", "rotate"])
def test_cut_after_any_octet(rig, mode, how):
    passed = measured(rig, mode)
    assert len(passed) == 2
    tried = 0
    count = {"close": 4, "reset": 2, "stall": 1}[how]
    for connection, seen in enumerate(passed):
        for direction in ("up", "down"):
            for at in offsets(seen[direction], count if connection == 0 else count // 2):
                rig.proxy.begin({connection: (direction, at, how)})
                rig.boot(timeout=STALL if how == "stall" else 5)
                rig.wish(mode)
                rig.finish()
                tried += 1
    print("%s, %s: %d cuts of the ciphertext" % (mode, how, tried))
    assert tried >= 10


def test_cut_again_and_again(rig):
    # Every connection of a renewal is cut somewhere, for a while.
    for mode in ("renew", "rotate"):
        for at in (500, 1500, 1900, 2300) if ALL else (500, 2100):
            plan = {n: ("up" if n % 2 else "down", at + 37 * n, "close") for n in range(8)}
            rig.proxy.begin(plan)
            rig.boot()
            rig.wish(mode)
            rig.finish()


ACTIONS = {
    "lost before it is done": {"lose": True},
    "lost when it is done": {"close": True},
    "cut in the header": {"cut": 5},
    "cut in the middle": {"cut": 120},
    "late": {"delay": STALL * 2},
    "malformed": {"replace": faults.malformed()},
    "another version": {"replace": faults.other_version(9, 9)},
    "another operation": {"replace": faults.other_operation(Operation.DESTROY)},
    "too long": {"replace": faults.oversized(4000)},
    "a length that is none": {"replace": faults.claimed_length(0xFFFFFFF8)},
}


@pytest.mark.parametrize("action", ACTIONS)
def test_each_message(rig, action):
    for mode in ("renew", "rotate"):
        for skip in range(4) if ALL else (0, 1, 2):
            rig.boot(timeout=STALL if "delay" in ACTIONS[action] else 5)
            rig.wish(mode)
            rig.server.faults.add(skip=skip, **ACTIONS[action])
            rig.finish()
            rig.server.faults.clear()


def test_each_reason(rig):
    reasons = list(ResultReason)
    for number, reason in enumerate(reasons if ALL else reasons[::14]):
        for mode in ("renew", "rotate") if ALL else (("renew", "rotate")[number % 2],):
            for skip in (0, 1, 2):
                rig.boot()
                rig.wish(mode)
                rig.server.faults.add(skip=skip, replace=faults.wrong_reason(reason))
                rig.finish()
                rig.server.faults.clear()


# Certificates that a hostile server hands out


def forged(rig, kind, good):
    """A certificate of this kind in place of `good`, DER."""
    old = cx509.load_der_x509_certificate(good)
    ca = rig.server.engine.meter_ca
    issuer, signer = ca.certificate.subject, ca._key
    subject, public = old.subject, old.public_key()
    begin, end = old.not_valid_before_utc, old.not_valid_after_utc
    usage = [ExtendedKeyUsageOID.CLIENT_AUTH]
    authority = kind == "an authority"
    if kind == "garbage":
        return b"\x30\x82\x01\x00" + os.urandom(256)
    if kind == "truncated":
        return good[:-40]
    if kind == "wrong key":
        public = ec.generate_private_key(ec.SECP256R1()).public_key()
    elif kind == "foreign subject":
        subject = cx509.Name([cx509.NameAttribute(NameOID.COMMON_NAME, "meter-0002")])
    elif kind == "wrong issuer":
        issuer, signer = cx509.Name([]), ec.generate_private_key(ec.SECP256R1())
    elif kind == "forged issuer":
        signer = ec.generate_private_key(ec.SECP256R1())
    elif kind == "no clientAuth":
        usage = [ExtendedKeyUsageOID.SERVER_AUTH]
    elif kind == "expired":
        end = begin.replace(year=begin.year - 1)
        begin = begin.replace(year=begin.year - 2)
    elif kind == "not yet valid":
        begin, end = begin.replace(year=begin.year + 1), end.replace(year=end.year + 2)
    builder = (
        cx509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(public)
        .serial_number(old.serial_number).not_valid_before(begin).not_valid_after(end)
        .add_extension(cx509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(cx509.ExtendedKeyUsage(usage), critical=False)
        .add_extension(cx509.KeyUsage(True, False, False, False, False, authority, False, False, False),
                       critical=True))
    if kind == "unknown critical":
        builder = builder.add_extension(
            cx509.UnrecognizedExtension(cx509.ObjectIdentifier("1.2.3.4"), b"\5\0"), critical=True)
    return builder.sign(signer, hashes.SHA256()).public_bytes(Encoding.DER)


def handing_out(rig, kind):
    def change(item):
        for sub in item.value:
            if sub.tag == T.CERTIFICATE_VALUE:
                sub.value = forged(rig, kind, sub.value)
            elif sub.type == ttlv.STRUCTURE:
                change(sub)

    def replace(request, response):
        tree = ttlv.decode(response)
        change(tree)
        return ttlv.encode(tree)

    return replace


KINDS = ("wrong key", "foreign subject", "wrong issuer", "forged issuer", "an authority", "no clientAuth",
         "expired", "unknown critical", "garbage", "truncated", "not yet valid")


@pytest.mark.parametrize("kind", KINDS)
def test_hostile_certificate(rig, kind):
    for mode in ("renew", "rotate"):
        rig.boot()
        rig.wish(mode)
        rig.server.faults.add(operation=Operation.GET, replace=handing_out(rig, kind))
        while not rig.agent.slots.state.get("rejects"):
            rig.step()
        assert rig.agent.slots.using == rig.first and rig.agent.alarm
        assert rig.agent.status()["refused"] == [rig.agent.status()["refused"][0]]
        rig.finish(needed=2, orphans=0)


# The server's mind


@contextlib.contextmanager
def refusing(rig, refuses):
    """Authentication Not Successful for the certificates that `refuses` says."""
    engine = rig.server.engine
    check = engine._check_identity

    def checked(identity):
        if identity is not None and refuses(identity):
            raise KmipError(ResultReason.AUTHENTICATION_NOT_SUCCESSFUL, "not this one")
        check(identity)

    engine._check_identity = checked
    try:
        yield
    finally:
        del engine._check_identity


def fingerprint(identity):
    from hashlib import sha256

    return sha256(identity.cert).digest()


@pytest.mark.parametrize("mode", ["renew", "rotate"])
def test_new_identity_refused(rig, mode):
    rig.boot()
    rig.wish(mode)
    old = fingerprint(rig.agent.own())
    with refusing(rig, lambda identity: identity.common_name == DEVICE and identity.fingerprint != old):
        while not rig.agent.slots.state.get("rejects"):
            rig.step()
        assert rig.agent.slots.using == rig.first
        assert "TRIAL -> STABLE (roll back)" in rig.log[-1]
    rig.finish(needed=2, orphans=0)


def test_old_identity_refused(rig):
    rig.boot()
    rig.wish("renew")
    old = fingerprint(rig.agent.own())
    with refusing(rig, lambda identity: identity.fingerprint == old):
        rig.finish(orphans=0)  # by the bootstrap identity, with a new key
    assert any("KEYED -> STABLE" in line or "turned away" in line for line in rig.log)


def test_everybody_refused_for_a_while(rig):
    rig.boot()
    rig.wish("renew")
    with refusing(rig, lambda identity: True):
        for _ in range(12):
            rig.step()
        assert rig.agent.slots.using == rig.first and rig.certificates() == rig.before
    rig.finish(orphans=0)


def test_outage_in_the_trial(rig):
    for mode in ("renew", "rotate"):
        rig.boot()
        rig.wish(mode)
        while rig.agent.state != "TRIAL":
            rig.step()
        rig.proxy.down = True
        for count in range(12):
            rig.step()
            if count % 5 == 4:
                rig.boot()
        assert rig.agent.state == "TRIAL" and rig.agent.slots.using == rig.first
        rig.proxy.down = False
        rig.finish(orphans=0)


def test_expired_by_the_servers_clock(rig):
    # TLS itself refuses a certificate that has ended: the way back is the bootstrap identity.
    rig.boot()
    slots = rig.agent.slots
    own = slots.identity()
    ended = cx509.load_der_x509_certificate(own.cert)
    ca = rig.server.engine.meter_ca
    began = int(time.time()) - 100
    der = ca.issue_client(ended.subject, ended.public_key(), began, 50).public_bytes(Encoding.DER)
    slots.state["active"] = slots.stage(Identity(own.key, der, own.csr, own.uid, own.public_uid))
    slots.commit()
    rig.boot()
    rig.first = slots.using
    rig.before = rig.certificates()
    rig.server.engine.options.life += 20
    rig.finish(orphans=0)
    assert rig.agent.own().key != own.key
    assert any("refuses our certificate" in line for line in rig.log)


# Pending


@pytest.mark.parametrize("after", ["empty", "stale", "stop", "pend"])
def test_pending(rig, after):
    engine = rig.server.engine
    engine.options.after_pending = after
    for rule in ("always", "delay 1" if after == "empty" else "always demand"):
        for mode, operation in (("renew", Operation.RE_CERTIFY), ("rotate", Operation.CERTIFY)):
            engine.pending.set(operation, rule)
            try:
                rig.boot(asynchronous=True)
                rig.wish(mode)
                while rig.agent.state != "PENDING":
                    rig.step()
                rig.boot(asynchronous=True)  # the correlation value outlives a reset
                if "delay" in rule:
                    time.sleep(1.1)
                rig.finish(orphans=0)
            finally:
                engine.pending.set(operation, "never")


def test_pending_for_ever_is_cancelled(rig):
    engine = rig.server.engine
    engine.pending.set(Operation.RE_CERTIFY, "forever")
    try:
        rig.boot(asynchronous=True, pending_most=60)
        rig.wish("renew")
        for _ in range(40):
            rig.step()
            if any("(late)" in line for line in rig.log[-3:]):
                break
        assert rig.agent.state == "ASKED", rig.log[-5:]
    finally:
        engine.pending.set(Operation.RE_CERTIFY, "never")
    rig.finish(orphans=0)


def test_pending_that_fails(rig):
    engine = rig.server.engine
    engine.pending.set(Operation.RE_CERTIFY, "always, fail PERMISSION_DENIED")
    try:
        rig.boot(asynchronous=True)
        rig.wish("renew")
        for _ in range(8):
            rig.step()
        assert rig.certificates() == rig.before
    finally:
        engine.pending.set(Operation.RE_CERTIFY, "never")
    rig.finish(orphans=0)
