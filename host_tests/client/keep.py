"""Objects and attributes on a server: registered, fetched and compared: micropython keep.py JOB.json

The job is that of drive.py with `part`, what to check; `id`, for names; `material`, keys in their forms as
JSON has them; and `only`, the objects or attributes to leave it at. One line a check.
"""

import json
import sys

from drive import connect, plain, unhex

from kmip_lite import attributes, keywrap, objects
from kmip_lite.attributes import attribute, custom
from kmip_lite.message import KmipError
from kmip_lite.ttlv import Encoder, TTLVError

AES, RSA, ECDSA, P256 = 3, 4, 6, 7
SIGN, VERIFY, ENCRYPT, WRAP = 1, 2, 12, 0x30
KEY = bytes(range(1, 17))
KEK = bytes(range(32))
NIST_KEY_WRAP = 0x0D
STARTED = 1000000000


def encoded(items):
    """The items as they are on the wire."""
    e = Encoder(bytearray(8000))
    e.put(0x420008, 1, items)
    return bytes(e.buf[: e.finish()])


def made(job, version):
    """(name, Object Type, items, mask, more attributes) of every object that this version has."""
    der = {name: unhex(job["material"][name]) for name in job["material"]}

    def key(value, format, algorithm, bits):
        return objects.key(value, format, algorithm, bits, version)

    yield "Certificate", 1, [(0x42001D, 5, 1), (0x42001E, 8, der["certificate"])], VERIFY, ()
    yield "Symmetric Key, Raw", 2, key(KEY, 1, AES, 128), ENCRYPT, ()
    yield "Symmetric Key, Opaque", 2, key(b"as it is", 2, AES, 128), ENCRYPT, ()
    yield "Symmetric Key, Transparent", 2, key(KEY, 7, AES, 128), ENCRYPT, ()
    for name, kind, format, algorithm, bits, mask in (
        ("PKCS#1 public", 3, 3, RSA, 1024, VERIFY), ("X.509 of RSA", 3, 5, RSA, 1024, VERIFY),
        ("X.509 of EC", 3, 5, ECDSA, 256, VERIFY), ("PKCS#1 private", 4, 3, RSA, 1024, SIGN),
        ("PKCS#8 of RSA", 4, 4, RSA, 1024, SIGN), ("PKCS#8 of EC", 4, 4, ECDSA, 256, SIGN),
        ("ECPrivateKey", 4, 6, ECDSA, 256, SIGN), ("RSA private", 4, 0x0A, RSA, 1024, SIGN),
        ("RSA public", 3, 0x0B, RSA, 1024, VERIFY), ("EC private", 4, 0x14, ECDSA, 256, SIGN),
        ("EC public", 3, 0x15, ECDSA, 256, VERIFY), ("EC private", 4, 0x0E, ECDSA, 256, SIGN),
        ("EC public", 3, 0x0F, ECDSA, 256, VERIFY), ("EC private", 4, 0x10, ECDSA, 256, SIGN),
        ("EC public", 3, 0x11, ECDSA, 256, VERIFY),
    ):
        if version >= 20 if 0x0E <= format <= 0x13 else format >= 0x14 and version < 13:
            continue
        name_of = "%s, %s, format %d" % ("Public Key" if kind == 3 else "Private Key", name, format)
        yield name_of, kind, key(der[name], format, algorithm, bits), mask, ()
    yield "Secret Data, Password", 7, objects.secret(objects.key(b"secret")), VERIFY, ()
    yield "Secret Data, Seed", 7, objects.secret(objects.key(KEY, 2), 2), VERIFY, ()
    yield "Opaque Object", 8, [(0x420059, 5, 0x80000000), (0x42005A, 8, b"any")], None, ()
    for part in (1, 2):
        split = objects.split(key(KEY, 1, AES, 128), 2, part, 2, 1)
        yield "Split Key %d" % part, 5, split, ENCRYPT, ()
    prime = b"\x00" * 7 + b"\x01" + b"\x00" * 15 + b"\x33"
    split = objects.split(key(KEY, 7, AES, 128), 5, 3, 3, 3, prime)
    yield "Split Key, prime field", 5, split, ENCRYPT, ()
    if version < 20:
        items = objects.template((
            attribute("Cryptographic Algorithm", AES), attribute("Cryptographic Usage Mask", ENCRYPT),
            attribute("Object Group", "of the template")))
        yield "Template", 6, items, None, (attribute("Name", ("t-%s-%d" % (job["id"], version), 1)),)
    if version >= 12:
        yield "Symmetric Key, kept elsewhere", 2, key(None, 1, AES, 128), ENCRYPT, ()
    wrapped = bytes(keywrap.wrap(KEK, KEY))
    data = objects.wrapping("far away", attribute("Cryptographic Parameters", (NIST_KEY_WRAP,))[3],
                            1 if version > 10 else None, version)
    yield "Symmetric Key, wrapped", 2, objects.key(wrapped, 1, AES, 128, version, data), ENCRYPT, ()


