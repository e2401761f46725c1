"""ESP32 development boards: what meter/start.py asks of a board."""

from machine import Pin

from meter.hardware import feed_at_repl, line, network, reset, watchdog  # noqa: F401

_LED = Pin(2, Pin.OUT)  # on most of them; a pin that leads nowhere does no harm


def led(on):
    _LED.value(on)
