"""Batches, asynchronous answers and the header's fields against a server: micropython exchanges.py JOB.json

What is answered is checked here, on the device's side; out goes one line of JSON, what was tried.
"""

import json
import sys

import drive

from kmip_lite.header import Header, device, username
from kmip_lite.message import KmipError, KmipPending
from kmip_lite.ttlv import TTLVError

CONTINUE, STOP, UNDO = 1, 2, 3
UNDONE = 3
ITEM_NOT_FOUND, INVALID_MESSAGE, AUTHENTICATION, PERMISSION_DENIED = 1, 4, 3, 0x0C
NOT_SUPPORTED, FEATURE_NOT_SUPPORTED = 5, 8
CANCELED = 1
MASK = ("Cryptographic Usage Mask", 0x42002C, 2, 12)
VERIFY = ("Cryptographic Usage Mask", 0x42002C, 2, 2)
AES = ("Cryptographic Algorithm", 0x420028, 5, 3)
BITS = ("Cryptographic Length", 0x42002A, 2, 128)


def same(got, wanted):
    if got != wanted:
        raise AssertionError("%r, not %r" % (got, wanted))


def fails(reason, function, *args, **kwargs):
    try:
        value = function(*args, **kwargs)
    except KmipError as error:
        if error.reason != reason:
            raise AssertionError("%r, not the reason %d" % (error, reason))
        return error
    raise AssertionError("%r, not an error" % (value,))


def named(text):
    return ("Name", 0x420053, 1, ((0x420055, 7, text), (0x420054, 5, 1)))


def register(batch, name):
    batch.register(7, b"secret", (MASK, named(name)), 1)


