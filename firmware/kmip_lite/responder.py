"""Answers to what a key server sends by itself: Notify and Put (1.x section 5, 2.x section 6.2).

Sans-I/O: a Responder reads a request message from its buffer and writes the response into another one.
listener.py moves the bytes.
"""

from micropython import const

from kmip_lite.message import KmipError
from kmip_lite.ttlv import Decoder, Encoder, TTLVError

_STRUCTURE = const(1)
_INTEGER = const(2)
_ENUMERATION = const(5)
_TEXT_STRING = const(7)
_BYTE_STRING = const(8)
_DATE_TIME = const(9)

_TAG_ATTRIBUTE = const(0x420008)
_TAG_BATCH_COUNT = const(0x42000D)
_TAG_BATCH_ITEM = const(0x42000F)
_TAG_MESSAGE_EXTENSION = const(0x420051)
_TAG_OPERATION = const(0x42005C)
_TAG_PROTOCOL_VERSION = const(0x420069)
_TAG_PROTOCOL_VERSION_MAJOR = const(0x42006A)
_TAG_PROTOCOL_VERSION_MINOR = const(0x42006B)
_TAG_REQUEST_HEADER = const(0x420077)
_TAG_REQUEST_MESSAGE = const(0x420078)
_TAG_RESPONSE_HEADER = const(0x42007A)
_TAG_RESPONSE_MESSAGE = const(0x42007B)
_TAG_RESPONSE_PAYLOAD = const(0x42007C)
_TAG_RESULT_MESSAGE = const(0x42007D)
_TAG_RESULT_REASON = const(0x42007E)
_TAG_RESULT_STATUS = const(0x42007F)
_TAG_TIME_STAMP = const(0x420092)
_TAG_UNIQUE_BATCH_ITEM_ID = const(0x420093)
_TAG_ATTRIBUTES = const(0x420125)
_TAG_ATTRIBUTE_REFERENCE = const(0x42013B)

_OPERATION_NOTIFY = const(0x1B)
_OPERATION_PUT = const(0x1C)
_STATUS_OPERATION_FAILED = const(1)
_REASON_RESPONSE_TOO_LARGE = const(2)
_REASON_INVALID_MESSAGE = const(4)
_REASON_OPERATION_NOT_SUPPORTED = const(5)
_REASON_INVALID_FIELD = const(7)
_REASON_FEATURE_NOT_SUPPORTED = const(8)
_REASON_GENERAL_FAILURE = const(0x100)
_PUT_NEW = const(1)
_PUT_REPLACE = const(2)

# The last byte of the object's tag, by Object Type.
_TAGS = b"\x00\x13\x8f\x6d\x64\x89\x90\x85\x5b\xbd\x18"

# Structures field by field, in the order of the wire. Of each: the tag without its first byte, the type (0:
# more than one), whether it must be there (1) and may be there again (2), the first and the last version.
_ROW = const(6)
_HEADER = (
    b"\x00\x69\x01\x01\x0a\x15"  # Protocol Version
    b"\x01\x05\x07\x00\x0e\x15"  # Client Correlation Value
    b"\x01\x06\x07\x00\x0e\x15"  # Server Correlation Value
    b"\x00\x0c\x01\x00\x0a\x15"  # Authentication
    b"\x00\x92\x09\x00\x0a\x15"  # Time Stamp
    b"\x00\x0d\x02\x01\x0a\x15"  # Batch Count
)
_ITEM = (
    b"\x00\x5c\x05\x01\x0a\x15"  # Operation
    b"\x00\x93\x08\x00\x0a\x15"  # Unique Batch Item ID
    b"\x00\x79\x01\x01\x0a\x15"  # Request Payload
    b"\x00\x51\x01\x00\x0a\x0e"  # Message Extension
    b"\x00\x51\x01\x02\x14\x15"  # the same, of which 2.x takes many
)
_EXTENSION = (
    b"\x00\x9d\x07\x01\x0a\x15"  # Vendor Identification
    b"\x00\x26\x06\x01\x0a\x15"  # Criticality Indicator
    b"\x00\x9c\x01\x01\x0a\x15"  # Vendor Extension
)
_NOTIFY = (
    b"\x00\x94\x07\x01\x0a\x15"  # Unique Identifier
    b"\x00\x08\x01\x03\x0a\x0e"  # Attribute
    b"\x01\x25\x01\x00\x14\x15"  # Attributes
    b"\x01\x3b\x00\x02\x14\x15"  # Attribute Reference, of what is deleted
)
_PUT = (
    b"\x00\x94\x07\x01\x0a\x15"  # Unique Identifier
    b"\x00\x70\x05\x01\x0a\x15"  # Put Function
    b"\x00\x76\x07\x00\x0a\x15"  # Replaced Unique Identifier
    b"\xff\xff\x01\x01\x0a\x15"  # the object
    b"\x00\x08\x01\x02\x0a\x0e"  # Attribute
    b"\x01\x25\x01\x00\x14\x15"  # Attributes
)
_ATTRIBUTE = (
    b"\x00\x0a\x07\x01\x0a\x15"  # Attribute Name
    b"\x00\x09\x02\x00\x0a\x15"  # Attribute Index
    b"\x00\x0b\x00\x00\x0a\x15"  # Attribute Value
)
_MANY = const(2)

