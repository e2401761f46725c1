"""The emulated board's storage: LittleFS on what stands for its flash, and files that the host loads."""

import vfs
from micropython import const
from uctypes import bytearray_at

# In the machine's 16 MB of further memory, which a reset leaves as it is and QEMU starts as zeros.
_FLASH = const(0x21000000)
_BLOCK = const(4096)
_BLOCKS = const(64)
_ROM = const(0x21100000)
_ROM_SIZE = const(0x100000)
_SPARE = const(0x21200000)
_SPARE_SIZE = const(0xE00000)

_used = 0


class Flash:
    """NOR flash as the RP2 port has it: erased in blocks of 4 KB, none of it in the heap."""

    def __init__(self):
        self._memory = memoryview(bytearray_at(_FLASH, _BLOCK * _BLOCKS))

    def readblocks(self, block, buf, offset=0):
        at = block * _BLOCK + offset
        buf[:] = self._memory[at : at + len(buf)]

    def writeblocks(self, block, buf, offset=0):
        at = block * _BLOCK + offset
        self._memory[at : at + len(buf)] = buf

    def ioctl(self, request, argument):
        if request == 4:
            return _BLOCKS
        if request == 5:
            return _BLOCK
        if request == 6:
            return 0


def mount(format=False):
    """Mount the flash at /, as RP2's firmware has it; formatted where that is asked or was never done."""
    flash = Flash()
    if not format:
        try:
            vfs.mount(vfs.VfsLfs2(flash, progsize=256), "/")
            return
        except OSError:
            pass  # never formatted
    vfs.VfsLfs2.mkfs(flash, progsize=256)
    vfs.mount(vfs.VfsLfs2(flash, progsize=256), "/")


def mount_rom():
    """Mount the files that the host has loaded, at /rom; bytecode among them runs where it lies."""
    vfs.mount(vfs.VfsRom(memoryview(bytearray_at(_ROM, _ROM_SIZE))), "/rom")


def memory(size):
    """So many bytes outside of the heap, erased as flash is; handed out in turn, again and again."""
    global _used
    if _used + size > _SPARE_SIZE:
        _used = 0
    made = bytearray_at(_SPARE + _used, size)
    _used += size
    view = memoryview(made)
    erased = b"\xff" * 512
    for at in range(0, size, 512):
        view[at : at + 512] = erased[: size - at]
    return made
