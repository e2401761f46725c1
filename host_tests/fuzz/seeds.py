"""Good inputs of each target to begin with: what the other tests have, this project's vectors and OASIS's."""

import json
import random
from base64 import b64encode
from hashlib import sha256

import hostile
import messages as m
import test_https
import test_message
import test_objects
import test_ops
import test_responder
from mutate import Seed, der, http, noise, raw, ttlv
from ports import ROOT

from tools.kmipdump import inputs

VERSION_OF = {12: 0, 10: 1, 11: 2, 13: 3, 14: 4, 20: 5, 21: 6}
CODES = test_ops.CODES


def vectors():
    """(bytes, kind, operation's name or "") of the messages of both collections, where they are."""
    found = []
    for row in json.loads((ROOT / "host_tests" / "vectors" / "own.json").read_text()):
        data = bytes.fromhex(row["hex"])
        found.append((data, "request" if data[2] == 0x78 else "response", ""))
    for above in (ROOT.parent, ROOT.parents[1]):
        path = above / "shared" / "vectors" / "oasis-1.2.json"
        if path.exists():
            found += [(bytes.fromhex(row["hex"]), row["kind"], row["operations"][0])
                      for row in json.loads(path.read_text())]
            break
    return found


def _answers():
    for verb, _, versions, payload, _, _ in test_ops.ANSWERS:
        for version in versions if verb in hostile.VERBS else ():
            choice = hostile.VERBS.index(verb), VERSION_OF[version]
            yield Seed(choice, m.success(CODES[verb], *payload, version=version), (0, 0x70))
    names = {operation: name for name, operation in test_ops.OPERATIONS.items()}
    for operation, payload in test_message.OPERATIONS:
        verb = hostile.VERBS.index(names[operation])
        for batch in (False, True):
            its = 1 if batch else None
            for item in (m.item(operation.OP, payload, its), m.failure(operation.OP, its=its),
                         m.item(operation.OP, None, its, m.PENDING, correlation=b"c")):
                yield Seed((verb, batch << 3), m.message(item), (0, 0x70))
            many = [m.item(operation.OP, payload, number) for number in (1, 2, 3)]
            yield Seed((verb, 8), m.message(*many), (0, 0x70))
    for _, payload in _objects():
        yield Seed((hostile.VERBS.index("get_object"), 0), m.success(m.GET, *payload), (0, 0x70))
    for data, kind, name in vectors():
        verb = name.lower().replace("-", "").replace(" ", "_")
        if kind == "response" and verb in hostile.VERBS:
            yield Seed((hostile.VERBS.index(verb), 0), data, (0, 0x70))


def _objects():
    objects, attribute = test_objects.objects, test_objects.attribute
    mode = attribute("Cryptographic Parameters", (0x0D,))[3]
    group = (attribute("Object Group", "g"), attribute("Name", ("n", 1)))
    wrapped = test_objects.keywrap.wrap(hostile.KEK, bytes(16))
    whole = test_objects.keywrap.wrap(hostile.KEK, m.ttlv(0x420045, 1, [m.ttlv(0x420043, 8, bytes(16))]))
    samples = [
        (2, objects.key(b"k" * 16, 1, 3, 128, attributes=group)),
        (2, objects.key(b"k" * 16, 7)),
        (3, objects.key((b"\x7f" * 64, b"\x03"), 0x0B, 4, 512)),
        (4, objects.key((7, b"\x11" * 32), 0x14, 6, 256, version=14)),
        (5, objects.split(objects.key(b"k" * 16, attributes=group), 3, 1, 2, 1)),
        (6, objects.template(group)),
        (7, objects.secret(objects.key(b"secret", 2, attributes=group))),
        (2, objects.key(bytes(wrapped), 1, 3, 128, wrapping=objects.wrapping("kek", mode, 1))),
        (2, objects.key(bytes(whole), 1, 3, 128, wrapping=objects.wrapping("kek", mode, 2))),
    ]
    for kind, items in samples:
        tag = m.OBJECT_TAGS.get(kind, {5: 0x420089, 6: 0x420090}.get(kind))
        whole = test_objects.encoded(tag, m.STRUCTURE, items)
        yield kind, [m.ttlv(0x420057, m.ENUM, kind), m.uid("u"), whole]


def _every_message():
    found = [Seed((0, 0), data, (0xFF, 0)) for data, _, _ in vectors()]
    found += [Seed((0, 0), seed.data, (0xFF, 0)) for seed in _answers()]
    return found


