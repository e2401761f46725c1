// Included by extmod/machine_uart.c: machine.UART over the CMSDK UARTs 1 and 2 (0 is the REPL's). Polled, with
// one byte of buffer a direction; QEMU holds back what does not fit. Its speed is the emulator's: the
// baud rate is noted and has no effect. The time-outs are those of the RP2 port.
#include "py/mphal.h"
#include "py/mperrno.h"

#define MICROPY_PY_MACHINE_UART_CLASS_CONSTANTS

#define UART_FIRST (1)
#define UART_LAST (2)
#define UART_TX_FULL (1)
#define UART_RX_FULL (2)
#define UART_ENABLE (3)

typedef struct {
    volatile uint32_t DATA;
    volatile uint32_t STATE;
    volatile uint32_t CTRL;
    volatile uint32_t INTSTATUS;
    volatile uint32_t BAUDDIV;
} cmsdk_uart_t;

typedef struct _machine_uart_obj_t {
    mp_obj_base_t base;
    cmsdk_uart_t *regs;
    uint8_t id;
    uint32_t baudrate;
    uint32_t timeout; // ms, to the first byte
    uint32_t timeout_char; // ms, from byte to byte
} machine_uart_obj_t;

static void mp_machine_uart_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind) {
    machine_uart_obj_t *self = MP_OBJ_TO_PTR(self_in);
    mp_printf(print, "UART(%u, baudrate=%u, timeout=%u, timeout_char=%u)",
        self->id, self->baudrate, self->timeout, self->timeout_char);
}

static void mp_machine_uart_init_helper(machine_uart_obj_t *self, size_t n_args, const mp_obj_t *pos_args,
    mp_map_t *kw_args) {
    enum { ARG_baudrate, ARG_timeout, ARG_timeout_char };
    static const mp_arg_t allowed[] = {
        { MP_QSTR_baudrate, MP_ARG_INT, {.u_int = 115200} },
        { MP_QSTR_timeout, MP_ARG_KW_ONLY | MP_ARG_INT, {.u_int = 0} },
        { MP_QSTR_timeout_char, MP_ARG_KW_ONLY | MP_ARG_INT, {.u_int = 0} },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args, pos_args, kw_args, MP_ARRAY_SIZE(allowed), allowed, args);
    self->baudrate = args[ARG_baudrate].u_int;
    self->timeout = args[ARG_timeout].u_int;
    self->timeout_char = args[ARG_timeout_char].u_int;
    self->regs->BAUDDIV = 16; // QEMU's least; it takes no time in any case
    self->regs->CTRL = UART_ENABLE;
}

static mp_obj_t mp_machine_uart_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw,
    const mp_obj_t *args) {
    mp_arg_check_num(n_args, n_kw, 1, MP_OBJ_FUN_ARGS_MAX, true);
    mp_int_t id = mp_obj_get_int(args[0]);
    if (id < UART_FIRST || id > UART_LAST) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("UART(%d) doesn't exist"), (int)id);
    }
    machine_uart_obj_t *self = mp_obj_malloc(machine_uart_obj_t, type);
    self->id = id;
    self->regs = (cmsdk_uart_t *)(0x40004000 + 0x1000 * id);
    mp_map_t kw_args;
    mp_map_init_fixed_table(&kw_args, n_kw, args + n_args);
    mp_machine_uart_init_helper(self, n_args - 1, args + 1, &kw_args);
    return MP_OBJ_FROM_PTR(self);
}

static void mp_machine_uart_deinit(machine_uart_obj_t *self) {
    self->regs->CTRL = 0;
}

static mp_int_t mp_machine_uart_any(machine_uart_obj_t *self) {
    return (self->regs->STATE & UART_RX_FULL) != 0;
}

static bool mp_machine_uart_txdone(machine_uart_obj_t *self) {
    return !(self->regs->STATE & UART_TX_FULL);
}

// Whether the UART has `full` in its state; waits for it to change.
static bool uart_stays(machine_uart_obj_t *self, uint32_t full, bool when, uint32_t timeout) {
    if (((self->regs->STATE & full) != 0) != when) {
        return false;
    }
    mp_uint_t start = mp_hal_ticks_ms();
    do {
        if (((self->regs->STATE & full) != 0) != when) {
            return false;
        }
        mp_event_handle_nowait();
    } while (mp_hal_ticks_ms() - start < timeout);
    return true;
}

// What a stream's call gives that has moved `count` bytes when time was over.
static mp_uint_t uart_moved(mp_uint_t count, int *errcode) {
    if (count) {
        return count; // with an error as well, MicroPython would lose these bytes
    }
    *errcode = MP_EAGAIN;
    return MP_STREAM_ERROR;
}

static mp_uint_t mp_machine_uart_read(mp_obj_t self_in, void *buf, mp_uint_t size, int *errcode) {
    machine_uart_obj_t *self = MP_OBJ_TO_PTR(self_in);
    for (mp_uint_t i = 0; i < size; i++) {
        if (uart_stays(self, UART_RX_FULL, false, i ? self->timeout_char : self->timeout)) {
            return uart_moved(i, errcode);
        }
        ((uint8_t *)buf)[i] = self->regs->DATA;
    }
    return size;
}

static mp_uint_t mp_machine_uart_write(mp_obj_t self_in, const void *buf, mp_uint_t size, int *errcode) {
    machine_uart_obj_t *self = MP_OBJ_TO_PTR(self_in);
    for (mp_uint_t i = 0; i < size; i++) {
        if (uart_stays(self, UART_TX_FULL, true, i ? self->timeout_char : self->timeout)) {
            return uart_moved(i, errcode);
        }
        self->regs->DATA = ((const uint8_t *)buf)[i];
    }
    return size;
}

static mp_uint_t mp_machine_uart_ioctl(mp_obj_t self_in, mp_uint_t request, uintptr_t arg, int *errcode) {
    machine_uart_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (request == MP_STREAM_POLL) {
        uint32_t state = self->regs->STATE;
        return (arg & MP_STREAM_POLL_RD && state & UART_RX_FULL ? MP_STREAM_POLL_RD : 0)
               | (arg & MP_STREAM_POLL_WR && !(state & UART_TX_FULL) ? MP_STREAM_POLL_WR : 0);
    }
    if (request == MP_STREAM_FLUSH) {
        return 0;
    }
    *errcode = MP_EINVAL;
    return MP_STREAM_ERROR;
}
