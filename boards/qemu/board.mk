# What both cores have in common: MicroPython's QEMU port on the machine mps2-an385, with time, TLS, a UART
# and this project frozen. For tests alone: its entropy is a fixed sequence (README.md).
QEMU_ARCH = arm
QEMU_MACHINE = mps2-an385
COMMON := $(abspath $(BOARD_DIR)/../qemu)

CFLAGS += -mthumb -mcpu=$(CORE) -mfloat-abi=soft -DQEMU_SOC_MPS2
CFLAGS += -DMP_CONFIGFILE='"$(COMMON)/mpconfig.h"' -I$(COMMON)
LDSCRIPT = $(COMMON)/memory.ld
SRC_C += $(COMMON)/board.c shared/timeutils/timeutils.c

MICROPY_HEAP_SIZE = 131072
FROZEN_MANIFEST ?= $(COMMON)/manifest.py
MICROPY_VFS_LFS2 = 1
MICROPY_PY_SSL = 1
MICROPY_SSL_MBEDTLS = 1
MBEDTLS_CONFIG_FILE = \"$(COMMON)/tls_config.h\"
