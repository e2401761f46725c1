"""Does what the renewal agent has to do, over KMIP; the same steps for blocking and asyncio use.

`work(agent)` is a generator that does one job of the agent. It yields what it wants of the world and
is sent the outcome; an error is sent as the exception itself, never raised into it:

  ("open", identity)    connect to the key server with it: None, or the OSError
  ("call", calls)       exchange one message, of (verb, arguments as a dict) for each item: a list of
                        values and KmipErrors, or the OSError or TTLVError that ended the connection;
                        with a third element, True, the server may answer Pending
  ("close",)            close the connection
  ("report", identity)  have the billing end point accept a report under it: "accepted", "refused" or
                        "offline"
  None                  a slice of long arithmetic is done: feed the watchdog, let others run

`run(agent, world)` drives it with blocking calls.
"""

from binascii import hexlify
from hashlib import sha256

from micropython import const

from identity import csr, p256, verify, x509
from kmip_lite.message import KmipError, KmipPending
from kmip_lite.tls import TLSError

_TAG_NAME = const(0x420053)
_TAG_NAME_TYPE = const(0x420054)
_TAG_NAME_VALUE = const(0x420055)
_TAG_LINK = const(0x42004A)
_TAG_LINK_TYPE = const(0x42004B)
_TAG_LINKED_OBJECT_IDENTIFIER = const(0x42004C)
_TAG_ACTIVATION_DATE = const(0x420001)
_TAG_CRYPTOGRAPHIC_USAGE_MASK = const(0x42002C)

_STRUCTURE = const(1)
_INTEGER = const(2)
_ENUMERATION = const(5)
_TEXT_STRING = const(7)
_DATE_TIME = const(9)

_ALGORITHM_ECDSA = const(6)
_FORMAT_X509 = const(5)
_LINK_CERTIFICATE = const(0x101)
_LINK_REPLACEMENT_OBJECT = const(0x106)
_MASK_VERIFY = const(2)
_NAME_UNINTERPRETED_TEXT_STRING = const(1)
_OBJECT_PUBLIC_KEY = const(3)
_REASON_RESPONSE_TOO_LARGE = const(2)
_REASON_AUTHENTICATION_NOT_SUCCESSFUL = const(3)
_REASON_INVALID_MESSAGE = const(4)
_REASON_OPERATION_NOT_SUPPORTED = const(5)
_REASON_FEATURE_NOT_SUPPORTED = const(8)
_REASON_PERMISSION_DENIED = const(0x0C)

_DAY = const(86400)
_ENDLESS = const(2932532)  # days from 1970 to the year 9999, which stands for no end (RFC 5280, 4.1.2.5)
_LONGEST_CHAIN = const(16)  # replacements followed from one certificate to the newest


def run(agent, world):
    """Do one job of the agent with blocking calls, if there is one; True if there was.

    `world` has open(identity), call(calls), close(), report(identity), as the module's text has them,
    raising their errors, and tick(), which is called between slices of long arithmetic. Where the store
    fails, or anything else, the job is tried again later; nothing is raised for it.
    """
    steps = outcome = None
    while True:
        try:
            if steps is None:
                job = agent.job()
                if not job:
                    return False
                steps = work(agent, job)
            wanted = steps.send(outcome)
        except StopIteration:
            return True
        except Exception as error:
            # The store, the heap, or an answer that nobody thought of: never the end of all renewals.
            world.close()
            agent.stumbled(error)
            return True
        outcome = None
        if wanted is None:
            world.tick()
            continue
        try:
            outcome = getattr(world, wanted[0])(*wanted[1:])
        except Exception as error:
            outcome = error


