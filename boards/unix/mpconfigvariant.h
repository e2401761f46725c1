// The Unix port as a stand-in for a board: the feature level of the ESP32 and RP2 ports.
#define MICROPY_CONFIG_ROM_LEVEL (MICROPY_CONFIG_ROM_LEVEL_EXTRA_FEATURES)
#include "ports/unix/variants/mpconfigvariant_common.h"

// TLS allocates from the garbage-collected heap (tls_config.h), as on RP2.
#define MICROPY_TRACKED_ALLOC (1)

// Tests ask whether the heap is locked. Boards lack it: firmware/ must not.
#define MICROPY_PY_MICROPYTHON_HEAP_LOCKED (1)

// Left at 0, as in the stock ESP32 and RP2 firmware: AES has the modes ECB and CBC only, so code
// that counts on CTR fails here and not first on a meter.
#define MICROPY_PY_CRYPTOLIB_CTR (0)
