"""The emulated meter: reads its register, reports its usage, and keeps its certificate renewed."""

import asyncio
import gc
import json
import os
from time import ticks_diff, ticks_ms

from micropython import const

from identity.anchors import Anchors
from identity.arunner import arun
from identity.clock import Clock
from identity.journal import Journal
from identity.renewal import Agent
from identity.slots import Identity, Slots
from identity.steps import run as run_steps
from kmip_lite import tls
from kmip_lite.aclient import connect
from kmip_lite.client import load
from kmip_lite.message import KmipError
from kmip_lite.ttlv import TTLVError
from meter.aworld import AWorld, post
from meter.ledger import Ledger
from meter.register import Register
from meter.seal import seal

_LONGEST_KEY = const(64)
_OBJECT_SYMMETRIC_KEY = const(2)
_NAP = const(60)  # seconds between two looks at the clock, which may be set meanwhile
_HOUR = const(3600)
_STUCK = const(7200000)  # milliseconds without a turn of the renewal: longer than all time-outs of a job
_STARVED = const(30)  # connections in a row for which there was no memory


class Meter:
    """A meter whose files are in the folder `root`: config.json, the anchors and, provisioned, the
    first identity (key.der, cert.der, csr.der); its slots, state and ledger are made there.

    `log`: called with one line at each event. `note`: called with an event's name and a dict, for
    whoever wants to follow. `tick`: called each second, to feed a watchdog. `connect`: what takes the place
    of aclient.connect(), where the network is a modem at a UART.

    One asyncio loop: a slow server never stops the metering.
    """

    def __init__(self, root, log=print, note=None, tick=None, connect=connect):
        with open(root + "/config.json") as file:
            self.config = config = json.load(file)
        # What each boot asks for. Loaded when it is first asked for, it would lie where TLS needs one piece.
        asked = "get get_usage_allocation"
        if not config.get("version"):
            asked += " agree discover_versions"
        for verb in asked.split():
            load(verb)
        self.log = log
        self._note = note
        self._tick = tick or (lambda: None)
        # Not "identity": in a board's root that folder would hide the package from the second boot on.
        self.slots = Slots(root + "/slots", _existing(root + "/bootstrap"))
        self.anchors = Anchors(
            root + "/anchors",
            _der(root, config.get("server_anchors", ["server_ca.der"])),
            _der(root, config.get("issuers", ["meter_ca.der"])),
        )
        self._take_offers(root)
        self.clock = Clock(config.get("built", 0))
        self.register = Register(config.get("start_wh", 0))
        journal = Journal(root + "/ledger")
        # A report is named by the boot it was made in and its number since: no name comes twice.
        self._boot = journal.value["boot"] = journal.value.get("boot", 0) + 1
        journal.commit()
        self.ledger = Ledger(journal, config.get("chunk", 256))
        self.key = bytearray(config.get("key_bits", 128) // 8)
        self._buffer = bytearray(_LONGEST_KEY)
        self._has_key = False
        self._every = config.get("report_every", 900)
        # One TLS connection at a time. (Not taken by `async with`, in whose end MicroPython can make an
        # AttributeError of Ctrl-C, which then ends a task instead of the meter.)
        self.lock = asyncio.Lock()
        self.called = False  # to the renewal, before its time
        self.error = ""  # what failed last
        self._turned = ticks_ms()
        self._hours = 0
        self._sequence = 0
        self._connect = connect
        self.world = AWorld(config, self.anchors, self.clock, self.report, connect)
        self._adopt(root)
        self.agent = Agent(
            self.slots,
            self.clock,
            config["device"],
            self.anchors.issuer,
            ("get", {"uid": config["key_uid"], "into": self._buffer}),
            anchors=self.anchors,
            log=log,
            **config.get("renewal", {}),
        )

    def watchdog(self, feed):
        """Have `feed` called each second for as long as the meter comes round."""
        self._tick = feed

    def status(self):
        """What an operator wants to see, a dict without secrets: the agent's, and how the meter does."""
        gc.collect()
        status = self.agent.status()
        using = self.slots.using
        status["slot"] = using[0] if using else None
        status["hours"] = self._hours
        status["reports"] = self._sequence
        status["allocation"] = self.ledger.left()
        status["error"] = self.error
        if hasattr(gc, "mem_free"):
            status["free"] = gc.mem_free()
        return status

    def note(self, name, **fields):
        """Tell whoever follows of an event."""
        if self._note is not None:
            self._note(name, fields)

    def _adopt(self, root):
        # The identity that provisioning left becomes the first of the slots.
        if self.slots.using or not _existing(root + "/key.der"):
            return
        config = self.config
        first = Identity(
            _read(root + "/key.der"),
            _read(root + "/cert.der"),
            _read(root + "/csr.der"),
            config["cert_uid"],
            config.get("public_key_uid", ""),
        )
        self.slots.state["active"] = self.slots.stage(first)
        self.slots.commit()

    def _take_offers(self, root):
        # New anchors that somebody put on the board: offered/server*.der, offered/issuer*.der.
        try:
            names = os.listdir(root + "/offered")
        except OSError:
            return
        for name in names:
            fault = run_steps(
                self.anchors.offer(name[:6], _read(root + "/offered/" + name)), self._tick
            )
            if fault:
                self.log("meter: anchor %s: %s" % (name, fault))

    async def run(self, duration=0):
        """Meter, report and renew, for `duration` seconds (0: for ever).

        Raises MemoryError when there has been no memory for a connection again and again: what lies
        scattered through the heap goes only with a reset. RuntimeError when a task has ended.
        """
        tasks = [asyncio.create_task(task()) for task in (self._meter, self._renew, self._report)]
        if "listen" in self.config:
            from meter.notified import listen

            tasks.append(asyncio.create_task(listen(self)))
        try:
            while not duration:
                if self.world.starved >= _STARVED:
                    raise MemoryError("no memory for TLS")
                for task in tasks:
                    if task.done():  # asyncio has told why
                        raise RuntimeError("a task has ended")
                await asyncio.sleep(1)
            await asyncio.sleep(duration)
        finally:
            for task in tasks:
                task.cancel()

    async def _meter(self):
        # Never waits for a server. Whoever holds the loop up for long lets the watchdog bite.
        seconds = 0
        while True:
            self.register.read()
            if ticks_diff(ticks_ms(), self._turned) < _STUCK:
                self._tick()
            await asyncio.sleep(1)
            seconds += 1
            if seconds == _HOUR:
                seconds = 0
                self._hours += 1
                self.log("meter: %s" % self.status())

    async def _renew(self):
        agent = self.agent
        while True:
            self._turned = ticks_ms()
            before = agent.state
            busy = False
            await self.lock.acquire()
            try:
                busy = await arun(agent, self.world)
            except Exception as error:
                self.failed("renewal", error)
            finally:
                self.lock.release()
            if agent.state != before:
                self.note("state", was=before, **agent.status())
            self._note_cost()
            left = 0 if busy else min(_NAP, max(1, agent.sleep()))
            await asyncio.sleep(0)
            while left > 0 and not self.called:
                await asyncio.sleep(min(1, left))
                left -= 1
            self.called = False

    async def _report(self):
        while True:
            if self.slots.using:
                await self.lock.acquire()
                try:
                    try:
                        self.agent.heard(await self.report(self.slots.identity()))
                    except Exception as error:
                        self.failed("report", error)
                    await self.world.close()
                finally:
                    self.lock.release()
                self._note_cost()
                await asyncio.sleep(self._every)
            else:
                await asyncio.sleep(1)

    def failed(self, what, error):
        """A full heap, a file that is gone: told, and tried again in the next round. A task that ended for it
        would end for good, with the watchdog still fed."""
        self.error = "%s: %s: %s" % (what, type(error).__name__, error)
        self.log("meter: " + self.error)

    def _note_cost(self):
        world = self.world
        self.note(
            "cost",
            connections=world.connections,
            round_trips=world.round_trips,
            sent=world.sent,
            received=world.received,
        )

    async def _ask(self, verb, arguments):
        result = (await self.world.call([(verb, arguments)]))[0]
        if isinstance(result, Exception):
            raise result
        return result

    async def fetch_key(self, identity):
        """Get the key that seals the reports. Raises as the client does, ValueError for another object
        than a key of the configured length in plain."""
        await self.world.open(identity)
        got = await self._ask("get", {"uid": self.config["key_uid"], "into": self._buffer})
        if got.object_type != _OBJECT_SYMMETRIC_KEY or got.wrapped or got.size != len(self.key):
            raise ValueError("the object on the server is not the key of %d bits" % (8 * len(self.key)))
        self.key[:] = self._buffer[: got.size]
        self._buffer[:] = bytes(len(self._buffer))
        self._has_key = True
        version = self.world.version
        self.note("key", version=version)
        self.log("meter: key fetched, KMIP %d.%d" % (version // 10, version % 10))

    async def allocate(self, identity):
        """Get leave to use the key further. Raises as the client does."""
        if not self.world.connected():
            await self.world.open(identity)
        grant = self.config.get("grant", 256)
        await self._ask("get_usage_allocation", {"uid": self.config["key_uid"], "count": grant})
        self.ledger.credit(grant)
        self.note("allocation", count=grant, left=self.ledger.left())
        self.log("meter: %d granted, %d left" % (grant, self.ledger.left()))

    async def report(self, identity):
        """Seal a usage report and have the billing end point accept it under this identity.

        Gives "accepted", "refused" (it does not want us) or "offline". Gets the key and an allocation
        where they are missing. Where the server grants no more, the report carries no reading: it still
        says that the meter is there, and under which certificate.
        """
        config = self.config
        text = json.dumps({"wh": self.register.read(), "time": self.clock.now()}).encode()
        count = 1 if config.get("usage_unit") == "object" else len(text)
        try:
            if not self._has_key:
                await self.fetch_key(identity)
            if self.ledger.left() < count + config.get("low", 0):
                try:
                    await self.allocate(identity)
                except KmipError as error:
                    self.log("meter: no leave to use the key: %s" % error)
            leave = self.ledger.spend(count)
        except (OSError, KmipError, TTLVError, ValueError) as error:
            self.error = "no report: %s" % error
            self.log("meter: " + self.error)
            return "refused" if isinstance(error, tls.TLSError) and error.refused else "offline"
        self._sequence += 1
        header = json.dumps(
            {"device": config["device"], "boot": self._boot, "sequence": self._sequence}
        ).encode()
        body = bytes([len(header)]) + header
        if leave:
            body += seal(self.key, header, text, os.urandom(16))
        billing = config["billing"]
        await self.world.close()
        gc.collect()
        try:
            context = tls.context(self.anchors.server, identity.cert, identity.key)
            address = (billing["host"], billing["port"], billing["name"], config.get("timeout", 10))
            status = await post(address, context, billing["path"], body, self._connect)
        except OSError as error:
            self.error = "report: %s" % error
            self.log("meter: " + self.error)
            return "refused" if isinstance(error, tls.TLSError) and error.refused else "offline"
        self.note("report", sequence=self._sequence, status=status)
        self.log("meter: report %d: status %d" % (self._sequence, status))
        if status in (401, 403):
            return "refused"
        return "accepted" if 200 <= status < 300 else "offline"


def _read(path):
    with open(path, "rb") as file:
        return file.read()


def _existing(path):
    try:
        os.stat(path)
    except OSError:
        return None
    return path


def _der(root, names):
    return [_read(root + "/" + name) for name in names]
