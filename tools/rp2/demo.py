"""From an empty RP2040 to a renewed certificate, without hardware: `make board-demo`.

Makes the image, starts it in the emulator, starts the reference server and joins it to the board's UART.
`make deploy` puts a bootstrap identity onto the board and nothing else: it makes its own key and enrols; it
begins to renew, and power fails in the middle of a write; it goes on and renews. Ends with what that took;
the exit status is not 0 if any step did not happen.
"""

import argparse
import json
import re
import sys
import tempfile
import time

from cryptography import x509
from rich.console import Console

from .. import steps
from ..demo import Story, table
from ..steps import Failed
from . import build, machine
from .desk import Desk, Trouble

_OWN = """
from identity.slots import Slots
slots = Slots("/slots", "/bootstrap")
print(slots.state.get("state"), slots.identity().cert.hex())
"""
_CUT = 80  # the writing to flash, of those of a renewal, in which power fails
_LIMIT = 600  # seconds for one part of the story

# What must happen on the board, in this order: a step's name, and the agent's state that tells of it.
_ENROLS = (
    ("its own key made on the board, and on flash", "KEYED"),
    ("certificate asked for (Register, Certify, Get: one message)", "ASKED"),
    ("new certificate in its slot", "STAGED"),
    ("checked: our key, our name, the issuer's signature, its use", "TRIAL"),
    ("enrolled: proved with a second connection, and in use", "STABLE"),
)
_GOES_ON = (
    ("renewed: the new certificate proved with a second connection, and in use", "STABLE"),
)


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m tools.rp2.demo", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-v", "--verbose", action="store_true", help="print the board's own log as well")
    options = parser.parse_args(argv)
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 120
    steps.end_when_told()
    told = []
    try:
        with steps.lock():
            machine.ensure()
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="kmip-board-") as folder, \
                Desk(folder, "meter-0001", bootstrap=True, deployed=told.append) as desk:
            Demo(desk, console, options.verbose, began).tell(told)
    except (Failed, Trouble) as error:
        print("board-demo: %s" % error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


class Demo:
    """Tells the story of one board."""

    def __init__(self, desk, console, verbose, began):
        self._desk = desk
        self._console = console
        self._verbose = verbose
        self._began = began
        self._cost = dict.fromkeys(("connections", "round_trips"), 0)

    def tell(self, deployed):
        """The whole of it; raises Trouble where a step does not happen."""
        desk = self._desk
        board = desk.board
        sizes = build.sizes()
        self._ok("%s started: an image of %d bytes, %d bytes of heap free"
                 % (board.run("import sys; print(sys.implementation._machine, end='')"), sizes["flash"],
                    desk.free))
        for line in deployed:
            self._console.print("         " + line, style="dim")
        self._ok("deployed: a bootstrap identity, no more; UART1 is joined to the key server on port %d"
                 % desk.server.port)
        self._run(_ENROLS)
        first = self._own()[1]
        self._ok("renewal begun; power is to fail in the middle of a write to flash")
        board.cut(_CUT)
        board.start(desk.code())
        if board.rebooted(_LIMIT) != "power cut":
            raise Trouble("the board was reset before power could fail")
        desk.set_clock()
        state, still = self._own()
        if still.serial_number != first.serial_number:
            raise Trouble("the certificate in use is not the one from before the power failed")
        self._ok("power failed and came back in the state %s; the certificate in use is still there" % state)
        self._run(_GOES_ON)
        second = self._own()[1]
        if second.serial_number == first.serial_number or second.public_key() != first.public_key():
            raise Trouble("what is in use now is no renewal of what was")
        stats = board.stats()
        self._story.cost = {**self._cost, "sent": stats["sent"], "received": stats["received"]}
        self._console.print()
        self._console.print(table(self._story, [first, second]))
        self._console.print(
            "\n[green]A board made its key, enrolled, lost power and renewed.[/green] %.0f s; of the board's "
            "time %.0f s, %d million instructions, %d sectors of flash erased, %d pages programmed."
            % (self._seconds(), stats["nanos"] / 1e9, stats["instructions"] / 1e6, stats["erased"],
               stats["programmed"]))

    def _run(self, wanted):
        # Have the agent go on to its next rest, and see that it passes through the wanted states.
        story = self._story = Story(
            "the board", [(name, lambda event, state=state: event[3] == state) for name, state in wanted],
            self._ok)
        done = None
        for line in self._desk.board.follow(self._desk.code(), _LIMIT):
            if line.startswith("@"):
                done = json.loads(line[1:])
                continue
            story.tail.append(line)
            if self._verbose:
                print("            " + line)
            found = re.match(r"renewal: \w+ -> (\w+)", line)
            if found:
                story.take(("state", self._seconds(), 0, found[1]))
        if not done or not story.finished():
            raise Trouble("did not happen: %s. The board's last words:\n%s"
                          % (story.missing() if not story.finished() else "its end", "\n".join(story.tail)))
        story.peak = done["peak"]
        for name in self._cost:
            self._cost[name] += done[name]

    def _own(self):
        # The agent's state, and the certificate in use.
        state, der = self._desk.board.run(_OWN).split()
        return state, x509.load_der_x509_certificate(bytes.fromhex(der))

    def _seconds(self):
        return time.monotonic() - self._began

    def _ok(self, line):
        # Story's lines have their own seconds and name in front.
        line = re.sub(r"^ *[\d.]+ s  the board  ", "", line)
        self._console.print("[green]ok[/green] %5.0f s  %s" % (self._seconds(), line))


if __name__ == "__main__":
    sys.exit(main())
