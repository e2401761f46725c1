"""Messages for the tests, by an encoder of their own, and a stream in memory that misbehaves on demand."""

from struct import pack

SUCCESS, FAILED, PENDING, UNDONE = range(4)

STRUCTURE, INTEGER, LONG, BIG, ENUM, BOOL, TEXT, BYTES, DATE, INTERVAL = range(1, 11)

REGISTER, CERTIFY, RECERTIFY, LOCATE, CHECK, GET, GET_ATTRIBUTES = 3, 6, 7, 8, 9, 10, 11
USAGE, QUERY, DISCOVER = 0x11, 0x18, 0x1E

UID = 0x420094
STAMP = 1335514481


def ttlv(tag, kind, value):
    """One item; the value of a Structure is a list of items in bytes."""
    if kind == STRUCTURE:
        value = b"".join(value)
    elif kind == INTEGER:
        value = pack(">i", value)
    elif kind in (ENUM, INTERVAL):
        value = pack(">I", value)
    elif kind in (LONG, DATE, BOOL, 11):
        value = pack(">q", value)
    elif kind == TEXT and isinstance(value, str):
        value = value.encode()
    head = bytes([tag >> 16, tag >> 8 & 255, tag & 255, kind]) + pack(">I", len(value))
    return head + value + bytes(-len(value) % 8)


def header(version=12, count=1, stamp=STAMP):
    """The fields of a response header, as a list."""
    numbers = [ttlv(0x42006A, INTEGER, version // 10), ttlv(0x42006B, INTEGER, version % 10)]
    return [
        ttlv(0x420069, STRUCTURE, numbers),
        ttlv(0x420092, DATE, stamp),
        ttlv(0x42000D, INTEGER, count),
    ]


def item(operation, payload=None, its=None, status=SUCCESS, reason=None, message=None, correlation=None):
    """A batch item of a response; `payload` a list of items, `operation` None for an item without."""
    fields = []
    if operation is not None:
        fields.append(ttlv(0x42005C, ENUM, operation))
    if its is not None:
        fields.append(ttlv(0x420093, BYTES, its if isinstance(its, bytes) else bytes([its])))
    fields.append(ttlv(0x42007F, ENUM, status))
    if reason is not None:
        fields.append(ttlv(0x42007E, ENUM, reason))
    if message is not None:
        fields.append(ttlv(0x42007D, TEXT, message))
    if correlation is not None:
        fields.append(ttlv(0x420006, BYTES, correlation))
    if payload is not None:
        fields.append(ttlv(0x42007C, STRUCTURE, payload))
    return ttlv(0x42000F, STRUCTURE, fields)


def failure(operation, reason=0x0C, message="no", its=None):
    return item(operation, None, its, FAILED, reason, message)


def message(*items, version=12, count=None, stamp=STAMP):
    """A response message of these batch items."""
    top = header(version, len(items) if count is None else count, stamp)
    return ttlv(0x42007B, STRUCTURE, [ttlv(0x42007A, STRUCTURE, top)] + list(items))


def success(operation, *payload, version=12):
    """A response message to one operation that went well."""
    return message(item(operation, payload), version=version)


def uid(text="id-1"):
    return ttlv(UID, TEXT, text)


def key_block(value, format=1, algorithm=3, bits=128, wrapping=None):
    """The fields of a Key Block, as a list; `value` the Key Value item, or bytes of Key Material."""
    if isinstance(value, bytes) and value[:3] != b"\x42\x00\x45":
        value = ttlv(0x420045, STRUCTURE, [ttlv(0x420043, BYTES, value)])
    fields = [ttlv(0x420042, ENUM, format), value]
    if algorithm is not None:
        fields.append(ttlv(0x420028, ENUM, algorithm))
    if bits is not None:
        fields.append(ttlv(0x42002A, INTEGER, bits))
    if wrapping is not None:
        fields.append(wrapping)
    return fields


OBJECT_TAGS = {1: 0x420013, 2: 0x42008F, 3: 0x42006D, 4: 0x420064, 7: 0x420085, 8: 0x42005B}
WRAPPING_DATA = ttlv(0x420046, STRUCTURE, [ttlv(0x42009E, ENUM, 1)])


def get_payload(kind, fields, name="id-1"):
    """The payload of Get's answer; `fields` those of the object."""
    return [ttlv(0x420057, ENUM, kind), uid(name), ttlv(OBJECT_TAGS[kind], STRUCTURE, fields)]


def got_key(kind=2, name="id-1", secret_type=None, **block):
    """The payload of Get's answer with an object that has a Key Block."""
    fields = [ttlv(0x420040, STRUCTURE, key_block(**block))]
    if secret_type is not None:
        fields.insert(0, ttlv(0x420086, ENUM, secret_type))
    return get_payload(kind, fields, name)


def got_certificate(der, kind=1, name="id-1"):
    return get_payload(1, [ttlv(0x42001D, ENUM, kind), ttlv(0x42001E, BYTES, der)], name)


def got_opaque(data, kind=0x80000001):
    return get_payload(8, [ttlv(0x420059, ENUM, kind), ttlv(0x42005A, BYTES, data)])


def attribute(name, kind, value, index=None):
    fields = [ttlv(0x42000A, TEXT, name)]
    if index is not None:
        fields.append(ttlv(0x420009, INTEGER, index))
    return ttlv(0x420008, STRUCTURE, fields + [ttlv(0x42000B, kind, value)])


def permutations(items):
    """Every order of a short list."""
    if len(items) < 2:
        yield list(items)
        return
    for index in range(len(items)):
        for rest in permutations(items[:index] + items[index + 1 :]):
            yield [items[index]] + rest


class Random:
    """Numbers that are the same on every runtime."""

    def __init__(self, seed=1):
        self._state = seed

    def below(self, limit):
        self._state = (self._state * 1103515245 + 12345) & 0x7FFFFFFF
        return (self._state >> 8) % limit


class Stream:
    """A stream in memory that gives `answers`, one after each whole request.

    `read` and `write`: the most that one call takes, 0 for all. `fail`: the number of the call (from
    0, reads and writes together) that gives `how`: an exception to raise, or the value to return.
    """

    def __init__(self, *answers, read=0, write=0, fail=None, how=None):
        self.answers = list(answers)
        self.sent = b""  # everything written
        self.requests = []  # whole messages
        self.calls = 0
        self.closed = 0
        self._read = read
        self._write = write
        self._fail = fail
        self._how = how
        self._out = b""
        self._in = b""

    def _call(self):
        if self.closed:
            raise RuntimeError("used after close()")
        self.calls += 1
        if self.calls - 1 != self._fail:
            return False
        if isinstance(self._how, Exception):
            raise self._how
        return True

    def write(self, data):
        if self._call():
            return self._how
        data = bytes(data[: self._write or len(data)])
        self.sent += data
        self._out += data
        while len(self._out) >= 8:
            size = 8 + int.from_bytes(self._out[4:8], "big")
            if len(self._out) < size:
                break
            self.requests.append(self._out[:size])
            self._out = self._out[size:]
            if self.answers:
                self._in += self.answers.pop(0)
        return len(data)

    def readinto(self, buf):
        if self._call():
            return self._how
        count = min(len(buf), len(self._in))
        if self._read:
            count = min(count, self._read)
        buf[:count] = self._in[:count]
        self._in = self._in[count:]
        return count

    def close(self):
        self.closed += 1
