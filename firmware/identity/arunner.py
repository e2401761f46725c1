"""Drives the renewal agent under asyncio: others run while it waits, and between slices of arithmetic."""

import asyncio

from identity.runner import work


async def arun(agent, world):
    """As runner.run(), with a `world` whose open(), call(), close() and report() are to be awaited;
    tick() is not asked for.

    A call that is cancelled leaves no connection open; the next one begins the job again.
    """
    steps = outcome = None
    try:
        while True:
            try:
                if steps is None:
                    job = agent.job()
                    if not job:
                        return False
                    steps = work(agent, job)
                wanted = steps.send(outcome)
            except StopIteration:
                return True
            except Exception as error:
                # As in runner.run(): never the end of all renewals.
                await world.close()
                agent.stumbled(error)
                return True
            outcome = None
            if wanted is None:
                await asyncio.sleep(0)
                continue
            try:
                outcome = await getattr(world, wanted[0])(*wanted[1:])
            except Exception as error:
                outcome = error
    finally:
        await world.close()
