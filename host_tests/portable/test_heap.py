"""The memory law: encoding and decoding a message of the four operations allocates nothing.

Held with the heap locked, where any allocation is a MemoryError, and counted once more without the
lock. Meant for the 32-bit port: there every number from 2**30 on is an object, as on the boards.
"""

import gc
import sys

import messages as m
import micropython
from check import Skip, raises

from kmip_lite.message import Request, Response
from kmip_lite.ops import certify, get, get_usage_allocation, poll, recertify

UID = b"u" * 64
BIG = 0x7FFFFFFFFFFFFFFF
VENDOR = 0x80000001
LATE = 4102444800  # 2100
KEY = b"0123456789abcdef"
DER = b"c" * 700
CSR = b"r" * 1100

DATE = (b"Activation Date", 0x420001, 9, LATE)
NAME = (b"Name", 0x420053, 1, ((0x420055, 7, UID), (0x420054, 5, VENDOR)))
MASK = (b"Cryptographic Usage Mask", 0x42002C, 2, 0x7FFFFFFF, 0)


class Exchange:
    """A Request and a Response with buffers of their own, and what a caller keeps beside them."""

    def __init__(self, answer, version=12, limit=True):
        self.version = version
        self.request = Request(bytearray(4096), version, limit)
        self.size = 0
        self.response = Response(bytearray(answer) + bytearray(64), version)
        self.answered = len(answer)
        self.found = get.ManagedObject()
        self.key = bytearray(16)
        self.csr = CSR
        self.attributes = (DATE, NAME, MASK)
        self.uid = UID
        self.told = bytearray(len(UID))
        self.correlation = b"c" * 32

    # Each of these is run with the heap locked.

    def get_key(self):
        request = self.request
        request.start()
        request.item(get.OP)
        get.request(request.encoder, self.version, self.uid, VENDOR)
        request.end_item()
        self.size = request.finish()
        response = self.response
        response.open(self.answered)
        response.next(get.OP)
        get.read(response.decoder, self.version, self.found)
        if response.decoder.into(self.key) != 16:
            raise ValueError
        response.end()

    def get_certificate(self):
        request = self.request
        request.start()
        request.item(get.OP)
        get.request(request.encoder, self.version, self.uid)
        request.end_item()
        self.size = request.finish()
        response = self.response
        response.open(self.answered)
        response.next(get.OP)
        get.read(response.decoder, self.version, self.found)
        response.end()

    def certify(self):
        request = self.request
        request.start()
        request.item(certify.OP)
        certify.request(request.encoder, self.version, self.uid, self.csr, self.attributes)
        request.end_item()
        self.size = request.finish()
        self._read_uid(certify)

    def recertify(self):
        request = self.request
        request.start()
        request.item(recertify.OP)
        recertify.request(request.encoder, self.version, self.uid, csr=self.csr, offset=0xFFFFFFFF)
        request.end_item()
        self.size = request.finish()
        self._read_uid(recertify)

    def get_usage_allocation(self):
        request = self.request
        request.start()
        request.item(get_usage_allocation.OP)
        get_usage_allocation.request(request.encoder, self.version, self.uid, BIG)
        request.end_item()
        self.size = request.finish()
        self._read_uid(get_usage_allocation)

    def _read_uid(self, operation):
        response = self.response
        response.open(self.answered)
        response.next(operation.OP)
        operation.read(response.decoder, self.version)
        response.decoder.into(self.told)
        if self.told != self.uid:
            raise ValueError
        response.end()

    def poll(self):
        request = self.request
        request.start()
        request.item(poll.OP)
        poll.request(request.encoder, self.version, self.correlation)
        request.end_item()
        self.size = request.finish()
        response = self.response
        response.open(self.answered)
        response.next(certify.OP, poll.OP)
        certify.read(response.decoder, self.version)
        response.end()

    def renewal(self):
        request = self.request
        request.start(True)
        request.item(recertify.OP)
        recertify.request(request.encoder, self.version, self.uid, self.csr, 0)
        request.end_item()
        request.item(get.OP)
        get.request(request.encoder, self.version)
        request.end_item()
        self.size = request.finish()
        response = self.response
        response.open(self.answered)
        response.next(recertify.OP, batch=True)
        recertify.read(response.decoder, self.version)
        response.next(get.OP, batch=True)
        get.read(response.decoder, self.version, self.found)
        response.end()


def locked(function):
    """Call it once with the heap open, once with the heap locked, and once counting."""
    if sys.implementation.name != "micropython":
        raise Skip("CPython's heap cannot be locked")
    function()
    micropython.heap_lock()
    try:
        function()
    finally:
        micropython.heap_unlock()
    gc.collect()
    gc.disable()
    try:
        before = gc.mem_alloc()
        function()
        after = gc.mem_alloc()
    finally:
        gc.enable()
    assert after == before, after - before


def at(exchange, offset):
    d = exchange.response.decoder
    d.at = offset
    return d.half(0) << 16 | d.half(1)


def key_answer(version):
    payload = m.got_key(value=KEY, format=VENDOR, algorithm=VENDOR, name="u" * 64)
    return m.message(m.item(m.GET, payload), version=version, stamp=LATE)


def uid_answer(operation, version):
    return m.message(m.item(operation, [m.uid("u" * 64)]), version=version, stamp=LATE)