def _of_calls(free):
    # Answers to what hostile.py's clients ask, by the number of the call.
    key = m.got_key(value=b"k" * 16)
    pair = (m.item(m.RECERTIFY, [m.uid("cert-2")], 1), m.item(m.GET, m.got_certificate(b"c" * 90), 2))
    other = (m.item(m.CERTIFY, [m.uid("cert-2")], 1), m.item(m.GET, m.got_certificate(b"c" * 90), 2))
    pending = m.message(m.item(m.CERTIFY, None, None, m.PENDING, correlation=b"correlation"))
    versions = [m.header(14)[0], m.header(10)[0]]
    link = [m.ttlv(0x42004B, 5, 0x106), m.uid("x")]
    answers = (
        m.success(m.GET, *key) * 3,
        m.success(m.USAGE, m.uid("key-1")) * 2,
        m.message(*pair),
        m.success(m.GET, *key) + m.message(m.failure(m.GET)) + m.success(m.GET, *m.got_opaque(b"x" * 30)),
        m.success(m.DISCOVER, *versions, version=11) + m.success(m.DISCOVER, *versions, version=14),
        m.success(m.GET_ATTRIBUTES, m.uid(), m.attribute("Link", 1, link, 1)),
        pending + m.success(m.CERTIFY, m.uid("cert-2")),
        m.message(*other) + m.message(m.item(m.CERTIFY, [m.uid("c")], 1), m.failure(m.GET, its=2)),
    )
    for number, data in enumerate(answers):
        yield Seed((0, number), data, free)
        yield Seed((0, number), m.message(m.failure(m.GET)), free)


def _of_http():
    for seed in _of_calls((0, 0)):
        body = seed.data[: 8 + int.from_bytes(seed.data[4:8], "big")]
        for data in (
            test_https.answered(body),
            test_https.answered(body) + test_https.chunked(*test_https.pieces(body, 50)),
            test_https.chunked(*test_https.pieces(body, 60)),
        ):
            yield Seed((0, seed.choice[1]), data, (0x3F, 0), "http")
    for data in (*test_https.GOOD, *test_https.LIES):
        yield Seed((0, 0), data, (0x3F, 0), "http")


def _requests():
    t = test_responder
    for version in (10, 12, 14, 20, 21):
        attribute = [t.ATTRIBUTES_2X] if version >= 20 else [t.MASK, t.GONE, t.NAME]
        gone = [t.REFERENCE, t.REFERENCE_OF_A_VENDOR] if version >= 20 else []
        yield t.request(t.item(t.NOTIFY, [t.UID, *attribute, *gone]), version=version)
        yield t.request(
            t.item(t.NOTIFY, [t.UID, *attribute[:1]], b"1", t.extension(0)),
            t.item(t.PUT, [t.UID, t.REPLACE, t.REPLACED, t.KEY, *attribute[:1]], b"2"), version=version)
        yield t.request(t.item(t.PUT, [t.UID, t.NEW, t.CERTIFICATE]), version=version)
    yield t.request(*[t.item(t.NOTIFY, [t.UID, t.MASK], bytes((n,))) for n in range(5)])
    yield t.request(*[t.item(t.NOTIFY, [t.UID], b"%d" % n) for n in range(280)])


def _certificates():
    with open(ROOT / "host_tests" / "portable" / "certificates.txt", encoding="ascii") as file:
        return {line.split()[0]: bytes.fromhex(line.split()[1]) for line in file if line.strip()}


def _ders():
    from identity import p256, steps, x509

    found = _certificates()
    secret = bytes(range(1, 33))
    sec1 = p256.sec1(secret, steps.run(p256.public(secret)))
    yield Seed((1, 0), sec1, (0xFC, 0), "der")
    yield Seed((2, 0), x509.Certificate(found["rsa2048_ca"]).key, (0xFC, 0), "der")
    for data in found.values():
        yield Seed((0, 0), data, (0xFC, 0), "der")


def _signatures():
    from identity import p256, steps, x509

    found = _certificates()
    digest = bytes(range(32))
    secret = bytes(range(1, 33))
    for number, label in enumerate(("rsa2048", "ec")):
        for name in ("_ca", "_leaf"):
            yield Seed((number, 0), x509.Certificate(found[label + name]).signature, (0, 0), "der")
    yield Seed((1, 0), steps.run(p256.sign(secret, digest)), (0, 0), "der")
    yield Seed((2, 0), x509.Certificate(found["rsa2048_ca"]).key, (0, 0), "der")


def sealed(kind, fields):
    """A record as identity/sealed.py describes it."""
    head = kind + bytes((len(fields) & 0xFF,)) + b"".join(
        (len(field) & 0xFFFF).to_bytes(2, "big") for field in fields)
    body = head + b"".join(fields)
    return body + sha256(body).digest()


