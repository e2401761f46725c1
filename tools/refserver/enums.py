"""Enumerations of the protocol: operations, results, objects, names, links.

Each value knows the versions it belongs to (since, until), written 10 to 14, 20, 21.
"""

from enum import IntEnum

ANY = 0  # a version that knows every value and field: for what the server stored itself


class Versioned(IntEnum):
    """An enumeration value with the first and last KMIP version that has it."""

    def __new__(cls, value, since=10, until=21):
        member = int.__new__(cls, value)
        member._value_ = value
        member.since = since
        member.until = until
        return member

    @classmethod
    def known(cls, value, version):
        """Whether this version of KMIP has the value."""
        member = cls._value2member_map_.get(value)
        return member is not None and (
            version == ANY or member.since <= version <= member.until)


class Operation(Versioned):
    CREATE = 0x1
    CREATE_KEY_PAIR = 0x2
    REGISTER = 0x3
    RE_KEY = 0x4
    DERIVE_KEY = 0x5
    CERTIFY = 0x6
    RE_CERTIFY = 0x7
    LOCATE = 0x8
    CHECK = 0x9
    GET = 0xA
    GET_ATTRIBUTES = 0xB
    GET_ATTRIBUTE_LIST = 0xC
    ADD_ATTRIBUTE = 0xD
    MODIFY_ATTRIBUTE = 0xE
    DELETE_ATTRIBUTE = 0xF
    OBTAIN_LEASE = 0x10
    GET_USAGE_ALLOCATION = 0x11
    ACTIVATE = 0x12
    REVOKE = 0x13
    DESTROY = 0x14
    ARCHIVE = 0x15
    RECOVER = 0x16
    VALIDATE = 0x17
    QUERY = 0x18
    CANCEL = 0x19
    POLL = 0x1A
    NOTIFY = 0x1B
    PUT = 0x1C
    RE_KEY_KEY_PAIR = 0x1D, 11
    DISCOVER_VERSIONS = 0x1E, 11
    ENCRYPT = 0x1F, 12
    DECRYPT = 0x20, 12
    SIGN = 0x21, 12
    SIGNATURE_VERIFY = 0x22, 12
    MAC = 0x23, 12
    MAC_VERIFY = 0x24, 12
    RNG_RETRIEVE = 0x25, 12
    RNG_SEED = 0x26, 12
    HASH = 0x27, 12
    CREATE_SPLIT_KEY = 0x28, 12
    JOIN_SPLIT_KEY = 0x29, 12
    IMPORT = 0x2A, 14
    EXPORT = 0x2B, 14
    LOG = 0x2C, 20
    LOGIN = 0x2D, 20
    LOGOUT = 0x2E, 20
    DELEGATED_LOGIN = 0x2F, 20
    ADJUST_ATTRIBUTE = 0x30, 20
    SET_ATTRIBUTE = 0x31, 20
    SET_ENDPOINT_ROLE = 0x32, 20
    PKCS11 = 0x33, 20
    INTEROP = 0x34, 20
    RE_PROVISION = 0x35, 20
    SET_DEFAULTS = 0x36, 21
    SET_CONSTRAINTS = 0x37, 21
    GET_CONSTRAINTS = 0x38, 21
    QUERY_ASYNCHRONOUS_REQUESTS = 0x39, 21
    PROCESS = 0x3A, 21
    PING = 0x3B, 21


class ObjectType(Versioned):
    CERTIFICATE = 0x1
    SYMMETRIC_KEY = 0x2
    PUBLIC_KEY = 0x3
    PRIVATE_KEY = 0x4
    SPLIT_KEY = 0x5
    TEMPLATE = 0x6, 10, 14
    SECRET_DATA = 0x7
    OPAQUE_OBJECT = 0x8
    PGP_KEY = 0x9, 12
    CERTIFICATE_REQUEST = 0xA, 20


class ResultStatus(Versioned):
    SUCCESS = 0x0
    OPERATION_FAILED = 0x1
    OPERATION_PENDING = 0x2
    OPERATION_UNDONE = 0x3


