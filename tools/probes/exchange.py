"""exchange.py: what the client's verbs allocate, over a stream in memory that allocates nothing.

Reads answers.json, {name: answer in hex}; prints {name: [bytes allocated by one exchange, bytes that its
value goes on to hold]} in JSON, with "client" for a Client and its buffer, and under "stack" how deep the C
stack was.
"""

import gc
import json
from binascii import unhexlify

import stack
from tidy import tidy

from kmip_lite.client import Client

UID = "5f1d6c6a-1f0b-4a52-9d0e-3b8a0c6d7e21"
CSR = bytes(300)


class Stream:
    """Gives the same answer to each request."""

    answer = b""
    at = 0

    def readinto(self, buf):
        answer = self.answer
        at = self.at
        for index in range(len(buf)):
            buf[index] = answer[at + index]
        at += len(buf)
        self.at = at if at < len(answer) else 0
        return len(buf)

    def write(self, buf):
        return len(buf)

    def close(self):
        pass


def renewal(kmip):
    batch = kmip.batch()
    batch.recertify(UID, csr=CSR, offset=0)
    batch.get()
    return batch.send()


KEY = bytearray(16)
CALLS = {
    "get": lambda kmip: kmip.get(UID),
    "get into": lambda kmip: kmip.get(UID, into=KEY),
    "get certificate": lambda kmip: kmip.get(UID),
    "certify": lambda kmip: kmip.certify(UID, csr=CSR),
    "recertify": lambda kmip: kmip.recertify(UID, csr=CSR, offset=0),
    "get_usage_allocation": lambda kmip: kmip.get_usage_allocation(UID, 100),
    "recertify + get": renewal,
}


def held(function, *args):
    """Bytes that a call allocates, bytes of them that are in use as long as its value is."""
    tidy()
    before = gc.mem_alloc()
    gc.disable()
    value = function(*args)
    allocated = gc.mem_alloc() - before
    gc.enable()
    tidy()
    kept = gc.mem_alloc() - before
    del value  # not before
    return [allocated, kept]


def main():
    with open("answers.json") as file:
        answers = json.load(file)
    stream = Stream()
    found = {"client": held(Client, stream)}
    kmip = Client(stream)
    for name, call in CALLS.items():
        stream.answer = unhexlify(answers[name])
        call(kmip)  # loads the operation's file
    stack.clear()
    for name, call in CALLS.items():
        stream.answer = unhexlify(answers[name])
        call(kmip)
    found["stack"] = stack.deepest()
    for name, call in CALLS.items():
        stream.answer = unhexlify(answers[name])
        found[name] = held(call, kmip)
    print(json.dumps(found))


main()
