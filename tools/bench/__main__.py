"""Speed, cost of growth, and the wire: `python -m tools.bench [--check]`, or `make bench`.

Measures, prints the tables, and keeps the figures in tools/bench/measured.json, from which README.md and
growth.svg are made. Noisy figures that come out near the kept ones leave those as they are. --check
writes nothing; it fails where an exact figure (bytes, allocations, round trips, connections) is stale or
a goal is missed. --profile tells where the work is done, in bytecodes of CPython.
"""

import argparse
import sys
import time

from tools import readme

from . import goals, plot, run, tables


def main(argv=None):
    parser = argparse.ArgumentParser(
        prog="python -m tools.bench", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; fail where something is amiss")
    parser.add_argument("--profile", action="store_true", help="count bytecodes instead")
    options = parser.parse_args(argv)
    if options.profile:
        from . import bytecodes
        bytecodes.show()
        return 0
    started = time.monotonic()
    new = run.everything(lambda name: print("bench: %s" % name, file=sys.stderr))
    for part in (tables.bench, tables.growth, tables.wire):
        print(part(new) + "\n")
    print("%.0f s" % (time.monotonic() - started))
    kept = tables.kept()
    amiss = goals.broken(new)
    if options.check:
        amiss += goals.stale(kept, new)
        if not amiss and tables.PLOT.read_text() != plot.draw(kept["growth"]):
            amiss.append("growth.svg is not what measured.json says")
        if not amiss and readme.main(["--check"], readme.BENCH):
            amiss.append("README.md is not what measured.json says")
    else:
        settled = goals.settled(kept, new)
        tables.MEASURED.write_text(tables.text(settled))
        tables.PLOT.write_text(plot.draw(settled["growth"]))
        readme.main([], readme.BENCH)
    for line in goals.low(new["speed"]):
        print("bench: (to be raised) %s" % line, file=sys.stderr)
    for line in amiss:
        print("bench: %s" % line, file=sys.stderr)
    return 1 if amiss else 0


if __name__ == "__main__":
    sys.exit(main())
