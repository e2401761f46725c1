"""Re-key Key Pair (KMIP 1.1+ §4.5): a new pair in the place of an old one, named by its private key."""

from .. import keyblock, keyformats, replacing
from ..enums import LinkType, ObjectType, Operation
from ..errors import Reason, denied
from ..schema import INTERVAL, Field
from ..structures import UNIQUE_IDENTIFIER
from ..tags import Tag as T
from . import create_key_pair as pair

OPERATION = Operation.RE_KEY_KEY_PAIR
WRITES = True
FIELDS = [
    Field(T.PRIVATE_KEY_UNIQUE_IDENTIFIER, UNIQUE_IDENTIFIER.kinds),
    Field(T.OFFSET, INTERVAL),
    *pair.FIELDS,
]


def run(ctx, request):
    old = ctx.find(request.private_key_unique_identifier)
    if old.object_type != ObjectType.PRIVATE_KEY:
        raise denied("only a Private Key names a pair that can be re-keyed", Reason.INVALID_OBJECT_TYPE)
    other = next(filter(None, map(ctx.own, old.links(LinkType.PUBLIC_KEY_LINK))), None)
    if other is None:
        raise denied("the key has no public key here")
    old_pair = ((old, "private key"), (other, "public key"))
    for each, what in old_pair:
        replacing.check(each, what)
    block = keyblock.read_object(other.object_type, other.material, 0).key_block
    given = pair.read(ctx, request)
    key = pair.like(keyformats.load_public(block)) if block.material is not None else None
    if key is None:
        raise denied("a public key in the format %s cannot be re-keyed" % block.format.name)
    made = []
    for (each, _), half in zip(old_pair, given, strict=True):
        when = replacing.dates(ctx, each, request.offset, half)
        managed = pair.half(ctx, each.object_type, half, key, each.get("Cryptographic Algorithm"))
        replacing.hand_over(ctx, managed, each, when)
        made.append(managed)
    private, public = made
    private.link(LinkType.PUBLIC_KEY_LINK, public.uid)
    public.link(LinkType.PRIVATE_KEY_LINK, private.uid)
    replacing.link(ctx, public, other)
    replacing.link(ctx, private, old)  # last: the ID Placeholder is the private key
    return pair.uids(private, public)
