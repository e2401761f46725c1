"""The store without power cuts: what it keeps, what it falls back on, what it refuses."""

import gc
import os
import sys

from check import Skip, raises
from ramdisk import RamDisk, mount, scratch, umount

from identity import sealed
from identity.slots import Identity, Slots

ROOM = 512


def unit(number, length=40):
    """An identity that is told by its number."""
    return Identity(
        b"key%d" % number + bytes(length), b"cert%d" % number, b"csr", "uid-%d" % number, "schlüssel"
    )


def same(a, b):
    names = ("key", "cert", "csr", "uid", "public_uid")
    return a is not None and all(getattr(a, n) == getattr(b, n) for n in names)


def load(path):
    with open(path, "rb") as f:
        return f.read()


def save(path, octets):
    with open(path, "wb") as f:
        f.write(octets)


def paths(root, kind):
    return ["%s/id/%s%d/data" % (root, kind, number) for number in (0, 1)]


def store(root, room=ROOM):
    return Slots(root + "/id", root + "/boot", room)


def bootstrap(root):
    os.mkdir(root + "/boot")
    save(root + "/boot/key.der", b"boot key")
    save(root + "/boot/cert.der", b"boot cert")


def promote(slots, identity, scrub=False):
    slots.state["active"] = slots.stage(identity)
    slots.commit(scrub)


def failing(after):
    """sealed.write that succeeds so often and then raises; undo by hand."""
    real = sealed.write
    left = [after]

    def write(*args):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(5)
        return real(*args)

    sealed.write = write
    return real


def test_new_device_has_nothing():
    root = scratch()
    slots = store(root)
    assert slots.state == {} and slots.identity() is None and slots.using is None and slots.idle == 0
    assert slots.slot(0) is None and slots.slot(1) is None and slots.bootstrap() is None
    assert os.listdir(root) == []  # to look is not to write
    assert Slots(root + "/id").identity() is None


def test_bootstrap_identity():
    root = scratch()
    bootstrap(root)
    assert same(store(root).identity(), Identity(b"boot key", b"boot cert"))
    save(root + "/boot/csr.der", b"boot csr")
    assert store(root).identity().csr == b"boot csr"
    save(root + "/boot/cert.der", bytes(8193))  # no certificate is that long
    assert store(root).identity() is None
    os.remove(root + "/boot/cert.der")
    assert store(root).identity() is None


def test_state_lasts():
    root = scratch()
    slots = store(root)
    for n in range(5):
        slots.state["count"] = n
        slots.state["list"] = ["ü", None, {"a": [1, 2.5]}]
        slots.commit()
        slots.state["count"] = -1  # not committed
        slots = store(root)
        assert slots.state == {"count": n, "list": ["ü", None, {"a": [1, 2.5]}]}


def test_identities_take_turns():
    root = scratch()
    bootstrap(root)
    slots = store(root)
    for n in range(4):
        assert slots.idle == n % 2
        before = slots.identity()
        named = slots.stage(unit(n))
        assert named[0] == n % 2 and same(slots.slot(*named), unit(n))
        assert same(slots.identity(), before) and same(store(root).identity(), before)
        slots.state["active"] = named
        slots.commit()
        assert slots.using == named
        slots = store(root)
        assert same(slots.identity(), unit(n)) and slots.using == named == slots.state["active"]


def test_a_first_stage_is_not_taken_for_a_lost_record():
    root = scratch()
    bootstrap(root)
    store(root).stage(unit(1))
    assert store(root).state == {} and store(root).identity().key == b"boot key"


def test_slot_of_another_checksum():
    root = scratch()
    bootstrap(root)
    slots = store(root)
    first = slots.stage(unit(1))
    second = slots.stage(unit(2))
    assert first[0] == second[0] == 0 and first[1] != second[1]
    assert slots.slot(*first) is None and same(slots.slot(*second), unit(2)) and same(slots.slot(0), unit(2))


def test_an_unproved_identity_does_not_shadow_the_bootstrap():
    root = scratch()
    bootstrap(root)
    slots = store(root)
    slots.state["trial"] = slots.stage(unit(1))
    slots.commit()
    slots = store(root)
    assert slots.identity().key == b"boot key" and slots.using is None
    os.remove(root + "/boot/key.der")  # unless there is nothing else
    assert same(slots.identity(), unit(1)) and slots.idle == 1


