"""The meter on MicroPython, from end to end, where the server makes it wait or changes its anchors."""

import pytest
from meterkit import DEVICE, Running, Utility
from waiting import wait_for

from tools.refserver.enums import Operation
from tools.refserver.pending_rows import SUCCEEDED


def requests_of(utility, operation):
    return [row for row in utility.server.engine.pending.requests(DEVICE) if row.operation == operation]


def test_a_renewal_that_waits_for_an_operator_outlives_a_reset(tmp_path):
    with Utility(tmp_path, renewal={"asynchronous": True}) as utility:
        utility.server.engine.pending.set(Operation.RE_CERTIFY, "approve demand")
        with Running(utility) as meter:
            first = utility.reported()
            meter.until("state", state="PENDING", mode="renew")
        assert len(requests_of(utility, Operation.RE_CERTIFY)) == 1
        with Running(utility) as meter:
            assert utility.reported(2) == first  # it goes on with what it has
            assert utility.server.engine.pending.approve(DEVICE) == 1
            meter.until("state", state="STABLE")
            wait_for(lambda: utility.reported() != first, "a report under the new certificate")
        first_request = requests_of(utility, Operation.RE_CERTIFY)[0]
        assert first_request.status == SUCCEEDED


def test_a_meter_of_1_1_learns_that_it_has_to_wait(tmp_path):
    # It offers nothing until Operation Not Supported says that it must.
    with Utility(tmp_path, config={"version": 11}) as utility:
        utility.server.engine.pending.set(Operation.RE_CERTIFY, "delay 1 demand")
        with Running(utility) as meter:
            meter.until("state", state="PENDING", mode="renew")
            meter.until("state", state="STABLE")


@pytest.mark.parametrize("after", ["stale", "stop", "pend"])
def test_whatever_becomes_of_the_get_behind_a_pending_item(tmp_path, after):
    # Register, Certify, Get in one message: "stale" has the Get give the Public Key.
    with Utility(tmp_path, renewal={"asynchronous": True, "rotate_after": 1}, after_pending=after) as utility:
        utility.server.engine.pending.set(Operation.CERTIFY, "delay 1")
        with Running(utility) as meter:
            meter.until("state", state="STABLE", mode="")
            meter.until("state", state="PENDING", mode="rotate")
            meter.until("state", state="STABLE", mode="")
            utility.reported()
        assert len(requests_of(utility, Operation.CERTIFY)) == 1
