"""A fleet of meters against one reference server: `make fleet METERS=500`.

Most of them are lean: the firmware's own Meter on CPython, all in one process; a few are real ones on
MicroPython's 32-bit Unix port. Their certificates are short-lived and fall due together. While they renew,
both CAs roll over, and the key server is killed for a tenth of the life. Ends when everybody has renewed
twice, and with status 1 where anything is broken that has to hold. Leaves build/fleet/report.html and
fleet.json.
"""

import argparse
import json
import resource
import shutil
import sys
import threading
import time

from rich.console import Console
from rich.live import Live

from tools import steps, toolchain

from . import audit, report
from .run import Fleet, life_for

OUT = steps.BUILD / "fleet"
_FILES = 3  # a meter's: its connection, the server's end of it, a file
_OTHERS = 300


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m tools.fleet", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--meters", default="500", help="how many (default 500)")
    parser.add_argument("--real", type=int, default=4, help="of these on MicroPython (default 4)")
    parser.add_argument("--life", type=int, default=0, metavar="SECONDS",
                        help="of a certificate (default: what the machine bears, 60 at the least)")
    parser.add_argument("--window", type=int, metavar="SECONDS",
                        help="the agent's spread; 0: none (default: its own, a tenth of the life)")
    options = parser.parse_args(argv)
    fault = amiss(options.meters)
    if fault:
        print("fleet: " + fault, file=sys.stderr)
        return 2
    count = int(options.meters)
    real = max(0, min(options.real, count))
    binary = toolchain.find("unix32") if real else None
    if real and binary is None:
        print("fleet: lean meters only: %s" % toolchain.why_missing("unix32"), file=sys.stderr)
        real = 0
    steps.end_when_told()
    top = OUT / "run"
    shutil.rmtree(top, ignore_errors=True)
    top.mkdir(parents=True)
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 120
    fleet = Fleet(count, top, real, binary, options.life or life_for(count), options.window,
                  tell=lambda line: console.print("  " + line))
    console.print("%d meters, %d of them on MicroPython; certificates of %d s" % (count, real, fleet.life))
    error = _run(fleet, console)
    if fleet.lean is None:
        print("fleet: " + error, file=sys.stderr)
        return 1
    findings = audit.audit(fleet)
    found = report.measures(fleet)
    (OUT / "report.html").write_text(report.page(fleet, findings, found, _wire()))
    (OUT / "fleet.json").write_text(json.dumps({
        "error": error, "measured": found,
        "findings": [vars(finding) for finding in findings],
        "marks": [(round(when - fleet.begun, 1), what) for when, what in fleet.marks],
        "meters": [{"device": meter.device, "renewals": meter.renewals, "failures": meter.failures}
                   for meter in fleet.meters]}))
    for finding in findings:
        console.print("%s  %s: %s" % ("held  " if finding.held else "BROKEN", finding.name, finding.figures))
    console.print("%d renewals in %d s, at most %.1f a second; CPU a connection: %.1f ms key server, "
                  "%.1f ms billing, %.1f ms lean meter" % (
                      found["renewals"], found["seconds"], found["peak"], found["key_ms"],
                      found["billing_ms"], found["lean_ms"]))
    console.print("report: %s" % (OUT / "report.html").relative_to(steps.ROOT))
    if error:
        print("fleet: " + error, file=sys.stderr)
    return 1 if error or not all(finding.held for finding in findings) else 0


def amiss(meters):
    """What is wrong with a number of meters given as text, one line, or ""."""
    if not (meters.isascii() and meters.isdigit() and int(meters)):
        return "METERS is a number from 1 on, not %r" % meters
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = 100_000 if hard == resource.RLIM_INFINITY else (hard - _OTHERS) // _FILES
    if int(meters) > most:
        return "%s meters take more open files than the %d allowed here; at most %d (ulimit -n)" % (
            meters, hard, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return ""


def _wire():
    """Bytes to and from the key server for a renewal, as make bench measured them."""
    kept = json.loads((steps.ROOT / "tools" / "bench" / "measured.json").read_text())
    for phase in kept["wire"]:
        if phase["name"] == "renew":
            return phase["tls_sent"] + phase["tls_received"]
    return None


def _run(fleet, console):
    """Run it under a progress display; the error that ended it, or ""."""
    over = threading.Event()
    shown = threading.Thread(target=_show, args=(fleet, console, over), daemon=True)
    shown.start()
    try:
        fleet.run()
    except (RuntimeError, OSError) as error:
        return str(error)
    except (KeyboardInterrupt, SystemExit):
        return "interrupted"
    finally:
        over.set()
        shown.join(5)
    return ""


def _show(fleet, console, over):
    if console.is_terminal:
        with Live(console=console, transient=True, refresh_per_second=2) as live:
            while not over.wait(0.5):
                live.update("\n".join(_lines(fleet)))
    else:
        while not over.wait(10):
            console.print("; ".join(_lines(fleet)))


def _lines(fleet):
    now = time.time()
    if not fleet.begun:
        return ["%s: %d of %d" % (fleet.stage, len(fleet.meters), fleet.count)]
    failing = sum(bool(meter.failures) and now - meter.failures[-1][0] < 10 for meter in fleet.meters)
    figures = fleet.key.figures[-2:]
    rate = figures[-1]["handshakes"] - figures[0]["handshakes"] if len(figures) > 1 else 0
    return [
        "%.0f s, %s" % (now - fleet.begun, fleet.stage),
        "started %d of %d" % (fleet.lean.started + fleet.real if fleet.lean else 0, fleet.count),
        "renewed once %d, twice %d; under way %d; failed within 10 s %d" % (
            fleet.renewed(1), fleet.renewed(2),
            sum(bool(meter.under_way) for meter in fleet.meters), failing),
        "key server: %d connections a second; reports: %d" % (
            max(rate, 0), fleet.billing.figures[-1]["reports"] if fleet.billing.figures else 0),
    ]


if __name__ == "__main__":
    sys.exit(main())
