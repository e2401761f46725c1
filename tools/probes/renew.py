"""renew.py [largest piece]: renews once, by the runner and the meter's connections. Reports are left out.

A heap that is collected often keeps what stays at its low end, and one piece free that is large enough for
TLS. The last line is JSON: what the renewal came to, and how many TLS connections it took.
"""

import gc
import json
import sys

if len(sys.argv) > 1:
    from fragment import fragment

    pins = fragment(int(sys.argv[1]))
else:
    gc.threshold(8192)

from identity.anchors import Anchors
from identity.clock import Clock
from identity.renewal import Agent
from identity.runner import run
from identity.slots import Identity, Slots
from meter.world import World


def read(name):
    with open(name, "rb") as file:
        return file.read()


config = json.loads(read("config.json"))
slots = Slots("identity")
slots.state["active"] = slots.stage(Identity(
    read("key.der"), read("cert.der"), read("csr.der"), config["cert_uid"], ""))
slots.commit()
anchors = Anchors("anchors", [read("server_ca.der")], [read("meter_ca.der")])
clock = Clock()
proof = ("get", {"uid": config["key_uid"], "into": bytearray(16)})
agent = Agent(slots, clock, config["device"], anchors.issuer, proof, anchors=anchors)
world = World(config, anchors, clock, lambda identity: "accepted", lambda: None)
agent.request("renew")
for _ in range(9):
    run(agent, world)
    if agent.state == "STABLE":
        break
world.close()
renewed = slots.identity().uid != config["cert_uid"]
print(json.dumps(["renewed" if renewed else agent.status(), world.connections]))
