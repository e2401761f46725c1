"""The image for an RP2040, compiled from the Unix ports' sources and cached under build/.

    python -m tools.rp2.build

or `make firmware BOARD=RP2040`. About 75 s of a processor the first time, nearly as long after a new name in
firmware/, some seconds after another change there. pico-sdk and TinyUSB are Debian's source packages; root
has missing compilers installed. Standard library only.
"""

import os
import re
import shutil
import sys
import time

from .. import debian, images, steps, toolchain
from ..steps import ROOT, Failed, run, say
from . import uf2

TARGET = "RP2040"
BOARD = ROOT / "boards" / TARGET
PICO_SDK = "2.1.1"
TINYUSB = "0.18.0"
PACKAGES = ("gcc-arm-none-eabi", "libnewlib-arm-none-eabi", "cmake", "make")
HOME = toolchain.HOME / "rp2"
FLASH = 2 << 20  # bytes
STORAGE = 1408 << 10  # of them the file system's, as in mpconfigboard.h
_PROGRAMS = ("arm-none-eabi-gcc", "arm-none-eabi-g++", "cmake", "make")
_HERE = ROOT / "tools" / "rp2"
# pico-sdk links as C++, for which Debian's libstdc++-arm-none-eabi-newlib takes 1.6 GB. Nothing here is C++.
_LINK = ("<CMAKE_C_COMPILER> <FLAGS> <CMAKE_CXX_LINK_FLAGS> <LINK_FLAGS> <OBJECTS> -o <TARGET> "
         "<LINK_LIBRARIES> -lm")
_ENV = {"CXXFLAGS": "-DPICO_CXX_DISABLE_ALLOCATION_OVERRIDES=1"}


def find():
    """The path of an image (.bin) that is up to date, or None (why_missing() tells why). Builds nothing."""
    return None if why_missing() else _image().path


def why_missing():
    """One line: why find() gave None, and what to do; "" where the image is there."""
    return _image().why_missing()


def sizes():
    """Bytes of the image: {"flash": all of it, "room": what a board has for it, "ram": its variables}."""
    stamp = _image().stamp()
    return {"flash": stamp["flash"], "room": FLASH - STORAGE, "ram": stamp["ram"]}


def rom():
    """The path of the emulator's boot ROM, made beside the image."""
    return HOME / TARGET / "rom.bin"


def ensure(target=TARGET):
    """Make the image if it is not up to date; gives whether anything was done. Raises Failed."""
    images.need(_PROGRAMS, PACKAGES, "an image for the RP2040", images.newlib)
    return _image().ensure()


def _image():
    return images.Image(TARGET, HOME / TARGET / "firmware.bin", _inputs, _compile,
                        "make firmware BOARD=" + TARGET)


def _compile():
    start = time.monotonic()
    if " " in str(ROOT):
        raise Failed("the path of this clone has a blank in it, which MicroPython's makefiles do not bear")
    src = _sources()
    out = HOME / TARGET
    objects = out / "objects"
    tools = steps.digest(*_tool_inputs())
    kept = out / "objects.json"
    if steps.read_stamp(kept).get("inputs") != tools:
        shutil.rmtree(objects, ignore_errors=True)
        steps.write_stamp(kept, inputs=tools)
    env = toolchain._build_env()
    mpy_cross = toolchain._mpy_cross_flags(src)[0].partition("=")
    env.update(_ENV, **{mpy_cross[0]: mpy_cross[2]})
    say("compiling MicroPython %s for %s" % (toolchain.VERSION, TARGET))
    run("configure " + TARGET,
        ["cmake", "-S", src / "ports" / "rp2", "-B", objects, "-DPICO_BUILD_DOCS=0", "-DPICO_NO_PICOTOOL=1",
         "-DMICROPY_BOARD=" + TARGET, "-DMICROPY_BOARD_DIR=%s" % BOARD,
         "-DCMAKE_CXX_LINK_EXECUTABLE=" + _LINK], 300, env=env)
    run("compile " + TARGET, ["cmake", "--build", objects, toolchain._jobs()], 1800, env=env)
    image = (objects / "firmware.bin").read_bytes()
    if len(image) > FLASH - STORAGE:
        raise Failed("the image takes %d bytes, and %d are left beside the file system"
                     % (len(image), FLASH - STORAGE))
    _make_rom(out)
    shutil.copy2(objects / "firmware.elf", out / "firmware.elf")
    for name, data in (("firmware.uf2", uf2.pack(image)), ("firmware.bin", image)):
        new = out / "firmware.new"
        new.write_bytes(data)
        new.replace(out / name)
    ram = _ram(out / "firmware.elf")
    say("%s compiled in %s: %s and firmware.uf2, %d of %d bytes"
        % (TARGET, steps.seconds(start), os.path.relpath(out / "firmware.bin", ROOT), len(image),
           FLASH - STORAGE))
    return {"flash": len(image), "ram": ram}


