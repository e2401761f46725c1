"""What a hostile peer, or hostile flash, can hand to the firmware: one function a way in, on every runtime.

Each is given bytes, of which the first two choose (an operation, a version, the sizes of pieces), and does
with the rest what the firmware would. It gives what came of it, for tell(), or raises what TARGETS allows;
anything else raised is a bug: Broken is for those that raise nothing by themselves. `tail` stands in the
buffer behind the message: what comes of it must not depend on that.
"""

import gc
import os
import sys
from binascii import crc32

from kmip_lite.client import load
from kmip_lite.message import KmipError, Response
from kmip_lite.ttlv import Decoder, TTLVError

VERSIONS = (12, 10, 11, 13, 14, 20, 21, 12)
VERBS = (
    "activate", "add_attribute", "archive", "cancel", "certify", "check", "create", "create_key_pair",
    "delete_attribute", "derive_key", "destroy", "discover_versions", "get", "get_attribute_list",
    "get_attributes", "get_object", "get_usage_allocation", "locate", "located", "modify_attribute",
    "obtain_lease", "query", "recertify", "recover", "register", "rekey", "rekey_key_pair", "revoke",
    "validate",
)
KEK = b"0123456789abcdef"


class Broken(Exception):
    """A promise was broken."""


def holds(condition, text):
    if not condition:
        raise Broken(text)


class Object:
    """A place for attributes."""


# ---- messages from the server ----


def _more(verb, value, version):
    # What callers do with the value.
    from kmip_lite import attributes, keywrap, objects

    if verb == "get_attributes":
        return attributes.plain(value)
    if verb == "get_attribute_list":
        return [attributes.title(name) for name in value]
    if verb == "get_object":
        parts = objects.Parts(value[0], value[2])
        found = [attributes.plain(parts.attributes), parts.value, parts.kind, parts.bits, parts.split]
        if value[0] == 6:
            found.append(attributes.plain(parts.value))
        if parts.wrapped:
            found.append(keywrap.material(KEK, parts.value, parts.wrapping))
        return found
    if verb == "get" and value.wrapped:
        return keywrap.material(KEK, value.value, value.wrapping)
    return None


def answer(data, tail=b""):
    """A response message, held against an operation: every item of it read, then the end."""
    verb = VERBS[data[0] % len(VERBS)]
    flags = data[1]
    version = VERSIONS[flags & 7]
    operation = load(verb)
    size = len(data) - 2
    response = Response(bytearray(data[2:] + tail), version)
    if flags & 16:
        from kmip_lite.header import Header

        holder = Object()
        holder._request = Object()
        holder._response = response
        Header(holder).client_correlation = "meter"
    response.open(size)
    found = [response.time_stamp()]
    while response.left:
        try:
            response.next(operation.OP, 0, flags & 8 != 0)
            if flags & 32 and verb == "get":
                found.append(operation.response(response.decoder, version, bytearray(64)))
            else:
                found.append(operation.response(response.decoder, version))
                if flags & 64:
                    found.append(_more(verb, found[-1], version))
        except KmipError as error:
            found.append(error)
    response.end()
    return found


def items(data, tail=b""):
    """Any message: decoded whole, and searched."""
    d = Decoder(bytearray(data[2:] + tail), 4 + data[0] % 13)
    d.open(len(data) - 2)
    d.next()
    whole = (d.tag, d.kind, d.value())
    d.open(len(data) - 2)
    d.next()
    tag = d.tag
    holds(not d.next(), "something behind the message")
    if d.kind == 1:
        d.enter()
        while d.next():
            if d.kind == 1:
                d.enter()
                while d.find(0x420094):  # passes over the others
                    d.bytes()
                d.leave()
        d.leave()
    d.open(len(data) - 2)
    holds(d.find(tag) and d.tag == tag, "its tag is not found")
    return whole


class Line:
    """A stream in memory: gives `data` in pieces of at most `piece` bytes (0: any), then its end."""

    def __init__(self, data, piece):
        self.data = data
        self.piece = piece
        self.at = self.closed = 0
        self.sent = b""

    def write(self, buf):
        holds(not self.closed, "written after close()")
        self.sent += bytes(buf)
        return len(buf)

    def readinto(self, buf):
        holds(not self.closed, "read after close()")
        count = min(len(buf), len(self.data) - self.at, self.piece or len(buf))
        buf[:count] = self.data[self.at : self.at + count]
        self.at += count
        return count

    def close(self):
        self.closed += 1