def keep(kmip, job, version):
    """Every object there and back; gives what went wrong."""
    for name, kind, items, mask, more in made(job, version):
        if name not in job.get("only", (name,)):
            continue
        known = more if mask is None else more + (attribute("Cryptographic Usage Mask", mask),)
        uid = kmip.register(kind, items, known)
        if name == "Symmetric Key, kept elsewhere":
            try:
                yield name, kmip.get_object(uid)
            except KmipError as error:
                yield name, None if error.reason == 0x13 else error.reason  # Key Value Not Present
            continue
        got, of, fetched = kmip.get_object(uid)
        if (got, of) != (kind, uid) or encoded(fetched) != encoded(items):
            yield name, [got, of, fetched]
            continue
        # Taken apart, and by Get, where it reads such.
        parts = objects.Parts(kind, fetched)
        if kind not in (5, 6):
            one = kmip.get(uid)
            same = (one.value, one.format or None, one.bits or None, one.wrapped) == (
                parts.value, parts.format, parts.bits, parts.wrapped)
            if not same and not isinstance(parts.value, tuple):
                yield name, [one.value, parts.value]
                continue
        if kind != 6:  # whose Name is taken
            kmip.register(kind, fetched, known)  # once more, as it came
        yield name, None


def settable(job, version, target):
    """(name, value, tuple) of every attribute that a client may set on a Symmetric Key, some twice."""
    name = "a-%s-%d" % (job["id"], version)
    for text, values in (
        ("Name", ((name, 1), ("urn:" + name, 2))),
        ("Cryptographic Algorithm", (AES,)),
        ("Cryptographic Length", (128,)),
        ("Cryptographic Parameters", ((1, 3, 6, 11), (NIST_KEY_WRAP,))),
        ("Operation Policy Name", ("default",)),
        ("Cryptographic Usage Mask", (ENCRYPT,)),
        ("Usage Limits", ((1 << 40, None, 1),)),
        ("Activation Date", (STARTED << 2,)),
        ("Process Start Date", ((STARTED << 2) + 1,)),
        ("Protect Stop Date", ((STARTED << 2) + 2,)),
        ("Deactivation Date", (253402300799,)),
        ("Object Group", ("north", "south")),
        ("Link", ((0x104, target), (0x107, target))),
        ("Application Specific Information", (("ssl", "a.example"), ("ssl", "b.example"))),
        ("Contact Information", ("beim Z\u00e4hler",)),
        ("Fresh", (True,)),
        ("Alternative Name", (("meter in the cellar", 1), ("urn:x", 2))),
        ("Key Value Location", (("hsm", 1),)),
        ("Original Creation Date", (STARTED,)),
        ("Random Number Generator", ((3, None, None, 6, 4),)),
        ("PKCS#12 Friendly Name", ("friend",)),
        ("Description", ("what it is",)),
        ("Comment", ("what one thinks of it",)),
        ("Sensitive", (False,)),
        ("Extractable", (True,)),
    ):
        for index, value in enumerate(values):
            try:
                # PyKMIP wants the index where there are several.
                yield text, value, attribute(text, value, version, index if len(values) > 1 else None)
            except TTLVError:
                break  # not of this version
    for value in ("site", "place"):
        yield "x-own", value, custom("x-own", 7, value, version)
    yield "x-number", -5, custom("x-number", 2, -5, version)


def same(sent, got):
    """Whether a value came back: the server adds the Count of Usage Limits, and a structure is whole."""
    if not isinstance(sent, tuple):
        return sent == got
    sent += (None,) * (len(got) - len(sent))
    return not [1 for at, value in enumerate(got) if sent[at] is not None and value != sent[at]]


