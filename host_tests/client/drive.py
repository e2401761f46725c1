"""Makes one connection and some calls on it, on any runtime: micropython drive.py JOB.json

The job is what run() takes; each result goes out as one line of JSON, the connecting first.
"""

import json
import socket
import sys
import time

from kmip_lite import https, tls
from kmip_lite.client import Client


def plain(value):
    """A call's value as JSON has it; bytes as {"hex": text}."""
    if isinstance(value, (bytes, bytearray)):
        return {"hex": value.hex()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return [[plain(key), plain(value[key])] for key in sorted(value)]
    if isinstance(value, Exception):
        return error_of(value)
    if hasattr(value, "object_type"):
        return {
            "object_type": value.object_type, "value": plain(value.value), "kind": value.kind,
            "format": value.format, "algorithm": value.algorithm, "bits": value.bits,
        }
    return value


def error_of(error):
    return {
        "error": type(error).__name__, "text": str(error),
        "errno": getattr(error, "errno", None), "reason": getattr(error, "reason", None),
        "refused": getattr(error, "refused", None), "os": isinstance(error, OSError),
    }


def unhex(value):
    """An argument from JSON: {"hex": text} are bytes."""
    if isinstance(value, dict):
        return bytes.fromhex(value["hex"])
    if isinstance(value, list):
        return tuple(unhex(item) for item in value)
    return value


def timed(function, *args):
    start = time.ticks_ms()
    try:
        result = {"value": plain(function(*args))}
    except Exception as error:
        result = error_of(error)
    result["seconds"] = time.ticks_diff(time.ticks_ms(), start) / 1000
    return result


def swallow(job):
    """Read what comes, under TLS, until the time is over; gives the last read's result."""
    sock = socket.socket()
    sock.connect(socket.getaddrinfo("127.0.0.1", job["port"])[0][-1])
    sock.setblocking(False)
    timed = tls._Timed(sock)
    timed.until = time.ticks_add(time.ticks_ms(), int(job["timeout"] * 1000))
    buf = bytearray(256)
    count = 1
    while count > 0:
        count = timed.readinto(buf)
    timed.close()
    return count


def hurry(job, stream):
    """The job's time-out for each exchange, where it is another than for the connection: what waits in vain
    is not to wait for long, and a handshake takes its time on a busy machine."""
    if "exchange" in job:
        stream._timeout = job["exchange"]


def connect(job):
    identity = (unhex(job["cert"]), unhex(job["key"])) if job.get("cert") else ()
    context = tls.context([unhex(anchor) for anchor in job["anchors"]], *identity)
    stream = tls.connect(
        job.get("host", "127.0.0.1"), job["port"], context, job["name"], job.get("timeout", 10)
    )
    hurry(job, stream)
    if "path" in job:
        stream = https.Stream(stream, job["name"], job["path"])
    return Client(stream, job.get("version", 12), job.get("buf", 2048))


def call(client, step):
    verb, args, kwargs = step
    if verb == "batch":
        batch = client.batch()
        for name, values, named in args:
            getattr(batch, name)(*unhex(values), **{key: unhex(named[key]) for key in named})
        return batch.send(False)
    if verb == "attribute":
        return getattr(client, args[0])
    if verb == "blank":
        return not any(client.buf)
    return getattr(client, verb)(*unhex(args), **{key: unhex(kwargs[key]) for key in kwargs})


def run(job):
    """`job`: port, name, anchors, cert, key, timeout, exchange (see hurry()), version, buf, and calls:
    [verb, args, kwargs]; with `path` it speaks HTTPS."""
    if job.get("swallow"):
        return [timed(swallow, job)]
    for _ in range(job.get("before", 0)):
        timed(connect, job)  # and forget it
    made = []

    def connected():
        made.append(connect(job))

    results = [timed(connected)]
    for step in job.get("calls", ()) if made else ():
        results.append(timed(call, made[0], step))
    if made:
        made[0].close()
    return results


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        for result in run(json.load(file)):
            print(json.dumps(result))
