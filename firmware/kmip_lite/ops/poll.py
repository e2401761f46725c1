"""Poll: what became of an operation that was Pending (1.0 section 4.26, 1.1-1.4 4.28, 2.0 6.1.36,
2.1 6.1.38)."""

from micropython import const

_BYTE_STRING = const(8)

_TAG_ASYNCHRONOUS_CORRELATION_VALUE = const(0x420006)

OP = 0x1A


def request(e, version, correlation):
    """Write the payload. The answer is that of the operation polled for, or KmipPending again."""
    e.put(_TAG_ASYNCHRONOUS_CORRELATION_VALUE, _BYTE_STRING, correlation)


def steps(client, correlation, operation, into=None):
    """The value of `operation`, a verb, that was Pending with `correlation`; KmipPending as before, or
    its KmipError. `into`: as that verb takes it. One round trip."""
    return (yield ("poll", (correlation,), operation, into))
