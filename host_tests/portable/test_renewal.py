"""The renewal agent against a world that fails at every point. See fakeworld.py for what is checked after
each step: a usable identity, no private key on the wire or in a log, no unproved identity in use."""

import json
import sys

import fakeworld
import minica
from fakeworld import DAY, T0, Broken, Device

from identity import p256, renewal, runner

LONG = False  # set it for every fault with and without resets, every pair of faults and many storms
FULL = sys.implementation.name == "cpython"  # elsewhere a sample of the many

JOBS = ("renew", "rotate", "enrol", "expired") if FULL else ("renew", "enrol")
OPEN = ("down", "refuse", "distrust", "refuse late")
CALL = ("before", "after", "late", "twice", "malformed", "too large", "refuse after", "no get")
CALL += fakeworld.REASONS
REPORT = ("offline", "refused", "report fails")
JUMPS = ("jump 3600", "jump -3600", "jump 2300000000", "jump -900000000")
BEFALL = {"open": OPEN + JUMPS, "call": CALL + JUMPS, "report": REPORT + JUMPS}

taken = set()
tried = {"faults": 0, "orphans": 0}


def device(job="renew", **options):
    fakeworld.determine(7)
    made = Device(job, **options)
    made.taken = taken
    return made


def still(job="renew", **options):
    """A device that is not reset between its steps: patience is counted in RAM."""
    made = device(job, **options)
    made.reboots = False
    return made


def finish(made, most=60, more=1):
    made.finish(most, more)
    tried["faults"] += 1
    tried["orphans"] = max(tried["orphans"], made.orphans)
    return made


def states(made):
    return [t[2] for t in made.transitions]


def steps(made, count):
    for _ in range(count):
        made.step()


# The good ways


def test_good_ways():
    for job in JOBS:
        for reboots in (True, False):
            made = device(job)
            made.reboots = reboots
            finish(made)
            assert len(made.server.issued) == 1 and made.steps <= 6
            new = made.agent.own()
            assert made.read_by[-1] == made.reported[-1] == new.uid
            state = made.agent.slots.state
            assert sorted(state) == ["active", "floor", "renewals", "state"], state
            assert state["renewals"] == (job == "renew")
            if job != "enrol":
                old = made.agent.slots.slot(1 - state["active"][0])
                assert old.uid == "cert-0" and (old.key == new.key) == (job == "renew")
                assert new.public_uid == ("public-0" if job == "renew" else new.public_uid) != ""
            assert made.step() is False  # not due again
            assert made.commits <= 6 + (job == "expired")


def test_one_message_for_recertify_and_get():
    made = still()
    made.agent.clock.hear(made.server.now, made.latest)
    finish(made)
    assert made.kinds == ["open", "call", "open", "call", "report"]
    assert made.server.calls == [["recertify", "get"], ["get"]]


def test_wanted():
    for mode in ("renew", "rotate"):
        made = still("idle")
        assert not made.step()
        made.agent.request(mode)
        assert made.agent.sleep() == 0
        finish(made)
        same = made.agent.own().key == made.agent.slots.slot(made.first[0]).key
        assert same == (mode == "renew")


def test_rotates_after_so_many_renewals():
    made = still(rotate_after=2)
    keys = []
    for _ in range(4):
        made.proved = []
        finish(made)
        keys.append(made.agent.own().key)
        made.server.issued = []
        made.server.now = made.agent.due_at()
    assert keys[0] == keys[1] != keys[2] == keys[3]


def test_years():
    made = still()
    end = T0 + 10 * 365 * DAY
    count = 0
    while made.server.now < end:
        made.server.now = max(made.server.now, made.agent.due_at())
        made.proved = []
        made.server.issued = []
        made.finish(6, 0)
        count += 1
        if not FULL and count == 12:
            break
    assert not FULL or 170 < count < 190


# One fault at each point, with each way of failing


def each_fault(job):
    good = device(job)
    good.finish()
    reboots = False
    for at, kind in enumerate(good.kinds):
        for fault in BEFALL[kind]:
            reboots = not reboots
            yield at, fault, reboots or LONG
            if LONG:
                yield at, fault, False


def one_fault(job, stride):
    for count, (at, fault, reboots) in enumerate(each_fault(job)):
        if count % stride:
            continue
        made = device(job)
        made.reboots = reboots
        made.faults[at] = fault
        try:
            finish(made)
        except Broken as error:
            raise Broken("%s, %s at %d, reboots %s: %s" % (job, fault, at, reboots, error))


def test_one_fault_renew():
    one_fault("renew", 1 if FULL else 29)


def test_one_fault_rotate():
    one_fault("rotate", 1 if FULL else 31)


def test_one_fault_enrol():
    one_fault("enrol", 1 if FULL else 31)


