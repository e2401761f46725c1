"""Renews again and again, by a server that lies: micropython renewlied.py COUNT HOW, in a provisioned folder.
HOW is "blocking" or "asyncio".

Its clock need not be waited for. After each renewal: what qstr_info() tells, and a line of JSON with the
certificate's identifier, the heap in use, whether the floor of the clock is past.
"""

import asyncio
import gc
import json
import sys
import time

from micropython import qstr_info

from identity.anchors import Anchors
from identity.clock import Clock
from identity.renewal import Agent
from identity.slots import Identity, Slots

_MOST = 60  # jobs of one renewal


class FastClock(Clock):
    ahead = 0

    def _raw(self):
        return int(time.time()) + self.ahead


def read(name):
    with open(name, "rb") as file:
        return file.read()


async def renew(agent, world, run, slots, log):
    """Job by job, until another identity is in use. `run`: what does a job; awaited where that is needed."""
    first = slots.using
    agent.request("renew")
    jobs = 0
    while agent.state != "STABLE" or slots.using == first:
        jobs += 1
        if jobs > _MOST:
            raise RuntimeError("\n".join(log))
        agent.clock.ahead += agent.sleep()
        done = run(agent, world)
        if not isinstance(done, bool):
            await done


async def accepted(identity):
    return "accepted"


def main(count, how):
    gc.threshold(8192)
    config = json.loads(read("config.json"))
    slots = Slots("identity")
    slots.state["active"] = slots.stage(Identity(
        read("key.der"), read("cert.der"), read("csr.der"), config["cert_uid"], config["public_key_uid"]))
    slots.commit()
    anchors = Anchors("anchors", [read("server_ca.der")], [read("meter_ca.der")])
    clock = FastClock()
    proof = ("get", {"uid": config["key_uid"], "into": bytearray(16)})
    log = []
    agent = Agent(
        slots, clock, config["device"], anchors.issuer, proof, anchors=anchors, window=0, log=log.append)
    if how == "asyncio":
        from identity.arunner import arun as run
        from meter.aworld import AWorld

        world = AWorld(config, anchors, clock, accepted)
    else:
        from identity.runner import run
        from meter.world import World

        world = World(config, anchors, clock, lambda identity: "accepted", lambda: None)
    for _ in range(count):
        time.sleep(1.1)  # a certificate of the same second would end no later than the one in use
        steps = renew(agent, world, run, slots, log)
        if how == "asyncio":
            asyncio.run(steps)
        else:
            try:
                steps.send(None)
            except StopIteration:
                pass
        del log[:]
        gc.collect()
        qstr_info()
        print(json.dumps([slots.identity().uid, gc.mem_alloc(), clock.floor <= int(time.time())]))


main(int(sys.argv[1]), sys.argv[2])
