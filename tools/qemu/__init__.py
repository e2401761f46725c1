"""MicroPython without an operating system, emulated: Cortex-M0+ and Cortex-M3 code in QEMU.

build.py makes the images, machine.py runs one, romfs.py packs the files that a machine gets beside it,
counts.py counts instructions.
"""
