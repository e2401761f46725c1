"""Makes one exchange that carries a key, forgets it in the way that the job says, prints "ready" and waits to
be looked at: micropython holding.py JOB.json. See test_memory.py."""

import gc
import json
import sys
import time

import drive

from kmip_lite.ttlv import TTLVError


def wipe(buf):
    for at in range(len(buf)):
        buf[at] = 0


def get_into(client, job):
    into = bytearray(job["size"])
    client.get("id-1", into=into)
    wipe(into)


def batch_into(client, job):
    into = bytearray(job["size"])
    batch = client.batch()
    batch.activate("id-1")
    batch.get("id-1", into=into)
    batch.send()
    wipe(into)


def poll_into(client, job):
    into = bytearray(job["size"])
    client.poll(b"12345678", "get", into=into)
    wipe(into)


def get_bytes(client, job):
    client.get("id-1")


def register(client, job):
    key = bytearray(job["size"])
    for at in range(len(key)):  # the key of test_memory.py, which is in no file that this reads
        key[at] = (at * 73 + 41) & 0xFF
    client.register(2, key, format=1, algorithm=3, bits=8 * len(key), attributes=((
        "Cryptographic Usage Mask", 0x42002C, 2, 12),))
    wipe(key)


def cut_off(client, job):
    into = bytearray(job["size"])
    try:
        client.get("id-1", into=into)
    except OSError:
        pass
    wipe(into)


def refused(client, job):  # an answer that holds the key and is not what was asked for
    try:
        client.activate("id-1")
    except TTLVError:
        pass


def asked_into(job):
    import asyncio

    from kmip_lite import aclient, tls

    async def ask():
        context = tls.context([drive.unhex(each) for each in job["anchors"]], drive.unhex(job["cert"]),
                              drive.unhex(job["key"]))
        client = aclient.AsyncClient(await aclient.connect("127.0.0.1", job["port"], context, job["name"]))
        into = bytearray(job["size"])
        await client.get("id-1", into=into)
        wipe(into)
        client.close()

    asyncio.run(ask())


def signed(job):
    """Sign once with the private key in a file; `into` a buffer where the job says so."""
    from identity import p256, steps

    with open(job["private"], "rb") as file:
        secret, _ = p256.read(file.read())
    steps.run(p256.sign(secret, bytes(32)))


def shaken(job):
    """Shake hands with the private key in a file, and close."""
    from kmip_lite import tls

    with open(job["private"], "rb") as file:
        context = tls.context([drive.unhex(each) for each in job["anchors"]], drive.unhex(job["cert"]),
                              file.read())
    tls.connect("127.0.0.1", job["port"], context, job["name"]).close()


ALONE = (asked_into, signed, shaken)


def run(job):
    what = globals()[job["what"]]
    client = None
    if what in ALONE:
        what(job)
    else:
        client = drive.connect(job)
        what(client, job)
        if job.get("close", True):
            client.close()
    if job.get("collect"):
        gc.collect()
    return client


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        held = run(json.load(file))
    print("ready")
    time.sleep(60)