def attribute_checks(kmip, job, version):
    target = kmip.register(2, KEY, (attribute("Cryptographic Usage Mask", ENCRYPT),), algorithm=AES, bits=128)
    wanted = [row for row in settable(job, version, target) if row[0] in job.get("only", row)]
    uid = kmip.register(2, KEY, [row[2] for row in wanted], algorithm=AES, bits=128)
    got = attributes.plain(kmip.get_attributes(uid))
    indexes = {}
    for name, value, _ in wanted:
        index = indexes.get(name, 0)
        indexes[name] = index + 1
        found = [one for of, at, one in got if of == name and at == index]
        yield name, None if len(found) == 1 and same(value, found[0]) else [value, found]
    names = {name for name, _, _ in got}
    for name in ("Unique Identifier", "Object Type", "State", "Initial Date"):
        yield name, None if name in names else "missing"
    # Asked for by name, each alone.
    for name in sorted(names):
        alone = attributes.plain(kmip.get_attributes(uid, (attributes.reference(name),)))
        yield "Get Attributes " + name, None if alone == [one for one in got if one[0] == name] else alone
    yield "names", None if not [name for name in names if not isinstance(name, str)] else list(names)
    if "only" in job:
        return
    for name in ("Last Change Date", "Digest", "Lease Time"):
        yield name, None if name in names else "missing"
    if version < 20:
        template = objects.template((
            attribute("Object Group", "of a template"), attribute("Contact Information", "the template's")))
        kmip.register(6, template, (attribute("Name", ("u-%s-%d" % (job["id"], version), 1)),))
        known = (objects.named("u-%s-%d" % (job["id"], version), version),
                 attribute("Cryptographic Usage Mask", ENCRYPT), attribute("Contact Information", "mine"))
        uid = kmip.register(2, KEY, known, algorithm=AES, bits=128)
        got = kmip.get_attributes(uid, ("Object Group", "Contact Information"))
        wanted = [("Object Group", 0, "of a template"), ("Contact Information", 0, "mine")]
        yield "attributes of a Template", None if got == wanted else got


# Attributes that a client may add to a key that is there; what else it may do with them (m modify, d delete);
# values to add, one or two, and the value that the last one becomes.
ADDED = (
    ("Name", "md", ("one", 1), ("two", 1), ("three", 2)),
    ("Cryptographic Parameters", "md", (1, 3), (NIST_KEY_WRAP,), (2,)),
    ("Operation Policy Name", "", "default", "public"),
    ("Usage Limits", "md", (5, None, 1), (6, None, 2)),
    ("Activation Date", "m", STARTED << 2, (STARTED << 2) + 5),
    ("Process Start Date", "m", (STARTED << 2) + 6, (STARTED << 2) + 7),
    ("Protect Stop Date", "m", (STARTED << 2) + 8, (STARTED << 2) + 9),
    ("Deactivation Date", "m", (STARTED << 2) + 10, 253402300799),
    ("Object Group", "md", "one", "two", "three"),
    ("Link", "md", (0x104, "uid"), (0x105, "uid"), (0x107, "uid")),
    ("Application Specific Information", "md", ("ssl", "a"), ("ssl", "b"), ("tls", "c")),
    ("Contact Information", "md", "one", "two"),
    ("x-own", "md", "one", "two", "three"),
    ("Alternative Name", "md", ("one", 1), ("two", 2), ("three", 3)),
    ("Original Creation Date", "", 5, 6),
    ("PKCS#12 Friendly Name", "md", "one", "two"),
    ("Description", "md", "one", "two"),
    ("Comment", "md", "one", "two"),
)


class Changes:
    """Add, Modify and Delete Attribute and Get Attribute List on one key, which are files of their own."""

    def __init__(self, kmip, version, unique):
        self.kmip = kmip
        self.version = version
        self.unique = unique
        mask = attribute("Cryptographic Usage Mask", ENCRYPT)
        self.uid = kmip.register(2, KEY, (mask,), algorithm=AES, bits=128)

    def made(self, name, value, index=None):
        if name == "x-own":
            return custom(name, 7, value, self.version, index)
        return attribute(name, value, self.version, index)

    def value(self, name, value):
        if name == "Name":
            return value[0] + self.unique, value[1]
        return (value[0], self.uid) if name == "Link" else value

    def has(self, name, *wanted):
        """Whether these are the attribute's values."""
        found = attributes.plain(self.kmip.get_attributes(self.uid, (attributes.reference(name),)))
        return len(found) == len(wanted) and not [
            1 for at, value in enumerate(wanted) if not same(value, found[at][2])]

    def told(self, answer, name, index, value):
        """Whether the answer says so: in 1.x the value as it is now, in 2.x only whose it is."""
        if self.version >= 20:
            return answer == self.uid
        ((of, at, found),) = attributes.plain((answer,))
        return (of, at) == (name, index) and same(value, found)

    def refused(self, function, *args):
        """Whether the server refuses: 1.x with Permission Denied, 2.x with Attribute Read Only."""
        try:
            function(*args)
        except KmipError as error:
            return error.reason == (0x22 if self.version >= 20 else 0x0C)
        return False

    def check(self, name, may, *values):
        """What went wrong with one attribute."""
        kmip, uid = self.kmip, self.uid
        values = [self.value(name, value) for value in values]
        there = values[:-1]
        for index, value in enumerate(there):
            if not self.told(kmip.add_attribute(uid, self.made(name, value)), name, index, value):
                yield "add"
        if not self.has(name, *there):
            yield "added"
        if name not in [attributes.title(each) for each in kmip.get_attribute_list(uid)]:
            yield "list"
        last = len(there) - 1
        made = self.made(name, values[-1], last if last and self.version < 20 else None)
        current = (self.made(name, there[-1]),) if last and self.version >= 20 else ()
        if "m" not in may:
            if not self.refused(kmip.modify_attribute, uid, made, *current):
                yield "read-only"
        else:
            if not self.told(kmip.modify_attribute(uid, made, *current), name, last, values[-1]):
                yield "modify"
            there[-1] = values[-1]
        if not self.has(name, *there):
            yield "modified"
        reference = attributes.reference(name)
        if "d" not in may:
            if not self.refused(kmip.delete_attribute, uid, reference):
                yield "kept"
        elif self.version >= 20:
            kmip.delete_attribute(uid, reference)
        else:
            while there:
                last = len(there) - 1
                answer = kmip.delete_attribute(uid, reference, last or None)
                if not self.told(answer, name, last, there.pop()):
                    yield "delete"
        if "d" in may and not self.has(name):
            yield "deleted"


