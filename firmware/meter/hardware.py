"""What the boards' board.py have in common: MicroPython's own watchdog, timer and radio."""

import machine
from micropython import const

_EVERY = const(2000)  # milliseconds


def watchdog(ms):
    """Start the watchdog, which nothing can stop again but a reset; gives what feeds it."""
    return machine.WDT(timeout=ms).feed


def feed_at_repl(feed):
    """Feed it by a timer from now on: whoever sits at the REPL is not thrown out."""

    def fed(timer):
        feed()

    try:
        timer = machine.Timer(-1)
    except ValueError:  # an ESP32 has none but those of its hardware
        timer = machine.Timer(0)
    timer.init(period=_EVERY, mode=machine.Timer.PERIODIC, callback=fed)


def network(config, log):
    """A Wifi where config.json has "wifi"; None where the network is not the meter's business."""
    if "wifi" not in config:
        return None
    from meter.wifi import Wifi

    return Wifi(config["wifi"], log)


def reset():
    """As the reset button does."""
    machine.reset()
