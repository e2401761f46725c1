"""Objects as the items in them (1.x section 2, 2.x sections 2 and 3): made for Register, taken apart
after Get. `kmip.get_object(uid)` gives (type, uid, items); `kmip.register(type, items, attributes)` takes
them. Everything here allocates, and copies secrets.
"""

from micropython import const

from kmip_lite.structures import pack, unpack
from kmip_lite.ttlv import TTLVError

_STRUCTURE = const(1)
_ENUMERATION = const(5)
_TEXT_STRING = const(7)

_TAG_ATTRIBUTE = const(0x420008)
_TAG_ATTRIBUTE_NAME = const(0x42000A)
_TAG_ATTRIBUTE_VALUE = const(0x42000B)
_TAG_KEY_BLOCK = const(0x420040)
_TAG_KEY_VALUE = const(0x420045)
_TAG_NAME = const(0x420053)
_TAG_PRIVATE_EXPONENT = const(0x420063)
_TAG_SECRET_DATA_TYPE = const(0x420086)
_TAG_ATTRIBUTES = const(0x420125)

_OBJECT_CERTIFICATE = const(1)
_OBJECT_SPLIT_KEY = const(5)
_OBJECT_TEMPLATE = const(6)
_OBJECT_SECRET_DATA = const(7)
_OBJECT_OPAQUE_OBJECT = const(8)
_FORMAT_TRANSPARENT_SYMMETRIC_KEY = const(7)
_FORMAT_TRANSPARENT_RSA_PRIVATE_KEY = const(0x0A)
_FORMAT_TRANSPARENT_ECDSA_PRIVATE_KEY = const(0x0E)
_FORMAT_TRANSPARENT_EC_PRIVATE_KEY = const(0x14)
_FORMAT_TRANSPARENT_EC_PUBLIC_KEY = const(0x15)

# Numbers of errors.py.
_E_TYPE = const(5)
_E_FIELD = const(25)

# Patterns: see structures.py.
_KEY = "0947 02B1o"
_SPLIT = "08B2 0442 08C2 08A5 0624o"
_BLOCK = "0425 0415o 0450o 0285o 02A2o 0461o"
_WRAPPING = "09E5 0361o 04E1o 04D8o 03D8o 00A7* 0A35ob"
# Key Material of the transparent formats (1.x section 2.1.7), from 07 on; then every EC key's.
_MATERIALS = (
    "03F8",
    "05E4 0714 0374 09F4",
    "05E4 0714 0374 0A04",
    "0524 0634o 06C4o 05E4o 0714o 0604o 0614o 0274o",
    "0524 06C4",
    "05E4 0714o 0374 03E4o 09F4",
    "05E4 0714o 0374 03E4o 0A04",
    "0755 02E4",
    "0755 0728",
)


def _material(format, version=14):
    # The pattern of a transparent format, or None.
    if not _FORMAT_TRANSPARENT_SYMMETRIC_KEY <= format <= _FORMAT_TRANSPARENT_EC_PUBLIC_KEY:
        return None
    if format < _FORMAT_TRANSPARENT_ECDSA_PRIVATE_KEY:
        return _MATERIALS[format - _FORMAT_TRANSPARENT_SYMMETRIC_KEY]
    if version >= 20 if format < _FORMAT_TRANSPARENT_EC_PRIVATE_KEY else version < 13:
        raise TTLVError(_E_FIELD)
    return _MATERIALS[7 + (format & 1)]


def _attributes(attributes, version):
    # The items of attribute tuples, which are as `fields` has them.
    items = []
    for one in attributes:
        if version >= 20:
            items.append(one[1:4])
        else:
            named = (_TAG_ATTRIBUTE_NAME, _TEXT_STRING, one[0])
            items.append((_TAG_ATTRIBUTE, _STRUCTURE, (named, (_TAG_ATTRIBUTE_VALUE, one[2], one[3]))))
    return items


def key(
    value,
    format=1,
    algorithm=None,
    bits=None,
    version=12,
    wrapping=None,
    compression=None,
    attributes=(),
):
    """The items of a Symmetric, Public or Private Key; what else has a Key Block is made around them.

    `value`: the Key Material as bytes; of a transparent format the tuple of its fields, None where one is
    left out: RSA private (modulus, private exponent, public exponent, P, Q, prime exponent P, prime
    exponent Q, CRT coefficient), RSA public (modulus, public exponent), EC private (Recommended Curve,
    D), EC public (Recommended Curve, Q string), and so on (1.x section 2.1.7). Numbers are bytes, big-
    endian, with a 0 in front where the first bit is set. None: the server does not get it (1.2 and
    later). `wrapping`: what wrapping() gives; the value is then the wrapped bytes. `compression`: a Key
    Compression Type. `attributes`: those that travel with the material. Raises TTLVError.
    """
    if value is None:
        if version < 12:
            raise TTLVError(_TAG_KEY_VALUE)
    elif wrapping is None:
        pattern = _material(format, version)
        if pattern:
            value = pack(pattern, (value,) if isinstance(value, (bytes, bytearray)) else value, version)
        attributes = _attributes(attributes, version)
        if attributes and version >= 20:
            attributes = [(_TAG_ATTRIBUTES, _STRUCTURE, attributes)]
        value = pack("0430", (value,)) + attributes
    block = pack(_BLOCK, (format, compression, value, algorithm, bits, wrapping), version)
    return [(_TAG_KEY_BLOCK, _STRUCTURE, block)]


