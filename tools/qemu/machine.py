"""One emulated board: QEMU with an image of ours, driven over the raw REPL on its first UART.

    with Machine("QEMU_M0PLUS") as board:
        print(board.run("import gc; print(gc.mem_free())"))
"""

import contextlib
import os
import re
import select
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from ..rawrepl import RawRepl, Trouble
from . import build

PROGRAM = "qemu-system-arm"
ROM_AT = 0x21100000  # as in boards/qemu/frozen/board.py
_LIMIT = 600  # seconds after which QEMU is ended whatever became of us


class Machine(RawRepl):
    """Starts QEMU.

    target  a name of build.TARGETS
    rom     files for /rom: a dict as romfs.image() takes, packed
    uart    QEMU's name for the other end of the second UART, machine.UART(1): "pty",
            "tcp:127.0.0.1:PORT"; None: nothing is there
    icount  whether an instruction takes 1 ns of the board's time, whatever the host does: time and counts
            are then the same in every run, and all is slower
    repl    "stdio": run() speaks with the board; "pty": `ptys[0]` is for others to speak with it

    ptys    the paths of the pseudo terminals, in the order of the UARTs that have one
    """

    def __init__(self, target, rom=None, uart=None, icount=False, repl="stdio"):
        image = build.find(target)
        if image is None:
            raise Trouble(build.why_missing(target))
        self._folder = tempfile.TemporaryDirectory()
        command = [PROGRAM, "-machine", "mps2-an385", "-display", "none", "-monitor", "none",
                   "-semihosting-config", "enable=on,target=native", "-kernel", str(image),
                   "-serial", repl, "-serial", uart or "null"]
        if icount:
            command += ["-icount", "shift=0,sleep=off"]
        if rom is not None:
            path = Path(self._folder.name, "rom")
            path.write_bytes(rom)
            command += ["-device", "loader,file=%s,addr=%#x,force-raw=on" % (path, ROM_AT)]
        # `timeout` ends QEMU even where nobody is left to do it.
        self._process = subprocess.Popen(
            [shutil.which("timeout") or "timeout", "-s", "KILL", str(_LIMIT), *command],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0,
            start_new_session=True, env=dict(os.environ, LC_ALL="C"))
        self._read = b""
        self.ptys = []
        try:
            for _ in range((repl == "pty") + (uart == "pty")):
                line = self._until(b"\n", self.patience).decode(errors="replace")
                found = re.search(r"redirected to (\S+)", line)
                if not found:
                    raise Trouble("QEMU: " + line.strip())
                self.ptys.append(found[1])
            if repl == "stdio":
                self.enter()
        except BaseException:
            self.close()
            raise

    def rebooted(self, timeout=60):
        """Wait until the board, told to reset itself, is there again; gives what it printed before."""
        output = self._until(b"MicroPython v", timeout)
        self.enter()
        return output.decode(errors="replace").replace("\r\n", "\n")

    def close(self):
        """End QEMU, and whatever it started."""
        self._process.terminate()  # `timeout` passes it on, and waits for QEMU
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()
        self._folder.cleanup()

    def _write(self, data):
        try:
            self._process.stdin.write(data)
        except BrokenPipeError:
            raise Trouble("QEMU has ended: " + self._rest())

    def _receive(self, timeout):
        if not select.select([self._process.stdout], [], [], timeout)[0]:
            return b""
        data = os.read(self._process.stdout.fileno(), 65536)
        if not data:
            raise Trouble("QEMU has ended: " + self._rest())
        return data
