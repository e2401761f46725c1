"""X.509 certificates (RFC 5280), read in place.

Certificate(der) checks the whole structure once, strictly, and keeps views of its parts; nothing is copied.
Malformed or hostile octets raise ValueError and nothing else, in time linear in their number. The extensions
known here are basicConstraints, keyUsage, extendedKeyUsage, subjectAltName and the two key identifiers;
`unknown_critical` names another that is marked critical.

A moment is a tuple (days since 1970-01-01, seconds of the day): it compares by < and >, fits small
integers on any board and does not care about the board's epoch.
"""

from hashlib import sha256

from micropython import const

from identity.der import Reader

_OCTET_STRING = const(0x04)
_SEQUENCE = const(0x30)
_SET = const(0x31)
_UTC_TIME = const(0x17)
_GENERALIZED_TIME = const(0x18)

_MAX_EXTENSIONS = const(32)

# Last octets of the extensions' identifiers, 2.5.29.x
_SUBJECT_KEY_ID = const(14)
_KEY_USAGE = const(15)
_BASIC_CONSTRAINTS = const(19)
_AUTHORITY_KEY_ID = const(35)
_EXTENDED_KEY_USAGE = const(37)
_SEQUENCES = const(b"\x11\x13\x23\x25")  # those of them whose value is a SEQUENCE

_KEY_CERT_SIGN = const(1 << 5)

# AlgorithmIdentifiers, whole
_ECDSA_SHA256 = const(b"\x30\x0a\x06\x08*\x86H\xce=\x04\x03\x02")
_RSA_SHA256 = const(b"\x30\x0d\x06\x09*\x86H\x86\xf7\x0d\x01\x01\x0b\x05\x00")
_P256 = const(b"\x30\x13\x06\x07*\x86H\xce=\x02\x01\x06\x08*\x86H\xce=\x03\x01\x07")
_RSA = const(b"\x30\x0d\x06\x09*\x86H\x86\xf7\x0d\x01\x01\x01\x05\x00")
_KEY_PURPOSE = const(b"+\x06\x01\x05\x05\x07\x03")
_ANY_PURPOSE = const(b"U\x1d\x25\x00")
_STRINGS = const(b"\x0c\x13\x16")  # UTF8String, PrintableString, IA5String


def days(year, month, day):
    """Days since 1970-01-01 in the Gregorian calendar; month 13 is next January."""
    if month < 3:
        year -= 1
        month += 12
    return 365 * year + year // 4 - year // 100 + year // 400 + (153 * month - 457) // 5 + day - 719469


def moment(t):
    """The moment of a time.gmtime() tuple."""
    return days(t[0], t[1], t[2]), t[3] * 3600 + t[4] * 60 + t[5]


def _time(reader):
    """Read a UTCTime or GeneralizedTime in the one form that DER and RFC 5280 (4.1.2.5) allow."""
    tag = reader.next()
    text = bytes(reader.view())
    if tag == _UTC_TIME and len(text) == 13:
        text = (b"19" if text[0] > 52 else b"20") + text  # from "50" on
    elif tag != _GENERALIZED_TIME:
        text = b""
    if len(text) == 15 and text[14] == 90 and text[:14].isdigit():  # Z
        year = int(text[:4])
        month = int(text[4:6])
        day = int(text[6:8])
        hour = int(text[8:10])
        minute = int(text[10:12])
        second = int(text[12:14])
        if (
            year
            and 0 < month < 13
            and 0 < day <= days(year, month + 1, 1) - days(year, month, 1)
            and hour < 24
            and minute < 60
            and second < 60
        ):
            return days(year, month, day), hour * 3600 + minute * 60 + second
    raise ValueError("certificate: time")


def _attributes(reader):
    """Go through a Name: yields each attribute's type, with the reader before the value."""
    outer = reader.enter()
    while reader.peek():
        names = reader.enter(_SET)
        while True:
            pair = reader.enter()
            oid = reader.oid()
            at = reader.pos
            yield oid
            reader.pos = at
            reader.next()
            reader.leave(pair)
            if not reader.peek():
                break
        reader.leave(names)
    reader.leave(outer)


def same_name(a, b):
    """Whether two Names (whole items, as views) say the same: the same attributes in the same order.

    Values are compared octet by octet; UTF8String, PrintableString and IA5String count as one type,
    because an authority may turn the one into the other.
    """
    if len(a) != len(b):
        return False
    reader = Reader(a)
    at = 0
    for _ in _attributes(reader):
        pos = reader.pos
        if reader.peek() in _STRINGS and b[pos] in _STRINGS:
            if a[at:pos] != b[at:pos]:
                return False
            at = pos + 1
    return a[at:] == b[at:]


def _name(reader):
    start = reader.pos
    for _ in _attributes(reader):
        pass
    return reader.data[start : reader.pos]


def _kind(reader, p256, rsa):
    """Step over an AlgorithmIdentifier."""
    if reader.literal(p256):
        return "P-256"
    if reader.literal(rsa):
        return "RSA"
    reader.next(_SEQUENCE)
    return ""


