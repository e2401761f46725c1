"""Asymmetric keys between KMIP's Key Format Types and `cryptography`'s key objects."""

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from . import ttlv
from .cryptoenums import CryptographicAlgorithm, KeyCompressionType, KeyFormatType, RecommendedCurve
from .errors import KmipError, Reason, invalid_field
from .tags import Tag as T

F = KeyFormatType
_CURVES = {
    RecommendedCurve.P_192: ec.SECP192R1,
    RecommendedCurve.P_224: ec.SECP224R1,
    RecommendedCurve.P_256: ec.SECP256R1,
    RecommendedCurve.P_384: ec.SECP384R1,
    RecommendedCurve.P_521: ec.SECP521R1,
    RecommendedCurve.SECP256K1: ec.SECP256K1,
    RecommendedCurve.BRAINPOOLP256R1: ec.BrainpoolP256R1,
    RecommendedCurve.BRAINPOOLP384R1: ec.BrainpoolP384R1,
    RecommendedCurve.BRAINPOOLP512R1: ec.BrainpoolP512R1,
}
EC_ALGORITHMS = (CryptographicAlgorithm.ECDSA, CryptographicAlgorithm.ECDH,
                 CryptographicAlgorithm.ECMQV, CryptographicAlgorithm.EC)
_EC_PUBLIC = (F.TRANSPARENT_ECDSA_PUBLIC_KEY, F.TRANSPARENT_ECDH_PUBLIC_KEY,
              F.TRANSPARENT_ECMQV_PUBLIC_KEY, F.TRANSPARENT_EC_PUBLIC_KEY)
_EC_PRIVATE = (F.TRANSPARENT_ECDSA_PRIVATE_KEY, F.TRANSPARENT_ECDH_PRIVATE_KEY,
               F.TRANSPARENT_ECMQV_PRIVATE_KEY, F.TRANSPARENT_EC_PRIVATE_KEY)


def curve(number):
    """The curve of a Recommended Curve value."""
    if number not in _CURVES:
        raise invalid_field("Recommended Curve %X is not supported" % number)
    return _CURVES[number]()


def curve_number(key):
    for number, kind in _CURVES.items():
        if isinstance(key.curve, kind):
            return number
    raise invalid_field("the key's curve %s is not supported" % key.curve.name)


def curve_for_length(bits):
    """The NIST prime curve of this Cryptographic Length."""
    by_length = {192: ec.SECP192R1, 224: ec.SECP224R1, 256: ec.SECP256R1, 384: ec.SECP384R1,
                 521: ec.SECP521R1}
    if bits not in by_length:
        raise invalid_field("no curve is known for Cryptographic Length %d" % bits)
    return by_length[bits]()


def load_public(block):
    """The public key in a KeyBlock; None where the format tells nothing (Raw, Opaque)."""
    try:
        if block.format == F.PKCS1 or block.format == F.X509:
            key = ser.load_der_public_key(block.material)
            _expect(block.format == F.X509 or _spells_pkcs1(key, block.material),
                    "the Key Material is no PKCS#1 RSAPublicKey")
            _expect(block.format == F.PKCS1 or _spells_x509(key, block.material),
                    "the Key Material is no X.509 SubjectPublicKeyInfo")
            return key
        if block.format == F.TRANSPARENT_RSA_PUBLIC_KEY:
            numbers = block.numbers()
            return rsa.RSAPublicNumbers(numbers.public_exponent, numbers.modulus).public_key()
        if block.format in _EC_PUBLIC:
            numbers = block.numbers()
            return ec.EllipticCurvePublicKey.from_encoded_point(
                curve(numbers.recommended_curve), numbers.q_string)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise invalid_field("the Key Material is no valid public key: %s" % error)
    return None


def load_private(block):
    """The private key in a KeyBlock; None where the format tells nothing.

    The error never quotes the library's text: it may describe the key.
    """
    try:
        if block.format in (F.PKCS1, F.PKCS8, F.ECPRIVATEKEY):
            key = ser.load_der_private_key(block.material, None)
            _expect(block.format != F.PKCS1 or isinstance(key, rsa.RSAPrivateKey),
                    "the Key Material is no PKCS#1 RSAPrivateKey")
            _expect(block.format != F.ECPRIVATEKEY or isinstance(key, ec.EllipticCurvePrivateKey),
                    "the Key Material is no ECPrivateKey")
            return key
        if block.format == F.TRANSPARENT_RSA_PRIVATE_KEY:
            return _rsa_private(block.numbers())
        if block.format in _EC_PRIVATE:
            numbers = block.numbers()
            return ec.derive_private_key(numbers.d, curve(numbers.recommended_curve))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise invalid_field("the Key Material is no valid private key of its format")
    return None


def _expect(condition, text):
    if not condition:
        raise invalid_field(text)


def _spells_pkcs1(key, der):
    return isinstance(key, rsa.RSAPublicKey) and der == key.public_bytes(
        ser.Encoding.DER, ser.PublicFormat.PKCS1)


def _spells_x509(key, der):
    # Re-encoding may spell parameters differently; a PKCS#1 key is what must not pass.
    return not _spells_pkcs1(key, der)


