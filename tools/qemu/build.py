"""The images of the emulated boards, compiled from the Unix ports' sources and cached under build/.

    python -m tools.qemu.build [QEMU_M0PLUS] [QEMU_M3]

About 45 s of a processor each the first time, a few seconds after a change in firmware/. Root has missing
packages installed. Standard library only.
"""

import argparse
import os
import shutil
import sys
import time
from pathlib import Path

from .. import debian, steps, toolchain
from ..steps import ROOT, Failed, run, say

TARGETS = ("QEMU_M0PLUS", "QEMU_M3")
PACKAGES = ("gcc-arm-none-eabi", "libnewlib-arm-none-eabi", "qemu-system-arm")
HOME = toolchain.HOME / "qemu"
_PROGRAMS = ("arm-none-eabi-gcc", "qemu-system-arm", "make")


def find(target):
    """The path of an image that is up to date, or None (why_missing() tells why). Builds nothing."""
    return None if why_missing(target) else _image(target)


def why_missing(target):
    """One line: why find() gave None, and what to do; "" where the image is there."""
    if shutil.which("qemu-system-arm") is None:
        return "no QEMU to run boards in (packages %s)" % ", ".join(PACKAGES)
    stamp = steps.read_stamp(_stamp(target))
    if not _image(target).exists() or not stamp:
        why = steps.read_stamp(HOME / target / "failed.json").get("why")
        return why or "%s is not built (make test-boards)" % target
    if stamp.get("inputs") != _inputs(target):
        return "%s is older than its sources (make test-boards)" % target
    return ""


def sizes(target):
    """Bytes of an image: {"flash": code and constants, "ram": variables, the heap among them}."""
    stamp = steps.read_stamp(_stamp(target))
    return {"flash": stamp["flash"], "ram": stamp["ram"]}


def ensure(target):
    """Make the image if it is not up to date; gives whether anything was done. Raises Failed."""
    _need_packages()
    if not why_missing(target):
        return False
    failed = HOME / target / "failed.json"
    try:
        _compile(target)
    except Failed as exc:
        steps.write_stamp(failed, why="%s: %s" % (target, exc))
        raise
    failed.unlink(missing_ok=True)
    return True


def _compile(target):
    start = time.monotonic()
    if " " in str(ROOT):
        raise Failed("the path of this clone has a blank in it, which MicroPython's makefiles do not bear")
    src = toolchain.source()
    objects = HOME / target / "objects"
    inputs = _inputs(target)
    tools = steps.digest(*_tool_inputs(target))
    kept = HOME / target / "objects.json"
    if steps.read_stamp(kept).get("inputs") != tools:
        # make sees changed files, but neither other flags nor another compiler.
        shutil.rmtree(objects, ignore_errors=True)
        steps.write_stamp(kept, inputs=tools)
    _stamp(target).unlink(missing_ok=True)
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
    new.replace(_image(target))
    steps.write_stamp(_stamp(target), inputs=inputs, flash=text + data, ram=data + bss)
    say("%s compiled in %s" % (target, steps.seconds(start)))


def _need_packages():
    missing = [name for name in _PROGRAMS if shutil.which(name) is None]
    if not missing and not _newlib():
        missing = ["newlib's headers"]
    if missing and os.geteuid() == 0 and debian.have_apt():
        debian.install(PACKAGES)
        missing = [name for name in _PROGRAMS if shutil.which(name) is None]
    if missing:
        raise Failed("the emulated boards lack %s (packages %s)" % (", ".join(missing), ", ".join(PACKAGES)))


def _newlib():
    return Path("/usr/include/newlib/stdint.h").exists() or Path("/usr/lib/arm-none-eabi").exists()


def _image(target):
    return HOME / target / "firmware.elf"


def _stamp(target):
    return HOME / target / "stamp.json"


def _tool_inputs(target):
    folders = [ROOT / "boards" / name for name in (target, "qemu")]
    files = [p for folder in folders for p in folder.rglob("*") if p.suffix in (".c", ".h", ".ld", ".mk")]
    return (*sorted(files), toolchain.VERSION, toolchain.MBEDTLS,
            str(HOME))


def _inputs(target):
    return steps.digest(*_tool_inputs(target), *sorted((ROOT / "firmware").rglob("*.py")),
                        *sorted((ROOT / "boards" / "qemu").rglob("*.py")))


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m tools.qemu.build", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", nargs="*", help="default: %s" % ", ".join(TARGETS))
    args = parser.parse_args(argv)
    for target in args.target:
        if target not in TARGETS:
            parser.error("there is no target %s; there are %s" % (target, ", ".join(TARGETS)))
    status = 0
    steps.end_when_told()
    try:
        with steps.lock():
            for target in args.target or TARGETS:
                try:
                    ensure(target)
                except Failed as exc:
                    say(str(exc))
                    status = 1
    except KeyboardInterrupt:
        status = 130
    return status


if __name__ == "__main__":
    sys.exit(main())
