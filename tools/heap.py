"""The smallest heap in which a whole renewal runs, TLS included, everything imported from .mpy.

    python -m tools.heap [--target unix32]

Bisected with MicroPython's -X heapsize against the reference server: the Unix port's mbedTLS allocates
from that heap too, as on the RP2040.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from . import toolchain
from .bytecode import compile_firmware
from .provision import CONFIG, provision
from .refserver import Server, init

# Renews once, by the runner and the meter's connections, and says so. Reports are left out. A heap that
# is collected often keeps what stays at its low end, and one piece free that is large enough for TLS.
RENEW = """
import gc
import json
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
print("renewed" if slots.identity().uid != config["cert_uid"] else agent.status())
"""
LIFE = 3600  # seconds of a renewed certificate; the one before must end sooner
FINENESS = 1024  # bytes


def renews(binary, heap, top, code, port):
    """Whether a renewal succeeds in a heap of so many bytes, in a fresh folder of a fresh device."""
    device = "heap-%d" % heap
    folder = top / device
    config = provision(top / "state", device, folder, life=LIFE // 2)
    config["port"] = port
    (folder / CONFIG).write_text(json.dumps(config))
    done = subprocess.run(
        [str(binary), "-X", "heapsize=%d" % heap, "-c", RENEW], cwd=folder, timeout=60,
        capture_output=True, text=True, env=dict(os.environ, MICROPYPATH="%s:.frozen" % code))
    return done.stdout.splitlines()[-1:] == ["renewed"]


@contextlib.contextmanager
def prober(target="unix32"):
    """A function from a number of bytes to whether a renewal runs in such a heap."""
    binary = toolchain.find(target)
    if binary is None:
        raise RuntimeError(toolchain.why_missing(target))
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        code = compile_firmware(top / "mpy")
        init(top / "state", life=LIFE)
        with Server(top / "state") as server:
            yield lambda heap: renews(binary, heap, top, code, server.port)


def smallest(target="unix32", low=32 << 10, high=256 << 10):
    """The smallest heap, in bytes; RuntimeError where even `high` is too small."""
    with prober(target) as probe:
        if not probe(high):
            raise RuntimeError("no renewal in a heap of %d bytes" % high)
        while high - low > FINENESS:
            middle = (low + high) // 2
            if probe(middle):
                high = middle
            else:
                low = middle
    return high


def main(argv=None):
    parser = argparse.ArgumentParser(
        prog="python -m tools.heap", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", choices=("unix32", "unix64"), default="unix32")
    options = parser.parse_args(argv)
    print("%d bytes" % smallest(options.target))
    return 0


if __name__ == "__main__":
    sys.exit(main())