def test_one_fault_expired():
    one_fault("expired", 1 if FULL else 37)


def two_faults(job, stride, offset=0):
    """A second fault at each point that comes after the first."""
    count = offset
    for at, fault, reboots in each_fault(job):
        for second in CALL + OPEN + ("offline", "refused"):
            for later in (1, 2, 3):
                count += 1
                if count % stride:
                    continue
                made = device(job)
                made.reboots = reboots
                made.faults[at] = fault
                made.faults[at + later] = second
                try:
                    finish(made)
                except Broken as error:
                    raise Broken(
                        "%s, %s at %d, %s %d later: %s" % (job, fault, at, second, later, error)
                    )


def test_two_faults():
    for job in JOBS:
        two_faults(job, 1 if LONG else 211 if FULL else 6007)


def storm(seed):
    """Random faults for some time, resets between, then none."""
    entropy = fakeworld.determine(seed)
    made = Device(JOBS[entropy.below(len(JOBS))])
    made.taken = taken
    every = OPEN + CALL + REPORT + JUMPS
    for at in range(10 + entropy.below(30)):
        if entropy.below(10) < 6:
            made.faults[at] = every[entropy.below(len(every))]
    made.server.bad = [minica.BAD[entropy.below(len(minica.BAD))] for _ in range(entropy.below(3))]
    if entropy.below(2):
        made.server.demands = True
        made.server.pending = entropy.below(4)
    try:
        while made.sent < 40 and not made.proved:
            made.reboots = entropy.below(4) == 0
            made.step()
        made.server.bad = []
        made.reboots = entropy.below(2) == 0
        made.finish(150, 1)
    except Broken as error:
        raise Broken("seed %d, %s: %s" % (seed, made.job, error))
    tried["faults"] += 1
    tried["orphans"] = max(tried["orphans"], made.orphans)
    return made


def test_storms():
    for seed in range(1, 5000 if LONG else 81 if FULL else 6):
        storm(seed)


def test_each_state_meets_each_fault():
    for state in ("KEYED", "ASKED", "PENDING", "ISSUED", "STAGED", "TRIAL"):
        for fault in ("down", "refuse", "refuse late", "before"):
            for job in ("renew", "rotate") if FULL else ("renew",):
                made = reach(state, job)
                for at in range(made.sent, made.sent + 4):
                    made.faults[at] = fault
                made.step()
                finish(made, more=0)


def reach(state, job):
    """A device that has come to this state."""
    made = still(job, asynchronous=state == "PENDING")
    if state == "KEYED":
        made.faults[0] = "down"
    elif state == "ASKED":
        made.loses = "before"
    elif state == "PENDING":
        made.server.pending = 0
    elif state == "ISSUED":
        made.server.denies = {"get": 1}
    while made.agent.state != state:
        made.step()
    made.loses = ""
    made.server.denies = {}
    made.agent.clock.hear(made.server.now, made.latest)
    return made


# Hostile and mistaken certificates


def test_bad_certificates():
    for job in JOBS:
        for kind in minica.BAD:
            if not FULL and (len(job) + len(kind)) % 9:
                continue
            if kind == "ends early" and job == "enrol":
                continue  # there is no old one, and 2020 is past: tried as "expired"
            made = still(job)
            made.server.bad = [kind]
            for _ in range(7):
                made.step()
                if made.agent.slots.state.get("rejects"):
                    break
            bad = made.server.issued[0]
            assert made.transitions[-1][1] == "bad", (job, kind, made.story())
            assert made.agent.status()["refused"] == [bad]
            assert made.agent.alarm.startswith("a new certificate was rejected: ")
            assert made.agent.slots.using == made.first
            finish(made, more=0)
            assert len(made.server.issued) == 2


def test_second_bad_certificate_changes_the_key():
    made = still()
    made.server.bad = ["no clientAuth", "truncated"]
    finish(made, more=0)
    old = made.agent.slots.slot(made.first[0])
    assert len(made.server.issued) == 3 and made.agent.own().key != old.key


def test_the_old_certificate_again():
    for end in (T0 + 30 * DAY, 253402300799):
        server = fakeworld.Server()
        server.life = end - T0
        made = still("idle", server=server)
        made.agent.request("renew")
        cert = made.agent.own().cert
        server.ca.issue = lambda *args, cert=cert: cert
        for _ in range(4):
            made.step()
            if made.agent.slots.state.get("rejects"):
                break
        assert made.transitions[-1][:2] == ("STAGED", "bad")


def test_not_yet_valid_is_rolled_back():
    for job in JOBS:
        made = still(job)
        made.server.bad = ["not yet valid"]
        finish(made, more=0)
        if job in ("renew", "rotate"):
            assert ("TRIAL", "roll back", "STABLE") in made.transitions
        else:
            assert ("TRIAL", "both refused", "KEYED") in made.transitions
        assert made.agent.clock.floor < T0 + 200 * DAY  # the one from the future has not raised it


