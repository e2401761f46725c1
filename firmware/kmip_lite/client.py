"""Client: a blocking exchange of KMIP messages over any stream.

    with Client(stream, version=12) as kmip:
        key = kmip.get("key-1").value

A verb of the client is a file in kmip_lite/ops, imported when it is first used; its arguments are
those of the file's request() without the first two, and its value is that of its response(). A file
with steps() takes several exchanges, or an answer to another operation: a generator, given the client
and the verb's arguments, that yields (verb, arguments, the verb that the answer is to, the caller's buffer
for its value or None) for each exchange, and is sent its value or thrown its error; or it yields seconds to
wait. So the same steps serve blocking and asyncio use.
"""

import sys
from errno import ECONNRESET, ENOTCONN, ETIMEDOUT
from struct import pack_into
from time import sleep

from micropython import const

from kmip_lite.message import Request, Response
from kmip_lite.ttlv import TTLVError

_HEADER = const(8)

# Numbers of errors.py.
_E_ANSWER = const(22)
_E_LONG = const(23)


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
        self.round_trips = self.sent = self.received = 0

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

    def time_stamp(self):
        """The server's clock in its last answer, seconds since 1970; 0 before the first."""
        return self._response.time_stamp()

    def batch(self):
        """A Batch: several operations in one message, with the ID Placeholder."""
        from kmip_lite.batch import Batch

        return Batch(self)

    def __getattr__(self, name):
        operation = load(name)

        def verb(*args, **kwargs):
            return self._call(operation, args, kwargs)

        return verb

    def _call(self, operation, args, kwargs):
        if not hasattr(operation, "steps"):
            return self._exchange(operation, args, kwargs, operation)
        steps = operation.steps(self, *args, **kwargs)
        value = error = None
        try:
            while True:
                wanted = steps.send(value) if error is None else steps.throw(error)
                value = error = None
                try:
                    if isinstance(wanted, tuple):
                        value = self._exchange(
                            load(wanted[0]), wanted[1], {"into": wanted[3]}, load(wanted[2]))
                    else:
                        sleep(wanted)
                except Exception as caught:
                    error = caught
        except StopIteration as stop:
            return stop.value

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
            raise TTLVError(_E_ANSWER)
        size = (buf[4] << 8 | buf[5]) << 8 | buf[6]  # a 32-bit length can be beyond small ints
        if size >= len(buf) or (size << 8 | buf[7]) > len(buf) - _HEADER:
            raise TTLVError(_E_LONG, 4)
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
        stream = self._stream
        view = self._view
        if stream is None:
            raise OSError(ENOTCONN, "the connection is closed")
        done = False
        try:
            at = 0
            while at < size:
                at += moved(stream.write(view[at:size]))
            self.sent += size
            at = 0
            size = _HEADER
            while at < size:
                at += moved(stream.readinto(view[at:size]))
                if at == _HEADER:
                    size = self._length()
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


def moved(count):
    """What a stream's call gave, where that is a number of bytes; OSError for None and 0."""
    if count is None:
        raise OSError(ETIMEDOUT, "the server does not answer in time")
    if not count:
        raise OSError(ECONNRESET, "the server has closed the connection")
    return count


def load(name):
    """The module of an operation, by its file's name; AttributeError says what is missing."""
    path = "kmip_lite.ops." + name
    if path not in sys.modules:
        try:
            if name[0] == "_":
                raise ImportError("no operation")
            __import__(path)
        except ImportError as error:
            raise AttributeError("%s: %s.py is not on this board (%s)" % (name, path, error))
    return sys.modules[path]


def answer(operation, response, version, into):
    """The value of the item under the cursor; `into` goes to those that take one."""
    if into is None:
        return operation.response(response.decoder, version)
    return operation.response(response.decoder, version, into)
