"""Calls on an Engine without TLS, as the identity of a device: for provisioning and tests."""

from . import ttlv
from .cryptoenums import KeyFormatType
from .enums import AsynchronousIndicator, NameType, Operation, ResultStatus
from .errors import KmipError, Reason
from .keyblock import build
from .message import version_item
from .tags import Tag as T


def name_item(value, tag=T.NAME):
    """Name {Name Value, Uninterpreted Text String}."""
    return ttlv.structure(
        tag, ttlv.text(T.NAME_VALUE, value),
        ttlv.enumeration(T.NAME_TYPE, NameType.UNINTERPRETED_TEXT_STRING))


def attribute(name, value):
    """Attribute {Name, Value}; value is an Item of any tag."""
    return ttlv.structure(
        T.ATTRIBUTE, ttlv.text(T.ATTRIBUTE_NAME, name), value.retag(T.ATTRIBUTE_VALUE))


def template(*attributes):
    return ttlv.structure(T.TEMPLATE_ATTRIBUTE, *attributes)


def attributes_2x(*items, tag=T.ATTRIBUTES):
    """Attributes of 2.x: each Item under its own tag."""
    return ttlv.structure(tag, *items)


def request(version, *items, **header):
    """The bytes of a Request Message.

    items   (operation, [payload items]) each, with a Unique Batch Item ID where there are several
    header  maximum_response_size, asynchronous, ordered, option
    """
    size, option = header.get("maximum_response_size"), header.get("option")
    wait, ordered = header.get("asynchronous"), header.get("ordered")
    head = ttlv.structure(
        T.REQUEST_HEADER,
        version_item(version),
        None if size is None else ttlv.integer(T.MAXIMUM_RESPONSE_SIZE, size),
        None if wait is None else _indicator(version, wait),
        None if option is None
        else ttlv.enumeration(T.BATCH_ERROR_CONTINUATION_OPTION, option),
        None if ordered is None or (version < 20 and not ordered)
        else ttlv.boolean(T.BATCH_ORDER_OPTION, ordered),
        ttlv.integer(T.BATCH_COUNT, len(items)))
    batch = [
        ttlv.structure(
            T.BATCH_ITEM,
            ttlv.enumeration(T.OPERATION, operation),
            ttlv.byte_string(T.UNIQUE_BATCH_ITEM_ID, bytes((number + 1,)))
            if len(items) > 1 else None,
            ttlv.structure(T.REQUEST_PAYLOAD, *payload))
        for number, (operation, payload) in enumerate(items)
    ]
    return ttlv.encode(ttlv.structure(T.REQUEST_MESSAGE, head, *batch))


def _indicator(version, wait):
    """Asynchronous Indicator: True or False, in 2.x also an AsynchronousIndicator."""
    if version < 20:
        return ttlv.boolean(T.ASYNCHRONOUS_INDICATOR, wait)
    if isinstance(wait, bool):
        wait = AsynchronousIndicator.OPTIONAL if wait else AsynchronousIndicator.PROHIBITED
    return ttlv.enumeration(T.ASYNCHRONOUS_INDICATOR, wait)


class Direct:
    """Calls as one identity; every answer's payload Item, or KmipError."""

    def __init__(self, engine, identity, version=14):
        self.engine = engine
        self.identity = identity
        self.version = version

    def send(self, *items, **header):
        """The decoded response to (operation, payload) items."""
        return ttlv.decode(self.engine.handle(
            request(self.version, *items, **header), self.identity))

    def call(self, operation, *payload):
        """One operation; its Response Payload."""
        item = self.send((operation, payload)).find(T.BATCH_ITEM)
        return payload_of(item)

    def offer(self, operation, *payload):
        """One operation that may be answered Pending; the Batch Item."""
        return self.send((operation, payload), asynchronous=True).find(T.BATCH_ITEM)

    def poll(self, correlation):
        """Poll; the Batch Item."""
        return self.send((Operation.POLL, [ttlv.byte_string(
            T.ASYNCHRONOUS_CORRELATION_VALUE, correlation)])).find(T.BATCH_ITEM)

    def cancel(self, correlation):
        """Cancel; the Cancellation Result."""
        return self.call(Operation.CANCEL, ttlv.byte_string(
            T.ASYNCHRONOUS_CORRELATION_VALUE, correlation)).find(T.CANCELLATION_RESULT).value

    def register(self, object_type, material, *attributes):
        """Register an object; its UID."""
        payload = self.call(
            Operation.REGISTER, ttlv.enumeration(T.OBJECT_TYPE, object_type),
            template(*attributes), material)
        return payload.find(T.UNIQUE_IDENTIFIER).value


def payload_of(item):
    """The Response Payload of a Batch Item; KmipError for a failure."""
    if item.find(T.RESULT_STATUS).value != ResultStatus.SUCCESS:
        text = item.find(T.RESULT_MESSAGE)
        raise KmipError(Reason(item.find(T.RESULT_REASON).value), text.value if text else "")
    return item.find(T.RESPONSE_PAYLOAD)


def key_object(tag, format_, material, algorithm=None, length=None):
    """A Symmetric Key, Public Key or Private Key Item."""
    return ttlv.structure(tag, build(KeyFormatType(format_), material, algorithm, length))
