"""The meter as it runs on a board, on the Unix ports: what must not stop it."""

import json
import time

import pytest
from ports import FIRMWARE

from tools.billing import Billing
from tools.provision import CONFIG, provision
from tools.refserver import Server, init

DEVICE = "meter-0001"
SCRIPT = "from meter.main import main; main(%r, %d)"
MOST = 90  # seconds for anything to happen


@pytest.fixture
def utility(tmp_path):
    """A key server, a billing end point, and the meter's folder, for a function that writes its config."""
    init(tmp_path / "state", life=600)

    def provisioned(server, billing, **config):
        path = tmp_path / DEVICE / CONFIG
        kept = json.loads(path.read_text())
        kept.update(
            port=server.port,
            billing={"host": "127.0.0.1", "port": billing.port, "name": "localhost", "path": "/reports"},
            **config)
        path.write_text(json.dumps(kept))
        return path.parent

    def provide(usage_total, life):
        config = provision(tmp_path / "state", DEVICE, tmp_path / DEVICE, life=life, usage_total=usage_total)
        return tmp_path / "state", {DEVICE: config["key_uid"]}

    return provide, provisioned


def output_until(port, text, program, **options):
    """What a meter's program prints up to a line with this text, or all that it prints."""
    process = port.start(["-c", program], path=[FIRMWARE], **options)
    lines = []
    try:
        for line in process.stdout:
            lines.append(line)
            if text in line:
                break
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    return "".join(lines)


def test_a_used_up_allocation_does_not_keep_a_certificate_on_trial(port, utility):
    provide, provisioned = utility
    state, keys = provide(usage_total=60, life=600)
    with Server(state) as server, Billing(server.engine, keys) as billing:
        folder = provisioned(
            server, billing, grant=50, report_every=1,
            renewal={"retry_first": 1, "window": 0, "max_age": 5})
        output = output_until(port, "TRIAL -> STABLE (proved)", SCRIPT % (str(folder), MOST))
    assert "no leave to use the key" in output
    assert "TRIAL -> STABLE (proved)" in output
    assert [report.wh is None for report in billing.reports][-1]
    assert len({report.certificate for report in billing.reports}) == 2


def test_a_meter_in_the_current_folder_starts_again(port, utility):
    provide, provisioned = utility
    state, keys = provide(usage_total=1000, life=600)
    with Server(state) as server, Billing(server.engine, keys) as billing:
        folder = provisioned(server, billing, report_every=1)
        # As on a board: the folder is the first place to look for modules, and nothing is configured.
        for boot in (1, 2):
            output = output_until(
                port, "report 1: status", "from meter.main import main; main(duration=%d)" % MOST, cwd=folder)
            assert billing.reports[-1].boot == boot and billing.reports[-1].wh is not None, output


def test_whatever_fails_the_meter_goes_on(port, utility):
    provide, provisioned = utility
    state, keys = provide(usage_total=10000, life=600)
    with Server(state) as server, Billing(server.engine, keys) as billing:
        folder = provisioned(server, billing, report_every=1)
        script = (
            "import meter.meter as m\n"
            "real, calls = m.seal, []\n"
            "def broken(*args):\n"
            "    calls.append(1)\n"
            "    if len(calls) == 2: raise MemoryError\n"
            "    if len(calls) == 3: raise KeyError('what nobody thought of')\n"
            "    return real(*args)\n"
            "m.seal = broken\n"
            + SCRIPT % (str(folder), MOST))
        output = output_until(port, "report 4: status", script)
    assert "report: MemoryError" in output and "report: KeyError" in output
    assert len(billing.reports) >= 2, output


def test_an_expired_identity_is_refused_with_a_cause(port, utility):
    provide, provisioned = utility
    state, keys = provide(usage_total=1000, life=1)
    time.sleep(2.1)
    with Server(state) as server, Billing(server.engine, keys) as billing:
        folder = provisioned(server, billing, report_every=1, renewal={"retry_first": 1})
        output = output_until(port, "the server refuses our certificate", SCRIPT % (str(folder), MOST))
    assert "the server refuses our certificate" in output
    assert not billing.reports


def test_a_meter_that_runs_for_some_seconds_ends(port, utility):
    provide, provisioned = utility
    state, keys = provide(usage_total=1000, life=600)
    with Server(state) as server, Billing(server.engine, keys) as billing:
        folder = provisioned(server, billing, report_every=1)
        status, output = port.run(["-c", SCRIPT % (str(folder), 2)], path=[FIRMWARE])
    assert status == 0, output

