"""Field tables of the structures that attributes and objects are made of (KMIP 1.x §2, §3)."""

from .cryptoenums import (
    BlockCipherMode,
    CryptographicAlgorithm,
    DigitalSignatureAlgorithm,
    EncodingOption,
    HashingAlgorithm,
    KeyFormatType,
    KeyRoleType,
    MaskGenerator,
    PaddingMethod,
    RecommendedCurve,
    WrappingMethod,
)
from .enums import (
    AlternativeNameType,
    KeyValueLocationType,
    LinkType,
    NameType,
    RevocationReasonCode,
    UsageLimitsUnit,
)
from .schema import (
    BIG_INTEGER,
    BOOLEAN,
    BYTE_STRING,
    ENUMERATION,
    INTEGER,
    LONG_INTEGER,
    STRUCTURE,
    TEXT_STRING,
    Field,
)
from .tags import Tag as T


def _enum(tag, enum, **options):
    return Field(tag, ENUMERATION, enum=enum, **options)


# In 2.x also ID Placeholder and the like (Enumeration) or the nth UID of the batch (Integer).
UNIQUE_IDENTIFIER = Field(T.UNIQUE_IDENTIFIER, (TEXT_STRING, ENUMERATION, INTEGER))
NAME = [Field(T.NAME_VALUE, TEXT_STRING, True), _enum(T.NAME_TYPE, NameType, required=True)]
LINK = [
    _enum(T.LINK_TYPE, LinkType, required=True),
    Field(T.LINKED_OBJECT_IDENTIFIER, TEXT_STRING, True),
]
USAGE_LIMITS = [
    Field(T.USAGE_LIMITS_TOTAL, LONG_INTEGER, True),
    Field(T.USAGE_LIMITS_COUNT, LONG_INTEGER),  # the server's; a client's is ignored
    _enum(T.USAGE_LIMITS_UNIT, UsageLimitsUnit, required=True),
]
REVOCATION_REASON = [
    _enum(T.REVOCATION_REASON_CODE, RevocationReasonCode, required=True),
    Field(T.REVOCATION_MESSAGE, TEXT_STRING),
]
APPLICATION_SPECIFIC_INFORMATION = [
    Field(T.APPLICATION_NAMESPACE, TEXT_STRING, True),
    Field(T.APPLICATION_DATA, TEXT_STRING),
]
ALTERNATIVE_NAME = [
    Field(T.ALTERNATIVE_NAME_VALUE, TEXT_STRING, True),
    _enum(T.ALTERNATIVE_NAME_TYPE, AlternativeNameType, required=True),
]
KEY_VALUE_LOCATION = [
    Field(T.KEY_VALUE_LOCATION_VALUE, TEXT_STRING, True),
    _enum(T.KEY_VALUE_LOCATION_TYPE, KeyValueLocationType, required=True),
]
CRYPTOGRAPHIC_DOMAIN_PARAMETERS = [
    Field(T.QLENGTH, INTEGER),
    _enum(T.RECOMMENDED_CURVE, RecommendedCurve),
]
CRYPTOGRAPHIC_PARAMETERS = [
    _enum(T.BLOCK_CIPHER_MODE, BlockCipherMode),
    _enum(T.PADDING_METHOD, PaddingMethod),
    _enum(T.HASHING_ALGORITHM, HashingAlgorithm),
    _enum(T.KEY_ROLE_TYPE, KeyRoleType),
    _enum(T.DIGITAL_SIGNATURE_ALGORITHM, DigitalSignatureAlgorithm, since=12),
    _enum(T.CRYPTOGRAPHIC_ALGORITHM, CryptographicAlgorithm, since=12),
    Field(T.RANDOM_IV, BOOLEAN, since=12),
    Field(T.IV_LENGTH, INTEGER, since=12),
    Field(T.TAG_LENGTH, INTEGER, since=12),
    Field(T.FIXED_FIELD_LENGTH, INTEGER, since=12),
    Field(T.INVOCATION_FIELD_LENGTH, INTEGER, since=12),
    Field(T.COUNTER_LENGTH, INTEGER, since=12),
    Field(T.INITIAL_COUNTER_VALUE, INTEGER, since=12),
    Field(T.SALT_LENGTH, INTEGER, since=14),
    _enum(T.MASK_GENERATOR, MaskGenerator, since=14),
    _enum(T.MASK_GENERATOR_HASHING_ALGORITHM, HashingAlgorithm, since=14),
    Field(T.P_SOURCE, BYTE_STRING, since=14),
    Field(T.TRAILER_FIELD, INTEGER, since=14),
]
DIGEST = [
    _enum(T.HASHING_ALGORITHM, HashingAlgorithm, required=True),
    Field(T.DIGEST_VALUE, BYTE_STRING),
    _enum(T.KEY_FORMAT_TYPE, KeyFormatType, since=11),
]
CERTIFICATE_IDENTIFIER = [
    Field(T.ISSUER, TEXT_STRING, True),
    Field(T.SERIAL_NUMBER, TEXT_STRING),
]
CERTIFICATE_SUBJECT = [
    Field(T.CERTIFICATE_SUBJECT_DISTINGUISHED_NAME, TEXT_STRING, True),
    Field(T.CERTIFICATE_SUBJECT_ALTERNATIVE_NAME, TEXT_STRING, many=True),
]
CERTIFICATE_ISSUER = [
    Field(T.CERTIFICATE_ISSUER_DISTINGUISHED_NAME, TEXT_STRING, True),
    Field(T.CERTIFICATE_ISSUER_ALTERNATIVE_NAME, TEXT_STRING, many=True),
]
X509_CERTIFICATE_IDENTIFIER = [
    Field(T.ISSUER_DISTINGUISHED_NAME, BYTE_STRING, True),
    Field(T.CERTIFICATE_SERIAL_NUMBER, BYTE_STRING, True),
]
X509_CERTIFICATE_SUBJECT = [
    Field(T.SUBJECT_DISTINGUISHED_NAME, BYTE_STRING, True),
    Field(T.SUBJECT_ALTERNATIVE_NAME, BYTE_STRING, many=True),
]
X509_CERTIFICATE_ISSUER = [
    Field(T.ISSUER_DISTINGUISHED_NAME, BYTE_STRING, True),
    Field(T.ISSUER_ALTERNATIVE_NAME, BYTE_STRING, many=True),
]
RNG_PARAMETERS = [
    Field(T.RNG_ALGORITHM, ENUMERATION, True),
    _enum(T.CRYPTOGRAPHIC_ALGORITHM, CryptographicAlgorithm),
    Field(T.CRYPTOGRAPHIC_LENGTH, INTEGER),
    _enum(T.HASHING_ALGORITHM, HashingAlgorithm),
    Field(T.DRBG_ALGORITHM, ENUMERATION),
    _enum(T.RECOMMENDED_CURVE, RecommendedCurve),
    Field(T.FIPS186_VARIATION, ENUMERATION),
    Field(T.PREDICTION_RESISTANCE, BOOLEAN),
]

