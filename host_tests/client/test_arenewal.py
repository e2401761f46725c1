"""A whole renewal and a rotation under asyncio, against the reference server and the billing end point,
with a server that takes its time, loses an answer, or whose answer is not waited for; and ticks meanwhile.

On CPython and on both Unix ports. The longest gaps between two ticks are printed at the end (pytest -s).
"""

import json

import arenew
import pytest
import test_aclient_tls as aclient

from tools.billing import Billing
from tools.provision import CONFIG, provision
from tools.refserver import Server, init
from tools.refserver.enums import Operation

DEVICE = "meter-0001"
ARITHMETIC_GAP = aclient.HANDSHAKE_GAP

runtime = aclient.runtime
told = aclient.told


class Utility:
    """The servers, and one meter that is provisioned on them."""

    def __init__(self, folder):
        init(folder / "state", life=3600)
        self.root = folder / "meter"
        self.config = provision(folder / "state", DEVICE, self.root, life=600, usage_total=1 << 20)
        self.server = Server(folder / "state")
        self.billing = Billing(self.server.engine, {DEVICE: self.config["key_uid"]})

    def __enter__(self):
        self.server.start()
        self.billing.__enter__()
        self.config.update(
            port=self.server.port, timeout=20, renewal={"retry_first": 1},
            billing={"host": "127.0.0.1", "port": self.billing.port, "name": "localhost", "path": "/reports"})
        (self.root / CONFIG).write_text(json.dumps(self.config))
        return self

    def __exit__(self, *exc):
        self.billing.__exit__(*exc)
        self.server.stop()

    def objects(self):
        """How many objects the device has on the server."""
        with self.server.engine.store.transaction(write=False) as transaction:
            return len(transaction.uids_of(DEVICE))

    def run(self, runtime, modes, **more):
        """The jobs of the agent, none of which held up the ticks; and what is told at the end."""
        job = {"root": str(self.root), "modes": modes, **more}
        # Of source, which is compiled in that heap whenever the agent loads what it needs for moments.
        heap = "heapsize=512k" if runtime.name == "unix64" else "heapsize=384k"
        *jobs, end = runtime.run(job, "-X", heap, script=arenew)
        assert end["files"] == 0 and not end["alarm"], end
        for result in jobs:
            name = runtime.name, "a job of the agent, begun as " + result["was"]
            aclient.gaps[name] = max(aclient.gaps.get(name, 0), result["gap"])
            assert result["gap"] < ARITHMETIC_GAP, result
        return jobs, end


@pytest.fixture
def utility(tmp_path):
    with Utility(tmp_path) as made:
        yield made


def states(jobs):
    return [result["state"] for result in jobs]


def test_renewal_and_rotation(runtime, utility):
    jobs, _ = utility.run(runtime, ["renew", "rotate"])
    assert [state for state in states(jobs) if state == "STABLE"] == ["STABLE"] * 2, states(jobs)
    renewed, rotated = [report.certificate for report in utility.billing.reports]  # each proved by one
    assert renewed.serial_number != rotated.serial_number
    assert renewed.public_key() != rotated.public_key()
    assert utility.objects() == 3 + 1 + 2


def test_with_a_slow_server(runtime, utility):
    utility.server.faults.add(delay=1, times=100)
    jobs, _ = utility.run(runtime, ["renew"])
    assert len([result for result in jobs if result["seconds"] > 1 and result["ticks"] > 20]) >= 2, jobs
    assert utility.objects() == 4


def test_an_answer_that_is_lost(runtime, utility):
    utility.server.faults.add(operation=Operation.RE_CERTIFY, close=True)
    jobs, _ = utility.run(runtime, ["renew"])
    assert "ASKED" in states(jobs)
    assert utility.objects() == 4  # and none was made twice


@pytest.mark.parametrize("mode, begun, operation, more", [
    ("renew", "STABLE", Operation.RE_CERTIFY, 1),
    ("rotate", "KEYED", Operation.CERTIFY, 2),
])
def test_cancelled_while_it_asks(runtime, utility, mode, begun, operation, more):
    utility.server.faults.add(operation=operation, delay=6)
    jobs, _ = utility.run(runtime, [mode], cancel={begun: 3})
    cancelled = [result for result in jobs if result.get("error") == "CancelledError"]
    assert [result["state"] for result in cancelled] == ["ASKED"], jobs
    assert utility.objects() == 3 + more  # the search finds what was made, and asks for no other
