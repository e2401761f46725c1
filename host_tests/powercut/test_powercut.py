"""Every cut of the store's jobs on the model file system; and that the cutter finds stores that fail."""

import errno
import json
from contextlib import contextmanager

import pytest

from identity import sealed
from identity.journal import Journal
from identity.slots import Slots
from powercut.cutter import Cutter, Lost
from powercut.jobs import NAMES, Job, same
from powercut.model import FileSystem, Image, attached


@pytest.mark.parametrize("name", NAMES)
def test_every_cut(name):
    job = Job(name)
    cutter = Cutter(job.work, job.check).run(job.start(), second=5 if name == "enrol" else 20, most=2)
    print(report(name, cutter))
    assert cutter.operations > 50 and cutter.images > 6000 and cutter.second > 150


def test_every_cut_where_an_identity_outgrows_its_file():
    job = Job("rotate", (48, 400))
    cutter = Cutter(job.work, job.check).run(job.start())
    print(report("rotate, file outgrown", cutter))
    assert cutter.images > 7000


def report(name, cutter):
    return "%s: %d cuts, %d different disks, %d after a second cut" % (
        name,
        cutter.cuts,
        cutter.images,
        cutter.second,
    )


# Refusals: the file system says no instead of dying


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("lasting", [True, False], ids=["full", "hiccup"])
def test_every_refusal(name, lasting):
    job = Job(name)
    start = job.start()
    fs = FileSystem(start)
    job.work(fs)
    refusals = 0
    for number in range(fs.done):
        fs = FileSystem(start)
        fs.refuse_at, fs.refuse_on = number, lasting
        fs.refuse_with = errno.ENOSPC if lasting else errno.EIO
        try:
            job.work(fs)
        except OSError as error:
            refusals += 1
            assert error.args[0] == fs.refuse_with
        with attached(fs, sealed):
            job.usable(job.slots())  # as it stands, and with nothing mended
        job.check(FileSystem(Image(fs.image.files, fs.notes)))
    assert refusals > 50


def test_a_store_goes_on_after_every_refusal():
    """The same Slots object, which never restarts: what it has stays usable, and it works again later."""
    job = Job("rotate")
    start = job.start()
    tried = 0
    for number in range(200):
        fs = FileSystem(start)
        with attached(fs, sealed):
            slots = job.slots()
            fs.refuse_at, fs.refuse_on = number, True
            try:
                slots.state["active"] = slots.stage(job.new)
                slots.commit(scrub=True)
                break
            except OSError:
                tried += 1
            assert any(same(slots.identity(), unit) for unit in (job.old, job.new))
            fs.refuse_at = None
            assert any(same(job.slots().identity(), unit) for unit in (job.old, job.new))
            slots.commit()
            slots.state["active"] = slots.stage(job.new)
            slots.commit(scrub=True)
            assert same(job.slots().identity(), job.new)
    assert 20 < tried < 199


# The cutter finds what is wrong


class OneFile:
    """A number in one file, written as one does."""

    mode = "wb"

    def path(self, number):
        return "/n"

    def save(self, fs, number):
        path = self.path(number)
        mode = self.mode if path in fs.image.files else "wb"
        with fs.open(path, mode) as f:
            f.write(b"%03d" % number)

    def load(self, fs):
        numbers = []
        for path in fs.image.files:
            with fs.open(path, "rb") as f:
                text = f.read(100)
            if len(text) == 3 and text.isdigit():
                numbers.append(int(text))
        return max(numbers)


class TwoFiles(OneFile):
    """Two files in turn, overwritten in place, where the higher number counts: no checksum."""

    mode = "r+b"

    def path(self, number):
        return "/n%d" % (number % 2)


