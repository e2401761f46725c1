"""One emulated RP2040: rp2040js with our image, driven over the raw REPL on its USB.

    with Machine() as board:
        print(board.run("import gc; print(gc.mem_free())"))

`python -m tools.rp2.machine` makes what that needs: the image, and rp2040js.
"""

import contextlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .. import images, npm
from ..rawrepl import RawRepl, Trouble
from ..steps import ROOT
from . import build

RP2040JS = ("rp2040js", "1.4.1",
            "sha512-Yzr5xG7ZwbtA50IYAU1k/oSoSyDAhPtT5qC/Q2eFApoLuAYE8DQbPIMPs/0kh4Ietd4P0OpKk3CIkfNqjcr56g==")
_PROGRAM = ROOT / "tools" / "rp2" / "emulator.mjs"
_LIMIT = 900  # seconds after which the emulator ends whatever became of us
_UP = 60  # seconds until USB is there: 1 as a rule, but machines are shared


def why_missing():
    """One line: why no RP2040 can be had here, and what to do; "" where one can."""
    why = npm.why_no_node()
    if not why and npm.find(*RP2040JS[:2]) is None:
        why = "rp2040js is not installed (make test-boards)"
    return why or build.why_missing()


def ensure(target=build.TARGET):
    """Make all that a Machine needs. Raises Failed."""
    npm.ensure(*RP2040JS)
    build.ensure(target)


class Machine(RawRepl):
    """Starts the emulator.

    uart     where the other end of UART1 listens: "127.0.0.1:PORT"; None: nothing is there
    flash    a file that holds the board's flash between two runs; None: it is erased but for the image
    entropy  "random", or "stuck": the ring oscillator gives ones only
    repl     whether run() is to speak with the board; else `port` is for others to do so

    port     the TCP port on the loopback interface at which the REPL is
    """

    def __init__(self, uart=None, flash=None, entropy="random", repl=True):
        why = why_missing()
        if why:
            raise Trouble(why)
        self._folder = tempfile.TemporaryDirectory()
        self._log = Path(self._folder.name, "log")
        command = [shutil.which("node"), str(_PROGRAM), "--modules", str(npm.find(*RP2040JS[:2])),
                   "--rom", str(build.rom()), "--image", str(build.find()), "--entropy", entropy,
                   "--limit", str(_LIMIT)]
        if uart:
            command += ["--uart", uart]
        if flash:
            command += ["--flash", str(flash)]
        with self._log.open("wb") as log:
            # It ends when its stdin does: with us, whatever becomes of us.
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, bufsize=0,
                start_new_session=True)
        self._lines = b""
        self._boots = 0
        self._socket = None
        try:
            self.port = self._event("repl", _UP)["port"]
            self._boots = self._event("up", _UP)["boot"]
            if repl:
                self.attach()
        except BaseException:
            self.close()
            raise

    def attach(self):
        """Have the REPL, whoever had it before."""
        if self._socket:
            self._socket.close()
        self._socket = socket.create_connection(("127.0.0.1", self.port), _UP)
        self._read = b""
        self.enter()

    def reset(self):
        """As by the RUN pin, or power that comes back: now, whatever the board does. rebooted() follows."""
        self._tell("reset")

    def cut(self, number):
        """Power fails in the middle of the `number`th erasing of a sector or programming of a page of flash
        from now on, and comes back at once. rebooted() follows."""
        self._tell("cut %d" % number)

    def rebooted(self, timeout=60):
        """Wait until the board is there again after a reset; gives why it was, "watchdog" for its own."""
        why = None
        while why is None:
            boot = self._event("boot", timeout)
            if boot["boot"] > self._boots:
                why = boot["why"]
        self._boots = self._event("up", timeout)["boot"]
        if self._socket:
            self._read = b""
            self.enter()
        return why

    def stats(self):
        """Since the start: instructions, nanoseconds of the board's time, sectors of flash erased and pages
        programmed, bytes sent, received and lost at its UART, boots."""
        self._tell("stats")
        return self._event("stats", _UP)

    def close(self):
        """End the emulator; the flash is written to its file."""
        if self._socket:
            self._socket.close()
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)
        self._process.stdout.close()
        self._folder.cleanup()

    def _tell(self, line):
        try:
            self._process.stdin.write(line.encode() + b"\n")
        except OSError:
            raise Trouble("the emulator has ended: " + self._last())

    def _event(self, name, timeout):
        """The next event of that name; others are passed over."""
        end = time.monotonic() + timeout
        while True:
            line, newline, rest = self._lines.partition(b"\n")
            if not newline:
                left = max(0, end - time.monotonic())
                if not select.select([self._process.stdout], [], [], left)[0]:
                    raise Trouble("the board is not there in %d s (%s)" % (timeout, name))
                data = os.read(self._process.stdout.fileno(), 65536)
                if not data:
                    raise Trouble("the emulator has ended: " + self._last())
                self._lines += data
                continue
            self._lines = rest
            event = json.loads(line)
            if event["event"] == name:
                return event
            if "error" in event:
                raise Trouble(event["error"])

    def _last(self):
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it says no more"

    def _receive(self, timeout):
        if not select.select([self._socket], [], [], timeout)[0]:
            return b""
        data = self._socket.recv(65536)
        if not data:
            raise Trouble("the emulator has ended: " + self._last())
        return data

    def _write(self, data):
        try:
            self._socket.sendall(data)
        except OSError:
            raise Trouble("the emulator has ended: " + self._last())


if __name__ == "__main__":
    sys.exit(images.main("python -m tools.rp2.machine", __doc__, (build.TARGET,), ensure))
