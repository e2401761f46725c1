"""What README.md promises: its first program runs as it stands, its generated parts are fresh."""

import re

from tools import readme
from tools.provision import provision
from tools.refserver import Server, init


def part(name):
    text = readme.README.read_text()
    return re.search(r"<!-- %s -->\n(.*?)<!-- /%s -->" % (name, name), text, re.S)[1]


def test_the_first_program(port, tmp_path):
    program = part("first.py").strip().removeprefix("```python").removesuffix("```").lstrip()
    assert len(program.splitlines()) < 20
    init(tmp_path / "state", life=3600)
    with Server(tmp_path / "state") as server:
        folder = tmp_path / "meter-0001"
        provision(tmp_path / "state", "meter-0001", folder, port=server.port)
        (folder / "first.py").write_text(program)
        status, output = port.run(["first.py"], cwd=folder)
    assert status == 0, output
    assert "KMIP 14" in output
    assert "key of 128 bits" in output
    assert re.search(r"new certificate \S+ \d+ bytes", output)


def test_the_state_diagram_is_the_tables():
    assert part("states").strip() == readme.states()
