"""Discover Versions: which versions of KMIP the server speaks (1.1-1.4 section 4.26, 2.x 6.1.16).

A 1.0 server does not know the operation: Operation Not Supported (reason 5) means 1.0.
"""

from micropython import const

_STRUCTURE = const(1)
_INTEGER = const(2)

_TAG_PROTOCOL_VERSION = const(0x420069)
_TAG_PROTOCOL_VERSION_MAJOR = const(0x42006A)
_TAG_PROTOCOL_VERSION_MINOR = const(0x42006B)

OP = 0x1E


def request(e, version, versions=()):
    """Write the payload: the versions asked about, most preferred first, as numbers (12 is 1.2).

    Without any, the server lists all of its own. The answer is a list of such numbers, the server's
    most preferred first; it is empty where none is shared.
    """
    for number in versions:
        e.begin(_TAG_PROTOCOL_VERSION)
        e.put(_TAG_PROTOCOL_VERSION_MAJOR, _INTEGER, number // 10)
        e.put(_TAG_PROTOCOL_VERSION_MINOR, _INTEGER, number % 10)
        e.end()


def response(d, version):
    """The list of versions, as numbers. Allocates it."""
    found = []
    while d.find(_TAG_PROTOCOL_VERSION, _STRUCTURE):
        d.enter()
        d.need(_TAG_PROTOCOL_VERSION_MAJOR, _INTEGER)
        major = d.value()
        d.need(_TAG_PROTOCOL_VERSION_MINOR, _INTEGER)
        minor = d.value()
        if 0 < major < 10 and 0 <= minor < 10:  # others have no number, and do not exist
            found.append(major * 10 + minor)
        d.leave()
    return found