def test_get_of_a_key():
    for version in (10, 11, 12, 13, 14):
        for limit in (True, False):
            exchange = Exchange(key_answer(version), version, limit)
            locked(exchange.get_key)
            assert exchange.key == KEY and exchange.size > 100
            found = exchange.found
            assert (at(exchange, found.format_at), at(exchange, found.algorithm_at)) == (VENDOR, VENDOR)
            assert found.bits == 128
            assert exchange.response.time_stamp() == LATE


def test_get_of_a_certificate():
    answer = m.message(m.item(m.GET, m.got_certificate(DER, VENDOR, "u" * 64)), stamp=LATE)
    exchange = Exchange(answer)
    locked(exchange.get_certificate)
    found = exchange.found
    assert (at(exchange, found.kind_at), found.size) == (VENDOR, len(DER))
    assert answer[found.at : found.at + found.size] == DER


def test_get_of_every_other_object():
    transparent = m.ttlv(0x420045, 1, [m.ttlv(0x420043, 1, [m.ttlv(0x42003F, 8, KEY)])])
    wrapped = m.ttlv(0x420045, 8, KEY)
    for payload in (
        m.got_key(value=transparent, format=7),
        m.got_key(value=wrapped, wrapping=m.WRAPPING_DATA),
        m.got_key(3, value=KEY, format=VENDOR),
        m.got_key(4, value=KEY, format=VENDOR),
        m.got_key(7, value=KEY, secret_type=VENDOR),
        m.got_opaque(KEY),
    ):
        exchange = Exchange(m.success(m.GET, *payload))
        locked(exchange.get_key)
        assert exchange.key == KEY


def test_certify():
    for csr in (CSR, bytearray(CSR), memoryview(CSR), b"short"):
        exchange = Exchange(uid_answer(m.CERTIFY, 12))
        exchange.csr = csr
        locked(exchange.certify)
        assert exchange.size > len(csr) + 300


def test_recertify():
    for version in (10, 11, 12, 13, 14):
        exchange = Exchange(uid_answer(m.RECERTIFY, version), version)
        locked(exchange.recertify)
        assert exchange.size > len(CSR)


def test_get_usage_allocation():
    exchange = Exchange(uid_answer(m.USAGE, 12))
    locked(exchange.get_usage_allocation)
    assert b"\x7f\xff\xff\xff\xff\xff\xff\xff" in exchange.request.encoder.buf


def test_poll():
    # Done: the answer of the operation that was polled for. (Pending is an exception, and allocates.)
    for version in (10, 12, 14):
        exchange = Exchange(uid_answer(m.CERTIFY, version), version)
        locked(exchange.poll)
        assert b"c" * 32 in exchange.request.encoder.buf


def test_2_x_forms():
    for version in (20, 21):
        exchange = Exchange(uid_answer(m.CERTIFY, version), version)
        locked(exchange.certify)
        exchange = Exchange(uid_answer(m.RECERTIFY, version), version)
        locked(exchange.recertify)
        exchange = Exchange(uid_answer(m.USAGE, version), version)
        locked(exchange.get_usage_allocation)
        exchange = Exchange(key_answer(version), version)
        exchange.uid = VENDOR  # a number of the enumeration Unique Identifier
        locked(exchange.get_key)


def test_renewal_in_one_message():
    answer = m.message(
        m.item(m.RECERTIFY, [m.uid("v" * 64)], 1),
        m.item(m.GET, m.got_certificate(DER, VENDOR, "v" * 64), 2),
        stamp=LATE,
    )
    exchange = Exchange(answer)
    locked(exchange.renewal)
    found = exchange.found
    assert answer[found.at : found.at + found.size] == DER


def test_a_message_too_long_is_counted_without_allocating():
    exchange = Exchange(uid_answer(m.CERTIFY, 12))
    exchange.request = Request(bytearray(64), 12)

    def encode():
        request = exchange.request
        request.start()
        request.item(certify.OP)
        certify.request(request.encoder, 12, UID, CSR, exchange.attributes)
        request.end_item()

    locked(encode)
    assert exchange.request.encoder.size > len(CSR)


# ---- the law can be broken ----


def test_a_broken_law_shows():
    exchange = Exchange(key_answer(12))
    exchange.uid = "a str, which is encoded first"
    raises(MemoryError, locked, exchange.get_key)
    exchange = Exchange(uid_answer(m.CERTIFY, 12))
    exchange.attributes = (("Activation Date",) + DATE[1:],)
    raises(MemoryError, locked, exchange.certify)
    raises(MemoryError, locked, lambda: bytearray(1))
    kept = []

    def swallow():  # what the lock alone does not see
        try:
            kept.append(bytearray(100))
        except MemoryError:
            pass

    raises(AssertionError, locked, swallow)


def test_numbers_of_32_bits_are_objects_on_32_bit_ports():
    # Why this file counts on the 32-bit port: the same code passes on the 64-bit one.
    exchange = Exchange(key_answer(12))
    exchange.response.open(exchange.answered)
    exchange.response.next(get.OP)
    d = exchange.response.decoder
    get.read(d, 12, exchange.found)
    offset = exchange.found.algorithm_at
    assert at(exchange, offset) == VENDOR
    if sys.maxsize < 1 << 32:
        raises(MemoryError, locked, lambda: at(exchange, offset))
    else:
        locked(lambda: at(exchange, offset))