class Certificate:
    """A certificate over the caller's bytes, bytearray or memoryview, which must not change.

    tbs             what is signed
    issuer, subject, serial     Names as whole items; the octets of the INTEGER
    not_before, not_after       moments
    kind, key       of the public key: "P-256" with its point (65 octets), "RSA" with its RSAPublicKey
                    (see rsa.py), "" for others
    algorithm, signature        "P-256" for ECDSA with SHA-256, "RSA" for PKCS#1 v1.5 with SHA-256, or ""
    is_ca, path_length          of basicConstraints; -1 where there is no limit
    key_usage       bits as X.509 numbers them: 1 << 0 digitalSignature, 1 << 5 keyCertSign
    extended_usage  1 << n for id-kp n (1 serverAuth, 2 clientAuth), 1 << 0 for any; both -1 if absent
    subject_key_id, authority_key_id        None if absent
    unknown_critical            type (OID content) of the first unknown critical extension, or None

    Octets are memoryviews of 16 bytes each; with them a certificate takes about 350 bytes on a 32-bit board.
    """

    def __init__(self, der):
        r = Reader(der)
        outer = r.enter()
        start = r.pos
        tbs = r.enter()
        version = 0
        if r.peek() == 0xA0:
            tagged = r.enter(0xA0)
            version = r.small()
            r.leave(tagged)
            if not 0 < version < 3:
                raise ValueError("certificate: version")
        if r.integer() > 20:
            raise ValueError("certificate: serial")
        self.serial = r.view()
        at = r.pos
        self.algorithm = _kind(r, _ECDSA_SHA256, _RSA_SHA256)
        algorithm = r.data[at : r.pos]
        self.issuer = _name(r)
        validity = r.enter()
        self.not_before = _time(r)
        self.not_after = _time(r)
        r.leave(validity)
        self.subject = _name(r)
        key = r.enter()
        self.kind = _kind(r, _P256, _RSA)
        if r.bits() and self.kind:
            raise ValueError("certificate: public key")
        self.key = r.view()
        r.leave(key)
        if self.kind == "P-256" and (len(self.key) != 65 or self.key[0] != 4):
            self.kind = ""
        self.is_ca = False
        self.path_length = self.key_usage = self.extended_usage = -1
        self.subject_key_id = self.authority_key_id = self.unknown_critical = None
        for tag in (0x81, 0x82):  # unique identifiers, of no use
            if version and r.peek() == tag:
                r.next()
        if version == 2 and r.peek():
            tagged = r.enter(0xA3)
            self._extensions(r)
            r.leave(tagged)
        r.leave(tbs)
        self.tbs = r.data[start : r.pos]
        if not r.literal(algorithm) or r.bits():
            raise ValueError("certificate: signature")
        self.signature = r.view()
        r.leave(outer)
        r.finish()

    def _extensions(self, r):
        outer = r.enter()
        seen = []
        while True:
            extension = r.enter()
            oid = r.oid()
            if oid in seen or len(seen) == _MAX_EXTENSIONS:
                raise ValueError("certificate: extensions")
            seen.append(oid)
            critical = r.flag()
            value = r.enter(_OCTET_STRING)
            which = oid[2] if len(oid) == 3 and oid[0] == 0x55 and oid[1] == 0x1D else 0
            if which == _SUBJECT_KEY_ID:
                r.next(_OCTET_STRING)
                self.subject_key_id = r.view()
            elif which == _KEY_USAGE:
                unused = r.bits()
                bits = r.view()
                # A list of named bits ends with a bit that is set (X.690, 11.2.2)
                if not 0 < len(bits) < 3 or not bits[-1] >> unused & 1:
                    raise ValueError("certificate: key usage")
                self.key_usage = 0
                for bit in range(8 * len(bits)):
                    self.key_usage |= (bits[bit >> 3] << (bit & 7) & 128) >> 7 << bit
            elif which in _SEQUENCES:
                inner = r.enter()
                self._sequence(r, which)
                r.leave(inner)
            else:
                r.pos = r.end
                if critical and not self.unknown_critical:
                    self.unknown_critical = oid
            r.leave(value)
            r.leave(extension)
            if not r.peek():
                break
        r.leave(outer)

    def _sequence(self, r, which):
        """Read an extension that is a SEQUENCE."""
        if which == _BASIC_CONSTRAINTS:
            self.is_ca = r.flag()
            if self.is_ca and r.peek():
                self.path_length = r.small()
        elif which == _AUTHORITY_KEY_ID:
            if r.peek() == 0x80:
                r.next()
                self.authority_key_id = r.view()
            for tag in (0xA1, 0x82):  # issuer and serial number, of no use
                if r.peek() == tag:
                    r.next()
        elif which == _EXTENDED_KEY_USAGE:
            self.extended_usage = 0
            while True:
                oid = r.oid()
                if oid == _ANY_PURPOSE:
                    self.extended_usage |= 1
                elif len(oid) == 8 and oid[7] < 30 and oid[:7] == _KEY_PURPOSE:
                    self.extended_usage |= 1 << oid[7]
                if not r.peek():
                    break
        else:
            while True:
                if not 0x80 <= r.next() <= 0xA8:
                    raise ValueError("certificate: alternative name")
                if not r.peek():
                    break

    def signed_by(self, issuer):
        """Steps (see steps.run) to True if the other certificate's owner has signed this one.

        That is: the other is an authority's, of this issuer's name, may sign certificates, and its
        key verifies the signature. Neither its own signature nor any date is looked at.
        """
        kind = self.algorithm
        if (
            kind
            and kind == issuer.kind
            and issuer.is_ca
            and issuer.key_usage & _KEY_CERT_SIGN
            and same_name(self.issuer, issuer.subject)
        ):
            # Imported here: a board whose authority uses the one never loads the other
            if kind == "RSA":
                from identity.rsa import verify
            else:
                from identity.p256 import verify
            digest = sha256(self.tbs).digest()
            return (yield from verify(issuer.key, digest, self.signature))
        return False
