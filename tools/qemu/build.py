"""The images of the emulated boards, compiled from the Unix ports' sources and cached under build/.

    python -m tools.qemu.build [QEMU_M0PLUS] [QEMU_M3]

About 45 s of a processor each the first time, a few seconds after a change in firmware/. Root has missing
packages installed. Standard library only.
"""

import shutil
import sys
import time

from .. import images, steps, toolchain
from ..steps import ROOT, Failed, run, say

TARGETS = ("QEMU_M0PLUS", "QEMU_M3")
PACKAGES = ("gcc-arm-none-eabi", "libnewlib-arm-none-eabi", "qemu-system-arm")
HOME = toolchain.HOME / "qemu"
_PROGRAMS = ("arm-none-eabi-gcc", "qemu-system-arm", "make")


def find(target):
    """The path of an image that is up to date, or None (why_missing() tells why). Builds nothing."""
    return None if why_missing(target) else _image(target).path


def why_missing(target):
    """One line: why find() gave None, and what to do; "" where the image is there."""
    if shutil.which("qemu-system-arm") is None:
        return "no QEMU to run boards in (packages %s)" % ", ".join(PACKAGES)
    return _image(target).why_missing()


def sizes(target):
    """Bytes of an image: {"flash": code and constants, "ram": variables, the heap among them}."""
    stamp = _image(target).stamp()
    return {"flash": stamp["flash"], "ram": stamp["ram"]}


def ensure(target):
    """Make the image if it is not up to date; gives whether anything was done. Raises Failed."""
    images.need(_PROGRAMS, PACKAGES, "the emulated boards", images.newlib)
    return _image(target).ensure()


def _image(target):
    return images.Image(target, HOME / target / "firmware.elf", lambda: _inputs(target),
                        lambda: _compile(target), "make test-boards")


def _compile(target):
    start = time.monotonic()
    if " " in str(ROOT):
        raise Failed("the path of this clone has a blank in it, which MicroPython's makefiles do not bear")
    src = toolchain.source()
    objects = HOME / target / "objects"
    tools = steps.digest(*_tool_inputs(target))
    kept = HOME / target / "objects.json"
    if steps.read_stamp(kept).get("inputs") != tools:
        # make sees changed files, but neither other flags nor another compiler.
        shutil.rmtree(objects, ignore_errors=True)
        steps.write_stamp(kept, inputs=tools)
    say("compiling MicroPython %s for %s" % (toolchain.VERSION, target))
    output = run("compile " + target,
                 ["make", "-C", src / "ports" / "qemu", toolchain._jobs(), "BOARD=" + target,
                  "BOARD_DIR=%s" % (ROOT / "boards" / target), "BUILD=%s" % objects,
                  *toolchain._mpy_cross_flags(src)], 1800, env=toolchain._build_env())
    # The last lines are those of `size`: text, data, bss.
    text, data, bss = map(int, [line for line in output.splitlines() if line.endswith("firmware.elf")
                                and line.split()[0].isdigit()][-1].split()[:3])
    new = HOME / target / "firmware.new"
    shutil.copy2(objects / "firmware.elf", new)
    new.replace(HOME / target / "firmware.elf")
    say("%s compiled in %s" % (target, steps.seconds(start)))
    return {"flash": text + data, "ram": data + bss}


def _tool_inputs(target):
    folders = [ROOT / "boards" / name for name in (target, "qemu")]
    files = [p for folder in folders for p in folder.rglob("*") if p.suffix in (".c", ".h", ".ld", ".mk")]
    return (*sorted(files), toolchain.VERSION, toolchain.MBEDTLS,
            str(HOME))


def _inputs(target):
    return steps.digest(*_tool_inputs(target), *sorted((ROOT / "firmware").rglob("*.py")),
                        *sorted((ROOT / "boards" / "qemu").rglob("*.py")))


if __name__ == "__main__":
    sys.exit(images.main("python -m tools.qemu.build", __doc__, TARGETS, ensure))