def work(agent, job):
    """Steps that do `job`, a word from agent.job(), and report to the agent what came of it."""
    if job == "key":
        yield from _key(agent)
    elif job == "verify":
        yield from _verify(agent)
    elif job == "try":
        yield from _try(agent)
    elif job == "probe":
        own = agent.own()
        if own is not None and (yield from _read(own, agent.proof)) == "refused":
            agent.event("due", "renew")
    else:
        error = yield ("open", agent.identity())
        if error is not None:
            agent.event("turned away" if _refuses(error) else "offline", error)
            return
        if job == "ask":
            public = agent.public()
            outcome = ("nothing", "")
            if agent.mode != "renew" or not agent.clock.heard:
                # Certify asks for a certificate from now on, and a clock that was wrong at the start may
                # have begun all this: the Time Stamp of some answer says what time it is. So we look first
                # whether there is a certificate already.
                outcome = yield from _search(agent)
                event = outcome[0].replace("lost", "offline")
                if event in ("offline", "turned away") or agent.early():
                    yield ("close",)
                    agent.event(event if event in ("offline", "turned away") else "early", outcome[1])
                    return
            # From here on the request may have reached the server, whatever we hear of it.
            agent.event("send")
            if outcome[0] == "nothing":
                public = public or outcome[1]
            if outcome[0] != "issued":
                outcome = yield from _ask(agent, public)
        elif job == "search":
            outcome = yield from _search(agent)
        elif job == "fetch":
            outcome = yield from _fetch(agent)
        elif job == "poll":
            outcome = yield from _poll(agent)
        else:
            outcome = yield ("call", [("cancel", {"correlation": agent.correlation()})])
            outcome = _lost(outcome) if isinstance(outcome, Exception) else ("late", None)
        yield ("close",)
        agent.event(outcome[0], outcome[1])


def _refuses(error):
    # Whether an error says that the other side does not want us, rather than that nothing came through.
    if isinstance(error, TLSError):
        return error.refused
    return isinstance(error, KmipError) and error.reason in (
        _REASON_AUTHENTICATION_NOT_SUCCESSFUL,
        _REASON_PERMISSION_DENIED,
    )


def _lost(error):
    # The event for an exchange that brought no answers.
    return ("turned away" if _refuses(error) else "lost", error)


def _no(event, error):
    # The event for an answer that is an error: `event`, unless it is our identity that is not wanted.
    if error.reason == _REASON_AUTHENTICATION_NOT_SUCCESSFUL:
        event = "turned away"
    return (event, error)


def _key(agent):
    """A new key where one is due, and its certificate request."""
    der = b""
    own = agent.own()
    try:
        subject = csr.name((("CN", agent.device),))
        if own is not None:
            subject = bytes(x509.Certificate(own.cert).subject)
        if agent.mode == "renew":
            secret, point = p256.read(own.key)
            if point is None:
                point = yield from p256.public(secret)
        else:
            secret, point = yield from p256.generate()
            der = p256.sec1(secret, point)
    except ValueError as error:
        agent.event("unusable", error)
        return
    info = csr.info(subject, point)
    signature = yield from p256.sign(secret, sha256(info).digest())
    agent.event("keyed", (der, csr.signed(info, signature)))


def _ask(agent, public):
    calls = []
    if agent.mode == "renew":
        calls.append(("recertify", {"uid": agent.base(), "csr": agent.csr(), "offset": 0}))
    else:
        # By the server's clock, which our own may be ahead of: the certificate's life begins then.
        now = min(agent.clock.now(), agent.clock.heard or agent.clock.floor)
        now = ("Activation Date", _TAG_ACTIVATION_DATE, _DATE_TIME, now)
        arguments = {"csr": agent.csr(), "attributes": (now,)}
        if public:
            arguments["uid"] = public
        else:
            calls.append(_register(agent))
        calls.append(("certify", arguments))
    results = []
    if not agent.single:
        results = yield _call(agent, calls + [("get", {})])
    if not isinstance(results, Exception) and (agent.single or _whole_batch_refused(results)):
        results = yield from _one_by_one(agent, calls)
        agent.single = isinstance(results, Exception) or not _whole_batch_refused(results)
    if isinstance(results, Exception):
        return ("unwanted" if _refuses(results) else "lost", results)
    if len(calls) > 1 and not isinstance(results[0], KmipError):
        public = results[0]
    for issued in results[: len(calls)]:
        if isinstance(issued, KmipError):
            break
    else:
        got = results[len(calls)]
        if got is None or isinstance(got, KmipError):
            return ("issued", (issued, public))
        return ("delivered", (issued, public, got.value))
    if issued.reason == _REASON_OPERATION_NOT_SUPPORTED and not agent.asynchronous:
        agent.asynchronous = True  # KMIP 1.0 and 1.1 say so where it cannot be done at once
        return (yield from _ask(agent, public))
    return (yield from _failed(agent, issued, public))


def _call(agent, calls):
    return ("call", calls, True) if agent.asynchronous else ("call", calls)


