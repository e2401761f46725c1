"""A file system in memory that loses power, harsher than FAT and LittleFS together.

What a file holds is safe once flush() or close() has returned. Until then anything may be on the disk of
what was written since it was opened: all, none, part of it with old, zero, erased or random octets after
it, later sectors without earlier ones, the new length without the octets and the octets without the new
length. Making a file or truncating it may show at once or not before the close. Directories are made whole
or not at all.

Operations that change the disk are numbered from 0. At operation `cut_at` the model raises Cut instead;
wrecks() then gives every image that the disk may hold. At operation `refuse_at`, and all that follow where
`refuse_on` is set, it raises OSError(`refuse_with`) and goes on living.

Only what the firmware uses is there; the rest raises AttributeError or ValueError.
"""

import errno
import random
from contextlib import contextmanager

SECTOR = 512
_NOISE = random.Random(20250425).randbytes(1 << 16)


class Cut(BaseException):
    """The power is gone. Not an Exception, so that no handler of the code under test survives it."""


class Image:
    """What is on the disk: path -> octets, where None stands for a directory. Never changed in place."""

    def __init__(self, files=None, notes=None, world=None):
        self.files = files or {}
        self.notes = notes or {}
        self.world = world

    def key(self):
        """Equal for images that no program can tell apart."""
        return hash((frozenset(self.files.items()), frozenset(self.notes.items())))

    def with_file(self, path, octets):
        """This image with one file set, or, for False, missing."""
        files = dict(self.files)
        if octets is False:
            files.pop(path, None)
        else:
            files[path] = octets
        return Image(files, self.notes, self.world)


class _Session:
    """A file open for writing: what was on the disk, what the program sees."""

    def __init__(self, path, before, octets):
        self.path = path
        self.before = before  # octets on the disk, False where the file was made
        self.base = octets  # those that lie under what is written: b"" after truncation
        self.octets = bytearray(octets)
        self.spans = []  # (start, end) written since

    def wrecks(self, start=0, data=b""):
        """(name, octets or False) for each state of the file, power lost while `data` is written."""
        yield "nothing arrived", self.before
        yield "opened", bytes(self.base)
        final = max(len(self.octets), start + len(data)) if data else len(self.octets)
        yield "length without octets", bytes(self.base.ljust(final, b"\0"))
        yield "length without octets, noise", bytes(self.base) + _NOISE[len(self.base) : final]
        for count in range(len(data) + 1 if data else 1):
            at = start + count
            torn = bytearray(self.octets)
            if len(torn) < start:
                torn.extend(bytes(start - len(torn)))
            torn[start:at] = data[:count]
            torn = bytes(torn)
            yield "torn at %d" % at, torn
            yield "torn at %d, old length" % at, torn[: len(self.base)]
            sector = at // SECTOR * SECTOR
            end = max(at, min(sector + SECTOR, final))
            yield "torn at %d, zeros" % at, torn[:at] + bytes(end - at) + torn[end:]
            yield "torn at %d, erased" % at, torn[:at] + b"\xff" * (end - at) + torn[end:]
            shift = at * 7 % 4096
            noise = _NOISE[shift : shift + end - at]
            yield "torn at %d, noise" % at, torn[:at] + noise + torn[end:]
            if sector:
                early = self.base[:sector].ljust(sector, b"\0")
                yield "torn at %d, sectors before it late" % at, bytes(early) + torn[sector:]


