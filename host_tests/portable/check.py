"""What the portable tests share: helpers that exist on CPython and on MicroPython alike."""

from kmip_lite.ttlv import Decoder

try:
    from unittest import SkipTest as Skip  # pytest reports it as skipped
except ImportError:

    class Skip(Exception):
        """Raised by a test that cannot run on this runtime; the reason is printed."""


def raises(kind, function, *args, **kwargs):
    """Call and return the exception of exactly this kind or a subclass; fail if there is none."""
    try:
        result = function(*args, **kwargs)
    except kind as error:
        return error
    raise AssertionError("no %s, but %r" % (kind.__name__, result))


def unhex(text):
    """bytes of a hex text that may hold white space (MicroPython's fromhex takes none)."""
    return bytes.fromhex("".join(text.split()))


def inside(data):
    """A Decoder in the structure that `data` is."""
    d = Decoder(bytearray(data))
    d.open(len(data))
    d.next()
    d.enter()
    return d
