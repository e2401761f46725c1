// Included by extmod/modos.c: os.urandom, from the fixed sequence of board.c.
#include "board.h"
#include "py/runtime.h"

static mp_obj_t mp_os_urandom(mp_obj_t number) {
    vstr_t vstr;
    vstr_init_len(&vstr, mp_obj_get_int(number));
    board_entropy((uint8_t *)vstr.buf, vstr.len);
    return mp_obj_new_bytes_from_vstr(&vstr);
}
static MP_DEFINE_CONST_FUN_OBJ_1(mp_os_urandom_obj, mp_os_urandom);
