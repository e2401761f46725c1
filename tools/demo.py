"""One meter, from its first key to a renewed certificate, on MicroPython: `make demo`.

Starts the reference server and the billing end point on free loopback ports, provisions a meter whose
certificate lives for seconds, and runs the emulated meter under MicroPython until it has reported,
renewed, switched and reported again. Ends with what happened when and what it cost; the exit status is
not 0 if any step did not happen.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from . import toolchain
from .billing import Billing
from .bytecode import compile_firmware
from .provision import CONFIG, provision
from .refserver import Server, init

DEVICE = "meter-0001"
LIFE = 12  # seconds of the first certificate: due after 8
RENEWED_LIFE = 3600
LIMIT = 50  # seconds for the whole story

# What must happen, in this order: a step's name, and how the meter's events tell of it.
STEPS = (
    ("meter started with its provisioned identity", lambda e: e[0] == "start" and e[3]["certificate"]),
    ("server's version discovered, key fetched (Get)", lambda e: e[0] == "key"),
    ("allocation taken (Get Usage Allocation)", lambda e: e[0] == "allocation"),
    ("sealed report accepted under the old certificate", lambda e: _report(e)),
    ("certificate found due and renewed (Re-certify and Get, one message)", lambda e: _state(e, "STAGED")),
    ("new certificate checked: our key, name, issuer's signature, usage", lambda e: _state(e, "TRIAL")),
    ("report accepted under the new certificate", lambda e: _report(e)),
    ("new certificate proved, and in use", lambda e: _state(e, "STABLE")),
)


def _state(event, name):
    return event[0] == "state" and event[3]["state"] == name


def _report(event):
    return event[0] == "report" and event[3]["status"] == 204


class Story:
    """Matches the meter's events with STEPS, in order; `done` holds (name, seconds, event)."""

    def __init__(self, tell):
        self._tell = tell
        self.done = []
        self.cost = {}
        self.peak = 0

    def take(self, event):
        self.peak = max(self.peak, event[2])
        if event[0] == "cost":
            self.cost = event[3]
        elif len(self.done) < len(STEPS) and STEPS[len(self.done)][1](event):
            self.done.append((STEPS[len(self.done)][0], event[1], event))
            self._tell("%6.1f s  %s" % (event[1], self.done[-1][0]))

    def finished(self):
        return len(self.done) == len(STEPS)


def run_meter(binary, folder, code, story, heap, verbose):
    """Run the meter until the story is finished or LIMIT seconds are over; its last lines of output."""
    environment = dict(os.environ, MICROPYPATH="%s:.frozen" % code)
    script = "from meter.main import main; main(%r, %d, True)" % (str(folder), LIMIT)
    process = subprocess.Popen(
        [str(binary), "-X", "heapsize=" + heap, "-c", script],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    watchdog = threading.Timer(LIMIT, process.kill)
    watchdog.start()
    tail = []
    try:
        for line in process.stdout:
            if line.startswith("@"):
                story.take(json.loads(line[1:]))
                if story.finished() and story.cost.get("round_trips", 0) > 3:
                    break
                continue
            tail = [*tail[-20:], line.rstrip()]
            if verbose:
                print("          " + line.rstrip())
    finally:
        watchdog.cancel()
        process.kill()
        process.wait()
        process.stdout.close()
    return tail


def table(story, server, certificates, binary_note):
    """The closing table: certificates, and what it all cost."""
    made = Table(show_header=False, box=None, pad_edge=False)
    for which, certificate in zip(("old", "new"), certificates, strict=False):
        made.add_row("%s certificate" % which, "serial %X" % certificate.serial_number)
        made.add_row("", "until %s UTC" % certificate.not_valid_after_utc.strftime("%Y-%m-%d %H:%M:%S"))
    cost = story.cost
    made.add_row("KMIP round trips", "%d, in %d TLS connections" % (cost["round_trips"], cost["connections"]))
    made.add_row("KMIP bytes", "%d sent, %d received" % (cost["sent"], cost["received"]))
    made.add_row("server's count", "%d requests, %d bytes in, %d out" % (
        server.counters.requests, server.counters.bytes_in, server.counters.bytes_out))
    made.add_row("heap in use", "%d bytes at the most, after collection; %s" % (story.peak, binary_note))
    return made


def main(argv=None):
    parser = argparse.ArgumentParser(
        prog="python -m tools.demo", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-v", "--verbose", action="store_true", help="print the meter's own log as well")
    parser.add_argument("--target", choices=("unix32", "unix64"), help="MicroPython's Unix port to use")
    parser.add_argument("--heap", default="192k", help="the meter's heap (default %(default)s)")
    options = parser.parse_args(argv)
    console = Console(highlight=False)
    target = options.target or ("unix32" if toolchain.find("unix32") else "unix64")
    binary = toolchain.find(target)
    if binary is None:
        print("demo: no MicroPython: %s" % toolchain.why_missing(target), file=sys.stderr)
        return 1
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kmip-demo-") as folder:
        top = Path(folder)
        code = compile_firmware(top / "mpy")
        init(top / "state", life=RENEWED_LIFE)
        config = provision(top / "state", DEVICE, top / "meter", life=LIFE, usage_total=1 << 20)
        keys = {DEVICE: config["key_uid"]}
        with Server(top / "state") as server, Billing(server.engine, keys) as billing:
            console.print("key server on port %d, billing on port %d, meter %s under %s" % (
                server.port, billing.port, DEVICE, target))
            config.update(
                port=server.port,
                billing={"host": "127.0.0.1", "port": billing.port, "name": "localhost",
                         "path": "/reports"},
                report_every=3,
                renewal={"retry_first": 2})
            (top / "meter" / CONFIG).write_text(json.dumps(config))
            story = Story(lambda line: console.print("[green]ok[/green] " + line))
            tail = run_meter(binary, top / "meter", code, story, options.heap, options.verbose)
            certificates = list(dict.fromkeys(report.certificate for report in billing.reports))
            if not story.finished() or len(certificates) != 2:
                missing = STEPS[len(story.done)][0] if not story.finished() else "two certificates in use"
                print("demo: did not happen: %s. The meter's last words:" % missing, file=sys.stderr)
                print("\n".join(tail), file=sys.stderr)
                return 1
            console.print(table(story, server, certificates, "%s, heap of %s" % (target, options.heap)))
    console.print("[green]The meter renewed its certificate.[/green] %.0f s after set-up."
                  % (time.monotonic() - began))
    return 0


if __name__ == "__main__":
    sys.exit(main())
