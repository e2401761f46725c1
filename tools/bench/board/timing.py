"""Times functions against each other, on CPython and MicroPython."""

import gc
import sys
import time

LONG = 40000  # microseconds: so long runs what is timed by a clock of milliseconds


if sys.implementation.name == "micropython":
    collect = gc.collect

    def _run(function, count):
        start = time.ticks_us()
        for _ in range(count):
            function()
        return time.ticks_diff(time.ticks_us(), start)

    def _run_long(function, count):
        # The processor's time, where there is such a clock: a call of some milliseconds is interrupted
        # on a busy machine more often than not.
        if not hasattr(time, "clock"):
            return _run(function, count)
        start = time.clock()
        for _ in range(count):
            function()
        return (time.clock() - start) * 1000000

else:

    def collect():
        """CPython counts references; a collection before each round would take longer than the round."""

    def _run(function, count):
        start = time.thread_time_ns()
        for _ in range(count):
            function()
        return (time.thread_time_ns() - start) / 1000

    _run_long = _run


def times(functions, rounds, span):
    """Microseconds a call, a list for each function; `rounds` of them, fewer for long calls.

    In a round each function is called as often as takes about `span` microseconds, one after the other,
    so that whatever else the machine does falls on all of them. With spans of a millisecond and many rounds
    there is one that nothing interrupted; each begins with an empty heap, and no collection of garbage
    falls into it. Spans of LONG have their collections in them, and are timed by the processor's time.
    """
    plans = []
    for function in functions:
        count = 1
        while True:
            each = max(1, min([_run(function, count) for _ in range(5)])) / count
            if each * count > span // 4 or count > 1000000:
                break
            count *= 4
        if each > span or span >= LONG:
            plans.append((_run_long, int(min(LONG, span * 40) / each) + 1))
        else:
            plans.append((_run, int(span / each)))
    found = [[] for _ in functions]
    for number in range(rounds):
        for step in range(len(functions)):
            index = (step + number) % len(functions)  # none is always the first
            run, count = plans[index]
            if run is not _run and span < LONG and number >= max(1, rounds // 10):
                continue
            collect()
            found[index].append(run(functions[index], count) / count)
    return found


def allocated(function):
    """Bytes of heap that one call takes, with collection off."""
    function()
    gc.collect()
    gc.disable()
    try:
        before = gc.mem_alloc()
        function()
        return gc.mem_alloc() - before
    finally:
        gc.enable()
