"""Wi-Fi for a board that must come back by itself: connect, look each second, connect again.

Nothing here blocks, so that a network that is away never stops the metering. Each try ends after 30 seconds;
the pause behind it doubles from 5 seconds to 5 minutes. A password that is refused is told at once and tried
again in 10 minutes: some access points refuse a good one while they start.
"""

import asyncio
import time

import network
from micropython import const

_TRY = const(30000)  # milliseconds
_FIRST = const(5000)
_MOST = const(300000)
_REFUSED = const(600000)


class Wifi:
    """`config`: {"ssid", "password", and if need be "country": two letters, "hostname"}. `log` gets one line
    at each change; never the password."""

    def __init__(self, config, log=print):
        self._config = config
        self._log = log
        if "country" in config and hasattr(network, "country"):
            network.country(config["country"])
        if "hostname" in config and hasattr(network, "hostname"):
            network.hostname(config["hostname"])
        self._wlan = wlan = network.WLAN(network.STA_IF)
        wlan.active(True)
        if hasattr(wlan, "PM_NONE"):
            wlan.config(pm=wlan.PM_NONE)  # a meter has mains; asleep, the Pico W's radio answers late
        self._there = False
        self._trying = False
        self._since = time.ticks_ms()  # when the try began, or the pause
        self._pause = 0  # milliseconds
        self._next = _FIRST  # the pause behind a try that fails

    def connected(self):
        """Whether there is a network, as of the last look."""
        return self._there

    def look(self):
        """Do what is due. To be called about once a second."""
        wlan = self._wlan
        now = time.ticks_ms()
        passed = time.ticks_diff(now, self._since)
        there = wlan.isconnected()
        if there != self._there:
            self._there = there
            self._log("wifi: %s" % (wlan.ifconfig()[0] if there else "lost"))
            if there:
                self._trying = False
                self._next = _FIRST
            else:
                self._rest(now, 0)
        elif there:
            return
        elif self._trying:
            status = wlan.status()
            if status == getattr(network, "STAT_WRONG_PASSWORD", None):
                self._log("wifi: %s refuses the password" % self._config["ssid"])
                self._rest(now, _REFUSED)
            elif passed >= _TRY:
                self._log("wifi: no %s (status %s)" % (self._config["ssid"], status))
                self._rest(now, self._next)
                self._next = min(_MOST, 2 * self._next)
        elif passed >= self._pause:
            self._since = now
            self._trying = True
            wlan.connect(self._config["ssid"], self._config.get("password"))

    def _rest(self, now, pause):
        # The radio goes on trying by itself on an ESP32 until it is told not to.
        self._since = now
        self._pause = pause
        self._trying = False
        self._wlan.disconnect()

    async def keep(self):
        """Look each second, for ever. What the radio's driver raises is told, and is no end."""
        while True:
            try:
                self.look()
            except Exception as error:  # a full heap too: nobody else would begin again
                self._log("wifi: %s" % error)
                self._trying = False
                self._since = time.ticks_ms()
                self._pause = self._next
            await asyncio.sleep(1)
