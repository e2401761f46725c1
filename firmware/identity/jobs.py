"""What the renewal agent has to do, over KMIP; the same steps for blocking and asyncio use.

`work(agent, job)` is a generator that does one job of the agent. It yields what it wants of the world and
is sent the outcome; an error is sent as the exception itself, never raised into it:

  ("open", identity)    connect to the key server with it: None, or the OSError
  ("call", calls)       exchange one message, of (verb, arguments as a dict) for each item: a list of
                        values and KmipErrors, or the OSError or TTLVError that ended the connection;
                        with a third element, True, the server may answer Pending
  ("close",)            close the connection
  ("report", identity)  have the billing end point accept a report under it: "accepted", "refused" or
                        "offline"
  None                  a slice of long arithmetic is done: feed the watchdog, let others run

runner.py and arunner.py drive it. Arithmetic and the reading of certificates are done while no connection
is open, and by functions that have come back before one is: so their modules can make way for it.
"""

import sys
from hashlib import sha256

from micropython import const

from identity import let_go
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

# How a SubjectPublicKeyInfo on P-256 begins, and its length with the point.
_SPKI = const(b"\x30\x59\x30\x13\x06\x07*\x86H\xce=\x02\x01\x06\x08*\x86H\xce=\x03\x01\x07\x03\x42\x00")
_SPKI_SIZE = const(91)

_DAY = const(86400)
_ENDLESS = const(2932532)  # days from 1970 to the year 9999, which stands for no end (RFC 5280, 4.1.2.5)
_LONGEST_CHAIN = const(16)  # replacements followed from one certificate to the newest


def work(agent, job):
    """Steps that do `job`, a word from agent.job(), and report to the agent what came of it."""
    state = agent.slots.state
    kept = set(sys.modules)
    if job == "key":
        outcome = yield from _key(agent)
    elif job == "verify":
        outcome = yield from _verify(agent)
    elif job == "try":
        outcome = yield from _try(agent)
    elif job == "probe":
        own = agent.own()
        if own is None or (yield from _read(own, agent.proof)) != "refused":
            return
        outcome = "due", "renew"
    else:
        error = yield "open", agent.identity()
        if error is not None:
            outcome = "turned away" if _refuses(error) else "offline", error
        elif job == "ask":
            outcome = yield from _ask(agent)
        elif job == "search":
            outcome = yield from _search(agent)
        elif job == "fetch":
            uid = state["uid"]
            got = yield from _one("get", uid=uid)
            outcome = _no("refused", got) or ("delivered", ({"uid": uid}, got.value))
        else:
            arguments = {"correlation": bytes.fromhex(state["corr"])}
            if job == "poll":
                arguments["operation"] = "recertify" if agent.mode == "renew" else "certify"
            got = yield from _one(job, **arguments)
            if job == "cancel":
                outcome = "late", None
                if not isinstance(got, KmipError):
                    outcome = _no("", got) or outcome
            elif isinstance(got, KmipPending):
                outcome = "pending", {}
            else:
                outcome = _no("refused", got) or ("issued", {"uid": got})
        if error is None:
            yield ("close",)
    let_go(kept)  # first: what the event leaves behind must not lie scattered among what goes
    agent.event(*outcome)


def _refuses(error):
    # Whether an error says that the other side does not want us, rather than that nothing came through.
    if isinstance(error, TLSError):
        return error.refused
    return isinstance(error, KmipError) and error.reason in (
        _REASON_AUTHENTICATION_NOT_SUCCESSFUL,
        _REASON_PERMISSION_DENIED,
    )


def _no(event, error):
    # The event for an answer that is an error, or None for another: `event` where the server said no,
    # unless it is our identity that is not wanted, and "lost" where the exchange brought no answer.
    if not isinstance(error, Exception):
        return None
    if not isinstance(error, KmipError):
        event = "turned away" if _refuses(error) else "lost"
    elif error.reason == _REASON_AUTHENTICATION_NOT_SUCCESSFUL:
        event = "turned away"
    return event, error


def _one(verb, **arguments):
    # A message of one item: its value, or the exception.
    results = yield "call", [(verb, arguments)]
    return results if isinstance(results, Exception) else results[0]


def _subject(agent, own):
    # The Name that is ours, as DER: the one in use, or for the first certificate, the device's id.
    from identity import csr, x509

    if own is None:
        return csr.name((("CN", agent.device),)), None
    certificate = x509.Certificate(own.cert)
    return certificate.subject, certificate


