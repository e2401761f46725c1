"""The two certification authorities of a state folder: one for servers, one for meters.

They are separate so that no meter's certificate can ever pass for a server's, nor the reverse.
Both are EC P-256 and self-signed; neither has intermediates. A CA may be rolled over (rollover.py): STEM.crt
then holds its present certificate and, behind it, the earlier ones, which stay valid for what they issued.
"""

import datetime
import ipaddress
import os
import secrets
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from .vault import load as load_vault
from .vault import write_private

SERVER_CA = "server-ca"
METER_CA = "meter-ca"
CA_YEARS = 15


def new_serial():
    """A random serial number of 64 to 159 bits (RFC 5280 allows 20 bytes, sign included)."""
    return secrets.randbits(159) | 1 << 64


def _when(seconds):
    return datetime.datetime.fromtimestamp(int(seconds), datetime.UTC)


def _key_usage(**wanted):
    names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
             "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
    return x509.KeyUsage(**{name: wanted.get(name, False) for name in names})


def _authority_builder(subject, issuer, public_key, now, end):
    """Of a CA's certificate. A path length of 1 lets a CA sign its successor."""
    return (
        x509.CertificateBuilder()
        .subject_name(subject).issuer_name(issuer).public_key(public_key)
        .serial_number(new_serial())
        .not_valid_before(_when(now - 3600)).not_valid_after(_when(end))
        .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
        .add_extension(_key_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


class Authority:
    """A CA: its certificate and key, and what it signs."""

    def __init__(self, certificate, key):
        self.certificate = certificate
        self._key = key

    @classmethod
    def new(cls, common_name, now):
        """A new CA with a new key, self-signed."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        builder = _authority_builder(name, name, key.public_key(), now, now + CA_YEARS * 365 * 86400)
        return cls(builder.sign(key, hashes.SHA256()), key)

    @classmethod
    def create(cls, folder, stem, common_name, now, vault):
        """Make a new CA and write STEM.crt (PEM) and STEM.key (PEM, encrypted, 0600) into the folder."""
        made = cls.new(common_name, now)
        made.save(folder, stem, vault)
        return made

    @classmethod
    def load(cls, folder, stem, vault=None):
        """The present CA of a folder: the first certificate of STEM.crt. vault: the folder's."""
        folder = Path(folder)
        certificates = x509.load_pem_x509_certificates((folder / (stem + ".crt")).read_bytes())
        key = (vault or load_vault(folder)).load_pem(folder / (stem + ".key"))
        if key.public_key() != certificates[0].public_key():
            raise ValueError("%s: %s.crt and %s.key do not belong together" % (folder, stem, stem))
        return cls(certificates[0], key)

    def save(self, folder, stem, vault, earlier=()):
        """Write STEM.key and STEM.crt; `earlier`: certificates that stay valid beside the present one."""
        self.save_key(Path(folder) / (stem + ".key"), vault)
        chain = b"".join(each.public_bytes(ser.Encoding.PEM) for each in (self.certificate, *earlier))
        part = Path(folder) / (stem + ".crt.part")
        part.write_bytes(chain)
        os.replace(part, Path(folder) / (stem + ".crt"))

    def save_key(self, path, vault):
        """Write the private key (PEM, encrypted, 0600)."""
        write_private(path, vault.private_pem(self._key))

    def cross_sign(self, other, now):
        """A certificate of another CA's key and name, signed by this one."""
        builder = _authority_builder(
            other.certificate.subject, self.certificate.subject, other.certificate.public_key(), now,
            min(self.expires, other.expires)).add_extension(self._key_identifier(), critical=False)
        return builder.sign(self._key, hashes.SHA256())

    def _key_identifier(self):
        own = self.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own.value)

    @property
    def der(self):
        return self.certificate.public_bytes(ser.Encoding.DER)

    @property
    def expires(self):
        """The end of the CA's own life, in seconds."""
        return int(self.certificate.not_valid_after_utc.timestamp())

    def _builder(self, subject, public_key, start, life):
        end = _when(min(start + life, self.expires))
        return (
            x509.CertificateBuilder()
            .subject_name(subject).issuer_name(self.certificate.subject).public_key(public_key)
            .serial_number(new_serial())
            .not_valid_before(_when(start)).not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(digital_signature=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(self._key_identifier(), critical=False)
        )

    def issue_client(self, subject, public_key, start, life, alternative_names=None, listens=False):
        """A client certificate: digitalSignature, clientAuth, no CA; serverAuth for a device that listens.
        start and life in seconds."""
        builder = self._builder(subject, public_key, start, life).add_extension(
            _usages(ExtendedKeyUsageOID.CLIENT_AUTH, listens and ExtendedKeyUsageOID.SERVER_AUTH),
            critical=False)
        if alternative_names:
            builder = builder.add_extension(
                x509.SubjectAlternativeName(alternative_names), critical=False)
        return builder.sign(self._key, hashes.SHA256())

    def issue_server(self, names, public_key, start, life, speaks=False):
        """A server certificate for these DNS names and addresses; the first is its CN. clientAuth for one
        that speaks to devices by itself."""
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        alternatives = x509.SubjectAlternativeName([_general_name(name) for name in names])
        return (
            self._builder(subject, public_key, start, life)
            .add_extension(
                _usages(ExtendedKeyUsageOID.SERVER_AUTH, speaks and ExtendedKeyUsageOID.CLIENT_AUTH),
                critical=False)
            .add_extension(alternatives, critical=False)
            .sign(self._key, hashes.SHA256())
        )


def _usages(*usages):
    return x509.ExtendedKeyUsage([usage for usage in usages if usage])


def _general_name(name):
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def new_key():
    """A new EC P-256 private key."""
    return ec.generate_private_key(ec.SECP256R1())


def private_pem(key):
    return key.private_bytes(
        ser.Encoding.PEM, ser.PrivateFormat.TraditionalOpenSSL, ser.NoEncryption())


def subject_for(template, device):
    """The distinguished name of a device: an RFC 4514 template with {device} in its CN."""
    return x509.Name.from_rfc4514_string(template.replace("{device}", device))
