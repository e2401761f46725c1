"""meter/wifi.py against a radio that does what a test says: the one part that no computer here has."""

import sys
import time

from check import Skip, raises

SECONDS = 1000


class Radio:
    """Stands for network.WLAN of either port: `wrong`, `there` say what a try comes to."""

    IF_STA = 0
    PM_NONE = 7

    def __init__(self, kind=0):
        self.tries = []
        self.up = False
        self.there = True
        self.wrong = False
        self.broken = False
        self.status_now = 0
        self.options = {}
        self.active_now = False

    def active(self, on):
        self.active_now = on

    def config(self, **options):
        self.options.update(options)

    def isconnected(self):
        return self.up

    def connect(self, ssid, password):
        if self.broken:
            raise OSError("Wifi Internal Error")
        self.tries.append((clock.now, ssid, password))
        self.up = self.there and not self.wrong
        self.status_now = 202 if self.wrong else 1001

    def disconnect(self):
        self.up = False

    def status(self):
        return self.status_now

    def ifconfig(self):
        return ("192.0.2.7", "255.255.255.0", "192.0.2.1", "192.0.2.1")


class Network:
    """The module."""

    STA_IF = 0
    STAT_WRONG_PASSWORD = 202
    made = None
    countries = []

    def WLAN(kind):  # noqa: N805 (a function of a module)
        Network.made = Radio()
        return Network.made

    def country(code):  # noqa: N805
        Network.countries.append(code)


class Clock:
    """Milliseconds that wrap soon after the start."""

    now = 0
    mask = (1 << 22) - 1

    def ticks_ms(self):
        return (self.now + 3000000) & self.mask

    def ticks_diff(self, a, b):
        half = (self.mask + 1) // 2
        return ((a - b + half) & self.mask) - half


clock = Clock()


def made(**config):
    """(Wifi, its radio, the lines it logs)."""
    sys.modules["network"] = Network
    sys.modules.pop("meter.wifi", None)
    from meter import wifi

    wifi.network = Network
    wifi.time = clock
    clock.now = 0
    lines = []
    it = wifi.Wifi(dict(config, ssid="depot", password="secret word"), lines.append)
    return it, Network.made, lines


def run(it, seconds):
    for _ in range(seconds):
        it.look()
        clock.now += SECONDS


def test_it_connects_and_says_so():
    it, radio, lines = made(country="DE")
    assert radio.active_now and not it.connected() and Network.countries[-1] == "DE"
    assert radio.options == {"pm": 7}
    run(it, 3)
    assert it.connected() and lines == ["wifi: 192.0.2.7"]
    assert radio.tries == [(0, "depot", "secret word")]


def test_a_network_that_goes_and_comes_back():
    it, radio, lines = made()
    run(it, 3)
    radio.up = radio.there = False
    run(it, 2)
    assert not it.connected() and lines[-1] == "wifi: lost"
    run(it, 100)
    assert len(radio.tries) > 2
    radio.there = True
    run(it, 400)
    assert it.connected() and lines[-1] == "wifi: 192.0.2.7"
    before = len(radio.tries)
    run(it, 3000)  # past the wrap of the ticks
    assert it.connected() and len(radio.tries) == before
    radio.up = False
    run(it, 5)
    assert it.connected() and len(radio.tries) == before + 1  # at once, not after the long pause


def test_no_network_is_tried_less_and_less_often():
    it, radio, lines = made()
    radio.there = False
    run(it, 4000)
    gaps = [radio.tries[n + 1][0] - radio.tries[n][0] for n in range(len(radio.tries) - 1)]
    assert gaps[:3] == [35000, 40000, 50000] and max(gaps) == gaps[-1] == 330000
    assert lines[0] == "wifi: no depot (status 1001)"


def test_a_wrong_password_is_told_at_once_and_never_shown():
    it, radio, lines = made()
    radio.wrong = True
    run(it, 3)
    assert lines == ["wifi: depot refuses the password"]
    run(it, 590)
    assert len(radio.tries) == 1
    radio.wrong = False
    run(it, 20)
    assert it.connected() and len(radio.tries) == 2
    assert not [line for line in lines if "secret" in line]


def test_keep_goes_on_when_the_driver_raises():
    try:
        from asyncio import create_task, sleep
        from asyncio import run as run_tasks
    except ImportError:
        raise Skip("no asyncio.run here")
    it, radio, lines = made()
    radio.broken = True
    raises(OSError, it.look)

    async def main():
        task = create_task(it.keep())
        await sleep(0.01)
        task.cancel()

    it, radio, lines = made()
    radio.broken = True
    run_tasks(main())
    assert lines == ["wifi: Wifi Internal Error"]

    # A full heap at the wrong moment is no end either.
    def full(*_):
        raise MemoryError("full")

    it, radio, lines = made()
    radio.isconnected = full
    run_tasks(main())
    assert lines == ["wifi: full"]
    del radio.isconnected
    radio.broken = False
    clock.now += 10 * SECONDS
    run(it, 3)
    assert it.connected()
    sys.modules.pop("network", None)
    assert time is not clock