def test_authority_that_never_learns():
    # Certificates without clientAuth for ever: back-off holds, and the old identity stays in use.
    made = still()
    made.server.bad = ["no clientAuth"]
    made.server.always = True
    begin = made.server.now
    while made.server.now < begin + (7 if FULL else 2) * DAY:
        made.step()
    count = len(made.server.issued)
    assert 8 < count < 50, count
    assert made.commits < 7 * count and made.agent.slots.using == made.first
    assert len(made.agent.slots.state["refused"]) == 8
    made.server.bad = []
    finish(made, more=0)


def test_endless_certificates():
    # 99991231235959Z is no end: it neither stops renewal nor bars a successor that has one.
    for later in (253402300799, T0 + 3 * 365 * DAY):
        server = fakeworld.Server()
        server.life = 253402300799 - T0
        made = still("idle", server=server)
        assert made.agent.validity()[1] == 253402300799
        due = made.agent.due_at()
        assert T0 + 365 * DAY <= due <= T0 + 365 * DAY + 3600
        made.server.now = due
        made.server.life = later - due
        finish(made, more=0)
        assert made.agent.validity()[1] == later


def test_certificate_that_cannot_be_fetched():
    made = still()
    made.server.denies = {"get": fakeworld.DENIED}
    for _ in range(30):
        made.step()
        if made.agent.slots.state.get("rejects"):
            break
    assert ("ISSUED", "gone", "STABLE") in made.transitions and len(made.server.issued) == 1
    assert made.server.now < T0 + 24 * DAY
    made.server.denies = {}
    finish(made)
    assert len(made.server.issued) == 2


def test_issuer_rolls_over():
    from identity.anchors import Anchors

    for linked in (True, False):
        made = still()
        old_ca = made.server.ca
        new_ca = minica.CA("Meter CA 2")
        made.server.anchors = [old_ca.anchor, new_ca.anchor]
        made.server.ca = new_ca
        made.reboots = False
        anchors = Anchors(made.root + "/anchors", [b"server"], [old_ca.anchor])
        made.agent.anchors = anchors
        made.agent.issuers = anchors.issuer
        cross = made.server.add("ca-2", "certificate", old_ca.cross(new_ca))
        made.step()
        assert made.agent.state == "STAGED"
        issued = made.server.objects[made.server.issued[0]]
        if linked:
            issued.links.append((fakeworld.CERTIFICATE_LINK, "ca-2"))
            made.step()
            assert made.agent.state == "TRIAL" and anchors.issuer == [old_ca.anchor, cross.value]
            # Power may go between the anchors' record and ours: the signer is then the only one left.
            anchors.proved("issuer", cross.value)
            finish(made, more=0)
            assert anchors.issuer == [cross.value]
        else:
            made.step()
            assert made.agent.state == "STABLE" and anchors.issuer == [old_ca.anchor]


def test_issuer_that_cannot_be_looked_at():
    from identity.anchors import Anchors

    denials = ((fakeworld.DENIED, "gone"), (fakeworld.NOT_AUTHENTICATED, "turned away"), (0, "offline"))
    for deny, event in denials:
        made = still()
        made.server.ca = minica.CA("Meter CA 2")
        made.server.anchors = made.server.anchors + [made.server.ca.anchor]
        made.agent.anchors = Anchors(made.root + "/anchors", [b"server"], made.agent.issuers[:1])
        made.agent.issuers = made.agent.anchors.issuer
        made.step()
        if deny:
            made.server.denies = {"get_attributes": deny}
        else:
            made.faults[made.sent] = "down"
        for _ in range(14):
            made.step()
            if made.transitions[-1][:2] == ("STAGED", event):
                break
        assert made.transitions[-1][:2] == ("STAGED", event), made.story()
        made.server.denies = {}
        made.server.ca = minica.CA()
        finish(made, most=80, more=1)


# Pending


def test_pending():
    for job in JOBS:
        for demands in (True, False):
            for polls in (0, 1, 5) if FULL else (1,):
                for reboots in (True, False) if FULL else (demands,):
                    made = device(job, asynchronous=not demands)
                    made.reboots = reboots
                    made.server.pending = polls
                    made.server.demands = demands
                    finish(made, more=0)
                    assert ("PENDING", "issued", "ISSUED") in made.transitions
                    public = made.agent.own().public_uid
                    assert public == made.server.objects[made.agent.own().uid].links[0][1]


def test_never_offered_where_nobody_asks():
    made = still()
    made.server.pending = 3
    finish(made, more=0)
    assert not made.server.waiting and made.agent.asynchronous is False


