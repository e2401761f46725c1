"""Request and response messages (KMIP 1.x §7): headers and batch items, without payloads."""

from . import ttlv
from .enums import (
    ANY,
    AsynchronousIndicator,
    AttestationType,
    BatchErrorContinuationOption,
    CredentialType,
    Operation,
    ResultReason,
    ResultStatus,
)
from .errors import KmipError, invalid_message, reason_for, unsupported
from .options import VERSIONS
from .schema import (
    BOOLEAN,
    BYTE_STRING,
    DATE_TIME,
    ENUMERATION,
    INTEGER,
    STRUCTURE,
    TEXT_STRING,
    Field,
    parse,
)
from .tags import Tag as T

OLDEST = 10

_VERSION = [
    Field(T.PROTOCOL_VERSION_MAJOR, INTEGER, True),
    Field(T.PROTOCOL_VERSION_MINOR, INTEGER, True),
]
CREDENTIALS = {
    CredentialType.USERNAME_AND_PASSWORD: [
        Field(T.USERNAME, TEXT_STRING, True),
        Field(T.PASSWORD, TEXT_STRING),
    ],
    CredentialType.DEVICE: [Field(tag, TEXT_STRING) for tag in (
        T.DEVICE_SERIAL_NUMBER, T.PASSWORD, T.DEVICE_IDENTIFIER, T.NETWORK_IDENTIFIER,
        T.MACHINE_IDENTIFIER, T.MEDIA_IDENTIFIER)],
    CredentialType.ATTESTATION: [
        Field(T.NONCE, STRUCTURE, True, fields=[
            Field(T.NONCE_ID, BYTE_STRING, True), Field(T.NONCE_VALUE, BYTE_STRING, True)]),
        Field(T.ATTESTATION_TYPE, ENUMERATION, True, enum=AttestationType),
        Field(T.ATTESTATION_MEASUREMENT, BYTE_STRING),
        Field(T.ATTESTATION_ASSERTION, BYTE_STRING),
    ],
}
_CREDENTIAL = [
    Field(T.CREDENTIAL_TYPE, ENUMERATION, True, enum=CredentialType),
    Field(T.CREDENTIAL_VALUE, STRUCTURE, True),
]
_HEADER = [
    Field(T.PROTOCOL_VERSION, STRUCTURE, True, fields=_VERSION),
    Field(T.MAXIMUM_RESPONSE_SIZE, INTEGER),
    Field(T.CLIENT_CORRELATION_VALUE, TEXT_STRING, since=14),
    Field(T.SERVER_CORRELATION_VALUE, TEXT_STRING, since=14),
    Field(T.ASYNCHRONOUS_INDICATOR, BOOLEAN, until=14),
    Field(T.ASYNCHRONOUS_INDICATOR, ENUMERATION, since=20, enum=AsynchronousIndicator),
    Field(T.ATTESTATION_CAPABLE_INDICATOR, BOOLEAN, since=12),
    Field(T.ATTESTATION_TYPE, ENUMERATION, many=True, since=12, enum=AttestationType),
    Field(T.AUTHENTICATION, STRUCTURE, fields=[
        Field(T.CREDENTIAL, STRUCTURE, True, many=True, fields=_CREDENTIAL)]),
    Field(T.BATCH_ERROR_CONTINUATION_OPTION, ENUMERATION, enum=BatchErrorContinuationOption),
    Field(T.BATCH_ORDER_OPTION, BOOLEAN),
    Field(T.TIME_STAMP, DATE_TIME),
    Field(T.BATCH_COUNT, INTEGER, True),
]
_EXTENSION = [
    Field(T.VENDOR_IDENTIFICATION, TEXT_STRING, True),
    Field(T.CRITICALITY_INDICATOR, BOOLEAN, True),
    Field(T.VENDOR_EXTENSION, STRUCTURE, True),
]
_BATCH_ITEM = [
    Field(T.OPERATION, ENUMERATION, True),
    Field(T.EPHEMERAL, BOOLEAN, since=20),
    Field(T.UNIQUE_BATCH_ITEM_ID, BYTE_STRING),
    Field(T.REQUEST_PAYLOAD, STRUCTURE, True),
    Field(T.MESSAGE_EXTENSION, STRUCTURE, many=True, fields=_EXTENSION),
]
_REQUEST = [
    Field(T.REQUEST_HEADER, STRUCTURE, True),
    Field(T.BATCH_ITEM, STRUCTURE, True, many=True),
]

