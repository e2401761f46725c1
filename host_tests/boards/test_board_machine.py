"""The emulated boards themselves: what runs them ends them, time-outs hold, time, clock and UART work."""

import os
import re
import socket
import subprocess
import sys
import time

import boardkit
import pytest

from tools.qemu import build, machine, romfs
from tools.qemu.machine import Machine, Trouble
from tools.steps import ROOT


def running(board):
    """Whether any process of a board's group is there."""
    try:
        os.killpg(board._process.pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_what_the_board_is(target):
    with Machine(target) as board:
        name, heap, year = board.run(
            "import sys, gc, time\nprint(sys.implementation._machine)\ngc.collect()\n"
            "print(gc.mem_free() + gc.mem_alloc())\nprint(time.gmtime(0)[0])").splitlines()
    assert ("M0+" in name, year) == ((True, "1970") if target == "QEMU_M0PLUS" else (False, "2000"))
    assert 125 << 10 <= int(heap) <= 128 << 10


def test_the_image_is_cortex_m0_plus_code_where_it_says_so():
    boardkit.image_or_skip("QEMU_M0PLUS")
    done = subprocess.run(["arm-none-eabi-readelf", "-A", build.find("QEMU_M0PLUS")],
                          capture_output=True, text=True, timeout=60)
    # Thumb-1 is all that a Cortex-M0+ knows of ARM's instruction sets, but for a handful.
    assert re.search(r"Tag_CPU_arch_profile: Microcontroller\s+Tag_THUMB_ISA_use: Thumb-1", done.stdout)


def test_the_image_fits_a_board(target):
    sizes = build.sizes(target)
    assert 300 << 10 < sizes["flash"] < 1 << 20
    assert 128 << 10 < sizes["ram"] < 140 << 10


def test_a_board_that_hangs_is_given_up_and_ended(target):
    with Machine(target) as board:
        begun = time.monotonic()
        with pytest.raises(Trouble, match="does not answer"):
            board.run("while True: pass", timeout=1)
        assert time.monotonic() - begun < 10
    assert not running(board)


def test_an_exception_is_told_and_the_board_goes_on(target):
    with Machine(target) as board:
        with pytest.raises(Trouble, match="ValueError: no"):
            board.run("print('before')\nraise ValueError('no')")
        assert board.run("print('after')") == "after\n"


def test_a_board_that_ends_itself(target):
    with Machine(target) as board, pytest.raises(Trouble, match="ended"):
        board.run("import machine\nmachine.reset()")  # this port's reset ends QEMU
    assert not running(board)


def test_no_image(monkeypatch, tmp_path):
    monkeypatch.setattr(build, "HOME", tmp_path)
    assert build.find("QEMU_M3") is None
    with pytest.raises(Trouble, match=r"make test-boards|no QEMU"):
        Machine("QEMU_M3")


def test_an_image_without_qemu(monkeypatch):
    monkeypatch.setattr(build.shutil, "which", lambda name: None)
    assert "packages gcc-arm-none-eabi" in build.why_missing("QEMU_M3")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(build.Failed, match="packages gcc-arm-none-eabi"):
        build.ensure("QEMU_M3")


def test_a_killed_run_leaves_nothing_for_long(target):
    # Nobody can clean up after a SIGKILL; `timeout` ends QEMU in the end.
    code = ("import os, sys\nfrom tools.qemu import machine\nmachine._LIMIT = 3\n"
            "board = machine.Machine(%r)\nprint(board._process.pid, flush=True)\nos.kill(os.getpid(), 9)")
    done = subprocess.run([sys.executable, "-c", code % target], cwd=ROOT, capture_output=True, text=True,
                          timeout=60)
    group = int(done.stdout)
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    raise AssertionError("QEMU is still there")


def test_a_terminal_for_others(target):
    with Machine(target, repl="pty") as board:
        fd = os.open(board.ptys[0], os.O_RDWR | os.O_NOCTTY)
        try:
            os.write(fd, b"\r\x03print(6*7)\r")
            read = b""
            end = time.monotonic() + 30
            while b"\n42" not in read and time.monotonic() < end:
                os.write(fd, b"\r")  # QEMU looks once a second whether somebody is there
                read += machine.os.read(fd, 4096)
                if b"print" not in read:
                    os.write(fd, b"print(6*7)\r")
            assert b"\n42" in read
        finally:
            os.close(fd)


def test_time_passes_and_the_clock_is_set(target):
    with Machine(target) as board:
        lines = board.run(
            "import time, emulator\na = time.ticks_ms()\ntime.sleep_ms(50)\n"
            "print(time.ticks_diff(time.ticks_ms(), a))\nemulator.set_time(1800000000)\n"
            "print(time.gmtime()[:5])\nfrom identity.clock import Clock\nprint(Clock().now())").splitlines()
    assert 50 <= int(lines[0]) < 5000
    assert lines[1] == "(2027, 1, 15, 8, 0)"
    assert int(lines[2]) - 1800000000 in range(60)


def test_the_entropy_is_a_fixed_sequence(target):
    # And it is said to be: nobody may take this for a board.
    with Machine(target) as board:
        first, second = board.run(
            "import os, emulator\nemulator.seed(5)\nprint(os.urandom(8).hex())\nemulator.seed(5)\n"
            "print(os.urandom(8).hex())").splitlines()
    assert first == second


def test_no_other_board_takes_the_emulator_s_entropy():
    for path in (ROOT / "boards").rglob("*"):
        if path.is_file() and path.parts[-2] not in ("qemu", "frozen", "QEMU_M0PLUS", "QEMU_M3"):
            text = path.read_text(errors="replace")
            assert "board_entropy" not in text and "qemu/board" not in text, path


def test_uart(target):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(30)
        with Machine(target, uart="tcp:127.0.0.1:%d" % listener.getsockname()[1]) as board:
            far = listener.accept()[0]
            far.settimeout(30)
            with far:
                board.run("from machine import UART\nuart = UART(1, 9600)\nbuf = bytearray(300)\n"
                          "print(uart.write(bytes(range(256))))")
                read = b""
                while len(read) < 256:
                    read += far.recv(256)
                assert read == bytes(range(256))
                assert board.run("print(uart.any(), uart.readinto(buf))") == "0 None\n"
                far.sendall(b"hello")
                assert board.run("import select, time\npoll = select.poll()\n"
                                 "poll.register(uart, select.POLLIN)\nprint(len(poll.poll(5000)))\n"
                                 # It holds one byte, so that a read may get as little as that; none is lost.
                                 "got = b''\nwhile len(got) < 5:\n got += uart.read() or b''\nprint(got)\n"
                                 ) == "1\nb'hello'\n"
                begun = "import time\nt = time.ticks_ms()\nu = UART(1, timeout=200)\nprint(u.read(1))\n"
                output = board.run(begun + "print(time.ticks_diff(time.ticks_ms(), t))").splitlines()
                assert output[0] == "None" and int(output[1]) >= 200
                with pytest.raises(Trouble, match="exist"):
                    board.run("UART(0)")


def test_rom(target):
    files = {"a.txt": b"", "folder/b.bin": bytes(range(256)) * 300, "folder/deep/c": b"x" * 127}
    with boardkit.start(target, files) as board:
        output = board.run(
            "import os\nprint(sorted(os.listdir('/rom')), sorted(os.listdir('/rom/folder')))\n"
            "b = open('/rom/folder/b.bin', 'rb').read()\nprint(len(b), b[:3], b[-1])\n"
            "print(os.stat('/rom/folder/deep/c')[6], os.stat('/rom/a.txt')[6])")
    assert output == "['a.txt', 'folder'] ['b.bin', 'deep']\n76800 b'\\x00\\x01\\x02' 255\n127 0\n"


def test_rom_images_have_an_even_length():
    for size in range(300):
        made = romfs.image({"f": bytes(size)})
        assert len(made) % 2 == 0 and made.startswith(b"\xd2\xcd\x31"), size
