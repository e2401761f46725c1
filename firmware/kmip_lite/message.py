"""Request and response messages: headers, batch items, results (1.x section 7, 2.x section 8).

Sans-I/O: a Request is written into a bytearray, a Response is read from one; whoever moves the bytes
is no concern of this file. Neither allocates after construction, but for the errors they raise.

A version is one small number throughout the library, 10 * major + minor: 12 is KMIP 1.2.
"""

from struct import pack_into, unpack_from

from micropython import const

from kmip_lite.ttlv import Decoder, Encoder, TTLVError

_STRUCTURE = const(1)
_INTEGER = const(2)
_ENUMERATION = const(5)
_BOOLEAN = const(6)
_TEXT_STRING = const(7)
_BYTE_STRING = const(8)
_DATE_TIME = const(9)

_TAG_ASYNCHRONOUS_CORRELATION_VALUE = const(0x420006)
_TAG_BATCH_COUNT = const(0x42000D)
_TAG_BATCH_ITEM = const(0x42000F)
_TAG_BATCH_ORDER_OPTION = const(0x420010)
_TAG_CRITICALITY_INDICATOR = const(0x420026)
_TAG_MAXIMUM_RESPONSE_SIZE = const(0x420050)
_TAG_MESSAGE_EXTENSION = const(0x420051)
_TAG_OPERATION = const(0x42005C)
_TAG_PROTOCOL_VERSION = const(0x420069)
_TAG_PROTOCOL_VERSION_MAJOR = const(0x42006A)
_TAG_PROTOCOL_VERSION_MINOR = const(0x42006B)
_TAG_REQUEST_HEADER = const(0x420077)
_TAG_REQUEST_MESSAGE = const(0x420078)
_TAG_REQUEST_PAYLOAD = const(0x420079)
_TAG_RESPONSE_HEADER = const(0x42007A)
_TAG_RESPONSE_MESSAGE = const(0x42007B)
_TAG_RESPONSE_PAYLOAD = const(0x42007C)
_TAG_RESULT_MESSAGE = const(0x42007D)
_TAG_RESULT_REASON = const(0x42007E)
_TAG_RESULT_STATUS = const(0x42007F)
_TAG_TIME_STAMP = const(0x420092)
_TAG_UNIQUE_BATCH_ITEM_ID = const(0x420093)

_STATUS_SUCCESS = const(0)
_STATUS_OPERATION_PENDING = const(2)
_STATUS_OPERATION_UNDONE = const(3)

_MAX_BATCH = const(255)  # a Unique Batch Item ID is one byte here
_MAX_MESSAGE = const(200)  # characters of a server's Result Message that are kept

# Numbers of errors.py.
_E_ITEMS = const(17)
_E_OPERATION = const(18)
_E_STATUS = const(19)
_E_VERSION = const(20)
_E_EXTENSION = const(21)
_E_ITEM = const(29)
_E_COUNT = const(30)
_E_NO_OPERATION = const(31)

class KmipError(Exception):
    """The server answered, and the answer is no.

    `operation`, `status` and `reason` are the numbers of the enumerations Operation, Result Status
    and Result Reason (0 where the server gave none); `message` is the server's own text, or "".
    """

    def __init__(self, operation, status, reason, message, correlation=None):
        super().__init__(
            "operation 0x%02X: status %d, reason 0x%02X: %r" % (operation, status, reason, message)
        )
        self.operation = operation
        self.status = status
        self.reason = reason
        self.message = message
        self.correlation = correlation


class KmipPending(KmipError):
    """The server works on it: Poll or Cancel with `correlation`, bytes (1.x section 6.8)."""


class Request:
    """Writes request messages into `buf`, one after the other.

    start(), then for each operation item(), the payload's fields on `encoder`, end_item(); then
    finish() for the message's size. With `limit`, each carries Maximum Response Size = len(buf), so
    that the server never sends more than the buffer holds. `head`: None, or what writes the header's
    other fields (see header.py).
    """

    def __init__(self, buf, version=12, limit=True):
        self.encoder = Encoder(buf)
        self.version = version
        self.limit = limit
        self.head = None
        self._id = bytearray(1)  # the Unique Batch Item ID
        self._count = self._count_at = 0
        self._batch = False

    def start(self, batch=False):
        """Write the header. `batch`: several items follow, done in order (the ID Placeholder works)."""
        e = self.encoder
        e.reset()
        e.begin(_TAG_REQUEST_MESSAGE)
        e.begin(_TAG_REQUEST_HEADER)
        e.size = at = e.size + 40
        if at <= len(e.buf):
            pack_into(  # the Protocol Version at one go: every request has it
                ">HBBIHBBIIIHBBIII", e.buf, at - 40,
                _TAG_PROTOCOL_VERSION >> 8, _TAG_PROTOCOL_VERSION & 0xFF, _STRUCTURE, 32,
                _TAG_PROTOCOL_VERSION_MAJOR >> 8, _TAG_PROTOCOL_VERSION_MAJOR & 0xFF, _INTEGER, 4,
                self.version // 10, 0,
                _TAG_PROTOCOL_VERSION_MINOR >> 8, _TAG_PROTOCOL_VERSION_MINOR & 0xFF, _INTEGER, 4,
                self.version % 10, 0,
            )
        if self.limit:
            e.put(_TAG_MAXIMUM_RESPONSE_SIZE, _INTEGER, len(e.buf))
        if self.head is not None:
            self.head.write(e, self.version, batch)
        if batch:
            e.put(_TAG_BATCH_ORDER_OPTION, _BOOLEAN, True)
        self._count_at = e.size
        self._count = 0
        self._batch = batch
        e.put(_TAG_BATCH_COUNT, _INTEGER, 1)
        e.end()

    def item(self, operation):
        """Open a batch item and its payload. `operation` is the number of the enumeration."""
        e = self.encoder
        count = self._count
        if count and not self._batch or count == _MAX_BATCH:
            e.fail(_E_ITEMS)
            return
        self._count = count + 1
        e.begin(_TAG_BATCH_ITEM)
        e.put(_TAG_OPERATION, _ENUMERATION, operation)
        if self._batch:
            self._id[0] = count + 1
            e.put(_TAG_UNIQUE_BATCH_ITEM_ID, _BYTE_STRING, self._id)
        e.begin(_TAG_REQUEST_PAYLOAD)

    def end_item(self):
        """Close the payload and the item."""
        self.encoder.end()
        self.encoder.end()

    def finish(self):
        """Close the message; gives its size in bytes, or raises TTLVError for anything amiss in it."""
        e = self.encoder
        e.end()
        if not self._count:
            e.fail(_E_ITEMS)
        size = e.finish()
        e.buf[self._count_at + 11] = self._count
        return size


