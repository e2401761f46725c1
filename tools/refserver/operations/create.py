"""Create (KMIP 1.x §4.1): a new symmetric key."""

import secrets

from .. import creation, keyblock, policy, ttlv
from ..cryptoenums import CryptographicAlgorithm as A
from ..cryptoenums import KeyFormatType
from ..enums import ObjectType, Operation
from ..errors import invalid_field, missing
from ..schema import ENUMERATION, Field
from ..tags import Tag as T

OPERATION = Operation.CREATE
WRITES = True
FIELDS = [
    Field(T.OBJECT_TYPE, ENUMERATION, True, enum=ObjectType),
    *creation.REQUIRED,
    *creation.MASKS,
]

_HMAC = {
    A.HMAC_SHA1: 160, A.HMAC_SHA224: 224, A.HMAC_SHA256: 256, A.HMAC_SHA384: 384,
    A.HMAC_SHA512: 512, A.HMAC_MD5: 128, A.HMAC_SHA3_224: 224, A.HMAC_SHA3_256: 256,
    A.HMAC_SHA3_384: 384, A.HMAC_SHA3_512: 512,
}
# Cryptographic Lengths, the server's choice first. DES lengths are without parity bits.
LENGTHS = {
    A.AES: (256, 128, 192),
    A.TRIPLE_DES: (168, 112),
    A.DES: (56,),
    A.CAMELLIA: (256, 128, 192),
    A.IDEA: (128,),
    A.CHACHA20: (256,),
    A.CHACHA20POLY1305: (256,),
    A.BLOWFISH: (128, *range(32, 449, 8)),
    A.CAST5: (128, *range(40, 121, 8)),
    A.RC4: (128, *range(40, 257, 8)),
    A.SKIPJACK: (80,),
    A.TWOFISH: (256, 128, 192),
}
LENGTHS.update({hmac: (bits, *range(64, 4097, 8)) for hmac, bits in _HMAC.items()})
DES = (A.DES, A.TRIPLE_DES)


def run(ctx, request):
    if request.object_type != ObjectType.SYMMETRIC_KEY:
        raise invalid_field("Create makes Symmetric Keys only")
    policy.check_new_object(ctx.identity, ObjectType.SYMMETRIC_KEY)
    managed = creation.new(ctx, ObjectType.SYMMETRIC_KEY, None)
    creation.apply(ctx, managed, creation.attributes_of(ctx, request))
    for name in ("Cryptographic Algorithm", "Cryptographic Usage Mask"):
        if managed.get(name) is None:
            raise missing("%s is required" % name)
    algorithm, stated = managed.get("Cryptographic Algorithm"), managed.get("Cryptographic Length")
    length = wanted_length(algorithm, stated)
    managed.set_value("Cryptographic Length", length)
    managed.material = ttlv.structure(T.SYMMETRIC_KEY, keyblock.build(
        KeyFormatType.RAW, new_key(algorithm, length), algorithm, length))
    creation.finish(ctx, managed, fresh=True)
    return [
        ttlv.enumeration(T.OBJECT_TYPE, ObjectType.SYMMETRIC_KEY),
        ttlv.text(T.UNIQUE_IDENTIFIER, managed.uid),
        None if stated is not None else creation.told(ctx, managed, "Cryptographic Length"),
    ]


def wanted_length(algorithm, stated):
    """The Cryptographic Length stated, if it is one of the algorithm's; the server's choice if none is."""
    if algorithm not in LENGTHS:
        raise invalid_field("symmetric keys of algorithm %s are not made here"
                            % A(algorithm).name)
    if stated is None:
        return LENGTHS[algorithm][0]
    if stated not in LENGTHS[algorithm]:
        raise invalid_field("Cryptographic Length %d is not one of %s's"
                            % (stated, A(algorithm).name))
    return stated


def new_key(algorithm, length):
    """Random bytes for a symmetric key."""
    if algorithm not in DES:
        return secrets.token_bytes(length // 8)
    seven_bits = (byte & 0xFE for byte in secrets.token_bytes(length // 7))
    return bytes(byte | (byte.bit_count() + 1) % 2 for byte in seven_bits)  # odd parity
