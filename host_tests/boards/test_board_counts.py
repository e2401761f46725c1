"""Instruction counts on the emulated boards: exactly repeatable, and held to what counts.json keeps."""

import pytest

from tools.qemu import counts
from tools.qemu.machine import Trouble


def test_counts_are_those_that_are_kept(target):
    apart = counts.apart(counts.kept()[target], counts.measure(target))
    assert not apart, "run `python -m tools.qemu.counts --write` where that is meant:\n" + "\n".join(apart)


def test_counts_repeat_exactly(target, monkeypatch):
    # A shorter run than all of it, twice: what the host does meanwhile makes no difference.
    monkeypatch.setattr(counts, "_RUN", counts._RUN.replace("counting.main()", SHORT))
    assert counts.measure(target) == counts.measure(target)


SHORT = """
from identity import p256, steps
counting.count("nothing", counting.nothing)
counting.count("sign", lambda: steps.run(p256.sign(b"k" * 32, b"d" * 32)))
counting.codecs(b"r" * 300, b"c" * 400)
print("@" + counting.json.dumps(counting.counted))
"""


def test_an_error_on_the_board_is_told(target, monkeypatch):
    monkeypatch.setattr(counts, "_RUN", "1 / 0")
    with pytest.raises(Trouble, match="ZeroDivisionError"):
        counts.measure(target)


def test_apart():
    old = {"a": 1000, "b": 1000, "c": 1000}
    assert counts.apart(old, old) == []
    assert counts.apart(old, {"a": 1020, "b": 980, "c": 1000}) == []
    lines = counts.apart(old, {"a": 1021, "b": 979, "d": 5})
    assert len(lines) == 4 and "a: 1021 instructions, and 1000 are kept (+2.1 %)" in lines


def test_table():
    text = counts.table({"QEMU_M0PLUS": {"x": 1234567}, "QEMU_M3": {"x": 12345}})
    assert text.splitlines()[-1] == "| x | 1,235 | 12.3 |"
