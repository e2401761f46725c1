"""Drives the renewal agent under asyncio: others run while it waits, and between slices of arithmetic."""

import asyncio
import sys

from identity import let_go


async def arun(agent, world):
    """As runner.run(), with a `world` whose open(), call(), close() and report() are to be awaited;
    tick() is not asked for.

    A call that is cancelled leaves no connection open; the next one begins the job again.
    """
    steps = outcome = None
    kept = sys.modules
    try:
        while True:
            try:
                if steps is None:
                    job = agent.job()
                    if not job:
                        return False
                    kept = set(sys.modules)
                    from identity.jobs import work

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
            if wanted[0] == "open":
                let_go(kept)
            try:
                outcome = await getattr(world, wanted[0])(*wanted[1:])
            except Exception as error:
                outcome = error
    finally:
        let_go(kept)
        await world.close()
