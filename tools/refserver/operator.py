"""What an operator does with a device's object, by the operations that its owner would use."""

from . import ttlv
from .direct import Direct
from .enums import ObjectType, Operation, RevocationReasonCode
from .policy import Identity
from .tags import Tag as T


def _of(engine, uid):
    """(Direct of the object's owner, object type); ValueError where there is no such object."""
    with engine.store.transaction(write=False) as txn:
        managed = txn.load(uid)
        names = managed and txn.common_names(managed.owner)
    if not names:
        raise ValueError("no device has an object %r" % uid)
    device, role, _ = names[0]
    return Direct(engine, Identity(managed.owner, role, device)), managed.object_type


def withdraw(engine, uid, compromised=False):
    """Revoke it: for Key Compromise, or for Cessation of Operation."""
    owner, _ = _of(engine, uid)
    code = RevocationReasonCode.KEY_COMPROMISE if compromised else RevocationReasonCode.CESSATION_OF_OPERATION
    owner.call(
        Operation.REVOKE, ttlv.text(T.UNIQUE_IDENTIFIER, uid),
        ttlv.structure(T.REVOCATION_REASON, ttlv.enumeration(T.REVOCATION_REASON_CODE, code)))


def replace(engine, uid):
    """A new certificate for the same key, or a new symmetric key, from now on; its UID."""
    owner, kind = _of(engine, uid)
    operation = Operation.RE_CERTIFY if kind == ObjectType.CERTIFICATE else Operation.RE_KEY
    return owner.call(
        operation, ttlv.text(T.UNIQUE_IDENTIFIER, uid), ttlv.interval(T.OFFSET, 0)
    ).find(T.UNIQUE_IDENTIFIER).value
