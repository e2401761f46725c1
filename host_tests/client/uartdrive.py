"""Calls over a Line, one TLS connection after another: micropython uartdrive.py JOB.json

The line is a bare socket to the bridge: it does not block, gives None while there is nothing, and takes part
in select.poll(), as machine.UART does.
"""

import json
import socket
import sys
import time

from drive import timed, unhex

from kmip_lite import tls
from kmip_lite.client import Client
from kmip_lite.uart import Line


def run(job):
    sock = socket.socket()
    sock.connect(socket.getaddrinfo("127.0.0.1", job["port"])[0][-1])
    sock.setblocking(False)
    line = Line(sock)
    line.quiet = job.get("quiet", 100)
    context = tls.context(
        [unhex(anchor) for anchor in job["anchors"]], unhex(job["cert"]), unhex(job["key"]))
    results = []
    for calls in job["connections"]:
        time.sleep(job.get("pause", 0))

        def connection(calls=calls):
            stream = line.connect("", 0, context, job["name"], job.get("timeout", 10))
            try:
                if calls == "torn":
                    # As a board that is reset in the middle of a record.
                    line.write(b"\x17\x03\x03\x04\x00 and no more")
                    return "torn"
                kmip = Client(stream, 12, 4096)
                return [getattr(kmip, verb)(*args) for verb, args in calls]
            finally:
                stream.close()

        results.append(timed(connection))
    sock.close()
    return results


def main(argv):
    with open(argv[0]) as file:
        job = json.load(file)
    for result in run(job):
        print(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1:])
