"""States of a managed object (KMIP 1.x §3.22): computed from dates, moved by operations."""

from .enums import ObjectType, RevocationReasonCode, State
from .errors import denied, illegal

STATELESS = (ObjectType.OPAQUE_OBJECT, ObjectType.TEMPLATE, ObjectType.CERTIFICATE_REQUEST)

_GONE = (State.DESTROYED, State.DESTROYED_COMPROMISED)


def current(managed, now):
    """The state at this time: a date that has been reached moves it (transitions 4 and 6)."""
    state = managed.base_state
    activation = managed.get("Activation Date")
    deactivation = managed.get("Deactivation Date")
    if state == State.PRE_ACTIVE and activation is not None and activation <= now:
        state = State.ACTIVE
    if state == State.ACTIVE and deactivation is not None and deactivation <= now:
        state = State.DEACTIVATED
    return State(state)


def destroyed(managed):
    return managed.base_state in _GONE


def activate(managed, now):
    """Transition 4, by Activate."""
    if managed.object_type in STATELESS:
        raise illegal("an object of this type cannot be activated")
    state = current(managed, now)
    if state != State.PRE_ACTIVE:
        raise denied("the object is %s, not Pre-Active" % spell(state))
    managed.base_state = State.ACTIVE
    managed.set_value("Activation Date", now)


def is_compromise(code, version):
    """From 1.3 on a CA's compromise compromises the object too."""
    return code == RevocationReasonCode.KEY_COMPROMISE or (
        version >= 13 and code == RevocationReasonCode.CA_COMPROMISE)


def revoke(managed, compromise, occurrence, now):
    """Transitions 3, 5, 6, 8 and 10."""
    if managed.object_type == ObjectType.TEMPLATE:
        raise illegal("a template cannot be revoked")
    state = current(managed, now)
    if compromise:
        if state in (State.COMPROMISED, State.DESTROYED_COMPROMISED):
            raise denied("the object is %s already" % spell(state))
        managed.base_state = (
            State.DESTROYED_COMPROMISED if state == State.DESTROYED else State.COMPROMISED)
        managed.set_value("Compromise Date", now)
        if occurrence is None:
            occurrence = managed.get("Initial Date", now)
        managed.set_value("Compromise Occurrence Date", occurrence)
        return
    if managed.object_type in STATELESS:
        return
    if state != State.ACTIVE:
        raise denied("only an Active object can be revoked for this reason; it is %s"
                     % spell(state))
    managed.base_state = State.DEACTIVATED
    managed.set_value("Deactivation Date", now)


def destroy(managed, now):
    """Transitions 2, 7 and 9: the key material goes, the attributes stay."""
    state = current(managed, now)
    if state in _GONE:
        raise denied("the object is destroyed already")
    if state == State.ACTIVE and managed.object_type not in STATELESS:
        raise denied("an Active object cannot be destroyed; revoke it first")
    managed.base_state = (
        State.DESTROYED_COMPROMISED if state == State.COMPROMISED else State.DESTROYED)
    managed.material = None
    managed.set_value("Destroy Date", now)


def spell(state):
    """A state as the specification writes it."""
    if state == State.PRE_ACTIVE:
        return "Pre-Active"
    return State(state).name.replace("_", " ").title()
