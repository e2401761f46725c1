"""Obtain Lease (KMIP 1.x §4.17, errors §11.18)."""

from .. import state, ttlv
from ..enums import Operation, State
from ..errors import denied
from ..structures import UNIQUE_IDENTIFIER
from ..tags import Tag as T

OPERATION = Operation.OBTAIN_LEASE
WRITES = False
FIELDS = [UNIQUE_IDENTIFIER]


def run(ctx, request):
    """The Lease Time, and since when the object is as it is."""
    managed = ctx.find(request.unique_identifier)
    lease = managed.get("Lease Time")
    if managed.object_type in state.STATELESS or lease is None:
        raise denied("there are no leases for an object of this type")
    now = state.current(managed, ctx.now)
    if now not in (State.PRE_ACTIVE, State.ACTIVE):
        # Worded as TC-95 has it.
        raise denied("CO is in state %s, no lease given" % state.spell(now))
    return [
        ttlv.text(T.UNIQUE_IDENTIFIER, managed.uid),
        ttlv.interval(T.LEASE_TIME, lease),
        ttlv.date_time(T.LAST_CHANGE_DATE, managed.get("Last Change Date")),
    ]
