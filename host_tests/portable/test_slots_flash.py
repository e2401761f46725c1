"""The store over MicroPython's own file systems, on a disk in RAM that loses power.

host_tests/powercut tries every octet on a model; here the real VfsLfs2 and VfsFat show that the model is
harsh enough. A job goes from one identity to the next; the power goes at a block; the disk is mounted
again. Every block that is written and every damage to it, and a sample of second cuts in the recovery.
"""

import gc
import os
import sys

from check import Skip, raises
from ramdisk import BEFORE, ERASED, NOISE, TORN, RamDisk, mount, umount

from identity.slots import Identity, Slots

POINT = "/flash"
# (file system, blocks, their size, damage it must stand while files are made, and after that)
LFS = ("VfsLfs2", 32, 4096, (BEFORE, TORN, NOISE), (BEFORE, TORN, NOISE))
FAT = ("VfsFat", 128, 512, (BEFORE, TORN), (BEFORE, TORN, ERASED, NOISE))
DOUBLE = 150


def unit(name):
    return Identity(b"K" + name * 40, b"C" + name * 300, b"R" + name * 100, "uid", "public")


BOOT = unit(b"boot")
OLD = unit(b"old")
NEW = unit(b"new")


def same(a, b):
    return a is not None and (a.key, a.cert) == (b.key, b.cert)


def store():
    return Slots(POINT + "/id", POINT + "/boot", 2048)


def work(disk=None):
    """Change from the identity in use to NEW, from wherever the state says that it stands."""
    slots = store()
    state = slots.state
    if not state.get("step"):
        state["step"] = "keyed"
        state["key"] = NEW.key.hex()
        slots.commit()
    if state["step"] == "keyed":
        state["trial"] = slots.stage(Identity(bytes.fromhex(state["key"]), NEW.cert))
        state["step"] = "trial"
        slots.commit()
    if state["step"] == "trial":
        state["active"] = state.pop("trial")
        state["step"] = "done"
        del state["key"]
        slots.commit(scrub=True)


def check(before):
    """Something usable, a state of before or after, and the job comes to its end."""
    slots = store()
    identity = slots.identity()
    assert same(identity, before) or same(identity, NEW), "no usable identity"
    step = slots.state.get("step")
    assert same(identity, NEW) == (step == "done"), step
    assert ("key" in slots.state) == (step in ("keyed", "trial")), step
    assert ("trial" in slots.state) == (step == "trial"), step
    if step == "trial":
        assert same(slots.slot(*slots.state["trial"]), NEW)
    work()
    slots = store()
    assert same(slots.identity(), NEW) and slots.state["step"] == "done"
    for number in (0, 1):
        with open("%s/id/journal%d/data" % (POINT, number), "rb") as f:
            assert b"4b6e6577" not in f.read()  # the key of NEW, as the state had it


def prepare(target, provisioned):
    """A disk with the bootstrap identity and, where provisioned, OLD as the active one."""
    if sys.implementation.name == "cpython":
        raise Skip("MicroPython's file systems")
    kind = target[0]
    disk = RamDisk(target[1], target[2])
    mount(disk, kind, POINT, True)
    try:
        os.mkdir(POINT + "/boot")
        for name, octets in (("key", BOOT.key), ("cert", BOOT.cert)):
            with open(POINT + "/boot/%s.der" % name, "wb") as f:
                f.write(octets)
        if provisioned:
            slots = store()
            slots.state["active"] = slots.stage(OLD)
            slots.commit(scrub=True)
    finally:
        umount(POINT)
    return disk


def run(disk, kind, job, left=None, how=BEFORE):
    """Boot from the disk, do the job, lose power after `left` blocks; gives the disk as it was used."""
    disk = disk.reboot()
    mount(disk, kind, POINT)
    disk.left = left
    disk.how = how
    try:
        job(disk)
    except OSError:
        if not disk.dead:
            raise
    finally:
        disk.bury()
        gc.collect()  # files that could not be closed
        umount(POINT)
    return disk


