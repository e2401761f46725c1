"""make bench compares like with like, and its checker fails where it should."""

import copy
import json

import ports
import pytest

from tools import readme
from tools.bench import bytecodes, cpython, goals, plot, pykmip, run, tables, wire

cases, timing = cpython.modules()
import growth  # noqa: E402 - of the board's folder, which modules() has put on the path
import plain  # noqa: E402

from kmip_lite.ttlv import Decoder, TTLVError  # noqa: E402

INDEXES = range(len(cases.NAMES))


# ---- the same messages ----


@pytest.mark.parametrize("index", INDEXES)
def test_every_version_writes_the_same_bytes(index):
    lite, values = cases.Lite(), cases.LiteValues()
    made = lite.written(lite.encoders()[index]())
    assert len(made) == run.sizes()[cases.NAMES[index]][0]
    assert values.written(values.encoders()[index]()) == made
    assert pykmip.write(pykmip.builders(cases)[index]()) == made
    for strict in (True, False):
        assert cases.plain_encoders(plain.Plain(strict, cases.BUFFER))[index]() == made


def test_every_version_reads_the_same_values():
    key, certificate, *uids = (read() for read in cases.LiteValues().decoders())
    found = [
        (key.object_type, key.format, key.algorithm, key.bits, key.value),
        (certificate.object_type, certificate.kind, certificate.value), *((uid,) for uid in uids)]
    assert found[0] == (2, 1, 3, 128, cases.KEY)
    assert found[1] == (1, 1, cases.CERTIFICATE)
    assert found[2:] == [(cases.UID,)] * 3
    for index, name in enumerate(cases.NAMES):
        assert pykmip.fields(name, pykmip.read(cases.ANSWERS[index])) == found[index]
        for strict in (True, False):
            read = cases.plain_decoders(plain.Plain(strict, cases.BUFFER))[index]()
            assert (read if isinstance(read, tuple) else (read,)) == found[index][1 if index < 2 else 0 :]


def test_what_runs_under_the_memory_law_reads_the_same():
    lite = cases.Lite()
    for index, read in enumerate(lite.decoders()):
        got, data = read(), cases.ANSWERS[index]
        value = {0: cases.KEY, 1: cases.CERTIFICATE}.get(index, cases.UID.encode())
        assert data[got.at : got.at + got.size] == value
    assert lite.key == cases.KEY


def verdict(function, *errors):
    """True, False for one of the errors, None where a text is not UTF-8 (which kmip_lite says when asked
    for the text)."""
    try:
        function()
    except UnicodeDecodeError:
        return None
    except errors:
        return False
    return True


@pytest.mark.parametrize("index", INDEXES)
def test_the_strict_plain_version_is_as_strict(index):
    good = cases.ANSWERS[index]
    rejected = 0
    for at in range(len(good)):
        for value in (0, 1, 2, 3, 5, 6, 7, 8, 9, 0x10, 0x54):
            bad = bytearray(good)
            bad[at] = value
            lite = verdict(lambda bad=bad: Decoder(bad).open(len(bad)), TTLVError)

            def decode(bad=bad):
                if len(plain._decode_strict(bytes(bad), 0, len(bad), 0)) != 1:
                    raise plain.Malformed("bytes behind the message")

            assert verdict(decode, plain.Malformed) in (lite, None), (at, value)
            rejected += not lite
    assert rejected > 500
    for end in range(0, len(good), 8):
        assert not verdict(lambda end=end: plain.Plain(True, 2048).answer(good[:end], 0x0A), plain.Malformed)


def test_the_strict_plain_version_wants_the_answer_to_what_was_sent():
    with pytest.raises(plain.Malformed, match="another operation"):
        plain.Plain(True, 2048).uid(cases.ANSWERS[2], 0x11)


# ---- growth ----


def linear(points):
    """Whether, the last two times that x doubles, the count does no more. One in a hundred is for an item
    more or less; n log n would come to 2.15 times."""
    found = dict(points)
    pairs = [(found[x], found[2 * x]) for x in sorted(found) if 2 * x in found][-2:]
    return all(twice <= 2.02 * once for once, twice in pairs)


@pytest.mark.parametrize("series", growth.SERIES, ids=lambda series: series[0])
def test_work_grows_no_faster_than_the_message(series):
    _, _, xs, make = series
    shared = growth.Buffers()
    counted = [(x, bytecodes.count(make(shared, x))[0]) for x in xs if x <= 32768]
    assert len(counted) > 5 and linear(counted), counted


def test_work_that_grows_faster_shows():
    def square(x):
        return lambda: [None for _ in range(x) for _ in range(x)]

    counted = [(x, bytecodes.count(square(x))[0]) for x in (4, 8, 16)]
    assert not linear(counted)
    assert linear([(x, bytecodes.count(lambda x=x: [None for _ in range(x)])[0]) for x in (4, 8, 16)])


def test_heap_does_not_grow_and_the_kept_sizes_are_right():
    ports.open_port("unix32")
    measured = {}
    for name, x, size, _, heap in run.on_port("unix32", "growth.py", rounds=1, span=1):
        measured.setdefault(name, []).append([x, size, heap])
    assert all(heap == 0 for points in measured.values() for _, _, heap in points)
    kept = tables.kept()["growth"]
    assert {name: [[x, size, heap] for x, size, _, heap in points]
            for name, points in kept.items()} == measured


