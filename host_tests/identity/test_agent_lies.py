"""The renewal agent and a key server that lies in KMIP, over TLS: the reference server with its answers
changed on the way. The identity in use stays whole, works afterwards, and the next renewal comes to its end.

Each lie is told to one message of a renewal, and then to all of them until the agent has tried nine times.
FAULTS=all tells it to each message in turn, in both modes, to the blocking agent and to the one that awaits.
At the end some of them are told to an agent on the Unix ports, in the heap of a small board.
"""

import json
import re
import time
from pathlib import Path

import ports
import pytest
import test_agent_faults as agents

from tools.bytecode import compile_firmware
from tools.provision import provision
from tools.refserver import Server, faults, init, ttlv
from tools.refserver.enums import Operation
from tools.refserver.tags import Tag as T

rig = agents.rig
clean = agents.clean
PLAY = Path(__file__).with_name("renewlied.py")
YEAR = 365 * 86400
told = {}


def items(tree):
    return [item for item in tree.value if item.tag == T.BATCH_ITEM]


def header(tag, value):
    def change(tree):
        tree.value[0].find(tag).value = value
    return faults.edited(change)


def stamped(seconds):
    return header(T.TIME_STAMP, seconds)


def reversed_items(tree):
    tree.value[1:] = reversed(tree.value[1:])


def twice(tree):
    tree.value.append(items(tree)[-1])


def one_less(tree):
    if len(items(tree)) > 1:
        tree.value[0].find(T.BATCH_COUNT).value -= 1
        tree.value.pop()


def emptied(tree):
    for item in items(tree):
        payload = item.find(T.RESPONSE_PAYLOAD)
        if payload:
            payload.value = []


def other_identifiers(tree):
    def walk(item):
        for sub in item.value:
            if sub.tag == T.UNIQUE_IDENTIFIER:
                sub.value = "somebody-elses"
            elif sub.type == ttlv.STRUCTURE:
                walk(sub)
    walk(tree)


def other_item_ids(tree):
    for item in items(tree):
        identifier = item.find(T.UNIQUE_BATCH_ITEM_ID)
        if identifier:
            identifier.value = b"\x7f"


def pending(size):
    """Every item Pending, with a correlation value of so many bytes."""
    def change(tree):
        for item in items(tree):
            item.value = [sub for sub in item.value if sub.tag in (T.OPERATION, T.UNIQUE_BATCH_ITEM_ID)]
            item.value += [ttlv.enumeration(T.RESULT_STATUS, 2),
                           ttlv.byte_string(T.ASYNCHRONOUS_CORRELATION_VALUE, b"c" * size)]
    return faults.edited(change)


class Replay:
    """The answer before, in place of this one."""

    def __init__(self):
        self.before = None

    def __call__(self, request, response):
        found = self.before or response
        self.before = response
        return found


def echo(request, response):
    return request


# (what, a function that makes the `replace`)
LIES = {
    "a batch count of none": lambda: header(T.BATCH_COUNT, 0),
    "a batch count too high": lambda: header(T.BATCH_COUNT, 9),
    "a negative batch count": lambda: header(T.BATCH_COUNT, -1),
    "answers out of order": lambda: faults.edited(reversed_items),
    "an answer twice": lambda: faults.edited(twice),
    "an answer too few": lambda: faults.edited(one_less),
    "answers without payloads": lambda: faults.edited(emptied),
    "answers to another operation": lambda: faults.other_operation(Operation.QUERY),
    "answers to other items": lambda: faults.edited(other_item_ids),
    "another's identifiers": lambda: faults.edited(other_identifiers),
    "the answer before": Replay,
    "the request itself": lambda: echo,
    "pending that was not offered": lambda: pending(8),
    "a correlation value as long as the buffer": lambda: pending(1700),
    "a correlation value of 64 KiB": lambda: pending(65536),
    "a length of 0": lambda: faults.claimed_length(0),
    "a length of 2 GiB": lambda: faults.claimed_length(0x7FFFFFF8),
    "a time stamp of 1970": lambda: stamped(0),
    "a time stamp before 1970": lambda: stamped(-2**63),
    "a time stamp of next year": lambda: stamped(int(time.time()) + YEAR),
    "a time stamp at the end of time": lambda: stamped(2**63 - 1),
}
# What disturbs no renewal.
HARMLESS = [name for name in LIES if "time stamp" in name]


def works(rig):
    """The identity in use opens a connection and reads the device's own key."""
    world = rig.blocking()
    world.open(rig.agent.slots.identity())
    (found,) = world.call([("get", {"uid": rig.config["key_uid"]})])
    world.close()
    assert len(found.value) == 16, found


@pytest.fixture(params=["blocking", "asyncio"])
def how(rig, request):
    rig.awaited = request.param == "asyncio"
    yield
    rig.awaited = False