MAX_BATCH = 32
# Their effect is outside this server, or would be: a certificate is out, an allocation may be used.
NEVER_UNDONE = (
    Operation.CERTIFY, Operation.RE_CERTIFY, Operation.GET_USAGE_ALLOCATION, Operation.POLL)


class Request:
    """A parsed request: `header` and `items` as schema.parse gives them, `version` 10 to 21."""

    def __init__(self, version, lenient, header, items):
        self.version = version
        self.lenient = lenient
        self.header = header
        self.items = items
        self.ordered = header.batch_order_option
        if self.ordered is None:
            self.ordered = version >= 20  # the default changed with 2.0
        option = header.batch_error_continuation_option
        self.undoes = option == BatchErrorContinuationOption.UNDO and len(items) > 1
        self.continues = option == BatchErrorContinuationOption.CONTINUE
        wait = header.asynchronous_indicator
        if version >= 20:
            self.offers_asynchronous = wait in (
                AsynchronousIndicator.MANDATORY, AsynchronousIndicator.OPTIONAL)
            self.wants_asynchronous = wait == AsynchronousIndicator.MANDATORY
        else:
            self.offers_asynchronous = bool(wait)
            self.wants_asynchronous = False
        self.max_response = header.maximum_response_size


class Deferred:
    """What is left of the Request of an item that is done later: how its payload is to be read."""

    def __init__(self, version, lenient):
        self.version = version
        self.lenient = lenient


def salvage_version(tree):
    """The (major, minor) a message claims, or None: for the answer to one that is refused."""
    try:
        version = tree.value[0].find(T.PROTOCOL_VERSION)
        major, minor = [item.value for item in version.value]
        return int(major), int(minor)
    except (AttributeError, IndexError, TypeError, ValueError):
        return None


