"""A small dict of JSON types that survives cuts of power: record n lies in file n modulo 2."""

import json

from micropython import const

from identity import sealed

_KIND = const(b"KLJ1")


class Journal:
    """`value`: the dict as it was last committed, {} on a new device; change it and commit().

    path    where the two directories PATH0 and PATH1 with a file each are made, two levels below one
            that exists
    room    octets to keep for each, a multiple of 512

    The constructor only reads and raises nothing for what it finds. Allocates both records, then the value.
    """

    def __init__(self, path, room=512):
        self._path = path
        self._room = room
        self._sequence = 0
        self.value = {}
        text = None
        for number in (0, 1):
            record = sealed.read(self._file(number), _KIND)
            if record:
                sequence = int.from_bytes(record[1][0], "big")
                if sequence > self._sequence:
                    self._sequence = sequence
                    text = record[1][1]
        self.found = text is not None
        if text:
            self.value = json.loads(text)

    def _file(self, number):
        return "%s%d/data" % (self._path, number)

    def make_room(self):
        """Make the files at full size. Raises OSError."""
        for number in (0, 1):
            sealed.make_room(self._file(number), self._room)

    def commit(self, scrub=False):
        """Make `value` last; it does when this returns.

        The record before it stays in the other file, secrets included; with `scrub` that one is
        overwritten too. Allocates the value as JSON. Raises OSError: then the next start finds the
        old value or the new one.
        """
        text = json.dumps(self.value).encode()
        self.make_room()
        for _ in range(2 if scrub else 1):
            sequence = self._sequence + 1
            path = self._file(sequence & 1)
            sealed.write(path, _KIND, (sequence.to_bytes(4, "big"), text))
            self._sequence = sequence
