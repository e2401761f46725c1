"""The meter starts by itself, on both Unix ports, with a board.py that prints what is done to it."""

import itertools
import json
import re
import shutil
import signal
import threading

import pytest
from ports import FIRMWARE, ROOT

from tools import bytecode
from tools.billing import Billing
from tools.provision import CONFIG, provision
from tools.refserver import Server, init

DEVICE = "meter-0001"
ONBOARD = ROOT / "host_tests" / "meter" / "onboard"
CODE = ("from meter.start import start\nstart(%r)\nimport meter, json\n"
        "print('@status ' + json.dumps(meter.status()))")


# A minute of start.py's is a second here.
FAST = ("import time\nfrom meter import start as module\nclass Fast:\n  pass\nFast.time = time.time\n"
        "Fast.gmtime = time.gmtime\nFast.sleep = lambda seconds: time.sleep_ms(10 * seconds)\n"
        "module.time = Fast\n")


class Board:
    """A meter started from power on; lines are read as they come."""

    def __init__(self, port, folder, code=FIRMWARE, options=(), program=CODE):
        self.process = port.start([*options, "-c", program % str(folder)], path=[code, ONBOARD])
        self.seen = []

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def line(self, pattern, seconds=120):
        """The next line in which the pattern is found."""
        timer = threading.Timer(seconds, self.process.kill)
        timer.start()
        try:
            for line in self.process.stdout:
                self.seen.append(line.rstrip())
                found = re.search(pattern, line)
                if found:
                    return found
        finally:
            timer.cancel()
        raise AssertionError("not in %d s: %s: %s" % (seconds, pattern, self.seen[-20:]))

    def stop(self):
        self.process.send_signal(signal.SIGINT)


@pytest.fixture(scope="module")
def utility(tmp_path_factory):
    """A key server, a billing end point, and the folder of a device."""
    base = tmp_path_factory.mktemp("utility")
    state, folder = base / "state", base / DEVICE
    init(state, life=6000)
    config = provision(state, DEVICE, folder, usage_total=100000)
    with Server(state) as server, Billing(server.engine, {DEVICE: config["key_uid"]}) as billing:
        config.update(
            port=server.port, report_every=1, timeout=10,
            billing={"host": "127.0.0.1", "port": billing.port, "name": "localhost", "path": "/reports"})
        (folder / CONFIG).write_text(json.dumps(config))
        yield folder, billing


@pytest.fixture
def folder(utility, tmp_path):
    """A copy of the device's folder, as it was provisioned."""
    return shutil.copytree(utility[0], tmp_path / DEVICE)


def test_from_power_on_to_a_report_and_stopped(port, utility, folder):
    with Board(port, folder) as board:
        board.line("^start: the meter starts in 2 s")
        board.line("^@led 1")
        board.line("^@led 0")
        board.line("^@watchdog 8000")
        board.line(r"report \d+: status")
        board.line("^@fed$")
        board.stop()
        board.line("^@fed at the REPL")
        board.line("^start: stopped")
        status = json.loads(board.line("^@status (.*)")[1])
    assert status["state"] == "STABLE" and status["reports"] >= 1 and status["allocation"] > 0
    assert status["error"] == "" and status["slot"] in (0, 1) and not status["alarm"]
    # Nothing that is worth keeping.
    key = (folder / "key.der").read_bytes().hex()
    assert not any(key[at : at + 16] in line for line in board.seen for at in range(0, len(key) - 16, 16))


def test_the_led_tells_how_it_does(port, folder):
    with Board(port, folder) as board:
        board.line("^@watchdog")
        board.line(r"report \d+: status")
        ons = [int(board.line(r"^@led 1 (\d+)")[1]) for _ in range(4)]
    pauses = [b - a for a, b in itertools.pairwise(ons)]
    assert max(pauses) > 1900  # one flash, then two seconds


