"""Each optional file of kmip_lite left out in turn, on the 32-bit port, from bytecode: the rest goes on.

What a missing file can change is in the tests that name it, so these are run, and those of the core. A test
that comes to need the file has to fail by saying so; everything else has to pass.
"""

import ast
import re
import shutil

import ports
import pytest

from tools import modules
from tools.bytecode import compile_firmware

RUNNER = ports.ROOT / "host_tests" / "left_out" / "run_without.py"
CORE_TESTS = ("test_heap.py",)
# Where no test names the file.
OTHER_TESTS = ("test_client.py", "test_ttlv.py", "test_vectors.py")
# The library goes on without these, and tells less: of its tests those of texts fail, each by its assertion.
NOT_MISSED = {"kmip_lite.errors"}
# What takes connections is tested live, in host_tests/client and meter.
LIVE_ONLY = {"kmip_lite.listener"}


@pytest.fixture(scope="session")
def board(tmp_path_factory):
    return compile_firmware(tmp_path_factory.mktemp("left_out") / "lib")


def which(name):
    """The portable tests of kmip_lite alone that name a module, or an optional one that imports it: files,
    each with its tests behind it, or with none where only what they have in common names it."""
    found = [*CORE_TESTS]
    users = [other for other in modules.optional()
             if re.search(r"\b%s import\b" % re.escape(name), modules.paths()[other].read_text())]
    last = "|".join(module.rsplit(".", 1)[1] for module in [name, *users])
    # Of an operation, its verb; the names of other files are words that stand for other things too.
    shape = r"\b(%s)\b" if ".ops." in name else r"(?:kmip_lite\.|import .*\b)(%s)\b|\b(%s)\("
    word = re.compile(shape.replace("%s", last))
    for path in sorted(ports.PORTABLE.glob("test_*.py")):
        text = path.read_text()
        if path.name in found or not re.search(r"^from kmip_lite", text, re.M) \
                or re.search(r"^from (identity|meter)\b", text, re.M) or not word.search(text):
            continue
        tests = [node for node in ast.parse(text).body
                 if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
        found += [path.name] + [node.name for node in tests if word.search(ast.unparse(node))]
    return found if len(found) > len(CORE_TESTS) else [*found, *OTHER_TESTS]


def without(name, board, tmp_path):
    """What run_without.py prints on a board that lacks this file."""
    lib = tmp_path / "lib"
    missing = board / (modules.file(name) + ".mpy")
    shutil.copytree(board, lib, ignore=lambda folder, names: [
        entry for entry in names if missing == type(missing)(folder) / entry])
    assert not (lib / missing.relative_to(board)).exists()
    others = [other for other in modules.paths() if name not in modules.closure([other])]
    # A heap for many files' tests in one process: the largest answer of one wants 70 KB in one piece.
    status, output = ports.open_port("unix32").run(
        ["-X", "heapsize=4m", RUNNER, name, *which(name), *others], path=(lib, ports.PORTABLE), timeout=120)
    assert status == 0, output
    return output


@pytest.mark.parametrize("name", modules.optional())
def test_the_rest_passes_without(name, board, tmp_path):
    output = without(name, board, tmp_path)
    *_, said, counts = output.rsplit("\n", 3)[:-1]
    passed, failed, need = map(int, re.findall(r"\d+", counts))
    assert passed > 5
    if name in NOT_MISSED:
        assert set(re.findall(r"^(\w+Error)\b", output, re.M)) <= {"AssertionError"}, output
        return
    assert failed == 0, output
    assert need > 0 or name in LIVE_ONLY, "no test names this file, or none needs it"
    if ".ops." in name:
        verb = name.rsplit(".", 1)[1]
        assert said.startswith("%s: " % verb) and "%s.py is not on this board" % verb in said


def test_what_is_core_is_missed(board, tmp_path):
    counts = without("kmip_lite.fields", board, tmp_path).splitlines()[-1]
    assert re.search(r" [1-9]\d* need it$", counts)


def test_the_core_is_what_the_four_operations_load():
    core = modules.closure(modules.CORE)
    assert core.index("kmip_lite.ttlv") < core.index("kmip_lite.message") < core.index("kmip_lite.client")
    assert "kmip_lite.batch" in modules.optional() and "kmip_lite.ops.locate" in modules.optional()
    assert not set(core) & set(modules.optional())
    assert {*core, *modules.optional()} == set(modules.paths("kmip_lite"))