def _failed(agent, error, public):
    """What a request came to that was answered by an error."""
    if isinstance(error, KmipPending):
        if public or agent.mode == "renew":
            return ("pending", (error.correlation, public))
        return ("lost", error)  # the Public Key's own registration: look for it later
    if error.reason == _REASON_AUTHENTICATION_NOT_SUCCESSFUL:
        return ("unwanted", error)
    if error.reason == _REASON_RESPONSE_TOO_LARGE:
        agent.single = True
        return ("lost", error)  # said of the whole message, perhaps after the deed
    # Perhaps because it is done: by a request of ours that came late, or that we do not know of any more.
    found, value = yield from _search(agent)
    if found == "issued":
        return found, value
    return ("refused", (error, public or (value if found == "nothing" else "")))


def _whole_batch_refused(results):
    first = results[0]
    return (
        isinstance(first, KmipError)
        and not any(results[1:])
        and first.reason
        in (_REASON_INVALID_MESSAGE, _REASON_OPERATION_NOT_SUPPORTED, _REASON_FEATURE_NOT_SUPPORTED)
    )


def _one_by_one(agent, calls):
    """For a server that takes no batches: what the ID Placeholder would do, done here."""
    results = []
    uid = None
    for verb, arguments in calls + [("get", {})]:
        if uid is not None:
            arguments["uid"] = uid
        answer = yield _call(agent, [(verb, arguments)])
        if isinstance(answer, Exception):
            return results + [None] if verb == "get" else answer
        results.append(answer[0])
        if isinstance(answer[0], KmipError):
            return results + [None, None]
        uid = answer[0]
    return results


def _register(agent):
    secret, point = p256.read(agent.key())
    return (
        "register",
        {
            "object_type": _OBJECT_PUBLIC_KEY,
            "value": csr.spki(point),
            "format": _FORMAT_X509,
            "algorithm": _ALGORITHM_ECDSA,
            "bits": 256,
            "attributes": (
                ("Cryptographic Usage Mask", _TAG_CRYPTOGRAPHIC_USAGE_MASK, _INTEGER, _MASK_VERIFY),
                _name(agent),
            ),
        },
    )


def _name(agent):
    # Of the device and its key: a name that no other key bears, to find a lost answer by.
    point = p256.read(agent.key())[1]
    text = "%s/%s" % (agent.device, hexlify(sha256(point).digest()[:8]).decode())
    value = (
        (_TAG_NAME_VALUE, _TEXT_STRING, text),
        (_TAG_NAME_TYPE, _ENUMERATION, _NAME_UNINTERPRETED_TEXT_STRING),
    )
    return ("Name", _TAG_NAME, _STRUCTURE, value)


def _link(attributes, kind):
    # The object that a Link of this type leads to, or "". By type: an index tells nothing.
    for name, _, fields in attributes:
        if (name != "Link" and name != _TAG_LINK) or not isinstance(fields, (list, tuple)):
            continue
        found = ""
        right = False
        for tag, _, value in fields:
            if tag == _TAG_LINK_TYPE:
                right = value == kind
            elif tag == _TAG_LINKED_OBJECT_IDENTIFIER and isinstance(value, str):
                found = value
        if right:
            return found
    return ""


def _follow(agent, uid, kind):
    """The object that `uid` is linked to, "" where there is none; or the exception."""
    results = yield ("call", [("get_attributes", {"uid": uid, "names": (("Link", _TAG_LINK),)})])
    if isinstance(results, Exception):
        return results
    if isinstance(results[0], Exception):
        return results[0]
    return _link(results[0], kind)


def _search(agent):
    """What became of a request whose answer never came."""
    if agent.mode == "renew":
        found = start = agent.base()
        for _ in range(_LONGEST_CHAIN):
            follower = yield from _follow(agent, found, _LINK_REPLACEMENT_OBJECT)
            if isinstance(follower, Exception):
                return _unfound(follower)
            if not follower:
                break
            found = follower
        return _found(agent, found if found != start else "", "")
    results = yield ("call", [("locate", {"attributes": (_name(agent),), "maximum": 1})])
    if isinstance(results, Exception):
        return _unfound(results)
    if isinstance(results[0], Exception):
        return _unfound(results[0])
    if not results[0]:
        return ("nothing", "")
    public = results[0][0]
    found = yield from _follow(agent, public, _LINK_CERTIFICATE)
    if isinstance(found, Exception):
        return _unfound(found)
    return _found(agent, found, public)


