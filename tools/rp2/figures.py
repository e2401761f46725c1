"""What the real image takes on an emulated RP2040, and a whole renewal on it.

    python -m tools.rp2.figures [--write]

Measures anew; --write keeps it in figures.json and puts the table into boards/RP2040/README.md. A test
renews, too, and holds what is kept. Seconds and instructions are rp2040js's: it knows the cycles of
instructions, and neither the flash's cache nor its misses, so that a board takes longer. What the server and
the line do meanwhile makes them differ from run to run.
"""

import argparse
import json
import re
import sys
import tempfile

from ..steps import ROOT
from . import build
from .desk import Desk
from .machine import Trouble

KEPT = ROOT / "tools" / "rp2" / "figures.json"
README = ROOT / "boards" / "RP2040" / "README.md"
# Name: what it says in the table, and how far another measurement may be off.
_ROWS = {
    "image": ("bytes of flash: the image", 0.03),
    "room": ("bytes of flash beside the file system's 1408 KB: room for an image", 0),
    "variables": ("bytes of RAM: variables of C, beside the heap and 8 KB of stack", 0.03),
    "heap": ("bytes of heap", 0.01),
    "free": ("bytes of heap free at boot", 0.01),
    "peak": ("bytes of heap in use at most in a renewal, TLS and its callers included", 0.08),
    "live": ("bytes of heap in use after it", 0.08),
    "seconds": ("seconds of the board's time for a renewal, its UART at 115,200 baud", 0.3),
    "instructions": ("millions of instructions for it", 0.3),
    "erased": ("sectors of flash erased for it", 0.3),
    "programmed": ("pages of flash programmed", 0.3),
    "sent": ("bytes sent", 0.1),
    "received": ("bytes received", 0.1),
    "connections": ("TLS connections", 0),
    "round_trips": ("KMIP messages, and their answers", 0),
}


def measure(desk):
    """Renew on a Desk's board: (the figures, what the board printed, its last dict). Trouble is raised."""
    before = desk.board.stats()
    output, done = desk.renew()
    after = desk.board.stats()
    took = {name: after[name] - before[name] for name in after if name in before and name != "event"}
    sizes = build.sizes()
    figures = {
        "image": sizes["flash"], "room": sizes["room"], "variables": sizes["ram"],
        "heap": done["heap"], "free": desk.free, "peak": done["peak"], "live": done["live"],
        "seconds": round(done["ms"] / 1000, 1), "instructions": round(took["instructions"] / 1e6),
        **{name: took[name] for name in ("erased", "programmed", "sent", "received")},
        "connections": done["connections"], "round_trips": done["round_trips"],
    }
    if took["lost"]:
        raise Trouble("%d bytes were lost at the UART" % took["lost"])
    return figures, output, done


def kept():
    """What figures.json holds."""
    return json.loads(KEPT.read_text(encoding="utf-8"))


def apart(old, new):
    """One line for each figure of `new` that is further from `old` than it may be."""
    return ["%s: %s, and %s is kept" % (_ROWS[name][0], new[name], old.get(name)) for name in _ROWS
            if abs(new[name] - old.get(name, 0)) > _ROWS[name][1] * new[name]]


def table(figures):
    """The figures in Markdown."""
    lines = ["| what | measured |", "|---|---:|"]
    for name, (text, _) in _ROWS.items():
        value = figures[name]
        lines.append("| %s | %s |" % (text, value if isinstance(value, float) else f"{value:,}"))
    return "\n".join(lines)


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m tools.rp2.figures", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="keep the figures, and write the table")
    options = parser.parse_args(argv)
    try:
        with tempfile.TemporaryDirectory() as folder, Desk(folder) as desk:
            figures = measure(desk)[0]
    except Trouble as error:
        print(error, file=sys.stderr)
        return 1
    print(table(figures))
    if options.write:
        KEPT.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
        text = README.read_text(encoding="utf-8")
        made = re.sub(r"(<!-- figures -->\n).*?(<!-- /figures -->)",
                      lambda found: found[1] + table(figures) + "\n" + found[2], text, flags=re.S)
        README.write_text(made, encoding="utf-8")
        return 0
    lines = apart(kept(), figures)
    print("\n".join(lines))
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