def test_a_function_that_allocates_shows():
    ports.open_port("unix32")
    for name, way, _, (lite, strict, careless) in run.on_port("unix32", "speed.py", rounds=1, span=1):
        assert lite == 0, (name, way)
        assert strict > 500 and careless > 500


# ---- the checker ----


@pytest.fixture
def kept():
    return tables.kept()


def test_the_kept_figures_are_what_they_say(kept):
    assert goals.broken(kept) == []
    assert goals.stale(kept, kept) == []
    assert goals.settled(kept, kept) == kept
    assert json.loads(tables.text(kept)) == kept
    assert kept["sizes"] == run.sizes()
    assert readme.main(["--check"], readme.BENCH) == 0
    assert tables.PLOT.read_text() == plot.draw(kept["growth"])
    assert len(tables.PLOT.read_text()) < 10000


CHANGES = {
    "a message's size": (lambda new: new["sizes"]["certify"].__setitem__(0, 480), "sizes, certify"),
    "heap of the plain version": (
        lambda new: new["speed"]["unix32"]["certify"]["encode"]["heap"].__setitem__(1, 1), "heap, unix32"),
    "a point that is gone": (lambda new: new["growth"]["encode, batch"].pop(), "growth, encode, batch"),
    "a series that is gone": (lambda new: new["growth"].pop("encode, batch"), "growth, encode, batch"),
    "a round trip more": (lambda new: new["wire"][0].update(round_trips=99), "wire, enrol, round_trips"),
    "a connection more": (lambda new: new["wire"][0].update(tls=99), "wire, enrol, tls"),
    "a field more on the wire": (
        lambda new: new["wire"][3].update(sent=new["wire"][3]["sent"] + 24), "wire, renew, sent"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_stale_exact_figure_fails(kept, what):
    change, told = CHANGES[what]
    new = copy.deepcopy(kept)
    change(new)
    lines = goals.stale(kept, new)
    assert len(lines) == 1 and lines[0].startswith(told), lines
    settled = goals.settled(kept, new)  # and is written when not only checked
    assert goals.stale(settled, new) == []


def test_figures_that_nobody_kept_are_stale(kept):
    assert len(goals.stale({}, kept)) > 20
    assert goals.settled({}, kept) == kept


def test_noise_changes_nothing(kept):
    new = copy.deepcopy(kept)
    new["speed"]["cpython"]["certify"]["encode"]["pykmip"] = [
        kept["speed"]["cpython"]["certify"]["encode"]["pykmip"][0] * 1.08, 40]
    new["growth"]["encode, batch"][2][2] *= 0.9
    new["wire"][3]["tls_sent"] += 20
    assert goals.stale(kept, new) == []
    assert goals.settled(kept, new) == kept
    new["speed"]["cpython"]["certify"]["encode"]["pykmip"][0] *= 2
    new["growth"]["encode, batch"][2][2] *= 2
    new["wire"][3]["tls_sent"] += 200
    settled = goals.settled(kept, new)
    assert settled["speed"] != kept["speed"] and settled["growth"] == new["growth"]
    assert settled["wire"][3] == new["wire"][3]


def _slow(new):
    for messages in new["speed"].values():
        messages["recertify"]["decode"] = {
            key: value if key == "heap" else [0.1, 1]
            for key, value in messages["recertify"]["decode"].items()}


BREAKS = {
    "speed": (_slow, "decode: 0.1 times the speed"),
    "heap": (lambda new: new["speed"]["unix32"]["certify"]["encode"].update(heap=[16, 99]), "allocates 16"),
    "heap of a long message": (
        lambda new: new["growth"]["decode, batch"][-1].__setitem__(3, 32), "at 32 allocates 32"),
    "time": (lambda new: new["growth"]["decode, batch"][-1].__setitem__(2, 1e6), "the last doubling"),
    "connections": (lambda new: new["wire"][3].update(tls=3), "a renewal takes 3 connections"),
}


@pytest.mark.parametrize("what", BREAKS)
def test_a_missed_goal_fails(kept, what):
    change, told = BREAKS[what]
    new = copy.deepcopy(kept)
    change(new)
    assert any(told in line for line in goals.broken(new)), goals.broken(new)


def test_a_floor_that_could_be_raised_shows(kept):
    assert goals.low(kept["speed"]) == []
    new = copy.deepcopy(kept)
    for cells in new["speed"]["cpython"].values():
        cells["decode"]["pykmip"] = [14.0, 1]
    assert [line[:15] for line in goals.low(new["speed"])] == ["cpython, decode"]


def test_floors_are_no_lower_than_they_say(kept):
    for *_, goal, floor, why in goals.GOALS:
        assert floor <= goal
        assert why or floor >= 0.8 * goal, "a floor below the goal needs its reason"


def test_ratios():
    assert run.ratio([1.0, 2.0] * 8, [10.0, 20.0] * 8) == [10.0, 0]
    best, spread = run.ratio([1.0, 1.0, 1.0, 1.0], [8.0, 10.0, 12.0, 9.0])
    assert best == 8.0 and spread == 25


def test_times_are_per_call():
    fast, slow = timing.times([lambda: None, lambda: sum(range(2000))], 4, 200)
    assert len(fast) == len(slow) == 4
    assert min(slow) > 5 * min(fast)


def test_phases_have_titles(kept):
    assert [row["name"] for row in kept["wire"]] == [name for name, _ in wire.PHASES]
