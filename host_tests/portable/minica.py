"""A small certification authority for tests, on every runtime: certificates good and bad in every way.

Keys are fixed and signatures deterministic, so that equal requests give equal octets; what was signed or
verified once is remembered.
"""

import os
from hashlib import sha256

from identity import csr, p256, steps, x509
from identity.der import Reader, integer, item

_ECDSA_SHA256 = b"\x30\x0a\x06\x08*\x86H\xce=\x04\x03\x02"
_CLIENT_AUTH = b"\x06\x08+\x06\x01\x05\x05\x07\x03\x02"
_SERVER_AUTH = b"\x06\x08+\x06\x01\x05\x05\x07\x03\x01"

# What issue() can get wrong. Each is to be rejected by the agent's own look at the certificate.
BAD = (
    "wrong key",
    "foreign subject",
    "wrong issuer",
    "forged issuer",
    "broken signature",
    "an authority",
    "no clientAuth",
    "no extended usage",
    "no digitalSignature",
    "no key usage",
    "expired",
    "ends early",
    "unknown critical",
    "garbage",
    "truncated",
    "empty",
    "trailing",
)
# Those that only a server's clock can tell from a good one.
UNUSABLE = ("not yet valid",)

_secrets = {}


def key(label):
    """(secret, point) that belong to this label for ever."""
    if label not in _secrets:
        secret = sha256(b"minica " + label.encode()).digest()
        _secrets[label] = secret, steps.run(p256.public(secret, os.urandom))
    return _secrets[label]


_signatures = {}
_verdicts = {}


def sign(secret, octets):
    digest = sha256(octets).digest()
    if (secret, digest) not in _signatures:
        if len(_signatures) > 300:
            _signatures.clear()
        _signatures[secret, digest] = steps.run(p256.sign(secret, digest, os.urandom))
    return _signatures[secret, digest]


def verified(point, digest, signature):
    """p256.verify() to its end, remembered."""
    question = bytes(point), bytes(digest), bytes(signature)
    if question not in _verdicts:
        if len(_verdicts) > 300:
            _verdicts.clear()
        _verdicts[question] = steps.run(p256.verify(point, digest, signature))
    return _verdicts[question]


