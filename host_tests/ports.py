"""MicroPython's Unix ports, for the tests that run something on them."""

import os
import subprocess

import pytest

from tools import toolchain
from tools.steps import ROOT

FIRMWARE = ROOT / "firmware"
PORTABLE = ROOT / "host_tests" / "portable"

counts = {}  # runtime: [passed, failed, skipped, seconds]


class Port:
    """One of MicroPython's Unix ports."""

    def __init__(self, target, path=None):
        self.target = target
        self.path = path or toolchain.find(target)

    def start(self, args, path=(FIRMWARE, PORTABLE), cwd=PORTABLE, **options):
        """Start it with `args`, `path` being where its modules are; gives the Popen."""
        env = dict(os.environ, MICROPYPATH=":".join([".frozen", *map(str, path)]))
        return subprocess.Popen(
            [self.path, *map(str, args)], cwd=cwd, env=env, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", **options
        )

    def run(self, args, timeout=60, **options):
        """Run it with `args`; gives its exit status and what it printed."""
        process = self.start(args, **options)
        try:
            output, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
            pytest.fail("%s: not done in %d s:\n%s" % (self.target, timeout, output))
        return process.returncode, output


def open_port(target):
    """The Port, or a skipped test where there is none; in CI a failed one."""
    port = Port(target)
    if port.path is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(toolchain.why_missing(target))
    return port


def frozen_port():
    """The 32-bit Port with firmware/ in its image, made if need be; as open_port() where there is none."""
    open_port("unix32")
    try:
        return Port("unix32", toolchain.frozen())
    except toolchain.Failed as exc:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(str(exc))
