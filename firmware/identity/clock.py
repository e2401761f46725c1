"""What time it is, for a device whose clock may be wrong, missing or lied to.

A moment is seconds since 1970, an int. The floor is a moment that is certainly past: it only ever
rises, with the build and with the notBefore of certificates that were verified to a pinned anchor.
What a server says moves the volatile clock alone, and never beyond what its own certificate allows.
"""

import time

from micropython import const

_DAY = const(86400)
_TOLERANCE = const(120)  # seconds by which the board's clock may differ from the server's
_EPOCH_2000 = const(10957)  # days from 1970 to 2000, where the clocks of some ports start


def seconds(moment):
    """Seconds since 1970 of a certificate's (days, seconds)."""
    return moment[0] * _DAY + moment[1]


class Clock:
    """`floor`: seconds since 1970. `set_rtc`: called with seconds since 1970 when the board's clock is
    found wrong, for boards that have no other source of time; None leaves the board's clock alone."""

    def __init__(self, floor=0, set_rtc=None):
        self.floor = floor
        self.heard = 0  # what a server said last, 0 where none has told the time since the start
        self._set_rtc = set_rtc
        self._offset = 0
        self._known = True
        self._epoch = _EPOCH_2000 * _DAY if time.gmtime(0)[0] == 2000 else 0

    def now(self):
        """Seconds since 1970; never below the floor, from where a clock that has lost its time goes on."""
        raw = self._raw()
        if not self._known and raw >= self.floor:  # somebody has set the board's clock
            self._known = True
            self._offset = 0
        now = raw + self._offset
        if now < self.floor:
            self._known = self._known and now >= self.floor - _TOLERANCE
            self._offset += self.floor - now
            now = self.floor
        return now

    def _raw(self):
        return int(time.time()) + self._epoch

    def known(self):
        """False while the clock is no better than the floor: the board has lost its time."""
        self.now()
        return self._known

    def raise_floor(self, moment):
        """Note that `moment`, seconds since 1970, is past."""
        if moment > self.floor:
            self.floor = moment

    def hear(self, stamp, latest):
        """Take a server's Time Stamp, at most `latest`, the notAfter of its verified certificate.

        A certificate that ended before the floor says nothing of the time.
        """
        if latest < self.floor:
            return
        stamp = max(self.floor, min(stamp, latest))
        known = self.known()
        self._known = True
        self.heard = stamp
        if known and -_TOLERANCE <= stamp - self.now() <= _TOLERANCE:
            return
        self._offset = stamp - self._raw()
        if self._set_rtc is not None:
            self._set_rtc(stamp)
            self._offset = stamp - self._raw()