def test_pending_for_ever():
    for job in JOBS if FULL else JOBS[:2]:
        for cancels in (True, False):
            made = still(job, asynchronous=True)
            made.server.pending = 1 << 20
            made.server.cancels = cancels
            for _ in range(60):
                made.step()
                if ("PENDING", "late", "ASKED") in made.transitions:
                    break
            assert made.server.calls[-1] == ["cancel"]
            assert T0 + DAY <= made.server.now <= T0 + 44 * DAY
            made.server.pending = None
            finish(made, more=0)


def test_pending_ends_badly():
    for job in JOBS:
        # The server forgets; or what was pending comes to an error.
        made = still(job, asynchronous=True)
        made.server.pending = 1 << 20
        made.server.forgets = True
        steps(made, 7)
        assert ("PENDING", "refused", "ASKED") in made.transitions
        made.server.pending = None
        finish(made, more=0)


def test_cancel_is_repeated_until_heard():
    made = still(asynchronous=True)
    made.server.pending = 1 << 20
    steps(made, 4)
    made.server.now += 2 * DAY
    made.faults[made.sent + 1] = "before"
    made.step()
    assert made.agent.state == "PENDING" and made.agent.last.startswith("lost")
    for _ in range(4):
        made.step()
    assert made.server.calls.count(["cancel"]) == 1 and ("PENDING", "late", "ASKED") in made.transitions


def test_pending_since_a_moment_that_never_was():
    made = still(asynchronous=True)
    made.server.pending = 1 << 20
    made.stamp = T0 + 3000 * DAY
    steps(made, 3)
    made.stamp = None
    for _ in range(40):
        made.step()
    assert ("PENDING", "late", "ASKED") in made.transitions and made.server.now < T0 + 26 * DAY


def test_nobody_polls_with_our_identity():
    made = still(asynchronous=True)
    made.server.pending = 2
    steps(made, 2)
    made.server.refuses = lambda uid: uid == "cert-0"
    finish(made, most=20, more=0)
    assert ("PENDING", "turned away", "PENDING") in made.transitions


# Batches


def test_server_without_batches():
    for job in JOBS:
        for reason in (4, 5, 8) if FULL else (4,):
            made = still(job)
            made.server.batches = reason
            finish(made, more=0)
            made.proved = []
            made.server.now = made.agent.due_at()
            made.server.issued = []
            made.server.calls = []
            finish(made, more=0)
            assert ["recertify", "get"] not in made.server.calls  # it has learned


def test_server_that_hangs_up_on_batches():
    for job in JOBS:
        made = still(job)
        made.server.batches = 4
        between(made, lambda results, made=made: setattr(made, "connection", None) or results)
        finish(made, more=0)


def between(made, change):
    """Have `change` applied to the answer to every message of several items."""
    answer = made.call

    def call(calls, asynchronous=False):
        results = answer(calls, asynchronous)
        return change(results) if len(calls) > 1 else results

    made.call = call


def test_answer_that_never_fits():
    # Response Too Large for the message of several items; singly they fit.
    made = still()
    between(made, lambda results: [fakeworld.refusal("get", 2)] + [None] * (len(results) - 1))
    finish(made, more=0)
    made = still("rotate")
    answer = made.server.answer

    def refuse(calls, *rest):
        if len(calls) > 1:  # said before anything was done
            return [fakeworld.refusal(calls[0][0], 2)] + [None] * (len(calls) - 1)
        return answer(calls, *rest)

    made.server.answer = refuse
    finish(made, more=0)


# The server's mind


def test_server_that_lets_nobody_look():
    # Whether the lost request was done cannot be found out: asked again, for one certificate too many.
    for job in JOBS if FULL else JOBS[1:3]:
        for fault in ("before", "after"):
            made = still(job)
            made.server.denies = {"get_attributes": 1, "locate": 1}
            made.loses = fault
            while made.agent.state != "ASKED":
                made.step()
            made.loses = ""
            finish(made, most=60, more=1)
            assert ("ASKED", "unknowable", "KEYED") in made.transitions


def test_renewed_behind_our_back():
    # A journal of before a renewal: the certificate in use has a successor that we do not know of.
    made = still()
    finish(made, more=0)
    state = made.agent.slots.state
    state["active"] = made.first
    made.agent.slots.commit()
    count = len(made.server.issued)
    made.proved = []
    made.boot()
    finish(made, more=0)
    assert len(made.server.issued) == count


def test_name_that_is_taken():
    # Register was done, its answer and the search for it lost: the name cannot be given again.
    for job in ("rotate", "enrol", "expired") if FULL else ("enrol",):
        made = still(job)
        while made.agent.state != "KEYED" or not made.agent.csr():
            made.step()
        made.server.denies = {"certify": 1, "recertify": 1, "locate": fakeworld.DENIED}
        for _ in range(24):
            made.step()
        assert made.server.issued == []
        made.server.denies = {}
        finish(made, most=30, more=0)


