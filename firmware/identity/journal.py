"""A dict of JSON types that survives cuts of power: record n lies in file n modulo 2."""

import json

from micropython import const

from identity import sealed

_KIND = const(b"KLJ1")
_MOST = const(0x3FFFFFFF)  # records: no flash lasts so long


class Journal:
    """One dict.

    path       where the directories PATH0 and PATH1, with a file each, are made; the folder two above
               the files exists
    room       octets to keep for each file, a multiple of 512

    value      the dict as it was last committed, {} on a new device; change it, then commit()
    sequence   number of the record it came from, 0 where there was none

    The constructor raises nothing for what it finds. It only reads, unless a cut fell into
    commit(scrub=True): that it finishes. Allocates a record at a time, and its value.
    """

    def __init__(self, path, room=512):
        self._path = path
        self._room = room
        self.sequence = unscrubbed = 0
        self.value = {}
        for number in (0, 1):
            record = sealed.read(self._file(number), _KIND)
            try:
                head, text = record[1]
                sequence = int.from_bytes(head[1:], "big")
                if self.sequence < sequence < _MOST:
                    self.value = dict(json.loads(text))
                    self.sequence = sequence
                    unscrubbed = head[0]
            except (TypeError, ValueError):
                pass  # no record, or one that no version of this file has written
        if unscrubbed:
            try:
                self.commit()
            except OSError:
                pass  # at the next start, or with the next commit

    def _file(self, number):
        return "%s%d/data" % (self._path, number)

    def commit(self, scrub=False):
        """Make `value` last; it does when this returns.

        The record before it stays in the other file, secrets included, until the next commit(). With
        scrub that one is overwritten too, by the next start at the latest. Allocates the value as JSON.

        Raises OSError: then the next start finds the old value or the new one.
        """
        text = json.dumps(self.value).encode()
        for number in (0, 1):
            sealed.make_room(self._file(number), self._room)
        # A record starts with 1 where the other file is still to be overwritten, and its number.
        for head in (b"\1", b"\0") if scrub else (b"\0",):
            sequence = self.sequence + 1
            sealed.write(self._file(sequence & 1), _KIND, (head + sequence.to_bytes(4, "big"), text))
            self.sequence = sequence