class ResultReason(Versioned):
    ITEM_NOT_FOUND = 0x1
    RESPONSE_TOO_LARGE = 0x2
    AUTHENTICATION_NOT_SUCCESSFUL = 0x3
    INVALID_MESSAGE = 0x4
    OPERATION_NOT_SUPPORTED = 0x5
    MISSING_DATA = 0x6
    INVALID_FIELD = 0x7
    FEATURE_NOT_SUPPORTED = 0x8
    OPERATION_CANCELED_BY_REQUESTER = 0x9
    CRYPTOGRAPHIC_FAILURE = 0xA
    ILLEGAL_OPERATION = 0xB, 10, 14
    PERMISSION_DENIED = 0xC
    OBJECT_ARCHIVED = 0xD
    INDEX_OUT_OF_BOUNDS = 0xE, 10, 14
    APPLICATION_NAMESPACE_NOT_SUPPORTED = 0xF
    KEY_FORMAT_TYPE_NOT_SUPPORTED = 0x10
    KEY_COMPRESSION_TYPE_NOT_SUPPORTED = 0x11
    ENCODING_OPTION_ERROR = 0x12, 11
    KEY_VALUE_NOT_PRESENT = 0x13, 12
    ATTESTATION_REQUIRED = 0x14, 12
    ATTESTATION_FAILED = 0x15, 12
    SENSITIVE = 0x16, 14
    NOT_EXTRACTABLE = 0x17, 14
    OBJECT_ALREADY_EXISTS = 0x18, 14
    INVALID_TICKET = 0x19, 20
    USAGE_LIMIT_EXCEEDED = 0x1A, 20
    NUMERIC_RANGE = 0x1B, 20
    INVALID_DATA_TYPE = 0x1C, 20
    READ_ONLY_ATTRIBUTE = 0x1D, 20
    MULTI_VALUED_ATTRIBUTE = 0x1E, 20
    UNSUPPORTED_ATTRIBUTE = 0x1F, 20
    ATTRIBUTE_INSTANCE_NOT_FOUND = 0x20, 20
    ATTRIBUTE_NOT_FOUND = 0x21, 20
    ATTRIBUTE_READ_ONLY = 0x22, 20
    ATTRIBUTE_SINGLE_VALUED = 0x23, 20
    BAD_CRYPTOGRAPHIC_PARAMETERS = 0x24, 20
    BAD_PASSWORD = 0x25, 20
    CODEC_ERROR = 0x26, 20
    ILLEGAL_OBJECT_TYPE = 0x28, 20
    INCOMPATIBLE_CRYPTOGRAPHIC_USAGE_MASK = 0x29, 20
    INTERNAL_SERVER_ERROR = 0x2A, 20
    INVALID_ASYNCHRONOUS_CORRELATION_VALUE = 0x2B, 20
    INVALID_ATTRIBUTE = 0x2C, 20
    INVALID_ATTRIBUTE_VALUE = 0x2D, 20
    INVALID_CORRELATION_VALUE = 0x2E, 20
    INVALID_CSR = 0x2F, 20
    INVALID_OBJECT_TYPE = 0x30, 20
    KEY_WRAP_TYPE_NOT_SUPPORTED = 0x32, 20
    MISSING_INITIALIZATION_VECTOR = 0x34, 20
    NON_UNIQUE_NAME_ATTRIBUTE = 0x35, 20
    OBJECT_DESTROYED = 0x36, 20
    OBJECT_NOT_FOUND = 0x37, 20
    NOT_AUTHORISED = 0x39, 20
    SERVER_LIMIT_EXCEEDED = 0x3A, 20
    UNKNOWN_ENUMERATION = 0x3B, 20
    UNKNOWN_MESSAGE_EXTENSION = 0x3C, 20
    UNKNOWN_TAG = 0x3D, 20
    UNSUPPORTED_CRYPTOGRAPHIC_PARAMETERS = 0x3E, 20
    UNSUPPORTED_PROTOCOL_VERSION = 0x3F, 20
    WRAPPING_OBJECT_ARCHIVED = 0x40, 20
    WRAPPING_OBJECT_DESTROYED = 0x41, 20
    WRAPPING_OBJECT_NOT_FOUND = 0x42, 20
    WRONG_KEY_LIFECYCLE_STATE = 0x43, 20
    PROTECTION_STORAGE_UNAVAILABLE = 0x44, 20
    PKCS11_CODEC_ERROR = 0x45, 20
    PKCS11_INVALID_FUNCTION = 0x46, 20
    PKCS11_INVALID_INTERFACE = 0x47, 20
    PRIVATE_PROTECTION_STORAGE_UNAVAILABLE = 0x48, 20
    PUBLIC_PROTECTION_STORAGE_UNAVAILABLE = 0x49, 20
    UNKNOWN_OBJECT_GROUP = 0x4A, 21
    CONSTRAINT_VIOLATION = 0x4B, 21
    DUPLICATE_PROCESS_REQUEST = 0x4C, 21
    GENERAL_FAILURE = 0x100


