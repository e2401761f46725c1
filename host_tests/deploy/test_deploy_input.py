"""What `make deploy` says where it cannot: ports and folders that are not there, boards that will not do."""

import os
import pty
import re
import subprocess
import sys
import threading

import pytest

from tools.deploy import __main__ as deploy
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