def _key(agent):
    """A new key where one is due, and its certificate request."""
    from identity import csr, p256

    der = b""
    own = agent.own()
    try:
        subject = _subject(agent, own)[0]
        if agent.mode == "renew":
            secret, point = p256.read(own.key)
            if point is None:
                point = yield from p256.public(secret)
        else:
            secret, point = yield from p256.generate()
            der = p256.sec1(secret, point)
    except ValueError as error:
        return "unusable", error
    info = csr.info(subject, point)
    signature = yield from p256.sign(secret, sha256(info).digest())
    fields = {"csr": csr.signed(info, signature).hex()}
    if der:
        fields["key"] = der.hex()
    return "keyed", fields


def _ask(agent):
    state = agent.slots.state
    public = state.get("public", "")
    heard = agent.clock.heard
    renew = agent.mode == "renew"
    outcome = "nothing", (None, {})
    if not renew or not heard:
        # Certify asks for a certificate from now on, and a clock that was wrong at the start may have begun
        # all this: the Time Stamp of some answer says what time it is. So we look first whether there is a
        # certificate already.
        event, value = outcome = yield from _search(agent)
        if event == "lost":
            event = "offline"
        elif event != "turned away":
            event = ""
        if not event and not state.get("wanted") and agent.mode != "enrol":
            if agent.clock.now() < agent.due_at():
                event = "early"
                value = None
        if event:
            return event, value
    # From here on the request may have reached the server, whatever we hear of it.
    agent.event("send")
    if outcome[0] == "issued":
        return outcome
    if outcome[0] == "nothing":
        public = public or outcome[1][1].get("public", "")
    while True:
        calls = []
        if renew:
            calls.append(("recertify", {"uid": agent.base(), "csr": agent.csr(), "offset": 0}))
        else:
            # By the server's clock, which our own may be ahead of: the certificate's life begins then.
            now = min(agent.clock.now(), agent.clock.heard or agent.clock.floor)
            now = "Activation Date", _TAG_ACTIVATION_DATE, _DATE_TIME, now
            arguments = {"csr": agent.csr(), "attributes": (now,)}
            if public:
                arguments["uid"] = public
            else:
                spki, name = _public_key(agent)
                usage = "Cryptographic Usage Mask", _TAG_CRYPTOGRAPHIC_USAGE_MASK, _INTEGER, _MASK_VERIFY
                register = {
                    "object_type": _OBJECT_PUBLIC_KEY,
                    "value": spki,
                    "format": _FORMAT_X509,
                    "algorithm": _ALGORITHM_ECDSA,
                    "bits": 256,
                    "attributes": (usage, name),
                }
                calls.append(("register", register))
            calls.append(("certify", arguments))
        count = len(calls)
        calls.append(("get", {}))
        results = []
        if not agent.single:
            results = yield "call", calls, agent.asynchronous
        if not isinstance(results, Exception) and (agent.single or _whole_batch_refused(results)):
            results = yield from _one_by_one(agent, calls)
            agent.single = isinstance(results, Exception) or not _whole_batch_refused(results)
        if isinstance(results, Exception):
            return "unwanted" if _refuses(results) else "lost", results
        if count > 1 and not isinstance(results[0], KmipError):
            public = results[0]
        for issued in results[:count]:
            if isinstance(issued, KmipError):
                break
        else:
            got = results[count]
            fields = _fields(public, uid=issued)
            if got is None or isinstance(got, KmipError):
                return "issued", fields
            return "delivered", (fields, got.value)
        if issued.reason != _REASON_OPERATION_NOT_SUPPORTED or agent.asynchronous:
            break
        agent.asynchronous = True  # KMIP 1.0 and 1.1 say so where it cannot be done at once
    # What a request came to that was answered by an error.
    if isinstance(issued, KmipPending):
        if public or renew:
            return "pending", _fields(public, corr=issued.correlation.hex())
        return "lost", issued  # the Public Key's own registration: look for it later
    if issued.reason == _REASON_AUTHENTICATION_NOT_SUCCESSFUL:
        return "unwanted", issued
    if issued.reason == _REASON_RESPONSE_TOO_LARGE:
        agent.single = True
        return "lost", issued  # said of the whole message, perhaps after the deed
    # Perhaps because it is done: by a request of ours that came late, or that we do not know of any more.
    found, value = yield from _search(agent)
    if found == "issued":
        return found, value
    return "refused", (issued, value[1] if found == "nothing" and not public else _fields(public))


def _fields(public, **fields):
    # What goes into the persistent state: of the public key only what is known.
    if public:
        fields["public"] = public
    return fields


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
    for verb, arguments in calls:
        if uid is not None:
            arguments["uid"] = uid
        answer = yield "call", [(verb, arguments)], agent.asynchronous
        if isinstance(answer, Exception):
            return results + [None] if verb == "get" else answer
        uid = answer[0]
        results.append(uid)
        if isinstance(uid, KmipError):
            return results + [None, None]
    return results


