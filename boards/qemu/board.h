// What board.c gives the modules of the port.
#ifndef BOARDS_QEMU_BOARD_H
#define BOARDS_QEMU_BOARD_H

#include <stddef.h>
#include <stdint.h>

uint64_t board_seconds(void); // since 1970
void board_entropy(uint8_t *out, size_t size); // NOT RANDOM: a fixed sequence

#endif
