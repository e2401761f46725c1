"""How many bytecodes CPython executes for a call: a measure of work that no other process disturbs."""

import collections
import sys

from .cpython import modules


def count(function):
    """(bytecodes of one call, {name of a function: its share}); what is done in C counts as one each."""
    found = collections.Counter()

    def step(frame, event, _):
        if event == "opcode":
            found[frame.f_code.co_name] += 1
        return step

    def enter(frame, event, _):
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        return step

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        function()
    finally:
        sys.settrace(before)
    return sum(found.values()), dict(found)


def show():
    """Print where the work of the five messages is done."""
    cases, _ = modules()
    lite = cases.Lite()
    for way, functions in (("encode", lite.encoders()), ("decode", lite.decoders())):
        for name, function in zip(cases.NAMES, functions, strict=True):
            total, parts = count(function)
            print("%s %s: %d bytecodes" % (way, name, total))
            for part, share in sorted(parts.items(), key=lambda item: -item[1])[:8]:
                print("  %5d %3d %%  %s" % (share, share * 100 // total, part))