def _rsa_private(numbers):
    n, e = numbers.modulus, numbers.public_exponent
    p, q, d = numbers.p, numbers.q, numbers.private_exponent
    if e is None:
        raise invalid_field("a Transparent RSA Private Key needs its Public Exponent here")
    if p is None or q is None:
        if d is None:
            raise invalid_field("this form of Transparent RSA Private Key is not supported")
        p, q = rsa.rsa_recover_prime_factors(n, e, d)
    if d is None:
        d = pow(e, -1, (p - 1) * (q - 1))
    return rsa.RSAPrivateNumbers(
        p, q, d, rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q),
        rsa.RSAPublicNumbers(e, n)).private_key()


def describe(key):
    """(Cryptographic Algorithm, Cryptographic Length) of a key; ECDSA for every EC key."""
    if isinstance(key, (rsa.RSAPublicKey, rsa.RSAPrivateKey)):
        return CryptographicAlgorithm.RSA, key.key_size
    if isinstance(key, (ec.EllipticCurvePublicKey, ec.EllipticCurvePrivateKey)):
        return CryptographicAlgorithm.ECDSA, key.curve.key_size
    raise invalid_field("keys of the kind %s are not supported" % type(key).__name__)


def spki(key):
    """The DER SubjectPublicKeyInfo, the form in which public keys are compared."""
    return key.public_bytes(ser.Encoding.DER, ser.PublicFormat.SubjectPublicKeyInfo)


def same_algorithm(claimed, actual):
    """EC keys may be called EC, ECDSA, ECDH or ECMQV."""
    if claimed in EC_ALGORITHMS:
        return actual in EC_ALGORITHMS
    return claimed == actual


def _not_supported(format_):
    raise KmipError(Reason.KEY_FORMAT_TYPE_NOT_SUPPORTED,
                    "the object cannot be given as %s" % KeyFormatType(format_).name)


def public_material(key, format_):
    """Key Material of a public key in a format: bytes or a structure Item."""
    if format_ == F.X509:
        return spki(key)
    if isinstance(key, rsa.RSAPublicKey):
        if format_ == F.PKCS1:
            return key.public_bytes(ser.Encoding.DER, ser.PublicFormat.PKCS1)
        if format_ == F.TRANSPARENT_RSA_PUBLIC_KEY:
            numbers = key.public_numbers()
            return ttlv.structure(
                T.KEY_MATERIAL,
                ttlv.big_integer(T.MODULUS, numbers.n),
                ttlv.big_integer(T.PUBLIC_EXPONENT, numbers.e))
    elif format_ in _EC_PUBLIC:
        return ttlv.structure(
            T.KEY_MATERIAL,
            ttlv.enumeration(T.RECOMMENDED_CURVE, curve_number(key)),
            ttlv.byte_string(T.Q_STRING, key.public_bytes(
                ser.Encoding.X962, ser.PublicFormat.UncompressedPoint)))
    return _not_supported(format_)


def private_material(key, format_):
    """Key Material of a private key in a format: bytes or a structure Item."""
    plain = ser.NoEncryption()
    if format_ == F.PKCS8:
        return key.private_bytes(ser.Encoding.DER, ser.PrivateFormat.PKCS8, plain)
    if isinstance(key, rsa.RSAPrivateKey):
        if format_ == F.PKCS1:
            return key.private_bytes(ser.Encoding.DER, ser.PrivateFormat.TraditionalOpenSSL, plain)
        if format_ == F.TRANSPARENT_RSA_PRIVATE_KEY:
            numbers = key.private_numbers()
            values = (
                (T.MODULUS, numbers.public_numbers.n), (T.PRIVATE_EXPONENT, numbers.d),
                (T.PUBLIC_EXPONENT, numbers.public_numbers.e), (T.P, numbers.p),
                (T.Q, numbers.q), (T.PRIME_EXPONENT_P, numbers.dmp1),
                (T.PRIME_EXPONENT_Q, numbers.dmq1), (T.CRT_COEFFICIENT, numbers.iqmp))
            return ttlv.structure(
                T.KEY_MATERIAL, *[ttlv.big_integer(tag, value) for tag, value in values])
    elif format_ == F.ECPRIVATEKEY:
        return key.private_bytes(ser.Encoding.DER, ser.PrivateFormat.TraditionalOpenSSL, plain)
    elif format_ in _EC_PRIVATE:
        return ttlv.structure(
            T.KEY_MATERIAL,
            ttlv.enumeration(T.RECOMMENDED_CURVE, curve_number(key)),
            ttlv.big_integer(T.D, key.private_numbers().private_value))
    return _not_supported(format_)


def check_compression(wanted, block_compression):
    """Only uncompressed EC points are served; anything else as registered or not at all."""
    if wanted is None or wanted == block_compression:
        return
    if wanted == KeyCompressionType.EC_PUBLIC_KEY_TYPE_UNCOMPRESSED and block_compression is None:
        return
    raise KmipError(Reason.KEY_COMPRESSION_TYPE_NOT_SUPPORTED,
                    "the object cannot be given with this Key Compression Type")