def test_back_to_the_bootstrap():
    root = scratch()
    bootstrap(root)
    slots = store(root)
    promote(slots, unit(1))
    slots.state["active"] = None
    slots.commit()
    assert store(root).identity().key == b"boot key"


def test_any_octet_of_a_slot():
    root = scratch()
    bootstrap(root)
    slots = store(root)
    promote(slots, unit(1))
    path = paths(root, "slot")[0]
    whole = load(path)
    used = len(whole.rstrip(b"\0"))
    for at in range(used):
        save(path, whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1 :])
        assert slots.identity().key == b"boot key" and slots.slot(0) is None and slots.idle == 0
    for length in range(0, used, 7):
        save(path, whole[:length])
        assert slots.identity().key == b"boot key"
    os.remove(path)
    assert slots.identity().key == b"boot key"
    save(path, whole)
    assert same(slots.identity(), unit(1))


def test_lengths_never_ask_for_more_than_the_file():
    root = scratch()
    slots = store(root)
    promote(slots, unit(1))
    save(paths(root, "slot")[0], b"KLS1\xff" + b"\xff" * 1000)
    assert slots.slot(0) is None
    save(paths(root, "slot")[0], b"KLS1\x05")
    assert slots.slot(0) is None


def test_damaged_slot_the_other_takes_over():
    root = scratch()
    bootstrap(root)
    slots = store(root)
    promote(slots, unit(1))
    promote(slots, unit(2))
    save(paths(root, "slot")[1], bytes(100))
    slots = store(root)
    assert same(slots.identity(), unit(1)) and slots.using != slots.state["active"]
    assert slots.idle == 1  # the damaged one, not the one in use
    slots.state["trial"] = slots.stage(unit(3))
    assert same(slots.identity(), unit(3)) is False
    slots.state["active"] = slots.state.pop("trial")
    slots.commit()
    assert same(store(root).identity(), unit(3))


def test_any_octet_of_the_journal():
    root = scratch()
    slots = store(root)
    slots.state["n"] = 1
    slots.commit()
    slots.state["n"] = 2
    slots.commit()
    path = paths(root, "journal")[0]  # record 2
    whole = load(path)
    for at in range(len(whole.rstrip(b"\0"))):
        save(path, whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1 :])
        assert store(root).state == {"n": 1}
    slots = store(root)
    slots.state["n"] = 3
    slots.commit()  # over the damaged one
    assert store(root).state == {"n": 3} and load(path) != whole


def test_old_record_names_a_slot_that_changed():
    root = scratch()
    slots = store(root)
    promote(slots, unit(1))  # record 2 names slot 0
    promote(slots, unit(2))  # record 3 names slot 1
    slots.stage(unit(3))  # slot 0 again
    save(paths(root, "journal")[1], b"")  # record 3 is lost
    slots = store(root)
    assert slots.state["active"][0] == 0 and same(slots.identity(), unit(2)) and slots.idle == 0


def test_no_record_left():
    root = scratch()
    bootstrap(root)
    slots = store(root)
    promote(slots, unit(1))
    promote(slots, unit(2))
    for path in paths(root, "journal"):
        save(path, b"\xff" * 300)
    save(paths(root, "slot")[0], b"")
    slots = store(root)
    assert slots.state == {"active": slots.using} and same(slots.identity(), unit(2)) and slots.idle == 0


def test_odd_states_are_survived():
    root = scratch()
    bootstrap(root)
    slots = store(root)
    promote(slots, unit(1))
    for active in (7, "x", [], [2, "a"], [0], ["0", "a"], {}, [0, 1, 2]):
        slots.state["active"] = active
        assert slots.identity().key == b"boot key"
    slots.state["active"] = [0, "another"]
    assert slots.identity().key == b"boot key"


def test_stage_wants_a_committed_active_identity():
    root = scratch()
    slots = store(root)
    promote(slots, unit(1))
    slots.state["active"] = slots.stage(unit(2))
    assert raises(OSError, slots.stage, unit(3)).args[0] == 16
    slots.commit()
    slots.stage(unit(3))


def test_stage_waits_until_a_failed_commit_is_made_good():
    root = scratch()
    slots = store(root)
    promote(slots, unit(1))
    slots.state["active"] = slots.stage(unit(2))
    real = failing(0)
    try:
        raises(OSError, slots.commit)
    finally:
        sealed.write = real
    slots.state["active"][0] = 0
    slots.state["active"] = store(root).using
    assert raises(OSError, slots.stage, unit(3)).args[0] == 16
    slots.commit()
    assert slots.stage(unit(3))[0] == 1


