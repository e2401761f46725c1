"""Two meters renew and enrol, on MicroPython: `make demo`.

Starts the reference server and the billing end point on free loopback ports. A meter is provisioned with
a certificate that lives for seconds: it reports, renews, switches, reports again, and changes its key at
the next renewal. Another has only a bootstrap identity: it makes its own key and enrols. Ends with what
it all cost; the exit status is not 0 if any step did not happen.
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

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from rich.console import Console
from rich.table import Table

from . import steps, toolchain
from .billing import Billing
from .bytecode import compile_firmware
from .provision import CONFIG, provision
from .refserver import Server, init

LIFE = 18  # seconds of a provisioned certificate: due after 12
ISSUED_LIFE = 18  # seconds of one that the server issues: due after 12
LIMIT = 90  # seconds for the whole story


def _is(name):
    return lambda event: event[0] == name


def _state(name, mode=""):
    return lambda event: event[0] == "state" and event[3]["state"] == name and event[3]["mode"] == mode


def _report(event):
    return event[0] == "report" and event[3]["status"] == 204


# What must happen to each meter, in this order: a step's name, and how the meter's events tell of it.
RENEWS = (
    ("started with the identity that it was provisioned with", _is("start")),
    ("server's version discovered, key fetched (Get)", _is("key")),
    ("allocation taken (Get Usage Allocation)", _is("allocation")),
    ("sealed report accepted under the first certificate", _report),
    ("due: new certificate for its key (Re-certify and Get, one message)", _state("STAGED", "renew")),
    ("checked: our key, our name, the issuer's signature, its use", _state("TRIAL", "renew")),
    ("sealed report accepted under the new certificate", _report),
    ("new certificate proved, and in use", _state("STABLE")),
    ("due: a new key made, certified (Register, Certify, Get)", _state("STAGED", "rotate")),
    ("sealed report accepted under the new key", _report),
    ("new key proved, and in use", _state("STABLE")),
)
ENROLS = (
    ("started with nothing but a bootstrap identity", _is("start")),
    ("its own key made, certified (Register, Certify, Get)", _state("STAGED", "enrol")),
    ("checked: our key, our name, the issuer's signature, its use", _state("TRIAL", "enrol")),
    ("key fetched (Get) under the new certificate", _is("key")),
    ("sealed report accepted under the new certificate", _report),
    ("enrolled", _state("STABLE")),
)
METERS = (("meter-0001", RENEWS, 3), ("meter-0002", ENROLS, 1))  # and the certificates it reports under


class Story:
    """Matches a meter's events with the steps that must happen, in order; `done` counts them."""

    def __init__(self, device, steps, tell):
        self.device = device
        self.done = 0
        self.cost = {}
        self.peak = 0
        self.tail = []
        self.process = None
        self._steps = steps
        self._tell = tell

    def take(self, event):
        self.peak = max(self.peak, event[2])
        if event[0] == "cost":
            self.cost = event[3]
        elif not self.finished() and self._steps[self.done][1](event):
            self._tell("%5.1f s  %s  %s" % (event[1], self.device, self._steps[self.done][0]))
            self.done += 1

    def finished(self):
        return self.done == len(self._steps)

    def missing(self):
        return self._steps[self.done][0]