def _public_key(agent):
    # Of the key under way: its SubjectPublicKeyInfo, from the request that we have made for it, and the
    # attribute Name, of the device and its key: one that no other key bears, to find a lost answer by.
    request = agent.csr()
    at = request.index(_SPKI)
    spki = request[at : at + _SPKI_SIZE]
    text = "%s/%s" % (agent.device, sha256(spki[len(_SPKI) :]).digest()[:8].hex())
    value = (
        (_TAG_NAME_VALUE, _TEXT_STRING, text),
        (_TAG_NAME_TYPE, _ENUMERATION, _NAME_UNINTERPRETED_TEXT_STRING),
    )
    return spki, ("Name", _TAG_NAME, _STRUCTURE, value)


def _follow(uid, kind):
    """The object that `uid` has a Link of this type to, "" where there is none; or the exception."""
    attributes = yield from _one("get_attributes", uid=uid, names=(("Link", _TAG_LINK),))
    if isinstance(attributes, Exception):
        return attributes
    # By type: an index tells nothing.
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


def _search(agent):
    """What became of a request whose answer never came."""
    public = ""
    if agent.mode == "renew":
        found = start = agent.base()
        for _ in range(_LONGEST_CHAIN):
            follower = yield from _follow(found, _LINK_REPLACEMENT_OBJECT)
            if isinstance(follower, Exception):
                return _no("unfindable", follower)
            if not follower:
                break
            found = follower
        if found == start:
            found = ""
    else:
        found = yield from _one("locate", attributes=(_public_key(agent)[1],), maximum=1)
        if found and not isinstance(found, Exception):
            public = found[0]
            found = yield from _follow(public, _LINK_CERTIFICATE)
        if isinstance(found, Exception):
            return _no("unfindable", found)
    if not found or found in agent.slots.state.get("refused", ()):
        return "nothing", (None, _fields(public))
    return "issued", _fields(public, uid=found)


def _judge(agent, staged):
    # Steps to a fault of the staged certificate, or "", and which of the issuers signed it, None for none.
    from identity import verify

    own = agent.own()
    # What has ended by the floor is certainly of no use.
    after = divmod(agent.clock.floor, _DAY)
    try:
        subject, old = _subject(agent, own)
        if old and old.not_after[0] < _ENDLESS:
            after = max(after, old.not_after)
        if agent.mode == "renew" and own is not None:
            key = old.key
        else:
            from identity import p256

            key = p256.read(staged.key)[1]
    except ValueError as error:
        return error, 0
    if own is not None and own.cert == staged.cert:
        return "the old one again", 0
    fault, _, signer = yield from verify.certificate(staged.cert, key, subject, agent.issuers, after)
    return fault, None if fault == verify.UNKNOWN_ISSUER else signer


def _verify(agent):
    """A look at the staged certificate; where nobody knows its issuer, at that one first."""
    staged = agent.trial()
    if staged is None:
        return "damaged", None
    fault, signer = yield from _judge(agent, staged)
    if signer is None and agent.anchors is not None:
        # The issuer that the server links the certificate to may be a new anchor.
        error = yield "open", agent.identity()
        if error is not None:
            return "turned away" if _refuses(error) else "offline", error
        issuer = yield from _follow(staged.uid, _LINK_CERTIFICATE)
        if issuer and not isinstance(issuer, Exception):
            issuer = yield from _one("get", uid=issuer)
        yield ("close",)
        if isinstance(issuer, KmipError):
            return _no("refused", issuer)
        if isinstance(issuer, Exception):
            return "turned away" if _refuses(issuer) else "offline", issuer
        if issuer:
            fault = yield from agent.anchors.offer("issuer", issuer.value)
            if not fault:
                fault, signer = yield from _judge(agent, staged)
    return ("bad", fault) if fault else ("good", {"signer": signer})


def _try(agent):
    """The trial: an object read that only its owner may read, and a report accepted."""
    trial = agent.trial()
    if trial is None:
        return "damaged", None
    new = yield from _prove(trial, agent.proof)
    old = ""
    if new != "accepted":
        # The old one has to fare better in the same place, or it is not the identity that is at fault.
        own = agent.own()
        if own is not None:
            old = yield from (_prove if new == "barred" else _read)(own, agent.proof)
    return agent.tried(new, old), "new %s, old %s" % (new, old or "not tried")


def _prove(identity, call):
    read = yield from _read(identity, call)
    if read == "read" or read == "answered":
        outcome = yield "report", identity
        if outcome == "refused":
            return "barred"
        if outcome != "accepted":
            return "read"
        if read == "read":
            return outcome
    return read


def _read(identity, call):
    error = yield "open", identity
    if error is None:
        results = yield "call", [call]
        yield ("close",)
        error = results if isinstance(results, Exception) else results[0]
        if not isinstance(error, Exception):
            return "read"
        if error is not results and not _refuses(error):
            return "answered"
    return "refused" if _refuses(error) else "offline"
