"""The five messages by PyKMIP 0.11.0, as its own client and server build and read them.

PyKMIP has no payload for Certify and Re-certify, and does not wire the one that it has for Get Usage
Allocation. The missing ones are here, in the manner of its own payloads and of its own primitives: all
encoding and decoding is its code. They are wired within this process; the package stays as it is.
"""

from kmip.core import enums, objects, primitives, utils
from kmip.core.factories.attributes import AttributeFactory
from kmip.core.factories.payloads.response import ResponsePayloadFactory
from kmip.core.messages import contents, messages, payloads
from kmip.core.messages.payloads import base, get_usage_allocation

CERTIFY, RECERTIFY, GET = enums.Operation.CERTIFY, enums.Operation.RECERTIFY, enums.Operation.GET
USAGE = enums.Operation.GET_USAGE_ALLOCATION
_VERSION = enums.KMIPVersion.KMIP_1_2
_FACTORY = AttributeFactory()


class CertifyRequestPayload(base.RequestPayload):
    """Of Certify, and with an offset of Re-certify."""

    def __init__(self, unique_identifier, certificate_request, template_attribute=None, offset=None):
        super().__init__()
        self._unique_identifier = primitives.TextString(
            value=unique_identifier, tag=enums.Tags.UNIQUE_IDENTIFIER)
        self._certificate_request_type = primitives.Enumeration(
            enums.CertificateRequestType, value=enums.CertificateRequestType.PKCS10,
            tag=enums.Tags.CERTIFICATE_REQUEST_TYPE)
        self._certificate_request = primitives.ByteString(
            value=certificate_request, tag=enums.Tags.CERTIFICATE_REQUEST)
        self._offset = None
        if offset is not None:
            self._offset = primitives.Interval(value=offset, tag=enums.Tags.OFFSET)
        self._template_attribute = template_attribute

    def write(self, output_stream, kmip_version=enums.KMIPVersion.KMIP_1_0):
        local_stream = utils.BytearrayStream()
        self._unique_identifier.write(local_stream, kmip_version=kmip_version)
        self._certificate_request_type.write(local_stream, kmip_version=kmip_version)
        self._certificate_request.write(local_stream, kmip_version=kmip_version)
        if self._offset is not None:
            self._offset.write(local_stream, kmip_version=kmip_version)
        if self._template_attribute is not None:
            self._template_attribute.write(local_stream, kmip_version=kmip_version)
        self.length = local_stream.length()
        super().write(output_stream, kmip_version=kmip_version)
        output_stream.write(local_stream.buffer)


class UidResponsePayload(get_usage_allocation.GetUsageAllocationResponsePayload):
    """Of Certify and Re-certify: a Unique Identifier, as in the answer to Get Usage Allocation."""


class _Wired(ResponsePayloadFactory):
    def _create_certify_payload(self):
        return UidResponsePayload()

    _create_recertify_payload = _create_certify_payload

    def _create_get_usage_allocation_payload(self):
        return get_usage_allocation.GetUsageAllocationResponsePayload()


messages.ResponsePayloadFactory = _Wired  # in this process only


def request(operation, payload, limit):
    """A RequestMessage, built as PyKMIP's client builds it."""
    header = messages.RequestHeader(
        protocol_version=contents.ProtocolVersion(1, 2),
        maximum_response_size=contents.MaximumResponseSize(limit),
        batch_count=contents.BatchCount(1))
    item = messages.RequestBatchItem(operation=contents.Operation(operation), request_payload=payload)
    return messages.RequestMessage(request_header=header, batch_items=[item])


def write(message):
    """Its bytes."""
    stream = utils.BytearrayStream()
    message.write(stream, _VERSION)
    return stream.buffer


def read(data):
    """The ResponseMessage of these bytes."""
    message = messages.ResponseMessage()
    message.read(utils.BytearrayStream(data), _VERSION)
    return message


def payload(message):
    """The payload of a message with one item, which has succeeded."""
    item = message.batch_items[0]
    if item.result_status.value is not enums.ResultStatus.SUCCESS:
        raise ValueError(item.result_status)
    return item.response_payload


def _activation(seconds):
    attribute = _FACTORY.create_attribute(enums.AttributeType.ACTIVATION_DATE, seconds)
    return objects.TemplateAttribute(attributes=[attribute])


def builders(cases):
    """Functions that make the five requests, from the same values as the others take."""
    def get():
        return request(GET, payloads.GetRequestPayload(unique_identifier=cases.UID), cases.BUFFER)

    def certify():
        return request(CERTIFY, CertifyRequestPayload(
            cases.UID, cases.CSR, _activation(cases.STAMP)), cases.BUFFER)

    def recertify():
        return request(RECERTIFY, CertifyRequestPayload(cases.UID, cases.CSR, offset=0), cases.BUFFER)

    def usage():
        return request(USAGE, get_usage_allocation.GetUsageAllocationRequestPayload(
            unique_identifier=cases.UID, usage_limits_count=cases.COUNT), cases.BUFFER)

    return get, get, certify, recertify, usage


def fields(name, message):
    """What an answer says, as kmip_lite's value of it has it."""
    said = payload(message)
    if name == "get key":
        block = said.secret.key_block
        return (
            said.object_type.value, block.key_format_type.value.value,
            block.cryptographic_algorithm.value.value, block.cryptographic_length.value,
            block.key_value.key_material.value)
    if name == "get certificate":
        return (said.object_type.value, said.secret.certificate_type.value.value,
                said.secret.certificate_value.value)
    return (said.unique_identifier,)
