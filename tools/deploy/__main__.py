"""Put kmip_lite, a device's identity and its configuration onto a board, and have the board test itself.

    make deploy BOARD=RPI_PICO_W PORT=/dev/ttyACM0 DEVICE=build/devices/meter-0001

Only what changed is copied. A file `stop` keeps the meter from starting until all is there: a deployment
that was interrupted leaves a board that waits for the next one, with the identity that it had. What the
device has made itself (slots, journals, its own key) is never touched but with --wipe. Keys go over the line
as files and are never printed.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from .. import bytecode
from ..steps import ROOT
from .board import PART, Board, Trouble, digest

BOARDS = ROOT / "boards"
FIRMWARE = ROOT / "firmware"
SHORT = {"ESP32": "ESP32_GENERIC", "ESP32C3": "ESP32_GENERIC_C3", "ESP32S3": "ESP32_GENERIC_S3",
         "PICO_W": "RPI_PICO_W", "PICO2_W": "RPI_PICO2_W"}
OWN = ("/slots", "/anchors0", "/anchors1", "/ledger0", "/ledger1", "/crash.txt")  # what the device makes
FIRST = ("key.der", "cert.der", "csr.der", "bootstrap/key.der", "bootstrap/cert.der")  # used until it has
_MPY = 6
_FLASH = 160 << 10  # bytes that all of it takes, with room to write anew
_HEAP = 96 << 10


def board_names():
    """The boards that can be deployed to: those with a board.py."""
    return sorted(path.parent.name for path in BOARDS.glob("*/board.py"))


def fitness(about):
    """Why a board will not do, or "" where it will. `about`: of Board.about()."""
    version = ".".join(map(str, about["version"]))
    if tuple(about["version"][:2]) < (1, 25):
        return "the board runs MicroPython %s; 1.25 or newer is needed" % version
    if about["mpy"] & 0xFF != _MPY:
        return "the board's MicroPython %s loads .mpy version %d; this project's are %d" % (
            version, about["mpy"] & 0xFF, _MPY)
    if not about["tls"]:
        return "the board's firmware has no TLS by mbedTLS (module tls)"
    if about["heap"] < _HEAP:
        return "the board has %d bytes of heap free; %d are needed" % (about["heap"], _HEAP)
    return ""


def wanted(board, frozen, device):
    """{path: bytes} in the order in which it is copied; config.json last."""
    files = {}
    if not frozen:
        with tempfile.TemporaryDirectory() as folder:
            code = bytecode.compile_firmware(folder)
            for path in sorted(code.rglob("*.mpy")):
                files["/lib/" + path.relative_to(code).as_posix()] = path.read_bytes()
    for name, path in (("board.py", BOARDS / board / "board.py"), ("boot.py", FIRMWARE / "boot.py"),
                       ("main.py", FIRMWARE / "main.py")):
        files["/" + name] = path.read_bytes()
    if device is not None:
        for path in sorted(device.rglob("*.der")):
            files["/" + path.relative_to(device).as_posix()] = path.read_bytes()
        files["/config.json"] = (device / "config.json").read_bytes()
    return files


def deploy(board, name, device=None, wipe=False, stay=False, say=print):
    """Do it all; gives whether the board's self-test has passed. Raises Trouble, OSError."""
    about = board.about()
    say("%s, MicroPython %s, %d bytes of heap and %d of flash free" % (
        about["machine"], ".".join(map(str, about["version"])), about["heap"], about["flash"]))
    board.run("open('/stop', 'w').close()")
    if about["meter"]:  # it runs: only a reset gives its heap back, and stops the watchdog
        say("a meter runs; the board is reset first")
        board.reset()
        about = board.about()
    why = fitness(about)
    if why:
        raise Trouble(why)
    for folder in about["hiding"]:
        board.remove("/" + folder)
        say("/%s is gone: it hid the package in /lib or in the image" % folder)
    if about["hiding"]:
        about = board.about()
    there = board.files(OWN)
    for path in [path for path in there if path.endswith(PART)]:  # of a deployment that was cut off
        board.remove(path)
        del there[path]
    if wipe:
        for path in (*OWN, "/bootstrap", *("/" + name for name in FIRST)):
            board.remove(path)
            there.pop(path, None)
        say("what the device had made itself is gone")
    owner = _owner(board) if "/config.json" in there else None
    files = wanted(name, about["frozen"], device)
    owns = bool(board.run("import os\nprint('slots' in os.listdir('/'))").strip() == "True")
    if device is not None:
        mine = json.loads(files["/config.json"]).get("device")
        if owns and owner is not None and owner != mine:
            raise Trouble("the board is %s, not %s (--wipe makes it another)" % (owner, mine))
        if owns:
            files = {path: data for path, data in files.items() if path[1:] not in FIRST}
    change = {path: data for path, data in files.items() if there.get(path) != digest(data)}
    room = sum(len(data) + 4096 for data in change.values())
    if room > about["flash"]:
        raise Trouble("the board has %d bytes of flash free; %d are needed" % (about["flash"], room))
    for path, data in change.items():
        board.write(path, data)
    stale = _stale(there, files, owns or device is None)
    for path in stale:
        board.remove(path)
    say("%d files copied, %d bytes; %d were there; %d old ones removed%s" % (
        len(change), sum(map(len, change.values())), len(files) - len(change), len(stale),
        "; the packages are frozen in the image" if about["frozen"] else ""))
    say("clock: " + board.set_clock())
    passed = _selftest(board, "/server_ca.der" in files or "/server_ca.der" in there, say)
    if passed:
        board.remove("/stop")
        if not stay:
            say("the meter starts")
            board.reset(again=False)
    return passed