def test_a_missing_network_stops_no_metering(port, folder):
    config = json.loads((folder / CONFIG).read_text())
    config["port"] = config["billing"]["port"] = 1
    (folder / CONFIG).write_text(json.dumps(config))
    with Board(port, folder) as board:
        board.line("no report: .*(ECONNREFUSED|111|connect)")
        for _ in range(3):
            board.line("^@fed$")
        board.stop()
        status = json.loads(board.line("^@status (.*)")[1])
    assert status["state"] == "STABLE" and "no report" in status["error"]


NETWORK = """
import board
class Net:
  looks = 0
  def connected(self):
    self.looks += 1
    return self.looks > LOOKS
  async def keep(self):
    pass
board.network = lambda config, log: Net()
"""


def test_the_first_report_waits_for_the_network(port, folder):
    changed(report_every=900)(folder)
    with Board(port, folder, program=NETWORK.replace("LOOKS", "6") + CODE) as board:
        board.line("^@fed$")
        board.line(r"report \d+: status")
    assert not any("no report" in line for line in board.seen)


def test_without_a_network_nothing_is_looked_up(port, folder):
    program = NETWORK.replace("LOOKS", "1 << 20") + (
        "async def none(*_): print('@looked up')\nboard.line = lambda config: none\n")
    source = (folder.parent / "firmware" / "meter")
    shutil.copytree(FIRMWARE, source.parent)
    path = source / "start.py"
    path.write_text(path.read_text().replace("_PATIENCE = const(30)", "_PATIENCE = const(2)"))
    with Board(port, folder, source.parent, program=program + CODE) as board:
        board.line("no report: .*no network")
        for _ in range(3):
            board.line("^@fed$")
    assert not any("looked up" in line for line in board.seen)


@pytest.mark.parametrize("where", ["_starved", "_faults"])
def test_no_memory_even_to_tell_ends_in_a_reset(port, folder, where):
    program = FAST + (
        "def none(*_): raise MemoryError('none')\nmodule.%s = module._note = none\n" % where) + CODE
    with Board(port, folder, program=program) as board:
        board.line("^start: no memory to tell")
        board.line("^@reset")


def test_ctrl_c_in_the_minute_before_a_reset_keeps_the_watchdog_fed(port, folder):
    program = "import asyncio\ndef none(_): raise ValueError('ended')\nasyncio.run = none\n" + CODE
    with Board(port, folder, program=program) as board:
        board.line("^start: the board starts anew in 60 s")
        board.line("^@fed$")
        board.stop()
        board.line("^@fed at the REPL")
        board.line("^start: stopped")
        board.line("^@status {.*STABLE")


def test_a_task_that_ends_ends_in_a_reset(port, folder):
    program = FAST + ("from meter.register import Register\n"
                      "def none(self): raise ValueError('register')\nRegister.read = none\n") + CODE
    with Board(port, folder, program=program) as board:
        board.line("^start: the board starts anew in 60 s")
        board.line("^@reset")
    assert "a task has ended" in (folder / "crash.txt").read_text()


def test_no_watchdog_where_none_is_wanted(port, folder):
    config = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps(dict(config, watchdog=0)))
    with Board(port, folder) as board:
        board.line(r"report \d+: status")
    assert not any("watchdog" in line or "@fed" in line for line in board.seen)


def test_a_file_keeps_it_from_starting(port, folder):
    (folder / "stop").write_text("")
    with Board(port, folder) as board:
        board.line("^start: there is a file `stop`")
        assert board.line("^@status (.*)")[1] == "{}"


def test_ctrl_c_keeps_it_from_starting(port, folder):
    with Board(port, folder) as board:
        board.line("^@led 1")
        board.stop()
        board.line("^start: stopped")
        assert board.line("^@status (.*)")[1] == "{}"


def changed(**keys):
    def change(folder):
        config = json.loads((folder / CONFIG).read_text())
        for key, value in keys.items():
            if value is None:
                del config[key]
            else:
                config[key] = value
        (folder / CONFIG).write_text(json.dumps(config))
    return change


