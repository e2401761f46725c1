"""What `make deploy` says where it cannot: ports and folders that are not there, boards that will not do."""

import os
import pty
import re
import subprocess
import sys
import threading

import pytest
from mpremote.transport import TransportError

from tools.deploy import __main__ as deploy
from tools.deploy import board as boards
from tools.deploy.board import Board, Trouble
from tools.steps import ROOT

FIT = {"version": [1, 25, 0], "mpy": 6, "tls": True, "heap": 200000, "flash": 800000}


def run(*args):
    done = subprocess.run([sys.executable, "-m", "tools.deploy", *map(str, args)], cwd=ROOT,
                          capture_output=True, text=True, timeout=120)
    return done.returncode, done.stderr.splitlines()


@pytest.mark.parametrize("port", ["/dev/ttyNONE7", "socket://127.0.0.1:1"])
def test_no_such_port(port):
    status, lines = run("--board", "RP2040", "--port", port)
    assert status == 1 and len(lines) == 1 and lines[0].startswith("deploy: ") and port in lines[0]


def test_no_such_board_or_device(tmp_path):
    status, lines = run("--board", "PDP11", "--port", "x")
    assert status == 2 and "there is no board PDP11" in lines[-1]
    status, lines = run("--board", "ESP32", "--port", "x", "--device", tmp_path)
    assert status == 2 and "holds no config.json" in lines[-1]


def test_a_port_that_is_silent(monkeypatch):
    monkeypatch.setattr("tools.deploy.board._WAIT", 1)
    main, other = pty.openpty()
    thread = threading.Thread(target=lambda: os.read(main, 100), daemon=True)
    thread.start()
    try:
        with pytest.raises(Trouble, match="no REPL at"):
            Board(os.ttyname(other))
    finally:
        os.close(other)
        os.close(main)


@pytest.mark.parametrize(("change", "says"), [
    ({"version": [1, 22, 0]}, r"runs MicroPython 1\.22\.0; 1\.25 or newer"),
    ({"mpy": 5}, r"loads \.mpy version 5; this project's are 6"),
    ({"tls": False}, "no TLS"),
    ({"heap": 50000}, "50000 bytes of heap free"),
    ({}, ""),
])
def test_boards_that_will_not_do(change, says):
    why = deploy.fitness(dict(FIT, **change))
    assert re.search(says, why) if says else why == ""


def test_every_board_has_what_is_copied():
    assert {"RP2040", "RPI_PICO_W", "RPI_PICO2_W", "ESP32_GENERIC", "ESP32_GENERIC_C3",
            "ESP32_GENERIC_S3"} == set(deploy.board_names())
    for name in deploy.board_names():
        files = deploy.wanted(name, True, None)
        assert list(files) == ["/board.py", "/boot.py", "/main.py"]
        compile(files["/board.py"], name, "exec")
        for part in ("def led", "feed_at_repl, line, network, reset, watchdog"):
            assert part in files["/board.py"].decode()
    whole = deploy.wanted("ESP32_GENERIC", False, None)
    assert {"/lib/kmip_lite/ttlv.mpy", "/lib/meter/start.mpy", "/lib/identity/slots.mpy"} < set(whole)
    assert sum(map(len, whole.values())) < deploy._FLASH


class Away(Board):
    """A port that is not there for the first `tries`."""

    tries = 2

    def _try(self):
        self.tries -= 1
        return "no such port: x" if self.tries >= 0 else ""

    def close(self):
        self.closed = True


class Gone:
    """Of a board that resets before it has answered."""

    def exec_raw_no_follow(self, _):
        raise OSError("device disconnected")


def test_a_port_may_be_away_in_a_reset():
    with pytest.raises(Trouble, match="no such port"):
        Away("x")
    board = object.__new__(Away)
    board.port, board._transport = "x", Gone()
    board.reset()
    assert board.tries == -1


def test_what_was_being_sent_is_not_told():
    class Broken:
        def fs_writefile(self, *_, **__):
            raise TransportError("could not complete raw paste: b\"w(b'secret')\"")

    board = object.__new__(Board)
    board.port, board._transport = "x", Broken()
    with pytest.raises(Trouble, match=r"does not answer: /key\.der is not whole") as caught:
        board.write("/key.der", b"secret")
    assert "secret" not in str(caught.value)


class Unix:
    """Runs what a board is told to on the Unix port, in a folder that is a board's root to it."""

    def __init__(self, port, folder):
        self.port = port
        self.folder = folder

    def run(self, code, quiet=60):
        code = code.replace('listdir("/")', 'listdir(".")').replace("statvfs(\"/\")", 'statvfs(".")')
        status, output = self.port.run(["-c", code], path=["", ".frozen", "lib"], cwd=self.folder)
        assert status == 0, output
        return output


@pytest.mark.parametrize("where", ["lib", ".", "empty", "none"])
def test_packages_on_a_file_system_are_not_frozen(port, tmp_path, where):
    if where in ("lib", "."):
        (tmp_path / where / "kmip_lite").mkdir(parents=True)
        (tmp_path / where / "kmip_lite" / "__init__.py").write_text("")
    if where == "empty":
        (tmp_path / "kmip_lite").mkdir()
    about = Board.about(Unix(port, tmp_path))
    assert about["frozen"] is False and about["hiding"] == (["kmip_lite"] if where in (".", "empty") else [])


def test_what_is_frozen_is_known_by_its_file(port, tmp_path, monkeypatch):
    # asyncio is what the Unix ports have frozen.
    monkeypatch.setattr(boards, "_ABOUT", boards._ABOUT.replace("kmip_lite", "asyncio"))
    assert Board.about(Unix(port, tmp_path))["frozen"] is True
    (tmp_path / "asyncio").mkdir()
    (tmp_path / "asyncio" / "__init__.py").write_text("")
    assert Board.about(Unix(port, tmp_path))["frozen"] is False


def test_what_is_to_go():
    own = {"/key.der", "/cert.der", "/csr.der"}
    enrols = {"/bootstrap/key.der", "/bootstrap/cert.der"}
    there = {*own, "/lib/meter/old.mpy", "/lib/meter/new.mpy", "/lib/other/x.mpy", "/notes.txt"}
    # A key that a device of before was given would be taken for this one's own.
    assert set(deploy._stale(there, {*enrols, "/lib/meter/new.mpy"}, False)) == {*own, "/lib/meter/old.mpy"}
    # A bootstrap folder, empty or not, would have this one enrol.
    assert "/bootstrap" in deploy._stale(enrols, own, False)
    # What has made its own keeps all; so does one that no device is given for.
    assert deploy._stale({*own, *enrols}, set(), True) == []
