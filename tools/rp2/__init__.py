"""MicroPython's RP2 port with this project frozen, for an RP2040: made, and run in rp2040js.

build.py makes the image and the emulator's boot ROM (rom.c), uf2.py what is dropped onto a board's drive,
machine.py runs an image in emulator.mjs.
"""