def change_checks(kmip, job, version):
    changes = Changes(kmip, version, "-%s-%d" % (job["id"], version))
    for row in ADDED:
        try:
            changes.made(row[0], row[2])
        except TTLVError:
            continue  # not of this version
        yield row[0], list(changes.check(*row)) or None


def wrapping_checks(kmip, job, version):
    kek = kmip.register(2, KEK, (
        attribute("Cryptographic Usage Mask", WRAP), attribute("Activation Date", STARTED),
        attribute("Cryptographic Parameters", (NIST_KEY_WRAP,))), algorithm=AES, bits=256)
    mask = attribute("Cryptographic Usage Mask", ENCRYPT)
    group = attribute("Object Group", "wrapped along")
    uids = (
        kmip.register(2, KEY, (mask, group), algorithm=AES, bits=128),
        kmip.register(2, KEY, (mask, group), algorithm=AES, bits=128, format=7),
    )
    parameters = attribute("Cryptographic Parameters", (NIST_KEY_WRAP,))[3]
    for encoding in (None, 1, 2) if version > 10 else (None,):
        for uid in uids[: 1 if encoding == 1 else 2]:
            for inner in (None, parameters):
                for names in ((), ("Object Group",)) if encoding != 1 else ((),):
                    spec = objects.wrapping(kek, inner, encoding, version, names=names)
                    got = kmip.get(uid, wrapping=spec)
                    found = keywrap.material(KEK, got.value, got.wrapping)
                    if isinstance(found, list):
                        found = found[0][2]
                    kind, _, items = kmip.get_object(uid, wrapping=spec)
                    whole = objects.Parts(kind, items)
                    other = keywrap.material(KEK, whole.value, whole.wrapping)
                    if isinstance(other, list):
                        other = other[0][2]
                    right = got.wrapped and whole.wrapped and found == other == KEY
                    yield "wrapped, %s" % [encoding, names], None if right else [got.value, found]
    into = bytearray(200)
    got = kmip.get(uids[0], wrapping=objects.wrapping(kek, parameters, version=version), into=into)
    found = keywrap.material(KEK, into[: got.size], got.wrapping)
    yield "wrapped, into", None if found == KEY else found
    try:
        yield "wrong key", keywrap.material(bytes(32), into[: got.size], got.wrapping)
    except TTLVError as error:
        yield "wrong key", None if "wrong key" in str(error) else str(error)


def plain_wrapping_checks(kmip, job, version):
    """What PyKMIP has of it: No Encoding, and a key that it lets wrap only when it was activated."""
    kek = kmip.register(2, KEK, (attribute("Cryptographic Usage Mask", WRAP),), algorithm=AES, bits=256)
    kmip.activate(kek)
    uid = kmip.register(2, KEY, (attribute("Cryptographic Usage Mask", ENCRYPT),), algorithm=AES, bits=128)
    parameters = attribute("Cryptographic Parameters", (NIST_KEY_WRAP,))[3]
    got = kmip.get(uid, wrapping=objects.wrapping(kek, parameters, 1, version))
    found = keywrap.material(KEK, got.value, got.wrapping)
    yield "wrapped", None if got.wrapped and found == KEY else [got.value, found]


PARTS = {
    "objects": keep, "attributes": attribute_checks, "wrapping": wrapping_checks, "changes": change_checks,
    "plain wrapping": plain_wrapping_checks,
}


def run(job):
    """[name, None or what went wrong] of every check of `job["part"]`."""
    kmip = connect(job)
    try:
        return [[name, plain(wrong)] for name, wrong in PARTS[job["part"]](kmip, job, job["version"])]
    finally:
        kmip.close()


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        for result in run(json.load(file)):
            print(json.dumps(result))
