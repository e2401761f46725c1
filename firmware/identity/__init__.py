"""The keys and certificates of a device, and their renewal.

What a renewal needs for moments (arithmetic, certificates, requests) is imported where it is used and let
go of after it: between renewals, and while a TLS connection takes its part of the heap, only slots, clock
and agent are there.
"""

import sys


def let_go(kept):
    """Unload what was imported of this package since `kept`, the names that were in sys.modules then."""
    for name in list(sys.modules):
        if name not in kept and name.startswith("identity."):
            delattr(sys.modules["identity"], name[9:])
            del sys.modules[name]
