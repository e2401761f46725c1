"""Cancel: give up an operation that is Pending (1.0 section 4.25, 1.1-1.4 4.27, 2.x 6.1.5)."""

from micropython import const

_ENUMERATION = const(5)
_BYTE_STRING = const(8)

_TAG_ASYNCHRONOUS_CORRELATION_VALUE = const(0x420006)
_TAG_CANCELLATION_RESULT = const(0x420012)

OP = 0x19


def request(e, version, correlation):
    """Write the payload. The answer is a Cancellation Result: 1 Canceled, 2 Unable to Cancel,
    3 Completed, 4 Failed, 5 Unavailable."""
    e.put(_TAG_ASYNCHRONOUS_CORRELATION_VALUE, _BYTE_STRING, correlation)


def response(d, version):
    """The number of the Cancellation Result."""
    d.need(_TAG_ASYNCHRONOUS_CORRELATION_VALUE, _BYTE_STRING)
    d.need(_TAG_CANCELLATION_RESULT, _ENUMERATION)
    return d.value()
