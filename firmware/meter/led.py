"""What the board's LED tells: so many flashes, a pause of two seconds, and again.

1: all is well. 2: a renewal is under way. 3: no network. 4: somebody has to look (`meter.status()`).
On for two seconds at the start, when Ctrl-C leads to the REPL; on without end: the meter cannot start.
"""

from asyncio import sleep_ms


def flashes(meter, network):
    """How many; the more, the sooner somebody should come."""
    if meter.agent.alarm:
        return 4
    if network is not None and not network.connected():
        return 3
    return 1 if meter.agent.state == "STABLE" else 2


async def show(meter, network, led):
    """Flash for ever. `led`: called with True for on."""
    while True:
        for _ in range(flashes(meter, network)):
            led(True)
            await sleep_ms(150)
            led(False)
            await sleep_ms(250)
        await sleep_ms(2000)
