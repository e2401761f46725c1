"""What devices are told by the server: Notify and Put (KMIP 1.x §5.1, §5.2, 2.x §6.2.2, §6.2.3).

A device that has an end point in the server's records is told when attributes of its objects change,
and put the objects that replace others, or all new ones, where its record says so. It is noted in the very
transaction that makes the change, so that nothing is told that did not happen, and sent by notifier.py.

Not told: a date that is reached by itself and moves the state, and what Get Usage Allocation uses up.
"""

from types import SimpleNamespace

from . import attributes, ttlv, view
from .enums import LinkType, ObjectType, Operation, PutFunction
from .managed import Managed
from .notice_rows import ALL, NONE
from .tags import Tag as T

LAST_CHANGE = "Last Change Date"


def note(engine, txn):
    """Before a transaction is committed: note for their owners what it changes."""
    for uid, new in txn.touched.items():
        managed = txn.load(uid)
        endpoint = managed and txn.endpoint(managed.owner)
        if not endpoint or (not endpoint.own and _itself(txn.asker, managed)):
            continue
        if new:
            if endpoint.puts == ALL or (
                    endpoint.puts != NONE and managed.links(LinkType.REPLACED_OBJECT_LINK)):
                txn.add_notice(managed.owner, Operation.PUT, uid)
            continue
        payload = notify(txn, managed, txn.before(uid), endpoint.version, engine.now())
        if payload is not None:
            txn.add_notice(managed.owner, Operation.NOTIFY, uid, ttlv.encode(payload))


def _itself(asker, managed):
    """Whether the owner's own request made the change; an operator's shows no certificate."""
    return asker is not None and asker.fingerprint is not None and asker.device == managed.owner


def _seen(txn, managed, version, now):
    """{(name, index): Item} as that version shows it."""
    ctx = SimpleNamespace(txn=txn, version=version, now=now)
    return {(name, index): item for name, index, item in view.all_attributes(ctx, managed)}


def notify(txn, managed, before, version, now):
    """The Request Payload of the Notify that tells of a change, or None where nothing shows.

    before  (base state, attributes) as they were
    """
    old = Managed(managed.uid, managed.owner, managed.object_type, managed.material, before[0])
    old.attributes = before[1]
    was, seen = _seen(txn, old, version, now), _seen(txn, managed, version, now)
    changed = [(name, index, item) for (name, index), item in seen.items()
               if was.get((name, index)) != item]
    gone = [key for key in was if key not in seen]
    if not changed and not gone:
        return None
    if LAST_CHANGE not in [name for name, _, _ in changed] and (LAST_CHANGE, 0) in seen:
        changed.append((LAST_CHANGE, 0, seen[LAST_CHANGE, 0]))  # §5.1: it is always told
    uid = ttlv.text(T.UNIQUE_IDENTIFIER, managed.uid)
    if version < 20:
        return ttlv.structure(
            T.REQUEST_PAYLOAD, uid, *[attributes.wire_1x(*each) for each in changed],
            *[_gone_1x(*key) for key in gone])
    return ttlv.structure(
        T.REQUEST_PAYLOAD, uid,
        ttlv.structure(T.ATTRIBUTES, *[attributes.wire_2x(name, item) for name, _, item in changed]),
        *[attributes.reference_2x(name) for name in dict.fromkeys(name for name, _ in gone)])


def _gone_1x(name, index):
    """An Attribute that was deleted: without its value."""
    return ttlv.structure(
        T.ATTRIBUTE, ttlv.text(T.ATTRIBUTE_NAME, name),
        ttlv.integer(T.ATTRIBUTE_INDEX, index) if index else None)


def put(txn, uid, version, now):
    """The Request Payload of the Put of an object as it is now, or None where there is none to put."""
    managed = txn.load(uid)
    if managed is None or managed.material is None or not ObjectType.known(managed.object_type, version):
        return None
    ctx = SimpleNamespace(txn=txn, version=version, now=now)
    replaced = managed.links(LinkType.REPLACED_OBJECT_LINK)
    return ttlv.structure(
        T.REQUEST_PAYLOAD, ttlv.text(T.UNIQUE_IDENTIFIER, uid),
        ttlv.enumeration(T.PUT_FUNCTION, PutFunction.REPLACE if replaced else PutFunction.NEW),
        ttlv.text(T.REPLACED_UNIQUE_IDENTIFIER, replaced[0]) if replaced else None,
        managed.material, *view.wire(ctx, view.all_attributes(ctx, managed)))
