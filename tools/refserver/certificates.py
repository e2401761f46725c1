"""What a certificate's attributes say (KMIP 1.x §3.8 to §3.16), read out of the certificate."""

import hashlib

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from cryptography.x509.oid import SignatureAlgorithmOID as Sig

from . import ttlv
from .cryptoenums import DigitalSignatureAlgorithm as D
from .enums import CertificateType
from .errors import invalid_field
from .keyformats import describe
from .tags import Tag as T

_SIGNATURES = {
    Sig.RSA_WITH_SHA1: D.SHA_1_WITH_RSA_ENCRYPTION_PKCS1_V1_5,
    Sig.RSA_WITH_SHA224: D.SHA_224_WITH_RSA_ENCRYPTION_PKCS1_V1_5,
    Sig.RSA_WITH_SHA256: D.SHA_256_WITH_RSA_ENCRYPTION_PKCS1_V1_5,
    Sig.RSA_WITH_SHA384: D.SHA_384_WITH_RSA_ENCRYPTION_PKCS1_V1_5,
    Sig.RSA_WITH_SHA512: D.SHA_512_WITH_RSA_ENCRYPTION_PKCS1_V1_5,
    Sig.RSASSA_PSS: D.RSASSA_PSS_PKCS1_V2_1,
    Sig.ECDSA_WITH_SHA1: D.ECDSA_WITH_SHA_1,
    Sig.ECDSA_WITH_SHA224: D.ECDSA_WITH_SHA224,
    Sig.ECDSA_WITH_SHA256: D.ECDSA_WITH_SHA256,
    Sig.ECDSA_WITH_SHA384: D.ECDSA_WITH_SHA384,
    Sig.ECDSA_WITH_SHA512: D.ECDSA_WITH_SHA512,
}


# What the library raises, early or late, for certificates and requests that it cannot read.
UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension,
              x509.UnsupportedGeneralNameType)
_PARTS = ("version", "issuer", "subject", "serial_number", "not_valid_before_utc", "not_valid_after_utc",
          "signature_algorithm_oid", "extensions")


def load(der):
    """The X.509 certificate in these bytes, every part of it readable."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        for part in _PARTS:  # the library reads them when they are asked for
            getattr(certificate, part)
        certificate.public_key()
        return certificate
    except UNREADABLE:
        raise invalid_field("the Certificate Value is no X.509 certificate in DER")


def fingerprint(der):
    """SHA-256 over the DER certificate."""
    return hashlib.sha256(der).digest()


def common_names(name):
    """Every CN of a distinguished name."""
    return [attribute.value for attribute in name.get_attributes_for_oid(NameOID.COMMON_NAME)]


def certificate_object(der):
    """Certificate {Certificate Type, Certificate Value}."""
    return ttlv.structure(
        T.CERTIFICATE,
        ttlv.enumeration(T.CERTIFICATE_TYPE, CertificateType.X509),
        ttlv.byte_string(T.CERTIFICATE_VALUE, der))


def _serial_der(number):
    """The serial number as a DER INTEGER, tag and length included."""
    raw = number.to_bytes(number.bit_length() // 8 + 1, "big")
    return b"\x02" + bytes((len(raw),)) + raw


def _alternative_names(certificate, kind):
    try:
        return [certificate.extensions.get_extension_for_class(kind).value.public_bytes()]
    except (x509.ExtensionNotFound, ValueError):
        return []


def describe_certificate(managed, der):
    """Give a Certificate object the attributes that follow from its value."""
    certificate = load(der)
    issuer, subject = certificate.issuer, certificate.subject
    managed.set_value("Certificate Type", CertificateType.X509)
    managed.set_value("Certificate Length", len(der))
    algorithm, bits = describe(certificate.public_key())
    managed.set_value("Cryptographic Algorithm", algorithm)
    managed.set_value("Cryptographic Length", bits)
    signature = _SIGNATURES.get(certificate.signature_algorithm_oid)
    if signature is not None:
        managed.set_value("Digital Signature Algorithm", signature)
    managed.set("X.509 Certificate Identifier", ttlv.structure(
        T.X509_CERTIFICATE_IDENTIFIER,
        ttlv.byte_string(T.ISSUER_DISTINGUISHED_NAME, issuer.public_bytes()),
        ttlv.byte_string(T.CERTIFICATE_SERIAL_NUMBER, _serial_der(certificate.serial_number))))
    managed.set("X.509 Certificate Subject", ttlv.structure(
        T.X509_CERTIFICATE_SUBJECT,
        ttlv.byte_string(T.SUBJECT_DISTINGUISHED_NAME, subject.public_bytes()),
        *[ttlv.byte_string(T.SUBJECT_ALTERNATIVE_NAME, name)
          for name in _alternative_names(certificate, x509.SubjectAlternativeName)]))
    managed.set("X.509 Certificate Issuer", ttlv.structure(
        T.X509_CERTIFICATE_ISSUER,
        ttlv.byte_string(T.ISSUER_DISTINGUISHED_NAME, issuer.public_bytes()),
        *[ttlv.byte_string(T.ISSUER_ALTERNATIVE_NAME, name)
          for name in _alternative_names(certificate, x509.IssuerAlternativeName)]))
    # The text form of 1.0's names is laid down nowhere; RFC 4514 is what the OASIS cases show.
    managed.set("Certificate Identifier", ttlv.structure(
        T.CERTIFICATE_IDENTIFIER,
        ttlv.text(T.ISSUER, issuer.rfc4514_string()),
        ttlv.text(T.SERIAL_NUMBER, "%X" % certificate.serial_number)))
    managed.set("Certificate Subject", ttlv.structure(
        T.CERTIFICATE_SUBJECT,
        ttlv.text(T.CERTIFICATE_SUBJECT_DISTINGUISHED_NAME, subject.rfc4514_string())))
    managed.set("Certificate Issuer", ttlv.structure(
        T.CERTIFICATE_ISSUER,
        ttlv.text(T.CERTIFICATE_ISSUER_DISTINGUISHED_NAME, issuer.rfc4514_string())))
    return certificate


def der(certificate):
    return certificate.public_bytes(Encoding.DER)
