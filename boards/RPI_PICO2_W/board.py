"""Raspberry Pi Pico 2 W: what meter/start.py asks of a board."""

from machine import Pin

from meter.hardware import feed_at_repl, line, network, reset, watchdog  # noqa: F401

_LED = Pin("LED", Pin.OUT)  # at the radio's chip, which must be up for it


def led(on):
    _LED.value(on)
