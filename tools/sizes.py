"""What the firmware costs a board: flash (.mpy at -O3) and RAM after import, on the 32-bit Unix port.

Every figure is measured when it is asked for. RAM is what the garbage-collected heap holds more, after a
collection, once the files are imported from .mpy; frozen into an image they would leave their code in
flash.
"""

import os
import subprocess
import tempfile
from pathlib import Path

from . import toolchain
from .bytecode import compile_firmware

# Groups in the order of the table: a name, and the modules it is made of, each with what it needs.
GROUPS = (
    ("kmip_lite: codec, messages, client, TLS, and Get, Certify, Re-certify, Get Usage Allocation", (
        "kmip_lite/__init__", "kmip_lite/ttlv", "kmip_lite/message", "kmip_lite/fields",
        "kmip_lite/client", "kmip_lite/tls", "kmip_lite/ops/__init__", "kmip_lite/ops/get",
        "kmip_lite/ops/certify", "kmip_lite/ops/recertify", "kmip_lite/ops/get_usage_allocation")),
    ("identity, all of it", ("identity",)),
    ("meter, the emulation", ("meter",)),
)
_PROBE = """
import gc
gc.collect()
before = gc.mem_alloc()
for name in %r:
    __import__(name)
gc.collect()
print(gc.mem_alloc() - before)
"""


def modules(top, group):
    """The modules (relative names without a suffix) of a group, which may name a folder."""
    found = []
    for name in group:
        folder = top / name
        if folder.is_dir():
            found += sorted(str(f.relative_to(top))[:-4] for f in folder.rglob("*.mpy"))
        elif (top / (name + ".mpy")).exists():
            found.append(name)
    return found


def ram_after_import(binary, top, names):
    """Bytes of heap that importing these modules from .mpy leaves in use."""
    dotted = [name.replace("/__init__", "").replace("/", ".") for name in names]
    done = subprocess.run(
        [str(binary), "-c", _PROBE % dotted], capture_output=True, text=True, timeout=60,
        env=dict(os.environ, MICROPYPATH="%s:.frozen" % top))
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    return int(done.stdout)


def flash(top, names):
    return sum((top / (name + ".mpy")).stat().st_size for name in names)


def table():
    """The table of sizes, in Markdown."""
    binary = toolchain.find("unix32")
    if binary is None:
        raise SystemExit("sizes are measured on the 32-bit port: %s" % toolchain.why_missing("unix32"))
    with tempfile.TemporaryDirectory() as folder:
        top = compile_firmware(Path(folder))
        rows = ["| files | flash, .mpy at -O3 | RAM after import, not frozen |", "|---|---:|---:|"]
        for title, group in GROUPS:
            names = modules(top, group)
            rows.append("| %s | %d | %d |" % (title, flash(top, names), ram_after_import(binary, top, names)))
        core = set(modules(top, GROUPS[0][1]))
        extra = [name for name in modules(top, ("kmip_lite",)) if name not in core]
        base = ram_after_import(binary, top, sorted(core))
        for name in extra:
            more = ram_after_import(binary, top, [*sorted(core), name]) - base
            rows.append("| optional: `%s.py` | %d | %d |" % (name, flash(top, [name]), more))
    return "\n".join(rows)


if __name__ == "__main__":
    print(table())
