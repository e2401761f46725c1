"""What the identity's arithmetic costs, run by MicroPython: micropython costs.py [NAME ...]

Prints one line an operation: name, best time of a few runs in microseconds, bytes of heap allocated by one
run (garbage included), and bytes that its result keeps. With a small -X heapsize
it shows what an operation can be done in: the bytes allocated are then not measured.
"""

import gc
import sys
import time
from hashlib import sha256

from identity.steps import run

SECRET = bytes(range(1, 33))
DIGEST = sha256(b"a message").digest()


def load(label):
    folder = __file__.rpartition("/")[0] or "."
    with open(folder + "/../portable/certificates.txt") as file:
        for line in file:
            if line.startswith(label + " "):
                return bytes.fromhex(line.split()[1])


def generate():
    from identity import p256

    return lambda: run(p256.generate())


def sign():
    from identity import p256

    return lambda: run(p256.sign(SECRET, DIGEST))


def verify():
    from identity import p256

    point = run(p256.public(SECRET))
    signature = run(p256.sign(SECRET, DIGEST))
    return lambda: run(p256.verify(point, DIGEST, signature))


def request():
    """The request without its signature."""
    from identity import csr

    point = b"\x04" + bytes(64)
    subject = csr.name((("CN", "meter-0042"),))
    return lambda: csr.build(subject, point, lambda digest: bytes(71), (("DNS", "meter-0042"),))


def certificate():
    from identity import x509

    octets = load("ec_leaf")
    return lambda: x509.Certificate(octets)


def issuer(kind):
    from identity import x509

    leaf = x509.Certificate(load(kind + "_leaf"))
    authority = x509.Certificate(load(kind + "_ca"))
    return lambda: run(leaf.signed_by(authority))


OPERATIONS = (
    ("generate", generate),
    ("sign", sign),
    ("verify", verify),
    ("request", request),
    ("certificate", certificate),
    ("issuer_ec", lambda: issuer("ec")),
    ("issuer_rsa2048", lambda: issuer("rsa2048")),
    ("issuer_rsa4096", lambda: issuer("rsa4096")),
)


def main(names):
    for name, prepare in OPERATIONS:
        if names and name not in names:
            continue
        operation = prepare()
        operation()  # what is loaded once is loaded now
        best = 1 << 29
        for _ in range(5):
            gc.collect()
            start = time.ticks_us()
            operation()
            best = min(best, time.ticks_diff(time.ticks_us(), start))
        gc.collect()
        before = gc.mem_alloc()
        allocated = 0
        if gc.mem_free() > 1 << 21:
            gc.disable()
            operation()
            allocated = gc.mem_alloc() - before
            gc.enable()
        results = [None] * 8
        gc.collect()
        before = gc.mem_alloc()
        for index in range(len(results)):
            results[index] = operation()
        gc.collect()
        print(name, best, allocated, (gc.mem_alloc() - before) // len(results))


if __name__ == "__main__":
    main(sys.argv[1:])
