"""An emulated RP2040 on a desk: a provisioned device, its UART joined to a reference server by the bridge.

    with Desk(folder) as desk:
        print(desk.renew())
"""

import contextlib
import json
import time
from pathlib import Path

from ..deploy.__main__ import deploy
from ..deploy.board import Board
from ..provision import provision
from ..qemu import romfs
from ..refserver import Server, init
from ..steps import ROOT
from ..uartbridge import Bridge
from .build import TARGET
from .machine import Machine, Trouble

LIFE = 86400
_SLOW = 180  # seconds that the server waits: the board's seconds are about seven of ours
_RENEWING = ROOT / "host_tests" / "boards" / "renewing.py"
# The UART as the firmware wants it: it never blocks, and has room for what comes during arithmetic.
_UART = {"timeout": 0, "timeout_char": 0, "rxbuf": 1024}


class Desk:
    """`board` is the Machine, `server` the Server, `bridge` the Bridge, `device` the provisioned folder,
    `config` what provisioning gave, `free` the bytes of heap that were free at boot.

    folder      an empty one, for the server's state and the device's files
    bootstrap   whether the device has only a bootstrap identity, and is to enrol
    deployed    called with a line at a time, if `make deploy`'s way of putting it on the board is to be taken
    log         called with a line for each connection of the bridge
    options     the Machine's
    """

    def __init__(self, folder, name="meter-rp2040", bootstrap=False, deployed=None, log=None, **options):
        folder = Path(folder)
        init(folder / "state", life=LIFE)
        self.device = folder / name
        self.config = provision(folder / "state", name, self.device, life=LIFE // 2, bootstrap=bootstrap)
        self.server = Server(folder / "state", handshake_timeout=_SLOW, io_timeout=_SLOW)
        self._deployed = deployed
        self._log = log
        self._options = options

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.server)
            self.bridge = stack.enter_context(
                Bridge("listen:127.0.0.1:0", ("127.0.0.1", self.server.port), log=self._log))
            self.board = stack.enter_context(
                Machine(uart="127.0.0.1:%d" % self.bridge.address[1], **self._options))
            self.free = int(self.board.run("import gc; gc.collect(); print(gc.mem_free())"))
            if self._deployed:
                self._deploy()
            else:
                for path in sorted(self.device.rglob("*")):
                    if path.is_file():
                        self.board.put("/" + str(path.relative_to(self.device)), path.read_bytes())
            self.board.put("/renewing.mpy", romfs.modules(_RENEWING)["renewing.mpy"])
            self.set_clock()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self._stack.close()

    def _deploy(self):
        with Board("socket://127.0.0.1:%d" % self.board.port) as board:
            if not deploy(board, TARGET, self.device, stay=True, say=self._deployed):
                raise Trouble("the board's self-test has failed")
        self.board.attach()
        # The meter speaks over sockets, which this board has none of: here its agent runs by itself.
        self.board.run("open('/stop', 'w').close()")

    def set_clock(self):
        """The board's clock forgets with each reset: it starts in 2021."""
        now = time.gmtime()
        self.board.run("import machine; machine.RTC().datetime(%r)" % ((*now[:3], 0, *now[3:6], 0),))

    def code(self, **options):
        """What renews, or enrols, on the board: `options` go to renewing.main()."""
        return ("import renewing\nrenewing.main(log=print, device=%r, **%r)" % ("", {**_UART, **options}))

    def renew(self, timeout=400, **options):
        """Run that to its end: what the board prints, and the dict that comes last."""
        output = self.board.run(self.code(**options), timeout)
        found = [line for line in output.splitlines() if line.startswith("@")]
        if not found:
            raise Trouble(output)
        return output, json.loads(found[-1][1:])
