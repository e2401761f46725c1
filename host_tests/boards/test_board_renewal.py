"""A whole renewal on an emulated board without an operating system: frozen code, a heap of 128 KiB, mutual
TLS over the UART, through the bridge, against the reference server; and resets in the middle of it."""

import json
import time

import boardkit
import pytest

from tools.provision import provision
from tools.qemu import romfs
from tools.refserver import Server, init
from tools.uartbridge import Bridge

HEAP = 128 << 10
PEAK = 80 << 10  # bytes of heap in use at most, waiting for bytes of TLS
LIFE = 86400


class Meter:
    """A provisioned device, the server it belongs to, and the files that its board gets."""

    def __init__(self, folder, name):
        init(folder / "state", life=LIFE)
        self.server = Server(folder / "state")
        self.device = folder / name
        self.config = provision(folder / "state", name, self.device, life=LIFE // 2)
        files = [path for path in self.device.iterdir() if path.is_file()]
        self.files = {"device/" + path.name: path.read_bytes() for path in files}
        self.files.update(romfs.modules(boardkit.HERE / "renewing.py"))


@pytest.fixture
def meter(tmp_path, target):
    return Meter(tmp_path, "meter-" + target.lower().replace("_", "-"))


def setting(target):
    return "import emulator; emulator.set_time(%d); emulator.seed(%d)" % (time.time(), len(target))


def test_renewal(target, meter):
    # Over a pseudo terminal, as over a serial device.
    with meter.server as server, boardkit.start(target, meter.files, uart="pty") as board, \
            Bridge(board.ptys[0], ("127.0.0.1", server.port)) as bridge:
        free = int(board.run("import gc; gc.collect(); print(gc.mem_free())"))
        board.run(setting(target))
        done = boardkit.result(board.run("import renewing; renewing.main(log=print)", timeout=120))
    assert done["state"] == "STABLE" and done["uid"] != meter.config["cert_uid"], done
    # Two connections: the version, what became of the certificate, Re-certify and Get; the proof.
    assert (done["connections"], done["round_trips"]) == (2, 4)
    assert bridge.connections == 2
    assert HEAP - 4096 < done["heap"] <= HEAP
    assert done["peak"] < PEAK
    print(json.dumps({"target": target, "free": free, **done, "sent": bridge.sent,
                      "received": bridge.received}))


@pytest.mark.parametrize("reset, began_in", [
    ({"reset": "recertify"}, "ASKED"),  # the answer has come and nothing of it is on flash
    ({"reset_in": "STAGED"}, "STAGED"),  # the new certificate is in its slot, and not yet verified
    ({"reset_in": "TRIAL"}, "TRIAL"),
])
def test_a_reset_in_the_middle(target, meter, reset, began_in):
    with meter.server as server, \
            Bridge("listen:127.0.0.1:0", ("127.0.0.1", server.port)) as bridge, \
            boardkit.start(target, meter.files, uart="tcp:127.0.0.1:%d" % bridge.address[1]) as board:
        board.run(setting(target))
        board.start("import renewing; renewing.main(**%r)" % reset)
        board.rebooted(timeout=120)
        board.run(boardkit.SET_UP + setting(target))
        output = board.run("import renewing; renewing.main(log=print)", timeout=120)
    done = boardkit.result(output)
    assert done["began_in"] == began_in, output
    assert done["state"] == "STABLE" and done["uid"] != meter.config["cert_uid"], output
    # No second certificate was asked for.
    assert list(boardkit.replacements(meter.server, meter.config["cert_uid"])) == [done["uid"]]


def test_the_store_leaves_the_packages_alone(target, meter):
    # A folder of a package's name at the root would hide the package that is frozen.
    with boardkit.start(target, meter.files) as board:
        board.run("from identity.slots import Slots\nSlots('/slots').commit()")
        board.start("import emulator; emulator.reset()")
        board.rebooted()
        board.run(boardkit.SET_UP + "import identity.slots, meter.meter, kmip_lite.uart")
