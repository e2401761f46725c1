"""A small fleet, whole; what its audit must not overlook; bad input."""

import re

import pytest

from tools.fleet import __main__ as program
from tools.fleet import audit, report
from tools.fleet.observed import Observed
from tools.fleet.run import Fleet

STATUS = {"mode": "", "certificate": "uid-1", "validity": (1000, 1060), "due": 1043}


def test_a_small_fleet(tmp_path):
    fleet = Fleet(12, tmp_path / "run", life=45)  # long enough for a busy machine
    (tmp_path / "run").mkdir()
    fleet.run()
    findings = audit.audit(fleet)
    assert all(finding.held for finding in findings), findings
    assert [what for _, what in fleet.marks] == [
        "meter CA rolled over", "servers' certificates from the new server CA",
        "key server killed", "key server back"]
    assert fleet.contended[0] == 150
    found = report.measures(fleet)
    assert found["renewals"] >= 24 and found["key_ms"] > 0
    page = report.page(fleet, findings, found, 5000)
    assert page.count("<svg") == 7 and "BROKEN" not in page and "nan" not in page

    # The same fleet, with something wrong: each has to be found.
    certificates, limits = audit._stored(fleet)
    device = fleet.meters[0].device
    assert audit._orphans(fleet, {**certificates, device: {**certificates[device], "more": None}},
                          _slots(fleet)).held is False
    total, remaining, allocations = limits[device]
    assert not audit._allocations(fleet, {**limits, device: (total, remaining, allocations - 1)}).held
    assert not audit._allocations(fleet, {**limits, device: (total, -1, allocations)}).held
    assert not audit._contended(fleet, (1053, 3, 149)).held
    forgotten = dict(list(certificates[device].items())[1:])
    assert not audit._recorded(
        fleet, {**certificates, device: forgotten}, {"reports": []}, _slots(fleet)).held
    fleet.life *= 4
    assert all(finding.held for finding in audit._identities(fleet, certificates))
    fleet.life //= 30
    assert not audit._identities(fleet, certificates)[0].held


def _slots(fleet):
    from identity.slots import Slots

    return {meter.device: Slots(str(fleet.top / meter.device / "slots")) for meter in fleet.meters}


@pytest.mark.parametrize("meters", ["0", "-1", "", "x", "1.5", "100000000"])
def test_bad_input_is_one_line(meters, capsys):
    assert program.main(["--meters=" + meters]) == 2
    words = capsys.readouterr().err
    assert words.startswith("fleet: ") and words.count("\n") == 1


def test_what_is_seen_of_a_meter():
    meter = Observed("meter", (1000, 1060))
    meter.note("start", STATUS)
    meter.log("renewal: KEYED, again in 7 s (offline: [Errno 111] ECONNREFUSED)")
    meter.log("renewal: KEYED -> ASKED (send)")
    assert [failure[1:] for failure in meter.failures] == [
        ("KEYED", 7, "offline: [Errno 111] ECONNREFUSED")]
    assert not meter.renewals
    meter.note("state", {**STATUS, "certificate": "uid-2", "validity": (1040, 1100), "due": 1083})
    assert len(meter.renewals) == 1 and meter.promoted == ["uid-1", "uid-2"]
    assert meter.dues == [(1043, 1040), (1083, 1080)]
    assert meter.late()  # long ago


def test_the_arithmetic():
    found = {"key_ms": 10.0, "handshakes": 300, "renewals": 100}
    text = "\n".join(report.arithmetic(found, 5000))
    assert "M / (2/3 N) = 0.48 a second" in text
    assert "M / W = 2778 a second, 56 cores" in text
    assert re.search(r"0\.82? %% of|0\.8 % of the third", text)
