// mbedTLS as the RP2 port configures it, with the clock and the entropy of board.c.
#ifndef BOARDS_QEMU_TLS_CONFIG_H
#define BOARDS_QEMU_TLS_CONFIG_H

#include <time.h>

#define MICROPY_MBEDTLS_CONFIG_BARE_METAL (1)
#define MBEDTLS_ECP_NIST_OPTIM
time_t board_time(time_t *t);
#define MBEDTLS_PLATFORM_TIME_MACRO board_time
#define MBEDTLS_PLATFORM_MS_TIME_ALT board_ms_time
#define MBEDTLS_PLATFORM_GMTIME_R_ALT
#include "extmod/mbedtls/mbedtls_config_common.h"

#endif