def secret(key, kind=1):
    """The items of a Secret Data around those of a key: `kind` is 1 Password, 2 Seed."""
    return [(_TAG_SECRET_DATA_TYPE, _ENUMERATION, kind)] + key


def split(key, parts, number, threshold, method, prime=None):
    """The items of a Split Key around those of a key: one of `parts`, this `number` from 1.

    `method`: 1 XOR, 2 GF(2^16), 3 prime field, whose size is `prime`, 4 GF(2^8).
    """
    return pack(_SPLIT, (parts, number, threshold, method, prime)) + key


def template(attributes):
    """The items of a Template (1.x section 2.2.6), which is the same as a policy template."""
    return _attributes(attributes, 10)


def named(name, version=12, kind=1):
    """What stands among a request's attributes, in front of them, for those of the Template of this Name.

    `kind`: the Name Type. Raises TTLVError in 2.x, which has no Templates.
    """
    return None, _TAG_NAME, _STRUCTURE, pack("0557- 0545", (name, kind), version)


def wrapping(uid, parameters=None, encoding=None, version=12, method=1, mac=None, iv=None, names=()):
    """The fields of Key Wrapping Data for key(), or of a Key Wrapping Specification for `get`.

    `uid`: of the wrapping key. `parameters`: its Cryptographic Parameters, as attribute()[3] has them.
    `encoding` (1.1 and later): 1 No Encoding, 2 TTLV Encoding. `method`: the Wrapping Method; 1 is
    Encrypt. `mac`: the MAC or signature as (uid, parameters or None, bytes or None); with another method
    than Encrypt. `names`: of the attributes to wrap along (of a specification only).
    """
    keys = [uid and pack(_KEY, (uid, parameters), version), None, None]
    if mac is not None:
        keys[1:] = pack(_KEY, mac[:2], version), mac[2]
    return pack(_WRAPPING, (method, keys[0], keys[1], keys[2], iv, names, encoding), version)


class Parts:
    """An object taken apart: raises TTLVError where something is missing or of a wrong type.

    `object_type`, `items`: as get_object gave them. `value`: the bytes; of a transparent key the tuple
    that key() takes (of the symmetric one the key), of a Template what Get Attributes would give, None
    where the server does not have it. With `wrapped` it is wrapped, and `wrapping` the Key Wrapping Data's
    fields. `kind`: Certificate Type, Secret Data Type or Opaque Data Type. `format`, `algorithm`, `bits`,
    `compression` of the Key Block, and `attributes`, those that travelled with the Key Material, as Get
    Attributes gives them. `split`: (parts, number, threshold, method, prime). None where there is none.
    """

    def __init__(self, object_type, items):
        self.object_type = object_type
        self.items = items
        self.kind = self.format = self.algorithm = self.bits = self.compression = None
        self.value = self.wrapping = self.split = None
        self.wrapped = False
        self.attributes = ()
        if object_type == _OBJECT_TEMPLATE:
            self.value = _named(unpack("0081*", items)[0])
        elif object_type == _OBJECT_CERTIFICATE:
            self.kind, self.value = unpack("01D5 01E8", items)
        elif object_type == _OBJECT_OPAQUE_OBJECT:
            self.kind, self.value = unpack("0595 05A8", items)
        else:
            if object_type == _OBJECT_SPLIT_KEY:
                self.split = unpack(_SPLIT, items)
            elif object_type == _OBJECT_SECRET_DATA:
                (self.kind,) = unpack("0865", items)
            self._block(unpack("0401", items)[0])

    def _block(self, block):
        block = unpack(_BLOCK, block)
        self.format, self.compression, value, self.algorithm, self.bits, self.wrapping = block
        pattern = _material(self.format)
        self.wrapped = self.wrapping is not None or isinstance(value, bytes)
        if isinstance(value, list):
            value, attributes, others = unpack("0430 0081* 1251o", value)
            self.attributes = _named(attributes)
            for tag, _, each in others or ():
                self.attributes.append((tag, 0, each))
            if not isinstance(value, list if pattern else bytes) and self.format < 0x80000000:
                raise TTLVError(_E_TYPE)
            if pattern:
                value = unpack(pattern, value)
                if self.format == _FORMAT_TRANSPARENT_SYMMETRIC_KEY:
                    value = value[0]
                elif self.format == _FORMAT_TRANSPARENT_RSA_PRIVATE_KEY and not (
                    value[1] or (value[3] and value[4]) or (value[5] and value[6])
                ):
                    raise TTLVError(_TAG_PRIVATE_EXPONENT)
        elif value is not None and not isinstance(value, bytes):
            raise TTLVError(_E_TYPE)
        self.value = value


def _named(attributes):
    # As Get Attributes has them, of Attribute structures.
    found = []
    for one in attributes:
        name, index, value = unpack("00A7 0092o 00B0", one)
        found.append((name, index or 0, value))
    return found