def run_meter(binary, folder, code, story, heap, verbose):
    """Run a meter until its story is finished or LIMIT seconds are over."""
    environment = dict(os.environ, MICROPYPATH="%s:.frozen" % code)
    script = "from meter.main import main; main(%r, %d, True)" % (str(folder), LIMIT)
    story.process = process = subprocess.Popen(
        [str(binary), "-X", "heapsize=" + heap, "-c", script],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    watchdog = threading.Timer(LIMIT, process.kill)
    watchdog.start()
    try:
        for line in process.stdout:
            if line.startswith("@"):
                story.take(json.loads(line[1:]))
                # The round's cost comes behind its last event.
                if story.finished() and line.startswith('@["cost"'):
                    break
                continue
            story.tail = [*story.tail[-20:], line.rstrip()]
            if verbose:
                print("         %s  %s" % (story.device, line.rstrip()))
    finally:
        watchdog.cancel()
        process.kill()
        process.wait()
        process.stdout.close()


def table(story, certificates):
    """What came of one meter: its certificates, and what they cost."""
    made = Table(show_header=False, box=None, pad_edge=False)
    for certificate in certificates:
        key = certificate.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
        made.add_row(
            "certificate", "serial %X" % certificate.serial_number,
            "key %s.., until %s" % (
                key.hex()[2:10], certificate.not_valid_after_utc.strftime("%Y-%m-%d %H:%M:%S")))
    cost = story.cost
    made.add_row("KMIP", "%d round trips" % cost["round_trips"],
                 "%d TLS connections, %d bytes sent, %d received" % (
                     cost["connections"], cost["sent"], cost["received"]))
    made.add_row("heap in use", "%d bytes" % story.peak, "at the most, after a collection")
    return made


def main(argv=None):
    parser = argparse.ArgumentParser(
        prog="python -m tools.demo", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-v", "--verbose", action="store_true", help="print the meters' own log as well")
    parser.add_argument("--target", choices=("unix32", "unix64"), help="MicroPython's Unix port to use")
    parser.add_argument("--heap", help="a meter's heap (default 192k; 64-bit 384k)")
    options = parser.parse_args(argv)
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 120
    steps.end_when_told()
    target = options.target or ("unix32" if toolchain.find("unix32") else "unix64")
    if not options.target and target == "unix64":
        console.print("no 32-bit port, so on 64 bits: %s" % toolchain.why_missing("unix32"))
    options.heap = options.heap or ("192k" if target == "unix32" else "384k")
    binary = toolchain.find(target)
    if binary is None:
        print("demo: no MicroPython: %s" % toolchain.why_missing(target), file=sys.stderr)
        return 1
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kmip-demo-") as folder:
        failed = tell_stories(Path(folder), binary, options, console)
    if failed:
        return 1
    console.print("[green]One meter renewed its certificate and changed its key, another enrolled.[/green] "
                  "%.0f s, %s, heap of %s." % (time.monotonic() - began, target, options.heap))
    return 0


def tell_stories(top, binary, options, console):
    """Set everything up under a folder, run the meters, print the tables; True if a step is missing."""
    code = compile_firmware(top / "mpy")
    init(top / "state", life=ISSUED_LIFE)
    configs = {
        device: provision(top / "state", device, top / device, life=LIFE, usage_total=1 << 20,
                          bootstrap=steps is ENROLS)
        for device, steps, _ in METERS
    }
    keys = {device: config["key_uid"] for device, config in configs.items()}
    with Server(top / "state") as server, Billing(server.engine, keys) as billing:
        console.print("key server on port %d, billing on port %d" % (server.port, billing.port))
        runs = []
        for device, steps, _ in METERS:
            config = configs[device]
            config.update(
                port=server.port,
                billing={"host": "127.0.0.1", "port": billing.port, "name": "localhost",
                         "path": "/reports"},
                report_every=3,
                renewal={"retry_first": 2, "rotate_after": 1})
            (top / device / CONFIG).write_text(json.dumps(config))
            story = Story(device, steps, lambda line: console.print("[green]ok[/green] " + line))
            runs.append((story, threading.Thread(target=run_meter, args=(
                binary, top / device, code, story, options.heap, options.verbose))))
        try:
            for _, thread in runs:
                thread.start()
            for _, thread in runs:
                thread.join()
        finally:
            for story, _ in runs:
                if story.process is not None:
                    story.process.kill()
        failed = False
        for (story, _), (_, _, wanted) in zip(runs, METERS, strict=True):
            certificates = list(dict.fromkeys(
                report.certificate for report in billing.reports if report.device == story.device))
            console.print("\n[bold]%s[/bold]" % story.device)
            if not story.finished() or len(certificates) < wanted:
                missing = "%d certificates in use" % wanted if story.finished() else story.missing()
                print("demo: did not happen: %s. The meter's last words:" % missing, file=sys.stderr)
                print("\n".join(story.tail), file=sys.stderr)
                failed = True
            else:
                console.print(table(story, certificates))
        console.print()
    return failed


if __name__ == "__main__":
    sys.exit(main())