def test_refused_for_long():
    for job in JOBS if FULL else JOBS[:2]:
        for reason in (1, 5, 7, 0x0C, fakeworld.GENERAL_FAILURE) if FULL else (5,):
            made = still(job)
            made.server.denies = {"certify": reason, "recertify": reason}
            begin = made.server.now
            for _ in range(40):
                made.step()
            assert made.server.now - begin > DAY  # back-off
            assert made.commits < 3 * 40 + 20
            assert "refuses" in made.agent.alarm
            assert made.agent.slots.using == made.first
            made.server.denies = {}
            finish(made, more=0)


def test_ways_are_tried_in_turn():
    # Certify is never granted; Re-certify is again, later.
    made = still()
    made.server.denies = {"certify": 0x0C, "recertify": fakeworld.GENERAL_FAILURE}
    steps(made, 10)
    assert made.agent.mode == "rotate"
    made.server.denies = {"certify": 0x0C}
    finish(made, more=0)
    assert made.agent.own().key == made.agent.slots.slot(made.first[0]).key


def test_own_identity_refused():
    for bootstrap in (True, False):
        made = still(bootstrap=bootstrap)
        made.server.refuses = lambda uid: uid == "cert-0"
        if bootstrap:
            finish(made, more=0)
            continue
        begin = made.server.now
        for _ in range(30):
            made.step()
        assert made.agent.state == "KEYED" and made.agent.alarm and made.commits <= 1
        assert made.server.now - begin > DAY
        made.server.refuses = lambda uid: False
        finish(made, more=0)


def test_refused_at_the_first_read():
    # As with TLS 1.3: the way back, and the trial, know a refusal when it comes late.
    for job in JOBS:
        made = still(job)
        made.tls13 = True
        made.server.refuses = lambda uid: uid == "cert-0"
        finish(made, more=0)
    made = still()
    made.tls13 = True
    made.server.refuses = newest(made)
    for _ in range(20):
        made.step()
        if made.agent.slots.state.get("rejects"):
            break
    assert ("TRIAL", "roll back", "STABLE") in made.transitions


def test_both_identities_refused():
    made = still()
    made.server.refuses = lambda uid: True
    for _ in range(40):
        made.step()
    assert made.server.issued == [] and made.commits < 25
    made.server.refuses = lambda uid: False
    finish(made, more=0)


def test_asked_and_then_refused():
    # The request is lost, and then the server does not want the identity that asked.
    for bootstrap in (True, False):
        for fault in ("before", "after"):
            made = still(bootstrap=bootstrap)
            made.faults[2] = fault
            steps(made, 1)
            assert made.agent.state == "ASKED"
            made.server.refuses = lambda uid: uid == "cert-0"
            for _ in range(20):
                made.step()
            if bootstrap:
                finish(made, more=0)
            else:
                assert made.agent.state == "ASKED" and made.agent.alarm
                made.server.refuses = lambda uid: False
                finish(made, more=0)
            assert len(made.server.issued) == 1


def test_expired_without_bootstrap():
    made = still("expired", bootstrap=False)
    for _ in range(30):
        made.step()
    assert made.agent.slots.using == made.first and made.agent.alarm
    made.server.now = T0 + 22 * DAY  # the server's clock was wrong
    finish(made, more=0)


def test_no_identity_at_all():
    agent = still("enrol", bootstrap=False).agent
    assert agent.job() == "" and agent.alarm == "no identity" and agent.sleep() > 0


# Trial


def newest(made):
    return lambda uid: uid != "bootstrap" and uid in made.server.issued


def test_outage_in_the_trial():
    for job in JOBS:
        made = still(job)
        while made.agent.state != "TRIAL":
            made.step()
        for at in range(made.sent, made.sent + 40):
            made.faults[at] = "down"
        made.reboots = job == "rotate"
        for _ in range(20):
            made.step()
        assert made.agent.state == "TRIAL" and len(made.server.issued) == 1
        made.faults = {}
        finish(made, more=0)


def test_new_identity_refused():
    for job in JOBS:
        made = still(job, trial_span=3600)
        made.server.refuses = newest(made)
        while made.agent.state != "TRIAL":
            made.step()
        since = made.server.now
        count = made.steps
        for _ in range(60):
            made.step()
            if made.agent.state != "TRIAL":
                break
        assert made.agent.state in ("STABLE", "KEYED") and made.agent.slots.using == made.first
        assert made.server.now - since >= 3600 and made.steps - count >= 3
        bad = made.server.issued[:]
        made.server.refuses = lambda uid, bad=bad: uid in bad
        finish(made, more=1)