def test_scrub():
    root = scratch()
    slots = store(root)
    secret = b"5ec7e7" * 10
    slots.state["key"] = secret.decode()
    slots.commit()
    del slots.state["key"]
    slots.commit()
    files = [load(path) for path in paths(root, "journal")]
    assert secret in files[0] + files[1]  # one commit leaves it
    slots.state["key"] = secret.decode()
    slots.commit()
    del slots.state["key"]
    slots.commit(scrub=True)
    for path in paths(root, "journal"):
        assert secret[:6] not in load(path)
    assert store(root).state == {}


def test_interrupted_scrub_is_finished_by_the_next_start():
    root = scratch()
    slots = store(root)
    secret = b"5ec7e7" * 10
    for _ in (0, 1):
        slots.state["key"] = secret.decode()
        slots.commit()
    del slots.state["key"]
    real = failing(1)
    try:
        raises(OSError, slots.commit, scrub=True)
        assert secret in b"".join([load(path) for path in paths(root, "journal")])
        assert store(root).state == {}  # cannot write either, and starts all the same
    finally:
        sealed.write = real
    assert store(root).state == {}
    for path in paths(root, "journal"):
        assert secret[:6] not in load(path)
    before = [load(path) for path in paths(root, "journal")]
    store(root)
    assert before == [load(path) for path in paths(root, "journal")]


def test_short_record_leaves_nothing_of_a_long_one():
    root = scratch()
    bootstrap(root)
    slots = store(root)
    slots.stage(Identity(b"k" * 1500, b"c" * 1500))
    path = paths(root, "slot")[0]
    size = os.stat(path)[6]
    assert size == 3072  # 15 octets before the fields and 32 after them, up to a multiple of 512
    slots.stage(Identity(b"K" * 10, b"C" * 10))
    assert os.stat(path)[6] == size
    octets = load(path)
    assert b"k" not in octets and b"c" not in octets and same(slots.slot(0), Identity(b"K" * 10, b"C" * 10))


def test_files_are_made_at_full_size_and_keep_it():
    root = scratch()
    slots = store(root, 2048)
    slots.commit()
    every = paths(root, "slot") + paths(root, "journal")
    assert [os.stat(path)[6] for path in every] == [2048] * 4
    for n in range(3):
        promote(slots, unit(n, 900), scrub=True)
    assert [os.stat(path)[6] for path in every] == [2048] * 4
    store(root, 512).commit()
    assert [os.stat(path)[6] for path in every] == [2048] * 4
    slots = store(root, 4096)
    assert same(slots.identity(), unit(2, 900))
    slots.commit()
    assert [os.stat(path)[6] for path in every] == [4096] * 4 and same(store(root).identity(), unit(2, 900))


def test_too_long():
    root = scratch()
    slots = store(root)
    promote(slots, unit(1))
    slots.state["long"] = "x" * 65536
    assert raises(OSError, slots.commit).args[0] == 27
    assert raises(OSError, slots.stage, unit(1)).args[0] == 16
    del slots.state["long"]
    slots.commit()
    assert raises(OSError, slots.stage, unit(1, 65600)).args[0] == 27
    assert same(store(root).identity(), unit(1))


class Frugal(RamDisk):
    """Reads without allocating."""

    def readblocks(self, block, buf, offset=0):
        data = self.data
        at = block * self.size + offset
        for i in range(len(buf)):
            buf[i] = data[at + i]
        return 0


def test_reading_an_identity_allocates_little_more_than_its_fields():
    if sys.implementation.name != "micropython":
        raise Skip("MicroPython's heap")
    mount(Frugal(40, 4096), "VfsLfs2", "/frugal", True)
    slots = store("/frugal", 2048)
    promote(slots, Identity(b"k" * 138, b"c" * 900, b"r" * 350, "u" * 36, "p" * 36))
    fields = 138 + 900 + 350 + 36 + 36
    gc.collect()
    gc.disable()
    try:
        before = gc.mem_alloc()
        identity = slots.identity()
        used = gc.mem_alloc() - before
    finally:
        gc.enable()
        umount("/frugal")
    print("heap: identity() %d octets, %d of them fields" % (used, fields))
    assert len(identity.cert) == 900
    assert used < fields + (2800 if sys.maxsize > 1 << 32 else 1600)
