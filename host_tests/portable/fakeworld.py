"""A world for the renewal agent, on every runtime: a strict key server at the level of verbs, billing, a
clock, a store that reboots, and faults at every point. Everything is determined by what the test sets.

    device = Device("renew")
    device.faults[3] = "after"           # the fourth thing that goes out is done, but its answer is lost
    device.finish()                      # step by step with a reboot after each, invariants checked

What goes out (an open, a call, a report) is numbered from 0 by `device.sent`.
"""

import os
from binascii import hexlify

import minica
import ramdisk

from identity import csr, jobs, p256, renewal, runner, verify, x509
from identity.clock import Clock, seconds
from identity.slots import Identity, Slots
from kmip_lite.message import KmipError, KmipPending
from kmip_lite.ops import get, recertify
from kmip_lite.tls import TLSError
from kmip_lite.ttlv import TTLVError

LOADED = (jobs, verify, get, recertify)  # else the agent would load them anew for each of its jobs

NAME = "meter-0001"
DAY = 86400
T0 = 1700000000
LIFE = 30 * DAY

LINK = 0x42004A
NAME_TAG = 0x420053
CERTIFICATE_LINK, PUBLIC_KEY_LINK, REPLACEMENT, REPLACED = 0x101, 0x102, 0x106, 0x107

# The agent's table, (state, event, next state, method), and (state, event, so often in a row, another event).
ROWS = []
AFTER = []
for line in renewal.TABLE.strip().split("\n"):
    row = line.split("|")
    if not row[2]:
        row = row[:2] + [row[0], "_later"]
    ROWS.append(tuple(row[:4]))
    if len(row) > 4:
        AFTER.append((row[0], row[1], int(row[4]), row[5]))

GENERAL_FAILURE = 0x100
REASONS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 0x0A, 0x0B, 0x0C, 0x0D, 0x0E, 0x0F, 0x10, 0x15, GENERAL_FAILURE)
(ITEM_NOT_FOUND, TOO_LARGE, NOT_AUTHENTICATED, INVALID_MESSAGE, NOT_SUPPORTED) = (1, 2, 3, 4, 5)
DENIED = 0x0C
ILLEGAL = 0x0B

_CODES = {"register": 3, "certify": 6, "recertify": 7, "locate": 8, "get": 10, "get_attributes": 11,
          "cancel": 25, "poll": 26, "discover_versions": 30}  # fmt: skip


def refusal(verb, reason, message="no\nrenewal: STABLE"):
    return KmipError(_CODES[verb], 1, reason, message)


def tls_refusal():
    error = TLSError(-30592, "the server refuses our certificate")
    error.refused = True
    return error


class Object:
    def __init__(self, uid, kind, value, name=""):
        self.uid = uid
        self.kind = kind
        self.value = value
        self.name = name
        self.links = []


