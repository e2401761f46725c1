"""Writes the table of names in firmware/kmip_lite/names.py from tools/kmip_table.json.

    python -m tools.names

A test holds that the file has what this makes.
"""

import re
import sys

from tools import kmip_table
from tools.check_consts import TABLE
from tools.steps import ROOT

TARGET = ROOT / "firmware" / "kmip_lite" / "names.py"
# What a meter meets in answers, logs and on the REPL; the rest would be flash for nothing.
GROUPS = (
    "Operation", "Object Type", "State", "Result Status", "Result Reason", "Revocation Reason Code",
    "Link Type", "Name Type", "Certificate Type", "Secret Data Type", "Cryptographic Algorithm",
    "Key Format Type", "Usage Limits Unit", "Validity Indicator", "Cancellation Result", "Query Function",
)
_JUMP = 8  # a gap of more numbers begins another line
_WIDTH = 100
_LITERAL = re.compile(r'(_TABLE = """\n).*?(\n""")', re.S)


def lines(numbers):
    """Runs of an enumeration: (first number, [names, "" for a number without])."""
    runs = []
    for name, value in sorted(numbers.items(), key=lambda row: (row[1], row[0])):
        if runs and value - runs[-1][0] < len(runs[-1][1]):
            runs[-1][1][value - runs[-1][0]] = name  # two spellings: the later version's comes last
        elif runs and value - runs[-1][0] - len(runs[-1][1]) < _JUMP:
            runs[-1][1].extend([""] * (value - runs[-1][0] - len(runs[-1][1])) + [name])
        else:
            runs.append((value, [name]))
    return runs


def literal(table):
    """The text between the quotes."""
    made = []
    for group in GROUPS:
        for first, names in lines(table[group]):
            line = "%s=%X" % (group, first)
            for name in names:
                if len(line.rpartition("\n")[2]) + len(name) > _WIDTH:
                    line += "\\\n"
                line += "|" + name
            made.append(line)
    return "\n".join(made)


def render(text, table):
    """The file's text with the table put in."""
    made, count = _LITERAL.subn(lambda match: match[1] + literal(table) + match[2], text)
    if count != 1:
        raise SystemExit("%s has no table to write" % TARGET)
    return made


def main():
    table = kmip_table.loads(TABLE.read_text(encoding="utf-8"))
    TARGET.write_text(render(TARGET.read_text(encoding="utf-8"), table), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
