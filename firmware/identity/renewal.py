"""The renewal agent: a table of states that takes a device from one certificate to the next.

Sans-I/O: `Agent.job()` says what is to be done now, whoever does it (see jobs.py) reports an event,
and the table says what follows. Everything that must outlive a cut of power is in `Slots.state` and
is on flash before the next step is taken; so a job can be begun again at any time.

  STABLE   an identity is in use and nothing is under way
  KEYED    the key for the next certificate is on flash; nothing has been sent
  ASKED    a request may have reached the server: what became of it must be found out, never asked again
  PENDING  the server said it takes time, and gave a correlation value
  ISSUED   there is a new certificate, of known Unique Identifier
  STAGED   it is in the idle slot, together with its key
  TRIAL    it is verified, and is to be proved: an object read and a report accepted under it
"""

import sys
from hashlib import sha256
from os import urandom

from micropython import const

from identity import let_go, preload
from identity.clock import seconds
from identity.slots import Identity

# Modes, as they stand in the persistent state: "renew" is Re-certify, the same key, by the identity in
# use; "rotate" is Certify, a new key, by the identity in use; "enrol" is Certify by the bootstrap one.

_KEPT = const(8)  # refused certificates that are remembered
_LONGEST = const(128)  # bytes of an identifier that is kept; in hexadecimal of a correlation value
_REJECTS = const(2)  # certificates rejected in a row before the key is changed as well
_PATIENCE = const(3)  # refusals in a row before another way is tried
_UNHEARD = const(4)  # silence counts so much less than a refusal
_DEARER = const(4)  # times as long is waited for what costs a certificate at each try
_YEAR = const(31536000)
_ENDLESS = const(200)  # years: a life as long as this has no end (RFC 5280, 4.1.2.5)

# Each row: in this state, at this event, the next state, and the method that is run on the way; a row without
# them stays where it is, to try again later. Where one goes on, so many of the event in a row are another:
# where the server does not let us look for what may have been issued, asking again risks one certificate too
# many, but no more.
TABLE = """
STABLE|due|KEYED|_begin
KEYED|keyed|KEYED|_keep
KEYED|unusable|STABLE|_abandon
KEYED|early|STABLE|_begin
KEYED|offline|
KEYED|turned away|KEYED|_turned_away
KEYED|send|ASKED|
ASKED|delivered|STAGED|_stage
ASKED|issued|ISSUED|_keep
ASKED|pending|PENDING|_pending
ASKED|refused|KEYED|_refused
ASKED|unwanted|KEYED|_turned_away
ASKED|nothing|KEYED|_refused
ASKED|lost|
ASKED|unfindable|ASKED|_later|7|unknowable
ASKED|unknowable|KEYED|_later
ASKED|offline|
ASKED|turned away|ASKED|_turned_away
ASKED|unusable|STABLE|_abandon
PENDING|pending|PENDING|_pending
PENDING|offline|
PENDING|lost|
PENDING|turned away|PENDING|_turned_away
PENDING|unusable|STABLE|_abandon
PENDING|issued|ISSUED|_keep
PENDING|refused|ASKED|
PENDING|late|ASKED|
ISSUED|delivered|STAGED|_stage
ISSUED|refused|ISSUED|_unfetched|10|gone
ISSUED|gone|STABLE|_reject
ISSUED|offline|
ISSUED|lost|
ISSUED|turned away|ISSUED|_turned_away
ISSUED|unusable|STABLE|_abandon
STAGED|good|TRIAL|_keep
STAGED|offline|
STAGED|turned away|STAGED|_turned_away
STAGED|refused|STAGED|_unfetched|10|gone
STAGED|gone|STABLE|_reject
STAGED|bad|STABLE|_reject
STAGED|damaged|ISSUED|_later
TRIAL|unknown|
TRIAL|proved|STABLE|_promote
TRIAL|roll back|STABLE|_reject
TRIAL|both refused|KEYED|_reject
TRIAL|damaged|ISSUED|_later
"""


