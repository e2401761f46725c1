"""What the boards' board.py have in common: MicroPython's own watchdog, timer and radio."""

import machine
from micropython import const

_EVERY = const(2000)  # milliseconds
_ROOM = const(1024)  # bytes that wait while the board does arithmetic

_timer = None  # that feeds: one that nobody holds is collected, and stops


def watchdog(ms):
    """Start the watchdog, which nothing can stop again but a reset; gives what feeds it."""
    return machine.WDT(timeout=ms).feed


def feed_at_repl(feed):
    """Feed it by a timer from now on: whoever sits at the REPL is not thrown out."""
    global _timer

    def fed(timer):
        feed()

    try:
        _timer = machine.Timer(-1)
    except ValueError:  # an ESP32 has none but those of its hardware
        _timer = machine.Timer(0)
    _timer.init(period=_EVERY, mode=machine.Timer.PERIODIC, callback=fed)


def network(config, log):
    """A Wifi where config.json has "wifi"; None where the network is not the meter's business."""
    if "wifi" not in config:
        return None
    from meter.wifi import Wifi

    return Wifi(config["wifi"], log)


def line(config):
    """What connects by the modem that config.json has as "line": an AsyncLine's connect; None without."""
    if "line" not in config:
        return None
    from kmip_lite.uart import AsyncLine

    given = config["line"]
    pins = {name: machine.Pin(given[name]) for name in ("tx", "rx") if name in given}
    uart = machine.UART(
        given["uart"], given.get("baud", 115200), timeout=0, timeout_char=0, rxbuf=_ROOM, **pins)
    return AsyncLine(uart).connect


def reset():
    """As the reset button does."""
    machine.reset()
