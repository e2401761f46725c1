"""Tells nothing but the truth to a server that lies: micropython liedrive.py JOB.json

One connection after the other in one process, two calls on each; what became of them, a line of JSON each.
"""

import asyncio
import gc
import json
import sys

import drive
import micropython  # noqa: F401 - CPython's time gets its ticks from the stand-in


def heap():
    """Bytes in use, on MicroPython."""
    gc.collect()
    return gc.mem_alloc() if hasattr(gc, "mem_alloc") else 0


def blocking(job, lie):
    made = []
    job = dict(job)
    if lie["http"]:
        job["path"] = "/kmip"

    def connected():
        made.append(drive.connect(job))

    results = [drive.timed(connected)]
    for step in lie["calls"] if made else ():
        results.append(drive.timed(drive.call, made[0], step))
        results[-1]["blank"] = not any(made[0].buf)
    if made:
        made[0].close()
    return results


async def awaited(job, lie):
    import adrive

    from kmip_lite import tls
    from kmip_lite.aclient import AsyncClient, connect
    from kmip_lite.ahttps import AsyncStream

    identity = (drive.unhex(job["cert"]), drive.unhex(job["key"]))
    context = tls.context([drive.unhex(anchor) for anchor in job["anchors"]], *identity)
    made = []

    async def connected():
        stream = await connect("127.0.0.1", job["port"], context, job["name"], job["timeout"])
        drive.hurry(job, stream)
        made.append(AsyncStream(stream, job["name"], "/kmip") if lie["http"] else stream)

    ticker = adrive.Ticker()
    results = [await adrive.timed(ticker, connected(), None)]
    if made:
        async with AsyncClient(made[0], 12, job.get("buf", 2048)) as client:
            for step in lie["calls"]:
                results.append(await adrive.timed(ticker, adrive.call(client, step), None))
                results[-1]["blank"] = not any(client.buf)
    return results


def run(job):
    """Yields the results for each lie. `job`: as drive.run() has it, and `lies`, a list of {"calls", "http"};
    `asyncio`, whether to await."""
    for lie in job["lies"]:
        found = asyncio.run(awaited(job, lie)) if job["asyncio"] else blocking(job, lie)
        found.append({"heap": heap()})
        yield found


def main(path):
    with open(path) as file:
        job = json.load(file)
    for found in run(job):
        print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
