"""Clients under asyncio beside a task that ticks, on any runtime: micropython adrive.py JOB.json

The job is what run() takes; each result goes out as one line of JSON.
"""

import asyncio
import gc
import json
import os
import sys
import time

import micropython  # noqa: F401 - CPython's time gets its ticks from the stand-in
from drive import error_of, hurry, plain, unhex

from kmip_lite import tls
from kmip_lite.aclient import AsyncClient, connect
from kmip_lite.ahttps import AsyncStream
from meter.aworld import post

_TICK = 10  # ms


class Ticker:
    """Ticks every 10 ms; `gap` is the longest time between two ticks since reset()."""

    def __init__(self):
        self.reset()

    def reset(self):
        self.gap = self.ticks = 0
        self._last = time.ticks_ms()

    async def run(self):
        while True:
            await asyncio.sleep(_TICK / 1000)
            now = time.ticks_ms()
            self.gap = max(self.gap, time.ticks_diff(now, self._last))
            self.ticks += 1
            self._last = now


def open_files():
    """How many files and sockets this process holds."""
    return len(os.listdir("/proc/self/fd"))


async def call(client, step):
    verb, args, kwargs = step
    if verb == "batch":
        batch = client.batch()
        for name, values, named in args:
            getattr(batch, name)(*unhex(values), **{key: unhex(named[key]) for key in named})
        return await batch.send(False)
    if verb == "blank":
        return not any(client.buf)
    if verb == "fill":  # a request of so many bytes
        return await client.register(8, bytes(args[0]))
    if verb == "closed":  # by another task, while a call waits
        waiting = asyncio.create_task(client.get("id-1"))
        await asyncio.sleep(args[0])
        client.close()
        return await waiting
    return await getattr(client, verb)(*unhex(args), **{key: unhex(kwargs[key]) for key in kwargs})


async def timed(ticker, steps, cancel):
    """What came of `steps`, cancelled after so many seconds; how long, and the ticker's gap meanwhile."""
    gc.collect()
    await asyncio.sleep(0)
    ticker.reset()
    start = time.ticks_ms()
    task = asyncio.create_task(steps)
    try:
        if cancel is not None:
            await asyncio.sleep(cancel)
            task.cancel()
        result = {"value": plain(await task)}
    except asyncio.CancelledError:
        result = {"error": "CancelledError"}
    except Exception as error:
        result = error_of(error)
    result["seconds"] = time.ticks_diff(time.ticks_ms(), start) / 1000
    result["gap"] = max(ticker.gap, time.ticks_diff(time.ticks_ms(), ticker._last))
    result["ticks"] = ticker.ticks
    return result


async def one(job, ticker):
    """The results of one client: of its connecting, then of each call."""
    cancel = list(job.get("cancel", ())) + [None] * 10
    identity = (unhex(job["cert"]), unhex(job["key"])) if job.get("cert") else ()
    context = tls.context([unhex(anchor) for anchor in job["anchors"]], *identity)
    if "post" in job:
        address = (job.get("host", "127.0.0.1"), job["port"], job["name"], job.get("timeout", 10))
        posting = post(address, context, job["post"], b"body")
        return [await timed(ticker, posting, cancel.pop(0))]
    made = []
    address = (job.get("host", "127.0.0.1"), job["port"], context, job["name"], job.get("timeout", 10))

    async def connected():
        stream = await connect(*address)
        hurry(job, stream)
        made.append(AsyncStream(stream, job["name"], job["path"]) if "path" in job else stream)

    for _ in range(job.get("before", 0)):
        await timed(ticker, connected(), cancel[0])
        while made:
            made.pop().close()
    results = [await timed(ticker, connected(), cancel.pop(0))]
    if made:
        async with AsyncClient(made[0], job.get("version", 12), job.get("buf", 2048)) as client:
            for step in job.get("calls", ()):
                results.append(await timed(ticker, call(client, step), cancel.pop(0)))
    return results


async def main(job):
    ticker = Ticker()
    ticking = asyncio.create_task(ticker.run())
    await asyncio.sleep(0.05)
    before = open_files()
    clients = [asyncio.create_task(one(job, ticker)) for _ in range(job.get("clients", 1))]
    results = []
    for client in clients:
        results.append(await client)
    gc.collect()
    await asyncio.sleep(0.05)
    left = open_files() - before
    ticking.cancel()
    return results + [{"files": left}]


def run(job):
    """The results of each client, a list each, and then how many files are left open.

    `job` as drive.run() has it, and: `clients`, how many at once; `cancel`, a list of seconds after which
    the connecting, the first call, the second ... is cancelled, None for not; `before`, how many more
    connections to make first; `path`, to speak HTTPS; `post`, a path to post to instead of all that.
    """
    if sys.implementation.name == "micropython":
        asyncio.new_event_loop()
    return asyncio.run(main(job))


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        for result in run(json.load(file)):
            print(json.dumps(result))
