"""load.py SIZE NAME ...: whether the NAMEs can be imported where no piece is larger than SIZE bytes."""

import sys

import micropython
from fragment import fragment

pins = fragment(int(sys.argv[1]))
micropython.mem_info()
for name in sys.argv[2:]:
    __import__(name)
print("made")
