"""Drives the renewal agent with blocking calls."""

import sys

from identity import let_go


def run(agent, world):
    """Do one job of the agent, if there is one; True if there was.

    `world` has open(identity), call(calls), close(), report(identity), as the text of jobs.py has them,
    raising their errors, and tick(), which is called between slices of long arithmetic. Where the store
    fails, or anything else, the job is tried again later; nothing is raised for it.
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
                # The store, the heap, or an answer that nobody thought of: never the end of all renewals.
                world.close()
                agent.stumbled(error)
                return True
            outcome = None
            if wanted is None:
                world.tick()
                continue
            if wanted[0] == "open":
                let_go(kept)  # what made way for it
            try:
                outcome = getattr(world, wanted[0])(*wanted[1:])
            except Exception as error:
                outcome = error
    finally:
        let_go(kept)
