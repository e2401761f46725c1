"""What a device must not lose: its identities and the renewal agent's state, in two slots and a journal.

    root/slot0  root/slot1         an identity each: key and certificate under one checksum
    root/journal0  root/journal1   the agent's state; record n lies in journal n modulo 2

A record names the active slot together with its checksum. New material goes only into the slot that is
not in use, a new record only over the older one; so at every instant a cut of power leaves a usable
identity, and the state of before or of after. What a cut leaves half done is done again from the state.

Provision at the bench: the first commit() makes every file at full size. After that FAT's allocation
table is not touched again (sealed.py), unless a record outgrows its file.

Private keys lie in plain on the board's flash. What was overwritten is gone from the files; LittleFS,
and the controller of a memory card, keep old blocks until they reuse them, and no program can help it.
"""

from micropython import const

from identity import sealed
from identity.journal import Journal

_EBUSY = const(16)
_SLOT = const(b"KLS1")
_MAX_DER = const(8192)


class Identity:
    """One unit.

    key, cert   private key and certificate, DER
    csr         the certification request that goes with the key (PKCS#10), DER, or b""
    uid         the certificate's Unique Identifier at the server, or ""
    public_uid  the public key's, or ""
    """

    def __init__(self, key, cert, csr=b"", uid="", public_uid=""):
        self.key = key
        self.cert = cert
        self.csr = csr
        self.uid = uid
        self.public_uid = public_uid


class Slots:
    """The store of one device.

    root       directory of the store; the one above it exists
    bootstrap  directory with key.der, cert.der and perhaps csr.der, which are only read; or None
    room       octets to keep for each of the four files, a multiple of 512

    state      the agent's: a dict of JSON types, {} on a new device. state["active"] is [slot, checksum]
               as stage() gave it; where it is missing or None, the bootstrap identity is the active one.
               commit() makes it last.

    The constructor raises nothing for what it finds. Where no record is left, it takes a slot that is
    whole for the active one. It only reads, unless a cut fell into commit(scrub=True): that it finishes.
    Allocates both records, then the state.
    """

    def __init__(self, root, bootstrap=None, room=2048):
        self._root = root
        self._bootstrap = bootstrap
        self._room = room
        self._journal = Journal(root + "/journal", room)
        self.state = self._journal.value
        if not self._journal.sequence:
            found = self._whole(0)
            if found:
                self.state["active"] = found[0]
        # The active identity by the record on flash; False while that is not known.
        self._named = self._active()

    def _path(self, number):
        return "%s/slot%d/data" % (self._root, number)

    def _make_room(self):
        for number in (0, 1):
            sealed.make_room(self._path(number), self._room)

    def _active(self):
        active = self.state.get("active")
        if isinstance(active, (list, tuple)) and len(active) == 2 and active[0] in (0, 1):
            return tuple(active)
        return None

    def _read(self, index, checksum):
        record = sealed.read(self._path(index), _SLOT)
        if record and checksum in ("", record[0]):
            try:
                key, cert, csr, uid, public_uid = record[1]
                return [index, record[0]], Identity(key, cert, csr, uid.decode(), public_uid.decode())
            except ValueError:
                pass  # whole, but no identity
        return None

    def _whole(self, index, checksum=""):
        return self._read(index, checksum) or self._read(1 - index, "")

    def _in_use(self):
        active = self._active()
        if active:
            return self._whole(*active)
        return None if self.bootstrap() else self._whole(0)

    def commit(self, scrub=False):
        """Make `state` last; it does when this returns.

        The record before it stays in the other file, secrets included, until the next commit(). With
        scrub that one is overwritten too, by the next start at the latest. Allocates the state as JSON.

        Raises OSError: then the next start finds the old state or the new one, and stage() refuses until
        a commit() succeeds. A device that can do without goes on with the identity it has.
        """
        active = self._active()
        self._make_room()
        self._named = False
        self._journal.value = self.state
        self._journal.commit(scrub)
        self._named = active

    def stage(self, identity):
        """Write an identity to the slot that is not in use; gives [slot, checksum] for a record to name.

        Where there is no record yet, commit() goes first, so that nobody takes the new identity for one
        whose record was lost.

        Raises OSError: EBUSY where the active identity in `state` is not the one last committed, others
        from the file system. The identity in use stays whole in any case.
        """
        if self._active() != self._named:
            raise OSError(_EBUSY)
        if not self._journal.sequence:
            self.commit()
        self._make_room()
        index = self.idle
        fields = (
            identity.key,
            identity.cert,
            identity.csr,
            identity.uid.encode(),
            identity.public_uid.encode(),
        )
        return [index, sealed.write(self._path(index), _SLOT, fields)]

    def slot(self, index, checksum=""):
        """The Identity in a slot, or None where that is missing, torn or of another checksum.

        Allocates the identity's fields. slot(*state["active"]) reads what a record names.
        """
        found = self._read(index, checksum)
        return found[1] if found else None

    def bootstrap(self):
        """The bootstrap Identity, or None."""
        if self._bootstrap:
            key, cert, csr = [
                sealed.contents("%s/%s.der" % (self._bootstrap, name), _MAX_DER)
                for name in ("key", "cert", "csr")
            ]
            if key and cert:
                return Identity(key, cert, csr)
        return None

    def identity(self):
        """What to connect with now: the active identity, else another slot that is whole, else the
        bootstrap identity; None where nothing is left. Allocates its fields.
        """
        found = self._in_use()
        return found[1] if found else self.bootstrap()

    @property
    def using(self):
        """[slot, checksum] of what identity() gives, None for the bootstrap identity or none at all.

        Where it differs from state["active"], that slot was damaged.
        """
        found = self._in_use()
        return found[0] if found else None

    @property
    def idle(self):
        """The slot that stage() would overwrite, 0 or 1."""
        using = self.using
        return 1 - using[0] if using else 0