class Awaited(Line):
    """The same to await."""

    async def within(self, steps):
        return await steps

    async def write(self, buf):
        return Line.write(self, buf)

    async def readinto(self, buf):
        return Line.readinto(self, buf)


def _now(steps):
    # What a coroutine that waits for nothing gives.
    try:
        steps.send(None)
    except StopIteration as stop:
        return stop.value
    raise Broken("it waits")


# What a client asks, by the second byte: (whether it is a batch, verb, arguments and so on).
_CALLS = (
    (False, "get", ("key-1",), {}),
    (False, "get_usage_allocation", ("key-1", 100), {}),
    (True, "recertify", ("cert-1",), {"csr": b"csr", "offset": 0}),
    (False, "get", ("key-1",), {"into": 1}),
    (False, "agree", (), {}),
    (False, "get_attributes", ("id-1", (("Link", 0x42004A),)), {}),
    (False, "poll", (b"c", "certify"), {}),
    (True, "certify", ("id-1",), {"csr": b"csr"}),
)


def _call(kmip, awaited, choice):
    batch, verb, args, named = _CALLS[choice]
    if named.get("into"):
        named = {"into": bytearray(64)}
    if batch:
        made = kmip.batch()
        getattr(made, verb)(*args, **named)
        made.get()
        return _now(made.send(False)) if awaited else made.send(False)
    found = getattr(kmip, verb)(*args, **named)
    return _now(found) if awaited else found


def _exchanges(stream, awaited, choice, version=12):
    # Up to four exchanges on a stream, and what must hold after each.
    if awaited:
        from kmip_lite.aclient import AsyncClient as Client
    else:
        from kmip_lite.client import Client

    kmip = Client(stream, version, 512)
    found = []
    for _ in range(4):
        lost = True
        try:
            found.append(_call(kmip, awaited, choice))
            lost = False
        except (KmipError, TTLVError, OSError) as error:
            lost = not isinstance(error, KmipError)
            found.append(error)
        holds(not any(kmip.buf), "the buffer is not wiped")
        closed = stream.closed if isinstance(stream, Line) else stream._stream.closed
        holds(closed == lost or (choice == 4 and closed == 1), "closed %d times" % closed)
        if lost:
            break
    return found


def client(data, tail=b""):
    """The answers on a connection, through the whole client; blocking or under asyncio."""
    awaited = data[0] & 16 != 0
    line = (Awaited if awaited else Line)(data[2:], data[0] & 15)
    return _exchanges(line, awaited, data[1] & 7, VERSIONS[data[1] >> 3 & 7])


def http(data, tail=b""):
    """The same through HTTP."""
    awaited = data[0] & 16 != 0
    line = (Awaited if awaited else Line)(data[2:], data[0] & 15)
    if awaited:
        from kmip_lite.ahttps import AsyncStream as Stream
    else:
        from kmip_lite.https import Stream
    return _exchanges(Stream(line, "kmip.example", "/kmip", (8, 256)[data[0] >> 5 & 1]), awaited, data[1] & 7)


# ---- messages that the server sends by itself ----


def _responder(out):
    from kmip_lite.attributes import plain
    from kmip_lite.responder import Responder

    told = []

    def notify(uid, changed):
        told.append((uid, plain(changed)))

    def put(uid, function, replaced, object_type, d, attributes):
        told.append((uid, function, replaced, object_type, d.value(), plain(attributes)))

    return Responder(lambda: 1335514481, notify, put, out=out), told


def _answered(responder, octets):
    # Every answer is whole, and has as many items as it says.
    fault = responder.fault
    holds(fault is None or isinstance(fault, (KmipError, TTLVError)), "a handler's error: %r" % fault)
    size = 8 + int.from_bytes(octets[4:8], "big")
    holds(size <= min(len(octets), len(responder.out)), "an answer past its buffer")
    d = Decoder(bytearray(octets))
    d.open(size)
    d.enter(0x42007B)
    d.enter(0x42007A)
    d.need(0x42000D, 2)
    count = d.small()
    d.leave()
    while d.next():
        count -= 1
    holds(not count, "a batch count that is none")
    return size


def request(data, tail=b""):
    """A request to the device, through its Responder."""
    responder, told = _responder((512, 192, 2048, 30000)[data[0] >> 1 & 3])
    buf = responder.buf
    body = data[2:][: len(buf)]
    for at in range(0, len(buf), len(tail) or len(buf)):
        buf[at : at + len(tail)] = tail[: len(buf) - at]
    buf[: len(body)] = body
    size = responder.length() if len(body) > 7 else 0
    if data[0] & 1 or size > len(body):
        size = len(body)
    found = bytes(responder.out[: responder.answer(size)])
    holds(_answered(responder, found) == len(found), "an answer of another length")
    responder.wipe()
    holds(not any(buf), "the buffer is not wiped")
    return told, found


