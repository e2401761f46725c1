"""The object store: SQLite, one transaction for each batch item.

Write-ahead logging and synchronous=FULL: what was answered has been written, and a killed process
leaves whole transactions only. Threads and processes may share the file; a writer takes the lock
at the start (BEGIN IMMEDIATE), so that what it read is still true when it writes. Within a process the
writers queue for it, since SQLite itself lets the one go first that happens to look at the right moment;
and there are CONNECTIONS to the file at most, however many threads want one.
"""

import contextlib
import queue
import sqlite3
import threading
from pathlib import Path

from . import ttlv
from .enums import State
from .managed import Managed
from .notice_rows import SCHEMA as NOTICE_SCHEMA
from .notice_rows import NoticeRows
from .pending_rows import SCHEMA as PENDING_SCHEMA
from .pending_rows import PendingRows

DATABASE = "objects.db"
BUSY_SECONDS = 10
CONNECTIONS = 16

_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    uid TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    object_type INTEGER NOT NULL,
    base_state INTEGER NOT NULL,
    material BLOB
);
CREATE INDEX IF NOT EXISTS objects_owner ON objects (owner, sequence);
CREATE TABLE IF NOT EXISTS attributes (
    uid TEXT NOT NULL REFERENCES objects (uid),
    name TEXT NOT NULL,
    instance INTEGER NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (uid, name, instance)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS names (
    owner TEXT NOT NULL,
    value TEXT NOT NULL,
    type INTEGER NOT NULL,
    uid TEXT NOT NULL REFERENCES objects (uid),
    PRIMARY KEY (owner, value, type)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS usage_limits (
    uid TEXT PRIMARY KEY REFERENCES objects (uid),
    total INTEGER NOT NULL,
    remaining INTEGER NOT NULL CHECK (remaining >= 0),
    unit INTEGER NOT NULL,
    allocations INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS devices (
    common_name TEXT PRIMARY KEY,
    device TEXT NOT NULL,
    role TEXT NOT NULL,
    revoked INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS certificates (
    fingerprint BLOB PRIMARY KEY,
    uid TEXT NOT NULL REFERENCES objects (uid)
) WITHOUT ROWID;
"""


def object_label(uid, object_type):
    """The place of an object's material, for the vault."""
    return "object/%d/%s" % (object_type, uid)


class Damaged(ValueError):
    """The store is not what this server leaves behind; the text says where."""

    def __init__(self, path, why):
        super().__init__("the store %s is damaged: %s" % (path, why))


def make(path):
    """Make the file, or what an earlier version's lacks."""
    database = sqlite3.connect(path)
    with contextlib.closing(database):
        database.executescript("PRAGMA journal_mode=WAL;" + _SCHEMA + PENDING_SCHEMA + NOTICE_SCHEMA)


def _tables(database):
    return {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


class NameTaken(Exception):
    """Another object of the same owner has this Name."""


class Store:
    """The file, which is there, and a few idle connections to it. Damaged where it is none of this server's.

    vault    seals and opens the material (see vault.py)
    watcher  called with each Transaction that changes objects, before it is committed
    """

    def __init__(self, path, vault):
        self.path = str(path)
        self.vault = vault
        self.watcher = None
        self._idle = queue.LifoQueue()
        self._places = threading.BoundedSemaphore(CONNECTIONS)
        self._writing = threading.Lock()
        if not Path(path).exists():  # a new one would forget what was granted
            raise Damaged(path, "it is not there")
        wanted = sqlite3.connect(":memory:")
        with contextlib.closing(wanted):
            wanted.executescript(_SCHEMA + PENDING_SCHEMA + NOTICE_SCHEMA)
            try:
                with self._connection() as connection:
                    missing = _tables(wanted) - _tables(connection)
            except sqlite3.DatabaseError as error:
                raise Damaged(path, error)
        if missing:
            raise Damaged(path, "it lacks the table %s" % min(missing))

    def _connect(self):
        connection = sqlite3.connect(
            self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA secure_delete=ON")  # what is destroyed is not left in free pages
        return connection

    @contextlib.contextmanager
    def _connection(self):
        try:
            connection = self._idle.get_nowait()
        except queue.Empty:
            connection = self._connect()
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        self._idle.put(connection)

    @contextlib.contextmanager
    def transaction(self, write=True):
        """A Transaction, committed at the end and rolled back by any exception."""
        with (_held(self._writing) if write else contextlib.nullcontext(), _held(self._places),
              self._connection() as connection):
            connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
            transaction = Transaction(connection, self.vault)
            try:
                yield transaction
                if self.watcher is not None and transaction.touched:
                    self.watcher(transaction)
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def close(self):
        while True:
            try:
                self._idle.get_nowait().close()
            except queue.Empty:
                return


@contextlib.contextmanager
def _held(lock):
    if not lock.acquire(timeout=BUSY_SECONDS):
        raise sqlite3.OperationalError("the store is busy for %d seconds already" % BUSY_SECONDS)
    try:
        yield
    finally:
        lock.release()


class Transaction(PendingRows, NoticeRows):
    """Objects, usage limits, the certificate index, pending requests and notices within one transaction.

    touched  the objects written, by UID: whether they are new
    asker    the Identity that it is done for, where somebody asked
    """

    def __init__(self, connection, vault):
        self._db = connection
        self._vault = vault
        self.touched = {}
        self.asker = None
        self._before = {}

    def before(self, uid):
        """(base state, attributes) of an object as this transaction found it."""
        return self._before[uid]

    def query(self, statement):
        """What a SELECT or PRAGMA gives, for check.py."""
        return self._db.execute(statement).fetchall()

    # objects

    def load(self, uid):
        """The Managed object with this uid, or None."""
        row = self._db.execute(
            "SELECT owner, object_type, base_state, material FROM objects WHERE uid = ?", (uid,)
        ).fetchone()
        if row is None:
            return None
        owner, object_type, base_state, material = row
        if material is not None:
            material = ttlv.decode(self._vault.open(object_label(uid, object_type), material))
        managed = Managed(uid, owner, object_type, material, base_state)
        for name, instance, value in self._db.execute(
                "SELECT name, instance, value FROM attributes WHERE uid = ? ORDER BY instance",
                (uid,)):
            managed.attributes.setdefault(name, []).append((instance, ttlv.decode(value)))
        self._before.setdefault(uid, (base_state, {
            name: list(instances) for name, instances in managed.attributes.items()}))
        return managed

    def add(self, managed):
        """A new object."""
        self.touched[managed.uid] = True
        self._db.execute(
            "INSERT INTO objects (uid, owner, object_type, base_state, material)"
            " VALUES (?, ?, ?, ?, ?)",
            (managed.uid, managed.owner, int(managed.object_type), int(managed.base_state),
             self._sealed(managed)))
        self._write_attributes(managed)

    def save(self, managed):
        """A changed object."""
        self.touched.setdefault(managed.uid, False)
        self._db.execute(
            "UPDATE objects SET base_state = ?, material = ? WHERE uid = ?",
            (int(managed.base_state), self._sealed(managed), managed.uid))
        self._db.execute("DELETE FROM attributes WHERE uid = ?", (managed.uid,))
        self._write_attributes(managed)

    def _sealed(self, managed):
        if managed.material is None:
            return None
        return self._vault.seal(
            object_label(managed.uid, managed.object_type), ttlv.encode(managed.material))

    def _write_attributes(self, managed):
        rows = [
            (managed.uid, name, index, ttlv.encode(item))
            for name, instances in managed.attributes.items()
            for index, item in instances
        ]
        self._db.executemany(
            "INSERT INTO attributes (uid, name, instance, value) VALUES (?, ?, ?, ?)", rows)
        self._db.execute("DELETE FROM names WHERE uid = ?", (managed.uid,))
        if managed.base_state in (State.DESTROYED, State.DESTROYED_COMPROMISED):
            return  # what is destroyed keeps its Names, but no longer reserves them
        try:
            self._db.executemany(
                "INSERT INTO names (owner, value, type, uid) VALUES (?, ?, ?, ?)",
                [(managed.owner, value, kind, managed.uid) for value, kind in managed.names()])
        except sqlite3.IntegrityError:
            raise NameTaken

    def named(self, owner, value, kind):
        """The UID of an owner's object with this Name, or None."""
        row = self._db.execute(
            "SELECT uid FROM names WHERE owner = ? AND value = ? AND type = ?",
            (owner, value, int(kind))).fetchone()
        return row and row[0]

    def uids_of(self, owner):
        """The UIDs of an owner's objects, oldest first."""
        rows = self._db.execute(
            "SELECT uid FROM objects WHERE owner = ? ORDER BY sequence", (owner,))
        return [uid for (uid,) in rows]

    # usage limits

    def limits(self, uid):
        """(total, remaining, unit, number of allocations so far), or None."""
        return self._db.execute(
            "SELECT total, remaining, unit, allocations FROM usage_limits WHERE uid = ?", (uid,)
        ).fetchone()

    def set_limits(self, uid, total, unit):
        """Give the object Usage Limits, all of them unused."""
        self._db.execute(
            "INSERT OR REPLACE INTO usage_limits (uid, total, remaining, unit)"
            " VALUES (?, ?, ?, ?)", (uid, total, total, int(unit)))

    def drop_limits(self, uid):
        self._db.execute("DELETE FROM usage_limits WHERE uid = ?", (uid,))

    def allocate(self, uid, count):
        """Count `count` as used if that much remains; whether it did."""
        cursor = self._db.execute(
            "UPDATE usage_limits SET remaining = remaining - ?, allocations = allocations + 1"
            " WHERE uid = ? AND remaining >= ?", (count, uid, count))
        return cursor.rowcount == 1

    # the certificates by fingerprint: only to refuse a connection with a revoked one

    def index_certificate(self, fingerprint, uid):
        self._db.execute(
            "INSERT OR REPLACE INTO certificates (fingerprint, uid) VALUES (?, ?)",
            (fingerprint, uid))

    def certificate_uid(self, fingerprint):
        row = self._db.execute(
            "SELECT uid FROM certificates WHERE fingerprint = ?", (fingerprint,)).fetchone()
        return row and row[0]

    # devices

    def device(self, common_name):
        """(device id, role, revoked) of a client certificate's CN, or None."""
        return self._db.execute(
            "SELECT device, role, revoked FROM devices WHERE common_name = ?", (common_name,)
        ).fetchone()

    def common_names(self, device):
        """[(common name, role, revoked)] of the certificates that act for a device, itself first."""
        return self._db.execute(
            "SELECT common_name, role, revoked FROM devices WHERE device = ? ORDER BY role DESC",
            (device,)).fetchall()

    def put_device(self, common_name, device, role):
        self._db.execute(
            "INSERT INTO devices (common_name, device, role) VALUES (?, ?, ?)"
            " ON CONFLICT (common_name) DO UPDATE SET role = excluded.role",
            (common_name, device, role))

    def revoke_device(self, device, revoked=True):
        """Refuse (or accept again) every identity of a device; how many there are."""
        cursor = self._db.execute(
            "UPDATE devices SET revoked = ? WHERE device = ?", (int(revoked), device))
        return cursor.rowcount

    def forget(self, device):
        """Remove a device's identities and everything it owns; how many objects there were."""
        uids = self.uids_of(device)
        for table in ("attributes", "names", "usage_limits", "certificates", "objects"):
            self._db.executemany("DELETE FROM %s WHERE uid = ?" % table, [(u,) for u in uids])
        self.drop_pending(device=device)
        self.drop_endpoint(device)
        self._db.execute("DELETE FROM devices WHERE device = ?", (device,))
        return len(uids)
