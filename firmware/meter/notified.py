"""Listens for what the key server tells by itself, where config.json has "listen": {"port": 5697}.

A Notify of our own certificate or key only makes a renewal due; the agent finds out what is to be done, and
nothing that is told here discards an identity.
"""

import asyncio
import gc

from micropython import const

from kmip_lite.listener import Listener, context
from kmip_lite.responder import Responder

_TAG_LINK = const(0x42004A)
_TAG_STATE = const(0x42008D)

_LINK_REPLACEMENT_OBJECT = const(0x106)
_STATE_DEACTIVATED = const(3)  # and beyond: compromised, destroyed

_LOOK = const(1)  # seconds between two looks at the port
_REST = const(5)  # seconds behind a connection, so that strangers cannot keep the meter from its work
_AGAIN = const(60)  # seconds between two tries to have the port
_SELDOM = const(600)  # seconds from one renewal that was asked for to the next


class Told:
    """The handler of Notify: `called` once a renewal is due that was not."""

    def __init__(self, meter):
        self._meter = meter
        self._asked = None

    def notify(self, uid, changed):
        """Have the certificate renewed if it is told that it was replaced or revoked, and the key changed if
        it is told that that was."""
        meter = self._meter
        agent = meter.agent
        own = agent.own()
        now = meter.clock.now()
        if own is None or agent.state != "STABLE":
            return
        # (Where the clock has gone back since, it was another time.)
        if self._asked is not None and self._asked <= now < self._asked + _SELDOM:
            return
        mode = ""
        for name, _, value in changed:
            ended = name in ("State", _TAG_STATE) and value and value >= _STATE_DEACTIVATED
            if uid == own.public_uid and ended:
                mode = "rotate"
            elif uid == own.uid and (ended or name in ("Link", _TAG_LINK) and _replaced(value)):
                mode = "renew"
        if mode:
            self._asked = now
            meter.log("meter: the key server tells of %s: %s" % (uid, mode))
            agent.request(mode)
            meter.called = True


def _replaced(link):
    return bool(link) and link[0][2] == _LINK_REPLACEMENT_OBJECT


async def listen(meter):
    """Take one connection at a time, when the meter has no other, for ever."""
    config = meter.config
    where = config["listen"]
    responder = Responder(meter.clock.now, Told(meter).notify)
    listener = None
    while listener is None:
        try:
            listener = Listener(
                responder, where.get("host", "0.0.0.0"), where["port"], config.get("timeout", 10)
            )
        except OSError as error:  # no network yet, or the port is another's
            meter.failed("listen", error)
            await asyncio.sleep(_AGAIN)
    try:
        while True:
            await asyncio.sleep(_LOOK)
            if meter.lock.locked() or not meter.slots.using:
                continue
            sock = listener.accept()
            if sock is None:
                continue
            await meter.lock.acquire()
            try:
                gc.collect()
                own = meter.slots.identity()
                made = context(meter.anchors.server, own.cert, own.key)
                count = await listener.aserve(sock, made, config["server_name"])
                meter.note("told", count=count)
            except Exception as error:
                meter.failed("told", error)
            finally:
                meter.lock.release()
            sock.close()
            if listener.error is not None:
                meter.log("meter: told: %s" % listener.error)
            await asyncio.sleep(_REST)
    finally:
        listener.close()
