"""The numbers of KMIP as one table, tools/kmip_table.json, which the checker of constants compares with.

    python -m tools.kmip_table KMIP.md KMIP-MORE.md > tools/kmip_table.json

reads them from the tables of the protocol notes: tags, and each enumeration's values.
"""

import argparse
import json
import re
import sys

_HEADING = re.compile(r"\*\*([A-Z][\w .']*)\*\*")
_ENUMERATION_ROW = re.compile(r"\| ([0-9A-F]{8}) \| ([^|]+) \| [\d.]+–[\d.]+ \|")
_TAG_ROW = re.compile(r"\| (42[0-9A-F]{4}) \| ([^|]+) \| [\d.]+–[\d.]+ \|")
_TYPE_ROW = re.compile(r"\| ([A-Z][\w -]+) \| (0[1-9AB]) \|")


def parse(text):
    """{"Tag": {name: number}, "Item Type": {...}, enumeration: {...}} of one file's text."""
    table = {}
    current = None
    for line in text.splitlines():
        heading = _HEADING.match(line)
        if heading:
            current = heading[1]
        elif line.startswith("#"):
            current = None
        for pattern, group in ((_TAG_ROW, "Tag"), (_ENUMERATION_ROW, current)):
            row = pattern.match(line)
            if row and group and row[2] != "(Reserved)":
                _put(table, group, row[2].strip(), int(row[1], 16))
        row = _TYPE_ROW.match(line)
        if row:
            _put(table, "Item Type", row[1], int(row[2], 16))
    return table


def _put(table, group, name, value):
    numbers = table.setdefault(group, {})
    if numbers.setdefault(name, value) != value:
        raise SystemExit("%s %s is 0x%X and 0x%X" % (group, name, numbers[name], value))


def build(texts):
    """The table of several files together."""
    table = {}
    for text in texts:
        for group, numbers in parse(text).items():
            for name, value in numbers.items():
                _put(table, group, name, value)
    return table


def dumps(table):
    """JSON with one number a line, sorted, in hexadecimal as everyone writes them."""
    groups = []
    for group in sorted(table):
        rows = sorted(table[group].items(), key=lambda row: (row[1], row[0]))
        lines = ["  %s: %s" % (json.dumps(name), json.dumps("%02X" % value)) for name, value in rows]
        groups.append(" %s: {\n%s\n }" % (json.dumps(group), ",\n".join(lines)))
    return "{\n%s\n}\n" % ",\n".join(groups)


def loads(text):
    """The table from its JSON."""
    return {
        group: {name: int(value, 16) for name, value in numbers.items()}
        for group, numbers in json.loads(text).items()
    }


def main(argv=None):
    parser = argparse.ArgumentParser(
        prog="python -m tools.kmip_table", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("notes", nargs="+", help="the files with the protocol's tables")
    args = parser.parse_args(argv)
    texts = []
    for path in args.notes:
        with open(path, encoding="utf-8") as file:
            texts.append(file.read())
    sys.stdout.write(dumps(build(texts)))


if __name__ == "__main__":
    main()
