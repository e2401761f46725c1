"""The derivation methods of Derive Key (KMIP 1.x §4.6; 2.x §6.1.14 for HKDF).

Each takes the secret of the base object (bytes, or None), the data, the parameters and the length wanted, in
bytes, and gives that many bytes. Where a method has more to give, the leftmost bytes are taken, as in OASIS
TC-DERIVEKEY-1.
"""

import hmac

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

from .cryptoenums import BlockCipherMode, CryptographicAlgorithm, DerivationMethod, HashingAlgorithm
from .cryptoenums import PaddingMethod as Padding
from .errors import KmipError, Reason, invalid_field, invalid_message
from .schema import BYTE_STRING, INTEGER, STRUCTURE, Field
from .structures import CRYPTOGRAPHIC_PARAMETERS
from .tags import Tag as T

PARAMETERS = [
    Field(T.CRYPTOGRAPHIC_PARAMETERS, STRUCTURE, fields=CRYPTOGRAPHIC_PARAMETERS),
    Field(T.INITIALIZATION_VECTOR, BYTE_STRING),
    Field(T.DERIVATION_DATA, BYTE_STRING, many=True),
    Field(T.SALT, BYTE_STRING),
    Field(T.ITERATION_COUNT, INTEGER),
]

MOST_ITERATIONS = 1_000_000
_HASHES = {
    HashingAlgorithm.MD5: hashes.MD5, HashingAlgorithm.SHA_1: hashes.SHA1,
    HashingAlgorithm.SHA_224: hashes.SHA224, HashingAlgorithm.SHA_256: hashes.SHA256,
    HashingAlgorithm.SHA_384: hashes.SHA384, HashingAlgorithm.SHA_512: hashes.SHA512,
    HashingAlgorithm.SHA_512_224: hashes.SHA512_224, HashingAlgorithm.SHA_512_256: hashes.SHA512_256,
}
_OF_HMAC = {
    CryptographicAlgorithm.HMAC_MD5: HashingAlgorithm.MD5,
    CryptographicAlgorithm.HMAC_SHA1: HashingAlgorithm.SHA_1,
    CryptographicAlgorithm.HMAC_SHA224: HashingAlgorithm.SHA_224,
    CryptographicAlgorithm.HMAC_SHA256: HashingAlgorithm.SHA_256,
    CryptographicAlgorithm.HMAC_SHA384: HashingAlgorithm.SHA_384,
    CryptographicAlgorithm.HMAC_SHA512: HashingAlgorithm.SHA_512,
}


def _algorithm(number, default=None):
    if number is None:
        number = default
    if number not in _HASHES:
        raise invalid_field("the hashing algorithm is missing or not supported")
    return _HASHES[number]()


def _stated_hash(given):
    parameters = given.cryptographic_parameters
    return None if parameters is None else parameters.hashing_algorithm


def _only(secret, data):
    if (secret is None) == (data is None):
        raise invalid_field("this method takes either a key or derivation data")
    return data if secret is None else secret


def _need(value, what):
    if value is None:
        raise invalid_message("%s is missing" % what)
    return value


def _hash(secret, data, given, length, algorithm):
    digest = hashes.Hash(_algorithm(_stated_hash(given)))
    digest.update(_only(secret, data))
    return _cut(digest.finalize(), length)


def _hmac(secret, data, given, length, algorithm):
    """The base key's own attributes name the function; Cryptographic Parameters are ignored."""
    function = _algorithm(_OF_HMAC.get(algorithm))
    output = hmac.digest(_need(secret, "a key"), _need(data, "Derivation Data"), function.name)
    return _cut(output, length)


def _encrypt(secret, data, given, length, algorithm):
    secret, data = _need(secret, "a key"), _need(data, "Derivation Data")
    parameters = _need(given.cryptographic_parameters, "Cryptographic Parameters")
    if algorithm != CryptographicAlgorithm.AES:
        raise invalid_field("only AES is supported for derivation by encryption")
    iv = given.initialization_vector or b""
    mode = {BlockCipherMode.ECB: lambda: modes.ECB(), BlockCipherMode.CBC: lambda: modes.CBC(iv),
            BlockCipherMode.CTR: lambda: modes.CTR(iv)}.get(parameters.block_cipher_mode)
    if mode is None:
        raise invalid_field("the Block Cipher Mode is missing or not supported")
    if parameters.padding_method == Padding.PKCS5:
        count = 16 - len(data) % 16
        data += bytes((count,)) * count
    elif parameters.padding_method not in (None, Padding.NONE):
        raise invalid_field("the Padding Method is not supported")
    try:
        encryptor = Cipher(algorithms.AES(secret), mode()).encryptor()
        return _cut(encryptor.update(data) + encryptor.finalize(), length)
    except ValueError:
        raise KmipError(Reason.CRYPTOGRAPHIC_FAILURE, "the IV or the data have the wrong length")


def _pbkdf2(secret, data, given, length, algorithm):
    count = _need(given.iteration_count, "Iteration Count")
    if not 1 <= count <= MOST_ITERATIONS:
        raise invalid_field("Iteration Count is not from 1 to %d" % MOST_ITERATIONS)
    function = _algorithm(_stated_hash(given), HashingAlgorithm.SHA_1)  # PKCS#5's default
    return PBKDF2HMAC(function, length, _need(given.salt, "Salt"), count).derive(_only(secret, data))


def _counter_mode(secret, data, given, length, algorithm):
    """NIST SP 800-108, counter mode: a 32-bit counter, then the data as they are given."""
    function = _algorithm(_stated_hash(given), _OF_HMAC.get(algorithm, HashingAlgorithm.SHA_256))
    secret, data = _need(secret, "a key"), _need(data, "Derivation Data")
    output = b""
    counter = 0
    while len(output) < length:
        counter += 1
        output += hmac.digest(secret, counter.to_bytes(4, "big") + data, function.name)
    return output[:length]


def _hkdf(secret, data, given, length, algorithm):
    function = _algorithm(_stated_hash(given), HashingAlgorithm.SHA_256)
    if length > 255 * function.digest_size:
        raise _too_long()
    return HKDF(function, length, given.salt, data).derive(_need(secret, "a key"))


def _cut(output, length):
    if len(output) < length:
        raise _too_long()
    return output[:length]


def _too_long():
    return KmipError(Reason.CRYPTOGRAPHIC_FAILURE, "the method does not give that many bits")


METHODS = {
    DerivationMethod.HASH: _hash,
    DerivationMethod.HMAC: _hmac,
    DerivationMethod.ENCRYPT: _encrypt,
    DerivationMethod.PBKDF2: _pbkdf2,
    DerivationMethod.NIST800_108_C: _counter_mode,
    DerivationMethod.HKDF: _hkdf,
}

