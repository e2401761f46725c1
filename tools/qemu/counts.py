"""Instructions that the project's work takes on a Cortex-M0+ and a Cortex-M3: exact, the same in every run.

    python -m tools.qemu.counts [--write]

QEMU counts them (-icount). What is kept in counts.json is held by a test to within TOLERANCE. A count is not
a time: on a Cortex-M0+ an instruction takes 1 to 2 cycles and more from flash, and QEMU models none of that.
What changes firmware/ can move a count by some per cent without changing the work: names of attributes then
have other numbers, and find other places in MicroPython's look-up cache. --write takes that over.
"""

import argparse
import json
import sys

from ..steps import ROOT
from . import build, romfs
from .machine import Machine, Trouble

KEPT = ROOT / "tools" / "qemu" / "counts.json"
TOLERANCE = 0.02
_BOARDS = ROOT / "host_tests" / "boards"
_PORTABLE = ROOT / "host_tests" / "portable"
_RUN = """
import board, gc, sys
board.mount()
board.mount_rom()
sys.path.append("/rom")
gc.threshold(8192)
import counting
counting.main()
"""


def measure(target):
    """A dict from what is done to the number of instructions, on one of build.TARGETS; Trouble is raised."""
    sources = [_PORTABLE / (name + ".py") for name in ("check", "messages", "minica")]
    rom = romfs.image(romfs.modules(*sources, _BOARDS / "counting.py"))
    with Machine(target, rom, icount=True) as board:
        output = board.run(_RUN, timeout=300)
    found = [line for line in output.splitlines() if line.startswith("@")]
    if not found:
        raise Trouble(output)
    counts = dict(json.loads(found[-1][1:]))
    idle = counts.pop("nothing")
    return {name: number - idle for name, number in counts.items()}


def kept():
    """What counts.json holds: a dict from targets to dicts as measure() gives them."""
    return json.loads(KEPT.read_text(encoding="utf-8"))


def apart(old, new):
    """One line for each count of `new` that is not within TOLERANCE of `old`, and for what only one has."""
    lines = ["%s: only in one of both" % name for name in sorted(set(old) ^ set(new))]
    for name in old:
        if name in new and abs(new[name] - old[name]) > TOLERANCE * old[name]:
            lines.append("%s: %d instructions, and %d are kept (%+.1f %%)"
                         % (name, new[name], old[name], 100 * (new[name] / old[name] - 1)))
    return lines


def table(counts=None):
    """A table in Markdown, in thousands of instructions; of what is kept, if nothing is given."""
    counts = counts or kept()
    titles = {"QEMU_M0PLUS": "Cortex-M0+", "QEMU_M3": "Cortex-M3"}
    lines = ["| thousands of instructions | %s |" % " | ".join(titles[target] for target in counts),
             "|---|%s" % ("---:|" * len(counts))]
    for name in next(iter(counts.values())):
        row = [counts[target][name] / 1000 for target in counts]
        lines.append("| %s | %s |" % (name, " | ".join(
            f"{value:,.0f}" if value >= 100 else "%.1f" % value for value in row)))
    return "\n".join(lines)


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m tools.qemu.counts", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="keep the counts in counts.json")
    options = parser.parse_args(argv)
    try:
        counts = {target: measure(target) for target in build.TARGETS}
    except Trouble as error:
        print(error, file=sys.stderr)
        return 1
    print(table(counts))
    if options.write:
        KEPT.write_text(json.dumps(counts, indent=1) + "\n", encoding="utf-8")
        return 0
    lines = ["%s: %s" % (target, line) for target in counts for line in apart(kept()[target], counts[target])]
    print("\n".join(lines))
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