def test_refused_now_and_then():
    # Twice refused and then accepted is no reason to give a certificate up.
    made = still()
    made.server.refuses = newest(made)
    while made.agent.state != "TRIAL":
        made.step()
    steps(made, 2)
    made.server.refuses = lambda uid: False
    finish(made, more=0)
    assert len(made.server.issued) == 1


def test_refusals_must_last():
    made = still(trial_span=3600)
    made.server.refuses = newest(made)
    while made.agent.state != "TRIAL":
        made.step()
    for _ in range(20):
        made.agent._wake = made.agent._tries = 0
        made.step()  # all at one moment
    assert made.agent.state == "TRIAL"
    made.stamp = made.server.now + 3000 * DAY  # nor does a clock that jumps there and back help
    made.agent._wake = 0
    made.step()
    made.stamp = None
    made.agent._wake = 0
    made.step()
    made.server.refuses = lambda uid: False
    finish(made, most=20, more=0)


def test_server_that_hangs_up_on_the_new_identity():
    # No alert, just an end: with TLS 1.3 a refusal can look like that. It takes longer, but it ends.
    for job in ("renew", "expired"):
        made = still(job, trial_span=600)
        while made.agent.state != "TRIAL":
            made.step()
        made.hangs_up_on = made.server.issued[:]
        count = made.steps
        for _ in range(40):
            made.step()
            if made.agent.state != "TRIAL":
                break
        assert made.agent.state in ("STABLE", "KEYED") and made.steps - count >= 12
        finish(made, more=1)


def test_only_the_old_identity_refused():
    made = still()
    made.billing = "offline"
    while made.agent.state != "TRIAL":
        made.step()
    steps(made, 5)
    assert made.agent.state == "TRIAL" and "neither" in made.agent.alarm
    made.server.refuses = lambda uid: uid == "cert-0"
    steps(made, 5)
    assert made.agent.state == "TRIAL" and not made.proved  # the key server's word is not enough
    made.billing = "accepted"
    finish(made, more=0)


def test_key_server_that_takes_only_what_nobody_else_does():
    # A certificate from the future, which by its word is the only good one: taken into use it would be
    # refused for years, and with it in the floor of the clock each one behind it.
    for word in ("refused", "offline", "object gone"):
        made = still()
        server = made.server
        server.bad = ["not yet valid"]
        admit = server.admit

        def lie(identity, made=made):
            if identity.uid == "cert-0" and made.agent.state == "TRIAL":
                raise fakeworld.tls_refusal()
            return "device"

        def billing(identity, admit=admit, word=word):
            try:
                admit(identity)
            except fakeworld.TLSError:
                return "offline" if word == "offline" else "refused"
            return "accepted"

        made.billing = billing
        server.admit = lie
        if word == "object gone":
            server.denies = {"get": 1}
            made.step()
            server.denies = {}
        while made.agent.state != "TRIAL":
            made.step()
        if word == "object gone":
            server.denies = {"get": 1}
        steps(made, 20)
        assert made.agent.own().uid == "cert-0" and not made.proved, word
        server.admit = admit
        server.denies = {}
        finish(made, more=0)
        assert made.agent.clock.floor < T0 + 40 * DAY


def test_billing_refuses_everybody():
    made = still()
    made.billing = "refused"
    while made.agent.state != "TRIAL":
        made.step()
    for _ in range(30):
        made.step()
    assert made.agent.state == "TRIAL" and len(made.server.issued) == 1
    made.billing = "accepted"
    finish(made, more=0)


def test_billing_refuses_the_new_identity():
    made = still()
    made.billing = lambda identity: "accepted" if identity.uid == "cert-0" else "refused"
    for _ in range(20):
        made.step()
        if made.agent.slots.state.get("rejects"):
            break
    assert ("TRIAL", "roll back", "STABLE") in made.transitions
    made.billing = "accepted"
    finish(made, more=1)


def test_object_that_is_gone():
    # The object of the proof cannot be read by anybody: the trial ends when the old identity does.
    made = still()
    made.server.objects.pop("key-1")
    for _ in range(30):
        made.step()
    assert made.agent.state == "TRIAL" and len(made.server.issued) == 1
    made.server.now = T0 + 31 * DAY
    finish(made, more=0)


def test_outage_that_outlasts_both():
    for bootstrap in (True, False):
        made = still(bootstrap=bootstrap)
        while made.agent.state != "TRIAL":
            made.step()
        made.server.now += 100 * DAY
        if bootstrap:
            finish(made, more=1)
            assert len(made.server.issued) == 2
        else:
            for _ in range(20):
                made.step()
            assert made.agent.state == "TRIAL" and made.agent.alarm == "no identity is accepted"


# The store


