"""Re-key (KMIP 1.x §4.4): a new Symmetric Key in the place of an old one."""

from .. import creation, keyblock, replacing, ttlv
from ..cryptoenums import KeyFormatType
from ..enums import ObjectType, Operation
from ..errors import Reason, denied
from ..schema import INTERVAL, Field
from ..structures import UNIQUE_IDENTIFIER
from ..tags import Tag as T
from .create import new_key, wanted_length

OPERATION = Operation.RE_KEY
WRITES = True
FIELDS = [UNIQUE_IDENTIFIER, Field(T.OFFSET, INTERVAL), *creation.OPTIONAL]


def run(ctx, request):
    old = ctx.find(request.unique_identifier)
    if old.object_type != ObjectType.SYMMETRIC_KEY:
        raise denied("only a Symmetric Key can be re-keyed", Reason.INVALID_OBJECT_TYPE)
    replacing.check(old, "key")
    given = creation.attributes_of(ctx, request)
    when = replacing.dates(ctx, old, request.offset, given)
    managed = creation.new(ctx, ObjectType.SYMMETRIC_KEY, None)
    creation.apply(ctx, managed, given)
    replacing.hand_over(ctx, managed, old, when)
    algorithm = managed.get("Cryptographic Algorithm")
    length = wanted_length(algorithm, managed.get("Cryptographic Length"))
    managed.material = ttlv.structure(T.SYMMETRIC_KEY, keyblock.build(
        KeyFormatType.RAW, new_key(algorithm, length), algorithm, length))
    replacing.link(ctx, managed, old)
    return [ttlv.text(T.UNIQUE_IDENTIFIER, managed.uid)]
