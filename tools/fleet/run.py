"""A fleet's life: provisioned together, due together, a CA rolled over, the server gone for a while."""

import contextlib
import json
import threading
import time
from pathlib import Path

from tools.bytecode import compile_firmware
from tools.provision import CONFIG, provision
from tools.refserver import init, rollover
from tools.refserver.authority import METER_CA, SERVER_CA
from tools.refserver.engine import Engine
from tools.refserver.setup import reissue

from . import lean
from .observed import Observed
from .processes import RealMeter, Utility

RENEWALS = 2  # of each meter, at the least
GRANT = 128  # bytes of usage allocation that a meter takes at a time
USAGE = 1 << 20  # bytes that its key may protect
TIGHT = GRANT + 20  # the same of every tenth meter: less than it would like
CONTENDED = "contended"  # the device whose allocation is taken by several at once
CONTENDERS = 8
SHARE = 7  # what each of them takes at a time
CONTENDED_USAGE = 150 * SHARE + 3
TIMEOUT = 20  # seconds that a meter gives a connection: a handshake on MicroPython takes half a second of CPU
PROVISIONING = 0.12  # seconds a meter, with room


def life_for(count):
    """Seconds of a certificate's life so that this machine can renew so many within its last third.

    Busy for a second to see which part of a core is to be had.
    """
    wall, cpu = time.monotonic(), time.process_time()
    while time.monotonic() < wall + 1:
        pass
    share = (time.process_time() - cpu) / (time.monotonic() - wall)
    return int(max(60, count * 2 // 5) / min(1, max(share, 0.15)))


class Fleet:
    """`count` meters, `real` of them on MicroPython (`binary`), in the folder `top`. `life`: seconds of their
    certificates; `window`: seconds of the agent's spread, None for its own. tell(line) is called with what
    happens."""

    def __init__(self, count, top, real=0, binary=None, life=0, window=None, tell=lambda line: None):
        self.count = count
        self.top = Path(top)
        self.life = life or life_for(count)
        self.window = window
        self.meters = []
        self.marks = []  # (when, what)
        self.outage = None  # (from, to)
        self.begun = self.ended = 0
        self.stage = "provisioning"
        self.contended = [0, 0]  # successes and requests that nothing was heard of
        self.provisioning = 0.0  # seconds
        self.lean = None
        self.key = self.billing = None
        self.real = real
        self._binary = binary
        self._tell = tell
        self._done = threading.Event()

    @property
    def state(self):
        return self.top / "state"

    def _mark(self, what):
        self.marks.append((time.time(), what))
        self._tell(what)

    def renewed(self, times):
        """How many meters have renewed so many times."""
        return sum(len(meter.renewals) >= times for meter in self.meters)

    def run(self):
        """All of it. Raises RuntimeError where something ended that should not."""
        lean.prepare()
        init(self.state, life=self.life)
        self.key = Utility("key", self.state, self.top / "key.json")
        self.billing = Utility("billing", self.state, self.top / "billing.json")
        real = []
        threads = []
        try:
            self.billing.start()
            self.key.start()
            self._provision()
            code = compile_firmware(self.top / "mpy") if self.real else None
            self.begun = time.time()
            self.stage = "starting"
            self.lean = lean.Lean(
                [(self.top / meter.device, meter) for meter in self.meters[self.real:]], self._pace())
            self.lean.start()
            for meter in self.meters[:self.real]:
                real.append(RealMeter(self._binary, code, self.top / meter.device, meter))
            for _ in range(CONTENDERS):
                threads.append(threading.Thread(target=self._contend, daemon=True))
                threads[-1].start()
            self._live(real)
            for thread in threads:
                thread.join(60)
        finally:
            self.ended = self.ended or time.time()
            self._done.set()
            for meter in real:
                meter.stop()
            if self.lean is not None:
                self.lean.stop()
            self.key.stop()
            self.billing.stop()

    def _pace(self):
        return 0.08

    def _provision(self):
        begun = time.time()
        # All are born at the same moment, so that two thirds of their life end when everybody has started.
        due = int(begun + self.count * (PROVISIONING + self._pace()) + min(8, 3 + self.count / 50))
        birth = due - self.life * 2 // 3
        settings = {"retry_first": max(1, self.life // 50), "retry_most": max(2, self.life // 10)}
        if self.window is not None:
            settings["window"] = self.window
        config = {"timeout": TIMEOUT, "grant": GRANT, "chunk": GRANT,
                  "report_every": self.life, "renewal": settings}
        with contextlib.closing(Engine(self.state, clock=lambda: birth, life=self.life)) as engine:
            for number in range(self.count):
                device = "meter-%05d" % number
                self._one(engine, device, USAGE if number % 10 else TIGHT, config)
                self.meters.append(Observed(device, (birth, birth + self.life)))
        with contextlib.closing(Engine(self.state, life=100 * 86400)) as engine:
            self._one(engine, CONTENDED, CONTENDED_USAGE, config)
            # The servers' next CA is brought to the meters before the servers use it.
            cross = rollover.roll(engine, SERVER_CA)[0].read_bytes()
        for meter in self.meters:
            offered = self.top / meter.device / "offered"
            offered.mkdir()
            (offered / "server1.der").write_bytes(cross)
        self.provisioning = time.time() - begun

    def _one(self, engine, device, usage, config):
        folder = self.top / device
        made = provision(self.state, device, folder, usage_total=usage, engine=engine)
        made.update(config, port=self.key.port, billing={
            "host": "127.0.0.1", "port": self.billing.port, "name": "localhost", "path": "/reports"})
        (folder / CONFIG).write_text(json.dumps(made))

    # while they live

    def _live(self, real):
        self.stage = "first renewal"
        deadline = time.time() + self.count * self._pace() + 5 * self.life
        self._until(lambda: self.renewed(1) >= 0.4 * self.count, real, deadline)
        with contextlib.closing(Engine(self.state)) as engine:
            rollover.roll(engine, METER_CA)
        self.billing.reload()  # it must know the new CA before anybody has a certificate from it
        time.sleep(1)
        self.key.reload()
        self._mark("meter CA rolled over")
        self._until(lambda: self.renewed(1) >= 0.98 * self.count, real, deadline)
        reissue(self.state)
        self.key.reload()
        self.billing.reload()
        self._mark("servers' certificates from the new server CA")
        self.stage = "second renewal"
        self._until(lambda: self.renewed(2) >= 0.25 * self.count, real, deadline)
        begun = time.time()
        self.stage = "key server killed"
        self._mark("key server killed")
        self.key.kill()
        self._until(lambda: time.time() > begun + self.life / 10, real, deadline)
        self.key.start()
        self.outage = (begun, time.time())
        self._mark("key server back")
        self.stage = "second renewal"
        self._until(lambda: self.renewed(RENEWALS) == self.count, real, deadline)
        self.stage = "over"
        self.ended = time.time()

    def _until(self, condition, real, deadline):
        while not condition():
            time.sleep(0.1)
            if self.lean.error:
                raise RuntimeError("the lean meters ended: " + self.lean.error)
            if not all(meter.running() for meter in real):
                raise RuntimeError("a real meter ended: %s" % [
                    meter.tail[-3:] for meter, process in zip(self.meters, real, strict=False)
                    if not process.running()])
            if time.time() > deadline:
                raise RuntimeError("too long: %d of %d have renewed once, %d twice" % (
                    self.renewed(1), self.count, self.renewed(2)))

    def _contend(self):
        # Until nothing is left; a request whose answer does not come is counted apart.
        from kmip_lite import tls
        from kmip_lite.client import Client
        from kmip_lite.message import KmipError

        folder = self.top / CONTENDED
        config = json.loads((folder / CONFIG).read_text())
        ca, cert, key = ((folder / (name + ".der")).read_bytes() for name in ("server_ca", "cert", "key"))
        while not self._done.is_set():
            try:
                context = tls.context([ca], cert, key)
                stream = tls.connect("127.0.0.1", self.key.port, context, "localhost", TIMEOUT)
                with Client(stream) as client:
                    while not self._done.is_set():
                        try:
                            client.get_usage_allocation(config["key_uid"], SHARE)
                            self.contended[0] += 1
                        except KmipError:
                            return
                        except OSError:
                            self.contended[1] += 1
                            raise
            except OSError:
                time.sleep(1)
