"""Writes host_tests/portable/certificates.txt: certificates whose facts the portable tests know by heart.

    build/venv/bin/python host_tests/identity/portable_certificates.py

One certificate a line, name and hexadecimal DER. The keys are new at every run and are thrown away.
"""

import datetime
import ipaddress
import pathlib

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

OUTPUT = pathlib.Path(__file__).parent.parent / "portable" / "certificates.txt"


def name(common):
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "North Grid"),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def usage(*set_):
    kinds = "digital_signature content_commitment key_encipherment data_encipherment key_agreement"
    kinds += " key_cert_sign crl_sign encipher_only decipher_only"
    return x509.KeyUsage(**{kind: kind in set_ for kind in kinds.split()})


def builder(subject, key, issuer, serial, start, end):
    return (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(start)
        .not_valid_after(end)
    )


def authority(common, key, ca=True):
    start, end = datetime.datetime(2024, 1, 1), datetime.datetime(2044, 1, 1)
    return (
        builder(common, key, common, 1, start, end)
        .add_extension(x509.BasicConstraints(ca, 0 if ca else None), True)
        .add_extension(usage("key_cert_sign", "crl_sign"), True)
        .add_extension(x509.SubjectKeyIdentifier(b"\x11" * 20), False)
        .sign(key, hashes.SHA256())
    )


def leaf(issuer, issuer_key, key):
    start = datetime.datetime(2025, 2, 28, 23, 59, 59)
    end = datetime.datetime(9999, 12, 31, 23, 59, 59)
    return (
        builder("meter-0042", key, issuer, 0xC0FFEE << 120, start, end)
        .add_extension(x509.BasicConstraints(False, None), True)
        .add_extension(usage("digital_signature"), True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False)
        .add_extension(x509.SubjectKeyIdentifier(b"\x22" * 20), False)
        .add_extension(x509.AuthorityKeyIdentifier(b"\x11" * 20, None, None), False)
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.DNSName("meter-0042.example"), x509.IPAddress(ipaddress.ip_address("192.0.2.1"))]
            ),
            False,
        )
        .sign(issuer_key, hashes.SHA256())
    )


def odd(key):
    """Dates before 1970, all usages, an unknown critical extension, algorithms that are not known here."""
    every = "digital_signature content_commitment key_encipherment data_encipherment key_agreement"
    every += " key_cert_sign crl_sign decipher_only"
    start, end = datetime.datetime(1950, 1, 1), datetime.datetime(1969, 12, 31, 23, 59, 59)
    purposes = [
        ExtendedKeyUsageOID.SERVER_AUTH,
        ExtendedKeyUsageOID.OCSP_SIGNING,
        ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
        ObjectIdentifier("1.3.6.1.4.1.311.20.2.2"),
    ]
    unknown = x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")
    return (
        builder("odd", key, "odd", 127, start, end)
        .add_extension(usage(*every.split()), False)
        .add_extension(x509.ExtendedKeyUsage(purposes), True)
        .add_extension(unknown, True)
        .sign(key, hashes.SHA384())
    )


def main():
    ecs = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    rsas = {bits: rsa.generate_private_key(65537, bits) for bits in (2048, 4096)}
    certificates = {
        "ec_ca": authority("EC CA", ecs[0]),
        "ec_no_ca": authority("EC CA", ecs[0], ca=False),
        "ec_leaf": leaf("EC CA", ecs[0], ecs[1]),
        "odd": odd(ec.generate_private_key(ec.SECP384R1())),
    }
    for bits, key in rsas.items():
        certificates["rsa%d_ca" % bits] = authority("RSA CA", key)
        certificates["rsa%d_leaf" % bits] = leaf("RSA CA", key, ecs[1])
    with OUTPUT.open("w") as file:
        for label, certificate in certificates.items():
            octets = certificate.public_bytes(serialization.Encoding.DER)
            print(label, octets.hex(), file=file)


if __name__ == "__main__":
    main()
