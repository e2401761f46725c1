"""Register (KMIP 1.x §4.3)."""

from .. import attributes, certificates, creation, csr, keyblock, keyformats, policy, ttlv
from ..cryptoenums import CryptographicAlgorithm, KeyFormatType
from ..enums import CertificateType, ObjectType, Operation
from ..errors import invalid_field, invalid_message, missing, unsupported
from ..managed import OBJECT_TAGS
from ..schema import ENUMERATION, STRUCTURE, Field
from ..tags import Tag as T
from .create import DES, LENGTHS

OPERATION = Operation.REGISTER
WRITES = True
FIELDS = [
    Field(T.OBJECT_TYPE, ENUMERATION, True, enum=ObjectType),
    *creation.REQUIRED,
] + [
    Field(tag, STRUCTURE, since=20 if kind == ObjectType.CERTIFICATE_REQUEST else 10,
          until=14 if kind == ObjectType.TEMPLATE else 21)
    for kind, tag in OBJECT_TAGS.items()
] + creation.MASKS

# A client may state these; they must then be what the object says.
_CLAIMS = ("Certificate Type", "Certificate Length", "Digital Signature Algorithm")
_FIXED_LENGTHS = (CryptographicAlgorithm.AES, CryptographicAlgorithm.CAMELLIA,
                  CryptographicAlgorithm.CHACHA20, *DES)
_MASKED = (ObjectType.CERTIFICATE, ObjectType.SYMMETRIC_KEY, ObjectType.PUBLIC_KEY,
           ObjectType.PRIVATE_KEY, ObjectType.SPLIT_KEY, ObjectType.SECRET_DATA)


def run(ctx, request):
    object_type = ObjectType(request.object_type)
    policy.check_new_object(ctx.identity, object_type)
    if object_type not in keyblock.OBJECT_FIELDS:
        raise unsupported("objects of type %s are not supported" % object_type.name)
    material = _material(request, object_type)
    fields = keyblock.read_object(object_type, material, ctx.version, ctx.lenient)
    managed = creation.new(ctx, object_type, material)
    given = creation.attributes_of(ctx, request)
    block = getattr(fields, "key_block", None)
    if block is not None:
        given += keyblock.inner_attributes(block, ctx.version, ctx.lenient)
    creation.apply(ctx, managed, given, claims=_CLAIMS)
    if object_type == ObjectType.TEMPLATE:
        _template(ctx, managed, fields)
    if object_type == ObjectType.CERTIFICATE_REQUEST:
        csr.load(fields.certificate_request_type, fields.certificate_request_value,
                 ctx.engine.options.allow_sha1_requests)
    if object_type == ObjectType.CERTIFICATE:
        _certificate(managed, fields)
    elif block is not None:
        _key(ctx, managed, block)
    if object_type in _MASKED and managed.get("Cryptographic Usage Mask") is None:
        raise missing("Cryptographic Usage Mask is required")
    creation.finish(ctx, managed, fresh=False)
    if object_type == ObjectType.CERTIFICATE:
        ctx.txn.index_certificate(
            certificates.fingerprint(fields.certificate_value), managed.uid)
    return [ttlv.text(T.UNIQUE_IDENTIFIER, managed.uid)]


def _material(request, object_type):
    """The one object in the payload, which must be of the Object Type named."""
    present = {
        kind: getattr(request, tag.name.lower())
        for kind, tag in OBJECT_TAGS.items()
        if getattr(request, tag.name.lower()) is not None
    }
    if len(present) > 1:
        raise invalid_message("Register carries more than one object")
    if object_type not in present:
        raise invalid_message("Register lacks the object, or it is not of the Object Type named")
    return present[object_type]


def _template(ctx, managed, fields):
    """A Template has a Name, and holds nothing but what a client may set (§2.2.6)."""
    if not managed.names():
        raise missing("a Template needs a Name")
    for item in fields.attribute:
        given = attributes.read_1x(item, ctx.version, ctx.lenient)
        if given.rule is None or not given.rule.set:
            raise invalid_field("a Template cannot hold %r" % given.name)


def _certificate(managed, fields):
    if fields.certificate_type != CertificateType.X509:
        raise unsupported("only X.509 certificates are supported")
    stated = {name: managed.get(name)
              for name in ("Cryptographic Algorithm", "Cryptographic Length")}
    certificates.describe_certificate(managed, fields.certificate_value)
    _agree(stated["Cryptographic Algorithm"], stated["Cryptographic Length"],
           managed.get("Cryptographic Algorithm"), managed.get("Cryptographic Length"))


def _agree(algorithm, length, real_algorithm, real_length):
    """Invalid Field where what is stated is not what the key or certificate says."""
    if algorithm is not None and not keyformats.same_algorithm(algorithm, real_algorithm):
        raise invalid_field("Cryptographic Algorithm does not agree with the object")
    if length is not None and length != real_length:
        raise invalid_field("Cryptographic Length does not agree with the object")


def _key(ctx, managed, block):
    """Algorithm and length from the template or the Key Block, checked against the key."""
    stated = (managed.get("Cryptographic Algorithm"), managed.get("Cryptographic Length"))
    for mine, blocks in zip(stated, (block.algorithm, block.length), strict=True):
        if mine is not None and blocks is not None and mine != blocks:
            raise invalid_field("the Template-Attribute and the Key Block disagree")
    algorithm = block.algorithm if stated[0] is None else stated[0]
    length = block.length if stated[1] is None else stated[1]
    object_type = managed.object_type
    if object_type in (ObjectType.SECRET_DATA, ObjectType.PGP_KEY):
        return
    key = None
    if block.wrapped is None and block.material is not None:
        if object_type == ObjectType.PUBLIC_KEY:
            key = keyformats.load_public(block)
        elif object_type == ObjectType.PRIVATE_KEY:
            key = keyformats.load_private(block)
        elif object_type == ObjectType.SYMMETRIC_KEY:
            _check_symmetric(block, algorithm, length)
    if key is not None:
        real = keyformats.describe(key)
        _agree(algorithm, length, *real)
        algorithm, length = algorithm or real[0], length or real[1]
    if algorithm is None or length is None:
        raise missing("Cryptographic Algorithm and Cryptographic Length are required")
    managed.set_value("Cryptographic Algorithm", algorithm)
    managed.set_value("Cryptographic Length", length)
    if block.material is None and block.wrapped is None:
        managed.set_value("Key Value Present", False)


def _check_symmetric(block, algorithm, length):
    """The key must be as long as its Cryptographic Length says (DES: without parity bits)."""
    if block.format == KeyFormatType.OPAQUE or length is None or algorithm is None:
        return
    if algorithm in _FIXED_LENGTHS and length not in LENGTHS[algorithm]:
        raise invalid_field("Cryptographic Length %d is not one of %s's"
                            % (length, CryptographicAlgorithm(algorithm).name))
    bits = len(block.symmetric_bytes()) * 8
    if bits != (length // 7 * 8 if algorithm in DES else length):
        raise invalid_field("the key has %d bits, not %d" % (bits, length))
