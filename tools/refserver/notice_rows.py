"""The tables of devices that listen and of what they are to be told, in the store's transactions."""

from collections import namedtuple

SCHEMA = """
CREATE TABLE IF NOT EXISTS endpoints (
    device TEXT PRIMARY KEY,
    host TEXT NOT NULL,
    port INTEGER NOT NULL,
    version INTEGER NOT NULL,
    puts TEXT NOT NULL,
    own INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS notices (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    device TEXT NOT NULL,
    operation INTEGER NOT NULL,
    uid TEXT NOT NULL,
    payload BLOB,
    tries INTEGER NOT NULL DEFAULT 0,
    due REAL NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS notices_device ON notices (device, sequence);
"""

MOST = 64  # notices kept for a device: then the oldest gives way

# Where a device listens, the protocol version (10 to 21) it is told in, which objects it is put (NONE,
# REPLACED or ALL), and whether it is told of what its own requests change, too.
Endpoint = namedtuple("Endpoint", "device host port version puts own")
NONE, REPLACED, ALL = PUTS = ("none", "replaced", "all")

# payload   of a Notify, TTLV; a Put is made when it is sent, so that no key lies here
# tries     so far;  due  when the next is
Notice = namedtuple("Notice", "sequence device operation uid payload tries due")


class NoticeRows:
    """What a Transaction can do with them."""

    def endpoint(self, device):
        """The Endpoint of a device, or None."""
        row = self._db.execute(
            "SELECT device, host, port, version, puts, own FROM endpoints WHERE device = ?", (device,)
        ).fetchone()
        return row and Endpoint._make(row)

    def put_endpoint(self, endpoint):
        self._db.execute("INSERT OR REPLACE INTO endpoints VALUES (?, ?, ?, ?, ?, ?)", endpoint)

    def drop_endpoint(self, device):
        """The device listens no more, and is told no more."""
        self._db.execute("DELETE FROM endpoints WHERE device = ?", (device,))
        self._db.execute("DELETE FROM notices WHERE device = ?", (device,))

    def add_notice(self, device, operation, uid, payload=None):
        self._db.execute("INSERT INTO notices (device, operation, uid, payload) VALUES (?, ?, ?, ?)",
                         (device, int(operation), uid, payload))
        self._db.execute(
            "DELETE FROM notices WHERE device = ? AND sequence NOT IN ("
            "SELECT sequence FROM notices WHERE device = ? ORDER BY sequence DESC LIMIT ?)",
            (device, device, MOST))

    def notices(self, device=None):
        """The Notices of a device, or of all, oldest first."""
        rows = self._db.execute(
            "SELECT sequence, device, operation, uid, payload, tries, due FROM notices"
            " WHERE ? IS NULL OR device = ? ORDER BY sequence", (device, device))
        return [Notice._make(row) for row in rows]

    def devices_to_tell(self, now):
        """Those whose oldest notice is due."""
        rows = self._db.execute(
            "SELECT device FROM notices WHERE sequence IN ("
            "SELECT MIN(sequence) FROM notices GROUP BY device) AND due <= ?", (now,))
        return [device for (device,) in rows]

    def retry_notice(self, sequence, due):
        self._db.execute(
            "UPDATE notices SET tries = tries + 1, due = ? WHERE sequence = ?", (due, sequence))

    def drop_notice(self, sequence):
        self._db.execute("DELETE FROM notices WHERE sequence = ?", (sequence,))