@pytest.mark.parametrize("what", LIES)
def test_a_lie_to_each_message(rig, how, what):
    number = list(LIES).index(what)
    turns = [(mode, skip) for mode in ("renew", "rotate") for skip in range(4)]
    for mode, skip in turns if agents.ALL else [(("renew", "rotate")[number % 2], number // 2 % 3)]:
        rig.boot(asynchronous="correlation" in what)
        rig.wish(mode)
        begun = time.monotonic()
        rig.server.faults.add(skip=skip, replace=LIES[what]())
        for _ in range(3):
            rig.step()
            # The volatile clock goes where the server's certificate lets it; the floor does not.
            assert rig.agent.clock.floor <= time.time()
            assert rig.agent.clock.floor <= rig.agent.clock.now()
        assert time.monotonic() - begun < 20
        rig.boot(asynchronous="correlation" in what)  # a reset in the middle of it
        rig.finish(orphans=2)
        assert rig.agent.clock.floor <= time.time()
        rig.server.faults.clear()
        told[what] = told.get(what, 0) + 1


@pytest.mark.parametrize("what", [name for name in LIES if name not in HARMLESS][:: 1 if agents.ALL else 2])
def test_nothing_but_lies(rig, how, what):
    # Every answer, for as long as the agent would wait between nine tries. (Where batches are lied about,
    # it asks one by one; and a certificate that is right is a renewal.)
    number = list(LIES).index(what) // 2
    for mode in ("renew", "rotate") if agents.ALL else (("rotate", "renew")[number % 2],):
        rig.boot(asynchronous="correlation" in what)
        rig.wish(mode)
        rig.server.faults.add(replace=LIES[what](), times=1000)
        for _ in range(9):
            rig.step()
        rig.server.faults.clear()
        works(rig)
        renewed = rig.agent.slots.using != rig.first
        rig.finish(needed=0 if renewed else 1, orphans=14)
        works(rig)
        told[what] = told.get(what, 0) + 1


@pytest.mark.parametrize("lied, newest", [(14, 14), (13, 12)])
def test_a_version_that_the_server_speaks_no_more(rig, monkeypatch, lied, newest):
    """It was agreed on, or lied about, and then the server has gone back to KMIP 1.2: nothing is for good."""
    def change(tree):
        (item,) = items(tree)
        item.find(T.RESPONSE_PAYLOAD).value = [ttlv.structure(
            T.PROTOCOL_VERSION, *(ttlv.integer(tag, value) for tag, value in zip(
                (T.PROTOCOL_VERSION_MAJOR, T.PROTOCOL_VERSION_MINOR), divmod(lied, 10), strict=True)))]

    options = rig.server.engine.options
    rig.world._config["version"] = rig.world.version = 0
    monkeypatch.setattr(options, "newest", newest)
    rig.server.faults.add(operation=Operation.DISCOVER_VERSIONS, replace=faults.edited(change))
    rig.world.open(rig.agent.slots.identity())
    assert rig.world.version == lied
    rig.world.close()
    monkeypatch.setattr(options, "newest", 12)
    rig.wish("renew")
    rig.finish()
    assert rig.world.version == 12


def test_what_was_told():
    # At the end, for `pytest -s`: that nothing was lost, the tests above say.
    print("agent: %d kinds of lies, in %d renewals; identities lost: 0" % (len(told), sum(told.values())))


# KiB, with the code from .mpy and the test's own, from source, in it
HEAP = {("unix32", "blocking"): 128, ("unix32", "asyncio"): 144, ("unix64", "asyncio"): 256}


@pytest.mark.parametrize("target, how", HEAP)
def test_on_a_port(tmp_path, target, how):
    """The agent as a meter runs it, on each port another third of the lies."""
    port = ports.open_port(target)
    lib = compile_firmware(tmp_path / "lib")
    init(tmp_path / "state", life=3600)
    config = provision(tmp_path / "state", agents.DEVICE, tmp_path / "meter", life=3000)
    with Server(tmp_path / "state") as server:
        config.update(port=server.port, timeout=3, version=14)
        (tmp_path / "meter" / "config.json").write_text(json.dumps(config))
        names = list(LIES) if agents.ALL else list(LIES)[list(HEAP).index((target, how)) :: 3]
        for number, name in enumerate(names):
            server.faults.add(skip=1 + number % 3, replace=LIES[name]())
        server.engine.options.life += 3600  # each certificate ends later than the one before
        renewals = 40 if agents.ALL else 7
        status, output = port.run(
            ["-X", "heapsize=%dk" % HEAP[target, how], PLAY, renewals, how], path=(lib,),
            cwd=tmp_path / "meter", timeout=280)
        left = len(server.faults._faults)
    assert not status, output
    found = [json.loads(line) for line in output.splitlines() if line.startswith("[")]
    assert len({uid for uid, _, _ in found}) == renewals and all(floor for _, _, floor in found)
    assert left == 0, left
    # Without the names: what is named for the first time takes another pool of some KB, once.
    names_take = [int(size) for size in re.findall(r"^qstr pool: .*n_total_bytes=(\d+)", output, re.M)]
    heaps = [heap - size for (_, heap, _), size in zip(found, names_take, strict=True)]
    assert heaps[-1] - heaps[1] < 1000, output
    print("agent on %s, %s, heap of %d KiB: %d lies to %d renewals; identities lost: 0" % (
        target, how, HEAP[target, how], len(names), renewals))
