"""The store's jobs as the renewal agent does them: each is a list of steps told by the persisted state.

A job is started from a disk, cut, and taken up again by the next boot, until `state["step"]` says that it
is done. `work` is the scenario, `check` the check of a Cutter.
"""

import hashlib
import json

from identity import sealed
from identity.slots import Identity, Slots
from powercut.model import FileSystem, Image, attached


def octets(name, length):
    """Octets that only this name gives."""
    blocks = (hashlib.sha256(b"%s %d" % (name.encode(), i)).digest() for i in range(length // 32 + 1))
    return b"".join(blocks)[:length]


class Job:
    """Renewal from one identity to the next, or what happens instead of it.

    name      enrol, renew, rotate, roll back, repair
    sizes     octets of key and certificate; the request takes the key's
    room      as for Slots
    """

    ROOT = "/flash/id"
    BOOT = "/flash/boot"

    def __init__(self, name, sizes=(32, 80), room=512):
        self.name = name
        self.sizes = sizes
        self.room = room
        self.old = None if name == "enrol" else self.unit("old key", "old certificate")
        self.new = self.unit("old key" if name == "renew" else "new key", "new certificate")
        self.boot = Identity(octets("boot key", sizes[0]), octets("boot certificate", sizes[1]))
        self.units = [u for u in (self.old, self.new, self.boot) if u]
        self.goal = self.old if name == "roll back" else self.new

    def unit(self, key, cert):
        uid = cert.replace(" ", "-")
        return Identity(
            octets(key, self.sizes[0]), octets(cert, self.sizes[1]), octets("csr " + key, 40), uid, key
        )

    def start(self):
        """The disk before the job."""
        files = {
            "/flash": None,
            self.BOOT: None,
            self.BOOT + "/key.der": self.boot.key,
            self.BOOT + "/cert.der": self.boot.cert,
        }
        fs = FileSystem(Image(files))
        if self.old:
            with attached(fs, sealed):
                slots = self.slots()
                slots.state["active"] = slots.stage(self.old)
                slots.commit(scrub=True)
                if self.name == "repair":  # the active slot rots; the one before it is still there
                    slots.stage(self.unit("older key", "older certificate"))
                    self.units.append(slots.slot(1))
        image = Image(fs.image.files)
        if self.name == "repair":
            path = self.ROOT + "/slot0/data"
            rotten = bytearray(image.files[path])
            rotten[60] ^= 1
            image = image.with_file(path, bytes(rotten))
        return image

    def slots(self):
        return Slots(self.ROOT, self.BOOT, self.room)

    def work(self, fs):
        """Do the job, from wherever it stands, to its end."""
        with attached(fs, sealed):
            slots = self.slots()
            state = slots.state
            if not state.get("step"):
                if slots.using != state.get("active"):  # the active slot is damaged: go on with the other
                    state["active"] = slots.using
                state["step"] = "keyed"
                state["key"] = self.new.key.hex()
                self.commit(fs, slots)
            if state["step"] == "keyed":
                unit = Identity(
                    bytes.fromhex(state["key"]),
                    self.new.cert,
                    self.new.csr,
                    self.new.uid,
                    self.new.public_uid,
                )
                state["trial"] = slots.stage(unit)
                state["step"] = "trial"
                self.commit(fs, slots)
            if state["step"] == "trial":
                if slots.slot(*state["trial"]) is None:
                    raise AssertionError("the identity on trial is gone")
                trial = state.pop("trial")
                if self.name != "roll back":
                    state["active"] = trial
                del state["key"]
                state["step"] = "done"
                self.commit(fs, slots, scrub=True)

    def commit(self, fs, slots, scrub=False):
        text = json.dumps(slots.state, sort_keys=True)
        fs.note(begun=text)
        slots.commit(scrub)
        fs.note(done=text)

    def check(self, fs):
        """After a cut: a usable identity, a whole state, and the job comes to its end."""
        with attached(fs, sealed):
            slots = self.slots()
            self.usable(slots)
            text = json.dumps(slots.state, sort_keys=True) if slots.state.get("step") else None
            wanted = fs.notes.get("done"), fs.notes.get("begun")
            if text not in wanted:
                raise AssertionError("state %s, not one of %s" % (text, wanted))
            fs.note(done=text, begun=text)  # once seen, it stays
        self.work(fs)
        with attached(fs, sealed):
            slots = self.slots()
            if slots.state["step"] != "done" or not same(slots.identity(), self.goal):
                raise AssertionError("the job did not come to its end")
            if slots.using != slots.state["active"]:
                raise AssertionError("the active slot is not whole")
        key = self.new.key.hex().encode()
        for number in (0, 1):
            if key in fs.image.files["%s/journal%d/data" % (self.ROOT, number)]:
                raise AssertionError("a private key is left in journal %d" % number)

    def usable(self, slots):
        """The identity to connect with is one of those ever stored, whole."""
        identity = slots.identity()
        if not any(same(identity, unit) for unit in self.units):
            raise AssertionError("no usable identity")
        if not self.old and not slots.state.get("active") and not same(identity, self.boot):
            raise AssertionError("an identity that nothing has proved shadows the bootstrap identity")
        active = slots.state.get("active")
        if active and self.name != "repair" and slots.slot(*active) is None:
            raise AssertionError("the active slot is not whole")


def same(a, b):
    """Equal identities, field by field."""
    return a is not None and vars(a) == vars(b)


NAMES = ("enrol", "renew", "rotate", "roll back", "repair")
