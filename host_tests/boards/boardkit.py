"""What the tests of the emulated boards share."""

import json
import os

import ports
import pytest

from tools.qemu import build, romfs
from tools.qemu.machine import Machine

HERE = ports.ROOT / "host_tests" / "boards"
SET_UP = """
import board, gc, sys
gc.threshold(8192)  # as the meter has it: the heap keeps room in one piece
board.mount()
board.mount_rom()
sys.path.append("/rom")
"""


def image_or_skip(target):
    """Go on where the board's image is there; else a skipped test, in CI a failed one."""
    why = build.why_missing(target)
    if why:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(why)


def start(target, files, **options):
    """A Machine of which /rom and / are mounted."""
    board = Machine(target, romfs.image(files), **options)
    try:
        board.run(SET_UP)
    except BaseException:
        board.close()
        raise
    return board


def result(output):
    """What a program printed as JSON behind an @."""
    lines = [line for line in output.splitlines() if line.startswith("@")]
    assert lines, output
    return json.loads(lines[-1][1:])
