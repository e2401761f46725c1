"""What the identity's arithmetic needs of a 32-bit board's heap, bytecode included; ceilings, not figures."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tools import toolchain
from tools.bytecode import compile_firmware

HERE = Path(__file__).parent

# Name: the heap in KiB in which it is done, with all it imports from .mpy; bytes that the result takes
CEILINGS = {
    "generate": (20, 192),
    "sign": (20, 128),
    "verify": (20, 128),
    "request": (18, 320),
    "certificate": (20, 448),
    "issuer_ec": (28, 128),
    "issuer_rsa2048": (26, 128),
    "issuer_rsa4096": (32, 128),
}

IMPORTED = 17  # KiB of heap that agent, slots and clock hold once they are imported
AGENT = 22  # with an agent, and the names in what it loads for moments


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    return compile_firmware(tmp_path_factory.mktemp("board"), packages=("identity",))


@pytest.mark.parametrize("name", CEILINGS)
def test_heap(name, board):
    heap, most = CEILINGS[name]
    micropython = toolchain.find("unix32")
    if micropython is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(toolchain.why_missing("unix32"))
    env = dict(os.environ, MICROPYPATH=".frozen:%s" % board)
    for size in ("%dk" % heap, "8m"):
        command = [micropython, "-X", "heapsize=" + size, "costs.py", name]
        done = subprocess.run(command, cwd=HERE, env=env, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, "in %s: %s" % (size, done.stderr or done.stdout)
    found = re.fullmatch(r"(\w+) (\d+) (\d+) (-?\d+)", done.stdout.strip())
    assert found, done.stdout
    print(done.stdout)
    assert int(found[4]) <= most


# An agent between two renewals: what is loaded of its package, and what the heap holds of it.
IDLE = """
import gc, sys
from hashlib import sha256
import kmip_lite.client, kmip_lite.tls
gc.collect()
before = gc.mem_alloc()
from identity.clock import Clock
from identity.renewal import Agent
from identity.runner import run
from identity.slots import Slots
gc.collect()
imported = gc.mem_alloc() - before
agent = Agent(Slots("store"), Clock(), "meter-0001", [], ("get", {}))
run(agent, None)
gc.collect()
print(imported, gc.mem_alloc() - before, *sorted(n for n in sys.modules if n[:9] == "identity."))
"""


def test_what_stays_between_renewals(tmp_path):
    micropython = toolchain.find("unix32")
    if micropython is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(toolchain.why_missing("unix32"))
    compile_firmware(tmp_path / "lib")
    env = dict(os.environ, MICROPYPATH=".frozen:lib")  # a file's path costs heap too
    done = subprocess.run([micropython, "-c", IDLE], cwd=tmp_path, env=env, capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == 0, done.stderr or done.stdout
    imported, idle, *names = done.stdout.split()
    print(done.stdout)
    assert " ".join(names).replace("identity.", "") == "clock journal renewal runner sealed slots"
    assert int(imported) <= IMPORTED << 10
    assert int(idle) <= AGENT << 10
