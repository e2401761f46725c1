"""PKCS#10 certification requests (RFC 2986) for a P-256 key, and the key's SubjectPublicKeyInfo."""

from hashlib import sha256

from micropython import const

from identity.der import item

_BIT_STRING = const(0x03)
_OCTET_STRING = const(0x04)
_UTF8_STRING = const(0x0C)
_PRINTABLE_STRING = const(0x13)
_SEQUENCE = const(0x30)
_SET = const(0x31)

_SPKI = const(b"\x30\x59\x30\x13\x06\x07*\x86H\xce=\x02\x01\x06\x08*\x86H\xce=\x03\x01\x07\x03\x42\x00")
_ECDSA_SHA256 = const(b"\x30\x0a\x06\x08*\x86H\xce=\x04\x03\x02")
_EXTENSION_REQUEST = const(b"\x06\x09*\x86H\x86\xf7\x0d\x01\x09\x0e")
_SUBJECT_ALT_NAME = const(b"\x06\x03U\x1d\x11")


def spki(point):
    """The SubjectPublicKeyInfo of a P-256 point (65 octets): 91 octets, KMIP's key format X.509."""
    if len(point) != 65 or point[0] != 4:
        raise ValueError("request: point")
    return _SPKI + point


def name(attributes):
    """A Name of (type, text) pairs, in this order; types CN, serialNumber, C, L, ST, O, OU.

    ValueError for other types, and for texts that X.520 does not allow: empty, too long, or in
    serialNumber and C other signs than letters, digits and a few others.
    """
    names = b""
    for kind, text in attributes:
        octets = text.encode()
        # id-at 2.5.4.x and the longest text
        number, most = {
            "CN": (3, 64),
            "serialNumber": (5, 64),
            "C": (6, 2),
            "L": (7, 128),
            "ST": (8, 128),
            "O": (10, 64),
            "OU": (11, 64),
        }.get(kind, (0, 0))
        if not 0 < len(text) <= most:
            raise ValueError("request: subject")
        tag = _UTF8_STRING
        if most < 3 or number == 5:
            tag = _PRINTABLE_STRING
            for c in octets:
                if not (39 <= c < 59 and c != 42 or 97 <= c | 32 < 123 or c in b" =?"):
                    raise ValueError("request: subject")
        names += item(
            _SET,
            item(_SEQUENCE, bytes((6, 3, 0x55, 4, number)), item(tag, octets)),
        )
    return item(_SEQUENCE, names)


def build(subject, point, sign, san=()):
    """A certification request as DER: signed(info, signature) of info(subject, point, san).

    sign takes a SHA-256 digest and returns the key's ECDSA signature as DER: p256.sign run to its end,
    or a secure element.
    """
    octets = info(subject, point, san)
    return signed(octets, sign(sha256(octets).digest()))


def info(subject, point, san=()):
    """What is signed of a request, some 150 octets and more.

    subject   a Name as DER octets (name(), or a certificate's subject)
    point     the public key, 65 octets
    san       subject alternative names, (kind, value) pairs: "DNS", "URI" and "email" with a text, "IP"
              with 4 or 16 octets, or the tag of a GeneralName (0xA0 for otherName) with its content
    """
    names = b""
    for kind, value in san:
        tag = {"email": 0x81, "DNS": 0x82, "URI": 0x86, "IP": 0x87}.get(kind, kind)
        names += item(tag, value.encode() if isinstance(value, str) else value)
    attributes = b""
    if names:
        extension = item(_SEQUENCE, _SUBJECT_ALT_NAME, item(_OCTET_STRING, item(_SEQUENCE, names)))
        request = item(_SET, item(_SEQUENCE, extension))
        attributes = item(_SEQUENCE, _EXTENSION_REQUEST, request)
    return item(_SEQUENCE, b"\x02\x01\x00", subject, spki(point), item(0xA0, attributes))


def signed(octets, signature):
    """The request of info() and the signature over it: DER, some 230 octets and more."""
    return item(_SEQUENCE, octets, _ECDSA_SHA256, item(_BIT_STRING, b"\0", signature))
