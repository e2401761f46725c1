"""Wrapping a key for Get (KMIP 1.x §2.1.6): AES key wrap (RFC 3394) and with padding (RFC 5649)."""

from cryptography.hazmat.primitives import keywrap

from . import keyblock, policy, state, ttlv, view
from .cryptoenums import BlockCipherMode, CryptographicAlgorithm, EncodingOption, WrappingMethod
from .cryptoenums import CryptographicUsageMask as Mask
from .enums import ANY, ObjectType, State
from .errors import KmipError, Reason, denied, illegal, invalid_message, not_found, unsupported
from .schema import parse
from .structures import CRYPTOGRAPHIC_PARAMETERS
from .tags import Tag as T

_MODES = {
    BlockCipherMode.NISTKEYWRAP: keywrap.aes_key_wrap,
    BlockCipherMode.AESKEYWRAPPADDING: keywrap.aes_key_wrap_with_padding,
}


def wrap(ctx, managed, block, spec):
    """The Key Block Item of a plain `block`, wrapped as a Key Wrapping Specification asks."""
    if block.wrapped is not None:
        raise illegal("the key is wrapped already")
    information = spec.encryption_key_information
    if spec.wrapping_method != WrappingMethod.ENCRYPT or spec.mac_signature_key_information:
        raise unsupported("only the Wrapping Method Encrypt is supported")
    if information is None:
        raise invalid_message("the Key Wrapping Specification lacks Encryption Key Information")
    key, parameters = _wrapping_key(ctx, information)
    function = _MODES.get(parse(parameters, CRYPTOGRAPHIC_PARAMETERS, ANY).block_cipher_mode)
    if function is None:
        raise unsupported("only NIST key wrap and AES key wrap with padding are supported")
    plain, encoding = _plain(ctx, managed, block, spec)
    if function is keywrap.aes_key_wrap and (len(plain) % 8 or len(plain) < 16):
        raise KmipError(Reason.CRYPTOGRAPHIC_FAILURE,
                        "NIST key wrap needs 16 bytes or more, a multiple of 8")
    return ttlv.structure(
        T.KEY_BLOCK,
        ttlv.enumeration(T.KEY_FORMAT_TYPE, block.format),
        ttlv.byte_string(T.KEY_VALUE, function(key, plain)),
        None if block.algorithm is None
        else ttlv.enumeration(T.CRYPTOGRAPHIC_ALGORITHM, block.algorithm),
        None if block.length is None else ttlv.integer(T.CRYPTOGRAPHIC_LENGTH, block.length),
        ttlv.structure(
            T.KEY_WRAPPING_DATA,
            ttlv.enumeration(T.WRAPPING_METHOD, WrappingMethod.ENCRYPT),
            ttlv.structure(
                T.ENCRYPTION_KEY_INFORMATION,
                ttlv.text(T.UNIQUE_IDENTIFIER, information.unique_identifier),
                parameters),
            ttlv.enumeration(T.ENCODING_OPTION, encoding) if ctx.version >= 11 else None))


def _wrapping_key(ctx, information):
    """(key bytes, Cryptographic Parameters Item) of the wrapping key; errors of §11.12."""
    wrapping = ctx.txn.load(information.unique_identifier)
    policy.check_object(ctx.identity, wrapping, ctx.operation,
                        not_found("there is no such wrapping key", Reason.WRAPPING_OBJECT_NOT_FOUND))
    if wrapping.get("Archive Date") is not None:
        raise KmipError(Reason.OBJECT_ARCHIVED, "the wrapping key is archived",
                        in_2=Reason.WRAPPING_OBJECT_ARCHIVED)
    if wrapping.material is None:
        raise illegal("the wrapping key is destroyed", Reason.WRAPPING_OBJECT_DESTROYED)
    if wrapping.object_type != ObjectType.SYMMETRIC_KEY:
        raise illegal("the wrapping key is no Symmetric Key")
    if not wrapping.get("Cryptographic Usage Mask", 0) & Mask.WRAP_KEY:
        raise denied("the wrapping key's usage mask lacks Wrap Key",
                     Reason.INCOMPATIBLE_CRYPTOGRAPHIC_USAGE_MASK)
    if state.current(wrapping, ctx.now) != State.ACTIVE:
        raise denied("the wrapping key is not Active")
    block = keyblock.read_object(wrapping.object_type, wrapping.material, ANY).key_block
    if wrapping.get("Cryptographic Algorithm") != CryptographicAlgorithm.AES or (
            block.symmetric_bytes() is None):
        raise denied("the wrapping key is no AES key in the clear")
    instances = wrapping.items("Cryptographic Parameters")
    wanted = information.cryptographic_parameters
    for instance in instances:
        if wanted is None or _agrees(instance, wanted):
            return block.symmetric_bytes(), instance
    raise not_found("the wrapping key has no such Cryptographic Parameters")


def _agrees(instance, wanted):
    have = parse(instance, CRYPTOGRAPHIC_PARAMETERS, ANY)
    return all(value is None or getattr(have, name) == value
               for name, value in vars(wanted).items())


def _plain(ctx, managed, block, spec):
    """(the bytes to wrap, Encoding Option)."""
    names = spec.attribute_name
    if spec.encoding_option == EncodingOption.NO_ENCODING:
        if names or not isinstance(block.material, bytes):
            raise KmipError(
                Reason.ENCODING_OPTION_ERROR,
                "No Encoding is for Key Material that is a Byte String, without attributes")
        return block.material, EncodingOption.NO_ENCODING
    inner = [triple for triple in view.all_attributes(ctx, managed) if triple[0] in names]
    inner = view.wire(ctx, inner) if inner else []
    value = block.material
    if isinstance(value, bytes):
        value = ttlv.byte_string(T.KEY_MATERIAL, value)
    return ttlv.encode(ttlv.structure(T.KEY_VALUE, value, *inner)), EncodingOption.TTLV_ENCODING
