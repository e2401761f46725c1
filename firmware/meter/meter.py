"""The emulated meter: reads its register, reports its usage, and keeps its certificate renewed."""

import json
import os

from identity.anchors import Anchors
from identity.clock import Clock
from identity.journal import Journal
from identity.renewal import Agent
from identity.runner import run
from identity.slots import Identity, Slots
from identity.steps import run as run_steps
from kmip_lite import tls
from kmip_lite.message import KmipError
from kmip_lite.ttlv import TTLVError
from meter.billing import post
from meter.ledger import Ledger
from meter.register import Register
from meter.seal import seal
from meter.world import World


class Meter:
    """A meter whose files are in the folder `root`: config.json, the anchors and, provisioned, the
    first identity (key.der, cert.der, csr.der); its slots, state and ledger are made there.

    `log`: called with one line at each event. `note`: called with an event's name and a dict, for
    whoever wants to follow. `tick`: called between slices of long work.
    """

    def __init__(self, root, log=print, note=None, tick=None):
        with open(root + "/config.json") as file:
            self.config = config = json.load(file)
        self.log = log
        self._note = note
        self._tick = tick or (lambda: None)
        self.slots = Slots(root + "/identity", _existing(root + "/bootstrap"))
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
        self._has_key = False
        self._every = config.get("report_every", 900)
        self._report_at = 0
        self._sequence = 0
        self.world = World(config, self.anchors, self.clock, self.report, self._tick)
        self._adopt(root)
        self.agent = Agent(
            self.slots,
            self.clock,
            config["device"],
            self.anchors.issuer,
            ("get", {"uid": config["key_uid"], "into": bytearray(len(self.key))}),
            anchors=self.anchors,
            log=log,
            **config.get("renewal", {}),
        )

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

    def step(self):
        """One round: a report if one is due, and one job of the agent; True if the agent had one.

        Whatever fails is logged and tried again in a later round; nothing is raised but MemoryError.
        """
        if self.slots.using and self.clock.now() >= self._report_at:
            self._report_at = self.clock.now() + self._every
            self.report(self.slots.identity())
            self.world.close()
        return run(self.agent, self.world)

    def sleep(self):
        """Seconds until step() has something to do."""
        wait = min(self._report_at - self.clock.now(), self._every)
        return max(0, min(wait, self.agent.sleep()))

    def prepare(self, identity):
        """Get the key that seals the reports, and leave to use it further. Raises as the client does."""
        config = self.config
        uid = config["key_uid"]
        grant = config.get("grant", 1024)
        calls = [("get_usage_allocation", {"uid": uid, "count": grant})]
        if not self._has_key:
            calls.insert(0, ("get", {"uid": uid, "into": self.key}))
        self.world.open(identity)
        version = self.world.version
        for result in self.world.call(calls):
            if isinstance(result, Exception):
                raise result
            if not self._has_key:
                self._has_key = True
                self.note("key", version=version)
                self.log("meter: key fetched, KMIP %d.%d" % (version // 10, version % 10))
        self.ledger.credit(grant)
        self.note("allocation", count=grant, left=self.ledger.left())
        self.log("meter: %d granted, %d left" % (grant, self.ledger.left()))

    def report(self, identity):
        """Seal a usage report and have the billing end point accept it under this identity.

        Gives "accepted", "refused" (it does not want us) or "offline". Gets the key and an allocation
        where they are missing.
        """
        config = self.config
        text = json.dumps({"wh": self.register.read(), "time": self.clock.now()}).encode()
        count = 1 if config.get("usage_unit") == "object" else len(text)
        try:
            if not self._has_key or self.ledger.left() < count + config.get("low", 0):
                self.prepare(identity)
            if not self.ledger.spend(count):
                self.log("meter: nothing left of the key's allocation")
                return "offline"
        except (OSError, KmipError, TTLVError) as error:
            self.log("meter: no report: %s" % error)
            return "offline"
        self._sequence += 1
        header = json.dumps(
            {"device": config["device"], "boot": self._boot, "sequence": self._sequence}
        ).encode()
        body = bytes([len(header)]) + header + seal(self.key, header, text, os.urandom(16))
        billing = config["billing"]
        self.world.close()
        try:
            context = tls.context(self.anchors.server, identity.cert, identity.key)
            address = (billing["host"], billing["port"], billing["name"], config.get("timeout", 10))
            status = post(address, context, billing["path"], body)
        except OSError as error:
            self.log("meter: report: %s" % error)
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
