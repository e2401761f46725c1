"""Get (KMIP 1.x §4.11)."""

from .. import keyblock, keyformats, keywrap, state, ttlv
from ..cryptoenums import KeyCompressionType, KeyFormatType, KeyWrapType
from ..enums import ANY, ObjectType, Operation
from ..errors import KmipError, Reason, denied, illegal, unsupported
from ..schema import ENUMERATION, STRUCTURE, Field, parse
from ..structures import KEY_WRAPPING_SPECIFICATION, UNIQUE_IDENTIFIER
from ..tags import Tag as T

OPERATION = Operation.GET
WRITES = True  # Fresh becomes False
FIELDS = [
    UNIQUE_IDENTIFIER,
    Field(T.KEY_FORMAT_TYPE, ENUMERATION, enum=KeyFormatType),
    Field(T.KEY_WRAP_TYPE, ENUMERATION, since=14, enum=KeyWrapType),
    Field(T.KEY_COMPRESSION_TYPE, ENUMERATION, enum=KeyCompressionType),
    Field(T.KEY_WRAPPING_SPECIFICATION, STRUCTURE),
]


def run(ctx, request):
    managed = ctx.find(request.unique_identifier)
    if managed.material is None:
        if state.destroyed(managed):
            raise illegal("the object is destroyed; only its attributes are left",
                          Reason.KEY_VALUE_NOT_PRESENT)
        raise KmipError(Reason.KEY_VALUE_NOT_PRESENT, "the server does not hold the key's value")
    fields = keyblock.read_object(managed.object_type, managed.material, ANY)
    block = getattr(fields, "key_block", None)
    wrapped = request.key_wrapping_specification or (block is not None and block.wrapped)
    _check_leave(ctx, managed, wrapped)
    if block is None:
        _check_no_key(request)
        material = managed.material
    else:
        material = _as_wanted(ctx, managed, block, request)
    if managed.get("Fresh"):
        managed.set_value("Fresh", False)
        ctx.txn.save(managed)
    return [
        ttlv.enumeration(T.OBJECT_TYPE, managed.object_type),
        ttlv.text(T.UNIQUE_IDENTIFIER, managed.uid),
        material,
    ]


def _check_leave(ctx, managed, wrapped):
    """Sensitive objects leave only wrapped, not extractable ones never (1.4+)."""
    for name, forbidden, reason in (
            ("Extractable", False, Reason.NOT_EXTRACTABLE), ("Sensitive", True, Reason.SENSITIVE)):
        if managed.get(name) is forbidden and not (name == "Sensitive" and wrapped):
            text = "the object's %s attribute is %s" % (name, forbidden)
            raise KmipError(reason, text) if ctx.version >= 14 else denied(text)


def _check_no_key(request):
    if request.key_format_type is not None:
        raise KmipError(Reason.KEY_FORMAT_TYPE_NOT_SUPPORTED,
                        "an object without a Key Block has no Key Format Type")
    if request.key_compression_type is not None:
        raise KmipError(Reason.KEY_COMPRESSION_TYPE_NOT_SUPPORTED,
                        "an object without a Key Block has no Key Compression Type")
    if request.key_wrapping_specification is not None:
        raise illegal("an object without a Key Block cannot be wrapped")


def _as_wanted(ctx, managed, block, request):
    """The object in the Key Format Type asked for."""
    if block.wrapped is not None and request.key_wrap_type == KeyWrapType.NOT_WRAPPED:
        raise unsupported("this server cannot unwrap the key; it is given as registered")
    if block.wrapped is None and block.material is None:
        raise KmipError(Reason.KEY_VALUE_NOT_PRESENT, "the server does not hold the key's value")
    keyformats.check_compression(request.key_compression_type, block.compression)
    wanted = request.key_format_type
    item = managed.material.find(T.KEY_BLOCK)
    if wanted is not None and wanted != block.format:
        if block.wrapped is not None:
            raise KmipError(Reason.KEY_FORMAT_TYPE_NOT_SUPPORTED,
                            "a wrapped key is given as registered")
        item = keyblock.build(wanted, _convert(managed.object_type, block, wanted),
                              block.algorithm, block.length)
        block = keyblock.KeyBlock(item, managed.object_type, ANY)
    if request.key_wrapping_specification is not None:
        spec = parse(request.key_wrapping_specification, KEY_WRAPPING_SPECIFICATION,
                     ctx.version, ctx.lenient)
        item = keywrap.wrap(ctx, managed, block, spec)
    items = [item if old.tag == T.KEY_BLOCK else old for old in managed.material.value]
    return ttlv.structure(managed.material.tag, *items)


def _convert(object_type, block, wanted):
    if object_type == ObjectType.SYMMETRIC_KEY:
        key = block.symmetric_bytes()
        if wanted == KeyFormatType.RAW:
            return key
        if wanted == KeyFormatType.TRANSPARENT_SYMMETRIC_KEY:
            return ttlv.structure(T.KEY_MATERIAL, ttlv.byte_string(T.KEY, key))
    elif object_type == ObjectType.PUBLIC_KEY:
        key = keyformats.load_public(block)
        if key is not None:
            return keyformats.public_material(key, wanted)
    elif object_type == ObjectType.PRIVATE_KEY:
        key = keyformats.load_private(block)
        if key is not None:
            return keyformats.private_material(key, wanted)
    raise KmipError(Reason.KEY_FORMAT_TYPE_NOT_SUPPORTED,
                    "the object cannot be given as %s" % KeyFormatType(wanted).name)
