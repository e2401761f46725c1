"""`python -m tools.billing` and `python -m tools.provision --billing`: two processes and a meter."""

import json
import re
import signal
import subprocess
import sys

from ports import FIRMWARE, ROOT

from tools.billing import Billing
from tools.provision import main as provision
from tools.refserver import Server, init

DEVICE = "meter-0001"


def test_a_meter_reports_to_the_command(port, tmp_path):
    state, folder = tmp_path / "state", tmp_path / DEVICE
    init(state, life=6000)
    command = [sys.executable, "-m", "tools.billing", "--state", state, "--listen", "127.0.0.1:0"]
    billing = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        at = re.search(r":(\d+)", billing.stdout.readline())[1]
        more = tmp_path / "more.json"
        more.write_text(json.dumps({"report_every": 1, "port": 1}))
        with Server(state) as server:
            assert provision(["--state", str(state), "--device", DEVICE, "--out", str(folder), "--port",
                              str(server.port), "--billing", "127.0.0.1:" + at, "--config", str(more)]) == 0
            config = json.loads((folder / "config.json").read_text())
            assert config["port"] == server.port and config["report_every"] == 1
            script = "from meter.main import main; main(%r, 30)" % str(folder)
            meter = port.start(["-c", script], path=[FIRMWARE])
            try:
                line = billing.stdout.readline()
            finally:
                meter.kill()
                meter.wait()
                meter.stdout.close()
        assert re.fullmatch(r"meter-0001: report 1 of boot 1: \d+ Wh, under certificate [0-9A-F]+\n", line)
        billing.send_signal(signal.SIGTERM)
        assert billing.wait(20) == 0
    finally:
        billing.kill()
        billing.wait()
        billing.stdout.close()


def test_a_certificate_bears_the_name_that_is_asked_for(tmp_path):
    init(tmp_path / "state")
    with Server(tmp_path / "state") as server:
        made = []
        for name in ("localhost", "billing.example", "localhost", "billing.example"):
            with Billing(server.engine, name=name):
                made.append((tmp_path / "state" / "billing.crt").read_bytes())
    # One of localhost alone is of no use to billing.example; the one that bears both serves either.
    assert made[0] != made[1] and made[1] == made[2] == made[3]


def test_bad_input(tmp_path, capfd):
    def run(*args):
        return subprocess.run([sys.executable, "-m", "tools.billing", *map(str, args)], cwd=ROOT, text=True,
                              capture_output=True, timeout=60)

    done = run("--state", tmp_path / "none")
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1 and done.stderr.startswith("billing: ")
    assert "an address is HOST:PORT" in run("--state", tmp_path, "--listen", "8443").stderr
    bad = tmp_path / "bad.json"
    bad.write_text("[]")
    for path in (bad, tmp_path / "none.json"):
        try:
            provision(["--state", str(tmp_path), "--device", DEVICE, "--out", str(tmp_path / "d"), "--config",
                       str(path)])
        except SystemExit as ended:
            assert ended.code == 2
    told = capfd.readouterr().err
    assert "holds no structure" in told and "No such file" in told
