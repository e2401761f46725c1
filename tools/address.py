"""HOST:PORT and NAME=HOST:PORT on a command line."""

import argparse


def split(text):
    """(host, port) of HOST:PORT, [HOST]:PORT for IPv6; ValueError."""
    host, _, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) >= 1 << 16:
        raise ValueError("an address is HOST:PORT, not %r" % text)
    return host.strip("[]"), int(port)


def address(text):
    """As split(), for argparse's `type`."""
    try:
        return split(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error))


def named(text):
    """(name or None, address) of NAME=HOST:PORT, of which the name may be left out."""
    name, equals, rest = text.rpartition("=")
    return (name if equals else None), address(rest)
