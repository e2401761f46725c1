"""The processes of a fleet, as the one that runs it sees them: the utility's two, and real meters."""

import contextlib
import json
import os
import subprocess
import sys
import threading

from tools import steps

HEAP = "192k"  # of a real meter


class Utility:
    """A process of utility.py. `figures`: what it told, a dict a second; they go on behind a restart."""

    def __init__(self, kind, state, out):
        self.figures = []
        self.port = 0
        self._kind = kind
        self._state = str(state)
        self._out = str(out)
        self._process = None
        self._reader = None

    def start(self):
        """Start it on the port of last time."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tools.fleet.utility", self._kind, self._state, str(self.port), self._out],
            cwd=steps.ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        line = self._process.stdout.readline()
        if not line.strip().isdigit():
            raise RuntimeError("the %s process did not start" % self._kind)
        self.port = int(line)
        self._reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        self._reader.start()

    def _read(self, process):
        for line in process.stdout:
            with contextlib.suppress(ValueError):
                self.figures.append(json.loads(line))

    def reload(self):
        """Have it read its CAs anew."""
        self._process.stdin.write("reload\n")
        self._process.stdin.flush()

    def kill(self):
        """As a machine that loses power."""
        self._process.kill()
        self._over()

    def stop(self):
        """End it in order."""
        if self._process is not None and self._process.poll() is None:
            self._process.stdin.close()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._over()

    def _over(self):
        if self._process is not None:
            self._process.wait()
            self._reader.join(5)
            self._process.stdout.close()
            with contextlib.suppress(OSError):
                self._process.stdin.close()


class RealMeter:
    """meter.main on MicroPython in `folder`; its lines go to `observed`, a meter of observed.py."""

    def __init__(self, binary, code, folder, observed, heap=HEAP):
        self._process = subprocess.Popen(
            [str(binary), "-X", "heapsize=" + heap, "-c",
             "from meter.main import main; main(%r, 0, True)" % str(folder)],
            env=dict(os.environ, MICROPYPATH="%s:.frozen" % code), text=True, errors="replace",
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self._thread = threading.Thread(target=self._read, args=(observed,), daemon=True)
        self._thread.start()

    def _read(self, observed):
        for line in self._process.stdout:
            if line.startswith("@"):
                name, _, _, fields = json.loads(line[1:])
                observed.note(name, fields)
            else:
                observed.log(line.rstrip())

    def running(self):
        return self._process.poll() is None

    def stop(self):
        self._process.kill()
        self._process.wait()
        self._thread.join(5)
        self._process.stdout.close()
