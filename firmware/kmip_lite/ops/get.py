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

OP = 0x0A


class ManagedObject:
    """An object as Get returns it.

    `object_type`: the number of the enumeration. `value`: its bytes, or None where they went into the
    caller's buffer: a certificate's DER, an opaque object's or secret's data, a key's material in the
    format `format`; of a transparent key other than a symmetric one the TTLV of its fields. With
    `wrapped` they are the wrapped key as it came, and `wrapping` is the TTLV of the Key Wrapping Data.
    `bits` is the Cryptographic Length. `at` and `size` tell where the value stands in the message.
    """

    def __init__(self):
        self.object_type = 0
        self.value = None
        self.wrapping = None
        self.wrapped = False
        self.bits = 0
        self.at = 0
        self.size = 0
        self._wrapping_at = 0
        self._wrapping_size = 0
        # Enumerations as halves: one from 2**30 on (a vendor's) would be an object on 32-bit boards.
        self._kind_high = self._kind = 0
        self._format_high = self._format = 0
        self._algorithm_high = self._algorithm = 0

    @property
    def kind(self):
        """Certificate Type, Secret Data Type or Opaque Data Type; 0 for keys."""
        return self._kind_high << 16 | self._kind

    @property
    def format(self):
        """Key Format Type; 0 where there is no Key Block."""
        return self._format_high << 16 | self._format

    @property
    def algorithm(self):
        """Cryptographic Algorithm; 0 where the server did not say."""
        return self._algorithm_high << 16 | self._algorithm


def request(e, version, uid=None, format=None, compression=None, wrap_type=None, wrapping=None):
    """Write the payload. The answer is a ManagedObject.

    `format`, `compression`, `wrap_type` (1.4 and later): numbers of Key Format Type, Key Compression
    Type, Key Wrap Type. `wrapping`: the fields of a Key Wrapping Specification, as for `Encoder.put`.
    """
    write_uid(e, version, uid)
    if format is not None:
        e.enumeration(_TAG_KEY_FORMAT_TYPE, format)
    if wrap_type is not None:
        if version < 14:
            e.fail("Key Wrap Type is a field of KMIP 1.4")
        e.enumeration(_TAG_KEY_WRAP_TYPE, wrap_type)
    if compression is not None:
        e.enumeration(_TAG_KEY_COMPRESSION_TYPE, compression)
    if wrapping is not None:
        e.put(_TAG_KEY_WRAPPING_SPECIFICATION, _STRUCTURE, wrapping)


def read(d, version, found):
    """Fill `found`, a ManagedObject, but for its value, and leave the cursor on the value.

    Allocates nothing: `found.at` and `found.size` are a view of the value in the message's buffer,
    and `d.into()` copies it from there. A key whose value the server does not have has the size 0.
    """
    d.need(_TAG_OBJECT_TYPE, _ENUMERATION)
    object_type = d.half(1)
    if d.half(0) or object_type >= len(_TAGS) or not _TAGS[object_type]:
        raise TTLVError("object of a type that cannot be read", d.at)
    found.object_type = object_type
    found.wrapped = False
    found.bits = found.at = found.size = 0
    found._wrapping_at = found._wrapping_size = 0
    found._kind_high = found._kind = 0
    found._format_high = found._format = 0
    found._algorithm_high = found._algorithm = 0
    d.need(_TAG_UNIQUE_IDENTIFIER, _TEXT_STRING)
    d.need(0x420000 | _TAGS[object_type], _STRUCTURE)
    d.enter()
    if object_type == _OBJECT_CERTIFICATE:
        _data(d, found, _TAG_CERTIFICATE_TYPE, _TAG_CERTIFICATE_VALUE)
    elif object_type == _OBJECT_OPAQUE_OBJECT:
        _data(d, found, _TAG_OPAQUE_DATA_TYPE, _TAG_OPAQUE_DATA_VALUE)
    else:
        if object_type == _OBJECT_SECRET_DATA:
            _kind(d, found, _TAG_SECRET_DATA_TYPE)
        _key_block(d, found)
    d.leave()
    d.at = found.at
    d.size = found.size


def _kind(d, found, tag):
    d.need(tag, _ENUMERATION)
    found._kind_high = d.half(0)
    found._kind = d.half(1)


def _data(d, found, type_tag, value_tag):
    _kind(d, found, type_tag)
    d.need(value_tag, _BYTE_STRING)
    found.at = d.at
    found.size = d.size


def _key_block(d, found):
    # 1.x section 2.1.3, 2.x section 3.1. Looked at one by one: a field that came too early must not
    # be passed over, or a wrapped key would be taken for a plain one.
    d.need(_TAG_KEY_BLOCK, _STRUCTURE)
    d.enter()
    if not d.next() or d.tag != _TAG_KEY_FORMAT_TYPE:
        raise TTLVError("no Key Format Type", d.at)
    d.expect(_ENUMERATION)
    found._format_high = d.half(0)
    found._format = d.half(1)
    while d.next():
        tag = d.tag
        if tag == _TAG_KEY_VALUE:
            if d.kind == _BYTE_STRING:
                found.wrapped = True
                found.at = d.at
                found.size = d.size
            else:
                d.enter()
                _key_material(d, found)
                d.leave()
        elif tag == _TAG_CRYPTOGRAPHIC_ALGORITHM:
            d.expect(_ENUMERATION)
            found._algorithm_high = d.half(0)
            found._algorithm = d.half(1)
        elif tag == _TAG_CRYPTOGRAPHIC_LENGTH:
            d.expect(_INTEGER)
            found.bits = d.integer()
        elif tag == _TAG_KEY_WRAPPING_DATA:
            d.expect(_STRUCTURE)
            found.wrapped = True
            found._wrapping_at = d.at
            found._wrapping_size = d.size
    d.leave()


def _key_material(d, found):
    if not d.find(_TAG_KEY_MATERIAL):
        raise TTLVError("no Key Material", d.at)
    if d.kind == _STRUCTURE:
        if not found._format_high and found._format == _FORMAT_TRANSPARENT_SYMMETRIC_KEY:
            d.enter()
            d.need(_TAG_KEY, _BYTE_STRING)
            found.at = d.at
            found.size = d.size
            d.leave()
            return
    elif d.kind != _BYTE_STRING:
        raise TTLVError("Key Material of a wrong type", d.at)
    found.at = d.at
    found.size = d.size


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
        found.wrapping = bytes(d.view[found._wrapping_at : found._wrapping_at + found._wrapping_size])
    return found