def _stale(there, files, owns):
    """What is on a board and is to go: packages of before, and another provisioning's first identity."""
    stale = [path for path in there if path.startswith("/lib/") and path.split("/")[2] in bytecode.PACKAGES]
    if not owns:
        # With its folder: a meter enrols where there is a bootstrap/, and takes key.der where there is.
        stale += ["/" + name for name in FIRST if "/" + name in there]
        if "/bootstrap/cert.der" not in files:
            stale.append("/bootstrap")
    return [path for path in stale if path not in files]


def _owner(board):
    return board.run("import json\ntry:\n    print(json.load(open('/config.json')).get('device'))\n"
                     "except (ValueError, AttributeError):\n    print(None)").strip()


def _selftest(board, anchor, say):
    code = "VECTOR = %r\n%s" % (_vector(), (Path(__file__).parent / "selftest.py").read_text())
    if not anchor:
        code = code.replace("store, entropy, tls)", "store, entropy)")
    lines = board.run(code, quiet=120).splitlines()
    for line in lines:
        say("self-test: " + line)
    return bool(lines) and all(line.startswith("ok ") for line in lines)


def _vector():
    """A Get request of version 1.2 for key-1, by hand from the specification (1.2 section 9.1)."""
    version = "42006a0200000004" "0000000100000000" "42006b0200000004" "0000000200000000"
    header = "4200690100000020" + version
    header += "4200500200000004" "0000010000000000"  # Maximum Response Size
    header += "42000d0200000004" "0000000100000000"  # Batch Count
    header = "42007701%08x" % (len(header) // 2) + header
    payload = "4200940700000005" "6b65792d31000000"
    item = "42005c0500000004" "0000000a00000000" "4200790100000010" + payload
    item = "42000f01%08x" % (len(item) // 2) + item
    return "42007801%08x" % (len(header + item) // 2) + header + item


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m tools.deploy", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--board", required=True, help="one of %s" % ", ".join((*board_names(), *SHORT)))
    parser.add_argument("--port", required=True, help="a serial device, a pty, or socket://<host>:<port>")
    parser.add_argument("--device", type=Path, help="a folder that tools.provision has made")
    parser.add_argument("--wipe", action="store_true",
                        help="remove the device's own slots, journals and key first: it begins anew")
    parser.add_argument("--stay", action="store_true", help="do not start the meter at the end")
    arguments = parser.parse_args(argv)
    name = SHORT.get(arguments.board, arguments.board)
    if name not in board_names():
        parser.error("there is no board %s; there are %s" % (arguments.board, ", ".join(board_names())))
    if arguments.device is not None and not (arguments.device / "config.json").exists():
        parser.error("%s holds no config.json (make provision)" % arguments.device)
    try:
        with Board(arguments.port) as board:
            return 0 if deploy(board, name, arguments.device, arguments.wipe, arguments.stay) else 1
    except (Trouble, OSError) as error:
        print("deploy: %s" % error, file=sys.stderr)
    except KeyboardInterrupt:
        print("deploy: interrupted; the board waits for the next deployment", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
