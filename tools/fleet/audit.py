"""What must hold of a fleet when it is over, looked up in the server's store and the meters' own files."""

import contextlib
import itertools
import json
from dataclasses import dataclass

from cryptography import x509

from tools.refserver.engine import Engine
from tools.refserver.enums import ObjectType
from tools.refserver.tags import Tag as T

from .run import CONTENDED, GRANT, RENEWALS, SHARE


@dataclass
class Finding:
    """One invariant: whether it held, and the figures."""

    name: str
    held: bool
    figures: str


def audit(fleet):
    """The Findings, a list."""
    from identity.slots import Slots

    certificates, limits = _stored(fleet)
    reports = json.loads((fleet.top / "billing.json").read_text())
    slots = {meter.device: Slots(str(fleet.top / meter.device / "slots")) for meter in fleet.meters}
    return [
        _expired(fleet, reports),
        _renewed(fleet),
        *_identities(fleet, certificates),
        _allocations(fleet, limits),
        _contended(fleet, limits[CONTENDED]),
        _recorded(fleet, certificates, reports, slots),
        _orphans(fleet, certificates, slots),
    ]


def _stored(fleet):
    """What the store says: {device: {uid: certificate}}, {device: (total, remaining, allocations)}."""
    certificates, limits = {}, {}
    with contextlib.closing(Engine(fleet.state)) as engine, \
            engine.store.transaction(write=False) as transaction:
        for device in [meter.device for meter in fleet.meters] + [CONTENDED]:
            own = certificates[device] = {}
            for uid in transaction.uids_of(device):
                managed = transaction.load(uid)
                if managed.object_type == ObjectType.CERTIFICATE:
                    own[uid] = x509.load_der_x509_certificate(
                        managed.material.find(T.CERTIFICATE_VALUE).value)
                elif managed.object_type == ObjectType.SYMMETRIC_KEY:
                    total, remaining, _, allocations = transaction.limits(uid)
                    limits[device] = total, remaining, allocations
    return certificates, limits


def _expired(fleet, reports):
    late = [meter.device for meter in fleet.meters if meter.late()]
    left = [left for meter in fleet.meters for _, left, _ in meter.renewals]
    stale = sum(when > end for _, _, when, end, _ in reports["reports"])
    return Finding("nobody expired", not late and not stale,
                   "%d did; the latest renewal had %.0f s of %d left" % (
                       len(late), min(left, default=0), fleet.life))


def _renewed(fleet):
    times = [len(meter.renewals) for meter in fleet.meters]
    return Finding("everybody renewed %d times at the least" % RENEWALS, min(times) >= RENEWALS,
                   "%d to %d times, %d in all" % (min(times), max(times), sum(times)))


def _identities(fleet, certificates):
    """Of each device at most two certificates are valid at a time, and for no longer than the overlap."""
    longest = 0
    most = 0
    for meter in fleet.meters:
        lives = sorted((found.not_valid_before_utc.timestamp(), found.not_valid_after_utc.timestamp())
                       for found in certificates[meter.device].values())
        for before, after in itertools.pairwise(lives):
            longest = max(longest, before[1] - after[0])
        for begin, _ in lives:
            most = max(most, sum(first <= begin < last for first, last in lives))
    allowed = fleet.life - fleet.life * 2 // 3
    return (Finding("two valid identities no longer than the overlap", longest <= allowed,
                    "%d s at the most, %d allowed" % (longest, allowed)),
            Finding("never three at a time", most <= 2, "%d at the most" % most))


def _allocations(fleet, limits):
    wrong = []
    granted = refused = 0
    for meter in fleet.meters:
        total, remaining, allocations = limits[meter.device]
        granted += total - remaining
        refused += remaining < GRANT
        if not 0 <= remaining <= total or total - remaining != allocations * GRANT or \
                meter.granted > total - remaining:
            wrong.append(meter.device)
    return Finding("no allocation beyond the limit", not wrong,
                   "%d bytes granted, %d heard of; %d meters came to their limit; wrong: %d" % (
                       granted, sum(meter.granted for meter in fleet.meters), refused, len(wrong)))


def _contended(fleet, limits):
    total, remaining, allocations = limits
    heard, unheard = fleet.contended
    held = (0 <= remaining < SHARE and allocations * SHARE == total - remaining
            and heard <= allocations <= heard + unheard)
    return Finding("nor where several take from one at once", held,
                   "%d of %d granted in %d, %d of them heard of, %d unheard" % (
                       total - remaining, total, allocations, heard, unheard))


def _recorded(fleet, certificates, reports, slots):
    """Whatever any meter or the billing end point ever held is in the store."""
    serials = {(device, found.serial_number)
               for device, own in certificates.items() for found in own.values()}
    seen = {(device, serial) for device, serial, *_ in reports["reports"]}
    for device, store in slots.items():
        for number in (0, 1):
            held = store.slot(number)
            if held is not None:
                seen.add((device, x509.load_der_x509_certificate(held.cert).serial_number))
    promoted = {(meter.device, uid) for meter in fleet.meters for uid in meter.promoted}
    uids = {(device, uid) for device, own in certificates.items() for uid in own}
    missing = len(seen - serials) + len(promoted - uids)
    return Finding("every certificate issued is recorded", not missing,
                   "%d seen, %d proved, %d recorded, %d missing" % (
                       len(seen), len(promoted), len(uids) - 1, missing))


def _orphans(fleet, certificates, slots):
    """Issued and never proved, unless it is under way: none, for every failure here can be looked into."""
    orphans = under_way = 0
    for meter in fleet.meters:
        idle = set(certificates[meter.device]) - set(meter.promoted)
        busy = slots[meter.device].state.get("mode")
        under_way += bool(busy)
        orphans += max(0, len(idle) - bool(busy))
    return Finding("no certificate left over", not orphans,
                   "%d left over; %d renewals were under way at the end" % (orphans, under_way))
