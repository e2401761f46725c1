"""What is seen of a meter from outside: its events and its log, real and lean alike."""

import re
import time

_AGAIN = re.compile(r"renewal: (\w+), again in (\d+) s \((.*)\)$")


class Observed:
    """One meter.

    renewals  (when, seconds that the old certificate had left, notBefore of the new one)
    failures  (when, state, seconds until the next try, why)
    dues      of each certificate in use: (when it was due, when it would have been without the spread)
    promoted  the Unique Identifiers of the certificates that came into use
    validity  of the one in use
    """

    def __init__(self, device, validity):
        self.device = device
        self.validity = validity
        self.renewals = []
        self.failures = []
        self.dues = []
        self.promoted = []
        self.granted = 0
        self.reports = 0
        self.expired = False
        self.under_way = ""  # the mode of a renewal that has begun
        self.tail = []

    def note(self, name, fields):
        """Take an event as Meter.note() tells it."""
        if name == "report":
            self.reports += 1
        elif name == "allocation":
            self.granted += fields["count"]
        elif name in ("start", "state"):
            self._state(fields)

    def _state(self, status):
        self.under_way = status["mode"]
        if not status["validity"]:
            return
        validity = tuple(status["validity"])
        if not self.promoted:
            self.promoted.append(status["certificate"])
            self._due(validity, status)
        elif validity != self.validity:
            now = time.time()
            self.renewals.append((now, self.validity[1] - now, validity[0]))
            self.expired = self.expired or now > self.validity[1]
            self.promoted.append(status["certificate"])
            self._due(validity, status)
        self.validity = validity

    def _due(self, validity, status):
        begin, end = validity
        self.dues.append((status["due"], begin + (end - begin) * 2 // 3))

    def log(self, line):
        """Take a line of its log."""
        found = _AGAIN.match(line)
        if found:
            self.failures.append((time.time(), found[1], int(found[2]), found[3]))
        self.tail = [*self.tail[-14:], line]

    def late(self):
        """Whether what it uses has expired, or did when it was replaced."""
        return self.expired or time.time() > self.validity[1]
