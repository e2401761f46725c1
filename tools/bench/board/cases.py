"""The messages that are measured, on every runtime, and how kmip_lite writes and reads them.

Sizes are those of a meter's life: identifiers of 36 characters, a P-256 certificate request and
certificate, an AES key of 128 bits.
"""

from plain import BYTES, DATE, ENUMERATION, INTEGER, TEXT, item, structure

from kmip_lite.message import Request, Response
from kmip_lite.ops import certify, get, get_usage_allocation, recertify

BUFFER = 2048
UID = "9c3a1e52-7d0b-4f6e-8a41-2b90d7c6e513"
UID_BYTES = b"9c3a1e52-7d0b-4f6e-8a41-2b90d7c6e513"
KEY = bytes(range(16))
CSR = bytes([(i * 7 + 3) & 0xFF for i in range(222)])
CERTIFICATE = bytes([(i * 5 + 1) & 0xFF for i in range(437)])
COUNT = 1024
STAMP = 1795723200
ATTRIBUTES = ((b"Activation Date", 0x420001, DATE, STAMP),)
ALGORITHM_AES, FORMAT_RAW, CERTIFICATE_X509 = 3, 1, 1

NAMES = ("get key", "get certificate", "certify", "recertify", "get usage allocation")


def _number(tag, kind, value):
    return item(tag, kind, bytes([0, 0, value >> 8, value & 0xFF]))


def _date(tag, value):
    return item(tag, DATE, bytes([0] * 4 + [value >> shift & 0xFF for shift in (24, 16, 8, 0)]))


def answer(*items):
    """A response message, of these batch items."""
    header = structure(
        0x42007A,
        structure(0x420069, _number(0x42006A, INTEGER, 1), _number(0x42006B, INTEGER, 2)),
        _date(0x420092, STAMP), _number(0x42000D, INTEGER, len(items)))
    return structure(0x42007B, header, *items)


def answer_item(operation, *payload, its=b""):
    return structure(
        0x42000F, _number(0x42005C, ENUMERATION, operation), its, _number(0x42007F, ENUMERATION, 0),
        structure(0x42007C, *payload))


def uid_item(text=UID):
    return item(0x420094, TEXT, text.encode())


def certificate_payload(der):
    return (
        _number(0x420057, ENUMERATION, 1), uid_item(),
        structure(0x420013, _number(0x42001D, ENUMERATION, CERTIFICATE_X509), item(0x42001E, BYTES, der)))


def _key_payload():
    block = structure(
        0x420040, _number(0x420042, ENUMERATION, FORMAT_RAW),
        structure(0x420045, item(0x420043, BYTES, KEY)),
        _number(0x420028, ENUMERATION, ALGORITHM_AES), _number(0x42002A, INTEGER, 128))
    return _number(0x420057, ENUMERATION, 2), uid_item(), structure(0x42008F, block)


ANSWERS = (
    answer(answer_item(get.OP, *_key_payload())),
    answer(answer_item(get.OP, *certificate_payload(CERTIFICATE))),
    answer(answer_item(certify.OP, uid_item())),
    answer(answer_item(recertify.OP, uid_item())),
    answer(answer_item(get_usage_allocation.OP, uid_item())),
)


class Lite:
    """kmip_lite's encoders and decoders of the five messages, under the memory law: identifiers are
    bytes, a key goes into the caller's buffer, a certificate is a view."""

    def __init__(self, uid=UID_BYTES):
        self.uid = uid
        self.request = Request(bytearray(BUFFER))
        self.responses = [Response(bytearray(data)) for data in ANSWERS]
        self.key = bytearray(16)
        self.found = get.ManagedObject()

    def encoders(self):
        return (self.write_get, self.write_get, self.write_certify, self.write_recertify, self.write_usage)

    def decoders(self):
        return (self.read_key, self.read_certificate, self.read_certify, self.read_recertify,
                self.read_usage)

    def written(self, size):
        return bytes(self.request.encoder.buf[:size])

    def write_get(self):
        request = self.request
        request.start()
        request.item(get.OP)
        get.request(request.encoder, 12, self.uid)
        request.end_item()
        return request.finish()

    def write_certify(self):
        request = self.request
        request.start()
        request.item(certify.OP)
        certify.request(request.encoder, 12, self.uid, CSR, ATTRIBUTES)
        request.end_item()
        return request.finish()

    def write_recertify(self):
        request = self.request
        request.start()
        request.item(recertify.OP)
        recertify.request(request.encoder, 12, self.uid, CSR, 0)
        request.end_item()
        return request.finish()

    def write_usage(self):
        request = self.request
        request.start()
        request.item(get_usage_allocation.OP)
        get_usage_allocation.request(request.encoder, 12, self.uid, COUNT)
        request.end_item()
        return request.finish()

    def _open(self, index, operation):
        response = self.responses[index]
        response.open(len(ANSWERS[index]))
        response.next(operation)
        return response

    def read_key(self):
        response = self._open(0, get.OP)
        get.read(response.decoder, 12, self.found)
        response.decoder.into(self.key)
        response.end()
        return self.found

    def read_certificate(self):
        response = self._open(1, get.OP)
        get.read(response.decoder, 12, self.found)
        response.end()
        return self.found

    def _read_uid(self, index, operation):
        response = self._open(index, operation.OP)
        operation.read(response.decoder, 12)
        response.end()
        return response.decoder

    def read_certify(self):
        return self._read_uid(2, certify)

    def read_recertify(self):
        return self._read_uid(3, recertify)

    def read_usage(self):
        return self._read_uid(4, get_usage_allocation)


class LiteValues(Lite):
    """The same with the conveniences: identifiers are str, and what an answer says becomes an object."""

    def __init__(self):
        super().__init__(UID)

    def _get(self, index):
        response = self._open(index, get.OP)
        value = get.response(response.decoder, 12)
        response.end()
        return value

    def read_key(self):
        return self._get(0)

    def read_certificate(self):
        return self._get(1)

    def _read_uid(self, index, operation):
        response = self._open(index, operation.OP)
        value = operation.response(response.decoder, 12)
        response.end()
        return value


def plain_encoders(plain, uid=UID_BYTES):
    return (
        lambda: plain.get(uid), lambda: plain.get(uid), lambda: plain.certify(uid, CSR, ATTRIBUTES),
        lambda: plain.recertify(uid, CSR, 0), lambda: plain.get_usage_allocation(uid, COUNT))


def plain_decoders(plain):
    key, certificate, certified, recertified, allocated = ANSWERS
    return (
        lambda: plain.got_key(key), lambda: plain.got_certificate(certificate),
        lambda: plain.uid(certified, certify.OP), lambda: plain.uid(recertified, recertify.OP),
        lambda: plain.uid(allocated, get_usage_allocation.OP))
