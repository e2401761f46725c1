"""A file whose fields stand under one checksum, on a file system that may lose power at any instruction.

    octets  4     kind and version of the record
            1     number of fields, n
            2 n   their lengths, big-endian
                  the fields
            32    SHA-256 of all that stands before
                  zeros up to the file's end

A file is made once, in a directory of its own and at full size, and from then on overwritten in place;
it never shrinks. On FAT no write then touches an allocation table or a directory that another file
needs, so that a write cut short damages this file alone, even on bare NOR flash, where a sector is
erased before it is programmed. LittleFS keeps the old contents until the file is closed. Nothing is
renamed, truncated or removed. The caller keeps two files and overwrites the one it can do without.
"""

import os
from hashlib import sha256

from micropython import const

_EIO = const(5)
_EFBIG = const(27)
_STEP = const(512)  # a file's length is a multiple of it: a sector of FAT


def _pad(f, count):
    zeros = bytes(64)
    while count > 0:
        f.write(zeros if count >= 64 else zeros[:count])
        count -= 64


def make_room(path, size):
    """Make a file and the two directories above it where they are missing, and fill it up to `size`.

    What a file holds is left alone. Raises OSError.
    """
    try:
        size -= os.stat(path)[6]
    except OSError:
        parent = path[: path.rindex("/")]
        for directory in (parent[: parent.rindex("/")], parent):
            try:
                os.stat(directory)
            except OSError:
                os.mkdir(directory)
    if size > 0:
        with open(path, "ab") as f:
            _pad(f, size)


def write(path, kind, fields):
    """Overwrite a file with a record and read it back; gives the checksum as hexadecimal text.

    kind    4 octets
    fields  a tuple of bytes, of at most 65535 octets each

    Allocates the largest field once more, to compare. Raises OSError; the file then holds the old
    record, the new one or none.
    """
    head = bytearray(kind)
    head.append(len(fields))
    for field in fields:
        if len(field) > 0xFFFF:
            raise OSError(_EFBIG)
        head.append(len(field) >> 8)
        head.append(len(field) & 0xFF)
    digest = sha256(head)
    used = len(head) + 32
    for field in fields:
        digest.update(field)
        used += len(field)
    digest = digest.digest()
    parts = (head,) + fields + (digest,)
    with open(path, "r+b") as f:
        size = f.seek(0, 2)
        if size > used:
            # Zeros over the rest, and first: no octet of an older and longer record may stay behind one
            # that is whole.
            f.seek(used)
            _pad(f, size - used)
            f.flush()
        f.seek(0)
        for part in parts:
            f.write(part)
        if size < used:
            _pad(f, -used % _STEP)
        f.flush()
    with open(path, "rb") as f:
        for part in parts:
            if f.read(len(part)) != part:
                raise OSError(_EIO)
    return digest.hex()


def read(path, kind):
    """A record as a tuple (checksum as hexadecimal text, list of fields), what was hashed and no more.

    None where the file is missing, unreadable, of another kind, torn or otherwise not as written.
    Allocates the fields, and not more than the file is long whatever it holds.
    """
    fields = []
    try:
        with open(path, "rb") as f:
            size = f.seek(0, 2)
            f.seek(0)
            head = f.read(5)
            if len(head) < 5 or head[:4] != kind:
                return None
            lengths = f.read(2 * head[4])
            digest = sha256(head)
            digest.update(lengths)
            for i in range(0, len(lengths) - 1, 2):
                count = lengths[i] << 8 | lengths[i + 1]
                size -= count
                if size < 0:
                    return None
                field = f.read(count)
                digest.update(field)
                fields.append(field)
            digest = digest.digest()
            if f.read(32) != digest:
                return None
    except OSError:
        return None
    return digest.hex(), fields


def contents(path, limit):
    """A whole file without a checksum, as bytes; b"" where it is missing, unreadable or over `limit`."""
    try:
        with open(path, "rb") as f:
            size = f.seek(0, 2)
            f.seek(0)
            return f.read(size) if size <= limit else b""
    except OSError:
        return b""
