"""Whether a store is whole: looked at before a server serves, and by `python -m tools.refserver check`."""

import sqlite3

from . import ttlv
from .enums import ANY, State
from .errors import KmipError
from .schema import parse
from .store import Damaged
from .structures import LINK


def check(store):
    """How many objects there are; Damaged where something is wrong.

    SQLite's own check of the file. Every object can be read: its material under the store's key, its
    attributes. Every Link points to an object of the same owner, or to the server's. Every Name that is
    reserved is borne by an object, every usage ledger adds up, every indexed certificate is there.
    """
    try:
        with store.transaction(write=False) as txn:
            return _check(txn)
    except (sqlite3.DatabaseError, ttlv.TTLVError, KmipError, ValueError, OverflowError) as error:
        raise Damaged(store.path, error)


def _check(txn):
    for (line,) in txn.query("PRAGMA integrity_check(1)"):
        if line != "ok":
            raise ValueError(line.splitlines()[0])
    for table, *_ in txn.query("PRAGMA foreign_key_check"):
        raise ValueError("a row of %s belongs to no object" % table)
    owners = dict(txn.query("SELECT uid, owner FROM objects"))
    names = set()
    for uid, owner in owners.items():
        managed = txn.load(uid)
        for item in managed.items("Link"):
            link = parse(item, LINK, ANY)
            other = owners.get(link.linked_object_identifier)
            if other is None or (other != owner and not other.startswith("*")):
                raise ValueError("a Link of object %s points to no object of %s" % (uid, owner))
        if managed.base_state not in (State.DESTROYED, State.DESTROYED_COMPROMISED):
            names.update((owner, value, int(kind), uid) for value, kind in managed.names())
    if names != set(txn.query("SELECT owner, value, type, uid FROM names")):
        raise ValueError("the table of Names is not that of the objects")
    for uid, total, remaining, allocations in txn.query(
            "SELECT uid, total, remaining, allocations FROM usage_limits"):
        # Each allocation is of one unit at least.
        if not 0 <= remaining <= total or allocations > total - remaining or (
                remaining < total and not allocations):
            raise ValueError("the usage ledger of object %s does not add up" % uid)
    return len(owners)
