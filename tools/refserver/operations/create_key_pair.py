"""Create Key Pair (KMIP 1.x §4.2): RSA and EC."""

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from .. import creation, keyblock, keyformats, policy, ttlv
from ..attributes import Given
from ..cryptoenums import CryptographicAlgorithm, KeyFormatType
from ..enums import LinkType, ObjectType, Operation
from ..errors import invalid_field, missing
from ..schema import STRUCTURE, Field, parse
from ..structures import CRYPTOGRAPHIC_DOMAIN_PARAMETERS
from ..tags import Tag as T

OPERATION = Operation.CREATE_KEY_PAIR
WRITES = True
_IN_1 = (T.COMMON_TEMPLATE_ATTRIBUTE, T.PRIVATE_KEY_TEMPLATE_ATTRIBUTE, T.PUBLIC_KEY_TEMPLATE_ATTRIBUTE)
_IN_2 = (T.COMMON_ATTRIBUTES, T.PRIVATE_KEY_ATTRIBUTES, T.PUBLIC_KEY_ATTRIBUTES)
_MASKS = (T.COMMON_PROTECTION_STORAGE_MASKS, T.PRIVATE_PROTECTION_STORAGE_MASKS,
          T.PUBLIC_PROTECTION_STORAGE_MASKS)
FIELDS = [Field(tag, STRUCTURE, until=14) for tag in _IN_1] + [
    Field(tag, STRUCTURE, since=20) for tag in _IN_2 + _MASKS]

RSA_LENGTHS = (1024, 2048, 3072, 4096)


def read(ctx, request):
    """What is given for the private and for the public key."""
    if ctx.version >= 20:
        creation.check_storage(ctx, *[getattr(request, tag.name.lower()) for tag in _MASKS])
    common, private, public = [
        creation.read_template(ctx, getattr(request, tag.name.lower()))
        for tag in (_IN_2 if ctx.version >= 20 else _IN_1)]
    # Each its own: two objects must not share a Given.
    again = [Given(each.name, each.rule, each.index, each.value) for each in common]
    return creation.merge(private, common), creation.merge(public, again)


def prepare(ctx, request):
    """Read the templates and make the keys, which may take seconds: before the transaction."""
    private, public = read(ctx, request)
    for given in (private, public):
        for name in ("Cryptographic Algorithm", "Cryptographic Usage Mask"):
            if creation.first(given, name) is None:
                raise missing("%s is required for both keys" % name)
    for name in ("Cryptographic Algorithm", "Cryptographic Length",
                 "Cryptographic Domain Parameters"):
        values = [attribute and attribute.value
                  for attribute in (creation.first(private, name), creation.first(public, name))]
        if values[0] != values[1]:
            raise invalid_field("%s differs between the two keys" % name)
    ctx.prepared = private, public, _generate(ctx, private)


def _generate(ctx, given):
    algorithm = creation.first(given, "Cryptographic Algorithm").value.value
    length = creation.first(given, "Cryptographic Length")
    length = None if length is None else length.value.value
    domain = creation.first(given, "Cryptographic Domain Parameters")
    number = None
    if domain is not None:
        number = parse(domain.value, CRYPTOGRAPHIC_DOMAIN_PARAMETERS, ctx.version,
                       ctx.lenient).recommended_curve
    if algorithm == CryptographicAlgorithm.RSA:
        if (length or 2048) not in RSA_LENGTHS:
            raise invalid_field("RSA keys have %s bits here" % ", ".join(map(str, RSA_LENGTHS)))
        return rsa.generate_private_key(65537, length or 2048)
    if algorithm in keyformats.EC_ALGORITHMS:
        if number is None:
            curve = keyformats.curve_for_length(length or 256)
        else:
            curve = keyformats.curve(number)
        if length not in (None, curve.key_size):
            raise invalid_field("Cryptographic Length %d is not that of curve %s"
                                % (length, curve.name))
        return ec.generate_private_key(curve)
    raise invalid_field("key pairs of algorithm %s are not made here"
                        % CryptographicAlgorithm(algorithm).name)


def like(key):
    """A new private key of the kind and length of a public key; None where that is None."""
    if isinstance(key, rsa.RSAPublicKey):
        return rsa.generate_private_key(65537, key.key_size)
    return key and ec.generate_private_key(key.curve)


def run(ctx, request):
    private_given, public_given, key = ctx.prepared
    policy.check_new_object(ctx.identity, ObjectType.PRIVATE_KEY)
    private = half(ctx, ObjectType.PRIVATE_KEY, private_given, key)
    public = half(ctx, ObjectType.PUBLIC_KEY, public_given, key)
    private.link(LinkType.PUBLIC_KEY_LINK, public.uid)
    public.link(LinkType.PRIVATE_KEY_LINK, private.uid)
    creation.finish(ctx, public, fresh=True)
    creation.finish(ctx, private, fresh=True)  # last: the ID Placeholder is the private key
    return uids(private, public)


def uids(private, public):
    """The payload of the answer."""
    return [
        ttlv.text(T.PRIVATE_KEY_UNIQUE_IDENTIFIER, private.uid),
        ttlv.text(T.PUBLIC_KEY_UNIQUE_IDENTIFIER, public.uid),
    ]


def half(ctx, object_type, given, key, algorithm=None):
    """The private or the public object of a pair, not yet stored."""
    is_rsa = isinstance(key, rsa.RSAPrivateKey)
    managed = creation.new(ctx, object_type, None)
    creation.apply(ctx, managed, given)
    algorithm = managed.get("Cryptographic Algorithm", algorithm)
    length = keyformats.describe(key)[1]
    managed.set_value("Cryptographic Length", length)
    if object_type == ObjectType.PRIVATE_KEY:
        form = KeyFormatType.PKCS1 if is_rsa else KeyFormatType.ECPRIVATEKEY
        tag, material = T.PRIVATE_KEY, keyformats.private_material(key, form)
    else:
        form = KeyFormatType.PKCS1 if is_rsa else KeyFormatType.X509
        tag, material = T.PUBLIC_KEY, keyformats.public_material(key.public_key(), form)
    managed.material = ttlv.structure(tag, keyblock.build(form, material, algorithm, length))
    return managed
