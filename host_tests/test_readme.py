"""What README.md promises: its first program runs as it stands, its generated parts are fresh."""

import os
import re
import subprocess
import sys

import ports

from tools import budgets, heap, readme
from tools.provision import provision
from tools.refserver import Server, init
from tools.steps import ROOT


def part(name):
    text = readme.README.read_text()
    return re.search(r"<!-- %s -->\n(.*?)<!-- /%s -->" % (name, name), text, re.S)[1]


def code(name):
    return part(name).strip().removeprefix("```python\n").removesuffix("```")


def test_the_first_program(port, tmp_path):
    program = code("first.py")
    assert len(program.splitlines()) == 10
    init(tmp_path / "state", life=3600)
    with Server(tmp_path / "state") as server:
        folder = tmp_path / "meter-0001"
        provision(tmp_path / "state", "meter-0001", folder, port=server.port)
        (folder / "first.py").write_text(program + code("renew.py"))
        status, output = port.run(["first.py"], cwd=folder)
    assert status == 0, output
    assert "KMIP 14" in output
    assert "key of 128 bits" in output
    assert re.search(r"new certificate \S+ \d+ bytes", output)


def test_the_first_program_on_cpython(tmp_path):
    init(tmp_path / "state", life=3600)
    with Server(tmp_path / "state") as server:
        folder = tmp_path / "meter-0001"
        provision(tmp_path / "state", "meter-0001", folder, port=server.port)
        (folder / "first.py").write_text(code("first.py"))
        done = subprocess.run(
            [sys.executable, "first.py"], cwd=folder, capture_output=True, text=True, timeout=60,
            env=dict(os.environ, PYTHONPATH="%s:%s" % (ROOT / "firmware", ROOT / "host_tests/stubs")))
    assert done.returncode == 0, done.stderr
    assert "key of 128 bits" in done.stdout


def test_the_state_diagram_is_the_tables():
    assert part("states").strip() == readme.states()


def test_a_renewal_runs_in_the_heap_that_it_says():
    ports.open_port("unix32")  # skips, or fails in CI, where there is none
    said = re.search(r"^\| heap in which a whole renewal surely runs.* from .mpy .* (\d+) KiB \| \S+ \|$",
                     part("budgets"), re.M)[1]
    with heap.renewals() as renewals:
        assert renewals.holds(int(said) << 10)


def test_the_tables_are_the_figures_of_the_budgets():
    table = budgets.load()
    assert part("budgets").strip() == budgets.budget_table(table)
    assert part("sizes").strip() == budgets.file_table(table)
    assert part("exchanges").strip() == budgets.exchange_table(table)
