"""Writes the generated parts of README.md: `python -m tools.readme [--check]`, or `make size`.

A part stands between <!-- NAME --> and <!-- /NAME -->. --check writes nothing and fails where a part is
not what would be written. Either fails where a budget of tools/budgets.json is broken.
"""

import argparse
import ast
import re
import sys
from pathlib import Path

from . import budgets, paper
from .bench import tables
from .toolchain import Failed

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"


def transitions():
    """The renewal agent's TABLE, read from its source: (state, event, next state) each."""
    tree = ast.parse((ROOT / "firmware/identity/renewal.py").read_text())
    for node in tree.body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "TABLE":
            rows = [row.split("|") for row in ast.literal_eval(node.value).strip().split("\n")]
            return [(row[0], row[1], row[2] or row[0]) for row in rows]
    raise LookupError("no TABLE in renewal.py")


def states():
    """The state diagram, in Mermaid; events that leave the state as it is are listed below it."""
    lines = ["```mermaid", "stateDiagram-v2", "    direction LR", "    [*] --> STABLE"]
    arrows = {}
    stays = {}
    for state, event, after in transitions():
        if state == after:
            stays.setdefault(state, []).append(event)
        else:
            arrows.setdefault((state, after), []).append(event)
    for (state, after), events in arrows.items():
        lines.append("    %s --> %s: %s" % (state, after, ", ".join(events)))
    lines += ["```", "", "| in state | these events leave it there, to try again later |", "|---|---|"]
    lines += ["| %s | %s |" % (state, ", ".join(events)) for state, events in stays.items()]
    return "\n".join(lines)


BENCH = {"bench": tables.bench, "growth": tables.growth, "wire": tables.wire}
PARTS = {"states": states, "operations": paper.operations, "objects": paper.objects,
         "budgets": budgets.budget_table, "sizes": budgets.file_table, "exchanges": budgets.exchange_table,
         **BENCH}


def main(argv=None, parts=None):
    """Write `parts`, or look at them, from figures that are kept; without, those of all parts, with the
    sizes measured anew."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.readme", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true",
                        help="write nothing; fail where a part is stale or a budget is broken")
    options = parser.parse_args(argv)
    amiss = False
    if parts is None:
        parts = PARTS
        try:
            amiss = not budgets.update(options.check)
        except (Failed, RuntimeError) as exc:
            print("nothing measured: %s" % exc, file=sys.stderr)
            return 1
    text = old = README.read_text()
    for name, make in parts.items():
        pattern = re.compile(r"(<!-- %s -->\n).*?(<!-- /%s -->)" % (name, name), re.S)
        if not pattern.search(text):
            print("README.md has no part %s" % name, file=sys.stderr)
            return 1
        made = make()
        text = pattern.sub(lambda found, made=made: found[1] + made + "\n" + found[2], text)
    if options.check:
        if text != old:
            print("README.md is stale: run `make size`", file=sys.stderr)
            return 1
    elif text != old:
        README.write_text(text)
        print("README.md: written")
    return 1 if amiss else 0


if __name__ == "__main__":
    sys.exit(main())
