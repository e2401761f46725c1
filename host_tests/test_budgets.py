"""Budgets: what breaks one, what lowers one; figures that do not depend on where they are measured."""

import copy
import shutil

import ports
import pytest

from tools import budgets, modules, sizes, toolchain

TABLE = budgets.load()


def row(**changes):
    return {"key": "core.ram", "what": "x", "goal": 900, "why": "y", "held": 1000, "measured": 950, **changes}


def table(*rows, **parts):
    return {"budgets": list(rows), "files": {}, "exchange": {}, **parts}


def test_a_budget_is_broken_by_a_byte():
    assert budgets.broken(table(row(measured=1000))) == []
    assert budgets.broken(table(row(measured=1001))) == ["x: 1001 measured, 1000 is the budget"]


@pytest.mark.parametrize("change, held", [
    ({}, 1000),
    ({"measured": 1001}, 1000),  # broken: never raised
    ({"measured": 910}, 1000),
    ({"measured": 905}, 960),  # more than a tenth above: lowered
    ({"measured": 800, "goal": 810}, 810),  # and to the goal at most where that is met
    ({"measured": 0}, 0),
    ({"held": None}, 1008),
    ({"key": "renewal.heap", "measured": 4096, "held": 20480}, 20480),
    ({"key": "renewal.heap", "measured": 4096, "held": 20481}, 12288),
])
def test_a_loose_budget_is_lowered(change, held):
    found = table(row(**change))
    budgets.tighten(found)
    assert found["budgets"][0]["held"] == held
    assert budgets.tighten(found) == []


def test_a_goal_that_is_not_met_says_why():
    assert "x: y" in budgets.budget_table(table(row()))
    assert "x: y" not in budgets.budget_table(table(row(measured=900)))
    assert all(entry["why"] for entry in TABLE["budgets"]
               if entry["goal"] is not None and entry["measured"] > entry["goal"])


def test_what_changed_is_told():
    new = copy.deepcopy(TABLE)
    assert budgets.changes(TABLE, new) == []
    new["budgets"][0]["measured"] += 1
    new["files"]["kmip_lite/ops/new"] = [1, 2, 3]
    del new["files"]["kmip_lite/tls"]
    said = "\n".join(budgets.changes(TABLE, new))
    assert "kmip_lite/ops/new" in said and "kmip_lite/tls" in said and TABLE["budgets"][0]["what"] in said


def test_the_table_is_read_as_it_was_written(monkeypatch, tmp_path):
    monkeypatch.setattr(budgets, "PATH", tmp_path / "budgets.json")
    budgets.save(TABLE)
    assert budgets.load() == TABLE


def test_figures_do_not_depend_on_the_place(tmp_path, monkeypatch):
    ports.frozen_port()
    monkeypatch.setenv("SOMETHING", "x" * 3000)
    found = []
    for name in ("a", "a folder with a name that is rather longer/" * 3):
        board = sizes.Board(tmp_path / name)
        found.append([sizes.groups(board), sizes.exchange(board),
                      board.own_ram("kmip_lite.client"), board.own_ram("kmip_lite.client", True)])
        found[-1][1].pop("stack")
    assert found[0] == found[1]


def test_a_frozen_module_costs_less_ram(tmp_path):
    ports.frozen_port()
    board = sizes.Board(tmp_path)
    core = modules.closure(modules.CORE)
    assert 0 < board.ram(core, frozen=True) < board.ram(core) // 2


def test_the_image_is_stale_when_a_file_changes(monkeypatch, tmp_path):
    ports.frozen_port()
    shutil.copytree(toolchain.FIRMWARE, tmp_path / "firmware", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(toolchain, "FIRMWARE", tmp_path / "firmware")
    assert toolchain._frozen_is_fresh()
    (tmp_path / "firmware" / "meter" / "billing.py").rename(tmp_path / "firmware" / "meter" / "bill.py")
    assert not toolchain._frozen_is_fresh()


def test_a_named_binary_is_not_measured(monkeypatch, tmp_path):
    monkeypatch.setenv("MICROPYTHON32", ports.open_port("unix32").path)
    with pytest.raises(toolchain.Failed, match="our own 32-bit build"):
        sizes.Board(tmp_path)
