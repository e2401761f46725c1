"""What must hold for every input, whatever it says: accepted, or one of the documented exceptions; no hang;
no read past the message; memory and steps within a line through its length."""

import io
import signal
import sys
import tracemalloc

import hostile

from tools.kmipdump import __main__ as kmipdump
from tools.kmipdump import inputs
from tools.steps import ROOT

SECONDS = 20  # that one input may take on a busy machine; some take milliseconds at most
_TAILED = ("answer", "items", "request", "der")
_TAILS = (b"\x42\x00\x94\x07\x00\x00\x00\x08" * 8, b"\xff" * 64, b"\x42\x00\x0f\x01\x00\x00\x00\x08" * 8)
# Per target: lines of firmware that may run, and bytes that may be allocated at once, of CPython's; each as
# so many, and so many more for a byte of the input. About twice what was seen in 1,500 inputs of each.
BOUNDS = {
    "answer": (1500, 6, 10000, 12),
    "items": (1500, 16, 8000, 14),
    "client": (4000, 16, 20000, 4),
    "http": (4000, 35, 20000, 3),
    "request": (6000, 40, 80000, 20),
    "heard": (30000, 40, 40000, 4),
    "der": (1000, 8, 16000, 3),
    "certificate": (40000, 40, 30000, 8),
    "signature": (30000, 8, 30000, 4),
    "flash": (6000, 8, 30000, 8),
}
_FIRMWARE = str(ROOT / "firmware")


def dump(data):
    """What somebody gives to kmipdump."""
    stdout = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)
    stderr = io.StringIO()
    form = inputs.FORMATS[data[0] % len(inputs.FORMATS)]
    more = ((), ("--offsets", "--full"), ("--xml",), ("--secrets",))[data[1] & 3]
    status = kmipdump.main(["--format", form, *more], io.BytesIO(data[2:]), stdout, stderr)
    hostile.holds(status in (0, 1), "status %r" % status)
    hostile.holds(not status or stderr.getvalue().startswith("kmipdump: "), "no reason for status 1")


# hostile.py's, and what runs on CPython only: by name the function and what it may raise.
TARGETS = {**hostile.TARGETS, "dump": (dump, ())}


class Hang(BaseException):
    """An input takes too long."""


def _alarm(number, frame):
    raise Hang("%d s and not done" % SECONDS)


def run(name, data):
    """"accepted", or the name of the exception; one that is not allowed is raised."""
    function, allowed = TARGETS[name]
    try:
        function(data)
        return "accepted"
    except allowed as error:
        return type(error).__name__


def quick(name, data):
    """run(), and Hang if it takes too long."""
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        return run(name, data)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def start():
    """To be called once by each process that runs inputs."""
    signal.signal(signal.SIGALRM, _alarm)


def thorough(name, data, number):
    """What quick() does not look at: the same twice, whatever stands behind the message; and the bounds."""
    if name not in hostile.TARGETS:
        return
    found = hostile.outcome(name, data)
    tail = _TAILS[number % len(_TAILS)] if name in _TAILED else b""
    again = hostile.outcome(name, data, tail)
    if found != again:
        raise hostile.Broken("%s, but with something else behind it %s" % (found[:200], again[:200]))
    steps, memory = cost(name, data)
    most_steps, most_memory = bounds(name, len(data))
    if steps > most_steps:
        raise hostile.Broken("%d lines for %d bytes" % (steps, len(data)))
    if memory > most_memory:
        raise hostile.Broken("%d bytes allocated for %d" % (memory, len(data)))


def bounds(name, size):
    steps, per_byte, memory, memory_per_byte = BOUNDS[name]
    return steps + per_byte * size, memory + memory_per_byte * size


def cost(name, data):
    """(lines of firmware that one input runs, bytes of memory at its peak)."""
    count = 0

    def line(frame, event, arg):
        nonlocal count
        count += event == "line"
        return line

    def call(frame, event, arg):
        return line if frame.f_code.co_filename.startswith(_FIRMWARE) else None

    before = sys.gettrace()
    sys.settrace(call)
    try:
        _ignore(name, data)
    finally:
        sys.settrace(before)
    tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        _ignore(name, data)
        memory = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    return count, memory


def _ignore(name, data):
    function, allowed = TARGETS[name]
    try:
        function(data)
    except allowed:
        pass
