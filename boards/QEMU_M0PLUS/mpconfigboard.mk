# Code for a Cortex-M0+, the core of the RP2040. The machine's own core is a Cortex-M3, which runs it too.
CORE = cortex-m0plus
SRC_BOARD_O = shared/runtime/gchelper_native.o shared/runtime/gchelper_thumb1.o
MPY_CROSS_FLAGS += -march=armv6m
CFLAGS += -DMICROPY_HW_MCU_NAME='"Cortex-M0+ code"'
CFLAGS += -DMICROPY_EPOCH_IS_1970=1 # as on the RP2040

include $(BOARD_DIR)/../qemu/board.mk