def spread(files):
    """Up to four files in one input, as hostile.flash() takes them apart."""
    files = [*files, b"", b"", b""][:4]
    return b"".join(len(file).to_bytes(2, "big") for file in files) + b"".join(files)


def _journal(text, sequence, scrub=0):
    return [bytes((scrub,)) + sequence.to_bytes(4, "big"), text]


class Flash(Seed):
    """The files of a store: lists of fields, sealed after they were changed, or damaged when sealed."""

    def __init__(self, choice, files):
        super().__init__(choice, spread([sealed(*file) for file in files]), (0xFC, 0), "flash")
        self.files = files


def flash(r, seed, others):
    files = []
    for kind, fields in seed.files:
        if seed.choice[0] != 1:  # whoever can seal other anchors needs no bug
            fields = [noise(r, field) if r.random() < 0.2 else field for field in fields]
            if r.random() < 0.1:
                del fields[r.randrange(len(fields))]
            if r.random() < 0.1:
                fields.append(r.randbytes(r.randrange(9)))
        file = sealed(kind, fields)
        if r.random() < 0.4:
            file = noise(r, file)
        files.append(file + bytes(r.choice((0, 0, 40))))
    return spread(files)


def _flashes():
    slot = [b"key", b"cert", b"csr", b"uid", "schlüssel".encode()]
    checksum = sha256(sealed(b"KLS1", slot)[:-32]).hexdigest()
    state = json.dumps({"active": [0, checksum], "state": "STABLE"}).encode()
    slots = [(b"KLS1", slot), (b"KLS1", slot[:4] + [b""])]
    one = [(b"KLJ1", _journal(b"{}", 1)), (b"KLJ1", _journal(state, 2)), *slots]
    ledger = [(b"KLJ1", _journal(b'{"left": 3}', 1)), (b"KLJ1", _journal(b'{"left": 4}', 2, 1)), slots[0]]
    kept = json.dumps({"server": ["00ff", "01"], "issuer": ["aa"]}).encode()
    anchors = [(b"KLJ1", _journal(kept, 3))]
    yield Flash((0, 0), one)
    yield Flash((1, 0), anchors)  # read with the same choice, always
    yield Flash((2, 0), ledger)


def _dumps():
    forms = inputs.FORMATS
    for number, (data, _, _) in enumerate(vectors()):
        yield Seed((forms.index("binary"), 0), data, (0, 3))
        if number % 8 == 0:
            text = data.hex()
            trace = "x request %d bytes\n  %s\n  %s\n" % (len(data), text[:64], text[64:])
            made = {"hex": text.encode(), "base64": b64encode(data), "trace": trace.encode()}
            for form in made:
                yield Seed((forms.index(form), 0), made[form], (0, 3), "text")


# By target: its share of the messages, its seeds, its mutations with their weights.
PLANS = {
    "answer": (600, _answers, ((9, ttlv), (1, raw))),
    "items": (200, _every_message, ((9, ttlv), (2, raw))),
    "client": (50, lambda: _of_calls((0x1F, 0)), ((9, ttlv), (1, raw))),
    "http": (30, _of_http, ((9, http), (1, raw))),
    "request": (60, lambda: [Seed((0, 0), data, (7, 0)) for data in _requests()], ((9, ttlv), (1, raw))),
    "heard": (6, lambda: [Seed((0, 0), data * 2, (15, 0)) for data in list(_requests())[:-1]],
              ((9, ttlv), (1, raw))),
    "der": (30, _ders, ((9, der), (1, raw))),
    "certificate": (22, lambda: [Seed((0, 0), data, (1, 0), "der") for data in _certificates().values()],
                    ((9, der), (1, raw))),
    "signature": (1, _signatures, ((5, der), (5, raw))),
    "dump": (1, _dumps, ((6, ttlv), (4, raw))),
    "flash": (1, _flashes, ((9, flash), (1, raw))),
}


class Plan:
    """The inputs of a target: make(random.Random) gives one."""

    def __init__(self, name):
        self.name = name
        self.share, seeds, mutations = PLANS[name]
        self.seeds = list(seeds())
        self.how = [how for weight, how in mutations for _ in range(weight)]

    def make(self, r):
        seed = r.choice(self.seeds)
        return seed.head(r) + r.choice(self.how)(r, seed, self.seeds)


def plans(names=()):
    """The Plans of these targets, or of all."""
    return [Plan(name) for name in (names or PLANS)]


def schedule(made, count, r):
    """`count` plans, by their shares."""
    return r.choices(made, [plan.share for plan in made], k=count)


def block(made, seed, number, count):
    """The inputs number `number * count` and following of the run with this seed: (name, bytes)."""
    r = random.Random("%s:%d" % (seed, number))
    for plan in schedule(made, count, r):
        yield plan.name, plan.make(r)