class Server:
    """Registers, certifies and answers for one device, to the letter; and misbehaves on demand.

    now           its clock
    issued        uids of all certificates that it made, in order
    bad           kinds (see minica) of the next certificates; the last is repeated where `always` is set
    pending       polls until what was asked for is done; None: at once
    demands       it answers Operation Not Supported where it may not answer Pending
    batches       False: it refuses a message of several items with this reason
    refuses       a function of (certificate's uid or "bootstrap") saying whether TLS refuses it
    """

    def __init__(self):
        self.ca = minica.CA()
        self.anchors = [self.ca.anchor]
        self.now = T0
        self.life = LIFE
        self.objects = {}
        self.issued = []
        self.bad = []
        self.always = False
        self.made_bad = []
        self.pending = None
        self.demands = False
        self.cancels = True
        self.forgets = False  # what is pending
        self.waiting = {}  # correlation: [polls left, certificate's maker, outcome]
        self.batches = 0
        self.refuses = lambda uid: False
        self.denies = {}  # verb: reason
        self.serial = 0
        self.calls = []
        self.bootstrap_may = True
        self.add("key-1", "key", b"secret of the meter")

    def add(self, uid, kind, value, name=""):
        self.objects[uid] = Object(uid, kind, value, name)
        return self.objects[uid]

    def uid(self, kind):
        self.serial += 1
        return "%s-%d" % (kind, self.serial)

    def uid_of(self, der):
        for uid, found in self.objects.items():
            if found.kind == "certificate" and found.value == der:
                return uid
        return ""

    # Who connects

    def admit(self, identity):
        """The role of an identity, or raises TLSError as its refusal shows."""
        role = ""
        c = minica.good(identity.cert, self.anchors)
        if c is not None:
            point = p256.read(identity.key)[1]
            name = minica.common_name(c.subject)
            role = {NAME: "device", NAME + "-bootstrap": "bootstrap"}.get(name, "")
            if bytes(c.key) != point:
                raise AssertionError("connected with a key that is not the certificate's")
            if not seconds(c.not_before) <= self.now <= seconds(c.not_after) or c.is_ca:
                role = ""
            if role == "device" and self.uid_of(identity.cert) == "":
                role = ""
        if not role or self.refuses("bootstrap" if role == "bootstrap" else self.uid_of(identity.cert)):
            raise tls_refusal()
        return role

    # Messages

    def answer(self, calls, asynchronous, role):
        self.calls.append([verb for verb, _ in calls])
        results = [None] * len(calls)
        if len(calls) > 1 and self.batches:
            results[0] = refusal(calls[0][0], self.batches)
            return results
        placeholder = None
        for index, (verb, arguments) in enumerate(calls):
            try:
                if verb in self.denies:
                    raise refusal(verb, self.denies[verb])
                if role == "bootstrap" and (verb == "recertify" or not self.bootstrap_may):
                    raise refusal(verb, DENIED)
                arguments = dict(arguments)
                uid = arguments.get("uid")
                if uid is None:
                    uid = placeholder
                handler = getattr(self, "do_" + verb)
                results[index] = handler(uid, arguments, asynchronous, role)
                if verb in ("register", "certify", "recertify"):
                    placeholder = results[index]
            except KmipError as error:
                results[index] = error
                break
        return results

    def find(self, verb, uid, kind=None):
        found = self.objects.get(uid)
        if found is None:
            raise refusal(verb, ITEM_NOT_FOUND)
        if kind and found.kind != kind:
            raise refusal(verb, DENIED)
        return found

    def do_discover_versions(self, uid, arguments, asynchronous, role):
        return [12]

    def do_register(self, uid, arguments, asynchronous, role):
        name = [a[3][0][2] for a in arguments["attributes"] if a[1] == NAME_TAG][0]
        if not name.startswith(NAME + "/"):
            raise refusal("register", DENIED)
        if any(found.name == name for found in self.objects.values()):
            raise refusal("register", ILLEGAL, "that name is taken")
        return self.add(self.uid("public"), "public", arguments["value"], name).uid

    def do_certify(self, uid, arguments, asynchronous, role):
        public = self.find("certify", uid, "public")
        subject, point = self.request("certify", arguments["csr"], public.value)
        moment = max([self.now] + [a[3] for a in arguments["attributes"] if a[0] == "Activation Date"])

        def make():
            made = self.make(subject, point, moment, 0)
            made.links.append((PUBLIC_KEY_LINK, public.uid))
            public.links.insert(0, (CERTIFICATE_LINK, made.uid))
            return made.uid

        return self.perhaps_later("certify", make, asynchronous)

    def do_recertify(self, uid, arguments, asynchronous, role):
        old = self.find("recertify", uid, "certificate")
        if any(kind == REPLACEMENT for kind, _ in old.links):
            raise refusal("recertify", DENIED, "renewed already")
        if arguments["offset"] != 0:
            raise refusal("recertify", INVALID_MESSAGE)
        public = [self.objects[to] for kind, to in old.links if kind == PUBLIC_KEY_LINK][0]
        subject, point = self.request("recertify", arguments["csr"], public.value)
        try:
            end = seconds(x509.Certificate(old.value).not_after)
        except ValueError:
            end = 0

        def make():
            if any(kind == REPLACEMENT for kind, _ in old.links):
                raise refusal("recertify", DENIED, "renewed already")
            made = self.make(subject, point, self.now, end)
            made.name, old.name = old.name, ""
            made.links.append((PUBLIC_KEY_LINK, public.uid))
            made.links.append((REPLACED, old.uid))
            old.links.append((REPLACEMENT, made.uid))
            public.links.insert(0, (CERTIFICATE_LINK, made.uid))
            return made.uid

        return self.perhaps_later("recertify", make, asynchronous)

    def request(self, verb, der, spki):
        try:
            subject, point = minica.read_request(der)
        except ValueError:
            raise refusal(verb, 7, "no request")
        if csr.spki(point) != spki or minica.common_name(subject) != NAME:
            raise refusal(verb, DENIED)
        return subject, point

    def make(self, subject, point, begin, old_end):
        kind = self.bad[0] if self.bad else ""
        if self.bad and not self.always:
            self.bad.pop(0)
        uid = self.uid("cert")
        der = self.ca.issue(subject, point, begin, begin + self.life, kind, old_end)
        self.issued.append(uid)
        if kind:
            self.made_bad.append(uid)
        return self.add(uid, "certificate", der, NAME + "/certificate" if not old_end else "")

    def perhaps_later(self, verb, make, asynchronous):
        if not asynchronous:
            if self.demands:
                raise refusal(verb, NOT_SUPPORTED)
            return make()
        if self.pending is None:
            return make()
        correlation = b"corr%d" % len(self.waiting)
        self.waiting[correlation] = [self.pending, make, None]
        raise KmipPending(_CODES[verb], 2, 0, "pending", correlation)

    def do_poll(self, uid, arguments, asynchronous, role):
        correlation = arguments["correlation"]
        waiting = self.waiting.get(correlation)
        if waiting is None or self.forgets:
            raise refusal("poll", ITEM_NOT_FOUND)
        if waiting[2] is None:
            waiting[0] -= 1
            if waiting[0] >= 0:
                raise KmipPending(_CODES[arguments["operation"]], 2, 0, "pending", correlation)
            try:
                waiting[2] = waiting[1]()
            except KmipError as error:
                waiting[2] = error
        if isinstance(waiting[2], KmipError):
            raise waiting[2]
        return waiting[2]

    def do_cancel(self, uid, arguments, asynchronous, role):
        waiting = self.waiting.get(arguments["correlation"])
        if waiting is None:
            return 5
        if not self.cancels:
            return 2
        if waiting[2] is None:
            waiting[2] = refusal("certify", 9)
            return 1
        return 3

    def do_get(self, uid, arguments, asynchronous, role):
        found = self.find("get", uid)
        if role == "bootstrap" and found.kind == "key":
            raise refusal("get", DENIED)
        return found

    def do_get_attributes(self, uid, arguments, asynchronous, role):
        if arguments["names"] != (("Link", LINK),):
            raise refusal("get_attributes", INVALID_MESSAGE)
        found = self.find("get_attributes", uid)
        return [("Link", index, ((0x42004B, 5, kind), (0x42004C, 7, to)))
                for index, (kind, to) in enumerate(found.links)]  # fmt: skip

    def do_locate(self, uid, arguments, asynchronous, role):
        name = arguments["attributes"][0][3][0][2]
        return [found.uid for found in self.objects.values() if found.name == name][: arguments["maximum"]]


