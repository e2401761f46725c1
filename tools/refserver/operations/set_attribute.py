"""Set Attribute (KMIP 2.0 §6.1.47, 2.1 §6.1.51): added where it is absent, changed where there is one."""

from .. import attributes, changes, ttlv
from ..enums import Operation
from ..errors import Reason, invalid_field
from ..schema import STRUCTURE, Field
from ..structures import UNIQUE_IDENTIFIER
from ..tags import Tag as T

OPERATION = Operation.SET_ATTRIBUTE
WRITES = True
FIELDS = [UNIQUE_IDENTIFIER, Field(T.NEW_ATTRIBUTE, STRUCTURE, True)]


def run(ctx, request):
    managed = ctx.find(request.unique_identifier)
    given = attributes.read_one_2x(request.new_attribute, ctx.version, ctx.lenient)
    have = changes.instances(ctx, managed, given.name)
    if len(have) > 1:
        raise invalid_field("%s has several instances" % given.name, Reason.MULTI_VALUED_ATTRIBUTE)
    if not have:
        changes.add(ctx, managed, given)
    else:
        changes.modify(ctx, managed, given, index=have[0][0])
    return [ttlv.text(T.UNIQUE_IDENTIFIER, managed.uid)]