def _unfound(error):
    return _no("unfindable", error) if isinstance(error, KmipError) else _lost(error)


def _found(agent, uid, public):
    if not uid or agent.was_refused(uid):
        return ("nothing", public)
    return ("issued", (uid, public))


def _fetch(agent):
    uid = agent.issued()
    results = yield ("call", [("get", {"uid": uid})])
    if isinstance(results, Exception):
        return _lost(results)
    if isinstance(results[0], Exception):
        return _no("refused", results[0])
    return ("delivered", (uid, "", results[0].value))


def _poll(agent):
    verb = "recertify" if agent.mode == "renew" else "certify"
    results = yield ("call", [("poll", {"correlation": agent.correlation(), "operation": verb})])
    if isinstance(results, Exception):
        return _lost(results)
    if isinstance(results[0], KmipPending):
        return ("pending", results[0].correlation)
    if isinstance(results[0], Exception):
        return _no("refused", results[0])
    return ("issued", (results[0], ""))


def _verify(agent):
    staged = agent.trial()
    if staged is None:
        agent.event("damaged")
        return
    own = agent.own()
    # What has ended by the floor is certainly of no use.
    after = divmod(agent.clock.floor, _DAY)
    try:
        if own is None:
            subject = csr.name((("CN", agent.device),))
        else:
            old = x509.Certificate(own.cert)
            subject = old.subject
            if old.not_after[0] < _ENDLESS:
                after = max(after, old.not_after)
        if agent.mode == "renew" and own is not None:
            key = old.key
        else:
            key = p256.read(staged.key)[1]
    except ValueError as error:
        agent.event("bad", error)
        return
    if own is not None and own.cert == staged.cert:
        agent.event("bad", "the old one again")
        return
    for last in (False, True):
        fault, not_before, signer = yield from verify.certificate(
            staged.cert, key, subject, agent.issuers, after
        )
        if last or fault != verify.UNKNOWN_ISSUER or agent.anchors is None:
            break
        fault = yield from _new_issuer(agent, staged.uid)
        if fault:
            break
    if isinstance(fault, Exception):
        if isinstance(fault, KmipError):
            agent.event(*_no("refused", fault))
        else:
            agent.event("turned away" if _refuses(fault) else "offline", fault)
    elif fault:
        agent.event("bad", fault)
    else:
        agent.event("good", signer)


def _new_issuer(agent, uid):
    """Offers the issuer that the server links a certificate to as a new anchor: "" where it is taken, else
    why not, or the exception for what may be different another time."""
    error = yield ("open", agent.identity())
    if error is not None:
        return error
    issuer = yield from _follow(agent, uid, _LINK_CERTIFICATE)
    if issuer and not isinstance(issuer, Exception):
        results = yield ("call", [("get", {"uid": issuer})])
        issuer = results if isinstance(results, Exception) else results[0]
    yield ("close",)
    if isinstance(issuer, Exception):
        return issuer
    if not issuer:
        return verify.UNKNOWN_ISSUER
    return (yield from agent.anchors.offer("issuer", issuer.value))


def _try(agent):
    """The trial: an object read that only its owner may read, and a report accepted."""
    trial = agent.trial()
    if trial is None:
        agent.event("damaged")
        return
    new = yield from _prove(trial, agent.proof)
    old = ""
    if new != "accepted":
        # The old one has to fare better in the same place, or it is not the identity that is at fault.
        own = agent.own()
        if own is not None and new == "barred":
            old = yield from _prove(own, agent.proof)
        elif own is not None:
            old = yield from _read(own, agent.proof)
    agent.event(agent.tried(new, old), "new %s, old %s" % (new, old or "not tried"))


def _prove(identity, call):
    read = yield from _read(identity, call)
    if read == "read":
        outcome = yield ("report", identity)
        if outcome == "accepted":
            return outcome
        if outcome == "refused":
            return "barred"
    return read


def _read(identity, call):
    error = yield ("open", identity)
    if error is not None:
        return "refused" if _refuses(error) else "offline"
    results = yield ("call", [call])
    yield ("close",)
    if isinstance(results, Exception):
        return "refused" if _refuses(results) else "offline"
    if isinstance(results[0], Exception):
        return "refused" if _refuses(results[0]) else "answered"
    return "read"
