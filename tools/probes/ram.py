"""ram.py LOADED ... -- NAME ...: what importing the NAMEs leaves in use, where LOADED are there already.

Prints bytes of heap in use before and after, with what qstr_info() says each time.
"""

import gc
import sys

import micropython
from tidy import tidy


def load(names):
    for name in names:
        __import__(name)


def show():
    tidy()
    tidy()
    print(gc.mem_alloc())
    micropython.qstr_info()


for name in ("machine", "network"):
    sys.modules[name] = sys  # a board has them; they are not asked for anything
at = sys.argv.index("--")
load(sys.argv[1:at])
show()
load(sys.argv[at + 1 :])
show()
