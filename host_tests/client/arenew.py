"""A meter's agent under asyncio, job by job, beside a task that ticks: micropython arenew.py JOB.json"""

import asyncio
import json
import sys

from adrive import Ticker, open_files, timed

from identity.arunner import arun
from meter.meter import Meter

_MOST = 60  # jobs, and looks for one


async def main(job):
    ticker = Ticker()
    ticking = asyncio.create_task(ticker.run())
    log = []
    meter = Meter(job["root"], log=log.append)
    agent = meter.agent
    results = []
    cancel = job.get("cancel", {})
    before = open_files()
    for mode in job["modes"]:
        first = meter.slots.using
        agent.request(mode)
        await asyncio.sleep(1.1)  # a certificate of the same second would end no later than the one in use
        rounds = 0
        while agent.state != "STABLE" or meter.slots.using == first:
            rounds += 1
            if rounds > _MOST:
                raise RuntimeError("\n".join(log))
            was = agent.state
            result = await timed(ticker, arun(agent, meter.world), cancel.pop(was, None))
            if result.get("value") is False:
                await asyncio.sleep(0.1)
                continue
            result["was"] = was
            result["state"] = agent.state
            results.append(result)
    ticking.cancel()
    results.append({"files": open_files() - before, "alarm": agent.alarm, "log": log,
                    "connections": meter.world.connections, "round_trips": meter.world.round_trips})
    return results


def run(job):
    """What each job of the agent came to. `job`: root, the meter's folder; modes, a list of "renew" and
    "rotate"; cancel, seconds after which the first job begun in a state is cancelled."""
    return asyncio.run(main(job))


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        for result in run(json.load(file)):
            print(json.dumps(result))