class CertificateRequestType(Versioned):
    CRMF = 0x1
    PKCS10 = 0x2
    PEM = 0x3
    PGP = 0x4, 10, 14


class CertificateType(Versioned):
    X509 = 0x1
    PGP = 0x2


class State(Versioned):
    PRE_ACTIVE = 0x1
    ACTIVE = 0x2
    DEACTIVATED = 0x3
    COMPROMISED = 0x4
    DESTROYED = 0x5
    DESTROYED_COMPROMISED = 0x6


class UsageLimitsUnit(Versioned):
    BYTE = 0x1
    OBJECT = 0x2


class LinkType(Versioned):
    CERTIFICATE_LINK = 0x101
    PUBLIC_KEY_LINK = 0x102
    PRIVATE_KEY_LINK = 0x103
    DERIVATION_BASE_OBJECT_LINK = 0x104
    DERIVED_KEY_LINK = 0x105
    REPLACEMENT_OBJECT_LINK = 0x106
    REPLACED_OBJECT_LINK = 0x107
    PARENT_LINK = 0x108, 12
    CHILD_LINK = 0x109, 12
    PREVIOUS_LINK = 0x10A, 12
    NEXT_LINK = 0x10B, 12
    PKCS12_CERTIFICATE_LINK = 0x10C, 14
    PKCS12_PASSWORD_LINK = 0x10D, 14
    WRAPPING_KEY_LINK = 0x10E, 20


class RevocationReasonCode(Versioned):
    UNSPECIFIED = 0x1
    KEY_COMPROMISE = 0x2
    CA_COMPROMISE = 0x3
    AFFILIATION_CHANGED = 0x4
    SUPERSEDED = 0x5
    CESSATION_OF_OPERATION = 0x6
    PRIVILEGE_WITHDRAWN = 0x7


class NameType(Versioned):
    UNINTERPRETED_TEXT_STRING = 0x1
    URI = 0x2


class CredentialType(Versioned):
    USERNAME_AND_PASSWORD = 0x1
    DEVICE = 0x2, 11
    ATTESTATION = 0x3, 12
    ONE_TIME_PASSWORD = 0x4, 20
    HASHED_PASSWORD = 0x5, 20
    TICKET = 0x6, 20


class BatchErrorContinuationOption(Versioned):
    CONTINUE = 0x1
    STOP = 0x2
    UNDO = 0x3


class CancellationResult(Versioned):
    CANCELED = 0x1
    UNABLE_TO_CANCEL = 0x2
    COMPLETED = 0x3
    FAILED = 0x4
    UNAVAILABLE = 0x5


class AsynchronousIndicator(Versioned):
    MANDATORY = 0x1, 20
    OPTIONAL = 0x2, 20
    PROHIBITED = 0x3, 20


class ValidityIndicator(Versioned):
    VALID = 0x1
    INVALID = 0x2
    UNKNOWN = 0x3


class PutFunction(Versioned):
    NEW = 0x1
    REPLACE = 0x2


