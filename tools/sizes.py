"""What the firmware costs a board: flash (.mpy at -O3), RAM after import, heap of an exchange.

Measured on the project's own 32-bit Unix port, when asked for, in a folder laid out like a board's flash
(lib/ with bytecode), so that no figure depends on where this clone lies. RAM is what the garbage-collected
heap holds more, after a collection, once the files are imported: from .mpy, or frozen into the image, where
their code stays in flash.
"""

import contextlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from . import modules, toolchain
from .bytecode import compile_firmware
from .refserver import ttlv
from .refserver.enums import ObjectType, Operation
from .refserver.tags import Tag as T

PROBES = Path(__file__).resolve().parent / "probes"
_QSTR = re.compile(r"n_qstr=(\d+), n_str_data_bytes=(\d+), n_total_bytes=(\d+)")
_POOL_ENTRY = 7  # bytes: pointer, hash, length
_UID = "5f1d6c6a-1f0b-4a52-9d0e-3b8a0c6d7e21"
_DER = 420  # bytes of a certificate, about


class Board:
    """A folder as a board's flash, and how to run something there; Failed where the port is not our own."""

    def __init__(self, folder):
        if toolchain.how("unix32") != "compiled":
            raise toolchain.Failed("sizes are measured on our own 32-bit build: %s"
                                   % (toolchain.why_missing("unix32") or "MICROPYTHON32 names another"))
        self.folder = Path(folder)
        self.lib = compile_firmware(self.folder / "lib")
        self._binaries = {False: toolchain.find("unix32"), True: toolchain.frozen()}
        self.dress(self.folder)

    def dress(self, folder):
        """Put the probes, and lib/, into a folder to run in."""
        shutil.copytree(PROBES, folder, dirs_exist_ok=True)
        if not (folder / "lib").exists():
            (folder / "lib").symlink_to(self.lib)

    def run(self, probe, *args, frozen=False, options=(), folder=None, timeout=60):
        """Run a probe, with the firmware from .mpy or frozen: the CompletedProcess."""
        # With -m sys.path begins with "": the heap holds no name of a folder, whose length would count.
        path = ".frozen" if frozen else "lib:.frozen"
        return subprocess.run(
            [self._binaries[frozen], *options, "-m", probe, *map(str, args)], cwd=folder or self.folder,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=timeout,
            env=dict(os.environ, MICROPYPATH=path))

    def ask(self, probe, *args, **how):
        """What a probe prints; RuntimeError where it fails."""
        done = self.run(probe, *args, **how)
        if done.returncode:
            raise RuntimeError("%s: %s" % (probe, done.stdout + done.stderr))
        return done.stdout

    def flash(self, names):
        """Bytes of .mpy of these modules."""
        return sum((self.lib / (modules.file(name) + ".mpy")).stat().st_size for name in names)

    def ram(self, names, loaded=(), frozen=False):
        """Bytes of heap that importing `names` takes where `loaded` is there already."""
        return self._ram(names, loaded, frozen)[0]

    def own_ram(self, name, frozen=False, beside=()):
        """Bytes of heap that one module takes beside what it needs and `beside`.

        Names stand in a pool that grows to twice its size when it is full. Here each name counts with
        its own entry, so that no file pays for the step.
        """
        loaded = [other for other in modules.closure([*beside, name]) if other != name]
        more, names, pool = self._ram([name], loaded, frozen)
        return more - pool + names * _POOL_ENTRY

    def _ram(self, names, loaded, frozen):
        said = self.ask("ram", *loaded, "--", *names, frozen=frozen)
        before, after = [int(line) for line in said.splitlines() if line.isdigit()]
        (n0, data0, all0), (n1, data1, all1) = [map(int, found) for found in _QSTR.findall(said)]
        return after - before, n1 - n0, (all1 - data1) - (all0 - data0)


@contextlib.contextmanager
def board():
    """A Board in a folder that goes with it."""
    with tempfile.TemporaryDirectory() as folder:
        yield Board(folder)


