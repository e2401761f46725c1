"""What a board is to meter/start.py, here: it prints what is done to it."""

import time


def led(on):
    print("@led %d %d" % (on, time.ticks_ms()))


def watchdog(ms):
    print("@watchdog %d" % ms)
    return feed


def feed():
    print("@fed")


def network(config, log):
    return None


def line(config):
    return None


def feed_at_repl(feed):
    print("@fed at the REPL")


def reset():
    print("@reset")
