"""Certificate requests: reading PKCS#10, its own signature, and whether it asks for its due."""

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from .certificates import UNREADABLE, common_names
from .enums import CertificateRequestType
from .errors import Reason, denied, invalid_field
from .keyformats import describe

_STRONG = ("sha256", "sha384", "sha512")


def _bad(text):
    return invalid_field(text, Reason.INVALID_CSR)


def load(kind, data, allow_sha1=False):
    """The certificate request, its self-signature verified; Invalid Field otherwise (§11.8)."""
    try:
        if kind == CertificateRequestType.PKCS10:
            request = x509.load_der_x509_csr(data)
        elif kind == CertificateRequestType.PEM:
            request = x509.load_pem_x509_csr(data)
        else:
            raise _bad("certificate requests of type %s are not supported; use PKCS#10"
                       % CertificateRequestType(kind).name)
        _verify(request, allow_sha1)
        describe(request.public_key())
        request.subject  # noqa: B018 - the library reads it when it is asked for
    except UNREADABLE:
        raise _bad("the Certificate Request is no PKCS#10 request")
    except InvalidSignature:
        raise _bad("the Certificate Request's signature is not by its own key")
    return request


def _verify(request, allow_sha1):
    algorithm = request.signature_hash_algorithm
    weak = isinstance(algorithm, hashes.SHA1)
    if algorithm is None or not (algorithm.name in _STRONG or (weak and allow_sha1)):
        raise _bad("the Certificate Request is signed with %s; SHA-256 is the least"
                   % (algorithm.name if algorithm else "an unknown hash"))
    key, signed = request.public_key(), request.tbs_certrequest_bytes
    if isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(request.signature, signed, ec.ECDSA(algorithm))
    elif isinstance(key, rsa.RSAPublicKey):
        if key.key_size < 2048:
            raise _bad("an RSA key of %d bits is too short" % key.key_size)
        scheme = request.signature_algorithm_parameters
        key.verify(request.signature, signed,
                   scheme if isinstance(scheme, padding.PSS) else padding.PKCS1v15(), algorithm)
    else:
        raise _bad("the Certificate Request's key is neither EC nor RSA")


def check_identity(request, device, subject):
    """Permission Denied unless subject and SAN are this device's and no other's.

    The subject must be the very name the CA would give; each SAN must be the device id itself as
    a DNS name or URI. Returns the SANs to issue. Any other requested extension is ignored.
    """
    names = common_names(request.subject)
    if names != [device]:
        raise denied("the Certificate Request's subject must have the one CN %r" % device)
    if request.subject != subject:
        raise denied("the Certificate Request's subject must be %s" % subject.rfc4514_string())
    try:
        extension = request.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    except UNREADABLE:
        raise _bad("the Certificate Request's extensions cannot be read")
    wanted = list(extension.value)
    for name in wanted:
        mine = isinstance(name, (x509.DNSName, x509.UniformResourceIdentifier))
        if not mine or name.value != device:
            raise denied("the Certificate Request's alternative name is not %r" % device)
    return wanted
