"""Runs the emulated meter: `from meter.main import main; main("folder")`.

With `follow`, each event is printed as a line of JSON behind an @, for a program to read.
"""

import gc
import json
import time

from micropython import const

from meter.meter import Meter

_NAP = const(60)  # seconds between two looks at the clock, which may be set meanwhile


def main(root=".", duration=0, follow=False):
    """Run the meter for `duration` seconds (0: for ever)."""
    began = time.time()

    def note(name, fields):
        gc.collect()
        print("@" + json.dumps([name, time.time() - began, gc.mem_alloc(), fields]))

    meter = Meter(root, note=note if follow else None)
    meter.note("start", **meter.agent.status())
    while True:
        before = meter.agent.state
        busy = meter.step()
        if follow and meter.agent.state != before:
            meter.note("state", was=before, **meter.agent.status())
        world = meter.world
        if follow:
            meter.note(
                "cost",
                connections=world.connections,
                round_trips=world.round_trips,
                sent=world.sent,
                received=world.received,
            )
        if duration and time.time() - began >= duration:
            return
        if not busy:
            time.sleep(min(_NAP, meter.sleep()))

