"""Get: fetch an object itself (1.0 section 4.10, 1.1-1.4 4.11, 2.x 6.1.19)."""

from micropython import const

from kmip_lite.fields import write_uid
from kmip_lite.ttlv import TTLVError

_STRUCTURE = const(1)
_INTEGER = const(2)
_ENUMERATION = const(5)
_TEXT_STRING = const(7)
_BYTE_STRING = const(8)

_TAG_CERTIFICATE_TYPE = const(0x42001D)
_TAG_CERTIFICATE_VALUE = const(0x42001E)
_TAG_CRYPTOGRAPHIC_ALGORITHM = const(0x420028)
_TAG_CRYPTOGRAPHIC_LENGTH = const(0x42002A)
_TAG_KEY = const(0x42003F)
_TAG_KEY_BLOCK = const(0x420040)
_TAG_KEY_COMPRESSION_TYPE = const(0x420041)
_TAG_KEY_FORMAT_TYPE = const(0x420042)
_TAG_KEY_MATERIAL = const(0x420043)
_TAG_KEY_VALUE = const(0x420045)
_TAG_KEY_WRAPPING_DATA = const(0x420046)
_TAG_KEY_WRAPPING_SPECIFICATION = const(0x420047)
_TAG_OBJECT_TYPE = const(0x420057)
_TAG_OPAQUE_DATA_TYPE = const(0x420059)
_TAG_OPAQUE_DATA_VALUE = const(0x42005A)
_TAG_SECRET_DATA_TYPE = const(0x420086)
_TAG_UNIQUE_IDENTIFIER = const(0x420094)
_TAG_KEY_WRAP_TYPE = const(0x4200F8)

_OBJECT_CERTIFICATE = const(1)
_OBJECT_SECRET_DATA = const(7)
_OBJECT_OPAQUE_OBJECT = const(8)
_FORMAT_TRANSPARENT_SYMMETRIC_KEY = const(7)

# The last byte of the object's tag, by Object Type; 0 for those that this file cannot read.
_TAGS = b"\x00\x13\x8f\x6d\x64\x00\x00\x85\x5b"

# Numbers of errors.py.
_E_TYPE = const(5)
_E_FIELD = const(25)
_E_OBJECT = const(28)

OP = 0x0A


class ManagedObject:
    """An object as Get returns it.

    `object_type`: the number of the enumeration. `value`: its bytes, or None where they went into the
    caller's buffer: a certificate's DER, an opaque object's or secret's data, a key's material in the
    format `format`; of a transparent key other than a symmetric one the TTLV of its fields. With
    `wrapped` they are the wrapped key as it came, and `wrapping` is the TTLV of the Key Wrapping Data.
    `bits` is the Cryptographic Length, `algorithm` the Cryptographic Algorithm, `kind` the Certificate,
    Secret Data or Opaque Data Type; 0 where the server did not say. `at` and `size` tell where the value
    stands in the message.
    """

    def __init__(self):
        self.value = self.wrapping = None
        self.wrapped = False
        self.object_type = self.kind = self.format = self.algorithm = self.bits = self.at = self.size = 0
        self.kind_at = self.format_at = self.algorithm_at = self.wrapping_at = self.wrapping_size = 0


def request(e, version, uid=None, format=None, compression=None, wrap_type=None, wrapping=None):
    """Write the payload. The answer is a ManagedObject.

    `format`, `compression`, `wrap_type` (1.4 and later): numbers of Key Format Type, Key Compression
    Type, Key Wrap Type. `wrapping`: the fields of a Key Wrapping Specification, as for `Encoder.put`.
    """
    write_uid(e, version, uid)
    if format is not None:
        e.put(_TAG_KEY_FORMAT_TYPE, _ENUMERATION, format)
    if wrap_type is not None:
        if version < 14:
            e.fail(_E_FIELD)
        e.put(_TAG_KEY_WRAP_TYPE, _ENUMERATION, wrap_type)
    if compression is not None:
        e.put(_TAG_KEY_COMPRESSION_TYPE, _ENUMERATION, compression)
    if wrapping is not None:
        e.put(_TAG_KEY_WRAPPING_SPECIFICATION, _STRUCTURE, wrapping)


