"""Listens for Notify and Put, on any runtime: micropython listen.py JOB.json

Each connection goes out as one line of JSON: messages answered, the error that ended it, what the handlers
were given, and under asyncio the longest gap between two ticks of another task, in ms.
"""

import asyncio
import json
import sys
import time

import micropython  # noqa: F401 - CPython's time gets its ticks from the stand-in
from drive import error_of, plain, unhex

from kmip_lite.listener import Listener, context
from kmip_lite.message import KmipError
from kmip_lite.responder import Responder


class Told:
    """Handlers that note what they are given; a name that begins with "!" is refused."""

    def __init__(self):
        self.events = []

    def notify(self, uid, changed):
        if uid[:1] == "!":
            raise KmipError(0x1B, 1, 0x0C, "not mine")
        if uid[:1] == "?":
            raise RuntimeError("what nobody thought of")
        self.events.append(["notify", uid, plain(changed)])

    def put(self, uid, function, replaced, object_type, d, attributes):
        self.events.append(
            ["put", uid, function, replaced, object_type, plain(d.value()), plain(attributes)]
        )


def result(listener, told, count, gap=0):
    error = listener.error
    fault = listener.responder.fault
    listener.responder.fault = None
    events = told.events
    told.events = []
    return {
        "count": count, "error": error and error_of(error), "events": events, "gap": gap,
        "blank": not any(listener.responder.buf), "fault": fault and error_of(fault),
    }


async def tick(gap):
    last = time.ticks_ms()
    while True:
        await asyncio.sleep(0.01)
        now = time.ticks_ms()
        gap[0] = max(gap[0], time.ticks_diff(now, last))
        last = now


async def beside(listener, sock, made, peer):
    gap = [0]
    ticking = asyncio.create_task(tick(gap))
    await asyncio.sleep(0)
    count = await listener.aserve(sock, made, peer)
    await asyncio.sleep(0.02)
    ticking.cancel()
    return count, gap[0]


async def cancelled(listener, sock, made, peer):
    task = asyncio.create_task(listener.aserve(sock, made, peer))
    await asyncio.sleep(0.3)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        return -1, 0


def run(job):
    """`job`: port, peer, anchors, cert, key, timeout, mode ("", "async" or "cancel"), connections."""
    told = Told()
    listener = Listener(
        Responder(lambda: 1335514481, told.notify, told.put), "127.0.0.1", job["port"], job["timeout"])
    made = context([unhex(anchor) for anchor in job["anchors"]], unhex(job["cert"]), unhex(job["key"]))
    for _ in range(job["connections"]):
        sock = None
        while sock is None:
            time.sleep(0.01)
            sock = listener.accept()
        gap = 0
        if job["mode"]:
            steps = (cancelled if job["mode"] == "cancel" else beside)(listener, sock, made, job["peer"])
            count, gap = asyncio.run(steps)
        else:
            count = listener.serve(sock, made, job["peer"])
        print(json.dumps(result(listener, told, count, gap)))
    listener.close()


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        run(json.load(file))
