"""A meter on MicroPython against the reference server and the billing end point."""

import json
import queue
import threading
import time

import ports
import pytest
from waiting import PATIENCE, wait_for

from tools import toolchain
from tools.billing import Billing
from tools.provision import CONFIG, provision
from tools.refserver import Server, init

DEVICE = "meter-0001"


def unix_port():
    """The smaller of the Unix ports that is here; the test is skipped where none is."""
    return ports.open_port("unix32" if toolchain.find("unix32") else "unix64")


class Utility:
    """A state folder, a server, a billing end point and one provisioned meter.

    renewal  the agent's settings in the meter's config.json; other arguments go to the Server
    """

    def __init__(self, folder, life=120, renewal=None, config=None, **server):
        self.state, self.folder = folder / "state", folder / DEVICE
        init(self.state, life=life)
        self.config = provision(self.state, DEVICE, self.folder, usage_total=1 << 20)
        self.config.update(config or {}, report_every=1, renewal={
            "retry_first": 1, "retry_most": 2, "window": 0, "max_age": 2, **(renewal or {})})
        self._options = server
        self.server = self.billing = None

    def __enter__(self):
        return self.open()

    def __exit__(self, *exc):
        self.close()

    def open(self):
        """Start the server and the billing end point, on the ports of last time."""
        last = self.server.port if self.server else 0
        self.server = Server(self.state, port=last, **self._options).start()
        self.billing = Billing(self.server.engine, {DEVICE: self.config["key_uid"]},
                               port=self.billing.port if self.billing else 0)
        self.billing.__enter__()
        self.configure()
        return self

    def close(self):
        self.billing.__exit__()
        self.server.stop()

    def configure(self):
        """Write the meter's config.json."""
        self.config.update(port=self.server.port, billing={
            "host": "127.0.0.1", "port": self.billing.port, "name": "localhost", "path": "/reports"})
        (self.folder / CONFIG).write_text(json.dumps(self.config))

    def reported(self, count=1):
        """Wait for so many more accepted reports; the serial number of the last one's certificate."""
        wanted = len(self.billing.reports) + count
        wait_for(lambda: len(self.billing.reports) >= wanted, "a report")
        return self.billing.reports[-1].certificate.serial_number


class Running:
    """The meter's program, until it is reset."""

    def __init__(self, utility):
        script = "from meter.main import main; main(%r, 300, True)" % str(utility.folder)
        self._process = unix_port().start(
            ["-X", "heapsize=2m", "-c", script], path=[ports.FIRMWARE], cwd=utility.state)
        self._events = queue.Queue()
        self.log = []
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.reset()

    def _read(self):
        for line in self._process.stdout:
            self.log.append(line.rstrip())
            if line.startswith("@"):
                self._events.put(json.loads(line[1:]))

    def until(self, name, **fields):
        """Wait for an event with these fields; all of its fields."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                event = self._events.get(timeout=max(0, end - time.monotonic()))
            except queue.Empty:
                words = "\n".join(self.log[-25:])
                pytest.fail("no %s %s; the meter's last words:\n%s" % (name, fields, words))
            if event[0] == name and fields.items() <= event[3].items():
                return event[3]

    def reset(self):
        """A power cut."""
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()
