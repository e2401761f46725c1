# The Raspberry Pi Pico, and any RP2040 board with 2 MB of flash, without a network of its own.
set(PICO_BOARD "pico")
set(PICO_PLATFORM "rp2040")
set(MICROPY_FROZEN_MANIFEST ${MICROPY_BOARD_DIR}/manifest.py)