FAULTS = (
    ("config", lambda f: (f / CONFIG).unlink(), "there is no config.json"),
    ("json", lambda f: (f / CONFIG).write_text('device: meter'), "config.json is not JSON"),
    ("list", lambda f: (f / CONFIG).write_text("[]"), "config.json is no structure"),
    ("key", changed(host=None), "config.json lacks host"),
    ("inner", changed(billing={"host": "h", "port": 1, "name": "n"}), r"config.json lacks billing\.path"),
    ("type", changed(port="5696"), "config.json: port is of the wrong type"),
    ("structure", changed(billing=[]), "config.json: billing is of the wrong type"),
    ("port", changed(port=70000), "config.json: port is not from 1 to 65535"),
    ("never", changed(report_every=-1), "config.json: report_every is not from 0 to 500000"),
    ("month", changed(report_every=2592000), "config.json: report_every is not from 0 to 500000"),
    ("timeout", changed(timeout=0), "config.json: timeout is not from 1 to 300"),
    ("buffer", changed(buffer=10), "config.json: buffer is not from 512 to 65536"),
    ("watchdog", changed(watchdog=1), "config.json: watchdog is not from 5 to 3600"),
    ("bool", changed(port=True), "config.json: port is of the wrong type"),
    ("listen", changed(listen={"port": 0}), r"config.json: listen\.port is not from 1 to 65535"),
    ("renewal", changed(renewal={"windows": 60}), "config.json: renewal has no windows"),
    ("span", changed(renewal={"window": "60"}), r"config.json: renewal\.window is of the wrong type"),
    ("anchors", changed(server_anchors=[]), "config.json: server_anchors are one or two files"),
    ("named", changed(issuers=["a.der"]), r"there is no a\.der"),
    ("unit", changed(usage_unit="kWh"), "config.json: usage_unit is neither byte nor object"),
    ("uid", changed(cert_uid=None), "config.json lacks cert_uid"),
    ("null", lambda f: (f / CONFIG).write_text(json.dumps(dict(
        json.loads((f / CONFIG).read_text()), timeout=None))), "config.json: timeout is of the wrong type"),
    ("anchor", lambda f: (f / "server_ca.der").unlink(), r"there is no server_ca\.der"),
    ("identity", lambda f: (f / "key.der").unlink(), r"there is no key\.der"),
    ("wifi", changed(wifi={"password": "p"}), r"config.json lacks wifi\.ssid"),
)


@pytest.mark.parametrize(("spoil", "says"), [fault[1:] for fault in FAULTS], ids=[f[0] for f in FAULTS])
def test_what_keeps_it_from_starting_is_told_in_a_line(port, folder, spoil, says):
    spoil(folder)
    with Board(port, folder) as board:
        board.line("^start: cannot start: " + says)
        board.stop()
        board.line("^start: stopped", 30)  # Ctrl-C leads to the REPL all the same
    assert len([line for line in board.seen if "cannot start" in line]) == 1
    assert not any("Traceback" in line for line in board.seen)


def test_too_small_a_heap(port, folder):
    # The meter's code alone fits, a TLS connection beside it does not.
    heap = "100k" if port.target == "unix32" else "160k"
    code = bytecode.compile_firmware(folder.parent / "mpy")
    with Board(port, folder, code, ["-X", "heapsize=" + heap]) as board:
        board.line("^(start: cannot start: the heap is too small|main: .* cannot load|MemoryError)")


@pytest.mark.parametrize(("mistake", "told"), [
    ("import radio", "ImportError"), ("LED = Pin(25)", "NameError"), ("def led(on", "SyntaxError")])
def test_a_board_py_with_a_mistake(port, folder, mistake, told):
    (folder / "board.py").write_text(mistake + "\n")
    ahead = "import sys\nsys.path.insert(0, %r)\n" % str(folder)
    with Board(port, folder, program=ahead + CODE) as board:
        board.line(r"^start: board\.py cannot be loaded: .*%s.*make deploy" % told)
        board.line("^@status ", 30)  # and the REPL is there


def of_another_version(path):
    """Have an .mpy file say that it is of version 5."""
    code = bytearray(path.read_bytes())
    code[1] = 5
    path.write_bytes(code)