_KEY_INFORMATION = [
    Field(T.UNIQUE_IDENTIFIER, TEXT_STRING, True),
    Field(T.CRYPTOGRAPHIC_PARAMETERS, STRUCTURE, fields=CRYPTOGRAPHIC_PARAMETERS),
]
KEY_WRAPPING_DATA = [
    _enum(T.WRAPPING_METHOD, WrappingMethod, required=True),
    Field(T.ENCRYPTION_KEY_INFORMATION, STRUCTURE, fields=_KEY_INFORMATION),
    Field(T.MAC_SIGNATURE_KEY_INFORMATION, STRUCTURE, fields=_KEY_INFORMATION),
    Field(T.MAC_SIGNATURE, BYTE_STRING),
    Field(T.IV_COUNTER_NONCE, BYTE_STRING),
    _enum(T.ENCODING_OPTION, EncodingOption, since=11),
]
KEY_WRAPPING_SPECIFICATION = [
    _enum(T.WRAPPING_METHOD, WrappingMethod, required=True),
    Field(T.ENCRYPTION_KEY_INFORMATION, STRUCTURE, fields=_KEY_INFORMATION),
    Field(T.MAC_SIGNATURE_KEY_INFORMATION, STRUCTURE, fields=_KEY_INFORMATION),
    Field(T.ATTRIBUTE_NAME, TEXT_STRING, many=True),
    _enum(T.ENCODING_OPTION, EncodingOption, since=11),
]


def _numbers(*names):
    """Big Integer fields; a name that ends with ? is optional."""
    return [Field(T[name.rstrip("?")], BIG_INTEGER, not name.endswith("?")) for name in names]


_CURVE = _enum(T.RECOMMENDED_CURVE, RecommendedCurve, required=True)
_EC_PRIVATE = [_CURVE, Field(T.D, BIG_INTEGER, True)]
_EC_PUBLIC = [_CURVE, Field(T.Q_STRING, BYTE_STRING, True)]

# Key Material of the transparent formats (§2.1.7).
TRANSPARENT = {
    KeyFormatType.TRANSPARENT_SYMMETRIC_KEY: [Field(T.KEY, BYTE_STRING, True)],
    KeyFormatType.TRANSPARENT_DSA_PRIVATE_KEY: _numbers("P", "Q", "G", "X"),
    KeyFormatType.TRANSPARENT_DSA_PUBLIC_KEY: _numbers("P", "Q", "G", "Y"),
    KeyFormatType.TRANSPARENT_RSA_PRIVATE_KEY: _numbers(
        "MODULUS", "PRIVATE_EXPONENT?", "PUBLIC_EXPONENT?", "P?", "Q?",
        "PRIME_EXPONENT_P?", "PRIME_EXPONENT_Q?", "CRT_COEFFICIENT?"),
    KeyFormatType.TRANSPARENT_RSA_PUBLIC_KEY: _numbers("MODULUS", "PUBLIC_EXPONENT"),
    KeyFormatType.TRANSPARENT_DH_PRIVATE_KEY: _numbers("P", "Q?", "G", "J?", "X"),
    KeyFormatType.TRANSPARENT_DH_PUBLIC_KEY: _numbers("P", "Q?", "G", "J?", "Y"),
    KeyFormatType.TRANSPARENT_ECDSA_PRIVATE_KEY: _EC_PRIVATE,
    KeyFormatType.TRANSPARENT_ECDSA_PUBLIC_KEY: _EC_PUBLIC,
    KeyFormatType.TRANSPARENT_ECDH_PRIVATE_KEY: _EC_PRIVATE,
    KeyFormatType.TRANSPARENT_ECDH_PUBLIC_KEY: _EC_PUBLIC,
    KeyFormatType.TRANSPARENT_ECMQV_PRIVATE_KEY: _EC_PRIVATE,
    KeyFormatType.TRANSPARENT_ECMQV_PUBLIC_KEY: _EC_PUBLIC,
    KeyFormatType.TRANSPARENT_EC_PRIVATE_KEY: _EC_PRIVATE,
    KeyFormatType.TRANSPARENT_EC_PUBLIC_KEY: _EC_PUBLIC,
}
