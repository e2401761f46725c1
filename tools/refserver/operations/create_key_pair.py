"""Create Key Pair (KMIP 1.x §4.2): RSA and EC."""

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from .. import creation, keyblock, keyformats, policy, ttlv
from ..cryptoenums import CryptographicAlgorithm, KeyFormatType
from ..enums import LinkType, ObjectType, Operation
from ..errors import invalid_field, missing
from ..schema import STRUCTURE, Field, parse
from ..structures import CRYPTOGRAPHIC_DOMAIN_PARAMETERS
from ..tags import Tag as T

OPERATION = Operation.CREATE_KEY_PAIR
WRITES = True
FIELDS = [
    Field(T.COMMON_TEMPLATE_ATTRIBUTE, STRUCTURE, until=14),
    Field(T.PRIVATE_KEY_TEMPLATE_ATTRIBUTE, STRUCTURE, until=14),
    Field(T.PUBLIC_KEY_TEMPLATE_ATTRIBUTE, STRUCTURE, until=14),
]

RSA_LENGTHS = (1024, 2048, 3072, 4096)


def prepare(ctx, request):
    """Read the templates and make the keys, which may take seconds: before the transaction."""
    common, private, public = [
        creation.read_template(ctx, item) for item in (
            request.common_template_attribute, request.private_key_template_attribute,
            request.public_key_template_attribute)]
    private, public = _merge(private, common), _merge(public, common)
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


def _merge(own, common):
    """What is said for one key wins over what is said for both; several instances add up."""
    names = {attribute.name for attribute in own}
    return own + [attribute for attribute in common if attribute.name not in names or (
        attribute.rule is not None and attribute.rule.many)]


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


def run(ctx, request):
    private_given, public_given, key = ctx.prepared
    policy.check_new_object(ctx.identity, ObjectType.PRIVATE_KEY)
    is_rsa = isinstance(key, rsa.RSAPrivateKey)
    length = keyformats.describe(key)[1]
    private = _half(ctx, ObjectType.PRIVATE_KEY, T.PRIVATE_KEY, private_given, length,
                    KeyFormatType.PKCS1 if is_rsa else KeyFormatType.ECPRIVATEKEY,
                    lambda form: keyformats.private_material(key, form))
    public = _half(ctx, ObjectType.PUBLIC_KEY, T.PUBLIC_KEY, public_given, length,
                   KeyFormatType.PKCS1 if is_rsa else KeyFormatType.X509,
                   lambda form: keyformats.public_material(key.public_key(), form))
    private.link(LinkType.PUBLIC_KEY_LINK, public.uid)
    public.link(LinkType.PRIVATE_KEY_LINK, private.uid)
    creation.finish(ctx, public, fresh=True)
    creation.finish(ctx, private, fresh=True)  # last: the ID Placeholder is the private key
    return [
        ttlv.text(T.PRIVATE_KEY_UNIQUE_IDENTIFIER, private.uid),
        ttlv.text(T.PUBLIC_KEY_UNIQUE_IDENTIFIER, public.uid),
    ]


def _half(ctx, object_type, tag, given, length, format_, material):
    managed = creation.new(ctx, object_type, None)
    creation.apply(ctx, managed, _reindexed(given))
    algorithm = managed.get("Cryptographic Algorithm")
    managed.set_value("Cryptographic Length", length)
    managed.material = ttlv.structure(
        tag, keyblock.build(format_, material(format_), algorithm, length))
    return managed


def _reindexed(given):
    """Indexes of two merged templates mean nothing together."""
    for attribute in given:
        attribute.index = None
    return given