def _sources():
    """MicroPython's sources, with pico-sdk and TinyUSB where its RP2 port looks for them."""
    src = toolchain.source()
    top = HOME / "sdk"
    stamp = HOME / "sdk.json"
    wanted = {"pico-sdk": PICO_SDK, "tinyusb": TINYUSB}
    if not top.exists() or steps.read_stamp(stamp).get("wanted") != wanted:
        archive = debian.archive()
        names = []
        for name, version in wanted.items():
            package = name + "-source"
            offered = run("apt policy", ["apt-cache", "madison", package], 60, env=archive.ready())
            found = re.findall(r"^ *%s \| *(\S+) *\|.*Packages" % package, offered, re.M)
            names.append("%s=%s" % (package, toolchain.pick(package, found, version)))
        say("sources: " + ", ".join(names))
        new = HOME / "sdk.new"
        for path in (new, top):
            shutil.rmtree(path, ignore_errors=True)
        archive.unpack(names, new)
        new.rename(top)
        steps.write_stamp(stamp, wanted=wanted, packages=names)
    for name in wanted:
        place = src / "lib" / name
        if not place.is_symlink():
            place.rmdir()  # empty in Debian's tarball
            place.symlink_to(os.path.relpath(top / "usr" / "src" / name, place.parent))
    return src


def _make_rom(out):
    made = out / "rom.elf"
    run("compile the boot ROM",
        ["arm-none-eabi-gcc", "-Os", "-Wall", "-mcpu=cortex-m0plus", "-mthumb", "-ffreestanding",
         "-fno-builtin", "-fno-tree-loop-distribute-patterns", "-nostdlib",
         "-Wl,-T,%s,--no-warn-rwx-segments,--entry=start" % (_HERE / "rom.ld"), _HERE / "rom.c",
         "-lgcc", "-o", made], 120)
    run("copy the boot ROM", ["arm-none-eabi-objcopy", "-O", "binary", made, rom()], 60)


def _ram(elf):
    """Bytes of RAM that the image's variables take, and the code that it runs from there."""
    listing = run("size of the image", ["arm-none-eabi-size", "-A", elf], 60)
    return sum(int(row[1]) for row in map(str.split, listing.splitlines())
               if len(row) == 3 and row[0] in (".ram_vector_table", ".data", ".bss"))


def _tool_inputs():
    files = sorted(p for p in BOARD.iterdir() if p.suffix in (".h", ".cmake", ".csv"))
    return (*files, _HERE / "rom.c", _HERE / "rom.ld", toolchain.VERSION, toolchain.MBEDTLS, PICO_SDK,
            TINYUSB, _LINK, str(_ENV), str(HOME))


def _inputs():
    return steps.digest(*_tool_inputs(), BOARD / "manifest.py", *sorted((ROOT / "firmware").rglob("*.py")))


if __name__ == "__main__":
    sys.exit(images.main("python -m tools.rp2.build", __doc__, (TARGET,), ensure))
