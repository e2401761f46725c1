"""What the tests wait for, and a port that nobody else takes meanwhile.

Four tests run at once on two processors: a wait ends when the thing has happened, and its bound is for what
never happens.
"""

import socket
import time

import pytest

PATIENCE = 60  # seconds for any one thing to happen


def wait_for(condition, what="", seconds=PATIENCE):
    """Wait until condition() is true; fails the test with `what` if that does not come about."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            pytest.fail("did not happen: %s" % (what or condition))
        time.sleep(0.02)


def reserve():
    """A socket on a free port that does not listen: who connects is refused, nobody else is given the port,
    and a server that sets SO_REUSEADDR can have it beside (as Listener does, and tools.refserver)."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", 0))
    return sock
