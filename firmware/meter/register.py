"""The emulated meter's register: energy in watt-hours, by a load that changes through the day."""

from time import ticks_diff, ticks_ms

from micropython import const

_MS_PER_HOUR = const(3600000)


class Register:
    """Counts up from `start` watt-hours at about `load` watts from its first reading on."""

    def __init__(self, start=0, load=800):
        self._milli = start * 1000  # thousandths of a watt-hour
        self._load = load
        self._last = ticks_ms()

    def read(self):
        """The energy so far, in watt-hours. To be read more often than ticks_ms() wraps (days)."""
        now = ticks_ms()
        passed = ticks_diff(now, self._last)
        self._last = now
        # A load that wanders between half and one and a half of its mean.
        load = self._load * (50 + (now >> 10) % 100) // 100
        self._milli += load * passed // (_MS_PER_HOUR // 1000)
        return self._milli // 1000
