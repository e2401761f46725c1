"""CPython stand-in for MicroPython's `micropython` module: what firmware/ uses of it, doing nothing."""


def const(value):
    return value


def native(function):
    return function


viper = native


def heap_lock():
    """No heap to lock here; the Unix ports run the tests that mean it."""


def heap_unlock():
    return 0
