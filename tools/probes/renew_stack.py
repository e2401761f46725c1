"""renew_stack.py NAME ...: renew.py, and how deep the C stack was once the NAMEs were imported.

An import within an import takes some kilobytes more on the Unix port, whose paths may have 4096 bytes; on
boards they have at most 256.
"""

import sys

import stack

while len(sys.argv) > 1:
    __import__(sys.argv.pop(1))
stack.clear()
import renew  # noqa: E402, F401 (importing it runs it)

print(stack.deepest())
