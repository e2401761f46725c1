"""What a renewal needs at run time: the smallest heap, the largest piece of it, the depth of the C stack.

    python -m tools.heap [--frozen]

finds the smallest heap in which a whole renewal runs, TLS included, with everything imported from .mpy or
frozen into the image. Bisected with MicroPython's -X heapsize against the reference server: the Unix port's
mbedTLS allocates from that heap too, as on the RP2040.
"""

import argparse
import contextlib
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from . import modules
from .provision import CONFIG, provision
from .refserver import Server, init
from .sizes import Board

LIFE = 3600  # seconds of a renewed certificate; the one before must end sooner
GRAIN = 4096  # bytes: what a heap's size is told in
_FINENESS = 1024  # bytes: how exactly the smallest is looked for
_TIMES = 8  # renewals that succeed where one does surely
_ABOVE = 3 * GRAIN  # bytes above a heap with a failure that are looked at too
_LARGE = 512 << 10  # bytes: a heap that is short of nothing but large pieces


class Renewals:
    """Renewals of fresh devices against one reference server."""

    def __init__(self, board, state, server):
        self.board = board
        self._state = state
        self._server = server
        self._count = 0

    def run(self, probe="renew", *args, heap=None, frozen=False):
        """Renew once, in a heap of so many bytes: the CompletedProcess."""
        self._count += 1
        device = "device-%d" % self._count
        folder = self.board.folder / device
        config = provision(self._state, device, folder, life=LIFE // 2)
        config["port"] = self._server.port
        (folder / CONFIG).write_text(json.dumps(config))
        self.board.dress(folder)
        options = ("-X", "heapsize=%d" % heap) if heap else ()
        return self.board.run(probe, *args, frozen=frozen, options=options, folder=folder)

    def works(self, *args, times=1, **how):
        """Whether a renewal so run succeeds each time."""
        return all(self._renewed(*args, **how) for _ in range(times))

    def _renewed(self, *args, **how):
        try:
            return '["renewed"' in self.run(*args, **how).stdout
        except subprocess.TimeoutExpired:
            return False

    def connections(self):
        """TLS connections of one renewal."""
        return json.loads(self.run().stdout.splitlines()[-1])[1]

    def smallest(self, frozen=False, low=32 << 10, high=256 << 10):
        """The smallest heap, in bytes; RuntimeError where even `high` is too small."""
        if not self.works(heap=high, frozen=frozen):
            raise RuntimeError("no renewal in a heap of %d bytes" % high)
        while high - low > _FINENESS:
            middle = (low + high) // 2
            if self.works(heap=middle, frozen=frozen):
                high = middle
            else:
                low = middle
        return high

    def surely(self, frozen=False):
        """A heap in which a renewal runs surely, in bytes, whole GRAINs.

        Near the smallest heap it is chance whether one piece is left that is large enough for TLS. So what
        counts is the largest heap in which one of _TIMES renewals fails; the answer is two GRAINs above.
        """
        size = -(-self.smallest(frozen) // GRAIN) * GRAIN
        failed = size - GRAIN
        while size <= failed + _ABOVE:
            if not self.works(heap=size, frozen=frozen, times=_TIMES):
                failed = size
            size += GRAIN
        return failed + 2 * GRAIN

    def holds(self, said, frozen=False):
        """Whether a renewal runs in a heap of so many bytes, and not in two thirds of it as well."""
        tries = [self.works(heap=said, frozen=frozen) for _ in range(3)]
        return sum(tries) >= 2 and not self.works(heap=said * 2 // 3, frozen=frozen, times=3)

    def stack(self):
        """Bytes of C stack that a renewal uses, once everything is imported."""
        names = [*modules.paths("kmip_lite"), *modules.paths("identity"), *modules.closure(modules.METER)]
        done = self.run("renew_stack", *dict.fromkeys(names))
        if '["renewed"' not in done.stdout:
            raise RuntimeError("no renewal: " + done.stdout + done.stderr)
        return int(done.stdout.splitlines()[-1])


@contextlib.contextmanager
def renewals():
    """Renewals against a server of its own."""
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "state"
        board = Board(Path(folder) / "board")
        init(state, life=LIFE)
        with Server(state) as server:
            yield Renewals(board, state, server)


def _piece(works, low=64, high=64 << 10):
    # The smallest piece with which works(size) gives what the collector says of it, and not None.
    found = works(high)
    if found is None:
        raise RuntimeError("a piece of %d bytes is too small" % high)
    while high - low > 16:
        middle = (low + high) // 32 * 16
        said = works(middle)
        if said is None:
            low = middle
        else:
            high, found = middle, said
    return found


def pieces(board):
    """{key: bytes}: the largest piece of heap that a TLS connection wants, and that importing core and
    agent from .mpy wants."""
    everything = modules.closure(modules.CORE + modules.AGENT)

    def attempt(probe, *args):
        def works(size):
            done = board.run(probe, size, *args, options=("-X", "heapsize=%d" % (_LARGE)))
            if done.stdout.split()[-1:] != ["made"]:
                return None
            return 16 * int(re.search(r"max free sz: (\d+)", done.stdout)[1])
        return works

    return {"piece.tls": _piece(attempt("connect")),
            "piece.import": _piece(attempt("load", *everything))}


def piece_suffices(renewals, size):
    """Whether a whole renewal runs where no piece of the heap is larger than `size` bytes."""
    return renewals.works("renew", size, heap=_LARGE)


def main(argv=None):
    parser = argparse.ArgumentParser(
        prog="python -m tools.heap", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frozen", action="store_true", help="firmware/ in the image")
    options = parser.parse_args(argv)
    with renewals() as found:
        print("%d bytes" % found.smallest(options.frozen))
    return 0


if __name__ == "__main__":
    sys.exit(main())
