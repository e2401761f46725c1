# The Unix port as a stand-in for a board. Neither library below is needed, and each would be a
# package more to install before it compiles.
MICROPY_PY_BTREE = 0
MICROPY_PY_FFI = 0

FROZEN_MANIFEST ?= $(VARIANT_DIR)/manifest.py
MBEDTLS_CONFIG_FILE = \"$(VARIANT_DIR)/tls_config.h\"