def files(board):
    """{path without suffix: [flash, RAM from .mpy, RAM frozen]}, each file by itself."""
    found = {}
    core = modules.closure(modules.CORE)
    for name in modules.paths():
        beside = core if name.startswith("kmip_lite") and name not in core else ()
        found[modules.file(name)] = [
            board.flash([name]), board.own_ram(name, beside=beside), board.own_ram(name, True, beside)]
    return found


def groups(board):
    """{key: bytes}: the core, the agent beside it, the emulated meter beside both."""
    core = modules.closure(modules.CORE)
    agent = modules.closure(modules.AGENT)
    found = {"core.mpy": board.flash(core)}
    for package in ("identity", "meter"):
        found[package + ".mpy"] = board.flash(modules.paths(package))
    for key, frozen in (("ram", False), ("ram_frozen", True)):
        found["core." + key] = board.ram(core, frozen=frozen)
        found["identity." + key] = board.ram(agent, core, frozen)
        found["meter." + key] = board.ram(modules.METER, core + agent, frozen)
    return found


def _message(*items):
    header = ttlv.structure(
        T.RESPONSE_HEADER,
        ttlv.structure(T.PROTOCOL_VERSION, ttlv.integer(T.PROTOCOL_VERSION_MAJOR, 1),
                       ttlv.integer(T.PROTOCOL_VERSION_MINOR, 2)),
        ttlv.date_time(T.TIME_STAMP, 1800000000), ttlv.integer(T.BATCH_COUNT, len(items)))
    return ttlv.encode(ttlv.structure(T.RESPONSE_MESSAGE, header, *items)).hex()


def _item(operation, *payload, number=None):
    return ttlv.structure(
        T.BATCH_ITEM, ttlv.enumeration(T.OPERATION, operation),
        number and ttlv.byte_string(T.UNIQUE_BATCH_ITEM_ID, bytes([number])),
        ttlv.enumeration(T.RESULT_STATUS, 0),
        ttlv.structure(T.RESPONSE_PAYLOAD, *payload))


def _answers():
    """An answer to each call of probes/exchange.py."""
    uid = ttlv.text(T.UNIQUE_IDENTIFIER, _UID)
    key = [ttlv.enumeration(T.OBJECT_TYPE, ObjectType.SYMMETRIC_KEY), uid, ttlv.structure(
        T.SYMMETRIC_KEY, ttlv.structure(
            T.KEY_BLOCK, ttlv.enumeration(T.KEY_FORMAT_TYPE, 1),
            ttlv.structure(T.KEY_VALUE, ttlv.byte_string(T.KEY_MATERIAL, bytes(16))),
            ttlv.enumeration(T.CRYPTOGRAPHIC_ALGORITHM, 3), ttlv.integer(T.CRYPTOGRAPHIC_LENGTH, 128)))]
    certificate = [ttlv.enumeration(T.OBJECT_TYPE, ObjectType.CERTIFICATE), uid, ttlv.structure(
        T.CERTIFICATE, ttlv.enumeration(T.CERTIFICATE_TYPE, 1),
        ttlv.byte_string(T.CERTIFICATE_VALUE, bytes(_DER)))]
    got = _message(_item(Operation.GET, *key))
    return {
        "get": got, "get into": got, "get certificate": _message(_item(Operation.GET, *certificate)),
        "certify": _message(_item(Operation.CERTIFY, uid)),
        "recertify": _message(_item(Operation.RE_CERTIFY, uid)),
        "get_usage_allocation": _message(_item(Operation.GET_USAGE_ALLOCATION, uid)),
        "recertify + get": _message(_item(Operation.RE_CERTIFY, uid, number=1),
                                    _item(Operation.GET, *certificate, number=2)),
    }


def exchange(board):
    """{call: [bytes that one exchange allocates, bytes that its value holds]}, and "stack": its depth."""
    (board.folder / "answers.json").write_text(json.dumps(_answers()))
    return json.loads(board.ask("exchange"))


def codec(board):
    """Bytes that encoding and decoding the four operations allocates: 0, or RuntimeError."""
    portable = modules.FIRMWARE.parent / "host_tests" / "portable"
    for name in ("run.py", "check.py", "messages.py", "test_heap.py"):
        shutil.copy(portable / name, board.folder)
    board.ask("run", "test_heap.py")
    return 0
