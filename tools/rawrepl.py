"""A board's raw REPL, driven from here: run code, get what it prints and the traceback apart.

A subclass has the bytes, _receive() and _write(), and close().
"""

import re
import time

_PROMPT = b"raw REPL; CTRL-B to exit\r\n>"
_SLICE = 1024  # bytes of a file that go in one piece


class Trouble(Exception):
    """The board did not do what it was asked: an exception there, no answer in time, an emulator's end."""


class RawRepl:
    """`patience`: seconds for a REPL to show: 0.2 as a rule, but machines are shared."""

    patience = 60
    _read = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """End the board, and whatever runs for it."""
        raise NotImplementedError

    def _receive(self, timeout):
        """Bytes as they come, b"" after `timeout` seconds; raises Trouble where none will come any more."""
        raise NotImplementedError

    def _write(self, data):
        """Write all of `data`; raises Trouble where nobody reads any more."""
        raise NotImplementedError

    def run(self, code, timeout=60):
        """What `code` prints on the board, as text. Raises Trouble for an exception, with its traceback."""
        output, error = self.execute(code, timeout)
        if error:
            raise Trouble("%s%s" % (output, error))
        return output

    def execute(self, code, timeout=60):
        """(what `code` prints, what its traceback says)."""
        self.start(code)
        output = self._until(b"\x04", timeout)
        error = self._until(b"\x04>", timeout)
        return [text.decode(errors="replace").replace("\r\n", "\n") for text in (output, error)]

    def follow(self, code, timeout=60):
        """Run `code` and yield each line that it prints, as it comes. Raises as run() does."""
        end = time.monotonic() + timeout
        self.start(code)
        while True:
            line = self._until(b"[\n\x04]", end - time.monotonic())
            if self._mark == b"\x04":
                break
            yield line.decode(errors="replace").rstrip("\r")
        error = self._until(b"\x04>", self.patience)
        if error:
            raise Trouble(error.decode(errors="replace"))

    def start(self, code):
        """Begin running `code`; a reset of the board is to come, or nothing that anybody waits for."""
        self._write(code.encode() + b"\x04")
        answer = self._until(b"OK", self.patience)
        if answer:
            raise Trouble("the board's REPL says %r" % answer)

    def put(self, path, data):
        """Write a file on the board; its folders are made. For some KB: it goes as Python's text."""
        folders = path.strip("/").split("/")[:-1]
        self.run("import os\nfor n in %r:\n try:\n  os.mkdir(n)\n except OSError:\n  pass\nf = open(%r, 'wb')"
                 % (["/" + "/".join(folders[:n + 1]) for n in range(len(folders))], path))
        for at in range(0, len(data), _SLICE):
            self.run("f.write(%r)" % data[at:at + _SLICE])
        self.run("f.close()")

    def wait_for(self, text, timeout=60):
        """Wait until the board, which runs by itself, has said this (bytes); gives what came before."""
        return self._until(re.escape(text), timeout)

    def enter(self):
        """Interrupt whatever runs, and have the raw REPL."""
        self._write(b"\r\x03\x01")
        self._until(_PROMPT, self.patience)

    def _until(self, mark, timeout):
        # What comes before what `mark`, a pattern, matches; that is then in self._mark.
        end = time.monotonic() + timeout
        while not (found := re.search(mark, self._read)):
            left = end - time.monotonic()
            data = self._receive(left) if left > 0 else b""
            if not data:
                raise Trouble("the board does not answer in %d s; last: %s" % (max(0, timeout), self._rest()))
            self._read += data
        self._mark = found[0]
        before, self._read = self._read[:found.start()], self._read[found.end():]
        return before

    def _rest(self):
        return self._read.decode(errors="replace")[-400:]
