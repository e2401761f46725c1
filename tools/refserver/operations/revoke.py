"""Revoke (KMIP 1.x §4.20)."""

from .. import state, ttlv
from ..enums import Operation
from ..errors import invalid_field, missing
from ..schema import DATE_TIME, STRUCTURE, Field, parse
from ..structures import REVOCATION_REASON, UNIQUE_IDENTIFIER
from ..tags import Tag as T

OPERATION = Operation.REVOKE
WRITES = True
FIELDS = [
    UNIQUE_IDENTIFIER,
    Field(T.REVOCATION_REASON, STRUCTURE, True),
    Field(T.COMPROMISE_OCCURRENCE_DATE, DATE_TIME),
]


def run(ctx, request):
    reason = parse(request.revocation_reason, REVOCATION_REASON, ctx.version, ctx.lenient)
    occurrence = request.compromise_occurrence_date
    managed = ctx.find(request.unique_identifier)
    compromise = state.is_compromise(reason.revocation_reason_code, ctx.version)
    if compromise and occurrence is None and ctx.version <= 12:
        raise missing("a compromise needs its Compromise Occurrence Date up to KMIP 1.2")
    if not compromise and occurrence is not None and ctx.version >= 14:
        raise invalid_field("Compromise Occurrence Date is only for a compromise")
    state.revoke(managed, compromise, occurrence, ctx.now)
    managed.set("Revocation Reason", request.revocation_reason)
    ctx.save(managed)
    return [ttlv.text(T.UNIQUE_IDENTIFIER, managed.uid)]
