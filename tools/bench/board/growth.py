"""How cost grows with a message: bytes, items, batch, nesting. Runs on every runtime.

On MicroPython prints one line of JSON for each point: [series, x, bytes of the message, us, bytes allocated].
A series is a name and its unit; series() gives for each x the function to be measured.
"""

import json
import sys

import cases
from plain import BYTES, DATE, ENUMERATION, INTEGER, STRUCTURE, item, structure
from timing import allocated, times

from kmip_lite.message import Request, Response
from kmip_lite.ops import certify, get, get_usage_allocation
from kmip_lite.ttlv import Decoder, Encoder

LARGEST = 65536
SIZES = (128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536)  # bytes of the message, about
BATCHES = (1, 2, 4, 8, 16, 32)
DEEP = (1, 2, 3, 4, 6, 8, 10, 12)
DEEPER = (1, 2, 3, 4, 6, 8, 10, 12, 14, 16)
ROOM = 120  # bytes that such a message takes beside its string
ATTRIBUTE = 40  # bytes of one in a request
NAME = b"x-meter"


class Buffers:
    """What all points share, allocated once."""

    def __init__(self):
        self.request = Request(bytearray(LARGEST + 512))
        self.data = bytes(LARGEST)
        self.attribute = (NAME, 0x42000B, INTEGER, 7)
        self.into = bytearray(LARGEST)


def _encode_string(shared, size):
    csr = shared.data[: max(1, size - ROOM)]

    def encode():
        request = shared.request
        request.start()
        request.item(certify.OP)
        certify.request(request.encoder, 12, None, csr)
        request.end_item()
        return request.finish()

    return encode


def _encode_items(shared, size):
    attributes = (shared.attribute,) * max(1, (size - ROOM) // ATTRIBUTE)

    def encode():
        request = shared.request
        request.start()
        request.item(certify.OP)
        certify.request(request.encoder, 12, None, None, attributes)
        request.end_item()
        return request.finish()

    return encode


def _encode_batch(shared, count):
    uid = cases.UID_BYTES

    def encode():
        request = shared.request
        request.start(count > 1)
        for _ in range(count):
            request.item(get_usage_allocation.OP)
            get_usage_allocation.request(request.encoder, 12, uid, cases.COUNT)
            request.end_item()
        return request.finish()

    return encode


def _encode_nested(shared, depth):
    e = Encoder(bytearray(512))

    def encode():
        e.reset()
        for _ in range(depth):
            e.begin(0x420008)
        e.put(0x42000B, INTEGER, 7)
        for _ in range(depth):
            e.end()
        return e.finish()

    return encode


def _certificate(size):
    return cases.answer(cases.answer_item(
        get.OP, *cases.certificate_payload(bytes([1]) * max(1, size - 240))))


def _decode_string(shared, size, copy):
    data = _certificate(size)
    response = Response(bytearray(data))
    found = get.ManagedObject()
    total = len(data)

    def decode():
        response.open(total)
        response.next(get.OP)
        get.read(response.decoder, 12, found)
        if copy:
            response.decoder.into(shared.into)
        response.end()
        return total

    return decode


def _decode_view(shared, size):
    return _decode_string(shared, size, False)


def _decode_copy(shared, size):
    return _decode_string(shared, size, True)


def _decode_items(shared, size):
    attribute = structure(
        0x420008, item(0x42000A, 7, NAME), item(0x42000B, ENUMERATION, b"\0\0\0\7"))
    extra = structure(0x420091, *[attribute] * max(1, (size - 200) // len(attribute)))
    data = cases.answer(cases.answer_item(certify.OP, cases.uid_item(), extra))
    response = Response(bytearray(data))
    total = len(data)

    def decode():
        response.open(total)
        response.next(certify.OP)
        certify.read(response.decoder, 12)
        response.end()
        return total

    return decode


def _decode_batch(shared, count):
    items = [
        cases.answer_item(
            get_usage_allocation.OP, cases.uid_item(),
            its=item(0x420093, BYTES, bytes([index + 1])) if count > 1 else b"")
        for index in range(count)]
    data = cases.answer(*items)
    response = Response(bytearray(data))
    total = len(data)

    def decode():
        response.open(total)
        while response.left:
            response.next(get_usage_allocation.OP, 0, count > 1)
            get_usage_allocation.read(response.decoder, 12)
        response.end()
        return total

    return decode


def _decode_nested(shared, depth):
    data = item(0x42000B, DATE, b"\0\0\0\0\0\0\0\7")
    for _ in range(depth):
        data = item(0x420008, STRUCTURE, data)
    d = Decoder(bytearray(data))
    total = len(data)

    def decode():
        d.open(total)
        for _ in range(depth):
            d.next()
            d.enter()
        d.next()
        for _ in range(depth):
            d.leave()
        return total

    return decode


# Series: name, the plot that it is in, its xs, and what makes the function to be measured.
SERIES = (
    ("encode, one long string", "size", SIZES, _encode_string),
    ("encode, many attributes", "size", SIZES, _encode_items),
    ("decode, one long string as a view", "size", SIZES, _decode_view),
    ("decode, one long string copied", "size", SIZES, _decode_copy),
    ("decode, many attributes", "size", SIZES, _decode_items),
    ("encode, batch", "batch", BATCHES, _encode_batch),
    ("decode, batch", "batch", BATCHES, _decode_batch),
    ("encode, nested", "depth", DEEP, _encode_nested),
    ("decode, nested", "depth", DEEPER, _decode_nested),
)


def main(rounds, span):
    shared = Buffers()
    for name, _, xs, make in SERIES:
        functions = [make(shared, x) for x in xs]
        for x, function, took in zip(xs, functions, times(functions, rounds, span)):
            print(json.dumps([name, x, function(), min(took), allocated(function)]))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