def test_damaged_slots():
    for state in ("STAGED", "TRIAL"):
        for job in JOBS:
            made = still(job)
            while made.agent.state != state:
                made.step()
            idle = made.agent.slots.state["trial"][0]
            spoil(made, idle)
            finish(made, more=0)
            assert len(made.server.issued) == 1 and (state, "damaged") in taken
    for state in ("KEYED", "ASKED", "PENDING", "ISSUED", "STAGED", "TRIAL"):
        for job in ("renew", "rotate") if FULL else ("renew",):
            made = reach(state, job)
            spoil(made, made.first[0])
            finish(made, more=1)


def spoil(made, index):
    """The octets of a slot rot."""
    path = "%s/id/slot%d/data" % (made.root, index)
    with open(path, "rb") as file:
        octets = bytearray(file.read())
    octets[100] ^= 1
    with open(path, "wb") as file:
        file.write(octets)


def test_store_that_fails():
    for job in JOBS:
        for at in range(0, 8, 1 if FULL else 3):
            made = still(job)
            made.fails = [at, at + 1, at + 2]
            finish(made, more=0)
            assert made.commits > at or at >= 5
    made = still()
    slots = made.agent.slots
    stage = slots.stage
    left = [2]

    def full(identity):
        left[0] -= 1
        if left[0] >= 0:
            raise OSError(28)
        return stage(identity)

    slots.stage = full
    steps(made, 2)
    assert made.agent.alarm.startswith("the store fails")
    finish(made, more=0)
    assert len(made.server.issued) == 1


def test_identifiers_without_end():
    # Each attempt brings another one, which is remembered: 8 of them once outgrew a board's heap for good.
    for more in ("u" * 1500, "\0" * 20, "\u20ac" * 60):
        made = still()
        agent = made.agent
        agent.stumbled = lambda error, agent=agent: renewal.Agent.stumbled(agent, error)
        made.server.bad = ["wrong key"]
        made.server.always = True
        call = made._call
        longest = 0

        def lie(calls, asynchronous, call=call, more=more):
            results = call(calls, asynchronous)
            return [result + more if isinstance(result, str) else result for result in results]

        made._call = lie
        for _ in range(30):
            made.step()
            longest = max(longest, len(json.dumps(made.agent.slots.state)))
        assert longest < 2500 and made.agent.own().uid == "cert-0", longest
        made._call = call
        made.server.bad = []
        finish(made, more=2)


def test_key_that_cannot_sign():
    made = still()
    slots = made.agent.slots
    own = made.agent.own()
    own.csr = b""
    point = p256.read(own.key)[1]
    slots.state["active"] = slots.stage(own)
    slots.commit()
    made.first = slots.using
    finish(made, more=0)  # its request was lost, and is made again
    assert p256.read(made.agent.own().key)[1] == point
    read = p256.read

    def unreadable(der):
        if read(der)[1] == point:
            raise ValueError("P-256: key")  # as an RSA key is
        return read(der)

    made.proved = []
    made.server.issued = []
    made.server.now = made.agent.due_at()
    own = made.agent.own()
    own.csr = b""
    slots.state["active"] = slots.stage(own)
    slots.commit()
    p256.read = unreadable
    try:
        made.watch = lambda: None
        for _ in range(5):
            made.step()
            if ("KEYED", "unusable", "STABLE") in made.transitions:
                break
    finally:
        p256.read = read
    assert made.agent.state == "STABLE" and made.wanted() == "rotate"
    finish(made, more=0)
    assert p256.read(made.agent.own().key)[1] != point


# Time


