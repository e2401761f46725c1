"""kmip_lite against PyKMIP on CPython, in a process of its own: `python -m tools.bench.cpython ROUNDS SPAN`.

Prints one line of JSON a message and direction: [message, direction, [lite, PyKMIP, PyKMIP without the
building of its objects: microseconds a call, for each round]].
"""

import json
import sys

from tools.steps import ROOT

BOARD = ROOT / "tools" / "bench" / "board"


def modules():
    """cases, plain and timing of the board's folder, and the firmware that they import."""
    for folder in (BOARD, ROOT / "host_tests" / "stubs", ROOT / "firmware"):
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
    import cases
    import timing
    return cases, timing


def rows():
    """(message, direction, functions to be timed) for each."""
    cases, _ = modules()
    from . import pykmip
    lite = cases.LiteValues()
    builders = pykmip.builders(cases)
    for index, name in enumerate(cases.NAMES):
        build, built = builders[index], builders[index]()
        yield name, "encode", (
            lite.encoders()[index],
            lambda build=build: pykmip.write(build()),
            lambda built=built: pykmip.write(built))
    for index, name in enumerate(cases.NAMES):
        data = cases.ANSWERS[index]
        yield name, "decode", (
            lite.decoders()[index], lambda data=data: pykmip.payload(pykmip.read(data)))


def main(rounds, span):
    _, timing = modules()
    for name, way, functions in rows():
        print(json.dumps([name, way, timing.times(functions, rounds, span)]))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
