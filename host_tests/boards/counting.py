"""Runs on an emulated board whose every instruction takes 1 ns (-icount): how many each thing takes.

The timer ticks every 40 instructions, so that a count is right to as many. Everything is the same in every
run: keys, signatures, entropy, the order of events.
"""

import gc
import json
from hashlib import sha256
from time import ticks_cpu, ticks_diff

import emulator
import messages as m
import minica

from identity import csr, p256, steps, x509
from identity.anchors import Anchors
from identity.clock import Clock
from identity.renewal import Agent
from identity.runner import run
from identity.slots import Identity, Slots
from kmip_lite.client import Client
from kmip_lite.message import Request, Response
from kmip_lite.ops import certify, get, get_usage_allocation, recertify
from meter import world

T0 = 1700000000
DAY = 86400
NAME = "meter-0001"
UID = b"af18e07b-953d-43d6-8099-a7a78e474200"
KEY = b"0123456789abcdef"
PER_TICK = 40

counted = []  # (name, instructions), in the order of the table


def count(name, function, *args):
    """Note what a second call takes; the first may import and fill caches."""
    function(*args)
    gc.collect()
    before = ticks_cpu()
    value = function(*args)
    taken = ticks_diff(ticks_cpu(), before)
    counted.append((name, taken * PER_TICK))
    return value


def nothing(*args):
    pass


def codec(operation, arguments, *payload):
    """Functions that encode a request of one operation and decode its answer, in buffers of their own.

    They look up no name but those of the firmware: a name that only this file has would change, by the
    place that MicroPython's look-up cache gives it, how quickly the others are found.
    """
    request = Request(bytearray(2048), 12)
    answer = m.success(operation.OP, *payload)
    size = len(answer)
    response = Response(bytearray(answer), 12)
    decoder = response.decoder
    number = operation.OP
    make = operation.request
    read = operation.read
    found = get.ManagedObject()

    def encode():
        request.start()
        request.item(number)
        make(request.encoder, 12, *arguments)
        request.end_item()
        request.finish()

    def decode():
        response.open(size)
        response.next(number)
        read(decoder, 12)
        response.end()

    def decode_object():
        response.open(size)
        response.next(number)
        read(decoder, 12, found)
        response.end()

    return encode, decode_object if operation is get else decode


class World(world.World):
    """Gives the answers that it was made with, one list a connection; no TLS."""

    answers = ()
    server = b""  # the certificate of what would be the server

    def open(self, identity):
        self.close()
        self._server = self.server
        self._opened(Client(m.Stream(*self.answers.pop(0)), 12, self._buf))


def codecs(request, certificate):
    for name, (encode, decode) in (
        ("Get, of a key", codec(get, (UID,), *m.got_key(value=KEY))),
        ("Get, of a certificate", codec(get, (UID,), *m.got_certificate(certificate))),
        ("Certify", codec(certify, (UID, request), m.uid())),
        ("Re-certify", codec(recertify, (UID, request, 0), m.uid())),
        ("Get Usage Allocation", codec(get_usage_allocation, (UID, 1000), m.uid())),
    ):
        count("%s: encode" % name, encode)
        count("%s: decode" % name, decode)


def renewal(agent, there):
    for _ in range(9):
        run(agent, there)
        if agent.state == "STABLE":
            return
    raise RuntimeError(agent.last)


def main():
    emulator.set_time(T0 + DAY)
    count("nothing", nothing)
    secret, point = minica.key("first")
    subject = csr.name((("CN", NAME),))
    ca = minica.CA()
    info = csr.info(subject, point)
    request = csr.signed(info, minica.sign(secret, info))
    old = ca.issue(subject, point, T0, T0 + 30 * DAY)
    new = ca.issue(subject, point, T0 + DAY, T0 + 31 * DAY)

    codecs(request, old)

    digest = sha256(info).digest()
    signature = steps.run(p256.sign(secret, digest))
    for name, make in (
        ("P-256: new key", p256.generate),
        ("P-256: sign", lambda: p256.sign(secret, digest)),
        ("P-256: verify", lambda: p256.verify(point, digest, signature)),
    ):

        def work(make=make):
            emulator.seed(1)
            return steps.run(make())

        if count(name, work) is False:
            raise RuntimeError(name)
    count("Certificate: parse", x509.Certificate, old)

    minica._signatures.clear()
    minica._verdicts.clear()
    slots = Slots("/slots")
    slots.state["active"] = slots.stage(
        Identity(p256.sec1(secret, point), old, request, "cert-0", "public-0"))
    slots.commit()
    anchors = Anchors("/anchors", [ca.anchor], [ca.anchor])
    clock = Clock()
    agent = Agent(slots, clock, NAME, anchors.issuer, ("get", {"uid": "key-1", "into": bytearray(16)}),
                  anchors=anchors, log=nothing)
    there = World({"version": 12}, anchors, clock, lambda identity: "accepted", nothing)
    there.server = new
    stamp = T0 + DAY
    there.answers = [
        [m.message(m.item(m.GET_ATTRIBUTES, [m.uid("cert-0")]), stamp=stamp),
         m.message(m.item(m.RECERTIFY, [m.uid("cert-1")], 1),
                   m.item(m.GET, m.got_certificate(new, 1, "cert-1"), 2), stamp=stamp)],
        [m.message(m.item(m.GET, m.got_key(value=KEY, name="key-1")), stamp=stamp)],
    ]
    agent.request("renew")
    emulator.seed(1)
    gc.collect()
    before = ticks_cpu()
    renewal(agent, there)
    counted.append(("Renewal without TLS", ticks_diff(ticks_cpu(), before) * PER_TICK))
    if slots.identity().uid != "cert-1":
        raise RuntimeError("not renewed: " + agent.last)
    print("@" + json.dumps(counted))
