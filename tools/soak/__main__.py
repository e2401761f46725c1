"""A meter through many renewals, with faults: `make soak`, or `python -m tools.soak --count 1000`.

The emulated meter on MicroPython's 32-bit Unix port, its bytecode and a bounded heap, against the reference
server. Before each renewal a fault may be prepared: power cut (the process is killed and started anew),
server down or silent, late, cut, lost or malformed answers, refusals, Pending; now and then the key changes,
too. After each the heap and the files are looked at. Ends with status 1 where a renewal does not come to its
end, the heap shrinks, its largest piece is too small for TLS, or the files grow. Leaves build/soak/soak.json
and soak.svg.
"""

import argparse
import json
import sys
import tempfile
import time

from rich.console import Console

from tools import steps, svg, toolchain

from . import judge, run

OUT = steps.BUILD / "soak"


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m tools.soak", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", default="1000", help="renewals (default 1000)")
    parser.add_argument("--heap", default="144k", help="the meter's heap (default 144k)")
    parser.add_argument("--seed", type=int, default=1, help="chooses the faults (default 1)")
    options = parser.parse_args(argv)
    if not (options.count.isascii() and options.count.isdigit() and int(options.count)):
        print("soak: a count of renewals is a number from 1 on, not %r" % options.count, file=sys.stderr)
        return 2
    binary = toolchain.find("unix32")
    if binary is None:
        print("soak: no MicroPython: %s" % toolchain.why_missing("unix32"), file=sys.stderr)
        return 1
    steps.end_when_told()
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 120
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kmip-soak-") as top:
        soak = run.Soak(binary, top, int(options.count), options.heap, options.seed)
        soak.tell = _progress(console, soak, int(options.count), begun)
        error = ""
        try:
            soak.run()
        except (run.Failed, KeyboardInterrupt, SystemExit) as caught:
            why = str(caught) if isinstance(caught, run.Failed) else "interrupted"
            error = "renewal %d: %s" % (len(soak.samples) + 1, why)
    return finish(console, soak, error, time.monotonic() - begun)


def _progress(console, soak, count, begun):
    told = [begun]

    def tell(sample):
        if time.monotonic() - told[0] < (2 if console.is_terminal else 15) and sample["number"] < count:
            return
        told[0] = time.monotonic()
        console.print("%5.0f s  renewal %d of %d: %d bytes free, %d in a piece, %d in %d files; "
                      "%d boots, %d faults" % (
                          told[0] - begun, sample["number"], count, sample["free"], sample["piece"],
                          sample["bytes"], sample["files"], soak.boots,
                          soak.faults.total() - soak.faults["none"]))

    return tell


def finish(console, soak, error, seconds):
    """Write and say what it came to; the exit status."""
    samples = soak.samples
    wrong = ([error] if error else []) + judge.faults(samples, soak.starved, soak.heap)
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "soak.json").write_text(json.dumps({
        "seconds": round(seconds), "heap": soak.heap, "boots": soak.boots, "faults": dict(soak.faults),
        "starved": soak.starved, "wrong": wrong, "samples": samples}, indent=0))
    boots = [sample["number"] for sample, before in zip(samples[1:], samples, strict=False)
             if sample["boot"] != before["boot"]]
    (OUT / "soak.svg").write_text(svg.alone(svg.chart(
        "heap of %d bytes after each of %d renewals; the meter was killed at the dotted lines" % (
            soak.heap, len(samples)),
        [(name, "line", [(sample["number"], sample[key]) for sample in samples])
         for name, key in (("bytes free", "free"), ("largest free piece", "piece"))] +
        [("what TLS takes in a piece", "line", [(1, judge.ROOM), (max(len(samples), 2), judge.ROOM)])],
        "renewals", "bytes", marks=[(number, "") for number in boots])))
    for fault, times in soak.faults.most_common():
        console.print("%6d  %s" % (times, fault))
    if samples:
        console.print("%d renewals, %d certificates in reports, %d boots, %.0f s; free: %d to %d bytes "
                      "of %d, largest piece %d at the least; files: %d bytes" % (
                          len(samples), len(soak.certificates), soak.boots, seconds,
                          min(sample["free"] for sample in samples),
                          max(sample["free"] for sample in samples),
                          soak.heap, min(sample["piece"] for sample in samples), samples[-1]["bytes"]))
    for line in wrong:
        console.print("FAILED " + line, markup=False)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
