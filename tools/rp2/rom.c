// What stands for the RP2040's boot ROM in the emulator: the tables and functions that pico-sdk looks up there
// (RP2040 datasheet, 2.8.3), and a start that goes to the image at once. Floating point is libgcc's. Flash is
// erased and programmed by the emulator (emulator.mjs), at FLASH_ENGINE.
#include <stddef.h>
#include <stdint.h>

#define IMAGE 0x10000100u // behind the second stage boot loader, which an emulated flash does not need
#define VTOR 0xe000ed08u
#define FLASH_ENGINE 0x40068000u
enum { ADDRESS, SOURCE, COUNT, ERASE, PROGRAM };

// The head: vectors, the magic with the version of the ROM, and three 16-bit pointers. C has no such pointers.
__asm(
    ".section .head, \"a\"\n"
    ".word 0x20042000, start, hang, hang\n"
    ".byte 'M', 'u', 1, 2\n"
    ".short functions, data, lookup + 1, 0\n"
    "functions:\n"
    ".macro function a b name\n"
    ".ascii \"\\a\\b\"\n"
    ".short \\name + 1\n"
    ".endm\n"
    "function P 3 popcount\n"
    "function R 3 reverse\n"
    "function L 3 leading\n"
    "function T 3 trailing\n"
    "function M S memset\n"
    "function S 4 memset\n"
    "function M C memcpy\n"
    "function C 4 memcpy\n"
    "function I F nothing\n"
    "function E X nothing\n"
    "function R E erase\n"
    "function R P program\n"
    "function F C nothing\n"
    "function C X nothing\n"
    "function U B hang\n"
    "function D T hang\n"
    ".short 0\n"
    "data:\n"
    ".ascii \"SF\"\n"
    ".short floats\n"
    ".ascii \"SD\"\n"
    ".short doubles\n"
    ".short 0\n"
    ".text\n");

__attribute__((naked)) void start(void) {
    __asm("ldr r0, =%c0\n"
          "ldr r1, =%c1\n"
          "str r0, [r1]\n"
          "ldmia r0!, {r1, r2}\n"
          "msr msp, r1\n"
          "bx r2\n" : : "i"(IMAGE), "i"(VTOR));
}

// A fault, or what this ROM does not have: the emulator tells of it.
void hang(void) {
    for (;;) {
        __asm volatile("bkpt #0");
    }
}

void *lookup(const uint16_t *table, uint32_t code) {
    for (; table[0]; table += 2) {
        if (table[0] == code) {
            return (void *)(uintptr_t)table[1];
        }
    }
    return NULL;
}

void nothing(void) {
}

void *memset(void *to, int value, size_t size) {
    uint8_t *p = to;
    uint32_t word = (uint8_t)value * 0x01010101u;
    for (; size && (uintptr_t)p % 4; size--) {
        *p++ = value;
    }
    for (; size >= 4; size -= 4, p += 4) {
        *(volatile uint32_t *)p = word;
    }
    while (size--) {
        *p++ = value;
    }
    return to;
}

void *memcpy(void *to, const void *from, size_t size) {
    uint8_t *p = to;
    const uint8_t *q = from;
    if (((uintptr_t)p ^ (uintptr_t)q) % 4 == 0) {
        for (; size && (uintptr_t)p % 4; size--) {
            *p++ = *q++;
        }
        for (; size >= 4; size -= 4, p += 4, q += 4) {
            *(volatile uint32_t *)p = *(const uint32_t *)q;
        }
    }
    while (size--) {
        *p++ = *q++;
    }
    return to;
}

uint32_t popcount(uint32_t x) {
    uint32_t count = 0;
    for (; x; x &= x - 1) {
        count++;
    }
    return count;
}

uint32_t reverse(uint32_t x) {
    uint32_t made = 0;
    for (int i = 0; i < 32; i++, x >>= 1) {
        made = made << 1 | (x & 1);
    }
    return made;
}

uint32_t leading(uint32_t x) {
    uint32_t count = 0;
    for (uint32_t bit = 1u << 31; bit && !(x & bit); bit >>= 1) {
        count++;
    }
    return count;
}

uint32_t trailing(uint32_t x) {
    uint32_t count = 0;
    for (uint32_t bit = 1; bit && !(x & bit); bit <<= 1) {
        count++;
    }
    return count;
}

static void engine(uint32_t address, const void *source, uint32_t count, int command) {
    volatile uint32_t *to = (volatile uint32_t *)FLASH_ENGINE;
    to[ADDRESS] = address;
    to[SOURCE] = (uintptr_t)source;
    to[COUNT] = count;
    to[command] = 1;
}

void erase(uint32_t address, uint32_t count) {
    engine(address, NULL, count, ERASE);
}

void program(uint32_t address, const void *source, uint32_t count) {
    engine(address, source, count, PROGRAM);
}

static float root(float x) {
    if (!(x > 0)) {
        return 0;
    }
    float guess = x > 1 ? x : 1;
    for (int i = 0; i < 80; i++) {
        guess = (guess + x / guess) / 2;
    }
    return guess;
}

// In the order of pico-sdk's sf_table.h; what an image of ours does not call is hang().
#define TABLE(add, subtract, multiply, divide, root, to_int, to_unsigned, of_int, of_unsigned, of_long, \
        of_unsigned_long, to_long, to_unsigned_long, other) { \
        (void *)add, (void *)subtract, (void *)multiply, (void *)divide, hang, hang, (void *)root, (void *)to_int, \
        hang, (void *)to_unsigned, hang, (void *)of_int, hang, (void *)of_unsigned, hang, hang, hang, hang, hang, \
        hang, hang, hang, hang, (void *)of_long, hang, (void *)of_unsigned_long, hang, (void *)to_long, hang, \
        (void *)to_unsigned_long, hang, (void *)other }
float __aeabi_fadd(float, float), __aeabi_fsub(float, float), __aeabi_fmul(float, float),
    __aeabi_fdiv(float, float), __aeabi_i2f(int), __aeabi_ui2f(unsigned), __aeabi_l2f(long long),
    __aeabi_ul2f(unsigned long long), __aeabi_d2f(double);
double __aeabi_dadd(double, double), __aeabi_dsub(double, double), __aeabi_dmul(double, double),
    __aeabi_ddiv(double, double), __aeabi_i2d(int), __aeabi_ui2d(unsigned), __aeabi_f2d(float);
int __aeabi_f2iz(float), __aeabi_d2iz(double);
unsigned __aeabi_f2uiz(float), __aeabi_d2uiz(double);
long long __aeabi_f2lz(float);
unsigned long long __aeabi_f2ulz(float);
void *const floats[] = TABLE(__aeabi_fadd, __aeabi_fsub, __aeabi_fmul, __aeabi_fdiv, root, __aeabi_f2iz,
    __aeabi_f2uiz, __aeabi_i2f, __aeabi_ui2f, __aeabi_l2f, __aeabi_ul2f, __aeabi_f2lz, __aeabi_f2ulz, __aeabi_f2d);
void *const doubles[] = TABLE(__aeabi_dadd, __aeabi_dsub, __aeabi_dmul, __aeabi_ddiv, hang, __aeabi_d2iz,
    __aeabi_d2uiz, __aeabi_i2d, __aeabi_ui2d, hang, hang, hang, hang, __aeabi_d2f);