class QueryFunction(Versioned):
    QUERY_OPERATIONS = 0x1
    QUERY_OBJECTS = 0x2
    QUERY_SERVER_INFORMATION = 0x3
    QUERY_APPLICATION_NAMESPACES = 0x4
    QUERY_EXTENSION_LIST = 0x5, 11
    QUERY_EXTENSION_MAP = 0x6, 11
    QUERY_ATTESTATION_TYPES = 0x7, 12
    QUERY_RNGS = 0x8, 13
    QUERY_VALIDATIONS = 0x9, 13
    QUERY_PROFILES = 0xA, 13
    QUERY_CAPABILITIES = 0xB, 13
    QUERY_CLIENT_REGISTRATION_METHODS = 0xC, 13
    QUERY_DEFAULTS_INFORMATION = 0xD, 20
    QUERY_STORAGE_PROTECTION_MASKS = 0xE, 20


class ObjectGroupMember(Versioned):
    GROUP_MEMBER_FRESH = 0x1, 11
    GROUP_MEMBER_DEFAULT = 0x2, 11


class UniqueIdentifier(Versioned):
    ID_PLACEHOLDER = 0x1, 20
    CERTIFY = 0x2, 20
    CREATE = 0x3, 20
    CREATE_KEY_PAIR = 0x4, 20
    CREATE_KEY_PAIR_PRIVATE_KEY = 0x5, 20
    CREATE_KEY_PAIR_PUBLIC_KEY = 0x6, 20
    CREATE_SPLIT_KEY = 0x7, 20
    DERIVE_KEY = 0x8, 20
    IMPORT = 0x9, 20
    JOIN_SPLIT_KEY = 0xA, 20
    LOCATE = 0xB, 20
    REGISTER = 0xC, 20
    RE_KEY = 0xD, 20
    RE_CERTIFY = 0xE, 20
    RE_KEY_KEY_PAIR = 0xF, 20
    RE_KEY_KEY_PAIR_PRIVATE_KEY = 0x10, 20
    RE_KEY_KEY_PAIR_PUBLIC_KEY = 0x11, 20


class AlternativeNameType(Versioned):
    UNINTERPRETED_TEXT_STRING = 0x1, 12
    URI = 0x2, 12
    OBJECT_SERIAL_NUMBER = 0x3, 12
    EMAIL_ADDRESS = 0x4, 12
    DNS_NAME = 0x5, 12
    X_500_DISTINGUISHED_NAME = 0x6, 12
    IP_ADDRESS = 0x7, 12


class KeyValueLocationType(Versioned):
    UNINTERPRETED_TEXT_STRING = 0x1, 12
    URI = 0x2, 12


class AttestationType(Versioned):
    TPM_QUOTE = 0x1, 12
    TCG_INTEGRITY_REPORT = 0x2, 12
    SAML_ASSERTION = 0x3, 12


class DestroyAction(Versioned):
    UNSPECIFIED = 0x1, 13
    KEY_MATERIAL_DELETED = 0x2, 13
    KEY_MATERIAL_SHREDDED = 0x3, 13
    META_DATA_DELETED = 0x4, 13
    META_DATA_SHREDDED = 0x5, 13
    DELETED = 0x6, 13
    SHREDDED = 0x7, 13


class UnwrapMode(Versioned):
    UNSPECIFIED = 0x1, 13
    PROCESSED = 0x2, 13
    NOT_PROCESSED = 0x3, 13


class ShreddingAlgorithm(Versioned):
    UNSPECIFIED = 0x1, 13
    CRYPTOGRAPHIC = 0x2, 13
    UNSUPPORTED = 0x3, 13


class ClientRegistrationMethod(Versioned):
    UNSPECIFIED = 0x1, 13
    SERVER_PRE_GENERATED = 0x2, 13
    SERVER_ON_DEMAND = 0x3, 13
    CLIENT_GENERATED = 0x4, 13
    CLIENT_REGISTERED = 0x5, 13


class ValidationAuthorityType(Versioned):
    UNSPECIFIED = 0x1, 13
    NIST_CMVP = 0x2, 13
    COMMON_CRITERIA = 0x3, 13


class ValidationType(Versioned):
    UNSPECIFIED = 0x1, 13
    HARDWARE = 0x2, 13
    SOFTWARE = 0x3, 13
    FIRMWARE = 0x4, 13
    HYBRID = 0x5, 13


class AdjustmentType(Versioned):
    INCREMENT = 0x1, 20
    DECREMENT = 0x2, 20
    NEGATE = 0x3, 20
