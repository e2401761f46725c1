"""The RP2040's own image in rp2040js: it starts, with everything frozen; its file system, its UART, its
entropy; what runs it ends it."""

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time

import boardkit
import pytest

from tools import firmware, npm
from tools.rp2 import build, machine, uf2
from tools.rp2.desk import Desk
from tools.rp2.machine import Machine, Trouble
from tools.steps import ROOT, Failed

RANDOM = "import os; print(os.urandom(16).hex())"


@pytest.fixture(scope="module", autouse=True)
def there():
    boardkit.or_skip(machine.why_missing())


@pytest.fixture(scope="module")
def board(there):
    """One board for what leaves it as it was."""
    with Machine() as made:
        yield made


def test_our_core_does_what_rp2040js_does():
    command = ["node", boardkit.HERE / "core_check.mjs", npm.find(*machine.RP2040JS[:2]), "500000"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and done.stdout.startswith("compared "), done.stdout[-2000:] + done.stderr


def test_what_the_board_is(board):
    name, version, clock, files = board.run(
        "import sys, os, time\nprint(sys.implementation._machine)\nprint(sys.implementation[1])\n"
        "print(time.gmtime()[0])\nprint(os.listdir('/'))").splitlines()
    assert name.endswith("RP2040") and version == "(1, 25, 0, '')"
    assert clock == "2021" and files == "[]"


def test_everything_is_frozen(board):
    # Nothing is on the file system: what can be imported is in the image.
    board.run("import asyncio, tls, hashlib, cryptolib\nimport kmip_lite.uart, kmip_lite.aclient\n"
              "import identity.renewal, identity.p256, meter.meter, meter.world\n"
              "from kmip_lite.ops import certify, recertify, get, get_usage_allocation")


def test_heap_at_boot():
    with Machine() as board:
        free = int(board.run("import gc; gc.collect(); print(gc.mem_free())"))
        assert free > 230_000
        # In one piece: as much as TLS wants several times over.
        board.run("bytearray(150_000)")


def test_the_image_fits():
    sizes = build.sizes()
    assert 400 << 10 < sizes["flash"] <= sizes["room"] == 640 << 10
    assert sizes["ram"] < 16 << 10
    assert build.find().stat().st_size == sizes["flash"]


def test_uf2_holds_the_image():
    image = build.find().read_bytes()
    data = build.find().with_suffix(".uf2").read_bytes()
    assert len(data) == 512 * -(-len(image) // 256)
    found = b""
    for number in range(len(data) // 512):
        block = data[512 * number:512 * (number + 1)]
        first, second, flags, address, size, which, count, family = struct.unpack("<8I", block[:32])
        assert (first, second, block[-4:]) == (0x0A324655, 0x9E5D5157, struct.pack("<I", 0x0AB16F30))
        assert (flags, size, which, count, family) == (0x2000, 256, number, len(data) // 512, uf2.RP2040)
        assert address == 0x10000000 + 256 * number
        found += block[32:32 + 256]
    assert found.startswith(image) and not found[len(image):].strip(b"\0")


def test_entropy_is_the_ring_oscillators():
    drawn = []
    for entropy in ("random", "random", "stuck", "stuck"):
        with Machine(entropy=entropy) as board:
            drawn += board.run(RANDOM).split()
            assert entropy == "stuck" or board.run(RANDOM).strip() != drawn[-1]
    # Two starts differ; and a stuck oscillator gives the same keys each time: there is no other source.
    assert len(set(drawn)) == 3 and drawn[2] == drawn[3]


def test_files_outlast_a_reset_and_the_emulator(tmp_path):
    flash = tmp_path / "flash"
    content = bytes(range(256)) * 5
    with Machine(flash=flash) as board:
        board.put("/a/b/c.bin", content)
        board.start("import machine; machine.reset()")
        assert board.rebooted() == "watchdog"
        assert board.run("import machine; print(machine.reset_cause() == machine.WDT_RESET)") == "True\n"
        assert board.run("print(open('/a/b/c.bin', 'rb').read() == %r)" % content) == "True\n"
        board.start("while True: pass")
        board.reset()
        assert board.rebooted() == "reset"
        assert board.run("import machine; print(machine.reset_cause() == machine.PWRON_RESET)") == "True\n"
    with Machine(flash=flash) as board:
        assert board.run("print(open('/a/b/c.bin', 'rb').read() == %r)" % content) == "True\n"


def test_a_watchdog_that_is_not_fed():
    with Machine() as board:
        board.start("import machine; machine.WDT(timeout=300)\nwhile True: pass")
        assert board.rebooted() == "watchdog"


def test_power_that_fails_in_the_middle_of_a_write():
    # Slots is what is on the flash; whichever of both it is, it is whole.
    commit = ("from identity.slots import Slots\nslots = Slots('/slots')\n"
              "slots.state['n'] = %d\nslots.commit()")
    with Machine() as board:
        board.run(commit % 0)
        done = 0
        for number in range(1, 8):
            board.cut(number)
            board.start(commit % number)
            assert board.rebooted() == "power cut"
            found = int(board.run("from identity.slots import Slots\nprint(Slots('/slots').state['n'])"))
            assert found in (done, number)
            done = found


def test_uart():
    with socket.create_server(("127.0.0.1", 0)) as server, \
            Machine(uart="127.0.0.1:%d" % server.getsockname()[1]) as board:
        begun = "import time\nfrom machine import UART\nuart = UART(1, 115200, timeout=0, rxbuf=%d)\n"
        board.run(begun % 1024 + "uart.write(b'hello')")
        server.settimeout(20)
        with server.accept()[0] as far:
            far.settimeout(20)
            assert far.recv(100) == b"hello"
            # 512 bytes take 44 ms at that speed, and the core sleeps meanwhile: nothing is lost.
            far.sendall(bytes(range(256)) * 2)
            assert board.run("time.sleep_ms(300)\nprint(uart.any())\n"
                             "print(uart.read() == bytes(range(256)) * 2)") == "512\nTrue\n"
            assert board.stats()["lost"] == 0
            # A buffer that is too small: what it has no room for is lost, as on the chip.
            board.run(begun % 256 + "uart.write(b'!')")
            assert far.recv(100) == b"!"
            far.sendall(bytes(1000))
            read = int(board.run(
                "time.sleep_ms(300)\nn = 0\nwhile uart.any(): n += len(uart.read())\nprint(n)"))
            assert 256 <= read < 320 and board.stats()["lost"] == 1000 - read


def test_deployed_the_meter_starts_by_itself(tmp_path):
    told = []
    desk = Desk(tmp_path, bootstrap=True, deployed=told.append)
    path = desk.device / "config.json"
    billing = {"host": "127.0.0.1", "port": 1, "name": "localhost", "path": "/reports"}
    path.write_text(json.dumps({**desk.config, "billing": billing}))
    with desk:
        assert sum(line.startswith("self-test: ok ") for line in told) >= 6, told
        board = desk.board
        board.run("import os; os.remove('/stop')")
        board.start("import machine; machine.reset()")
        # It has no network, says so, and meters on.
        board.wait_for(b"offline: no module named 'socket'", 120)
        board.enter()
        status = json.loads(board.run("import json, meter; print(json.dumps(meter.status()))"))
        # At the REPL its watchdog stays fed.
        board.run("import time; time.sleep(9)")
        assert status["state"] == "KEYED" and board.stats()["boots"] == 2


def test_a_board_that_hangs_is_given_up_and_ended():
    with Machine() as board:
        begun = time.monotonic()
        with pytest.raises(Trouble, match="does not answer"):
            board.run("while True: pass", timeout=1)
        assert time.monotonic() - begun < 10
        process = board._process
    assert process.poll() is not None


def test_an_exception_is_told_and_the_board_goes_on(board):
    with pytest.raises(Trouble, match="ValueError: no"):
        board.run("print('before')\nraise ValueError('no')")
    assert board.run("print('after')") == "after\n"


def test_a_fault_ends_the_emulator():
    # Into the ROM's own loader, which ours does not have.
    with Machine() as board, pytest.raises(Trouble, match="ended"):
        board.run("import machine; machine.bootloader()")


def test_a_killed_run_leaves_nothing():
    code = ("import os\nfrom tools.rp2.machine import Machine\nboard = Machine()\n"
            "print(board._process.pid, flush=True)\nos.kill(os.getpid(), %d)" % signal.SIGKILL)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=90)
    process = int(done.stdout)
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    raise AssertionError("the emulator is still there")


def test_no_node(monkeypatch):
    monkeypatch.setattr(npm.shutil, "which", lambda name: None)
    assert machine.why_missing() == "no Node.js (packages nodejs and npm)"
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(npm, "HOME", ROOT / "nowhere")
    with pytest.raises(Failed, match="packages nodejs and npm"):
        npm.ensure("x", "1", "")
    with pytest.raises(Failed, match=r"arm-none-eabi-gcc.* cmake.*packages gcc-arm-none-eabi"):
        build.ensure()


def test_boards_that_are_not_made_here():
    assert firmware.why_not("RP2040") == ""
    for name in ("", "NO_SUCH", "../../etc"):
        assert "images are made for RP2040" in firmware.why_not(name)
    assert firmware.main(["NO_SUCH"]) == 2
