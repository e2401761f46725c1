// As MicroPython's own RPI_PICO, with what that has on boards with a network only.
#define MICROPY_HW_BOARD_NAME "Raspberry Pi Pico"
#define MICROPY_HW_FLASH_STORAGE_BYTES (1408 * 1024)
#define MICROPY_PY_SSL (1)
#define MICROPY_PY_CRYPTOLIB (1)
