"""Random certificates of every kind that `cryptography` can make."""

import datetime
import ipaddress
import random

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

_NAMES = [
    NameOID.COMMON_NAME,
    NameOID.ORGANIZATION_NAME,
    NameOID.ORGANIZATIONAL_UNIT_NAME,
    NameOID.SERIAL_NUMBER,
    NameOID.LOCALITY_NAME,
    NameOID.STATE_OR_PROVINCE_NAME,
    NameOID.DOMAIN_COMPONENT,
]
_STRING_TYPES = [_ASN1Type.UTF8String, _ASN1Type.PrintableString, _ASN1Type.IA5String]
_TEXTS = ["m", "meter-0042", "North Grid", "0123456789" * 6, "a b'()+,-./:=?"]
_PURPOSES = [
    ExtendedKeyUsageOID.SERVER_AUTH,
    ExtendedKeyUsageOID.CLIENT_AUTH,
    ExtendedKeyUsageOID.CODE_SIGNING,
    ExtendedKeyUsageOID.OCSP_SIGNING,
    ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
    ObjectIdentifier("1.3.6.1.4.1.311.20.2.2"),
    ObjectIdentifier("1.3.6.1.5.5.7.3.4000"),
]


class Maker:
    """Makes certificates from `random`, which tests may seed; the keys are made once."""

    def __init__(self):
        self.random = random.Random()
        self.rsa = {bits: rsa.generate_private_key(65537, bits) for bits in (2048, 3072, 4096)}
        self.odd_rsa = rsa.generate_private_key(3, 2048)
        self.ec = [ec.generate_private_key(ec.SECP256R1()) for _ in range(4)]
        self.others = [ec.generate_private_key(ec.SECP384R1()), ed25519.Ed25519PrivateKey.generate()]

    def name(self):
        r = self.random
        rdns = []
        for _ in range(r.randrange(1, 5)):
            oids = r.sample(_NAMES, r.choice((1, 1, 1, 2)))
            rdns.append(x509.RelativeDistinguishedName([self._attribute(oid) for oid in oids]))
        return x509.Name(rdns)

    def _attribute(self, oid):
        r = self.random
        kind = r.choice(_STRING_TYPES)
        text = r.choice(_TEXTS)
        if kind is _ASN1Type.UTF8String and r.random() < 0.3:
            text = "Zähler №%d" % r.randrange(99)
        return x509.NameAttribute(oid, text[:64], kind, _validate=False)

    def moment(self):
        r = self.random
        year = r.choice((1950, 1969, 1970, 1999, 2000, 2024, 2038, 2049, 2050, 2100, 9999))
        start = datetime.datetime(year, 1, 1)
        if r.random() < 0.1:
            return start
        return start + datetime.timedelta(seconds=r.randrange(365 * 86400))

    def key(self):
        r = self.random
        kind = r.random()
        if kind < 0.6:
            return r.choice(self.ec)
        if kind < 0.9:
            return self.rsa[r.choice((2048, 3072, 4096))]
        return r.choice([*self.others, self.odd_rsa])

    def extensions(self):
        r = self.random
        chosen = []
        if r.random() < 0.7:
            ca = r.random() < 0.5
            chosen.append(x509.BasicConstraints(ca, r.choice((None, 0, 1, 7)) if ca else None))
        if r.random() < 0.7:
            bits = [r.random() < 0.4 for _ in range(9)]
            bits[r.randrange(7)] = True
            bits[7] = bits[7] and bits[4]  # they mean something with keyAgreement only
            bits[8] = bits[8] and bits[4]
            chosen.append(x509.KeyUsage(*bits))
        if r.random() < 0.7:
            chosen.append(x509.ExtendedKeyUsage(r.sample(_PURPOSES, r.randrange(1, 5))))
        if r.random() < 0.6:
            chosen.append(x509.SubjectKeyIdentifier(r.randbytes(r.choice((1, 20, 32, 130)))))
        if r.random() < 0.6:
            number = r.choice((None, 5))
            names = [x509.DirectoryName(self.name())] if number else None
            identifier = r.choice((None, r.randbytes(20))) if number else r.randbytes(8)
            chosen.append(x509.AuthorityKeyIdentifier(identifier, names, number))
        if r.random() < 0.6:
            chosen.append(
                x509.SubjectAlternativeName(
                    [
                        x509.DNSName("meter-0042.example"),
                        x509.UniformResourceIdentifier("urn:meter:42"),
                        x509.IPAddress(ipaddress.ip_address("192.0.2.1")),
                        x509.OtherName(ObjectIdentifier("1.3.6.1.4.1.99.1"), b"\x04\x01x"),
                        x509.DirectoryName(self.name()),
                    ][: r.randrange(1, 6)]
                )
            )
        if r.random() < 0.3:
            oid = ObjectIdentifier("1.3.6.1.4.1.99999.%d" % r.randrange(3))
            chosen.append(x509.UnrecognizedExtension(oid, r.randbytes(r.randrange(300))))
        if r.random() < 0.2:
            chosen.append(x509.CertificatePolicies([x509.PolicyInformation(oid_any, None)]))
        r.shuffle(chosen)
        return [(extension, r.random() < 0.4) for extension in chosen]

    def certificate(self, issuer_key=None, issuer=None, extensions=None):
        """One certificate as a `cryptography` object."""
        r = self.random
        signer = issuer_key or self.key()
        builder = (
            x509.CertificateBuilder()
            .subject_name(self.name())
            .issuer_name(issuer or self.name())
            .public_key(self.key().public_key())
            .serial_number(r.getrandbits(r.choice((1, 7, 8, 64, 127, 128, 159))) or 1)
        )
        dates = sorted((self.moment(), self.moment()))
        builder = builder.not_valid_before(dates[0]).not_valid_after(dates[1])
        for extension, critical in self.extensions() if extensions is None else extensions:
            builder = builder.add_extension(extension, critical)
        if isinstance(signer, ed25519.Ed25519PrivateKey):
            return builder.sign(signer, None)
        if isinstance(signer, rsa.RSAPrivateKey) and r.random() < 0.1 and not issuer_key:
            return builder.sign(
                signer, hashes.SHA256(), rsa_padding=padding.PSS(padding.MGF1(hashes.SHA256()), 32)
            )
        digest = hashes.SHA256() if issuer_key or r.random() < 0.8 else hashes.SHA384()
        return builder.sign(signer, digest)


oid_any = ObjectIdentifier("2.5.29.32.0")


def der(certificate):
    return certificate.public_bytes(serialization.Encoding.DER)
