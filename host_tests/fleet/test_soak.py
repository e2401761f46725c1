"""A short soak with a fault before each renewal, and what its judge must not overlook."""

import ports
import pytest

from tools.soak import __main__ as program
from tools.soak import judge, run


def sample(number, boot=1, free=65000, piece=26000, **more):
    return {"number": number, "boot": boot, "free": free, "piece": piece, "uid": "uid-%d" % number,
            "files": 12, "bytes": 11000, **more}


def test_a_short_soak(tmp_path):
    port = ports.open_port("unix32")
    shares = {"power cut": 20, "cut answer": 20, "lost answer": 20, "pending": 20, "rotation": 20}
    soak = run.Soak(port.path, tmp_path, 4, seed=7, shares=shares)
    soak.run()
    assert [each["number"] for each in soak.samples] == [1, 2, 3, 4]
    assert judge.faults(soak.samples, soak.starved, soak.heap) == []
    assert soak.faults.total() == 4 and "none" not in soak.faults
    assert 0 < soak.samples[-1]["piece"] <= soak.samples[-1]["free"] < soak.heap


def test_nothing_wrong():
    assert judge.faults([sample(n) for n in range(100)], [], 144064) == []


@pytest.mark.parametrize("samples, starved, text", [
    ([sample(n, free=65000 - 40 * n) for n in range(100)], [], "bytes of heap were lost"),
    ([sample(n, piece=26000 if n != 50 else 17000) for n in range(100)], [], "largest free piece"),
    ([sample(n, bytes=11000 + n) for n in range(100)], [], "files did not stay"),
    ([sample(n, uid="same") for n in range(100)], [], "in use for two renewals"),
    ([sample(n) for n in range(100)], ["report: ENOMEM"], "no memory"),
])
def test_what_is_wrong_is_found(samples, starved, text):
    found = judge.faults(samples, starved, 144064)
    assert len(found) == 1 and text in found[0]


def test_growth_is_looked_for_within_one_run():
    # After a power cut the heap is as empty as at the start: that hides nothing.
    samples = [sample(n, boot=n // 50, free=65000 - 100 * (n % 50)) for n in range(200)]
    assert len([line for line in judge.faults(samples, [], 144064) if "were lost" in line]) == 4


@pytest.mark.parametrize("count", ["0", "-3", "", "many"])
def test_bad_input_is_one_line(count, capsys):
    assert program.main(["--count=" + count]) == 2
    words = capsys.readouterr().err
    assert words.startswith("soak: ") and words.count("\n") == 1