def test_wrong_clocks():
    for job in JOBS:
        for skew in (-900000000, -40 * DAY, -3600, 3600, 40 * DAY, 2300000000):
            for reboots in (True, False):
                if not FULL and (len(job) + skew // 3600 + reboots) % 6:
                    continue
                made = device(job)
                made.reboots = reboots
                made.skew = skew
                finish(made, most=400, more=0)
                assert len(made.server.issued) == 1


def test_forged_time_stamps():
    # 2099 and 1970, heard for a while: no lasting harm, and never below the floor.
    for stamp in (4070908800, 0):
        for job in JOBS:
            made = device(job)
            floor = made.agent.clock.floor
            made.stamp = stamp
            steps(made, 1)
            assert made.agent.clock.floor == floor <= made.agent.clock.now() <= made.latest
            made.stamp = None
            finish(made, most=80, more=1)
            assert made.agent.clock.floor <= made.server.now
            made.reboots = False
            assert made.agent.status()["due"] > made.server.now


def test_board_without_a_clock():
    # Its clock begins at 2000 at each start: it goes on from the floor, offline for days.
    made = still()
    made.skew = 946684800 - made.server.now
    made.boot()
    agent = made.agent
    assert agent.clock.now() == agent.clock.floor == T0 and agent.status()["clock"] == "floor"
    made.server.now += 100
    assert agent.clock.now() == T0 + 100
    for at in range(10):
        made.faults[at] = "down"
    begin = made.server.now
    for _ in range(10):
        made.server.now += agent.sleep()
        runner.run(agent, made)
    assert made.sent == 10 and made.server.now - begin > 20 * DAY
    assert agent.status()["clock"] == "floor"


def test_clock_without_time_that_has_ended():
    # It cannot know that its certificate has ended; that its reports are refused tells it.
    for tls13 in (False, True):
        made = still("expired")
        made.tls13 = tls13
        made.skew = 946684800 - made.server.now
        made.boot()
        finish(made, more=0)
    made = still("expired")
    made.skew = 946684800 - made.server.now
    made.boot()
    agent = made.agent
    assert agent.job() == ""
    for _ in range(2):
        agent.heard("refused")
    agent.heard("accepted")
    for _ in range(2):
        agent.heard("refused")
    assert agent.job() == ""
    agent.heard("offline")
    agent.heard("refused")
    assert agent.sleep() == 0
    finish(made, more=0)
    # And where the key server does want it, nothing comes of it.
    made = still("idle")
    for _ in range(3):
        made.agent.heard("refused")
    assert runner.run(made.agent, made) and made.agent.state == "STABLE" and made.server.issued == []


# When


def test_spread_over_the_fleet():
    made = still("idle")
    agent = made.agent
    begin, end = agent.validity()
    dues = []
    for n in range(64):
        agent.device = "meter-%04d" % n
        dues.append(agent.due_at() - begin - (end - begin) * 2 // 3)
    assert 0 <= min(dues) < 600 and 3000 < max(dues) < 3600 and len(set(dues)) > 55
    agent.max_age = 5 * DAY
    agent.device = "meter-0001"
    assert 0 <= agent.due_at() - begin - 5 * DAY < 3600
    agent.window = 100 * DAY  # no more than a tenth of the life
    assert agent.due_at() - begin - 5 * DAY < 3 * DAY


def test_back_off():
    made = still(retry_first=60, retry_most=21600)
    agent = made.agent
    made.server.now = T0 + DAY
    most = [0] * 16
    least = [1 << 30] * 16
    for _ in range(60 if FULL else 12):
        agent._tries = 0
        for n in range(16):
            agent._later(None)
            wait = agent._wake - agent.clock.now()
            most[n] = max(most[n], wait)
            least[n] = min(least[n], wait)
            assert 1 <= wait <= 1 + min(21600, 60 << n), (n, wait)
    assert most[12] > 15000 and least[12] < 8000 and most[0] > 30
    agent._tries = 1000000
    agent._later(None)
    assert agent._wake - agent.clock.now() <= 21601


def test_faster_near_the_end():
    made = still()
    agent = made.agent
    end = agent.validity()[1]
    for left, bound in ((3 * DAY, 21600), (10 * 3600, 3600), (3600, 360), (300, 60), (1, 60)):
        made.server.now = end - left
        for _ in range(20):
            agent._tries = 12
            agent._later(None)
            assert agent._wake - agent.clock.now() <= bound + 1
    made.server.now = end + 1  # after it there is no hurry that could help
    agent._tries = 12
    waits = []
    for _ in range(20):
        agent._later(None)
        waits.append(agent._wake - agent.clock.now())
    assert max(waits) > 3600


def test_clock_that_goes_back_while_waiting():
    made = still()
    made.faults[0] = "down"
    made.stamp = None
    made.server.now += 2000 * DAY
    runner.run(made.agent, made)
    made.server.now -= 2000 * DAY
    assert made.agent.job() == ""
    assert made.agent.sleep() <= 21600


def test_server_that_is_down_wears_no_flash():
    for at_call in (False, True):
        made = still()
        for at in range(0 if not at_call else 1, 400, 2 if at_call else 1):
            made.faults[at] = "before" if at_call else "down"
        begin = made.server.now
        while made.server.now < begin + 5 * DAY:
            made.step()
        assert made.commits <= 3, made.commits
        made.faults = {}
        finish(made, more=0)


# The table


def test_zz_every_row_was_taken():
    rows = {row[:2] for row in fakeworld.ROWS}
    assert len(rows) == len(fakeworld.ROWS)  # no two for one event
    for test in sorted(globals()):  # where it runs alone
        if test.startswith("test_") and not test.startswith("test_zz") and not rows <= taken:
            globals()[test]()
    assert rows - taken == set(), rows - taken
    methods = [row[3] for row in fakeworld.ROWS if row[3]]
    assert all(hasattr(renewal.Agent, name) for name in methods)
    states = {row[0] for row in fakeworld.ROWS}
    assert states == {row[2] for row in fakeworld.ROWS}
    print("agent: %d runs with faults, most certificates left over: %d" % (tried["faults"], tried["orphans"]))