class DeviceClock(Clock):
    """The board's clock: the server's, and how far it is wrong; `raw` where it stands apart from all."""

    def __init__(self, device, floor):
        self._device = device
        super().__init__(floor)

    def _raw(self):
        device = self._device
        return device.server.now + device.skew


class Broken(AssertionError):
    """An invariant does not hold."""


class Device:
    """A device with its files, its agent and its server; `job`: renew, rotate, enrol or expired.

    faults     number of what goes out: the fault that befalls it
    reboots    whether each step begins with new objects from the same files
    options    of the Agent
    """

    def __init__(self, job="renew", root=None, server=None, floor=T0 - 300 * DAY, bootstrap=True, **options):
        self.root = root or fresh()
        self.server = server or Server()
        self.job = job
        self.skew = 0
        self.stamp = None  # a forged Time Stamp
        self.latest = T0 + 4000 * DAY  # the notAfter of the server's certificate
        self.floor = floor
        self.faults = {}
        self.sent = 0
        self.kinds = []
        self.log = []
        self.secrets = []
        self.reboots = True
        self.steps = 0
        self.options = options
        self.billing = "accepted"
        self.reported = []
        self.read_by = []
        self.late = []  # requests that reach the server after the next one
        self.duplicates = 0
        self.connection = None
        self.issued_before = 0
        self.taken = set()  # rows of the table that were used
        self.transitions = []
        self.commits = 0
        self.fails = ()  # numbers of the commits that the store refuses
        self.tls13 = False  # who is refused is told so at the first read only
        self.proving = ""
        self.broken = ""
        self.loses = ""  # the fault of every request for a certificate
        self.hangs_up_on = ()  # uids of certificates that the server ends the connection of
        self.proved = []
        self.bare = job == "enrol" and not bootstrap
        if bootstrap:
            self._write_bootstrap()
        self.agent = None
        self.boot()
        if job != "enrol":
            self._provision()
            self.boot()
        self.first = self.agent.slots.using
        self.server.now = {"renew": T0 + 21 * DAY, "rotate": T0 + DAY, "enrol": T0 + DAY,
                           "expired": T0 + 40 * DAY, "idle": T0 + DAY}[job]  # fmt: skip
        if job == "rotate":
            self.agent.request("rotate")
        self.commits = 0
        self.watch()

    def _write_bootstrap(self):
        secret, point = minica.key("bootstrap")
        subject = csr.name((("CN", NAME + "-bootstrap"),))
        der = self.server.ca.issue(subject, point, T0 - 100 * DAY, T0 + 4000 * DAY)
        self.write_files("/boot", {"key.der": p256.sec1(secret, point), "cert.der": der})
        self.secrets.append(secret)

    def write_files(self, folder, files):
        mkdir(self.root + folder)
        for name in files:
            with open(self.root + folder + "/" + name, "wb") as file:
                file.write(files[name])

    def _provision(self):
        server = self.server
        secret, point = minica.key("first")
        subject = csr.name((("CN", NAME),))
        der = server.ca.issue(subject, point, T0, T0 + server.life)
        info = csr.info(subject, point)
        request = csr.signed(info, minica.sign(secret, info))
        public = server.add("public-0", "public", csr.spki(point), NAME + "/first")
        made = server.add("cert-0", "certificate", der, NAME + "/certificate")
        public.links.append((CERTIFICATE_LINK, "cert-0"))
        made.links.append((PUBLIC_KEY_LINK, "public-0"))
        slots = self.agent.slots
        slots.state["active"] = slots.stage(
            Identity(p256.sec1(secret, point), der, request, "cert-0", "public-0")
        )
        slots.commit()

    # Running

    def boot(self):
        """New objects from the files, as after a reset."""
        self.connection = None
        slots = Slots(self.root + "/id", self.root + "/boot")
        clock = DeviceClock(self, self.floor)
        options = dict(self.options)
        options.setdefault("trial_span", 0)
        self.agent = renewal.Agent(
            slots, clock, NAME, self.server.anchors, ("get", {"uid": "key-1"}), log=self.log.append, **options
        )
        commit = slots.commit
        event = self.agent.event

        def counted(scrub=False):
            self.commits += 1
            if self.commits - 1 in self.fails:
                raise OSError(28)
            commit(scrub)

        def watched(name, value=None):
            before = self.agent.state
            if not any(row[0] == before and row[1] == name for row in ROWS):
                self.fail("%s, %s is not in the table" % (before, name))
            active = slots.state.get("active")
            if name == "proved":
                self.proving = self.agent.trial().uid
            event(name, value)
            for row in AFTER:
                if row[:2] == (before, name) and self.agent.last.startswith(row[3]):
                    name = row[3]
            self.taken.add((before, name))
            self.transitions.append((before, name, self.agent.state))
            if slots.state.get("active") != active:
                if name != "proved":
                    self.fail("another identity in use without proof")
                self.proved.append(self.agent.own().uid)

        stumbled = self.agent.stumbled

        def told(error):
            if not isinstance(error, OSError):
                self.broken = self.broken or "the agent stumbled over %r" % error
            stumbled(error)

        slots.commit = counted
        self.agent.event = watched
        self.agent.stumbled = told

    def step(self):
        """Wait until there is something to do, and do one job of the agent; False where there is none."""
        if self.reboots:
            self.boot()
        self.steps += 1
        agent = self.agent
        if self.idle():
            # The meter's other business goes on: it brings the time, or tells that we are refused.
            if self._refused():
                for _ in range(3):
                    agent.heard("refused")
            else:
                agent.clock.hear(self.server.now if self.stamp is None else self.stamp, self.latest)
                if self.idle():
                    self.server.now += 3600
                    return False
        wait = agent.sleep()
        if wait:
            self.server.now += wait
        done = runner.run(agent, self)
        self.watch()
        return done or agent.sleep() > 0

    def idle(self):
        """Whether a certificate is in use that is not due, as far as the device knows."""
        agent = self.agent
        return agent.state == "STABLE" and agent.due_at() > agent.clock.now() and not self.wanted()

    def _refused(self):
        try:
            self.server.admit(self.agent.slots.identity())
        except TLSError:
            return True
        return False

    def wanted(self):
        return self.agent.slots.state.get("wanted")

    def finish(self, most=60, more=1):
        """Step until a new certificate is in use; at most `more` certificates may be left over for good."""
        for _ in range(most):
            if self.agent.state == "STABLE" and self.proved:
                self.reboots = False
                self.agent.clock.hear(self.server.now, self.latest)
                if self.step() is False:
                    break
            self.step()
        else:
            raise Broken("not done after %d steps: %s" % (most, self.story()))
        active = self.agent.own()
        if active.uid != self.proved[-1] or active.uid not in self.server.issued:
            raise Broken("in use is %s" % active.uid)
        useful = self.proved + self.server.made_bad
        orphans = [uid for uid in self.server.issued if uid not in useful]
        if len(orphans) > more:
            raise Broken("orphans %s: %s" % (orphans, self.story()))
        if self.agent.alarm:
            raise Broken("alarm: " + self.agent.alarm)
        self.orphans = len(orphans)
        return self

    def story(self):
        return "; ".join(["%s %s" % t[:2] for t in self.transitions[-30:]] + [self.agent.alarm])

    def fail(self, text):
        # The runner goes on after any exception, so that it is kept for the next look.
        self.broken = self.broken or text
        raise Broken(text)

    def watch(self):
        """The invariants that hold after every step."""
        agent = self.agent
        if self.broken:
            raise Broken(self.broken)
        identity = agent.slots.identity()
        if identity is None:
            if self.bare:
                return
            raise Broken("no identity")
        if p256.read(identity.key)[1] != bytes(x509.Certificate(identity.cert).key):
            raise Broken("the key is not the certificate's")
        for found in [identity] + [agent.slots.slot(n) for n in (0, 1)]:
            if found is not None:
                self.note_secret(found.key)
        kept = agent.slots.state.get("key")
        if kept:
            self.note_secret(bytes.fromhex(kept))
        told = "\n".join(self.log[-6:]) + repr(agent.status()) + agent.alarm + agent.last
        for line in self.log[-6:]:
            if "\n" in line:
                raise Broken("a line of the log that is two")
        self.hide(told.encode())
        if len(agent.slots.state.get("refused", ())) > 8:
            raise Broken("too many refused certificates are kept")

    def note_secret(self, der):
        secret = p256.read(der)[0]
        if secret not in self.secrets:
            self.secrets.append(secret)

    def hide(self, octets):
        for secret in self.secrets:
            if secret in octets or hexlify(secret) in octets or repr(secret).encode() in octets:
                self.fail("a private key was given away")

    # The world that runner.run() is given

    def fault(self, kind):
        number = self.sent
        self.kinds.append(kind)
        self.sent += 1
        fault = self.faults.get(number, "")
        if isinstance(fault, str) and fault.startswith("jump "):
            self.skew += int(fault[5:])
            fault = ""
        return fault

    def tick(self):
        pass

    def open(self, identity):
        self.expect(self._open, identity)

    def call(self, calls, asynchronous=False):
        return self.expect(self._call, calls, asynchronous)

    def report(self, identity):
        return self.expect(self._report, identity)

    def expect(self, function, *args):
        try:
            return function(*args)
        except (OSError, KmipError, TTLVError):
            raise
        except Exception as error:
            self.broken = self.broken or "the world's own fault: %r" % error
            raise

    def _open(self, identity):
        self.connection = None
        fault = self.fault("open")
        if fault == "down":
            raise OSError(111, "refused")
        if fault == "refuse":
            raise tls_refusal()
        if fault == "distrust":
            raise TLSError(-9984, "TLS: the server's certificate is not trusted")
        try:
            role = self.server.admit(identity)
        except TLSError:
            if not self.tls13:
                raise
            role = "refused"
        if identity.uid in self.hangs_up_on:
            raise OSError(104, "reset")
        if fault == "refuse late":  # TLS 1.3 tells at the first read
            role = "refused"
        self.connection = role, identity

    def _call(self, calls, asynchronous):
        if self.connection is None:
            raise OSError(107, "not connected")
        self.search(calls)
        fault = self.fault("call")
        if self.loses and calls[0][0] in ("recertify", "register", "certify"):
            fault = self.loses
        role, identity = self.connection
        server = self.server
        if role == "refused":
            self.connection = None
            raise tls_refusal()
        if fault == "before":
            self.connection = None
            raise OSError(104, "reset")
        if fault == "late":  # it arrives when the device has long given up
            self.late.append((calls, asynchronous, role))
            self.connection = None
            raise OSError(110, "timed out")
        if fault == "twice":
            server.answer(calls, asynchronous, role)
        if isinstance(fault, int):
            results = [None] * len(calls)
            results[0] = refusal(calls[0][0], fault)
        else:
            results = server.answer(calls, asynchronous, role)
        late, self.late = self.late, []
        for message in late:
            server.answer(*message)
        if fault in ("after", "refuse after", "malformed"):
            self.connection = None
            if fault == "malformed":
                raise TTLVError("malformed", 7)
            if fault == "after":
                raise OSError(104, "reset")
            raise tls_refusal()
        if fault == "too large":
            results = [refusal(calls[0][0], TOO_LARGE)] + [None] * (len(calls) - 1)
        if fault == "no get" and calls[-1][0] == "get" and isinstance(results[-1], Object):
            results[-1] = refusal("get", GENERAL_FAILURE)
        for verb, arguments in calls:
            if verb == "get" and arguments.get("uid") == "key-1" and not isinstance(results[0], KmipError):
                self.read_by.append(identity.uid)
        self.agent.clock.hear(server.now if self.stamp is None else self.stamp, self.latest)
        return results

    def close(self):
        self.connection = None

    def _report(self, identity):
        fault = self.fault("report")
        if fault in ("offline", "refused"):
            return fault
        if fault == "report fails":
            raise OSError(104)
        billing = self.billing(identity) if callable(self.billing) else self.billing
        if billing == "accepted":
            self.reported.append(identity.uid)
        return billing

    def search(self, value):
        """Look for private keys, and for certificates that were rejected, in what is sent."""
        state = self.agent.slots.state
        if isinstance(value, dict):
            if value.get("uid") in state.get("refused", ()) and "names" not in value and "csr" not in value:
                self.fail("a rejected certificate is fetched again")
            value = list(value.values())
        if isinstance(value, (list, tuple)):
            for one in value:
                self.search(one)
        elif isinstance(value, (bytes, bytearray, memoryview)):
            self.hide(bytes(value))
        elif isinstance(value, str):
            self.hide(value.encode())


# A fresh directory for each device, on one disk.

_disk = []
_count = [0]


def mkdir(path):
    try:
        os.mkdir(path)
    except OSError:
        pass


def fresh():
    """The path of a new empty directory; the one before it is removed."""
    if not _disk:
        _disk.append(ramdisk.scratch())
    _count[0] += 1
    if _count[0] > 1:
        remove("%s/%d" % (_disk[0], _count[0] - 1))
    path = "%s/%d" % (_disk[0], _count[0])
    os.mkdir(path)
    return path


def remove(path):
    try:
        names = os.listdir(path)
    except OSError:
        os.remove(path)
        return
    for name in names:
        remove(path + "/" + name)
    os.rmdir(path)


class Entropy:
    """Random octets that are the same in every run: a linear congruential generator."""

    def __init__(self, seed):
        self.seed = seed

    def below(self, most):
        self.seed = (self.seed * 1103515245 + 12345) & 0x7FFFFFFF
        return (self.seed >> 8) % most

    def urandom(self, count):
        return bytes([self.below(256) for _ in range(count)])


def determine(seed):
    """Have the agent and its keys take their entropy from a generator; gives it."""
    entropy = Entropy(seed)
    renewal.urandom = entropy.urandom
    p256.os = entropy
    return entropy
