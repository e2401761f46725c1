"""Discover Versions: which versions of KMIP the server speaks (1.1-1.4 section 4.26, 2.x 6.1.16).

A 1.0 server does not know the operation: Operation Not Supported (reason 5) means 1.0.
"""

from micropython import const

_STRUCTURE = const(1)
_INTEGER = const(2)

_TAG_PROTOCOL_VERSION = const(0x420069)
_TAG_PROTOCOL_VERSION_MAJOR = const(0x42006A)
_TAG_PROTOCOL_VERSION_MINOR = const(0x42006B)

_REASON_OPERATION_NOT_SUPPORTED = const(5)

OP = 0x1E


def request(e, version, versions=()):
    """Write the payload: the versions asked about, most preferred first, as numbers (12 is 1.2).

    Without any, the server lists all of its own. The answer is a list of such numbers, the server's
    most preferred first; it is empty where none is shared.
    """
    for number in versions:
        e.begin(_TAG_PROTOCOL_VERSION)
        e.integer(_TAG_PROTOCOL_VERSION_MAJOR, number // 10)
        e.integer(_TAG_PROTOCOL_VERSION_MINOR, number % 10)
        e.end()


def response(d, version):
    """The list of versions, as numbers. Allocates it."""
    found = []
    while d.find(_TAG_PROTOCOL_VERSION, _STRUCTURE):
        d.enter()
        d.need(_TAG_PROTOCOL_VERSION_MAJOR, _INTEGER)
        major = d.integer()
        d.need(_TAG_PROTOCOL_VERSION_MINOR, _INTEGER)
        minor = d.integer()
        if 0 < major < 10 and 0 <= minor < 10:  # others have no number, and do not exist
            found.append(major * 10 + minor)
        d.leave()
    return found


def highest(versions, found):
    """The highest of `versions` that the server knows too, 0 where there is none; `found` is its answer, a
    list, or the error (KmipError) in place of one, which is raised unless it means 1.0."""
    if not isinstance(found, list):
        if found.reason != _REASON_OPERATION_NOT_SUPPORTED:
            raise found
        found = (10,)
    best = 0
    for version in versions:
        if version in found:
            best = max(best, version)
    return best
