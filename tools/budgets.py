"""The budgets of the firmware, and whether what is measured keeps them.

budgets.json says for each what it is, the goal of the design (null where it sets none), what is held today
and why that is more than the goal: these are written by hand. `measured` beside them, and the figures of
each file and exchange, are written by `make size`, which also lowers what is held where the firmware has
become smaller, and never raises it: a change that costs more than its budget has to say so here.
"""

import json
import math
import sys

from . import heap, modules, sizes
from .steps import ROOT

PATH = ROOT / "tools" / "budgets.json"
_ROOM = 1.05  # a budget that is lowered stands so far above what is measured,
_LOOSE = 1.10  # and it is lowered when it stands further above than this


def load():
    return json.loads(PATH.read_text(encoding="utf-8"))


def save(table):
    """Write it, one row a line."""
    parts = []
    for part, rows in table.items():
        if isinstance(rows, list):
            lines = [json.dumps(row, ensure_ascii=False) for row in rows]
            parts.append('"%s": [\n  %s\n ]' % (part, ",\n  ".join(lines)))
        else:
            lines = ["%s: %s" % (json.dumps(name), json.dumps(figures)) for name, figures in rows.items()]
            parts.append('"%s": {\n  %s\n }' % (part, ",\n  ".join(lines)))
    PATH.write_text("{\n %s\n}\n" % ",\n ".join(parts), encoding="utf-8")


def measure(table, thoroughly=True):
    """A table as load() gives it, with today's figures: the old ones where they differ by noise only.

    Unless it is done thoroughly, a heap that is written there and still serves is not measured anew.
    """
    old = {row["key"]: row["measured"] for row in table["budgets"]}
    figures = {}
    with heap.renewals() as renewals:
        board = renewals.board
        figures.update(sizes.groups(board))
        figures["codec.heap"] = sizes.codec(board)
        found = sizes.exchange(board)
        exchange = {name: found[name] for name in _CALLS}
        figures["exchange.stack"] = found["stack"]
        figures["exchange.heap"] = exchange["recertify + get"][0]
        figures.update(heap.pieces(board))
        figures["renewal.connections"] = renewals.connections()
        figures["renewal.stack"] = renewals.stack()
        for key, frozen in (("renewal.heap", False), ("renewal.heap_frozen", True)):
            said = old[key]
            figures[key] = said if not thoroughly and said and renewals.holds(said, frozen) \
                else renewals.surely(frozen)
        if not heap.piece_suffices(renewals, figures["piece.tls"]):
            raise RuntimeError("something in a renewal wants a larger piece than TLS does")
        files = sizes.files(board)
    return {
        "budgets": [dict(row, measured=_steady(row["key"], row["measured"], figures[row["key"]]))
                    for row in table["budgets"]],
        "exchange": exchange,
        "files": {name: _steady_file(table["files"].get(name), found) for name, found in files.items()},
    }


