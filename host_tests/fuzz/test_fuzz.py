"""Fuzzing, bounded: a little of what `make fuzz` does, and every input that once showed a bug."""

import os
import random
from pathlib import Path

import hostile
import minimal
import ports
import pytest
import replay
import rules
import seeds
from differ import Differences
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutate import Seed, ttlv

HERE = Path(__file__).parent
REGRESSIONS = sorted((HERE / "regressions").glob("*.hex"))


@pytest.fixture(autouse=True)
def elsewhere(tmp_path):
    rules.start()
    before = Path.cwd()
    os.chdir(tmp_path)  # for the files of `flash`
    yield
    os.chdir(before)


@pytest.fixture(scope="module")
def lib(tmp_path_factory):
    return replay.board(tmp_path_factory.mktemp("board"))


@pytest.mark.parametrize("name", rules.TARGETS)
def test_mutated(name):
    # Other inputs each time would be another test each time: that is what `make fuzz` is for.
    plan = seeds.Plan(name)
    r = random.Random("make test")
    for seed in plan.seeds:
        rules.quick(name, seed.choice + seed.data)
    outcomes = set()
    for number in range(300 + 40 * plan.share):
        data = plan.make(r)
        outcomes.add(rules.quick(name, data))
        if number % 100 == 0:
            rules.thorough(name, data, number)
    assert "accepted" in outcomes and len(outcomes) == 1 + bool(rules.TARGETS[name][1]), outcomes


def test_the_corpus():
    outcomes = {}
    for number, (name, data) in enumerate(minimal.corpus()):
        outcomes.setdefault(name, set()).add(rules.quick(name, data))
        if number % 10 == 0:
            rules.thorough(name, data, number)
    assert set(outcomes) == set(hostile.TARGETS)


def test_the_corpus_in_64_kib(lib):
    port = ports.open_port("unix32")
    inputs = [(name, data) for name, data in minimal.corpus() if hostile.fits(name, data)]
    inputs += [regression(path) for path in REGRESSIONS]
    assert not list(replay.differences(port.path, lib, inputs))


def test_a_difference_shows(lib):
    # A heap that is too small stands for a bug on the port.
    port = ports.open_port("unix32")
    inputs = [("answer", b"\0\0" + bytes(8)), ("answer", b"\0\0" + bytes(30000))]
    (found,) = replay.differences(port.path, lib, inputs)
    assert "MemoryError" in found[2]


def test_the_decoders_agree():
    differences = Differences()
    r = random.Random("make test")
    for name, count, whole in (("answer", 600, True), ("items", 1500, False), ("request", 500, False)):
        plan = seeds.Plan(name)
        for seed in plan.seeds:
            differences.look(name, seed.choice + seed.data, whole)
        for _ in range(count):
            differences.look(name, plan.make(r), whole)
    assert differences.unknown == {}
    assert all(count > 300 for count in differences.agreed.values()) and len(differences.agreed) == 2


def test_an_unlisted_difference_shows():
    differences = Differences()
    nested = b""
    for _ in range(20):
        nested = b"\x42\x00\x08\x01" + len(nested).to_bytes(4, "big") + nested
    differences._known = {}
    differences.look("items", b"\0\0" + nested)
    assert list(differences.unknown) == [("client and server", "nested too deep", "takes it")]


def regression(path):
    """(target, bytes) of a file: the target's name, a # line or more about it, hex."""
    name, *lines = path.read_text().split("\n")
    return name, bytes.fromhex("".join(line for line in lines if not line.startswith("#")))


@pytest.mark.parametrize("path", REGRESSIONS, ids=lambda path: path.stem)
def test_regression(path):
    name, data = regression(path)
    rules.quick(name, data)
    rules.thorough(name, data, 0)


# ---- what Hypothesis makes, which no seed has ----

LIMITS = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), database=None)
_HEADS = st.binary(min_size=2, max_size=2)
_TAGS = st.sampled_from((0x42007B, 0x42007A, 0x420069, 0x42006A, 0x42006B, 0x420092, 0x42000D, 0x42000F,
                         0x42005C, 0x42007F, 0x42007C, 0x420094, 0x420008, 0x42000A, 0x42000B, 0x540001))
_LEAVES = st.builds(
    lambda tag, kind, body: tag.to_bytes(3, "big") + bytes((kind,)) + len(body).to_bytes(4, "big") + body
    + bytes(-len(body) % 8),
    _TAGS, st.integers(0, 12), st.one_of(
        st.binary(max_size=20), st.integers(0, 0xFFFFFFFF).map(lambda n: n.to_bytes(4, "big")),
        st.integers(0, 3).map(lambda n: n.to_bytes(8, "big"))))
_ITEMS = st.recursive(_LEAVES, lambda inner: st.builds(
    lambda tag, subs: b"%b\1%b%b" % (
        tag.to_bytes(3, "big"), sum(map(len, subs)).to_bytes(4, "big"), b"".join(subs)),
    _TAGS, st.lists(inner, max_size=8)), max_leaves=40)


@LIMITS
@given(st.sampled_from(("answer", "items", "client", "request", "heard")), _HEADS, _ITEMS)
def test_any_shape(name, head, data):
    rules.quick(name, head + data)
    rules.thorough(name, head + data, len(data))


@LIMITS
@given(st.sampled_from(list(rules.TARGETS)), _HEADS, st.binary(max_size=400))
def test_any_bytes(name, head, data):
    rules.quick(name, head + data)


# ---- the tools ----


def test_mutations_reach_deep():
    # Most keep the lengths around them right, or nothing behind the first check would ever be tried.
    r = random.Random(1)
    plan = seeds.Plan("items")
    whole = 0
    for _ in range(1000):
        try:
            hostile.items(b"\x0c\0" + ttlv(r, r.choice(plan.seeds), plan.seeds))
            whole += 1
        except hostile.TTLVError:
            pass
    assert 300 < whole < 700


def test_a_run_is_its_seed():
    made = seeds.plans(["answer", "http", "flash"])
    first = list(seeds.block(made, "x", 7, 50))
    assert first == list(seeds.block(made, "x", 7, 50)) != list(seeds.block(made, "x", 8, 50))


def test_a_hang_a_slow_and_a_greedy_one_are_seen(monkeypatch):
    def spins(data, tail=b""):
        while True:
            pass

    def greedy(data, tail=b""):
        return bytes(int.from_bytes(data, "big"))

    def peeks(data, tail=b""):
        return (data + tail + b"\0")[len(data)]

    monkeypatch.setattr(rules, "SECONDS", 0.2)
    monkeypatch.setitem(rules.TARGETS, "der", (spins, ()))
    with pytest.raises(rules.Hang):
        rules.quick("der", b"")
    monkeypatch.setitem(rules.TARGETS, "der", (greedy, ()))
    with pytest.raises(hostile.Broken, match="bytes allocated"):
        rules.thorough("der", b"\1\0\0\0", 0)
    monkeypatch.setitem(hostile.TARGETS, "der", (peeks, ()))
    with pytest.raises(hostile.Broken, match="behind it"):
        rules.thorough("der", b"", 0)
    monkeypatch.setitem(rules.BOUNDS, "items", (10, 0, 10000, 10))
    with pytest.raises(hostile.Broken, match="lines"):
        rules.thorough("items", Seed((0, 0), b"").choice + seeds.vectors()[0][0], 0)