def understood(claimed, versions=VERSIONS):
    """The version (10 to 21) by which a message of version (major, minor) is read, or None.

    A minor version newer than the server's is read by the newest of that major version (§11.1).
    """
    major, minor = claimed
    mine = [each for each in versions if each // 10 == major and each % 10 <= minor]
    return max(mine) if mine and minor >= 0 else None


def parse_request(tree, versions=VERSIONS):
    """A Request out of a decoded message; KmipError for a message refused as a whole."""
    if tree.tag != T.REQUEST_MESSAGE or tree.type != ttlv.STRUCTURE:
        raise invalid_message("the message is no Request Message")
    claimed = salvage_version(tree)
    if claimed is None:
        raise invalid_message("the message has no readable Protocol Version")
    version = understood(claimed, versions)
    if version is None:
        raise invalid_message("protocol version %d.%d is not supported; this server speaks %s" % (
            *claimed, ", ".join("%d.%d" % divmod(each, 10) for each in versions)))
    lenient = claimed[0] * 10 + claimed[1] > version
    outer = parse(tree, _REQUEST, version, lenient)
    header = parse(outer.request_header, _HEADER, version, lenient)
    items = [parse(item, _BATCH_ITEM, version, lenient) for item in outer.batch_item]
    _check_header(header, items, version)
    return Request(version, lenient, header, items)


def _check_header(header, items, version):
    count = header.batch_count
    if count != len(items):
        raise invalid_message("Batch Count says %d, but there are %d Batch Items"
                              % (count, len(items)))
    if count > MAX_BATCH:
        raise unsupported("%d Batch Items; this server takes %d at most" % (count, MAX_BATCH))
    if header.maximum_response_size is not None and header.maximum_response_size < 0:
        raise invalid_message("Maximum Response Size is negative")
    for item in items:
        if item.ephemeral:
            raise unsupported("Ephemeral is not supported")
        if len(item.message_extension) > 1 and version < 20:
            raise invalid_message("a Batch Item holds Message Extension twice")
    if version < 12 and header.asynchronous_indicator is False:
        raise invalid_message("in KMIP 1.0 and 1.1 a present Asynchronous Indicator must be True")
    if header.batch_error_continuation_option == BatchErrorContinuationOption.UNDO and count > 1:
        for item in items:
            if item.operation in NEVER_UNDONE:
                raise unsupported("a batch with %s cannot be undone"
                                  % Operation(item.operation).name)
    if header.authentication is not None:
        for credential in header.authentication.credential:
            _check_credential(credential, version)
    ids = [item.unique_batch_item_id for item in items]
    if count > 1:
        if None in ids:
            raise invalid_message("a Batch Item lacks its Unique Batch Item ID")
        if len(set(ids)) != len(ids):
            raise invalid_message("a Unique Batch Item ID occurs twice")
    for item in items:
        for extension in item.message_extension:
            if extension.criticality_indicator:
                raise unsupported("the critical Message Extension of %r is not understood"
                                  % extension.vendor_identification[:64])


def _check_credential(credential, version):
    """Each credential has the fields of its type; 2.x's are not supported here."""
    kind = credential.credential_type
    if kind not in CREDENTIALS:
        raise unsupported("credentials of type %s are not supported" % CredentialType(kind).name)
    found = parse(credential.credential_value, CREDENTIALS[kind], version)
    if kind == CredentialType.DEVICE and not any(vars(found).values()):
        raise invalid_message("a Device credential holds nothing")


def passwords(header):
    """(Username, Password) of every such credential in a header."""
    if header.authentication is None:
        return []
    found = [parse(each.credential_value, CREDENTIALS[CredentialType.USERNAME_AND_PASSWORD], ANY)
             for each in header.authentication.credential
             if each.credential_type == CredentialType.USERNAME_AND_PASSWORD]
    return [(each.username, each.password) for each in found]


class Answer:
    """One Batch Item of a response."""

    def __init__(self, operation=None, batch_id=None, status=ResultStatus.SUCCESS, reason=None,
                 message=None, correlation=None, payload=None):
        self.operation = operation
        self.batch_id = batch_id
        self.status = status
        self.reason = reason
        self.message = message
        self.correlation = correlation
        self.payload = payload

    @classmethod
    def failed(cls, error, version, operation=None, batch_id=None):
        return cls(operation, batch_id, ResultStatus.OPERATION_FAILED,
                   reason_for(error, version, operation), error.message, payload=error.payload)

    def item(self):
        """As a TTLV Item, in the order of KMIP 1.x §7.3."""
        return ttlv.structure(
            T.BATCH_ITEM,
            None if self.operation is None else ttlv.enumeration(T.OPERATION, self.operation),
            None if self.batch_id is None
            else ttlv.byte_string(T.UNIQUE_BATCH_ITEM_ID, self.batch_id),
            ttlv.enumeration(T.RESULT_STATUS, self.status),
            None if self.reason is None else ttlv.enumeration(T.RESULT_REASON, self.reason),
            None if self.message is None else ttlv.text(T.RESULT_MESSAGE, self.message),
            None if self.correlation is None
            else ttlv.byte_string(T.ASYNCHRONOUS_CORRELATION_VALUE, self.correlation),
            None if self.payload is None
            else ttlv.structure(T.RESPONSE_PAYLOAD, *self.payload),
        )


def version_item(version, tag=T.PROTOCOL_VERSION):
    """Protocol Version {Major, Minor} of 10 to 21."""
    return ttlv.structure(
        tag,
        ttlv.integer(T.PROTOCOL_VERSION_MAJOR, version // 10),
        ttlv.integer(T.PROTOCOL_VERSION_MINOR, version % 10),
    )


def response(version, now, items, client_correlation=None, server_correlation=None):
    """The bytes of a Response Message; `items` are Batch Item Items."""
    header = ttlv.structure(
        T.RESPONSE_HEADER,
        version_item(version),
        ttlv.date_time(T.TIME_STAMP, now),
        None if client_correlation is None or version < 14
        else ttlv.text(T.CLIENT_CORRELATION_VALUE, client_correlation),
        None if server_correlation is None or version < 14
        else ttlv.text(T.SERVER_CORRELATION_VALUE, server_correlation),
        ttlv.integer(T.BATCH_COUNT, len(items)),
    )
    return ttlv.encode(ttlv.structure(T.RESPONSE_MESSAGE, header, *items))


def refusal(version, now, error):
    """The answer to a request refused as a whole: one item without Operation (§11.1)."""
    return response(version, now, [Answer.failed(error, version).item()])


def too_large(size, limit):
    """Response Too Large, worded as OASIS test case TC-121 words it."""
    return KmipError(
        ResultReason.RESPONSE_TOO_LARGE,
        "Response size: %d, Maximum Response Size indicated in request: %d" % (size, limit))
