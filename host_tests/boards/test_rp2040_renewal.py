"""A renewal on the RP2040's own image in rp2040js: mutual TLS over machine.UART at 115,200 baud, through the
bridge, against the reference server, slots on LittleFS; with resets, and with power that fails in a write."""

import json

import boardkit
import pytest

from tools.rp2 import figures, machine
from tools.rp2.desk import Desk


@pytest.fixture(scope="module", autouse=True)
def there():
    boardkit.or_skip(machine.why_missing())


def test_renewal(tmp_path):
    with Desk(tmp_path) as desk:
        found, output, done = figures.measure(desk)
        assert done["state"] == "STABLE" and done["uid"] != desk.config["cert_uid"], output
        assert (done["connections"], done["round_trips"]) == (2, 4)
        assert desk.bridge.connections == 2
    print(json.dumps(found))
    apart = figures.apart(figures.kept(), found)
    assert not apart, "run `python -m tools.rp2.figures --write` where that is meant:\n" + "\n".join(apart)


def test_a_reset_and_a_power_cut_in_the_middle(tmp_path):
    with Desk(tmp_path) as desk:
        board = desk.board
        # The answer to Re-certify has come, and nothing of it is on flash.
        board.start(desk.code(reset="recertify"))
        assert board.rebooted(400) == "watchdog"
        # The agent asks what became of it and stages the certificate. Power fails half-way through a page.
        desk.set_clock()
        board.cut(40)
        board.start(desk.code())
        assert board.rebooted(400) == "power cut"
        desk.set_clock()
        output, done = desk.renew()
        assert done["began_in"] != "STABLE" and done["state"] == "STABLE", output
        assert done["uid"] != desk.config["cert_uid"]
        # No second certificate was asked for.
        assert list(boardkit.replacements(desk.server, desk.config["cert_uid"])) == [done["uid"]]
        assert board.stats()["lost"] == 0
