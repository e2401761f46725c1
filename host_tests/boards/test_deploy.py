"""`make deploy` onto the emulated RP2040, over its REPL on a socket, as it goes onto a board's USB."""

import re
import subprocess
import sys

import boardkit
import pytest

from tools.deploy import __main__ as deploy
from tools.deploy import board as boards
from tools.deploy.board import Board, Trouble
from tools.provision import provision
from tools.qemu.machine import Machine as QemuMachine
from tools.refserver import init
from tools.rp2.machine import Machine, why_missing
from tools.steps import ROOT


@pytest.fixture(scope="module")
def device(tmp_path_factory):
    base = tmp_path_factory.mktemp("device")
    init(base / "state", life=6000)
    for name in ("meter-0001", "meter-0002"):
        provision(base / "state", name, base / name, billing=(None, ("127.0.0.1", 8443)))
    return base / "meter-0001"


@pytest.fixture
def machine():
    boardkit.or_skip(why_missing())
    with Machine(repl=False) as made:
        yield made


def run(machine, *args):
    done = subprocess.run(
        [sys.executable, "-m", "tools.deploy", "--board", "RP2040", "--port",
         "socket://127.0.0.1:%d" % machine.port, *map(str, args)],
        cwd=ROOT, capture_output=True, text=True, timeout=300)
    return done.returncode, done.stdout, done.stderr


def test_onto_an_empty_board_and_again(machine, device, monkeypatch):
    status, output, errors = run(machine, "--device", device, "--stay")
    assert (status, errors) == (0, ""), (output, errors)
    assert "the packages are frozen in the image" in output
    tests = re.findall(r"^self-test: ok (\w+): (.*)$", output, re.M)
    assert [name for name, _ in tests] == ["imports", "heap", "codec", "key", "store", "entropy", "tls"]
    key = (device / "key.der").read_bytes()
    assert key.hex() not in output and repr(key)[2:-1] not in output
    with Board("socket://127.0.0.1:%d" % machine.port) as board:
        files = board.files()
        for path in (*device.glob("*.der"), device / "config.json"):
            assert files["/" + path.name] == boards.digest(path.read_bytes())
        assert {"/main.py", "/boot.py", "/board.py"} < set(files) and "/stop" not in files
        year = board.run("import time\nprint(time.gmtime()[0])")
        assert int(year) > 2024
        # What the device has made itself stays; a second deployment copies nothing.
        board.run("import os\nos.mkdir('/slots')\nwith open('/slots/own', 'wb') as f: f.write(b'own')")
        before = board.files()
        lines = []
        monkeypatch.setattr(deploy, "_selftest", lambda *_: True)  # it has passed above
        assert deploy.deploy(board, "RP2040", device, stay=True, say=lines.append)
        assert any(re.match("0 files copied", line) for line in lines), lines
        assert board.files() == before
        # Another device's folder is refused, and nothing is changed but that the meter waits.
        with pytest.raises(Trouble, match="the board is meter-0001, not meter-0002"):
            deploy.deploy(board, "RP2040", device.parent / "meter-0002", stay=True, say=lines.append)
        after = board.files()
        assert after.pop("/stop") and after == before
        # Unless it is told to.
        assert deploy.deploy(board, "RP2040", device.parent / "meter-0002", wipe=True, stay=True,
                             say=lines.append)
        assert "/slots/own" not in board.files()


def test_interrupted_at_any_file_and_deployed_again(machine, device, monkeypatch):
    monkeypatch.setattr(deploy, "_selftest", lambda *_: True)  # half a minute each; it has its own test
    with Board("socket://127.0.0.1:%d" % machine.port) as board:
        files = list(deploy.wanted("RP2040", True, device))
        assert files[-1] == "/config.json"  # without it nothing starts
        whole = Board.write
        for cut in (0, 3, len(files) - 1):
            left = [cut]

            def write(self, path, data, left=left):
                if not left[0]:
                    self._transport.fs_writefile(path + ".part", data[: len(data) // 2])
                    raise Trouble("pulled out")
                left[0] -= 1
                whole(self, path, data)

            Board.write = write
            try:
                with pytest.raises(Trouble, match="pulled out"):
                    deploy.deploy(board, "RP2040", device, wipe=True, stay=True, say=str)
            finally:
                Board.write = whole
            there = board.files()
            assert "/stop" in there and not [p for p in there if "config" in p and cut < 3 and p[-1] == "n"]
            assert deploy.deploy(board, "RP2040", device, stay=True, say=str)
            assert "/stop" not in board.files()
            for path in files:
                board.remove(path)


def test_a_full_flash_is_told(machine, device, monkeypatch):
    monkeypatch.setattr(deploy, "_selftest", lambda *_: True)
    with Board("socket://127.0.0.1:%d" % machine.port) as board:
        board.run("import os\nleft = os.statvfs('/')[3] - 5\nwith open('/fill', 'wb') as file:\n"
                  "    for _ in range(left):\n        file.write(bytes(4096))", quiet=120)
        with pytest.raises(Trouble, match=r"of flash free; \d+ are needed"):
            deploy.deploy(board, "RP2040", device, stay=True, say=str)


def test_what_others_left_is_removed(machine, device, monkeypatch):
    monkeypatch.setattr(deploy, "_selftest", lambda *_: True)
    provision(device.parent / "state", "meter-0003", device.parent / "meter-0003", bootstrap=True)
    with Board("socket://127.0.0.1:%d" % machine.port) as board:
        # A folder that hides the package, another's key, a file that was cut off.
        board.run("import os\nos.mkdir('/meter')\nfor name in ('/key.der', '/key.der.part'):\n"
                  "    open(name, 'w').close()")
        lines = []
        assert deploy.deploy(board, "RP2040", device.parent / "meter-0003", stay=True, say=lines.append)
        assert any("frozen in the image" in line for line in lines)
        there = board.files()
        assert "/bootstrap/key.der" in there and not {"/key.der", "/key.der.part"} & set(there)
        assert board.about()["hiding"] == []


def test_over_a_pseudo_terminal():
    """The same code over QEMU's pty. Its image has a board.py of its own and no reset, so that the parts are
    tried and not the whole."""
    boardkit.image_or_skip("QEMU_M3")
    with QemuMachine("QEMU_M3", repl="pty") as machine, Board(machine.ptys[0]) as board:
        board.run("import board\nboard.mount()")
        about = board.about()
        assert about["version"] == [1, 25, 0] and about["tls"] and about["frozen"] and not about["meter"]
        assert deploy.fitness(about) == ""
        data = bytes(range(256)) * 9
        board.write("/folder/deep/file", data)
        assert board.files()["/folder/deep/file"] == boards.digest(data)
        board.write("/folder/deep/file", data[:5])
        assert board.files() == {"/folder/deep/file": boards.digest(data[:5])}
        board.remove("/folder")
        assert board.files() == {}
        lines = []
        assert deploy._selftest(board, False, lines.append), lines
        assert len(lines) == 6