class _Secure(Line):
    # TLS under the listener: now and then there is nothing yet.
    idle = 0

    def readinto(self, buf):
        self.idle += 1
        return None if self.piece == 15 and self.idle & 1 else Line.readinto(self, buf)


def heard(data, tail=b""):
    """What a key server sends over a connection, through the Listener."""
    from kmip_lite.listener import Listener

    class Quiet(Listener):
        def __init__(self, responder):
            self.responder = responder
            self._timeout = 60000
            self._more()

    responder, told = _responder(512)
    listener = Quiet(responder)
    secure = _Secure(data[2:], data[0] & 15)
    try:
        for _ in listener._messages(Object(), secure):
            pass
    finally:
        at = 0
        while at < len(secure.sent):
            at += _answered(responder, secure.sent[at:])
    return told, secure.sent


# ---- certificates and keys ----


def _walk(reader, end, depth):
    while reader.pos < end:
        tag = reader.peek()
        if tag & 0x20 and depth:
            outer = reader.enter(tag)
            _walk(reader, reader.end, depth - 1)
            reader.leave(outer)
        elif tag == 2:
            reader.integer()
        elif tag == 3:
            reader.bits()
        elif tag == 6:
            reader.oid()
        elif tag == 1:
            reader.flag()
        else:
            reader.next()


def der(data, tail=b""):
    """DER: walked, or read as a key."""
    from identity import p256, rsa
    from identity.der import Reader

    octets = data[2:]
    if data[0] & 3 == 1:
        return p256.read(octets)
    if data[0] & 3 == 2:
        return rsa.numbers(octets)
    reader = Reader(octets + tail, 0, len(octets))
    _walk(reader, len(octets), 20)
    reader.finish()
    return reader.pos


_known = {}


def _line(label):
    # The line of this label in certificates.txt.
    if label not in _known:
        folder = __file__.replace("\\", "/").rpartition("/")[0] or "."
        with open(folder + "/certificates.txt") as file:
            for line in file:
                found, _, octets = line.partition(" ")
                if found == label:
                    _known[label] = bytes.fromhex(octets.strip())
    return _known[label]


def certificate(data, tail=b""):
    """A certificate that the server hands out: looked at as the renewal agent does."""
    from identity import steps, verify, x509

    octets = data[2:]
    label = ("rsa2048", "ec")[data[0] & 1]
    c = x509.Certificate(octets)
    leaf = x509.Certificate(_line(label + "_leaf"))
    found = [
        c.serial, c.issuer, c.subject, c.not_before, c.not_after, c.kind, c.key, c.algorithm, c.signature,
        c.is_ca, c.path_length, c.key_usage, c.extended_usage, c.subject_key_id, c.authority_key_id,
        c.unknown_critical, x509.same_name(c.subject, c.subject), x509.same_name(c.issuer, leaf.subject),
        x509.same_name(leaf.issuer, c.subject),
    ]
    holds(found[16], "its subject is not its own")
    issuers = [_line(label + "_ca"), octets]
    return found, steps.run(verify.certificate(octets, leaf.key, leaf.subject, issuers))


def signature(data, tail=b""):
    """A signature, or a public key, of a certificate."""
    from identity import p256, rsa, steps, x509

    label = ("rsa2048", "ec")[data[0] & 1]
    ca = x509.Certificate(_line(label + "_ca"))
    digest = bytes(range(32))
    verify = (rsa, p256)[data[0] & 1].verify
    if data[0] & 2:
        return steps.run(verify(data[2:], digest, x509.Certificate(_line(label + "_leaf")).signature))
    return steps.run(verify(ca.key, digest, data[2:]))


# ---- flash ----

_FOLDERS = ("journal0", "journal1", "slot0", "slot1")
_made = []


def _spread(data):
    # Up to four files: their lengths stand in front.
    if not _made:
        _made.append(os.getcwd() + "/flash")
        for name in ("",) + tuple("/" + folder for folder in _FOLDERS):
            try:
                os.mkdir(_made[0] + name)
            except OSError:
                pass
    at = 8
    for index, folder in enumerate(_FOLDERS):
        size = data[2 * index] << 8 | data[2 * index + 1] if len(data) >= 8 else 0
        with open("%s/%s/data" % (_made[0], folder), "wb") as file:
            file.write(data[at : at + size])
        at += size
    return _made[0]


