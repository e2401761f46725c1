"""Key Blocks and the objects that hold them (KMIP 1.x §2): reading, strictly, and building."""

from . import attributes, ttlv
from .cryptoenums import (
    CryptographicAlgorithm,
    EncodingOption,
    KeyCompressionType,
    KeyFormatType,
    SecretDataType,
    SplitKeyMethod,
)
from .enums import ANY, CertificateRequestType, CertificateType, ObjectType
from .errors import KmipError, Reason, invalid_field, invalid_message
from .schema import BIG_INTEGER, BYTE_STRING, ENUMERATION, INTEGER, STRUCTURE, Field, parse
from .structures import KEY_WRAPPING_DATA, TRANSPARENT
from .tags import Tag as T

F = KeyFormatType
_KEY_BLOCK = [
    Field(T.KEY_FORMAT_TYPE, ENUMERATION, True, enum=KeyFormatType),
    Field(T.KEY_COMPRESSION_TYPE, ENUMERATION, enum=KeyCompressionType),
    Field(T.KEY_VALUE, (STRUCTURE, BYTE_STRING), required=(10, 11)),
    Field(T.CRYPTOGRAPHIC_ALGORITHM, ENUMERATION, enum=CryptographicAlgorithm),
    Field(T.CRYPTOGRAPHIC_LENGTH, INTEGER),
    Field(T.KEY_WRAPPING_DATA, STRUCTURE, fields=KEY_WRAPPING_DATA),
]
_KEY_VALUE = [
    Field(T.KEY_MATERIAL, (BYTE_STRING, STRUCTURE), True),
    Field(T.ATTRIBUTE, STRUCTURE, many=True, until=14),
    Field(T.ATTRIBUTES, STRUCTURE, since=20),
]
_KEY_BLOCK_FIELD = Field(T.KEY_BLOCK, STRUCTURE, True)

# What stands in each object, besides the Key Block's own fields.
OBJECT_FIELDS = {
    ObjectType.CERTIFICATE: [
        Field(T.CERTIFICATE_TYPE, ENUMERATION, True, enum=CertificateType),
        Field(T.CERTIFICATE_VALUE, BYTE_STRING, True),
    ],
    ObjectType.SYMMETRIC_KEY: [_KEY_BLOCK_FIELD],
    ObjectType.PUBLIC_KEY: [_KEY_BLOCK_FIELD],
    ObjectType.PRIVATE_KEY: [_KEY_BLOCK_FIELD],
    ObjectType.SPLIT_KEY: [
        Field(T.SPLIT_KEY_PARTS, INTEGER, True),
        Field(T.KEY_PART_IDENTIFIER, INTEGER, True),
        Field(T.SPLIT_KEY_THRESHOLD, INTEGER, True),
        Field(T.SPLIT_KEY_METHOD, ENUMERATION, True, enum=SplitKeyMethod),
        Field(T.PRIME_FIELD_SIZE, BIG_INTEGER),
        _KEY_BLOCK_FIELD,
    ],
    ObjectType.TEMPLATE: [
        Field(T.ATTRIBUTE, STRUCTURE, True, many=True),
    ],
    ObjectType.SECRET_DATA: [
        Field(T.SECRET_DATA_TYPE, ENUMERATION, True, enum=SecretDataType),
        _KEY_BLOCK_FIELD,
    ],
    ObjectType.OPAQUE_OBJECT: [
        Field(T.OPAQUE_DATA_TYPE, ENUMERATION, True),
        Field(T.OPAQUE_DATA_VALUE, BYTE_STRING, True),
    ],
    ObjectType.CERTIFICATE_REQUEST: [
        Field(T.CERTIFICATE_REQUEST_TYPE, ENUMERATION, True, enum=CertificateRequestType),
        Field(T.CERTIFICATE_REQUEST_VALUE, BYTE_STRING, True),
    ],
    ObjectType.PGP_KEY: [
        Field(T.PGP_KEY_VERSION, INTEGER, True),
        _KEY_BLOCK_FIELD,
    ],
}

_SYMMETRIC = (F.RAW, F.OPAQUE, F.TRANSPARENT_SYMMETRIC_KEY)
_PUBLIC = (F.RAW, F.OPAQUE, F.PKCS1, F.X509, F.TRANSPARENT_DSA_PUBLIC_KEY,
           F.TRANSPARENT_RSA_PUBLIC_KEY, F.TRANSPARENT_DH_PUBLIC_KEY,
           F.TRANSPARENT_ECDSA_PUBLIC_KEY, F.TRANSPARENT_ECDH_PUBLIC_KEY,
           F.TRANSPARENT_ECMQV_PUBLIC_KEY, F.TRANSPARENT_EC_PUBLIC_KEY)
_PRIVATE = (F.RAW, F.OPAQUE, F.PKCS1, F.PKCS8, F.ECPRIVATEKEY, F.TRANSPARENT_DSA_PRIVATE_KEY,
            F.TRANSPARENT_RSA_PRIVATE_KEY, F.TRANSPARENT_DH_PRIVATE_KEY,
            F.TRANSPARENT_ECDSA_PRIVATE_KEY, F.TRANSPARENT_ECDH_PRIVATE_KEY,
            F.TRANSPARENT_ECMQV_PRIVATE_KEY, F.TRANSPARENT_EC_PRIVATE_KEY, F.PKCS12)
