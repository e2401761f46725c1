# Code for a Cortex-M3.
CORE = cortex-m3
SRC_BOARD_O = shared/runtime/gchelper_native.o shared/runtime/gchelper_thumb2.o
MPY_CROSS_FLAGS += -march=armv7m
CFLAGS += -DMICROPY_HW_MCU_NAME='"Cortex-M3"'
CFLAGS += -DMICROPY_EPOCH_IS_1970=0 # its clock counts from 2000, as the ESP32's does

include $(BOARD_DIR)/../qemu/board.mk
