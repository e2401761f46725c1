"""Client: a blocking exchange of KMIP messages over any stream.

    with Client(stream, version=12) as kmip:
        key = kmip.get("key-1").value

A verb of the client is a file in kmip_lite/ops, imported when it is first used; its arguments are
those of the file's request() without the first two, and its value is that of its response().
"""

import sys
from errno import ECONNRESET, ENOTCONN, ETIMEDOUT
from struct import pack_into

from micropython import const

from kmip_lite.message import KmipError, Request, Response
from kmip_lite.ttlv import TTLVError

_HEADER = const(8)


class Client:
    """Speaks KMIP over `stream`, which has readinto(), write() and close() and brings its time-out.

    The stream's calls block, up to a time-out of its own that shows as OSError; a None from either
    (nothing happened in time) becomes OSError(ETIMEDOUT). `version` is 10 * major + minor.
    `buf` is the one buffer for requests and answers, a bytearray or the size to allocate; with
    `limit` the server is told its size in every request (Maximum Response Size, 1.x section 6.3).

    Every verb raises KmipError when the server refuses (the connection goes on), TTLVError when an
    answer is malformed, too large or to something else, and OSError when the stream fails; after
    either of the last two the stream is closed and not used again. A request that cannot be encoded
    or does not fit is a TTLVError too, before anything is sent, and closes nothing. The buffer is
    wiped after every exchange. Allocates: the buffer, about 700 bytes of objects on a 32-bit board,
    and per exchange some small objects for the call and the answer's value.
    """

    def __init__(self, stream, version=12, buf=2048, limit=True):
        if isinstance(buf, int):
            buf = bytearray(buf)
        self.buf = buf
        self.version = version
        self._stream = stream
        self._view = memoryview(buf)
        self._zeros = "%ds" % len(buf)
        self._request = Request(buf, version, limit)
        self._response = Response(buf, version)
        # What went over the wire since the client was made: messages, bytes out, bytes in.
        self.round_trips = 0
        self.sent = 0
        self.received = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Close the stream. Does nothing where it is closed already."""
        stream = self._stream
        self._stream = None
        if stream is not None:
            stream.close()

    def set_version(self, version):
        """Speak this version from the next request on."""
        self.version = self._request.version = self._response.version = version

    def agree(self, versions=(14, 13, 12, 11, 10)):
        """Speak the highest of `versions` that the server knows too, and give it; TTLVError where there
        is none, and the connection is closed. One round trip. A server that does not know Discover
        Versions speaks 1.0. The version is what it was where anything fails."""
        before = self.version
        self.set_version(lowest(versions))
        try:
            found = self.discover_versions(versions)
        except KmipError as error:
            found = error
        finally:
            self.set_version(before)
        return self._settle(versions, found)

    def _settle(self, versions, found):
        agreed = load("discover_versions").highest(versions, found)
        if not agreed:
            self.close()
            raise TTLVError("no protocol version in common")
        self.set_version(agreed)
        return agreed

    def time_stamp(self):
        """The server's clock in its last answer, seconds since 1970; 0 before the first."""
        return self._response.time_stamp()

    def offer_asynchronous(self, offer=True):
        """Let the server answer Pending (KmipPending is raised then), or no longer."""
        self._request.asynchronous = offer

    def poll(self, correlation, operation):
        """Ask what became of an operation that was Pending, named by its verb: the value of that verb,
        its KmipError, or KmipPending as before."""
        polled = load(operation)
        return self._exchange(load("poll"), (correlation,), {}, polled)

    def batch(self):
        """A Batch: several operations in one message, with the ID Placeholder."""
        from kmip_lite.batch import Batch

        return Batch(self)

    def __getattr__(self, name):
        operation = load(name)

        def verb(*args, **kwargs):
            return self._exchange(operation, args, kwargs, operation)

        return verb

    def _exchange(self, operation, args, kwargs, answered):
        into = kwargs.pop("into", None)
        try:
            self.exchange(self._encode(operation, args, kwargs))
            return self._value(operation, answered, into)
        finally:
            self.wipe()

    # What is done between the waits stands apart from them: AsyncClient has it in common.

    def _encode(self, operation, args, kwargs):
        request = self._request
        request.start()
        request.item(operation.OP)
        operation.request(request.encoder, self.version, *args, **kwargs)
        request.end_item()
        return request.finish()

    def _length(self):
        # Of the answer whose first eight bytes are there.
        buf = self.buf
        if buf[0] != 0x42 or buf[1] or buf[2] != 0x7B or buf[3] != 1:
            raise TTLVError("not a KMIP answer")
        size = (buf[4] << 8 | buf[5]) << 8 | buf[6]  # a 32-bit length can be beyond small ints
        if size >= len(buf) or (size << 8 | buf[7]) > len(buf) - _HEADER:
            raise TTLVError("answer longer than the buffer", 4)
        return _HEADER + (size << 8 | buf[7])

    def _value(self, operation, answered, into):
        response = self._response
        try:
            response.next(answered.OP, operation.OP)
            value = answer(answered, response, self.version, into)
            response.end()
        except TTLVError:
            self.close()
            raise
        return value

    def exchange(self, size):
        """Send the first `size` bytes of the buffer, receive the answer into it and open it.

        Gives the Response. Raises TTLVError and OSError, and closes the stream with either.
        """
        if self._stream is None:
            raise OSError(ENOTCONN, "the connection is closed")
        done = False
        try:
            self._send(size)
            self._receive(0, _HEADER)
            size = self._length()
            self._receive(_HEADER, size)
            self.received += size
            self.round_trips += 1
            self._response.open(size)
            done = True
        finally:
            if not done:  # whatever it was, what is left on the wire is no answer to the next request
                self.close()
        return self._response

    def wipe(self):
        """Overwrite the buffer with zeros."""
        pack_into(self._zeros, self.buf, 0, b"")

    def _send(self, size):
        at = 0
        while at < size:
            at += moved(self._stream.write(self._view[at:size]))
        self.sent += size

    def _receive(self, at, end):
        while at < end:
            at += moved(self._stream.readinto(self._view[at:end]))


def moved(count):
    """What a stream's call gave, where that is a number of bytes; OSError for None and 0."""
    if count is None:
        raise OSError(ETIMEDOUT, "the server does not answer in time")
    if not count:
        raise OSError(ECONNRESET, "the server has closed the connection")
    return count


def lowest(versions):
    """The version to ask in: the lowest of those that know Discover Versions (1.1 and later)."""
    return min([version for version in versions if version > 10] or versions)


def load(name):
    """The module of an operation, by its file's name; AttributeError says what is missing."""
    path = "kmip_lite.ops." + name
    if name[0] != "_" and path not in sys.modules:
        try:
            __import__(path)
        except ImportError as error:
            raise AttributeError("%s: %s.py is not on this board (%s)" % (name, path, error))
    if path not in sys.modules:
        raise AttributeError(name)
    return sys.modules[path]



def answer(operation, response, version, into):
    """The value of the item under the cursor; `into` goes to those that take one."""
    if into is None:
        return operation.response(response.decoder, version)
    return operation.response(response.decoder, version, into)
