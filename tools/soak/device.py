"""What the meter runs in a soak: the emulated meter, and beside it who tells of its heap after each renewal.

For MicroPython. The folder is the meter's; a line of stdin begins the next renewal: "renew" or "rotate".
"""

import asyncio
import gc
import sys

import micropython

from meter.meter import Meter

gc.threshold(8192)  # as main.py


async def _drive(meter):
    agent = meter.agent
    while True:
        while agent.state != "STABLE" or agent.kept.get("wanted"):
            await asyncio.sleep(0.02)
        async with meter.lock:  # no connection is open: what is held now is held for good
            gc.collect()
            print("@%d %d %s" % (gc.mem_free(), meter.world.starved, agent.own().uid))
            micropython.mem_info()
            print("@.")
            mode = sys.stdin.readline().strip()
        if not mode:
            return
        agent.request(mode)
        meter.called = True


async def _run(meter):
    driver = asyncio.create_task(_drive(meter))
    runner = asyncio.create_task(meter.run())
    while not driver.done():
        if runner.done():
            await runner  # raises what ended it
        await asyncio.sleep(0.1)


asyncio.run(_run(Meter("folder")))
