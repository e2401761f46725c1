// Time, entropy and a reset for MicroPython's QEMU port, and the module `emulator` to set them with.
//
// NOT RANDOM: the entropy is a fixed sequence, so that emulated runs repeat exactly. Never for a real board.

#include <stdint.h>
#include <time.h>

#include "board.h"
#include "py/mphal.h"
#include "py/runtime.h"
#include "shared/timeutils/timeutils.h"

#define TIMER ((volatile uint32_t *)0x40000000) // CMSDK timer 0: 25 MHz, counts down from its reload value
#define TIMER_CTRL (0)
#define TIMER_VALUE (1)
#define TIMER_RELOAD (2)
#define TICKS_PER_US (25)
#define AIRCR (*(volatile uint32_t *)0xe000ed0c) // application interrupt and reset control register
#define AIRCR_SYSRESETREQ (0x05fa0004)

static uint32_t sequence = 1;
static uint32_t set_at = 1704067200; // seconds since 1970 when the ticks were 0: 2024-01-01

// Ticks since the first call. Right as long as it is called once in 171 seconds, when the timer is round.
static uint64_t ticks(void) {
    static uint64_t sum;
    static uint32_t last;
    if (!(TIMER[TIMER_CTRL] & 1)) {
        TIMER[TIMER_RELOAD] = 0xffffffff;
        TIMER[TIMER_VALUE] = 0xffffffff;
        TIMER[TIMER_CTRL] = 1;
    }
    uint32_t now = 0xffffffff - TIMER[TIMER_VALUE];
    sum += (uint32_t)(now - last);
    last = now;
    return sum;
}

mp_uint_t mp_hal_ticks_ms(void) {
    return ticks() / (TICKS_PER_US * 1000);
}

mp_uint_t mp_hal_ticks_us(void) {
    return ticks() / TICKS_PER_US;
}

mp_uint_t mp_hal_ticks_cpu(void) {
    return ticks();
}

uint64_t mp_hal_time_ns(void) {
    return board_seconds() * 1000000000ULL;
}

void mp_hal_delay_us(mp_uint_t us) {
    uint64_t end = ticks() + (uint64_t)us * TICKS_PER_US;
    while (ticks() < end) {
    }
}

void mp_hal_delay_ms(mp_uint_t ms) {
    uint64_t end = ticks() + (uint64_t)ms * TICKS_PER_US * 1000;
    while (ticks() < end) {
        mp_handle_pending(true);
    }
}

uint64_t board_seconds(void) {
    return set_at + ticks() / (TICKS_PER_US * 1000000);
}

void board_entropy(uint8_t *out, size_t size) {
    for (size_t i = 0; i < size; i++) {
        sequence = sequence * 1664525 + 1013904223;
        out[i] = sequence >> 24;
    }
}

// What mbedTLS asks for.

time_t board_time(time_t *t) {
    time_t now = board_seconds();
    if (t) {
        *t = now;
    }
    return now;
}

int64_t board_ms_time(void) {
    return mp_hal_ticks_ms();
}

struct tm *mbedtls_platform_gmtime_r(const time_t *moment, struct tm *out) {
    timeutils_struct_time_t t;
    timeutils_seconds_since_2000_to_struct_time(*moment - TIMEUTILS_SECONDS_1970_TO_2000, &t);
    out->tm_sec = t.tm_sec;
    out->tm_min = t.tm_min;
    out->tm_hour = t.tm_hour;
    out->tm_mday = t.tm_mday;
    out->tm_mon = t.tm_mon - 1;
    out->tm_year = t.tm_year - 1900;
    return out;
}

int mbedtls_hardware_poll(void *data, unsigned char *out, size_t size, size_t *done) {
    board_entropy(out, size);
    *done = size;
    return 0;
}

// emulator.set_time(seconds since 1970)
static mp_obj_t emulator_set_time(mp_obj_t seconds) {
    set_at = mp_obj_get_int_truncated(seconds) - ticks() / (TICKS_PER_US * 1000000);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(emulator_set_time_obj, emulator_set_time);

// emulator.seed(number): begin another fixed sequence.
static mp_obj_t emulator_seed(mp_obj_t number) {
    sequence = mp_obj_get_int_truncated(number);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(emulator_seed_obj, emulator_seed);

// emulator.reset(): as the reset button does. (machine.reset() ends QEMU on this port.)
static mp_obj_t emulator_reset(void) {
    AIRCR = AIRCR_SYSRESETREQ;
    for (;;) {
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_0(emulator_reset_obj, emulator_reset);

static const mp_rom_map_elem_t emulator_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_emulator) },
    { MP_ROM_QSTR(MP_QSTR_set_time), MP_ROM_PTR(&emulator_set_time_obj) },
    { MP_ROM_QSTR(MP_QSTR_seed), MP_ROM_PTR(&emulator_seed_obj) },
    { MP_ROM_QSTR(MP_QSTR_reset), MP_ROM_PTR(&emulator_reset_obj) },
};
static MP_DEFINE_CONST_DICT(emulator_globals, emulator_globals_table);

const mp_obj_module_t emulator_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&emulator_globals,
};
MP_REGISTER_MODULE(MP_QSTR_emulator, emulator_module);
