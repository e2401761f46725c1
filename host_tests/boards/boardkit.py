"""What the tests of the emulated boards share."""

import json
import os

import ports
import pytest

from tools.qemu import build, romfs
from tools.qemu.machine import Machine
from tools.refserver.enums import LinkType

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
    or_skip(build.why_missing(target))


def or_skip(why):
    """Go on where nothing is missing; else a skipped test, in CI a failed one, that says what."""
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


def replacements(server, uid):
    """The ids of the certificates that have come after the one with this id, one after the other."""
    with server.engine.store.transaction(write=False) as transaction:
        while True:
            links = transaction.load(uid).links(LinkType.REPLACEMENT_OBJECT_LINK)
            if not links:
                return
            uid = links[0]
            yield uid


def result(output):
    """What a program printed as JSON behind an @."""
    lines = [line for line in output.splitlines() if line.startswith("@")]
    assert lines, output
    return json.loads(lines[-1][1:])
