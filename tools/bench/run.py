"""Runs the measurements and gives their figures, as plain dicts and lists."""

import json
import os
import subprocess
import sys
import tempfile

from tools import toolchain
from tools.bytecode import compile_firmware
from tools.steps import ROOT

from . import goals, wire
from .cpython import BOARD, modules

PORTS = {"unix32": "96k", "unix64": "192k"}  # and the heap that speed is measured in: a board's
ROUNDS, SPAN = 60, 1000  # and microseconds a round
LONG_ROUNDS, LONG_SPAN = 6, 40000  # with the collections of who allocates in them
_TIMEOUT = 300


def on_port(target, script, rounds=ROUNDS, span=SPAN, heap="2M"):
    """Run a script of the board's folder on a Unix port, the firmware being bytecode; its lines of JSON."""
    binary = toolchain.find(target)
    if binary is None:
        raise RuntimeError(toolchain.why_missing(target))
    with tempfile.TemporaryDirectory() as folder:
        code = compile_firmware(folder, packages=("kmip_lite",))
        done = subprocess.run(
            [str(binary), "-X", "heapsize=" + heap, script, str(rounds), str(span)], cwd=BOARD,
            capture_output=True, text=True, timeout=_TIMEOUT,
            env=dict(os.environ, MICROPYPATH="%s:%s:.frozen" % (code, BOARD)))
    return _lines(done)


def on_cpython(rounds=ROUNDS, span=SPAN):
    done = subprocess.run(
        [sys.executable, "-m", "tools.bench.cpython", str(rounds), str(span)], cwd=ROOT,
        capture_output=True, text=True, timeout=_TIMEOUT)
    return _lines(done)


def _lines(done):
    if done.returncode:
        raise RuntimeError((done.stdout + done.stderr)[-2000:])
    return [json.loads(line) for line in done.stdout.splitlines()]


def ratio(ours, other):
    """[how many times as fast ours is, by the least time of each; the spread of that in percent].

    The spread is how far the same figure differs, up and down, when each quarter of the rounds is taken
    alone.
    """
    quarters = [min(other[start::4]) / min(ours[start::4]) for start in range(4)]
    whole = min(other) / min(ours)
    return [rounded(whole), round((max(quarters) - min(quarters)) / 2 / whole * 100)]


def rounded(number):
    """A number to two digits."""
    return float("%.2g" % number)


def speed(tries=3):
    """{runtime: {message: {direction: {against: [ratio, spread], ...}}}}, with what was allocated.

    Measured again, the rounds put together, while a floor is missed: the least times of a busy machine
    become right with more of them, and never too small.
    """
    found = {}
    for runtime in ("cpython", *PORTS):
        others = ("pykmip", "written") if runtime == "cpython" else ("strict", "careless")
        lines = []
        for _ in range(tries):
            again = on_cpython() if runtime == "cpython" else on_port(
                runtime, "speed.py", LONG_ROUNDS, LONG_SPAN, PORTS[runtime])
            for line, more in zip(lines, again, strict=True) if lines else ():
                more[2] = [had + new for had, new in zip(line[2], more[2], strict=True)]
            lines = again
            found[runtime] = _speed(lines, others)
            if not goals.too_slow(found):
                break
    return found


def _speed(lines, others):
    messages = {}
    for name, way, times, *heap in lines:
        cell = messages.setdefault(name, {}).setdefault(way, {})
        for other, took in zip(others, times[1:]):  # noqa: B905 - decoding has nothing "written"
            cell[other] = ratio(times[0], took)
        if heap:
            cell["heap"] = heap[0][:2]
    return messages


def sizes():
    """{message: [bytes of the request, bytes of the answer]}."""
    cases, _ = modules()
    lite = cases.LiteValues()
    return {
        name: [write(), len(data)]
        for name, write, data in zip(cases.NAMES, lite.encoders(), cases.ANSWERS, strict=True)}


def growth(tries=4):
    """{series: [[x, bytes, time, heap], ...]}, time in encodings of one Get Usage Allocation.

    The longest points take some milliseconds, in which a busy machine does other things: measured again,
    the least counts, while a series looks steeper than it may be.
    """
    best = {}
    for _ in range(tries):
        for name, x, size, took, heap in on_port("unix32", "growth.py"):
            point = best.setdefault((name, x), [x, size, took, heap])
            point[2] = min(point[2], took)
        unit = best["encode, batch", 1][2]
        found = {}
        for (name, _), (x, size, took, heap) in best.items():
            found.setdefault(name, []).append([x, size, rounded(took / unit), heap])
        if all(goals.doubling(points) <= goals.DOUBLING for points in found.values()):
            break
    return found


def everything(tell=lambda text: None):
    """All figures, as they are kept in measured.json."""
    found = {}
    for name, measure in (
        ("sizes", sizes), ("speed", speed), ("growth", growth),
        ("wire", lambda: [phase.figures() for phase in wire.measure()])
    ):
        tell(name)
        found[name] = measure()
    return found