def test_bytecode_of_another_version(port, folder):
    code = bytecode.compile_firmware(folder.parent / "mpy")
    of_another_version(code / "identity" / "csr.mpy")
    with Board(port, folder, code) as board:
        board.line(r"^start: cannot start: identity\.jobs cannot be loaded: .*incompatible \.mpy file|"
                   r"^start: cannot start: identity\.csr cannot be loaded: incompatible \.mpy file")


def test_bytecode_of_another_version_at_the_door(port, folder):
    code = bytecode.compile_firmware(folder.parent / "mpy")
    of_another_version(code / "meter" / "start.mpy")
    shutil.copy(FIRMWARE / "main.py", folder)
    status, output = port.run(["main.py"], path=[code, ONBOARD], cwd=folder)
    assert status == 0 and len(output.splitlines()) == 1
    assert "cannot load the meter: incompatible .mpy file; copy it again" in output


DISK = """
import vfs
class Disk:
    def __init__(self):
        self.data = bytearray(4096 * BLOCKS)
    def readblocks(self, block, buf, at=0):
        at += 4096 * block
        buf[:] = self.data[at : at + len(buf)]
    def writeblocks(self, block, buf, at=0):
        at += 4096 * block
        self.data[at : at + len(buf)] = buf
    def ioctl(self, request, argument):
        return {4: BLOCKS, 5: 4096}.get(request, 0)
disk = Disk()
vfs.VfsLfs2.mkfs(disk)
vfs.mount(vfs.VfsLfs2(disk), "/disk", readonly=READONLY)
from meter import checks
print(checks._storage("/disk"))
"""


@pytest.mark.parametrize(("blocks", "readonly", "says"), [
    (16, False, "None"),
    (8, False, "the file system is full: 24576 bytes left of 32768 that are needed"),
    (16, True, "the file system cannot be written: .*(EROFS|30)"),
])
def test_a_file_system_that_is_full_or_cannot_be_written(port, blocks, readonly, says):
    program = DISK.replace("BLOCKS", str(blocks)).replace("READONLY", str(readonly))
    status, output = port.run(["-c", program], path=[FIRMWARE])
    assert status == 0 and re.fullmatch(says, output.strip()), output


def test_a_file_that_cannot_be_written(port, folder):
    (folder / "check").mkdir()
    with Board(port, folder) as board:
        board.line("^start: cannot start: the file system cannot be written")


def test_a_meter_that_ends_is_noted_and_the_board_reset(port, folder):
    # The ledger's folder is a file: the meter cannot be made.
    (folder / "ledger0").write_text("")
    program = FAST + CODE
    with Board(port, folder, program=program) as board:
        board.line("^start: the board starts anew in 60 s")
        board.line("^@reset")
    note = (folder / "crash.txt").read_text()
    assert "Traceback" in note and "OSError" in note and len(note) <= 800


def test_no_memory_for_tls_again_and_again_ends_in_a_reset(port, folder):
    changed(report_every=0)(folder)
    program = ("import board\nasync def none(*_):\n  raise MemoryError('none')\n"
               "board.line = lambda config: none\n" + FAST + CODE)
    with Board(port, folder, program=program) as board:
        board.line("^start: the board starts anew in 60 s")
        board.line("^@reset")
    assert "MemoryError: no memory for TLS" in (folder / "crash.txt").read_text()
    assert len([line for line in board.seen if re.search("(no report|MemoryError): none", line)]) >= 29


def test_a_clock_that_was_never_set_is_told_and_lived_with(port, folder):
    program = "from meter import checks; print(checks.look(%r, 100))" % str(folder)
    status, output = port.run(["-c", program], path=[FIRMWARE])
    assert status == 0 and output.splitlines() == [
        "checks: the clock is not set; it goes on from the last certificate until a server tells", "[]"]


def test_notes_are_bounded(port, folder):
    program = ("from meter.start import _note\nfor n in range(100):\n  try:\n    raise ValueError(n)\n"
               "  except ValueError as error:\n    _note(%r, error)\n")
    status, output = port.run(["-c", program % str(folder)], path=[FIRMWARE, ONBOARD])
    assert status == 0, output
    note = (folder / "crash.txt").read_text()
    assert len(note) < 5000 and "ValueError: 99" in note
