"""Leaves the free heap in pieces of one size, as years of use might."""

import gc

_FIRST = 2000  # small blocks that may have gone into holes between others: these stay


def fragment(size):
    """No free piece is larger than `size` bytes (in sixteens) from now on; gives what holds it so."""
    gc.collect()
    blocks = [None] * (gc.mem_free() // 16)
    count = 0
    try:
        while True:
            blocks[count] = bytearray(0)  # takes one block of 16 bytes, behind the one before it
            count += 1
    except MemoryError:
        pass
    every = size // 16 + 1
    for index in range(_FIRST, count):
        if index % every:
            blocks[index] = None
    gc.collect()
    return blocks