class Exchanges:
    """What is tried, by name, on one connection and in one version."""

    def __init__(self, kmip, job):
        self.kmip = kmip
        self.header = Header(kmip)
        self.job = job
        self.key = job["key_uid"]
        self.prefix = job["prefix"]

    def located(self, name):
        return len(self.kmip.locate((named(name),)))

    # ---- batches ----

    def placeholder(self):
        """From Register over Get Attributes to Get, by the ID Placeholder; in order."""
        batch = self.kmip.batch()
        register(batch, self.prefix + "a")
        batch.get_attributes(None, (("Name", 0x420053),))
        batch.get()
        _, attributes, found = batch.send()
        same(attributes[0][2][0], (0x420055, 7, self.prefix + "a"))
        same(found.value, b"secret")
        batch = self.kmip.batch()
        batch.locate((named(self.prefix + "a"),), 1)
        batch.get()
        same(batch.send()[1].value, b"secret")

    def many(self):
        """32 items, and 33, which this server refuses as a whole."""
        batch = self.kmip.batch()
        for _ in range(32):
            batch.get_usage_allocation(self.key, 1)
        same(batch.send(), [self.key] * 32)
        batch = self.kmip.batch()
        for _ in range(33):
            batch.get_attributes(self.key, (("State", 0x42008D),))
        results = batch.send(False)
        if not isinstance(results[0], KmipError) or results[1:] != [None] * 32:
            raise AssertionError(results)

    def stop(self):
        for option in (None, STOP):
            self.header.continuation = option
            done = "%sstop-%r" % (self.prefix, option)
            batch = self.kmip.batch()
            register(batch, done)
            batch.get("nothing-of-this-name")
            register(batch, self.prefix + "never")
            results = batch.send(False)
            same((results[1].reason, results[2]), (self.job["not_found"], None))
            same((self.located(done), self.located(self.prefix + "never")), (1, 0))

    def go_on(self):
        self.header.continuation = CONTINUE
        batch = self.kmip.batch()
        batch.get("nothing-of-this-name")
        register(batch, self.prefix + "on")
        results = batch.send(False)
        same((results[0].reason, isinstance(results[1], str)), (self.job["not_found"], True))
        same(self.located(self.prefix + "on"), 1)

    def undo(self):
        self.header.continuation = UNDO
        batch = self.kmip.batch()
        register(batch, self.prefix + "undo")
        batch.get("nothing-of-this-name")
        results = batch.send(False)
        same((results[0].status, results[1].reason), (UNDONE, self.job["not_found"]))
        same(self.located(self.prefix + "undo"), 0)
        # What has an effect outside the server cannot be undone: refused as a whole.
        for verb, args in (
            ("certify", (None, self.job["csr"])),
            ("recertify", (self.job["cert_uid"], self.job["csr"], 0)),
            ("get_usage_allocation", (self.key, 1)),
        ):
            batch = self.kmip.batch()
            register(batch, self.prefix + "kept")
            getattr(batch, verb)(*args)
            results = batch.send(False)
            same(results[0].reason, FEATURE_NOT_SUPPORTED)
        same(self.located(self.prefix + "kept"), 0)

    # ---- asynchronous answers ----

    def pending(self):
        """Each operation is answered Pending, and its answer polled for."""
        self.header.asynchronous = True
        try:
            public = self.later(
                "register", 3, self.job["spki"], (VERIFY,), format=5, algorithm=6, bits=256)
            certificate = self.later("certify", public, self.job["csr"])
            found = self.later("get", certificate)
            same((found.object_type, found.size > 300), (1, True))
            newer = self.later("recertify", certificate, self.job["csr"], 0)
            if newer == certificate:
                raise AssertionError(newer)
            same(self.later("get_usage_allocation", self.key, 1), self.key)
            key = self.later("create", 2, (AES, BITS, MASK))
            same(self.later("locate", (AES, BITS, ("State", 0x42008D, 5, 1))), [key])
            same(self.later("get_attributes", key, (("State", 0x42008D),))[0][2], 1)
            same(self.later("activate", key), key)
            same(self.later("revoke", key, 1), key)
            same(self.later("destroy", key), key)
            if not self.later("query"):
                raise AssertionError("Query")
        finally:
            self.header.asynchronous = False
        error = fails(self.job["no_such_correlation"], self.kmip.poll, b"nothing", "get")
        same(isinstance(error, KmipPending), False)

    def later(self, verb, *args, **kwargs):
        try:
            value = getattr(self.kmip, verb)(*args, **kwargs)
        except KmipPending as pending:
            correlation = pending.correlation
        else:
            raise AssertionError("%s was answered at once: %r" % (verb, value))
        return self.kmip.wait(correlation, verb, first=0)

    def cancelled(self):
        self.header.asynchronous = True
        try:
            self.kmip.create(2, (AES, BITS, MASK))
        except KmipPending as pending:
            same(self.kmip.cancel(pending.correlation), CANCELED)
            fails(self.job["canceled"], self.kmip.poll, pending.correlation, "create")
        else:
            raise AssertionError("answered at once")

    # ---- the header's fields ----

    def credential(self):
        get = self.kmip.get
        for name, password in (("meter", "wrong"), ("another", "a secret"), ("meter", None)):
            kmip = drive.connect(self.job)  # which the server closes
            Header(kmip).credential = username(name, password)
            fails(AUTHENTICATION, kmip.get, self.key)
            kmip.close()
        self.header.credential = username("meter", "a secret")
        same(get(self.key).object_type, 2)
        self.header.credential = device(serial="0001", machine="a")
        if self.kmip.version >= 11:
            same(get(self.key).object_type, 2)
        else:
            try:
                get(self.key)
            except TTLVError:
                pass
            else:
                raise AssertionError("1.0 has no Device credential")

    def correlation(self):
        header = self.header
        self.kmip.get(self.key)
        same(header.server_correlation, None)
        header.client_correlation = "meter-0001/7"
        self.kmip.get(self.key)
        first = header.server_correlation
        if not first:
            raise AssertionError("no Server Correlation Value")
        header.client_correlation = None
        header.related = first
        self.kmip.get(self.key)
        if header.server_correlation in (None, first):
            raise AssertionError(header.server_correlation)


def run(job):
    """As drive.run(); `tries`: the methods to call, each on a connection of its own."""
    done = []
    for key in ("csr", "spki"):
        job[key] = drive.unhex(job[key])
    for name in job["tries"]:
        kmip = drive.connect(job)
        getattr(Exchanges(kmip, job), name)()
        kmip.close()
        done.append(name)
    return [done]


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        for result in run(json.load(file)):
            print(json.dumps(result))
