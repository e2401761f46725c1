"""The meter's connections to the key server, as the renewal agent and the meter use them."""

import gc
import sys

from micropython import const

from identity import let_go
from identity.clock import seconds
from kmip_lite import tls
from kmip_lite.client import Client
from kmip_lite.message import KmipError

_LONGEST = const(4096)  # bytes of a server's certificate that is looked at
_REASON_INVALID_MESSAGE = const(4)

VERSIONS = (14, 13, 12, 11, 10)  # of KMIP, that a meter agrees on with its server: the agent speaks 1.x


class World:
    """At most one connection at a time: a TLS connection takes a fifth of a small board's heap.

    `config`: host, port, server_name, timeout (seconds), buffer (bytes), version (0: ask the server).
    `anchors`: an Anchors, for the certificates that the server's chain may end in. `report(identity)`:
    has a usage report accepted: "accepted", "refused" or "offline". `tick()` feeds a watchdog. `connect`:
    what takes the place of tls.connect(): a uart.Line's, where the network is a modem.
    """

    def __init__(self, config, anchors, clock, report, tick, connect=tls.connect):
        self._config = config
        self._anchors = anchors
        self._clock = clock
        self._client = None
        self._latest = 0
        self._anchor = None
        self._buf = bytearray(config.get("buffer", 2048))
        self.report = report
        self.tick = tick
        self._connect = connect
        self.version = config.get("version", 0)
        # What all connections cost together.
        self.connections = 0
        self.round_trips = 0
        self.sent = 0
        self.received = 0

    def open(self, identity):
        """Connect with this identity; raises OSError (TLSError where one side refuses the other)."""
        self.close()
        self._opened(Client(self._connect(*self._address(identity)), self.version or 12, self._buf))
        if not self.version:
            self.version = self._client.agree(VERSIONS)

    # What is done between the waits stands apart from them: AWorld has it in common.

    def _address(self, identity):
        # What connect() takes.
        self._server = b""
        gc.collect()
        config = self._config
        self._anchor = None
        context = tls.context(self._anchors.server, identity.cert, identity.key, self._peer)
        return config["host"], config["port"], context, config["server_name"], config.get("timeout", 10)

    def _opened(self, client):
        self._client = client
        self._header = None
        # How long the server's certificate lasts bounds what its clock may say.
        self._latest = 0
        kept = set(sys.modules)
        try:
            from identity.x509 import Certificate

            self._latest = seconds(Certificate(self._server).not_after)
        except ValueError:
            pass
        finally:
            let_go(kept)
        self._server = b""
        self.connections += 1
        if self._anchor is not None:
            self._anchors.proved("server", self._anchor)

    def _peer(self, der, depth):
        # Within the handshake, from the anchor down to the server's own certificate. It may be anybody's yet.
        if len(der) > _LONGEST:
            return 0
        if depth and self._anchor is None and len(self._anchors.server) > 1:
            self._anchor = bytes(der)
        if not depth:
            self._server = bytes(der)  # read when the handshake has given its memory back
        return 0

    def connected(self):
        """Whether there is a connection."""
        return self._client is not None

    def call(self, calls, asynchronous=False):
        """Exchange one message with an item for each (verb, arguments): a list of values and errors. With
        `asynchronous` the server may answer that it is pending.

        Raises TTLVError and OSError, after which the connection is closed.
        """
        client = self._client
        verb, arguments = self._asked(calls, asynchronous)
        try:
            results = verb(**arguments)
        except KmipError as error:
            results = error
        return self._heard(client, calls, results)

    def _asked(self, calls, asynchronous):
        # What to call, and with which arguments.
        client = self._client
        if client is None:
            raise OSError("not connected")
        # Agreed on anew next time, unless this is answered: the server may have gone back to an older one.
        self.version = self._config.get("version", 0)
        if asynchronous and self._header is None:
            from kmip_lite.header import Header

            self._header = Header(client)
        if self._header is not None:
            self._header.asynchronous = asynchronous
        if len(calls) == 1:
            return getattr(client, calls[0][0]), calls[0][1]
        batch = client.batch()
        for verb, arguments in calls:
            getattr(batch, verb)(**arguments)
        return batch.send, {"check": False}

    def _heard(self, client, calls, results):
        self._clock.hear(client.time_stamp(), self._latest)
        if len(calls) == 1:
            results = [results]
        if getattr(results[0], "reason", 0) != _REASON_INVALID_MESSAGE:
            self.version = client.version
        return results

    def close(self):
        """Close the connection, if there is one."""
        client = self._client
        self._client = None
        if client is not None:
            self.round_trips += client.round_trips
            self.sent += client.sent
            self.received += client.received
            client.close()
            gc.collect()
