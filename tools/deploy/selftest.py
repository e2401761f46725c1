"""Runs on a board, from the host: whether what a renewal needs works there. One line a test."""

import gc
import os
import sys


def imports():
    kept = set(sys.modules)
    try:
        for name in ("kmip_lite.client", "kmip_lite.tls", "kmip_lite.ops.get", "kmip_lite.ops.recertify",
                     "kmip_lite.ops.certify", "identity.renewal", "identity.jobs", "identity.slots"):
            __import__(name)
    finally:
        for name in set(sys.modules).difference(kept):
            del sys.modules[name]
    return "all of a renewal"


def heap():
    gc.collect()
    free = gc.mem_free()
    size = free
    while size > 1024:
        try:
            bytearray(size)
            break
        except MemoryError:
            size -= 1024
    if size < 17584:
        raise ValueError("%d bytes are free, %d in one piece; TLS takes 17584" % (free, size))
    return "%d bytes free, %d in one piece" % (free, size)


def codec():
    from kmip_lite.message import Request
    from kmip_lite.ops import get

    request = Request(bytearray(256))
    request.version = 12
    request.start()
    request.item(get.OP)
    get.request(request.encoder, 12, "key-1")
    request.end_item()
    size = request.finish()
    wanted = VECTOR  # noqa: F821 (the host puts it in front)
    if bytes(request.encoder.buf[:size]).hex() != wanted:
        raise ValueError("other bytes: " + bytes(request.encoder.buf[:size]).hex())
    return "%d bytes, as the host has them" % size


def key():
    from hashlib import sha256

    from identity import p256
    from identity.steps import run

    secret, point = run(p256.generate())
    digest = sha256(b"kmip_lite").digest()
    signature = run(p256.sign(secret, digest))
    if not run(p256.verify(point, digest, signature)) or run(p256.verify(point, bytes(32), signature)):
        raise ValueError("a signature does not verify as it should")
    return "P-256 signs and verifies"


def store():
    from identity.journal import Journal

    journal = Journal("/selftest")
    journal.value["n"] = 1
    journal.commit()
    journal.value["n"] = 2
    journal.commit()
    found = Journal("/selftest").value
    for number in (0, 1):
        for name in os.listdir("/selftest%d" % number):
            os.remove("/selftest%d/%s" % (number, name))
        os.rmdir("/selftest%d" % number)
    if found != {"n": 2}:
        raise ValueError("it gives back %s" % found)
    return "a journal is written, read and removed"


def entropy():
    first = os.urandom(32)
    second = os.urandom(32)
    if first == second or not any(first) or len(set(first + second)) < 16:
        raise ValueError("os.urandom does not look random")
    return "two draws differ; more than that cannot be seen from here"


def tls():
    import tls

    context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    context.verify_mode = tls.CERT_REQUIRED
    with open("/server_ca.der", "rb") as file:
        context.load_verify_locations(file.read())
    return tls.MBEDTLS_VERSION


for test in (imports, heap, codec, key, store, entropy, tls):
    gc.collect()
    try:
        print("ok", test.__name__ + ":", test())
    except Exception as error:
        print("FAILED", test.__name__ + ":", type(error).__name__, error)
