"""One meter on a Unix port through many renewals; the faults are made here, one before each renewal.

The key server and the billing end point run in this process, the meter in its own. It waits before each
renewal until a fault is prepared. It is ended and started anew where a cut of power is the fault, and only
there: one that ends by itself has failed.
"""

import collections
import contextlib
import json
import os
import random
import re
import socket
import subprocess
import threading
import time
from pathlib import Path

from tools.billing import Billing
from tools.bytecode import compile_firmware
from tools.provision import CONFIG, provision
from tools.refserver import Server, init
from tools.refserver.engine import Engine
from tools.refserver.enums import Operation
from tools.refserver.enums import ResultReason as Reason
from tools.refserver.faults import malformed, wrong_reason

DEVICE = "meter-0001"
SCRIPT = Path(__file__).with_name("device.py")
TIMEOUT = 6  # seconds that the meter gives a connection and an exchange
PATIENCE = 90  # seconds for one renewal, whatever is in its way
LIFE = 86400  # seconds of a certificate
STRAIGHT = 0.5  # of all renewals come before the first cut of power, so that one run is long
_NO_MEMORY = re.compile(r"MemoryError|ENOMEM|Errno 12\b|memory", re.I)

# What stands in a renewal's way, and how often of 100. The rest goes undisturbed.
FAULTS = {
    "power cut": 4,  # twice as many of those behind STRAIGHT
    "server down": 4,
    "silent server": 2,  # takes the connection and says nothing: the handshake is cancelled
    "late answer": 2,  # the exchange is cancelled
    "cut answer": 5,
    "lost answer": 5,
    "malformed answer": 3,
    "refused": 3,
    "pending": 6,
    "rotation": 8,
}


class Failed(Exception):
    """The meter did not come through."""