def read(d, version, found):
    """Fill `found`, a ManagedObject, but for its value, and leave the cursor on the value.

    Allocates nothing: `found.at` and `found.size` are a view of the value in the message's buffer,
    and `d.into()` copies it from there. A key whose value the server does not have has the size 0.
    Numbers that may be a vendor's, and so objects on a 32-bit board, stay in the message, too: `kind_at`,
    `format_at`, `algorithm_at` are where they stand, or 0; `kind`, `format`, `algorithm` are 0.
    """
    d.need(_TAG_OBJECT_TYPE, _ENUMERATION)
    object_type = d.small()
    if not 0 < object_type < len(_TAGS) or not _TAGS[object_type]:
        raise TTLVError(_E_OBJECT, d.at)
    found.__init__()  # nothing of what was read before is left in it
    found.object_type = object_type
    d.need(_TAG_UNIQUE_IDENTIFIER, _TEXT_STRING)
    d.enter(0x420000 | _TAGS[object_type])
    kind_tag = value_tag = 0
    if object_type == _OBJECT_CERTIFICATE:
        kind_tag = _TAG_CERTIFICATE_TYPE
        value_tag = _TAG_CERTIFICATE_VALUE
    elif object_type == _OBJECT_OPAQUE_OBJECT:
        kind_tag = _TAG_OPAQUE_DATA_TYPE
        value_tag = _TAG_OPAQUE_DATA_VALUE
    elif object_type == _OBJECT_SECRET_DATA:
        kind_tag = _TAG_SECRET_DATA_TYPE
    if kind_tag:
        d.need(kind_tag, _ENUMERATION)
        found.kind_at = d.at
    if value_tag:
        d.need(value_tag, _BYTE_STRING)
        found.at = d.at
        found.size = d.size
    else:
        _key_block(d, found)
    d.leave()
    d.at = found.at
    d.size = found.size


def _key_block(d, found):
    # 1.x section 2.1.3, 2.x section 3.1. Looked at one by one: a field that came too early must not
    # be passed over, or a wrapped key would be taken for a plain one.
    d.enter(_TAG_KEY_BLOCK)
    if not d.next() or d.tag != _TAG_KEY_FORMAT_TYPE or d.kind != _ENUMERATION:
        raise TTLVError(_TAG_KEY_FORMAT_TYPE, d.at)
    found.format_at = d.at
    symmetric = d.small() == _FORMAT_TRANSPARENT_SYMMETRIC_KEY
    while d.next():
        tag = d.tag
        kind = d.kind
        if tag == _TAG_KEY_VALUE:
            if kind == _BYTE_STRING:
                found.wrapped = True
                found.at = d.at
                found.size = d.size
                continue
            d.enter()
            if not d.find(_TAG_KEY_MATERIAL):
                raise TTLVError(_TAG_KEY_MATERIAL, d.at)
            kind = d.kind
            inside = kind == _STRUCTURE and symmetric
            if inside:
                d.enter()
                d.need(_TAG_KEY, _BYTE_STRING)
            elif kind != _STRUCTURE and kind != _BYTE_STRING:
                raise TTLVError(_E_TYPE, d.at)
            found.at = d.at
            found.size = d.size
            if inside:
                d.leave()
            d.leave()
            continue
        wanted = kind
        if tag == _TAG_CRYPTOGRAPHIC_ALGORITHM:
            wanted = _ENUMERATION
            found.algorithm_at = d.at
        elif tag == _TAG_CRYPTOGRAPHIC_LENGTH:
            wanted = _INTEGER
            if kind == wanted:  # another may be empty, at the buffer's end
                found.bits = d.half(0) << 16 | d.half(1)
        elif tag == _TAG_KEY_WRAPPING_DATA:
            wanted = _STRUCTURE
            found.wrapped = True
            found.wrapping_at = d.at
            found.wrapping_size = d.size
        if kind != wanted:
            raise TTLVError(_E_TYPE, d.at)
    d.leave()


def response(d, version, into=None):
    """A ManagedObject. Allocates it and, unless the caller gives a bytearray `into` for it, the value.

    A secret in a bytearray can be wiped; one in bytes stays in the heap until something overwrites it.
    """
    found = ManagedObject()
    read(d, version, found)
    if into is not None:
        d.into(into)
    else:
        found.value = d.bytes()
    if found.wrapped:
        d.at = found.wrapping_at
        d.size = found.wrapping_size
        found.wrapping = d.bytes()
    found.kind = _number(d, found.kind_at)
    found.format = _number(d, found.format_at)
    found.algorithm = _number(d, found.algorithm_at)
    return found


def _number(d, at):
    d.at = at
    return d.half(0) << 16 | d.half(1) if at else 0