class Response:
    """Reads the response message in `buf`: open(), then next() for each item sent, then end().

    `stamp` holds the Time Stamp of the last message opened, 8 bytes, big-endian seconds since 1970.
    `left` is how many items of it have not been read. `head`: as that of Request.
    """

    def __init__(self, buf, version=12):
        self.decoder = Decoder(buf)
        self.version = version
        self.stamp = bytearray(8)
        self.head = None
        self.left = 0
        self._same_version = True
        self._seen = 0
        self._inside = 0  # structures of the current item that are open: item, payload

    def open(self, size):
        """Check the message of `size` bytes and read its header. Raises TTLVError."""
        d = self.decoder
        d.open(size)
        d.enter(_TAG_RESPONSE_MESSAGE)
        d.enter(_TAG_RESPONSE_HEADER)
        d.enter(_TAG_PROTOCOL_VERSION)
        d.need(_TAG_PROTOCOL_VERSION_MAJOR, _INTEGER)
        same = d.small() == self.version // 10
        d.need(_TAG_PROTOCOL_VERSION_MINOR, _INTEGER)
        self._same_version = same and d.small() == self.version % 10
        d.leave()
        d.need(_TAG_TIME_STAMP, _DATE_TIME)
        d.into(self.stamp)
        if self.head is not None:
            self.head.read(d)
        d.need(_TAG_BATCH_COUNT, _INTEGER)
        self.left = d.small()
        if not 0 < self.left <= _MAX_BATCH:
            raise TTLVError(_E_COUNT, d.at)
        d.leave()
        self._seen = self._inside = 0

    def _leave(self):
        # The item that is open, if one is. What is not understood and critical must not be passed over.
        d = self.decoder
        while self._inside:
            if self._inside == 1 and d.find(_TAG_MESSAGE_EXTENSION, _STRUCTURE):
                d.enter()
                d.need(_TAG_CRITICALITY_INDICATOR, _BOOLEAN)
                if d.half(3):
                    raise TTLVError(_E_EXTENSION, d.at)
            else:
                self._inside -= 1
            d.leave()

    def next(self, operation, other=0, batch=False):
        """Go to the next item, which must answer `operation` (or `other`), and enter its payload.

        Raises KmipError where the item failed or was undone, KmipPending where it is pending (both
        leave the message readable: next() again goes to the item behind), TTLVError where the item
        is not the answer to what was sent.
        """
        d = self.decoder
        self._leave()
        d.enter(_TAG_BATCH_ITEM)
        self._inside = 1
        self._seen += 1
        self.left -= 1
        answered = 0
        if d.find(_TAG_OPERATION, _ENUMERATION):
            answered = d.small()
            if answered != operation and (not other or answered != other):
                raise TTLVError(_E_OPERATION, d.at)
        if d.find(_TAG_UNIQUE_BATCH_ITEM_ID, _BYTE_STRING):
            if not batch or d.size != 1 or d.buf[d.at] != self._seen:
                raise TTLVError(_E_ITEM, d.at)
        elif batch and answered:
            raise TTLVError(_E_ITEM, d.at)
        d.need(_TAG_RESULT_STATUS, _ENUMERATION)
        status = d.small()
        if not 0 <= status <= _STATUS_OPERATION_UNDONE:
            raise TTLVError(_E_STATUS, d.at)
        if status == _STATUS_SUCCESS:
            if not answered:
                raise TTLVError(_E_NO_OPERATION, d.at)
            if not self._same_version:
                raise TTLVError(_E_VERSION, d.at)
            d.enter(_TAG_RESPONSE_PAYLOAD)
            self._inside = 2
            return
        if status == _STATUS_OPERATION_PENDING:
            d.need(_TAG_ASYNCHRONOUS_CORRELATION_VALUE, _BYTE_STRING)
            raise KmipPending(operation, status, 0, "pending", d.value())
        reason = 0
        if d.find(_TAG_RESULT_REASON, _ENUMERATION):
            reason = d.value()
        message = ""
        if d.find(_TAG_RESULT_MESSAGE, _TEXT_STRING):
            message = d.value()[:_MAX_MESSAGE]
        raise KmipError(operation, status, reason, message)

    def end(self):
        """Check that every item of the message was read and that it held as many as it said."""
        d = self.decoder
        self._leave()
        if self.left or d.next():
            raise TTLVError(_E_COUNT, d.at)

    def time_stamp(self):
        """The server's clock in the last message, seconds since 1970. Allocates the int and a tuple."""
        return unpack_from(">q", self.stamp)[0]
