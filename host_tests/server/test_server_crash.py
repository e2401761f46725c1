"""kill -9 in the middle of an operation, at every step and at random times: nothing is answered that is not
recorded, nothing granted that is not counted, and the store is whole. The long run: ARGS="-m long"."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from serverkit import ROOT, Wire, der_to_pem
from test_server_store import serve

from tools.provision import provision
from tools.refserver import Engine, direct, init, ttlv
from tools.refserver.check import check
from tools.refserver.enums import Operation
from tools.refserver.errors import KmipError
from tools.refserver.tags import Tag as T

TOTAL = 1 << 40


def crash(folder, operation, *how):
    init(folder / "state", life=600)
    provision(folder / "state", "meter-0001", folder / "meter-0001", usage_total=TOTAL)
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("crashing.py"), folder / "state",
         folder / "meter-0001" / "config.json", operation, *map(str, how)],
        cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    print(done.stdout)
    return json.loads(done.stdout)


def test_killed_at_every_step_of_get_usage_allocation(tmp_path):
    found = crash(tmp_path, "GET_USAGE_ALLOCATION", "steps")
    assert found["kills"] > 10
    assert found["unanswered but counted"] > 0  # killed between the commit and the answer
    assert found["granted"] < found["counted"] == found["granted"] + 7 * found["unanswered but counted"]


def test_killed_at_every_step_of_certify(tmp_path):
    found = crash(tmp_path, "CERTIFY", "steps")
    assert found["kills"] > 40
    assert found["sent"] + found["unanswered but counted"] == found["recorded"] < found["signed"]


@pytest.mark.parametrize("operation", ["GET_USAGE_ALLOCATION", "CERTIFY"])
@pytest.mark.parametrize("folders", [1, pytest.param(40, marks=pytest.mark.long)])
def test_killed_at_random_times(tmp_path, operation, folders):
    for number in range(folders):  # each look at a store takes longer the more is in it
        found = crash(tmp_path / str(number), operation, "times", 25, number)
        assert found["kills"] > 5
        assert found["granted"] <= found["counted"] and found["sent"] <= found["recorded"]


class Client(threading.Thread):
    """Takes allocations, or renews over and over, until the server is gone; what it was answered."""

    def __init__(self, port, files, uid, renews):
        super().__init__(daemon=True)
        self.port, self.files, self.uid, self.renews = port, files, uid, renews
        self.answered = []
        self.asked = 0

    def run(self):
        uid = self.uid
        try:
            with Wire(self.port, self.files) as wire:
                while True:
                    self.asked += 1
                    if self.renews:
                        item = wire.call(Operation.RE_CERTIFY, ttlv.text(T.UNIQUE_IDENTIFIER, uid))
                        uid = direct.payload_of(item).find(T.UNIQUE_IDENTIFIER).value
                        self.answered.append(uid)
                    else:
                        direct.payload_of(wire.call(
                            Operation.GET_USAGE_ALLOCATION, ttlv.text(T.UNIQUE_IDENTIFIER, uid),
                            ttlv.long_integer(T.USAGE_LIMITS_COUNT, 7)))
                        self.answered.append(7)
        except (OSError, ttlv.TTLVError, AttributeError):
            pass  # the server is dead, perhaps in the middle of its answer


@pytest.mark.parametrize("rounds", [3, pytest.param(100, marks=pytest.mark.long)])
def test_a_server_killed_under_load(tmp_path, rounds):
    """Over TLS: six takers of one key's allocation, and a meter that renews."""
    state, folder = tmp_path / "state", tmp_path / "meter"
    init(state, life=600)
    config = provision(state, "meter-0001", folder, usage_total=TOTAL)
    files = der_to_pem(folder)
    newest, used, kills = config["cert_uid"], 0, 0
    rng = random.Random(11)
    for _ in range(rounds):
        process, port = serve(state, tmp_path)
        clients = [Client(port, files, config["key_uid"], False) for _ in range(6)]
        clients.append(Client(port, files, newest, True))
        for client in clients:
            client.start()
        time.sleep(rng.uniform(0.1, 1.5))
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        for client in clients:
            client.join(20)
            assert not client.is_alive()
        kills += 1
        engine = Engine(state)
        assert check(engine.store)
        with engine.store.transaction(write=False) as txn:
            counted = TOTAL - txn.limits(config["key_uid"])[1] - used
            granted = sum(map(sum, (client.answered for client in clients[:-1])))
            assert granted <= counted <= granted + 7 * 6 and counted % 7 == 0
            used += counted
            for uid in clients[-1].answered:
                assert txn.load(newest).links(0x106) == [uid]
                newest = uid
            more = txn.load(newest).links(0x106)  # made, and the answer lost
            newest = more[0] if more else newest
            assert txn.load(newest).links(0x106) == []
        engine.close()
    print("%d kills, %d units counted" % (kills, used))
    with pytest.raises(KmipError):  # and what is left is what it says
        engine = Engine(state)
        caller = direct.Direct(engine, engine.identify("meter-0001"))
        caller.call(Operation.GET_USAGE_ALLOCATION, ttlv.text(T.UNIQUE_IDENTIFIER, config["key_uid"]),
                    ttlv.long_integer(T.USAGE_LIMITS_COUNT, TOTAL - used + 1))