FORMATS = {
    ObjectType.SYMMETRIC_KEY: _SYMMETRIC,
    ObjectType.PUBLIC_KEY: _PUBLIC,
    ObjectType.PRIVATE_KEY: _PRIVATE,
    ObjectType.SPLIT_KEY: _SYMMETRIC + _PRIVATE,
    ObjectType.SECRET_DATA: (F.RAW, F.OPAQUE),
    ObjectType.PGP_KEY: (F.RAW, F.OPAQUE),
}


def read_object(object_type, item, version, lenient=False):
    """The fields of a managed object as Register carries it; a Key Block within is read too."""
    fields = parse(item, OBJECT_FIELDS[object_type], version, lenient)
    if getattr(fields, "key_block", None) is not None:
        fields.key_block = KeyBlock(fields.key_block, object_type, version, lenient)
    if object_type == ObjectType.SPLIT_KEY and not (
            1 <= fields.key_part_identifier <= fields.split_key_parts
            and 1 <= fields.split_key_threshold <= fields.split_key_parts):
        raise invalid_field("the Split Key's part number or threshold is out of range")
    if object_type == ObjectType.OPAQUE_OBJECT and fields.opaque_data_type >> 28 != 8:
        raise invalid_field("Opaque Data Type %X is no extension (8XXXXXXX)"
                            % fields.opaque_data_type)
    return fields


class KeyBlock:
    """The fields of a Key Block.

    material    bytes, or the Item of a transparent format's structure; None if wrapped or absent
    wrapped     the wrapped bytes, or None
    inner       the attributes that travel in the Key Value, as Items
    """

    def __init__(self, item, object_type, version, lenient=False):
        block = parse(item, _KEY_BLOCK, version, lenient)
        self.format = KeyFormatType(block.key_format_type)
        self.compression = block.key_compression_type
        self.algorithm = block.cryptographic_algorithm
        self.length = block.cryptographic_length
        self.wrapping = block.key_wrapping_data
        self.material = self.wrapped = None
        self.inner = []
        if self.format not in FORMATS[object_type]:
            raise KmipError(Reason.KEY_FORMAT_TYPE_NOT_SUPPORTED,
                            "Key Format Type %s is not possible for this object type"
                            % self.format.name)
        if (self.algorithm is None) != (self.length is None):
            raise invalid_field(
                "Cryptographic Algorithm and Cryptographic Length go together in a Key Block")
        value = block.key_value
        if self.wrapping is not None:
            self._read_wrapped(value)
        elif value is not None:
            self._read_plain(value, version, lenient)

    def _read_wrapped(self, value):
        wrapping = self.wrapping
        keys = (wrapping.encryption_key_information, wrapping.mac_signature_key_information)
        if keys == (None, None):
            raise invalid_message("Key Wrapping Data names neither an encryption nor a MAC key")
        if value is None:
            raise invalid_message("the wrapped Key Block lacks its Key Value")
        if value.type != BYTE_STRING:
            raise invalid_field("the Key Value of a wrapped key is a Byte String")
        if self.format in TRANSPARENT and wrapping.encoding_option == EncodingOption.NO_ENCODING:
            raise KmipError(Reason.ENCODING_OPTION_ERROR,
                            "No Encoding is only for Key Material that is a Byte String")
        self.wrapped = value.value

    def _read_plain(self, value, version, lenient):
        if value.type != STRUCTURE:
            raise invalid_field("a Key Value that is not wrapped is a Structure")
        found = parse(value, _KEY_VALUE, version, lenient)
        material = found.key_material
        self.inner = found.attribute if found.attributes is None else found.attributes.value
        if self.format in TRANSPARENT:
            if material.type != STRUCTURE:
                raise invalid_field("the Key Material of %s is a Structure" % self.format.name)
            numbers = parse(material, TRANSPARENT[self.format], version, lenient)
            if self.format == F.TRANSPARENT_RSA_PRIVATE_KEY:
                _check_rsa(numbers)
            self.material = material
            return
        if material.type != BYTE_STRING:
            raise invalid_field("the Key Material of %s is a Byte String" % self.format.name)
        self.material = material.value

    def symmetric_bytes(self):
        """The key itself, of a raw, opaque or transparent symmetric key; None if not here."""
        if self.material is None or isinstance(self.material, bytes):
            return self.material
        return self.material.find(T.KEY).value

    def numbers(self):
        """The fields of a transparent format."""
        return parse(self.material, TRANSPARENT[self.format], ANY)


def _check_rsa(numbers):
    if not (numbers.private_exponent is not None
            or (numbers.p is not None and numbers.q is not None)
            or (numbers.prime_exponent_p is not None and numbers.prime_exponent_q is not None)):
        raise invalid_field("the Transparent RSA Private Key lacks its private values")


def build(format_, material, algorithm=None, length=None):
    """A Key Block Item around plain Key Material (bytes, or the Item of a structure)."""
    if isinstance(material, bytes):
        material = ttlv.byte_string(T.KEY_MATERIAL, material)
    return ttlv.structure(
        T.KEY_BLOCK,
        ttlv.enumeration(T.KEY_FORMAT_TYPE, format_),
        ttlv.structure(T.KEY_VALUE, material),
        None if algorithm is None else ttlv.enumeration(T.CRYPTOGRAPHIC_ALGORITHM, algorithm),
        None if length is None else ttlv.integer(T.CRYPTOGRAPHIC_LENGTH, length),
    )


def inner_attributes(block, version, lenient):
    """The attributes that travelled inside the Key Value, as Given."""
    if version >= 20:
        return attributes.read_2x(ttlv.structure(T.ATTRIBUTES, *block.inner), version, lenient)
    return [attributes.read_1x(item, version, lenient) for item in block.inner]
