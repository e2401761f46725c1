"""The listener over TLS, on CPython and both Unix ports: who is let in, what is answered, what cannot hold
it up. The peer here is OpenSSL."""

import contextlib
import errno
import json
import os
import socket
import ssl
import subprocess
import sys
import time

import kit
import listen
import messages as m
import ports
import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from waiting import PATIENCE, reserve

NAME = "server.kmip.test"
DEVICE = "meter-1.test"
TIMEOUT = 2.0
SLACK = 5  # what a busy machine may add
GAP = 1500  # ms between two ticks that are 10 ms apart, and a busy machine again


def request(*items, version=12):
    head = m.ttlv(0x420077, m.STRUCTURE, [
        m.ttlv(0x420069, m.STRUCTURE, [
            m.ttlv(0x42006A, m.INTEGER, version // 10), m.ttlv(0x42006B, m.INTEGER, version % 10)]),
        m.ttlv(0x42000D, m.INTEGER, len(items))])
    return m.ttlv(0x420078, m.STRUCTURE, [head, *items])


def notify(uid="cert-1"):
    return m.ttlv(0x42000F, m.STRUCTURE, [
        m.ttlv(0x42005C, m.ENUM, 0x1B),
        m.ttlv(0x420079, m.STRUCTURE, [m.uid(uid), m.attribute("State", m.ENUM, 4)])])


NOTIFY = request(notify())
TOLD = [["notify", "cert-1", [["State", 0, 4]]]]


class Pki:
    """The utility's CA for servers, the meters' CA, and one certificate of each kind."""

    def __init__(self):
        self.servers, self.meters = kit.Identity("server CA"), kit.Identity("meter CA")
        self.key_server = self.speaker()
        self.device = kit.Identity("meter-1", self.meters, DEVICE, ExtendedKeyUsageOID.SERVER_AUTH)

    def speaker(self, dns=NAME, usage=ExtendedKeyUsageOID.CLIENT_AUTH, issuer=None, **dates):
        return kit.Identity("key server", issuer or self.servers, dns, usage, **dates)


@pytest.fixture(scope="module")
def pki():
    return Pki()


class Device:
    """listen.py, running on a runtime."""

    def __init__(self, runtime, folder, pki, mode="", connections=1, **more):
        self._reserved = reserve()
        self.port = self._reserved.getsockname()[1]
        self.pki = pki
        job = {
            "port": self.port, "peer": NAME, "timeout": 20, "mode": mode, "connections": connections,
            "anchors": [{"hex": pki.servers.der.hex()}], "cert": {"hex": pki.device.der.hex()},
            "key": {"hex": pki.device.key_der.hex()}, **more}
        path = folder / "job.json"
        path.write_text(json.dumps(job))
        here = os.path.dirname(listen.__file__)
        if runtime.port is None:
            tests = ports.PORTABLE.parent
            python = os.pathsep.join(map(str, (ports.FIRMWARE, tests / "stubs", here, tests)))
            self.process = subprocess.Popen(
                [sys.executable, listen.__file__, path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                text=True, env=dict(os.environ, PYTHONPATH=python))
        else:
            self.process = runtime.port.start([listen.__file__, path], path=(ports.FIRMWARE, here))

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self._reserved.close()
        self.process.kill()
        self.process.communicate()

    def raw(self):
        """A TCP connection to it, once it listens."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return socket.create_connection(("127.0.0.1", self.port), 30)
            except ConnectionRefusedError:
                assert time.monotonic() < deadline and self.process.poll() is None, self.process.communicate()
                time.sleep(0.02)

    @contextlib.contextmanager
    def tls(self, identity=None, versions=None):
        """A TLS connection, as this identity or as nobody."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=self.pki.meters.pem.decode())
        if versions:
            context.minimum_version = context.maximum_version = versions
        if identity is not None:
            kit.load_chain(context, identity)
        with context.wrap_socket(self.raw(), server_hostname=DEVICE) as sock:
            yield sock

    def ask(self, *messages, identity=None):
        """The answers to these messages on one connection as the key server."""
        with self.tls(identity or self.pki.key_server) as sock:
            answers = []
            for message in messages:
                sock.sendall(message)
                answers.append(kit.read_message(sock))
            return answers

    def results(self):
        output, _ = self.process.communicate(timeout=30)
        assert self.process.returncode == 0, output
        return [json.loads(line) for line in output.splitlines()]


@pytest.fixture
def device(runtime, tmp_path, pki):
    made = []

    def start(**options):
        made.append(Device(runtime, tmp_path, pki, **options))
        return made[-1]

    yield start
    for each in made:
        each.__exit__()


MODES = ["", "async"]


@pytest.mark.parametrize("mode", MODES)
def test_messages_and_their_answers(device, mode):
    listening = device(mode=mode, connections=2)
    first = listening.ask(NOTIFY, request(notify("!")), request(notify("?")), NOTIFY)
    second = listening.ask(NOTIFY)
    for answer in (first[0], first[3], second[0]):
        assert answer == m.message(m.item(0x1B, []))
    assert first[1] == m.message(m.failure(0x1B, 0x0C, "not mine"))
    assert first[2] == m.message(m.failure(0x1B, 0x100, "failed"))
    one, two = listening.results()
    assert one["count"] == 4 and one["events"] == TOLD * 2 and one["error"] is None and one["blank"]
    assert one["fault"]["error"] == "RuntimeError"
    assert two["count"] == 1 and two["events"] == TOLD and two["fault"] is None
    assert one["gap"] < GAP


def test_tls_1_2(device):
    listening = device()
    with listening.tls(listening.pki.key_server, ssl.TLSVersion.TLSv1_2) as sock:
        sock.sendall(NOTIFY)
        assert kit.read_message(sock) == m.message(m.item(0x1B, []))
    assert listening.results()[0]["events"] == TOLD


SIGNED = ("not correctly signed", "certificate verify failed")
NAMED = ("does not match with the expected CN",)
# Who, and words of which the error has some, by mbedTLS and by OpenSSL.
STRANGERS = {
    "no certificate": (lambda pki: None, ("NO_CLIENT_CERTIFICATE", "did not return a certificate")),
    "another CA": (lambda pki: pki.speaker(issuer=kit.Identity("server CA")), SIGNED),
    "an unknown CA": (lambda pki: pki.speaker(issuer=kit.Identity("other CA")), SIGNED),
    "the meters' CA": (lambda pki: pki.speaker(issuer=pki.meters), SIGNED),
    "signed by itself": (
        lambda pki: kit.Identity("key server", None, NAME, ExtendedKeyUsageOID.CLIENT_AUTH), SIGNED),
    "another name": (lambda pki: pki.speaker("billing.kmip.test"), NAMED),
    "a name within a name": (lambda pki: pki.speaker("x" + NAME), NAMED),
    "no name": (lambda pki: pki.speaker(None), NAMED),
    "a server's usage": (
        lambda pki: pki.speaker(usage=ExtendedKeyUsageOID.SERVER_AUTH), ("BAD_CERTIFICATE", "purpose")),
    "expired": (lambda pki: pki.speaker(start=-9, end=-1), ("expired",)),
    "not yet valid": (lambda pki: pki.speaker(start=1, end=9), ("in the future", "not yet valid")),
}


@pytest.mark.parametrize("who", STRANGERS)
def test_nobody_else_is_heard(device, who):
    listening = device(connections=2)
    identity, words = STRANGERS[who]
    with contextlib.suppress(OSError), listening.tls(identity(listening.pki)) as sock:
        sock.sendall(NOTIFY)
        assert kit.read_message(sock) == b""
    assert listening.ask(NOTIFY)[0]  # and the next is
    refused, heard = listening.results()
    assert refused["count"] == 0 and not refused["events"] and refused["error"]["os"], refused
    assert any(word in refused["error"]["text"] for word in words), refused
    assert heard["events"] == TOLD


def no_tls(listening):
    with listening.raw() as sock:
        sock.sendall(NOTIFY * 4)
        with contextlib.suppress(OSError):
            sock.recv(100)


def silence(listening):
    with listening.raw() as sock, contextlib.suppress(OSError):
        sock.recv(100)


def a_dripping_handshake(listening):
    with listening.raw() as sock, contextlib.suppress(OSError):
        for byte in b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500):
            sock.sendall(bytes([byte]))
            time.sleep(0.05)


def a_silent_friend(listening):
    with listening.tls(listening.pki.key_server) as sock, contextlib.suppress(OSError):
        sock.recv(100)


def a_dripping_friend(listening):
    with listening.tls(listening.pki.key_server) as sock, contextlib.suppress(OSError):
        for byte in NOTIFY[:-1] * 2:
            sock.sendall(bytes([byte]))
            time.sleep(0.05)


def half_a_message(listening):
    with listening.tls(listening.pki.key_server) as sock, contextlib.suppress(OSError):
        sock.sendall(NOTIFY[:50])
        sock.recv(100)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("behave", "number"), [
    (no_tls, None), (silence, errno.ETIMEDOUT), (a_dripping_handshake, None),
    (a_silent_friend, errno.ETIMEDOUT), (a_dripping_friend, errno.ETIMEDOUT),
    (half_a_message, errno.ETIMEDOUT),
])
def test_nobody_holds_it_up(device, mode, behave, number):
    listening = device(mode=mode, connections=2, timeout=TIMEOUT)
    listening.raw().close()  # it listens
    start = time.monotonic()
    behave(listening)
    assert time.monotonic() - start < TIMEOUT + SLACK
    first, second = listening.results()
    assert first["error"]["os"] and second["error"]["os"]
    assert number is None or second["error"]["errno"] == number, second
    assert not second["events"] and second["blank"] and second["gap"] < GAP


def test_an_end_within_a_message(device):
    listening = device(connections=2)
    with listening.tls(listening.pki.key_server) as sock:
        sock.sendall(NOTIFY[:50])
    assert listening.ask(NOTIFY)[0]
    cut, heard = listening.results()
    assert cut["error"]["os"] and cut["count"] == 0 and heard["events"] == TOLD


@pytest.mark.parametrize("data", [
    b"GET / HTTP/1.1\r\n\r\n", b"\x42\x00\x78\x01\xff\xff\xff\xff", b"\x42\x00\x78\x01\x00\x00\x10\x00",
    b"\x42\x00\x7b\x01\x00\x00\x00\x10", NOTIFY[:3] + b"\x02" + NOTIFY[4:],
])
def test_what_is_no_request_ends_the_connection(device, data):
    listening = device()
    with listening.tls(listening.pki.key_server) as sock:
        sock.sendall(data + NOTIFY)
        answer = kit.read_message(sock)
        with contextlib.suppress(OSError):
            assert sock.recv(1) == b""
    assert answer == m.message(m.failure(None, 4, "no request, or too long"), version=10)
    assert not listening.results()[0]["events"]


def test_no_end_of_messages(device):
    listening = device()
    count = 0
    with contextlib.suppress(OSError), listening.tls(listening.pki.key_server) as sock:
        while True:
            sock.sendall(NOTIFY)
            if not kit.read_message(sock):
                break
            count += 1
    assert count == 16 and listening.results()[0]["count"] == 16


def test_a_task_that_is_cancelled_closes_the_connection(device):
    listening = device(mode="cancel", connections=2)
    for _ in range(2):
        with contextlib.suppress(OSError), listening.tls(listening.pki.key_server) as sock:
            assert sock.recv(1) == b""
    assert [result["count"] for result in listening.results()] == [-1, -1]
