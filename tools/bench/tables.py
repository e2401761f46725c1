"""The parts of README.md and the plot, made from the figures that are kept. Measures nothing."""

import json
from pathlib import Path

from tools.qemu import counts

from . import goals
from .wire import PHASES

HERE = Path(__file__).resolve().parent
MEASURED = HERE / "measured.json"
PLOT = HERE / "growth.svg"
_RUNTIMES = {"cpython": "CPython", "unix32": "32-bit Unix port", "unix64": "64-bit Unix port"}
_TITLES = {
    "get key": "Get, an AES key", "get certificate": "Get, a certificate", "certify": "Certify",
    "recertify": "Re-certify", "get usage allocation": "Get Usage Allocation"}


def kept():
    """The figures that are kept, or {}."""
    return json.loads(MEASURED.read_text()) if MEASURED.exists() else {}


def text(figures):
    """measured.json of these figures: small things on one line each."""
    made = json.dumps(figures, indent=1)
    lines = []
    depth = 0
    for line in made.splitlines():
        bare = line.strip()
        if depth:
            lines[-1] += bare + (" " if bare.endswith(",") else "")
        else:
            lines.append(line)
        if bare.endswith("["):
            depth += 1
        elif bare.startswith("]"):
            depth -= 1
            lines[-1] = lines[-1].rstrip()
    return "\n".join(lines) + "\n"


def _number(value):
    return "%.0f" % value if value >= 10 else "%.2g" % value


def _cell(cell, *names):
    return " / ".join(_number(cell[name][0]) for name in names)


def bench(figures=None):
    """The part "bench": speed."""
    figures = figures or kept()
    speed = figures["speed"]
    lines = [
        "| message | bytes out, in | encoding, times PyKMIP | where its objects are built already |"
        " decoding, times PyKMIP |", "|---|---:|---:|---:|---:|"]
    for name, cells in speed["cpython"].items():
        lines.append("| %s | %d, %d | %s | %s | %s |" % (
            _TITLES[name], *figures["sizes"][name],
            *("%s ± %d %%" % (_number(cells[way][other][0]), cells[way][other][1])
              for way, other in (("encode", "pykmip"), ("encode", "written"), ("decode", "pykmip")))))
    lines += ["", "| message | 32-bit: encoding | decoding | 64-bit: encoding | decoding |"
              " heap, 32-bit: kmip_lite | plain version |", "|---|---:|---:|---:|---:|---:|---:|"]
    for name, cells in speed["unix32"].items():
        more = speed["unix64"][name]
        heap = [sum(cells[way]["heap"][index] for way in ("encode", "decode")) for index in (0, 1)]
        lines.append("| %s | %s | %s | %s | %s | %d | %d |" % (
            _TITLES[name],
            *(_cell(where[way], "strict", "careless")
              for where in (cells, more) for way in ("encode", "decode")), *heap))
    lines += ["", "| at least, for each of the five | goal | measured | held by CI |", "|---|---:|---:|---:|"]
    for runtime, against, way, goal, floor, why in goals.GOALS:
        measured = goals.least(speed, runtime, against, way)
        other = "PyKMIP" if against == "pykmip" else "the strict plain version"
        lines.append("| %s, %s, times the speed of %s | %g | %s%s | %g |" % (
            _RUNTIMES[runtime], "encoding" if way == "encode" else "decoding", other, goal,
            _number(measured), " (%s)" % why if measured < goal and why else "", floor))
    lines += ["", "In QEMU, without an operating system (`make test-boards` counts anew and holds them "
              "within 2 %, `python -m tools.qemu.counts --write` keeps new ones):", "", counts.table()]
    return "\n".join(lines)


def growth(figures=None):
    """The part "growth"."""
    figures = figures or kept()
    lines = ["![time against size, batch and nesting](tools/bench/growth.svg)", "",
             "| what grows | from | to | time for the last doubling | heap, at every point |",
             "|---|---:|---:|---:|---:|"]
    for name, points in figures["growth"].items():
        first, last = points[0], points[-1]
        unit = "items" if "batch" in name else "deep" if "nested" in name else "bytes"
        ends = (first[1], last[1]) if unit == "bytes" else (first[0], last[0])
        lines.append("| %s | %d %s | %d %s | %.1f times | %d |" % (
            name, ends[0], unit, ends[1], unit, goals.doubling(points), max(point[3] for point in points)))
    return "\n".join(lines)


def wire(figures=None):
    """The part "wire"."""
    figures = figures or kept()
    titles = dict(PHASES)
    lines = ["| what | KMIP round trips | KMIP bytes out, in | TLS connections to the key server |"
             " bytes out, in | to billing | bytes out, in |", "|---|---:|---:|---:|---:|---:|---:|"]
    for row in figures["wire"]:
        lines.append("| %s | %d | %d, %d | %d | %d, %d | %d | %d, %d |" % (
            titles[row["name"]], row["round_trips"], row["sent"], row["received"], row["tls"],
            row["tls_sent"], row["tls_received"], row["billing"], row["billing_sent"],
            row["billing_received"]))
    return "\n".join(lines)
