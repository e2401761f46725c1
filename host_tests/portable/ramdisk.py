"""A block device in RAM that loses power, and a fresh directory, on every runtime."""

import os
import sys

from check import Skip

# What an interrupted operation leaves of its block: nothing done; the first part done; done in part,
# the rest erased (NOR flash that is erased before it is programmed); done in part, noise after it.
BEFORE, TORN, ERASED, NOISE = range(4)

_EIO = -5


def memory(size):
    """Erased memory for a disk; a board puts one of its own in place of this, which is not of the heap."""
    return bytearray(b"\xff" * size)


class RamDisk:
    """`blocks` of `size` octets, for VfsFat (512) and VfsLfs2 (4096).

    left   blocks still to be written or erased until power goes; None: it stays
    how    what the operation that power failed in leaves behind
    deaf   True: writes are lost, and nobody is told
    done   blocks written or erased so far
    dead   power is gone
    """

    def __init__(self, blocks, size, data=None):
        self.data = data or memory(blocks * size)
        self.size = size
        self.left = None
        self.how = BEFORE
        self.deaf = self.dead = False
        self.status = _EIO
        self.done = 0

    def bury(self):
        """Where power is gone: what is still open writes nothing when it is closed, and is not told so."""
        self.status = 0

    def reboot(self):
        """The disk with power again, as another object."""
        self.dead = True
        self.bury()
        return RamDisk(0, self.size, self.data)

    def readblocks(self, block, buf, offset=0):
        if self.dead:
            return self.status
        at = block * self.size + offset
        buf[:] = memoryview(self.data)[at : at + len(buf)]
        return 0

    def writeblocks(self, block, buf, offset=None):
        if self.dead:
            return self.status
        at = block * self.size + (offset or 0)
        step = self.size if offset is None else len(buf)
        for start in range(0, len(buf), step):
            if self._change(at + start, bytes(memoryview(buf)[start : start + step]), offset is None):
                return _EIO
        return 0

    def ioctl(self, op, arg):
        if self.dead:
            return self.status
        if op == 4:
            return len(self.data) // self.size
        if op == 5:
            return self.size
        if op == 6:
            return _EIO if self._change(arg * self.size, b"\xff" * self.size, True) else 0
        return 0

    def _change(self, at, octets, erases):
        """Write one block or part of it; True where power is gone."""
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                self.dead = True
                half = len(octets) * (1 + (at // 512 + self.done) % 7) // 8
                rest = len(octets) - half
                if self.how == TORN:
                    self.data[at : at + half] = octets[:half]
                elif self.how == ERASED and erases:
                    self.data[at : at + len(octets)] = octets[:half] + b"\xff" * rest
                elif self.how == NOISE:
                    self.data[at : at + len(octets)] = octets[:half] + bytes(
                        [(i * 167 + at) & 0xFF for i in range(rest)]
                    )
                return True
        self.done += 1
        if not self.deaf:
            self.data[at : at + len(octets)] = octets
        return False


def mount(disk, kind, point, format=False):
    """Mount a disk with a fresh file system object of this kind, "VfsFat" or "VfsLfs2"; MicroPython only."""
    try:
        import vfs

        maker = getattr(vfs, kind)
    except (ImportError, AttributeError):
        raise Skip("no %s here" % kind)
    if format:
        maker.mkfs(disk)
    vfs.mount(maker(disk), point)


def umount(point):
    import vfs

    vfs.umount(point)


_made = []


def scratch():
    """The path of a new empty directory: on CPython a temporary one, else LittleFS in RAM."""
    if sys.implementation.name == "cpython":
        import tempfile

        directory = tempfile.TemporaryDirectory()
        _made.append(directory)  # goes with the process
        return directory.name
    if _made:
        umount(_made.pop())
    disk = RamDisk(40, 4096)
    mount(disk, "VfsLfs2", "/scratch", True)
    _made.append("/scratch")
    os.mkdir("/scratch/dir")
    return "/scratch/dir"
