"""A board at the other end of a serial line, through mpremote: what is on it, and files onto it."""

import contextlib
import hashlib
import io
import json
import struct
import time

import serial
from mpremote.transport import TransportError, TransportExecError
from mpremote.transport_serial import SerialTransport

from ..bytecode import PACKAGES

_WAIT = 20  # seconds for a board to answer, and to come back after a reset
PART = ".part"  # behind the name of a file that is not whole yet
# What mpremote raises when a board falls silent in the middle; its text can hold what was being sent.
_SILENT = (TransportError, serial.SerialException, struct.error)

_ABOUT = """
import gc, json, os, sys
gc.collect()
about = {"version": sys.implementation.version[:3], "mpy": getattr(sys.implementation, "_mpy", 0),
         "machine": sys.implementation._machine, "heap": gc.mem_free(), "meter": "meter.meter" in sys.modules}
try:
    import tls
    about["tls"] = hasattr(tls, "MBEDTLS_VERSION")
except ImportError:
    about["tls"] = False
try:
    file = getattr(__import__("kmip_lite"), "__file__", "")
    about["frozen"] = bool(file)
    os.stat(file or ".")
    about["frozen"] = False
except (ImportError, ValueError):
    about["frozen"] = False
except OSError:
    pass  # what is frozen has a name and no file
sys.modules.pop("kmip_lite", None)
about["hiding"] = [name for name in os.listdir("/") if name in PACKAGES]
s = os.statvfs("/")
about["flash"] = s[0] * s[3]
print(json.dumps(about))
""".replace("PACKAGES", repr(PACKAGES))
_FILES = """
import hashlib, json, os
found = {}
buf = bytearray(512)
def walk(folder):
    for entry in os.ilistdir(folder or "/"):
        path = folder + "/" + entry[0]
        if entry[1] & 0x4000:
            if path not in %r:
                walk(path)
        else:
            h = hashlib.sha256()
            with open(path, "rb") as file:
                while True:
                    n = file.readinto(buf)
                    if not n:
                        break
                    h.update(memoryview(buf)[:n])
            found[path] = "".join("%%02x" %% b for b in h.digest()[:8])
walk("")
print(json.dumps(found))
"""
_CLOCK = """
try:
    from machine import RTC
    RTC().datetime(%r)
    print("set")
except ImportError:
    print("no RTC")
"""


class Trouble(Exception):
    """One line: what a board did not do."""


def digest(data):
    """What files() gives for a file of these bytes."""
    return hashlib.sha256(data).hexdigest()[:16]


class Board:
    """`port`: a serial device, a pseudo terminal, or socket://<host>:<port>, an emulator's."""

    def __init__(self, port):
        self.port = port
        self._transport = None
        self.connect()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self._transport is not None:
            with contextlib.suppress(OSError, serial.SerialException, AttributeError):
                self._transport.close()
            self._transport = None

    def connect(self, patient=False):
        """Open the port and have the raw REPL, without a soft reset: what runs is interrupted, and a watchdog
        that it feeds at the REPL stays fed. `patient`: the port may be away for a while, as USB is in a
        reset."""
        end = time.monotonic() + _WAIT
        while True:
            why = self._try()
            if not why:
                return
            if time.monotonic() > end or ("no such" in why and not patient):
                raise Trouble(why)
            time.sleep(0.5)

    def _try(self):
        self.close()
        silent = io.StringIO()  # mpremote prints what it got instead of a prompt
        try:
            with contextlib.redirect_stdout(silent):
                self._transport = SerialTransport(self.port, timeout=_WAIT)
                self._transport.serial.write_timeout = _WAIT
                self._transport.enter_raw_repl(soft_reset=False, timeout_overall=8)
        except (*_SILENT, OSError, ValueError) as error:
            text = str(error)
            if "No such file" in text or ("could not open port" in text and "[Errno 2]" in text):
                return "no such port: %s" % self.port
            if "failed to access" in text:
                return "the port %s cannot be opened (no such port, or it is busy)" % self.port
            return "no REPL at %s: %s" % (self.port, text)
        return ""

    def run(self, code, quiet=60):
        """What `code` prints. Raises Trouble for an exception there, or silence of `quiet` seconds."""
        try:
            output, fault = self._transport.exec_raw(code, quiet)
        except (*_SILENT, OSError) as error:
            raise Trouble("the board at %s does not answer: %s" % (self.port, error))
        if fault:
            raise Trouble(fault.decode(errors="replace").strip().splitlines()[-1])
        return output.decode(errors="replace").replace("\r\n", "\n")

    def about(self):
        """A dict: version, mpy, machine, heap and flash (bytes free), meter (is it loaded), tls, frozen, and
        hiding: folders in the root that are found before the packages."""
        return json.loads(self.run(_ABOUT))

    def files(self, but=()):
        """{path: digest()} of the files on it, but for those in the folders `but`."""
        return json.loads(self.run(_FILES % (tuple(but),), quiet=120))

    def write(self, path, data):
        """Make a file whole or not at all: written beside, looked at, put in its place."""
        part = path + PART
        try:
            for at, char in enumerate(path):
                if char == "/" and at and not self._transport.fs_exists(path[:at]):
                    self._transport.fs_mkdir(path[:at])
            self._transport.fs_writefile(part, data, chunk_size=512)
            same = self._transport.fs_hashfile(part, "sha256") == hashlib.sha256(data).digest()
        except TransportExecError as error:
            raise Trouble("%s: %s" % (path, str(error).strip().splitlines()[-1]))
        except _SILENT:
            raise Trouble("the board at %s does not answer: %s is not whole" % (self.port, path)) from None
        except OSError as error:
            raise Trouble("%s cannot be written: %s" % (path, error.strerror or error))
        if not same:
            raise Trouble("%s did not arrive as it was sent" % path)
        # LittleFS puts it in the old one's place in one step; FAT renames onto nothing that is there.
        self.run("import os\ntry:\n    os.rename(%r, %r)\nexcept OSError:\n    os.remove(%r)\n"
                 "    os.rename(%r, %r)" % (part, path, path, part, path))

    def remove(self, path):
        """Remove a file or a folder with what is in it; nothing where it is not there."""
        self.run("import os\ndef gone(path):\n    try:\n        if os.stat(path)[0] & 0x4000:\n"
                 "            for name in os.listdir(path):\n                gone(path + '/' + name)\n"
                 "            os.rmdir(path)\n        else:\n            os.remove(path)\n"
                 "    except OSError:\n        pass\ngone(%r)" % path)

    def set_clock(self):
        """Set the board's clock to the host's, in UTC; gives what came of it."""
        now = time.gmtime()
        return self.run(_CLOCK % ((now.tm_year, now.tm_mon, now.tm_mday, now.tm_wday, now.tm_hour, now.tm_min,
                                   now.tm_sec, 0),)).strip()

    def reset(self, again=True):
        """Reset it; with `again`, be connected when it is back."""
        with contextlib.suppress(*_SILENT, OSError):
            self._transport.exec_raw_no_follow("import machine\nmachine.reset()")
        self.close()  # at once: held open, USB's name would be taken when the board comes back
        time.sleep(1)
        if again:
            self.connect(patient=True)
