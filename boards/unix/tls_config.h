// mbedTLS as the RP2 port configures it, but with the entropy and the clock of the host.
#ifndef BOARDS_UNIX_TLS_CONFIG_H
#define BOARDS_UNIX_TLS_CONFIG_H

// Allocate with m_tracked_calloc: `-X heapsize=` then bounds TLS as a board's RAM does.
#define MICROPY_MBEDTLS_CONFIG_BARE_METAL (1)
#define MBEDTLS_TIMING_C
#include "extmod/mbedtls/mbedtls_config_common.h"

// A bare board brings its own random source; here the kernel's serves.
#undef MBEDTLS_ENTROPY_HARDWARE_ALT
#undef MBEDTLS_NO_PLATFORM_ENTROPY

#endif
