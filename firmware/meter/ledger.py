"""What is left of the key's usage allocation, so that a cut of power can only lose some of it.

The server counts a grant as used when it makes it. Here a grant is credited on flash only when its
Success has come (a lost answer is a lost grant), and a chunk is taken off on flash before any of it
is used (a crash forfeits the rest of the chunk). All counts are in the key's Usage Limits Unit.
"""


class Ledger:
    """`journal`: keeps a dict in `value` and writes it with commit(). `chunk`: taken off at a time."""

    def __init__(self, journal, chunk):
        self._journal = journal
        self._chunk = chunk
        self._ready = 0

    def left(self):
        """What can still be used."""
        return self._ready + self._journal.value.get("left", 0)

    def credit(self, count):
        """Add a grant. Raises OSError where it cannot be written: the grant is lost then."""
        value = self._journal.value
        value["left"] = value.get("left", 0) + count
        self._journal.commit()

    def spend(self, count):
        """Use so much; False, and nothing is used, where not so much is left. Raises OSError."""
        if self._ready < count:
            value = self._journal.value
            left = value.get("left", 0)
            chunk = min(left, max(self._chunk, count - self._ready))
            if self._ready + chunk < count:
                return False
            value["left"] = left - chunk
            self._journal.commit()
            self._ready += chunk
        self._ready -= count
        return True
