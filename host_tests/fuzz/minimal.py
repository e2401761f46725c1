"""The corpus: python -m host_tests.fuzz.minimal [ROUNDS] adds to it what reaches lines of firmware, or
outcomes, that nothing in it reaches yet.

corpus.bin is zlib of replay.packed(). `make test` plays it on CPython and in a heap of 64 KiB.
"""

import random
import sys
import zlib
from pathlib import Path

HERE = Path(__file__).resolve().parent
if __name__ == "__main__":
    ROOT = HERE.parents[1]
    sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "stubs"), str(HERE.parent / "portable"),
                    str(ROOT / "firmware"), str(ROOT)]

import hostile  # noqa: E402
import micropython  # noqa: E402, F401 - gives CPython's time what MicroPython has
import replay  # noqa: E402
import rules  # noqa: E402
import seeds  # noqa: E402

CORPUS = HERE / "corpus.bin"


def corpus():
    """[(target, bytes)] of what is kept."""
    return list(replay.unpacked(zlib.decompress(CORPUS.read_bytes()))) if CORPUS.exists() else []


def reached(name, data):
    """The pairs of lines of firmware that follow each other, and how it ended."""
    pairs = set()
    last = [None]

    def line(frame, event, arg):
        here = (frame.f_code.co_filename, frame.f_lineno)
        pairs.add((last[0], here))
        last[0] = here
        return line

    def call(frame, event, arg):
        return line(frame, event, arg) if frame.f_code.co_filename.startswith(rules._FIRMWARE) else None

    function, allowed = hostile.TARGETS[name]
    before = sys.gettrace()
    sys.settrace(call)
    try:
        function(data)
    except allowed as error:
        pairs.add(str(error).rpartition(" at byte")[0] or str(error))
    finally:
        sys.settrace(before)
    return {(name, pair) for pair in pairs}


def grow(found, rounds, r):
    """Add what is new among `rounds` mutations of each target, weighed by nothing but chance."""
    known = set()
    for name, data in found:
        known |= reached(name, data)
    for plan in seeds.plans(hostile.TARGETS):
        inputs = [seed.choice + seed.data for seed in plan.seeds]
        inputs += [plan.make(r) for _ in range(rounds)]
        before = len(found)
        for data in inputs:
            if len(data) < 3000:
                pairs = reached(plan.name, data)
                if not pairs <= known:
                    known |= pairs
                    found.append((plan.name, data))
        print("%s: %d more" % (plan.name, len(found) - before), flush=True)
    return found


def least(found):
    """What still reaches all that these reach: the shortest first."""
    kept, known = [], set()
    for name, data in sorted(found, key=lambda pair: (len(pair[1]), pair)):
        pairs = reached(name, data)
        if not pairs <= known:
            known |= pairs
            kept.append((name, data))
    return kept


if __name__ == "__main__":
    import os
    import tempfile

    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        more = grow(corpus(), int(sys.argv[1]) if len(sys.argv) > 1 else 3000, random.Random())
        more = least(more)
    CORPUS.write_bytes(zlib.compress(replay.packed(more), 9))
    print("%d inputs, %d bytes, %d packed" % (
        len(more), sum(len(data) for _, data in more), CORPUS.stat().st_size))