def _steady(key, old, new):
    # The C compiler's version moves these, by little; a table that is right is not stale by that.
    if key.endswith(".stack"):
        new = -(-new // 256) * 256
        near = 512
    elif ".ram" in key or key.startswith("piece."):
        near = 128
    elif key.startswith("renewal.heap"):
        near = heap.GRAIN
    else:
        near = 0
    return old if old is not None and abs(new - old) <= near else new


def _steady_file(old, new):
    if not old:
        return new
    return [new[0], *(_steady(".ram", was, now) for was, now in zip(old[1:], new[1:], strict=True))]


def tighten(table):
    """Lower what is held where it is loose; gives a line for each."""
    lowered = []
    for row in table["budgets"]:
        measured, goal, held = row["measured"], row["goal"], row["held"]
        if row["key"].startswith("renewal.heap"):
            # Within two GRAINs it is chance what is measured.
            new = measured + 2 * heap.GRAIN
            loose = measured + 4 * heap.GRAIN
        else:
            loose = measured * _LOOSE
            new = math.ceil(measured * _ROOM / 16) * 16 if measured > 99 else measured
        if goal is not None and measured <= goal:
            new = min(new, goal)
        if held is None or held > loose:
            row["held"] = new
            lowered.append("%s: the budget is %d now" % (row["what"], new))
    return lowered


def changes(old, new):
    """A line for each figure that is not what it was."""
    was = {row["key"]: row for row in old["budgets"]}
    found = ["%s: %s, now %s" % (row["what"], was[row["key"]]["measured"], row["measured"])
             for row in new["budgets"] if row["measured"] != was[row["key"]]["measured"]]
    for part in ("files", "exchange"):
        for name in sorted({*old[part], *new[part]}):
            if old[part].get(name) != new[part].get(name):
                found.append("%s: %s, now %s" % (name, old[part].get(name), new[part].get(name)))
    return found


def broken(table):
    """A line for each budget that is not kept."""
    return ["%s: %d measured, %d is the budget" % (row["what"], row["measured"], row["held"])
            for row in table["budgets"] if row["held"] is not None and row["measured"] > row["held"]]


def update(check=False):
    """Measure, and keep the figures or, to check them, look whether they are those that are kept; gives
    whether they are, and no budget is broken. Says what is amiss on stderr."""
    old = load()
    new = measure(old, not check)
    lowered = tighten(new)
    stale = check and new != old
    if stale:
        print("\n".join([*changes(old, new), *lowered, "the figures are stale: run `make size`"]),
              file=sys.stderr)
    elif not check:
        save(new)
        print("\n".join(lowered) or "no budget is lowered")
    for line in broken(new):
        print("over budget: %s (tools/budgets.json)" % line, file=sys.stderr)
    return not stale and not broken(new)


def budget_table(table=None):
    """The table of budgets, in Markdown."""
    table = table or load()
    rows = ["| what | goal | budget | measured | goal met |", "|---|---:|---:|---:|---|"]
    notes = []
    for row in table["budgets"]:
        goal = row["goal"]
        met = "-" if goal is None else "yes" if row["measured"] <= goal else "no"
        if met == "no":
            notes.append("%s: %s" % (row["what"], row["why"]))
        rows.append("| %s | %s | %s | %s | %s |" % (
            row["what"], _bytes(row, goal), _bytes(row, row["held"]), _bytes(row, row["measured"]), met))
    if notes:
        rows += ["", "Why a goal is not met:", ""] + ["- " + note for note in notes]
    return "\n".join(rows)


def _bytes(row, number):
    if number is None:
        return "-"
    if row["key"].startswith("renewal.heap"):
        return "%d KiB" % (number >> 10)
    return "%d" % number


def file_table(table=None):
    """What each file costs, in Markdown."""
    table = table or load()
    core = {modules.file(name) for name in modules.closure(modules.CORE)}
    parts = {"kmip_lite, the core": [], "kmip_lite, optional": [], "identity": [], "meter": []}
    for name, figures in table["files"].items():
        package = name.split("/")[0]
        if package == "kmip_lite":
            package = "kmip_lite, the core" if name in core else "kmip_lite, optional"
        parts[package].append((name, figures))
    rows = ["| file | flash, .mpy at -O3 | RAM, from .mpy | RAM, frozen |", "|---|---:|---:|---:|"]
    for title, found in parts.items():
        sums = [sum(column) for column in zip(*(figures for _, figures in found), strict=True)]
        rows.append("| **%s** | **%d** | **%d** | **%d** |" % (title, *sums))
        rows += ["| `%s.py` | %d | %d | %d |" % (name, *figures) for name, figures in found]
    return "\n".join(rows)


def exchange_table(table=None):
    """What an exchange allocates, in Markdown."""
    table = table or load()
    rows = ["| call | bytes allocated | of them held by its value |", "|---|---:|---:|"]
    for name, (allocated, kept) in table["exchange"].items():
        rows.append("| %s | %d | %d |" % (_CALLS[name], allocated, kept))
    return "\n".join(rows)


_CALLS = {
    "client": "`Client(stream)`, its buffer of 2048 bytes included",
    "get": "`get(uid)`, a key of 16 bytes",
    "get into": "`get(uid, into=key)`",
    "get certificate": "`get(uid)`, a certificate of 420 bytes",
    "certify": "`certify(uid, csr=csr)`",
    "recertify": "`recertify(uid, csr=csr, offset=0)`",
    "get_usage_allocation": "`get_usage_allocation(uid, 100)`",
    "recertify + get": "`batch()`, `recertify()`, `get()`, `send()`",
}