def flash(data, tail=b""):
    """Files of the store as whoever wrote to the flash left them. It has to go on from there."""
    from identity import sealed
    from identity.anchors import Anchors
    from identity.journal import Journal
    from identity.slots import Identity, Slots

    root = _spread(data[2:])
    if data[0] & 3 == 1:
        anchors = Anchors(root + "/journal", [b"server"], [b"issuer"])
        return anchors.server, anchors.issuer
    if data[0] & 3 == 2:
        journal = Journal(root + "/journal")
        found = [sealed.read(root + "/slot0/data", b"KLS1"), journal.sequence, journal.value]
        journal.value["left"] = 5
        journal.commit(data[0] & 4 != 0)
        holds(Journal(root + "/journal").value["left"] == 5, "the journal forgets")
        return found
    slots = Slots(root, None, 512)
    using = slots.using
    identity = slots.identity()
    found = [using, identity and identity.key, identity and identity.uid]
    holds((using is None) == (identity is None), "no identity where one is in use")
    staged = slots.stage(Identity(b"new key", b"new cert", b"", "uid"))
    holds(using is None or slots.slot(*using).key == identity.key, "staging has harmed the identity in use")
    holds(using is None or Slots(root, None, 512).identity(), "staging has lost the identity in use")
    slots.state["active"] = staged
    slots.commit()
    holds(Slots(root, None, 512).identity().key == b"new key", "the store forgets")
    return found


# By name: what it is, and what it may raise. TTLVError and ValueError are kept apart: neither is the other.
TARGETS = {
    "answer": (answer, (TTLVError,)),
    "items": (items, (TTLVError,)),
    "client": (client, ()),
    "http": (http, ()),
    "request": (request, ()),
    "heard": (heard, (OSError,)),
    "der": (der, (ValueError,)),
    "certificate": (certificate, (ValueError,)),
    "signature": (signature, ()),
    "flash": (flash, ()),
}


def tell(value, put):
    """Put what came of it, in pieces of a text that is the same on every runtime."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        put(bytes(value).hex() or "")  # MicroPython's of nothing is bytes
    elif isinstance(value, (list, tuple)):
        put("[")
        for item in value:
            tell(item, put)
            put(" ")
        put("]")
    elif isinstance(value, dict):
        put("{")
        for key in sorted(value):
            tell((key, value[key]), put)
        put("}")
    elif isinstance(value, str):
        tell(value.encode(), put)
    elif isinstance(value, OSError):
        put("OSError %s" % value.args[0])
    elif isinstance(value, KmipError):  # its text escapes the server's words as the runtime does
        put(type(value).__name__)
        tell((value.operation, value.status, value.reason, value.message, value.correlation), put)
    elif isinstance(value, Exception):
        put("%s %s" % (type(value).__name__, value))
    elif hasattr(value, "object_type"):
        tell((value.object_type, value.value, value.wrapping, value.kind, value.format, value.bits,
              value.algorithm), put)
    else:
        put(str(value))


def outcome(name, data, tail=b""):
    """What comes of one input, as a text. What may not be raised is raised."""
    pieces = []
    function, allowed = TARGETS[name]
    try:
        tell(function(data, tail), pieces.append)
    except allowed as error:
        tell(error, pieces.append)
    return "".join(pieces)


class Short:
    """A long text, told by its beginning and a checksum: it need not fit into the heap."""

    def __init__(self):
        self.start = ""
        self.sum = 0

    def put(self, piece):
        if len(self.start) < 80:
            self.start += piece[:80]
        self.sum = crc32(piece.encode(), self.sum)


def short(name, data):
    """outcome() in one short line; BUG stands before what may not be raised."""
    made = Short()
    function, allowed = TARGETS[name]
    try:
        value = function(data)
    except Exception as error:
        value = error
        if not isinstance(error, allowed):
            made.put("BUG ")
    tell(value, made.put)
    return "%08x %s" % (made.sum, made.start)


def fits(name, data):
    """Whether an input is one for a heap of 64 KiB."""
    return len(data) < (800 if name == "heard" else 1600) and not (name == "request" and data[0] & 6 == 6)


def main(path):
    """For a runtime at the end of a pipe: the outcomes of a file of inputs, a line each.

    An input is the number of its target, in order of their names, its length in two bytes, and itself.
    """
    names = sorted(TARGETS)
    with open(path, "rb") as file:
        while True:
            head = file.read(3)
            if not head:
                break
            data = file.read(head[1] << 8 | head[2])
            gc.collect()
            print(short(names[head[0]], data))


if __name__ == "__main__":
    main(sys.argv[1])
