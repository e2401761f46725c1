"""What README.md promises: its first program runs as it stands, its generated parts are fresh."""

import os
import re
import subprocess
import sys
import threading
import time

import ports
from waiting import reserve

from tools import budgets, heap, readme
from tools.provision import provision
from tools.refserver import Server, init, operator
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


def test_the_programs_in_its_with(port, tmp_path):
    init(tmp_path / "state", life=3600)
    with Server(tmp_path / "state", newest=21, asynchronous={"certify": "delay 2"}) as server:
        folder = tmp_path / "meter-0001"
        provision(tmp_path / "state", "meter-0001", folder, port=server.port)
        (folder / "program.py").write_text(code("first.py") + code("pending.py") + code("attributes.py"))
        status, output = port.run(["program.py"], cwd=folder)
    assert status == 0, output
    assert "KMIP 21" in output
    assert re.search(r"^certificate \S+$", output, re.M)
    assert "x-site is north" in output


def first_line(port, folder, program, text, act=lambda: None):
    """The line with `text` that an endless program of README.md prints; act() once it runs."""
    (folder / "program.py").write_text(program)
    process = port.start(["program.py"], cwd=folder)
    watchdog = threading.Timer(90, process.kill)
    watchdog.start()
    try:
        act()
        lines = []
        for line in process.stdout:
            lines.append(line)
            if text in line:
                return line
        raise AssertionError("".join(lines))
    finally:
        watchdog.cancel()
        process.kill()
        process.wait()
        process.stdout.close()


def test_the_program_that_is_told(port, tmp_path):
    init(tmp_path / "state", life=3600)
    folder = tmp_path / "meter-0001"
    with reserve() as sock, Server(tmp_path / "state", notifier={"first": 1}) as server:
        config = provision(tmp_path / "state", "meter-0001", folder, listen=sock.getsockname())
        line = first_line(port, folder, code("told.py"), "changed:",
                          lambda: operator.replace(server.engine, config["cert_uid"]))
    assert config["cert_uid"] in line


def test_the_program_with_the_agent(port, tmp_path):
    init(tmp_path / "state")
    with Server(tmp_path / "state") as server:
        folder = tmp_path / "meter-0001"
        provision(tmp_path / "state", "meter-0001", folder, port=server.port, life=30)
        assert "proved" in first_line(port, folder, code("agent.py"), "TRIAL -> STABLE")
        # And at the next boot, where its folders are beside it. Not within the same second: a certificate
        # that ends no later than the one in use is turned down.
        time.sleep(1.1)
        program = code("agent.py").replace("while True:", "agent.request('renew')\nwhile True:")
        assert "proved" in first_line(port, folder, program, "TRIAL -> STABLE")


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
