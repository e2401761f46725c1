"""Hands sealed reports to the billing end point: an HTTPS POST over mutual TLS."""

from kmip_lite import tls

ANSWER = 256  # bytes of the answer that are looked at


def post(address, context, path, body):
    """POST `body` (bytes) and give the status, an int.

    `address`: (host, port, name in the server's certificate, time-out in seconds). Raises TLSError when
    either side refuses the other, OSError for anything else, also for an answer that is not HTTP.
    """
    host, port, name, timeout = address
    stream = tls.connect(host, port, context, name, timeout)
    try:
        stream.write(request(name, path, body))
        buf = bytearray(ANSWER)
        view = memoryview(buf)
        at = 0
        while at < ANSWER and buf.find(b"\r\n") < 0:
            # MicroPython fills what it is given, or waits: the end of the line must not be waited for.
            count = stream.readinto(view[at : at + 1] if at < 32 else view[at:])
            if not count:
                break
            at += count
        return status(buf)
    finally:
        stream.close()


def request(name, path, body):
    """The whole request, bytes."""
    head = "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
    return (head % (path, name, len(body))).encode() + body


def status(buf):
    """The status in the first line of `buf`; OSError where it is none of HTTP's."""
    words = bytes(buf[: max(0, buf.find(b"\r\n"))]).split(b" ", 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():
        raise OSError("no HTTP answer")
    return int(words[1])