@pytest.mark.parametrize("store", [OneFile(), TwoFiles()], ids=["one file", "two files"])
def test_naive_stores_are_found_out(store):
    def work(fs):
        store.save(fs, 100)
        fs.note(saved=True)

    def check(fs):
        assert store.load(fs) in ((100,) if fs.notes.get("saved") else (99, 100))

    fs = FileSystem()
    for number in (98, 99):
        store.save(fs, number)
    assert store.load(fs) == 99
    with pytest.raises(Lost):
        Cutter(work, check).run(fs.image)


@contextmanager
def patched(owner, name, value):
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


class Anything(bytes):
    """Octets that equal any others."""

    def __eq__(self, other):
        return True

    def __ne__(self, other):
        return False

    __hash__ = bytes.__hash__


class NoDigest:
    """A checksum that fits every record."""

    def __init__(self, data=b""):
        pass

    def update(self, data):
        pass

    def digest(self):
        return Anything(32)


def _one_journal(journal, number):
    return journal._path + "0/data"


def _one_slot(slots, number):
    return slots._root + "/slot0/data"


def _journals_swapped(journal, number):
    """The newer record is overwritten instead of the older one."""
    return "%s%d/data" % (journal._path, journal.sequence & 1)


@pytest.mark.parametrize(
    "owner, name, value",
    [
        (sealed, "sha256", NoDigest),
        (Journal, "_file", _one_journal),
        (Slots, "_path", _one_slot),
        (Journal, "_file", _journals_swapped),
        (Slots, "idle", property(lambda slots: slots.using[0])),
    ],
    ids=["no checksum", "one journal", "one slot", "newer record overwritten", "slot in use overwritten"],
)
def test_broken_stores_are_found_out(owner, name, value):
    job = Job("rotate")
    start = job.start()
    with patched(owner, name, value), pytest.raises(Lost) as lost:
        Cutter(job.work, job.check).run(start)
    print(lost.value)


class Server:
    """A world outside: it issues certificates, and knows how many."""

    def __init__(self):
        self.issued = 0


def enrolment(careful):
    """A scenario with a server: a careful device asks what was issued before it asks for one."""

    def work(fs):
        if "/got" not in fs.image.files:
            if not (careful and fs.world.issued):
                fs.instant("request")
                fs.world.issued += 1
                fs.instant("answer")
            with fs.open("/got", "wb") as f:
                f.write(b"certificate")

    def scenario(fs):
        fs.world = Server()
        work(fs)

    def check(fs):
        work(fs)
        assert fs.world.issued == 1, "%d certificates issued" % fs.world.issued

    return scenario, check


def test_replay_gives_every_cut_its_own_world():
    cutter = Cutter(*enrolment(True), replay=True).run(second=10, most=3)
    assert cutter.images > 20 and cutter.second > 5
    with pytest.raises(Lost, match=r"answer.*2 certificates"):
        Cutter(*enrolment(False), replay=True).run()


# The model is a file system


@pytest.mark.parametrize("name", NAMES)
def test_the_model_ends_with_the_files_that_a_real_file_system_has(name, tmp_path):
    job = Job(name)
    start = job.start()
    fs = FileSystem(start)
    job.work(fs)
    for path, octets in start.files.items():
        real = tmp_path / path[1:]
        if octets is None:
            real.mkdir(exist_ok=True)
        else:
            real.parent.mkdir(parents=True, exist_ok=True)
            real.write_bytes(octets)
    job.ROOT, job.BOOT = str(tmp_path) + job.ROOT, str(tmp_path) + job.BOOT
    world = FileSystem()  # only to note the progress
    with patched(job, "commit", lambda fs, slots, scrub=False: slots.commit(scrub)):
        slots = job.slots()
        assert slots.state == json.loads(json.dumps(slots.state))
        _work_on_disk(job, world)
    files = {"/" + str(p.relative_to(tmp_path)): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert files == {path: octets for path, octets in fs.image.files.items() if octets is not None}


def _work_on_disk(job, world):
    """job.work() with the real open() and os."""
    from powercut import jobs

    @contextmanager
    def detached(fs, *modules):
        yield fs

    with patched(jobs, "attached", detached):
        job.work(world)
