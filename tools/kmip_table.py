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

# What the notes say in running text (KMIP.md section 8.2, behind the usage mask's table) or as one range
# of tags (KMIP-MORE.md section 2).
_DN_FIELDS = ("CN", "O", "OU", "Email", "C", "ST", "L", "UID", "Serial Number", "Title", "DC", "DN Qualifier")
_PROSE = {
    "Tag": {
        "Certificate %s %s" % (whose, field): first + number
        for whose, first in (("Subject", 0x420108), ("Issuer", 0x420114))
        for number, field in enumerate(_DN_FIELDS)
    },
    "Cryptographic Usage Mask": {
        "Authenticate": 0x100000, "Unrestricted": 0x200000, "FPE Encrypt": 0x400000, "FPE Decrypt": 0x800000,
    },
    "Storage Status Mask": {"On-line storage": 1, "Archival storage": 2, "Destroyed storage": 4},
    "Protection Storage Mask": {
        name: 1 << bit for bit, name in enumerate((
            "Software", "Hardware", "On Processor", "On System", "Off System", "Hypervisor",
            "Operating System", "Container", "On Premises", "Off Premises", "Self Managed", "Outsourced",
            "Validated", "Same Jurisdiction",
        ))
    },
}


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
    """The table of several files together, with what stands in their running text."""
    table = {}
    for source in [*map(parse, texts), _PROSE]:
        for group, numbers in source.items():
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
