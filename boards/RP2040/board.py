"""RP2040 boards such as the Raspberry Pi Pico: what meter/start.py asks of a board."""

from machine import Pin

from meter.hardware import feed_at_repl, line, network, reset, watchdog  # noqa: F401

_LED = Pin(25, Pin.OUT)


def led(on):
    _LED.value(on)
