"""The table of asynchronous requests, as a part of the store's transactions."""

from collections import namedtuple

SCHEMA = """
CREATE TABLE IF NOT EXISTS pending (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    correlation BLOB NOT NULL UNIQUE,
    device TEXT NOT NULL,
    common_name TEXT NOT NULL,
    role TEXT NOT NULL,
    operation INTEGER NOT NULL,
    version INTEGER NOT NULL,
    lenient INTEGER NOT NULL,
    payload BLOB NOT NULL,
    placeholder TEXT,
    follows BLOB,
    ready TEXT NOT NULL,
    due INTEGER,
    failure INTEGER,
    cancellable INTEGER NOT NULL,
    status TEXT NOT NULL,
    answer BLOB,
    expires INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS pending_device ON pending (device, sequence);
"""

# ready      what has to happen before it is worked on: POLL, TIME (see due), APPROVAL, NEVER
# status     WAITING, SUCCEEDED, FAILED, CANCELED
# placeholder  the ID Placeholder that the request is to use; once done, the one it left
# follows    the correlation value of the request in the same batch that must be done first
# failure    the Result Reason in which it is to end instead of being worked on
COLUMNS = ("sequence correlation device common_name role operation version lenient payload placeholder"
           " follows ready due failure cancellable status answer expires")
Row = namedtuple("Row", COLUMNS)
_COLUMNS = ", ".join(Row._fields)

POLL, TIME, APPROVAL, NEVER = "poll", "time", "approval", "never"
WAITING, SUCCEEDED, FAILED, CANCELED = "waiting", "succeeded", "failed", "canceled"


class PendingRows:
    """What a Transaction can do with asynchronous requests; payloads and answers pass the vault."""

    def add_pending(self, row):
        fields = Row._fields[1:]
        sealed = row._replace(payload=self._vault.seal(
            pending_label(row.correlation, "payload"), row.payload))
        self._db.execute(
            "INSERT INTO pending (%s) VALUES (%s)" % (", ".join(fields), ", ".join("?" * len(fields))),
            sealed[1:])

    def pending(self, correlation):
        """The Row with this correlation value, or None."""
        found = self._pending("correlation = ?", correlation)
        return found[0] if found else None

    def pending_of(self, device):
        """The Rows of a device, oldest first; of every device where it is None."""
        return self._pending("? IS NULL OR device = ?", device, device)

    def count_pending(self, device):
        return self._db.execute(
            "SELECT COUNT(*) FROM pending WHERE device = ?", (device,)).fetchone()[0]

    def _pending(self, condition, *values):
        rows = self._db.execute(
            "SELECT %s FROM pending WHERE %s ORDER BY sequence" % (_COLUMNS, condition), values)
        found = []
        for row in map(Row._make, rows):
            sealed = {part: getattr(row, part) for part in ("payload", "answer")}
            found.append(row._replace(**{
                part: data and self._vault.open(pending_label(row.correlation, part), data)
                for part, data in sealed.items()}))
        return found

    def end_pending(self, correlation, status, answer=None, placeholder=None, expires=None):
        """It is over: how it ended, the answer's bytes, and until when they are kept."""
        if answer is not None:
            answer = self._vault.seal(pending_label(correlation, "answer"), answer)
        self._db.execute(
            "UPDATE pending SET status = ?, answer = ?, placeholder = ?, expires = COALESCE(?, expires)"
            " WHERE correlation = ?", (status, answer, placeholder, expires, correlation))

    def approve_pending(self, correlation, failure=None):
        """What waited for an operator goes on at the device's next request; or fails then."""
        self._db.execute(
            "UPDATE pending SET ready = ?, due = 0, failure = COALESCE(?, failure) WHERE correlation = ?",
            (TIME, failure, correlation))

    def drop_pending(self, now=None, device=None):
        """Remove what has expired, or all that is a device's."""
        self._db.execute("DELETE FROM pending WHERE expires <= ? OR device = ?", (now, device))


def pending_label(correlation, part):
    """The place of a request's "payload" or "answer", for the vault."""
    return "pending/%s/%s" % (part, correlation.hex())
