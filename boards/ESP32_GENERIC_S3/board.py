"""ESP32-S3 development boards: what meter/start.py asks of a board."""

from machine import Pin
from neopixel import NeoPixel

from meter.hardware import feed_at_repl, line, network, reset, watchdog  # noqa: F401

_LED = NeoPixel(Pin(48), 1)  # as on Espressif's own; a pin that leads nowhere does no harm


def led(on):
    _LED[0] = (0, 8 * on, 0)
    _LED.write()