class Soak:
    """`binary`: of MicroPython; `top`: an empty folder; `count`: of renewals. `tell(sample)` is called after
    each. `seed` chooses faults and moments; `shares` how often which fault comes."""

    def __init__(self, binary, top, count, heap="144k", seed=1, tell=lambda sample: None, shares=FAULTS):
        self.samples = []  # a dict a renewal
        self.faults = collections.Counter()
        self.starved = []  # lines of the meter's that tell of a lack of memory
        self.heap = 0  # bytes
        self.certificates = set()
        self.boots = 0
        self._binary = str(binary)
        self._top = Path(top)
        self._count = count
        self._heap = heap
        self._random = random.Random(seed)
        self._shares = shares
        self.tell = tell
        self._process = None
        self._server = None
        self._port = 0
        self._life = LIFE
        self._tail = collections.deque(maxlen=30)
        self._timers = []
        self._fault = ""
        self._begun = time.monotonic()

    def run(self):
        """All of it; Failed where a renewal does not come to its end."""
        top = self._top
        code = compile_firmware(top / "mpy")
        init(top / "state", life=LIFE)
        config = provision(top / "state", DEVICE, top / "folder", usage_total=1 << 40)
        with contextlib.closing(Engine(top / "state")) as its_own, \
                Billing(its_own, {DEVICE: config["key_uid"]}) as billing:
            self._serve()
            config.update(
                port=self._port, timeout=TIMEOUT, grant=1024, report_every=30,
                billing={"host": "127.0.0.1", "port": billing.port, "name": "localhost", "path": "/reports"},
                renewal={"retry_first": 1, "retry_most": 2, "asynchronous": True})
            (top / "folder" / CONFIG).write_text(json.dumps(config))
            try:
                self._boot(code)
                for number in range(self._count + 1):
                    sample = self._settled(code)
                    sample.update(number=number, boot=self.boots)
                    if number:
                        self.samples.append(sample)
                        self.tell(sample)
                    if number < self._count:
                        self._next(number)
                self.certificates = {report.certificate.serial_number for report in billing.reports}
            finally:
                for timer in self._timers:
                    timer.join()
                self._end()
                self._server.stop()

    # the server

    def _serve(self):
        self._server = Server(self._top / "state", port=self._port, life=self._life).start()
        self._port = self._server.port

    def _later(self, seconds, function):
        timer = threading.Timer(seconds, function)
        self._timers = [each for each in self._timers if each.is_alive()] + [timer]
        timer.start()

    def _next(self, number):
        """Prepare a fault, and begin the renewal after this one."""
        for timer in self._timers:
            timer.join()
        self._life += 1  # the next certificate outlasts this one, though both may begin in one second
        self._server.engine.options.life = self._life
        self._server.faults.clear()
        for operation in (Operation.CERTIFY, Operation.RE_CERTIFY):
            self._server.engine.pending.set(operation, "never")
        name, mode = self._choose(number), "renew"
        self.faults[name or "none"] += 1
        self._fault = name
        if name == "rotation":
            mode = "rotate"
        elif name:
            getattr(self, "_" + name.replace(" ", "_"))()
        self._begun = time.monotonic()
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(mode + "\n")
            self._process.stdin.flush()

    def _choose(self, number):
        chance = self._random.random() * 100
        for name, share in self._shares.items():
            if name == "power cut":
                share = 0 if number < STRAIGHT * self._count else share / (1 - STRAIGHT)
            chance -= share
            if chance < 0:
                return name
        return ""

    def _power_cut(self):
        self._later(self._random.random() * 0.8, self._process.kill)

    def _server_down(self):
        self._server.stop()
        self._later(0.5 + self._random.random(), self._serve)

    def _silent_server(self):
        self._server.stop()
        silent = socket.create_server(("127.0.0.1", self._port))

        def over():
            silent.close()
            self._serve()

        self._later(TIMEOUT + 0.5, over)

    def _late_answer(self):
        self._server.faults.add(delay=TIMEOUT + 0.5, skip=self._random.randrange(2))

    def _cut_answer(self):
        self._server.faults.add(cut=self._random.randrange(300), skip=self._random.randrange(2))

    def _lost_answer(self):
        self._server.faults.add(operation=Operation.RE_CERTIFY, close=True)

    def _malformed_answer(self):
        self._server.faults.add(replace=malformed(self._random.randrange(120)))

    def _refused(self):
        reason = self._random.choice((Reason.GENERAL_FAILURE, Reason.PERMISSION_DENIED))
        self._server.faults.add(operation=Operation.RE_CERTIFY, replace=wrong_reason(reason))

    def _pending(self):
        for operation in (Operation.CERTIFY, Operation.RE_CERTIFY):
            self._server.engine.pending.set(operation, "delay 1")

    # the meter

    def _boot(self, code):
        self.boots += 1
        self._process = subprocess.Popen(
            [self._binary, "-X", "heapsize=" + self._heap, str(SCRIPT)], cwd=self._top, text=True,
            errors="replace", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env=dict(os.environ, MICROPYPATH="%s:.frozen" % code))

    def _end(self):
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process.stdin.close()
            self._process.stdout.close()

    def _settled(self, code):
        """Wait for the renewal's end: what the meter tells of itself then."""
        watchdog = threading.Timer(PATIENCE, lambda: self._process.kill())
        watchdog.start()
        sample = {}
        try:
            while True:
                line = self._process.stdout.readline()
                if not line:
                    if not watchdog.is_alive() or self._fault != "power cut":
                        raise Failed("the meter ended, or stood still:\n" + "".join(self._tail))
                    self._fault = ""
                    self._end()
                    self._boot(code)
                elif line.startswith("@."):
                    break
                elif line.startswith("@"):
                    free, _, uid = line[1:].split()
                    sample.update(free=int(free), uid=uid)
                else:
                    self._tail.append(line)
                    if line.startswith("GC: total:"):
                        self.heap = int(line.split()[2].rstrip(","))
                    elif "max free sz" in line:
                        sample["piece"] = 16 * int(line.rsplit(":", 1)[1])
                    elif _NO_MEMORY.search(line):
                        self.starved.append(line.strip())
        finally:
            watchdog.cancel()
        files = [path for path in (self._top / "folder").rglob("*") if path.is_file()]
        sample.update(files=len(files), bytes=sum(path.stat().st_size for path in files),
                      seconds=round(time.monotonic() - self._begun, 2))
        return sample