_TEXT = const(40)  # bytes of a Result Message
_ITEM_ROOM = const(104)  # bytes of a failed item's answer, without its ID
_HEADER_ROOM = const(88)  # and of what stands before the first


class Responder:
    """Checks a request message, hands its items to the handlers in order, and answers.

    `now`: gives the time, seconds since 1970. `buf`: for requests, `out`: for answers; a bytearray each, or
    the size to allocate; `out` 192 bytes or more. Either of the handlers may be left out (Operation Not
    Supported then):

      notify(uid, changed)   attributes of an object have changed: a list of (name, index, value) as Get
                             Attributes gives, the value None for one that was deleted
      put(uid, function, replaced, object_type, d, attributes)
                             an object: `function` 1 (New) or 2 (Replace, of the one named `replaced`), the
                             Decoder `d` with its cursor on the object's structure, and its attributes

    A handler that raises KmipError fails its item with that reason and message, TTLVError with Invalid
    Message, anything else with General Failure; `fault` is the last of these errors. An item that fails ends
    the batch. Allocates the buffers, about 400 bytes of objects, and what the handlers are given.
    """

    def __init__(self, now, notify=None, put=None, buf=1024, out=512):
        self.buf = buf = bytearray(buf) if isinstance(buf, int) else buf
        self.out = out = bytearray(out) if isinstance(out, int) else out
        self.fault = None
        self.answers = 0  # given so far
        self._now = now
        self._notify = notify
        self._put = put
        self._d = Decoder(buf)
        self._e = Encoder(out)
        self._at = [0] * 6  # where the fields of a structure are, by their rows

    def length(self):
        """Of the request whose first eight bytes are there; 0 where it is none, or none that fits."""
        buf = self.buf
        size = buf[5] << 16 | buf[6] << 8 | buf[7]
        if buf[0] != 0x42 or buf[1] or buf[2] != 0x78 or buf[3] != 1 or buf[4] or size > len(buf) - 8:
            return 0
        return 8 + size

    def wipe(self):
        """Overwrite the request with zeros."""
        for index in range(len(self.buf)):
            self.buf[index] = 0

    def answer(self, size):
        """Do what the request of `size` bytes says; gives the size of the answer, in `out`.

        A request that is malformed, too long for `buf` (size 0), of another major version or not allowed
        is refused as a whole, before any handler is called.
        """
        e = self._e
        self.answers += 1
        self._major = 1
        self._minor = 0
        try:
            count = self._check(size)
        except (KmipError, TTLVError) as error:
            self._start(1)
            e.begin(_TAG_BATCH_ITEM)
            self._result(error)
            e.end()
            return e.finish()
        self._start(count)
        for done in range(1, count + 1):
            e.buf[_HEADER_ROOM - 5] = done  # Batch Count
            error = None
            try:
                self._do(self._item(size, done))
            except Exception as failure:  # a handler's, which must not end whoever listens
                self.fault = error = failure
            self._result(error)
            if error is not None:
                break
        e.end()
        return e.finish()

    def _start(self, count):
        e = self._e
        e.reset()
        e.begin(_TAG_RESPONSE_MESSAGE)
        e.begin(_TAG_RESPONSE_HEADER)
        e.begin(_TAG_PROTOCOL_VERSION)
        e.put(_TAG_PROTOCOL_VERSION_MAJOR, _INTEGER, self._major)
        e.put(_TAG_PROTOCOL_VERSION_MINOR, _INTEGER, self._minor)
        e.end()
        e.put(_TAG_TIME_STAMP, _DATE_TIME, self._now())
        e.put(_TAG_BATCH_COUNT, _INTEGER, count)
        e.end()

    def _result(self, error):
        # The rest of an item of the answer.
        e = self._e
        e.put(_TAG_RESULT_STATUS, _ENUMERATION, 0 if error is None else _STATUS_OPERATION_FAILED)
        if error is None:
            e.begin(_TAG_RESPONSE_PAYLOAD)
            e.end()
        else:
            reason = _REASON_GENERAL_FAILURE
            text = b"failed"
            if isinstance(error, TTLVError):
                reason = _REASON_INVALID_MESSAGE
                text = str(error)[:_TEXT].encode()
            elif isinstance(error, KmipError):
                reason = error.reason
                text = error.message[:_TEXT].encode()
            e.put(_TAG_RESULT_REASON, _ENUMERATION, reason)
            if len(text) <= _TEXT:
                e.put(_TAG_RESULT_MESSAGE, _TEXT_STRING, text)
        e.end()

    def _check(self, size):
        # The message without its payloads; how many items it has.
        d = self._d
        if not size:
            raise _no(_REASON_INVALID_MESSAGE, "no request, or too long")
        d.open(size)
        d.need(_TAG_REQUEST_MESSAGE, _STRUCTURE)
        d.enter()
        if not d.next() or d.tag != _TAG_REQUEST_HEADER:  # _item() counts from the first on
            raise _no(_REASON_INVALID_MESSAGE, "no header")
        header = d.at
        d.enter()
        d.need(_TAG_PROTOCOL_VERSION, _STRUCTURE)
        d.enter()
        d.need(_TAG_PROTOCOL_VERSION_MAJOR, _INTEGER)
        major = d.value()
        d.need(_TAG_PROTOCOL_VERSION_MINOR, _INTEGER)
        minor = d.value()
        d.leave()
        d.leave()
        if not 1 <= major <= 2 or minor < 0:
            raise _no(_REASON_INVALID_MESSAGE, "protocol version")
        self._major = major
        self._minor = minor
        newest = 4 if major == 1 else 1
        # What a newer minor version has more is passed over (1.x section 11.1).
        self._lenient = minor > newest
        self._version = 10 * major + min(minor, newest)
        self._select(header)
        self._walk(_HEADER)
        self._select(self._at[5])
        count = d.value()
        room = len(self.out) - _HEADER_ROOM
        seen = 0
        while d.next():
            if d.tag != _TAG_BATCH_ITEM:
                raise _no(_REASON_INVALID_MESSAGE, "no batch item")
            seen += 1
            room -= _ITEM_ROOM
            item = d.at
            self._walk(_ITEM)
            if self._at[1]:
                self._select(self._at[1])
                room -= 8 + (d.size + 7 & ~7)
            elif count > 1:
                raise _no(_REASON_INVALID_MESSAGE, "no item ID")
            self._select(item)
            d.enter()
            while d.next():
                if d.tag == _TAG_MESSAGE_EXTENSION:
                    self._walk(_EXTENSION)
                    self._select(self._at[1])
                    if d.value():
                        raise _no(_REASON_FEATURE_NOT_SUPPORTED, "critical extension")
            d.leave()
        if seen != count or not seen:
            raise _no(_REASON_INVALID_MESSAGE, "batch count")
        if room < 0 or count > 255:
            raise _no(_REASON_RESPONSE_TOO_LARGE, "too many items")
        return count

    def _item(self, size, number):
        # Begin the answer to an item and leave the cursor on its payload; gives its operation.
        d = self._d
        e = self._e
        d.open(size)
        d.next()
        d.enter()
        for _ in range(number + 1):
            d.next()
        self._walk(_ITEM)
        e.begin(_TAG_BATCH_ITEM)
        self._select(self._at[0])
        operation = d.value()
        e.put(_TAG_OPERATION, _ENUMERATION, operation)
        if self._at[1]:
            self._select(self._at[1])
            e.put(_TAG_UNIQUE_BATCH_ITEM_ID, _BYTE_STRING, d.view[d.at : d.at + d.size])
        self._select(self._at[2])
        return operation

    def _do(self, operation):
        d = self._d
        payload = d.at
        if operation == _OPERATION_NOTIFY and self._notify is not None:
            self._walk(_NOTIFY)
            uid = self._text(0)
            self._notify(uid, self._attributes(payload))
        elif operation == _OPERATION_PUT and self._put is not None:
            self._walk(_PUT)
            uid = self._text(0)
            replaced = self._text(2)
            place = self._at[3]
            self._select(self._at[1])
            function = d.half(1)
            if d.half(0) or not _PUT_NEW <= function <= _PUT_REPLACE:
                raise _no(_REASON_INVALID_FIELD, "Put Function")
            if (function == _PUT_REPLACE) != (replaced is not None):
                raise _no(_REASON_INVALID_MESSAGE, "Replaced Unique Identifier")
            attributes = self._attributes(payload)
            for attribute in attributes:
                if attribute[2] is None:
                    raise _no(_REASON_INVALID_MESSAGE, "attribute without a value")
            self._select(place)
            d.tag = 0x420000 | self.buf[place - 6]
            self._put(uid, function, replaced, _object(d.tag), d, attributes)
        else:
            raise _no(_REASON_OPERATION_NOT_SUPPORTED, "operation not supported")

    def _attributes(self, payload):
        # What a payload says of attributes, in the form of its version.
        d = self._d
        found = []
        self._select(payload)
        d.enter()
        while d.next():
            at = d.at
            if d.tag == _TAG_ATTRIBUTE:
                self._walk(_ATTRIBUTE)
                name = self._text(0)
                index = 0
                value = None
                if self._at[1]:
                    self._select(self._at[1])
                    index = d.value()
                if self._at[2]:
                    self._select(self._at[2])
                    value = d.value()
                    self._select(at)
                    d.enter()  # a structure's value has moved what is next
                    d.leave()
                found.append((name, index, value))
            elif d.tag == _TAG_ATTRIBUTES:
                counts = {}
                d.enter()
                while d.next():
                    tag = d.tag
                    counts[tag] = index = counts.get(tag, -1) + 1
                    found.append((tag, index, d.value()))
                d.leave()
            elif d.tag == _TAG_ATTRIBUTE_REFERENCE:
                if d.kind != _ENUMERATION and d.kind != _STRUCTURE:
                    raise _no(_REASON_INVALID_MESSAGE, "Attribute Reference")
                found.append((d.value(), 0, None))
        d.leave()
        return found

    def _walk(self, table):
        # Hold the structure under the cursor against a table; where its fields are goes to _at.
        d = self._d
        at = self._at
        rows = len(table) // _ROW
        for row in range(len(at)):
            at[row] = 0
        first = 0  # the first row that may still come
        d.enter()
        while d.next():
            row = 0
            while row < rows and not self._fits(table, row * _ROW):
                row += 1
            if row == rows:
                if self._lenient:
                    continue
                raise _no(_REASON_INVALID_FIELD, "unknown field %06X" % d.tag)
            kind = table[row * _ROW + 2]
            if row < first or (kind and kind != d.kind):
                raise _no(_REASON_INVALID_MESSAGE, "field %06X" % d.tag)
            at[row] = at[row] or d.at
            first = row if table[row * _ROW + 3] & _MANY else row + 1
        d.leave()
        for row in range(rows):
            base = row * _ROW
            if table[base + 3] & 1 and not at[row] and table[base + 4] <= self._version <= table[base + 5]:
                raise _no(_REASON_INVALID_MESSAGE, "missing field %02X%02X" % (table[base], table[base + 1]))

    def _fits(self, table, base):
        # Whether the item under the cursor is what a row tells of.
        if not table[base + 4] <= self._version <= table[base + 5]:
            return False
        tag = self._d.tag
        if table[base] == 0xFF:
            return _object(tag)
        return tag == 0x420000 | table[base] << 8 | table[base + 1]

    def _select(self, at):
        # Put the cursor back on the item whose value is there.
        d = self._d
        buf = self.buf
        d.at = at
        d.kind = buf[at - 5]
        d.size = buf[at - 3] << 16 | buf[at - 2] << 8 | buf[at - 1]

    def _text(self, row):
        # The text of a field, or None where it is not there.
        if not self._at[row]:
            return None
        self._select(self._at[row])
        return self._d.value()


def _object(tag):
    # The Object Type of an object's tag, or 0.
    for kind in range(1, len(_TAGS)):
        if tag == 0x420000 | _TAGS[kind]:
            return kind
    return 0


def _no(reason, text):
    return KmipError(0, _STATUS_OPERATION_FAILED, reason, text)
