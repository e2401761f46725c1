"""Renews again and again, by a server that lies: micropython renewlied.py COUNT, in a provisioned folder.

Its clock need not be waited for. One line of JSON a renewal: the certificate's identifier, the heap in use,
whether the floor of the clock is past.
"""

import gc
import json
import sys
import time

from identity.anchors import Anchors
from identity.clock import Clock
from identity.renewal import Agent
from identity.runner import run
from identity.slots import Identity, Slots
from meter.world import World

_MOST = 60  # jobs of one renewal


class FastClock(Clock):
    ahead = 0

    def _raw(self):
        return int(time.time()) + self.ahead


def read(name):
    with open(name, "rb") as file:
        return file.read()


def main(count):
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
    world = World(config, anchors, clock, lambda identity: "accepted", lambda: None)
    for _ in range(count):
        first = slots.using
        time.sleep(1.1)  # a certificate of the same second would end no later than the one in use
        agent.request("renew")
        jobs = 0
        while agent.state != "STABLE" or slots.using == first:
            jobs += 1
            if jobs > _MOST:
                raise RuntimeError("\n".join(log))
            clock.ahead += agent.sleep()
            run(agent, world)
            world.close()
        del log[:]
        gc.collect()
        print(json.dumps([slots.identity().uid, gc.mem_alloc(), clock.floor <= int(time.time())]))


main(int(sys.argv[1]))