def date(moment):
    """A Time of a certificate for seconds since 1970."""
    days, rest = divmod(moment, 86400)
    # From the days of the Gregorian calendar, counted from a first of March
    z = days + 719468
    era = z // 146097
    doe = z - era * 146097
    yoe = (doe - doe // 1460 + doe // 36524 - doe // 146096) // 365
    doy = doe - (365 * yoe + yoe // 4 - yoe // 100)
    mp = (5 * doy + 2) // 153
    day = doy - (153 * mp + 2) // 5 + 1
    month = mp + 3 if mp < 10 else mp - 9
    year = yoe + era * 400 + (1 if month < 3 else 0)
    text = "%04d%02d%02d%02d%02d%02dZ" % (
        year,
        month,
        day,
        rest // 3600,
        rest // 60 % 60,
        rest % 60,
    )
    if year < 2050:
        return item(0x17, text[2:].encode())
    return item(0x18, text.encode())


def extension(number, value, critical=False):
    return item(
        0x30,
        bytes((6, 3, 0x55, 0x1D, number)),
        b"\x01\x01\xff" if critical else b"",
        item(4, value),
    )


def authority_extensions():
    return extension(19, item(0x30, b"\x01\x01\xff"), True) + extension(15, b"\x03\x02\x01\x06", True)


def client_extensions(kind=""):
    made = extension(35, item(0x30, item(0x80, b"\x11" * 20)))
    if kind == "an authority":
        return made + authority_extensions()
    if kind == "no digitalSignature":
        made += extension(15, b"\x03\x02\x03\x08", True)  # keyAgreement
    elif kind != "no key usage":
        made += extension(15, b"\x03\x02\x07\x80", True)
    if kind == "no clientAuth":
        made += extension(37, item(0x30, _SERVER_AUTH))
    elif kind != "no extended usage":
        made += extension(37, item(0x30, _CLIENT_AUTH))
    if kind == "unknown critical":
        made += extension(99, b"\x05\x00", True)
    return made


def certificate(issuer, secret, serial, subject, point, begin, end, extensions):
    """A certificate: the issuer's Name and secret, the subject's Name and point, seconds since 1970."""
    info = item(
        0x30,
        b"\xa0\x03\x02\x01\x02",
        integer(serial.to_bytes(4, "big")),
        _ECDSA_SHA256,
        issuer,
        item(0x30, date(begin), date(end)),
        subject,
        csr.spki(point),
        item(0xA3, item(0x30, extensions)),
    )
    return csr.signed(info, sign(secret, info))


class CA:
    """`anchor`: its certificate. Issues for whoever asks: who may ask is the server's business."""

    def __init__(self, label="Meter CA", life=4000000000):
        self.name = csr.name((("O", "North Grid"), ("CN", label)))
        self.secret, self.point = key(label)
        self.anchor = certificate(
            self.name,
            self.secret,
            1,
            self.name,
            self.point,
            1577836800,
            1577836800 + life,
            authority_extensions(),
        )
        self.serial = 1

    def cross(self, other):
        """The other authority's certificate signed by this one, for a roll-over."""
        self.serial += 1
        return certificate(
            self.name,
            self.secret,
            self.serial,
            other.name,
            other.point,
            1577836800,
            4102444800,
            authority_extensions(),
        )

    def issue(self, subject, point, begin, end, kind="", old_end=0):
        """A certificate; `kind`: one of BAD or UNUSABLE; `old_end`: of the one that this replaces."""
        self.serial += 1
        name, secret = self.name, self.secret
        if kind == "wrong key":
            point = key("somebody else")[1]
        elif kind == "foreign subject":
            subject = csr.name((("CN", "meter-6666"),))
        elif kind == "wrong issuer":
            name, secret = csr.name((("CN", "Other CA"),)), key("Other CA")[0]
        elif kind == "forged issuer":
            secret = key("Other CA")[0]
        elif kind == "expired":
            begin, end = 1577836800, 1577836801
        elif kind == "ends early":
            end = old_end or 1577836801
        elif kind == "not yet valid":
            begin, end = end + 86400, end + 100 * 86400
        elif kind == "garbage":
            return bytes([(i * 89 + self.serial) & 255 for i in range(400)])
        elif kind == "empty":
            return b""
        made = certificate(
            name, secret, self.serial, subject, point, begin, end, client_extensions(kind)
        )
        if kind == "broken signature":
            made = made[:-1] + bytes((made[-1] ^ 1,))
        elif kind == "truncated":
            made = made[: len(made) // 2]
        elif kind == "trailing":
            made += b"\0"
        return made


def read_request(der):
    """(subject, point) of a PKCS#10 request whose own signature is right; ValueError otherwise."""
    r = Reader(der)
    outer = r.enter()
    start = r.pos
    info = r.enter()
    if r.small():
        raise ValueError("request: version")
    at = r.pos
    r.next(0x30)
    subject = bytes(r.data[at : r.pos])
    at = r.pos
    r.next(0x30)
    spki = bytes(r.data[at : r.pos])
    point = spki[-65:]
    if csr.spki(point) != spki:
        raise ValueError("request: key")
    r.next(0xA0)
    r.leave(info)
    signed = bytes(r.data[start : r.pos])
    if not r.literal(_ECDSA_SHA256) or r.bits():
        raise ValueError("request: signature")
    signature = bytes(r.view())
    r.leave(outer)
    r.finish()
    if not verified(point, sha256(signed).digest(), signature):
        raise ValueError("request: signature")
    return subject, point


def good(certificate_der, anchors):
    """Whether a client certificate is one of these authorities' at all; its dates apart."""
    try:
        c = x509.Certificate(certificate_der)
    except ValueError:
        return None
    for anchor in anchors:
        a = x509.Certificate(anchor)
        if bytes(c.issuer) == bytes(a.subject) and verified(
            a.key, sha256(c.tbs).digest(), c.signature
        ):
            return c
    return None


def common_name(name):
    """The first common name in a Name as str; None if there is none."""
    reader = Reader(name)
    for oid in x509._attributes(reader):
        if oid == b"U\x04\x03":
            reader.next()
            return str(reader.view(), "utf-8")
    return None
