"""Runs the emulated meter: `from meter.main import main; main("folder")`.

With `follow`, each event is printed as a line of JSON behind an @, for a program to read.
"""

import asyncio
import gc
import json
import time

from micropython import const

from meter.meter import Meter

_THRESHOLD = const(8192)  # bytes allocated between two collections


def main(root=".", duration=0, follow=False, tick=None):
    """Run the meter for `duration` seconds (0: for ever); `tick()` is called each second."""
    # Collected often, the heap keeps what stays at its low end and room in one piece for TLS.
    gc.threshold(_THRESHOLD)
    began = time.time()

    def note(name, fields):
        gc.collect()
        print("@" + json.dumps([name, time.time() - began, gc.mem_alloc(), fields]))

    meter = Meter(root, note=note if follow else None, tick=tick)
    meter.note("start", **meter.agent.status())
    asyncio.run(meter.run(duration))
