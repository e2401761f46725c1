"""What a meter sends and receives: measured live, the emulated meter against the reference server.

The meter runs on MicroPython, one phase after the other; before each it waits to be told. Between it and
the servers stand relays that count connections and bytes; the key server's engine hands over every
message as it came out of TLS.
"""

import contextlib
import json
import os
import select
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from tools import toolchain
from tools.billing import Billing
from tools.bytecode import compile_firmware
from tools.provision import CONFIG, provision
from tools.refserver import Server, init
from tools.refserver.engine import Engine

LIFE = 86400  # seconds of a certificate that the server issues
GRANT = 1024  # bytes of usage allocation taken at a time
DEVICE = "meter-0001"
TIMEOUT = 60  # seconds for one phase

# The phases, as the meter's program knows them, and what they are called in the table.
PHASES = (
    ("enrol", "enrolment, from the bootstrap identity to a certificate in use"),
    ("report", "a report"),
    ("refill", "a report, with a new allocation"),
    ("renew", "renewal of the certificate, with its proof"),
    ("rotate", "rotation: the same with a new key"),
    ("restart", "the first report after a restart"),
)

# A Meter whose tasks are run one at a time. "restart" is a new Meter on the same folder, as after a reset.
_METER = """
import asyncio
import gc
import sys
gc.threshold(8192)
from identity.arunner import arun
from meter.meter import Meter
async def settle(meter):
    for _ in range(20):
        await arun(meter.agent, meter.world)
        if meter.agent.state == "STABLE":
            return
    raise SystemExit("not settled: %r" % meter.agent.status())
async def report(meter):
    outcome = await meter.report(meter.slots.identity())
    await meter.world.close()
    if outcome != "accepted":
        raise SystemExit("report: " + outcome)
meter = Meter("folder")
while True:
    phase = sys.stdin.readline().strip()
    if not phase:
        break
    if phase == "refill":
        meter.ledger.spend(meter.ledger.left())
    elif phase == "restart":
        meter = Meter("folder")
    elif phase != "report":
        if phase != "enrol":
            meter.agent.request("renew" if phase == "renew" else "rotate")
        asyncio.run(settle(meter))
        phase = ""
    if phase:
        asyncio.run(report(meter))
    world = meter.world
    print("@%d %d %d %d" % (world.connections, world.round_trips, world.sent, world.received))
"""


class Relay:
    """Passes bytes between whoever connects to `port` and another port here, and counts them."""

    def __init__(self, target):
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.connections = self.sent = self.received = 0  # as seen from whoever connects
        self._open = 0
        self._changed = threading.Condition()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def counts(self):
        """(connections, bytes sent, bytes received) so far, once nothing is under way."""
        with self._changed:
            if not self._changed.wait_for(lambda: not self._open, TIMEOUT):
                raise RuntimeError("a connection stayed open")
            return self.connections, self.sent, self.received

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                near = self._listener.accept()[0]
                with self._changed:
                    self.connections += 1
                    self._open += 1
                threading.Thread(target=self._pass, args=(near,), daemon=True).start()

    def _pass(self, near):
        sent = received = 0
        with contextlib.suppress(OSError), near, \
                socket.create_connection(("127.0.0.1", self._target)) as far:
            for sock in (near, far):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            ends = [near, far]
            while near in ends:  # what the server sends behind the meter's end reaches nobody
                for end in select.select(ends, [], [])[0]:
                    data = end.recv(65536)
                    if not data:
                        ends.remove(end)
                        if end is far:
                            near.shutdown(socket.SHUT_WR)
                    elif end is near:
                        sent += len(data)
                        if far in ends:
                            far.sendall(data)
                    else:
                        received += len(data)
                        near.sendall(data)
        with self._changed:
            self.sent += sent
            self.received += received
            self._open -= 1
            self._changed.notify_all()


class Phase:
    """What one phase cost. TLS bytes are those on the socket, handshakes included."""

    def __init__(self, name):
        self.name = name
        self.requests = []  # whole messages as the key server got them
        self.answers = []
        self.tls = self.tls_sent = self.tls_received = 0  # to the key server
        self.billing = self.billing_sent = self.billing_received = 0

    @property
    def round_trips(self):
        return len(self.requests)

    @property
    def sent(self):
        return sum(map(len, self.requests))

    @property
    def received(self):
        return sum(map(len, self.answers))

    def figures(self):
        """The row of the table, a dict."""
        return {name: getattr(self, name) for name in (
            "name", "round_trips", "sent", "received", "tls", "tls_sent", "tls_received",
            "billing", "billing_sent", "billing_received")}


def measure(target="unix32"):
    """A Phase for each of PHASES."""
    binary = toolchain.find(target)
    if binary is None:
        raise RuntimeError(toolchain.why_missing(target))
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        code = compile_firmware(top / "mpy")
        init(top / "state", life=LIFE)
        config = provision(top / "state", DEVICE, top / "folder", usage_total=1 << 40, bootstrap=True)
        with Server(top / "state") as server, \
                contextlib.closing(Engine(top / "state")) as its_own, \
                Billing(its_own, {DEVICE: config["key_uid"]}) as billing, \
                contextlib.closing(Relay(server.port)) as keys, \
                contextlib.closing(Relay(billing.port)) as reports:
            config.update(
                port=keys.port, grant=GRANT, start_wh=100000,
                billing={"host": "127.0.0.1", "port": reports.port, "name": "localhost",
                         "path": "/reports"})
            (top / "folder" / CONFIG).write_text(json.dumps(config))
            return _run(binary, code, top, server, keys, reports)


def _run(binary, code, top, server, keys, reports):
    messages = []
    process = server.engine.process

    def record(request, identity):
        outcome = process(request, identity)
        messages.append((bytes(request), bytes(outcome.response)))
        return outcome

    server.engine.process = record
    meter = subprocess.Popen(
        [str(binary), "-X", "heapsize=256k", "-c", _METER], cwd=top, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env=dict(os.environ, MICROPYPATH="%s:.frozen" % code))
    watchdog = threading.Timer(TIMEOUT * len(PHASES), meter.kill)
    watchdog.start()
    try:
        return [_phase(name, meter, messages, keys, reports) for name, _ in PHASES]
    finally:
        watchdog.cancel()
        meter.kill()
        meter.wait()
        meter.stdin.close()
        meter.stdout.close()


def _phase(name, meter, messages, keys, reports):
    phase = Phase(name)
    before = keys.counts(), reports.counts(), len(messages)
    meter.stdin.write(name + "\n")
    meter.stdin.flush()
    words = []
    for line in meter.stdout:
        if line.startswith("@"):
            break
        words.append(line)
    else:
        raise RuntimeError("%s: the meter gave up:\n%s" % (name, "".join(words[-20:])))
    after = keys.counts(), reports.counts()
    phase.tls, phase.tls_sent, phase.tls_received = _less(after[0], before[0])
    phase.billing, phase.billing_sent, phase.billing_received = _less(after[1], before[1])
    phase.requests = [request for request, _ in messages[before[2]:]]
    phase.answers = [answer for _, answer in messages[before[2]:]]
    return phase


def _less(after, before):
    return tuple(new - old for new, old in zip(after, before, strict=True))


if __name__ == "__main__":
    started = time.monotonic()
    for found in measure():
        print(json.dumps(found.figures()))
    print("%.1f s" % (time.monotonic() - started))
