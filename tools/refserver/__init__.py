"""A strict stand-alone KMIP server, for tests and demonstrations.

    from tools.refserver import Server, init
    init("state", life=20)
    with Server("state") as server: ...

It shares no code with the client in firmware/. See `python -m tools.refserver --help`.
"""

from .engine import Engine
from .policy import Identity
from .server import Server
from .setup import init

__all__ = ["Engine", "Identity", "Server", "init"]
