"""Runs on an emulated board: renews the certificate of the device in a folder, over TLS over the UART.

The identity is on the board's flash from the first start on; after a reset the agent goes on where it was.
"""

import gc
import json
import time

from machine import UART

from identity.anchors import Anchors
from identity.clock import Clock
from identity.renewal import Agent
from identity.runner import run
from identity.slots import Identity, Slots
from kmip_lite import uart
from meter import world

peak = 0


def sample():
    global peak
    gc.collect()
    peak = max(peak, gc.mem_alloc())


class Line(uart.Line):
    """Looks at the heap whenever bytes are waited for, within a handshake too."""

    def readinto(self, buf):
        sample()
        return super().readinto(buf)


class World(world.World):
    reset = None  # the verb whose answer comes, and then a reset before anything is noted of it

    def call(self, calls, asynchronous=False):
        results = super().call(calls, asynchronous)
        sample()
        if calls[0][0] == self.reset:
            reboot()
        return results


def reboot():
    try:
        from emulator import reset  # in QEMU, which machine.reset() would end
    except ImportError:
        from machine import reset
    reset()


def main(reset=None, reset_in=None, log=None, device="/rom/device", **options):
    """`reset`: the verb after whose answer the board is reset; `reset_in`: the state in which it is;
    `options`: the UART's. A device that has no identity but a bootstrap one enrols."""

    def read(name):
        with open(device + "/" + name, "rb") as file:
            return file.read()

    gc.threshold(8192)
    began = time.ticks_ms()
    config = json.loads(read("config.json"))
    first = config.get("cert_uid")
    slots = Slots("/slots", None if first else device + "/bootstrap")
    if first and slots.identity() is None:
        slots.state["active"] = slots.stage(Identity(
            read("key.der"), read("cert.der"), read("csr.der"), first, ""))
        slots.commit()
    anchors = Anchors("/anchors", [read("server_ca.der")], [read("meter_ca.der")])
    clock = Clock()
    proof = ("get", {"uid": config["key_uid"], "into": bytearray(16)})
    agent = Agent(slots, clock, config["device"], anchors.issuer, proof, anchors=anchors, retry_first=1,
                  log=log or (lambda line: None))
    line = Line(UART(1, 115200, **options))
    there = World(config, anchors, clock, lambda identity: "accepted", lambda: None, line.connect)
    there.reset = reset
    if agent.state == "STABLE" and slots.using and (not first or agent.own().uid == first):
        agent.request("renew")
    began_in = agent.state
    for _ in range(12):
        if agent.state == reset_in:
            reboot()
        run(agent, there)
        if agent.state == "STABLE":
            break
        time.sleep(agent.sleep())
    there.close()
    gc.collect()
    print("@" + json.dumps({
        "began_in": began_in, "state": agent.state, "uid": slots.identity().uid, "last": agent.last,
        "peak": peak, "live": gc.mem_alloc(), "heap": gc.mem_alloc() + gc.mem_free(),
        "ms": time.ticks_diff(time.ticks_ms(), began),
        "connections": there.connections, "round_trips": there.round_trips}))