class Agent:
    """The renewal of one device's identity.

    `slots`: where everything persistent is; `clock`: a Clock; `device`: the device's id, the CN of its
    certificates; `issuers`: the DER of the anchors that may sign them; `proof`: the verb and arguments
    (a dict) that read an object which only this device may read; `anchors`: an Anchors, where the issuer
    may roll over.

    Times in seconds. A certificate is due at two thirds of its life or at `max_age` (0: no such limit, but
    for a certificate without an end, which is due after a year), whichever is sooner, plus a part of
    `window` that depends on the device's id; after `rotate_after` renewals (0: never) the key is changed
    with it. The first retry comes within `retry_first`, later ones within twice the last, up to
    `retry_most`, and sooner as expiry nears. A trial is rolled back after `trial_span` at the earliest; a
    Pending is given up after `pending_most`. `asynchronous`: let the server answer Pending from the first
    request on; else it may where it says that it cannot do without. `log` is called with one line a
    transition, no secret in it.
    """

    def __init__(
        self,
        slots,
        clock,
        device,
        issuers,
        proof,
        anchors=None,
        max_age=0,
        window=3600,
        rotate_after=0,
        retry_first=60,
        retry_most=21600,
        trial_span=3600,
        pending_most=86400,
        asynchronous=False,
        log=print,
    ):
        preload()
        self.slots = slots
        self.clock = clock
        self.device = device
        self.issuers = issuers
        self.proof = proof
        self.anchors = anchors
        self.alarm = ""  # what an operator has to look at, or ""
        self.last = ""  # the last event and what it said
        self.max_age = max_age
        self.window = window
        self.rotate_after = rotate_after
        self.retry_first = retry_first
        self.retry_most = retry_most
        self.trial_span = trial_span
        self.pending_most = pending_most
        self.log = log
        self._wake = self._tries = 0
        # The last outcome, and how often it came in a row. A board that is reset again and again must not
        # begin at none each time, or it would never lose patience.
        self._event = "turned away"
        self._repeats = urandom(1)[0] % _PATIENCE
        self._verdict = ""  # what the trial would come to, how often in a row, and for how long
        self._verdicts = self._lasted = self._judged = self._waited = 0
        self._doubts = 0  # reports in a row that were refused
        self._swap = False  # connect with the other identity than the mode's own
        self.asynchronous = asynchronous  # offered with what is asked
        self.single = False  # the server takes no batches, or their answers do not fit
        self._has_bootstrap = slots.bootstrap() is not None
        self._validity = None  # of the active certificate: slot and checksum, (notBefore, notAfter)
        self.kept = state = slots.state
        if "\n%s|" % state.get("state") not in TABLE:
            state["state"] = "STABLE"
        clock.raise_floor(state.get("floor", 0))
        self._raise_floor()

    # What is in use, and until when.

    @property
    def state(self):
        """The name of the state."""
        return self.kept["state"]

    @property
    def mode(self):
        """What is under way: "renew", "rotate", "enrol", or "" in STABLE."""
        return self.kept.get("mode", "")

    def own(self):
        """The device's own identity in use, or None where none is proved. Reads it from flash."""
        using = self.slots.using
        return self.slots.identity() if using and using != self.kept.get("trial") else None

    def validity(self):
        """(notBefore, notAfter) of the identity in use, seconds since 1970, or None without one."""
        active = self.kept.get("active")
        if self._validity is None or self._validity[0] != active:
            found = self.own()
            if found is None:
                return None
            kept = set(sys.modules)
            try:
                from identity.x509 import Certificate

                found = Certificate(found.cert)
                self._validity = active, (seconds(found.not_before), seconds(found.not_after))
            except ValueError:
                return None
            finally:
                let_go(kept)
        return self._validity[1]

    def due_at(self):
        """When the identity in use is to be renewed, seconds since 1970."""
        validity = self.validity()
        if validity is None:
            return 0
        begin, end = validity
        life = end - begin
        age = life * 2 // 3
        most = self.max_age or (_YEAR if life > _ENDLESS * _YEAR else 0)
        if most:
            age = min(age, most)
        # A fleet that was enrolled together must not come back together.
        digest = sha256(self.device.encode()).digest()
        return begin + age + (digest[0] << 8 | digest[1]) * min(self.window, life // 10) // 65536

    def request(self, mode):
        """Have the next renewal begin now, as "renew" or "rotate" (an operator's or a server's wish)."""
        self.kept["wanted"] = mode
        self.slots.commit()
        self._wake = 0

    def heard(self, outcome):
        """What came of a report under the identity in use, as a world's report() gives it. After some
        refusals in a row the key server is asked whether it still wants that identity: where a board that
        has lost its time does not know that its certificate has ended, this is how it learns."""
        if outcome == "accepted":
            self._doubts = 0
        elif outcome == "refused":
            self._doubts += 1

    # What to do next.

    def job(self):
        """What is to be done now: a word for jobs.work(), or "" when it is to wait. Raises OSError as
        event() does."""
        now = self.clock.now()
        if self._wake - now > _DEARER * self.retry_most:
            self._wake = now + self.retry_most  # the clock went back
        if now < self._wake:
            return ""
        state = self.state
        if state == "STABLE":
            mode = self._due(now)
            if not mode:
                if self._doubts < _PATIENCE:
                    return ""
                self._doubts = 0
                return "probe"
            self.event("due", mode)
            state = "KEYED"
        if state not in ("STAGED", "TRIAL") and self.mode == "renew" and self.own() is None:
            self.event("unusable", "our key is gone")
            return ""
        if state == "KEYED":
            return "ask" if self.csr() else "key"
        if state == "PENDING":
            # Only by a clock that the server's last answer has put right
            waited = now - self.kept.get("since", now) if self._event == "pending" else 0
            return "cancel" if waited > self.pending_most else "poll"
        return {"ASKED": "search", "ISSUED": "fetch", "STAGED": "verify"}.get(state, "try")

    def sleep(self):
        """Seconds until job() can have something to say."""
        now = self.clock.now()
        until = min(self._wake, now + _DEARER * self.retry_most)
        if self.state == "STABLE" and not self.kept.get("wanted") and self._doubts < _PATIENCE:
            until = max(until, self.due_at())
        return max(0, until - now)

    def _due(self, now):
        state = self.kept
        if self.validity() is None:
            if not self._has_bootstrap:
                self.alarm = "no identity"
                self._later(None)
                return ""
            return "enrol"
        mode = state.get("wanted", "")
        if not mode and now >= self.due_at():
            mode = "renew"
        if mode == "renew" and (
            state.get("rejects", 0) >= _REJECTS
            or not self.base()
            or 0 < self.rotate_after <= state.get("renewals", 0)
        ):
            mode = "rotate"
        return mode

    def base(self):
        """The Unique Identifier of the certificate to re-certify: the end of its chain as known."""
        base = self.kept.get("base")
        if not base:
            found = self.own()
            base = found.uid if found else ""
        return base

    def csr(self):
        """The certificate request to send, DER, or b"" where it must be made first."""
        kept = self.kept.get("csr", "")
        return self.own().csr if not kept and self.mode == "renew" else bytes.fromhex(kept)

    def identity(self):
        """The identity to connect with for the work under way: our own, or the bootstrap identity to
        enrol, or where the server turned our own away; both stand for the same device."""
        found = None
        if (self.mode == "enrol") != self._swap:
            found = self.slots.bootstrap()
        return found or self.slots.identity()

    def trial(self):
        """The identity that is staged or on trial, or None."""
        trial = self.kept.get("trial")
        return self.slots.slot(*trial) if trial else None

    # What happened.

    def event(self, event, value=None):
        """Take an event: do what the table says, and have the outcome on flash before returning.

        Raises OSError where it cannot be written, ValueError where the server gave an identifier that is not
        kept (more than 128 bytes, or control characters); the state is then what it was.
        """
        slots = self.slots
        state = self.kept
        before = dict(state)
        was = after = state["state"]
        if event != "send" and event != "keyed":  # those lie between one refusal and the next
            self._repeats = self._repeats + 1 if event == self._event else 1
            self._event = event
        row = _row(was, event)
        if len(row) > 4 and self._repeats >= int(row[4]):
            event = row[5]
            row = _row(was, event)
        if not row:
            self._later(None)
            self.log("renewal: %s, and %s means nothing there" % (was, event))
            return
        try:
            if row[3]:
                getattr(self, row[3])(value)
            after = state["state"] = row[2]
            if was == "PENDING" != after:
                self._forget("corr since")
            if state != before:
                # A key that is no longer wanted here must not stay in the older record.
                slots.commit(scrub="key" in before and "key" not in state)
        except Exception:
            state.clear()
            state.update(before)
            raise
        error = value[0] if isinstance(value, tuple) else value
        self.last = "%s: %s" % (event, _plain(error)) if isinstance(error, Exception) else event
        if after != was:
            self._verdict = ""
            if after not in ("KEYED", "ASKED"):
                self._tries = 0
            if after in ("KEYED", "STABLE"):
                self._swap = False
            self.log("renewal: %s -> %s (%s)" % (was, after, self.last))
        elif event != "keyed":
            self._log_wait(self.last)

    def _log_wait(self, why):
        self.log("renewal: %s, again in %d s (%s)" % (self.state, self.sleep(), why))

    def stumbled(self, error):
        """The store failed, or memory did: what was being done is tried again later."""
        self.alarm = "the store fails: %s" % _plain(error)
        self._later(None)
        self._log_wait(self.alarm)

    def _later(self, value, dearer=1):
        # Exponential back-off with full jitter, within a tenth of what is left of the certificate. A
        # certificate that was rejected counts as well, over a restart too: each one costs its issuer.
        most = dearer * self.retry_most
        validity = self.validity()
        if validity is not None:
            left = validity[1] - self.clock.now()
            if left > 0:
                most = max(self.retry_first, min(most, left // 10))
        rejects = self.kept.get("rejects", 0)
        self._wait(min(most, self.retry_first << min(self._tries + rejects, 20)))
        self._tries += 1

    def _wait(self, most):
        random = urandom(2)
        self._waited = 1 + (most * (random[0] << 8 | random[1]) >> 16)
        self._wake = self.clock.now() + self._waited

    def _forget(self, names="mode key csr public uid corr since trial signer"):
        for name in names.split():
            self.kept.pop(name, None)

    def _begin(self, mode):
        self._forget()
        if mode:
            self.kept["mode"] = mode

    def _keep(self, fields):
        # The state is in the heap, and once more as JSON, where a control character is six: a server must not
        # make it outgrow them.
        for name in ("uid", "public", "corr"):
            text = fields.get(name, "")
            if len(text.encode()) > _LONGEST << (name == "corr") or min(text + " ") < " ":
                raise ValueError("an identifier too long to keep")
        self.kept.update(fields)

    def _abandon(self, why):
        # The key in use is gone, or is none that we can sign with: a new one, by whom it may be.
        self._forget()
        self.kept["wanted"] = "rotate"
        self.alarm = "a new key is needed: %s" % _plain(why)

    def _turned_away(self, error):
        # The server does not want the identity we came with: come with the other after some refusals in a
        # row, and at once where our certificate has ended by our clock.
        self._later(error)
        self.alarm = "the server refuses our certificate"
        validity = self.validity()
        expired = validity is not None and self.clock.now() > validity[1]
        if not self._has_bootstrap or not (expired or self._repeats % _PATIENCE == 0):
            return
        state = self.kept
        if state["state"] != "KEYED" and self._event != "unwanted":
            self._swap = not self._swap
        # Before anything is asked for, the bootstrap identity may enrol, and nothing else.
        elif state["mode"] != "enrol":
            if state["mode"] == "renew":
                self._forget("csr")
            state["mode"] = "enrol"
            self._wait(self.retry_first)
        elif self.own() is not None:
            state["mode"] = "rotate"

    def _refused(self, value):
        # Nothing was issued. `value`: the error, or None where we looked and found nothing; and the Public
        # Key's identifier if it is registered, for its name can be given only once.
        error, fields = value
        self._later(error)
        if error is None:
            self._forget("public")
        self._keep(fields)
        if error is None:
            return
        if self._repeats % _PATIENCE == 0:
            # Another way, and back again: what is refused now may be granted when the other is not.
            state = self.kept
            if state["mode"] == "renew":
                state["mode"] = "rotate"
            elif state["mode"] == "rotate" and self.base():
                state["mode"] = "renew"
            self._forget("key csr public")
        self.alarm = "the server refuses to issue a certificate: %s" % _plain(error)

    def _pending(self, value):
        state = self.kept
        now = self.clock.now()
        state["since"] = min(state.get("since", now), now)  # the clock may have gone back
        self._keep(value)
        self._later(None)

    def _unfetched(self, error):
        self._later(error)
        self.alarm = "a new certificate cannot be fetched: %s" % _plain(error)

    def _stage(self, value):
        fields, der = value
        state = self.kept
        self._keep(fields)
        old = self.own()
        key = state.get("key")
        public = state.get("public") or (old.public_uid if old and not key else "")
        key = bytes.fromhex(key) if key else old.key
        state["trial"] = self.slots.stage(Identity(key, der, self.csr(), state["uid"], public))

    def _reject(self, why):
        # Remembered and never fetched again; the next attempt goes on from the end of the chain, or where the
        # old one is no good either, from the bootstrap identity.
        state = self.kept
        both = self._event == "both refused"
        if both:
            why = "no identity is accepted"
        uid = state.get("uid", "")
        state["refused"] = list(state.get("refused", ()))[1 - _KEPT :] + [uid]
        state["rejects"] = state.get("rejects", 0) + 1
        if state.get("mode") == "renew":
            state["base"] = uid
        self.alarm = "a new certificate was rejected: %s" % _plain(why)
        self._forget()
        self._later(why, _DEARER)
        if both:
            state["mode"] = "enrol"

    def _promote(self, value):
        state = self.kept
        state["active"] = state["trial"]
        state["renewals"] = state.get("renewals", 0) + 1 if state["mode"] == "renew" else 0
        signer = state.get("signer", 0)
        # Where power went after proved() and before our commit, the older anchor is gone already.
        if self.anchors is not None and signer < len(self.issuers):
            self.anchors.proved("issuer", self.issuers[signer])
        self._forget()
        self._forget("wanted base rejects refused")
        self._raise_floor()
        self._wake = 0
        self.alarm = ""

    def _raise_floor(self):
        # Only by what is proved: an authority that was asked by a wrong clock can date ahead.
        validity = self.validity()
        if validity is not None:
            self.clock.raise_floor(validity[0])
            self.kept["floor"] = self.clock.floor

    def tried(self, new, old):
        """The event of a trial: how the new identity fared, and the old one if it was tried.

        Each is "accepted": an object read and a report accepted; "barred": the report refused; "read": no
        word of the report; "answered": the object not read, but not for our identity's sake, and of the new
        one the report accepted; "refused"; "offline"; or "" for not tried. Refused twice by mistake must not
        cost a good certificate, and an outage must not look like a refusal. Nor is the key server's word
        enough: it could take what nobody else does, and refuse the old one.
        """
        if new == "accepted" or new == "answered" and old == "refused":
            return "proved"
        read = ("read", "barred", "answered")
        if old == "offline" or new == "offline" and not old:
            return "unknown"  # an outage, which tells nothing
        verdict = ""
        if new == "barred":
            if old == "accepted":
                verdict = "roll back"
        elif new not in read:
            if old in read:
                verdict = "roll back"
            elif old or new == "refused":
                verdict = "both refused"
        now = self.clock.now()
        if verdict != self._verdict:
            self._verdict = verdict
            self._verdicts = self._lasted = 0
        else:
            # No longer than was meant: the clock may have jumped meanwhile
            self._lasted += max(0, min(now - self._judged, self._waited))
        self._judged = now
        self._verdicts += 1
        self.alarm = "the new certificate is refused"
        if not verdict:
            self.alarm = "the new certificate is neither proved nor refused"
        elif verdict == "both refused":
            self.alarm = "no identity is accepted"
            if not self._has_bootstrap:
                verdict = ""
        # What never connects may be refused by a server that just hangs up; that takes longer to tell.
        least = _UNHEARD if new == "offline" else 1
        if self._verdicts < least * _PATIENCE or self._lasted < least * self.trial_span:
            verdict = ""
        return verdict or "unknown"

    def status(self):
        """What an operator wants to see, a dict without secrets."""
        state = self.kept
        return {
            "state": state["state"],
            "mode": self.mode,
            "certificate": self.base(),
            "validity": self.validity(),
            "due": self.due_at(),
            "wait": self.sleep(),
            "tries": self._tries,
            "last": self.last,
            "refused": list(state.get("refused", ())),
            "alarm": self.alarm,
            "clock": "known" if self.clock.known() else "floor",
        }


def _row(state, event):
    # The columns of this row of the table, () where there is none.
    at = TABLE.find("\n%s|%s|" % (state, event)) + 1
    if not at:
        return ()
    row = TABLE[at : TABLE.index("\n", at)].split("|")
    return row if row[2] else (state, event, state, "_later")


def _plain(value):
    # A server's text goes into a line of the log: it must not look like another.
    return "".join(c if " " <= c <= "~" else "?" for c in str(value))
