"""How much C stack calls use, on Linux: what lies below it is set to zero, and looked at later.

Counted from where clear() was called, to some hundred bytes: where the process begins lies a little above
where MicroPython begins to count.
"""

import micropython
import uctypes

_SLACK = 2048  # bytes below the caller that clear() may itself be using

used = 0


def _region():
    # The lowest address that the stack has now, and where it began.
    with open("/proc/self/maps") as file:
        for line in file:
            if "[stack]" in line:
                low = int(line.split("-")[0], 16)
    with open("/proc/self/stat") as file:
        return low, int(file.read().split(")")[1].split()[25])


def clear():
    """Forget how deep it was; depths count from here."""
    global used
    used = micropython.stack_use()
    low, top = _region()
    size = top - low - used - _SLACK
    memory = uctypes.bytearray_at(low, size)
    zeros = bytes(1024)
    for at in range(0, size - 1024, 1024):
        memory[at : at + 1024] = zeros
    del memory


def deepest():
    """Bytes used at most since clear()."""
    low, top = _region()
    memory = uctypes.bytearray_at(low, top - low)
    at = 0
    while not memory[at]:
        at += 1
    return top - low - at - used
