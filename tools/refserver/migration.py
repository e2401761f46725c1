"""A state folder that was made before material was encrypted (python -m tools.refserver migrate).

It may be cut off anywhere, and done again: what is sealed already stays as it is.
"""

import sqlite3
from pathlib import Path

from cryptography.hazmat.primitives import serialization as ser

from . import vault
from .options import FILE
from .pending_rows import pending_label
from .store import DATABASE, make, object_label


def migrate(folder, source=None):
    """Encrypt a plain folder's material and private keys; how many objects there were.

    The store key is made if need be. No server may run on the folder.
    """
    folder = Path(folder)
    if not (folder / FILE).exists():
        raise FileNotFoundError("there is no state folder %s" % folder)
    opened = vault.load(folder, source) if (folder / vault.FILE).exists() else vault.create(folder, source)
    make(folder / DATABASE)
    count = _seal_all(folder / DATABASE, opened)
    for path in folder.glob("*.key"):
        data = path.read_bytes()
        if b"ENCRYPTED" not in data:
            vault.write_private(path, opened.private_pem(ser.load_pem_private_key(data, None)))
    return count


def _seal_all(path, opened):
    database = sqlite3.connect(path, isolation_level=None, timeout=2)
    try:
        database.execute("PRAGMA secure_delete=ON")
        database.execute("BEGIN EXCLUSIVE")
        rows = [(opened.seal(object_label(uid, kind), material), uid) for uid, kind, material in
                database.execute("SELECT uid, object_type, material FROM objects") if _plain(material)]
        database.executemany("UPDATE objects SET material = ? WHERE uid = ?", rows)
        for part in ("payload", "answer"):
            found = database.execute("SELECT correlation, %s FROM pending" % part).fetchall()
            database.executemany(
                "UPDATE pending SET %s = ? WHERE correlation = ?" % part,
                [(opened.seal(pending_label(correlation, part), data), correlation)
                 for correlation, data in found if _plain(data)])
        database.execute("COMMIT")
        database.execute("VACUUM")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # nor in what was free, nor in the log
        return len(rows)
    finally:
        database.close()


def _plain(data):
    return data is not None and data[0] != vault.SEALED