def cut(target, provisioned):
    """Cut at every block, with each damage."""
    kind = target[0]
    damages = target[4] if provisioned else target[3]
    disk = prepare(target, provisioned)
    start = bytes(disk.data)
    before = OLD if provisioned else BOOT
    total = run(disk, kind, work).done
    for left in range(total):
        for how in damages:
            disk.data[:] = start
            assert run(disk, kind, work, left, how).dead
            finish(disk, kind, before, "cut %d of %d, damage %d" % (left, total, how))
    print("%s, %s: %d cuts" % (kind, "provisioned" if provisioned else "new", total * len(damages)))


def cut_twice(target):
    """Cut, cut the recovery as well, and recover from that."""
    kind = target[0]
    damages = target[4]
    disk = prepare(target, True)
    start = bytes(disk.data)
    total = run(disk, kind, work).done
    for i in range(DOUBLE):
        disk.data[:] = start
        first, second = i * total // DOUBLE, i * 37 % total
        run(disk, kind, work, first, damages[i % len(damages)])
        run(disk, kind, work, second, damages[i // 3 % len(damages)])
        finish(disk, kind, OLD, "cuts %d and %d of %d, number %d" % (first, second, total, i))
    print("%s, provisioned: %d double cuts" % (kind, DOUBLE))


def finish(disk, kind, before, what):
    try:
        run(disk, kind, lambda _: check(before))
    except Exception:
        print(what)
        raise


def test_littlefs_new():
    cut(LFS, False)


def test_littlefs_provisioned():
    cut(LFS, True)


def test_littlefs_twice():
    cut_twice(LFS)


def test_fat_new():
    cut(FAT, False)


def test_fat_provisioned_on_bare_flash():
    cut(FAT, True)


def test_fat_twice():
    cut_twice(FAT)


def full(target):
    """A file system without a free block: what is there stays, and it goes on when there is room again."""
    kind = target[0]
    disk = prepare(target, True)

    def job(disk):
        slots = store()
        fillers = []
        try:
            while True:
                fillers.append("%s/filler%d" % (POINT, len(fillers)))
                with open(fillers[-1], "wb") as f:
                    f.write(bytes(512))
        except OSError as error:
            assert error.args[0] == 28, error
        failed = 0
        for _ in range(4):
            try:
                slots.state["n"] = "x" * 2000
                slots.commit()
                slots.stage(NEW)
            except OSError:
                failed += 1
            assert same(slots.identity(), OLD) and same(store().identity(), OLD)
        assert failed
        slots.state = {"active": slots.using}
        for filler in fillers:
            try:
                os.remove(filler)
            except OSError:
                pass  # the last one may not have come to be
        slots.commit()
        assert same(store().identity(), OLD)

    run(disk, kind, job)
    run(disk, kind, lambda _: check(OLD))


def test_littlefs_full():
    full(LFS)


def test_fat_full():
    full(FAT)


def deaf(target):
    """A disk that swallows what is written: commit() and stage() notice."""
    kind = target[0]
    disk = prepare(target, True)

    def job(disk):
        slots = store()
        disk.deaf = True
        slots.state["n"] = 1
        raises(OSError, slots.commit)
        disk.deaf = False

    run(disk, kind, job)
    run(disk, kind, lambda _: check(OLD))

    def job(disk):
        slots = store()
        disk.deaf = True
        raises(OSError, slots.stage, unit(b"other"))
        disk.deaf = False

    run(disk, kind, job)


def test_littlefs_deaf():
    deaf(LFS)


def test_fat_deaf():
    deaf(FAT)


def test_fat_writes_no_shared_sector():
    """Once provisioned, no job changes the boot sector, the allocation table or the root directory."""
    kind, blocks, size = FAT[:3]
    disk = prepare(FAT, True)
    start = bytes(disk.data)
    run(disk, kind, work)
    blocks = [(n, n * size, n * size + size) for n in range(blocks)]
    changed = [n for n, at, end in blocks if disk.data[at:end] != start[at:end]]
    assert changed
    # Data and directories of the store lie behind those of the bootstrap identity.
    boot = [n for n, at, _ in blocks if start[at : at + 9] == b"Kbootboot"][0]
    assert min(changed) > boot, (changed, boot)
