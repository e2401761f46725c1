"""CPython stand-in for MicroPython's `micropython` module: what firmware/ uses of it, doing nothing.

Every file of firmware/ imports it first, so what CPython's `time` lacks is added here as well.
"""

import time

# MicroPython's clocks: milliseconds that wrap around, at 2**30 on most ports.
_PERIOD = 1 << 30

if not hasattr(time, "ticks_ms"):
    time.ticks_ms = lambda: time.monotonic_ns() // 1_000_000 % _PERIOD
    time.ticks_add = lambda ticks, delta: (ticks + delta) % _PERIOD
    time.ticks_diff = lambda end, start: (end - start + _PERIOD // 2) % _PERIOD - _PERIOD // 2
    time.sleep_ms = lambda milliseconds: time.sleep(milliseconds / 1000)



def const(value):
    return value


def native(function):
    return function


viper = native


def heap_lock():
    """No heap to lock here; the Unix ports run the tests that mean it."""


def heap_unlock():
    return 0
