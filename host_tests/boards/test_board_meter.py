"""The whole meter on the emulated RP2040, started as on a board, by what main.py calls: watchdog, LED, and
reports to the billing end point, all over one UART."""

import json
import re
import time

import boardkit
import pytest

from tools.billing import Billing
from tools.deploy.__main__ import wanted
from tools.provision import provision
from tools.refserver import Server, init
from tools.rp2.machine import Machine, why_missing
from tools.uartbridge import Bridge

DEVICE = "meter-0001"
SLOW = 180  # seconds that the servers wait: the board's are about seven of ours, more on a busy machine
LIMIT = 400


@pytest.fixture
def utility(tmp_path):
    """(billing end point, the bridge to it and to the key server, the device's folder)."""
    boardkit.or_skip(why_missing())
    state, folder = tmp_path / "state", tmp_path / DEVICE
    init(state, life=86400)
    with Server(state, handshake_timeout=SLOW, io_timeout=SLOW) as server:
        config = provision(state, DEVICE, folder, usage_total=100000, billing=("billing", ("", 1)), more={
            "line": {"uart": 1}, "report_every": 5, "timeout": 30,
            "renewal": {"retry_first": 1, "window": 0}})
        with Billing(server.engine, {DEVICE: config["key_uid"]}, name="billing", timeout=SLOW) as billing, \
                Bridge("listen:127.0.0.1:0", {"localhost": ("127.0.0.1", server.port),
                                              "billing": ("127.0.0.1", billing.port)}) as bridge:
            yield billing, bridge, folder


def test_from_power_on_to_a_report(utility):
    billing, bridge, folder = utility
    with Machine(uart="127.0.0.1:%d" % bridge.address[1]) as board:
        for path, data in wanted("RP2040", True, folder).items():
            board.put(path, data)
        now = time.gmtime()
        board.run("import machine\nmachine.RTC().datetime(%r)" % ((*now[:3], 0, *now[3:6], 0),))
        seen = []
        for line in board.follow("import meter.start\nmeter.start.start()", LIMIT):
            seen.append(line)
            if re.search(r"report \d+: status", line):
                break
        else:
            raise AssertionError(seen)
        board.enter()
        status = json.loads(board.run("import json, meter\nprint(json.dumps(meter.status()))"))
    assert billing.reports and billing.reports[0].device == DEVICE, (seen, billing.refused)
    assert status["state"] == "STABLE" and status["slot"] in (0, 1) and status["reports"] >= 1
    assert status["free"] > 100000
    assert any("the meter starts in 2 s" in line for line in seen)
