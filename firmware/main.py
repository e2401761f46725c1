"""Starts the meter by itself: the board's main.py, beside board.py, which is the board's own."""

import sys

try:
    from meter.start import start
except (ImportError, ValueError, SyntaxError, MemoryError) as error:
    # Bytecode of another MicroPython is a ValueError: "incompatible .mpy file", "incompatible .mpy arch".
    print("main: %s cannot load the meter: %s; copy it again (make deploy)" % (sys.version, error))
else:
    start()
