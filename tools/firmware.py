"""A board's image with this project frozen: `make firmware BOARD=RP2040`.

    python -m tools.firmware BOARD

RP2040 serves every RP2040 board with 2 MB of flash and no network of its own. Images that cannot be made here
are told how to be made elsewhere.
"""

import argparse
import os
import sys

from . import images
from .qemu import build as qemu
from .rp2 import build as rp2
from .steps import ROOT, say
from .toolchain import VERSION

BOARDS = {rp2.TARGET: rp2.ensure, **dict.fromkeys(qemu.TARGETS, qemu.ensure)}
# MicroPython's port of what begins so, and why Debian's packages do not make it.
_ELSEWHERE = {
    "ESP32": ("esp32", "Espressif's esp-idf is not to be had as a package"),
    "RPI_PICO": ("rp2", "the driver of its radio is not among Debian's packages"),
}


def why_not(board):
    """One line: why an image for the board is not made here, and what to do; "" where it is."""
    if board in BOARDS:
        return ""
    for start, (port, why) in _ELSEWHERE.items():
        manifest = ROOT / "boards" / board / "manifest.py"
        if board.startswith(start) and manifest.exists():
            return ("%s is not made here: %s. In MicroPython %s: "
                    "make -C ports/%s BOARD=%s FROZEN_MANIFEST=%s; or take its own image, and `make deploy`"
                    % (board, why, VERSION, port, board, os.path.relpath(manifest, ROOT)))
    return "there is no board %s; images are made for %s" % (board or "of no name", ", ".join(BOARDS))


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m tools.firmware", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("board", nargs="?", default="", help="one of " + ", ".join(BOARDS))
    board = parser.parse_args(argv).board
    why = why_not(board)
    if why:
        say(why)
        return 2

    def ensure(name):
        if not BOARDS[name](name):
            say("%s is up to date" % name)

    return images.make([board], ensure)


if __name__ == "__main__":
    sys.exit(main())
