"""The keys and certificates of a device, and their renewal.

What a renewal needs for moments (arithmetic, certificates, requests, the jobs themselves) is imported where
it is used and let go of after it: between renewals, and while a TLS connection takes its part of the heap,
only slots, clock and agent are there.
"""

import gc
import sys

from micropython import const

_MOMENTS = const(
    "identity.jobs identity.csr identity.verify identity.p256 kmip_lite.batch kmip_lite.ops.get "
    "kmip_lite.ops.recertify"
)


def preload():
    """Import what a renewal will import, and let go of it again. To be done once, at the start: names that
    are not frozen stay in MicroPython's heap for ever, and later would lie scattered through it."""
    kept = set(sys.modules)
    for name in _MOMENTS.split():
        __import__(name)
    let_go(kept)


def let_go(kept):
    """Unload what was imported of this package, and of the client's operations, since `kept`, the names that
    were in sys.modules then. Raises nothing: in a heap that is full it is left for another time."""
    found = False
    try:
        for name in set(sys.modules).difference(kept):
            package, _, child = name.rpartition(".")
            if package in ("identity", "kmip_lite.ops"):
                del sys.modules[name]
                found = True
                if hasattr(sys.modules[package], child):  # not where its import has failed
                    delattr(sys.modules[package], child)
    except MemoryError:
        pass
    if found:
        gc.collect()