class _Writer:
    """What open() gives for "wb", "ab" and "r+b". Unbuffered: each write is an operation."""

    def __init__(self, fs, session, appends):
        self._fs = fs
        self._session = session
        self._at = 0
        self._appends = appends

    def seek(self, offset, whence=0):
        self._at = offset + (len(self._session.octets) if whence == 2 else 0)
        return self._at

    def write(self, data):
        data = bytes(data)
        if self._appends:
            self._at = len(self._session.octets)
        octets = self._session.octets

        def refused():  # the first half may have been written all the same
            octets[self._at : self._at + len(data) // 2] = data[: len(data) // 2]

        self._fs.operation("write %d" % len(data), lambda: self._session.wrecks(self._at, data), refused)
        octets[self._at : self._at + len(data)] = data
        self._at += len(data)
        return len(data)

    def flush(self):
        self._fs.operation("flush", self._session.wrecks)
        self._fs.settle(self._session)

    def close(self):
        if self._session is self._fs.session:
            try:
                self.flush()
            except OSError:
                self._fs.session = None
                raise
            self._fs.session = None

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is Cut:
            return
        self.close()


class _Reader:
    def __init__(self, octets):
        self._octets = octets
        self._at = 0

    def seek(self, offset, whence=0):
        self._at = offset + (len(self._octets) if whence == 2 else 0)
        return self._at

    def read(self, count):
        part = self._octets[self._at : self._at + count]
        self._at += len(part)
        return part

    def close(self):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


class FileSystem:
    """The model, booted from an image. `open`, `stat` and `mkdir` stand in for Python's.

    notes  what the outside knows of the job's progress, kept over a cut: note() writes it
    world  anything that outlives the cut, such as a server (see Cutter's `replay`)
    """

    def __init__(self, image=None, cut_at=None):
        self.image = image or Image()
        self.notes = dict(self.image.notes)
        self.world = self.image.world
        self.session = None
        self.done = 0
        self.cut_at = cut_at
        self.refuse_at = None
        self.refuse_on = False
        self.refuse_with = errno.ENOSPC
        self.cut_in = None
        self._wrecks = None

    # The instants

    def operation(self, name, wrecks=None, refused=None):
        """Number an operation; lose power or refuse where it is the one chosen."""
        number = self.done
        self.done += 1
        if number == self.cut_at:
            self.cut_in = name
            self._wrecks = wrecks
            raise Cut
        if self.refuse_at is not None and (
            number == self.refuse_at or (self.refuse_on and number > self.refuse_at)
        ):
            if refused:
                refused()
            raise OSError(self.refuse_with)

    def instant(self, name="instant"):
        """A moment at which power may go though nothing is written, such as one beside a message sent."""
        self.operation(name)

    def note(self, **values):
        """Remember what the outside knows, to be seen by the check after the cut."""
        self.notes.update(values)

    def wrecks(self):
        """Yield (name, Image) for all that may be on the disk after the cut, or after the uncut end."""
        base = Image(self.image.files, dict(self.notes), self.world)
        if self.session:
            for name, octets in (self._wrecks or self.session.wrecks)():
                yield name, base.with_file(self.session.path, octets)
        else:
            yield "before", base
            if self._wrecks:
                for name, path, octets in self._wrecks():
                    yield name, base.with_file(path, octets)

    def settle(self, session):
        """What the program sees of a file is on the disk from here on."""
        octets = bytes(session.octets)
        self.image = self.image.with_file(session.path, octets)
        session.before = session.base = octets

    # What the firmware calls

    def open(self, path, mode="r"):
        octets = self.image.files.get(path, False)
        if octets is None:
            raise OSError(errno.EISDIR)
        if mode == "rb":
            if octets is False:
                raise OSError(errno.ENOENT)
            return _Reader(octets)
        if mode not in ("wb", "ab", "r+b"):
            raise ValueError(mode)
        if octets is False and (mode == "r+b" or not self._is_directory(path)):
            raise OSError(errno.ENOENT)
        if self.session:
            raise ValueError("the model writes one file at a time")
        base = b"" if octets is False or mode == "wb" else octets
        session = _Session(path, octets, base)
        if octets is False:
            self.operation("make", lambda: [("made", path, b"")])
        elif mode == "wb":
            self.operation("truncate", lambda: [("truncated", path, b"")])
        self.session = session
        return _Writer(self, session, mode == "ab")

    def _is_directory(self, path):
        parent = path[: path.rindex("/")]
        return parent == "" or self.image.files.get(parent, False) is None

    def mkdir(self, path):
        if path in self.image.files:
            raise OSError(errno.EEXIST)
        if not self._is_directory(path):
            raise OSError(errno.ENOENT)
        self.operation("mkdir", lambda: [("made", path, None)])
        self.image = self.image.with_file(path, None)

    def stat(self, path):
        if path not in self.image.files:
            raise OSError(errno.ENOENT)
        octets = self.image.files[path]
        return (0x4000 if octets is None else 0x8000, 0, 0, 0, 0, 0, len(octets or b""), 0, 0, 0)


@contextmanager
def attached(fs, *modules):
    """Give firmware modules the model for their `os` and `open`."""
    before = [(m, m.os) for m in modules]
    for m in modules:
        m.os = fs
        m.open = fs.open
    try:
        yield fs
    finally:
        for m, os in before:
            m.os = os
            del m.open
