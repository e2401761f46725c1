"""The life of a few keys and a certificate, with every operation of the client: micropython life.py JOB.json

What is answered is checked here, on the device's side; out goes one line of JSON, the verbs that were used.
"""

import hashlib
import json
import sys

import drive

from kmip_lite.header import Header
from kmip_lite.message import KmipError, KmipPending

AES = ("Cryptographic Algorithm", 0x420028, 5, 3)
ECDSA = ("Cryptographic Algorithm", 0x420028, 5, 6)
STATE = ("State", 0x42008D)
LINK = ("Link", 0x42004A)
GROUP = ("Object Group", 0x420056)
NAME = ("Name", 0x420053)
SIGN, VERIFY, ENCRYPT, DECRYPT, DERIVE_KEY = 1, 2, 4, 8, 0x200
PRE_ACTIVE, ACTIVE, DEACTIVATED, COMPROMISED, DESTROYED, DESTROYED_COMPROMISED = range(1, 7)
PUBLIC_KEY_LINK, DERIVED_KEY_LINK, REPLACEMENT_LINK = 0x102, 0x105, 0x106
CESSATION, KEY_COMPROMISE = 6, 2
PERMISSION_DENIED, OBJECT_ARCHIVED = 0x0C, 0x0D
# Incompatible Cryptographic Usage Mask, Usage Limit Exceeded: Result Reasons of 2.x
MASK_2, LIMIT_2 = 0x29, 0x1A


def bits(count):
    return ("Cryptographic Length", 0x42002A, 2, count)


def mask(number):
    return ("Cryptographic Usage Mask", 0x42002C, 2, number)


def name(text):
    return NAME + (1, ((0x420055, 7, text), (0x420054, 5, 1)))


class Noting:
    """The client's verbs, each noted once it has been called."""

    def __init__(self, client, used):
        self._client = client
        self._used = used

    def __getattr__(self, verb):
        found = getattr(self._client, verb)
        if verb != "send":
            self._used.add(verb)
        return found


