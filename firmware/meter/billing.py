"""What passes between the meter and the billing end point: an HTTP POST and the status it gets."""

ANSWER = 256  # bytes of the answer that are looked at


def request(name, path, body):
    """The whole request, bytes. `name`: for the Host field, `path`: where to, both text; `body`: bytes-like.
    Allocates both its parts and the whole."""
    head = "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
    return (head % (path, name, len(body))).encode() + body


def status(buf):
    """The status, an int, in the first line of `buf`, a bytearray; OSError where it is none of HTTP's."""
    words = bytes(buf[: max(0, buf.find(b"\r\n"))]).split(b" ", 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():
        raise OSError("no HTTP answer")
    return int(words[1])