class Life:
    """One run through it, in the client's version."""

    def __init__(self, client, job):
        self.used = set()
        self.client = client
        self.header = Header(client)
        self.kmip = Noting(client, self.used)
        self.version = client.version
        self.prefix = job["prefix"]
        self.job = job

    def is_(self, got, wanted):
        if got != wanted:
            raise AssertionError("KMIP %d: %r, not %r" % (self.version, got, wanted))

    def refused(self, reason, reason_2, verb, *args):
        """The operation fails, with this reason in 1.x and the other in 2.x."""
        try:
            value = getattr(self.kmip, verb)(*args)
        except KmipError as error:
            self.is_((verb, error.reason), (verb, reason_2 if self.version >= 20 else reason))
        else:
            raise AssertionError("KMIP %d: %s gives %r" % (self.version, verb, value))

    def values(self, uid, attribute):
        """The values of an attribute, and that its indices are these."""
        found = self.kmip.get_attributes(uid, (attribute,))
        for got, _, _ in found:
            self.is_(got, attribute[self.version >= 20])
        return [value for _, _, value in found]

    def state(self, uid, wanted):
        self.is_(self.values(uid, STATE), [wanted])

    def linked(self, uid, kind):
        """The identifiers that an object's links of this type name."""
        links = [{tag: value for tag, _, value in link} for link in self.values(uid, LINK)]
        return [link[0x42004C] for link in links if link[0x42004B] == kind]

    def batch(self):
        return Noting(self.client.batch(), self.used)

    def run(self):
        kmip = self.kmip
        self.is_(kmip.agree((self.version,)), self.version)
        if self.version > 10:
            found = kmip.discover_versions()
            if self.version not in found:
                raise AssertionError(found)
        if not {1, 2, 3, 4, 5, 6, 7, 8, 10, 25, 26} <= set(kmip.query()[0x42005C]):
            raise AssertionError("Query")
        key = kmip.create(
            2, (AES, bits(128), mask(ENCRYPT | DECRYPT | DERIVE_KEY), name(self.prefix + "key")))
        self.states(key)
        self.attributes(key)
        self.usage(key)
        derived = self.derive(key)
        self.archive(derived)
        self.replace(key)
        self.pair()
        self.certificate()
        self.in_one_message()
        self.cancel(derived)
        return sorted(self.used)

    def states(self, key):
        kmip = self.kmip
        self.state(key, PRE_ACTIVE)
        self.is_(kmip.activate(key), key)
        self.state(key, ACTIVE)
        self.refused(PERMISSION_DENIED, PERMISSION_DENIED, "destroy", key)
        self.is_(kmip.check(key, mask=ENCRYPT), key)
        self.refused(PERMISSION_DENIED, MASK_2, "check", key, None, SIGN)
        lease, changed = kmip.obtain_lease(key)
        self.is_((lease, 0 <= self.client.time_stamp() - changed < 600), (3600, True))

    def attributes(self, key):
        kmip = self.kmip
        names = kmip.get_attribute_list(key)
        for attribute in (STATE, NAME):
            if attribute[self.version >= 20] not in names or GROUP[self.version >= 20] in names:
                raise AssertionError(names)
        second = self.version >= 20
        for index, text in enumerate(("one", "two")):
            answer = kmip.add_attribute(key, GROUP + (7, text))
            self.is_(answer, key if second else (GROUP[0], index, text))
        self.is_(self.values(key, GROUP), ["one", "two"])
        if second:
            self.is_(kmip.modify_attribute(key, GROUP + (7, "new"), GROUP + (7, "two")), key)
        else:
            self.is_(kmip.modify_attribute(key, GROUP + (7, "new", 1)), (GROUP[0], 1, "new"))
        self.is_(self.values(key, GROUP), ["one", "new"])
        if second:
            self.is_(kmip.delete_attribute(key, current=GROUP + (7, "one")), key)
            self.is_(self.values(key, GROUP), ["new"])
            self.is_(kmip.delete_attribute(key, GROUP), key)
        else:
            self.is_(kmip.delete_attribute(key, GROUP, 0), (GROUP[0], 0, "one"))
            self.is_(self.values(key, GROUP), ["new"])
            self.is_(kmip.delete_attribute(key, GROUP[0], 1), (GROUP[0], 1, "new"))
        self.is_(self.values(key, GROUP), [])

    def usage(self, key):
        limits = ("Usage Limits", 0x420095)
        self.kmip.add_attribute(key, limits + (1, ((0x420097, 3, 1000), (0x420098, 5, 1))))
        self.is_(self.kmip.get_usage_allocation(key, 600), key)
        self.refused(PERMISSION_DENIED, LIMIT_2, "get_usage_allocation", key, 401)
        self.is_(self.values(key, limits), [[(0x420097, 3, 1000), (0x420096, 3, 400), (0x420098, 5, 1)]])

    def derive(self, key):
        kmip = self.kmip
        derived = kmip.derive_key(
            2, key, 2, (AES, bits(128), mask(ENCRYPT)), parameters=((0x420038, 5, 6),))
        self.is_(kmip.get(derived).value, hashlib.sha256(kmip.get(key).value).digest()[:16])
        self.is_(self.linked(key, DERIVED_KEY_LINK), [derived])
        secret = kmip.derive_key(
            7, (key,), 1, (bits(256), mask(DERIVE_KEY)), parameters=((0x420038, 5, 6),), salt=b"salt",
            iterations=2)
        self.is_(len(kmip.get(secret).value), 32)
        self.is_(kmip.destroy(secret), secret)
        return derived

    def pending(self, verb, *args):
        """The correlation value of an operation that is Pending."""
        self.header.asynchronous = True
        try:
            value = getattr(self.kmip, verb)(*args)
        except KmipPending as pending:
            return pending.correlation
        finally:
            self.header.asynchronous = False
        raise AssertionError("not pending: %r" % value)

    def archive(self, key):
        kmip = self.kmip
        value = kmip.get(key).value
        self.is_(kmip.poll(self.pending("archive", key), "archive"), key)
        self.refused(OBJECT_ARCHIVED, OBJECT_ARCHIVED, "get", key)
        by_uid = (("Unique Identifier", 0x420094, 7, key),)
        self.is_(kmip.locate(by_uid), [])
        self.is_(kmip.locate(by_uid, storage=3), [key])
        self.is_(kmip.wait(self.pending("recover", key), "recover", first=0), key)
        self.is_(kmip.get(key).value, value)

    def cancel(self, key):
        self.is_(self.kmip.cancel(self.pending("archive", key)), 1)
        self.is_(self.kmip.get(key).bits, 128)
        self.is_(self.kmip.destroy(key), key)
        self.state(key, DESTROYED)

    def replace(self, key):
        kmip = self.kmip
        new = kmip.rekey(key, 0)
        self.is_(self.linked(key, REPLACEMENT_LINK), [new])
        wanted = (name(self.prefix + "key"),)
        self.is_(kmip.locate(wanted), [new])  # the name has moved
        if self.version >= 13:
            self.is_(kmip.located(wanted, maximum=5), (1, [new]))
            self.is_(kmip.located(wanted, offset=1), (1, []))
        else:
            self.is_(kmip.located(wanted), (None, [new]))
        self.is_(kmip.get(new).value == kmip.get(key).value, False)
        self.is_(kmip.revoke(key, CESSATION, "replaced"), key)
        self.state(key, DEACTIVATED)
        self.is_(kmip.destroy(key), key)
        self.state(key, DESTROYED)
        self.state(new, ACTIVE)
        self.is_(kmip.revoke(new, KEY_COMPROMISE, occurred=self.client.time_stamp()), new)
        self.state(new, COMPROMISED)
        self.is_(kmip.destroy(new), new)
        self.state(new, DESTROYED_COMPROMISED)

    def pair(self):
        kmip = self.kmip
        private, public = kmip.create_key_pair(
            (ECDSA, bits(256)), (mask(SIGN), name(self.prefix + "private")),
            (mask(VERIFY), name(self.prefix + "public")))
        self.is_(self.linked(private, PUBLIC_KEY_LINK), [public])
        self.is_((kmip.get(private).object_type, kmip.get(public).object_type), (4, 3))
        gone = [private, public]
        if self.version > 10:
            new = kmip.rekey_key_pair(private)
            self.is_(self.linked(private, REPLACEMENT_LINK), [new[0]])
            self.is_(self.linked(public, REPLACEMENT_LINK), [new[1]])
            gone += new
        for uid in gone:
            self.is_(kmip.destroy(uid), uid)

    def certificate(self):
        kmip = self.kmip
        csr = drive.unhex(self.job["csr"])
        public = kmip.register(
            3, drive.unhex(self.job["spki"]), (mask(VERIFY),), format=5, algorithm=6, bits=256)
        now = ("Activation Date", 0x420001, 9, self.client.time_stamp())
        first = kmip.certify(public, csr, (now,))
        der = kmip.get(first).value
        self.is_(kmip.validate(first), 1)
        self.is_(kmip.validate((), (der,)), 1)
        self.is_(kmip.validate(certificates=(der,), when=1), 2)  # not valid in 1970
        second = kmip.recertify(first, csr, 0)
        self.is_(self.linked(first, REPLACEMENT_LINK), [second])
        self.is_(kmip.validate((second,)), 1)
        self.is_(kmip.revoke(second, CESSATION), second)
        self.is_(kmip.validate(second), 2)

    def in_one_message(self):
        batch = self.batch()
        batch.create(2, (AES, bits(256), mask(ENCRYPT)))
        batch.activate()
        batch.get_attributes(None, (STATE,))
        batch.obtain_lease()
        batch.revoke(None, CESSATION)
        batch.destroy()
        results = batch.send()
        self.is_(results[1:2] + results[4:], results[:1] * 3)
        self.is_(results[2], [(STATE[self.version >= 20], 0, ACTIVE)])
        self.is_(results[3][0], 3600)


def run(job):
    """`job`: as for drive.run(), but for `calls`; and prefix, of names; csr and spki, a certificate request
    and the public key in it."""
    client = drive.connect(job)
    try:
        return [Life(client, job).run()]
    finally:
        client.close()


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        for result in run(json.load(file)):
            print(json.dumps(result))
