// The instructions that an image executes most, at twice and three times the speed of rp2040js, which looks for
// an instruction along one chain of ifs. All else, and all that is not plain memory, is left to rp2040js.
// host_tests/boards/core_check.mjs holds both against each other.

const RAM = 0x20000000;
// Bytes that an instruction with its address in two registers reads; negative: writes; 0: not done here.
const WIDTHS = new Int8Array([-4, -2, -1, 0, 4, 2, 1, 0]);

// A function that executes one instruction and gives its cycles, or does nothing and gives 0: that is one for
// core.executeInstruction(). It needs no clock, and changes none.
export function quick(mcu) {
  const core = mcu.core;
  const r = core.registers;
  const flash8 = mcu.flash;
  const flash16 = new Uint16Array(flash8.buffer);
  const flash32 = new Uint32Array(flash8.buffer);
  const ram8 = mcu.sram;
  const ram16 = new Uint16Array(ram8.buffer);
  const ram32 = new Uint32Array(ram8.buffer);
  const ramSize = ram8.length;

  function nz(result) {
    core.N = result < 0;
    core.Z = result === 0;
    return result;
  }

  function add(a, b, carry) {
    const sum = (a >>> 0) + (b >>> 0) + carry;
    const result = sum | 0;
    core.C = sum > 0xffffffff;
    core.V = ((a ^ result) & (b ^ result)) < 0;
    return nz(result);
  }

  // The conditions of a branch, by number.
  function holds(condition) {
    switch (condition) {
      case 0: return core.Z;
      case 1: return !core.Z;
      case 2: return core.C;
      case 3: return !core.C;
      case 4: return core.N;
      case 5: return !core.N;
      case 6: return core.V;
      case 7: return !core.V;
      case 8: return core.C && !core.Z;
      case 9: return !core.C || core.Z;
      case 10: return core.N === core.V;
      case 11: return core.N !== core.V;
      case 12: return !core.Z && core.N === core.V;
      default: return core.Z || core.N !== core.V;
    }
  }

  return function step() {
    if (core.interruptsUpdated) {
      return 0;
    }
    const pc = r[15];
    let opcode;
    if (pc >>> 24 === 0x10) {
      opcode = flash16[(pc & 0xffffff) >> 1];
    } else if (pc >>> 20 === 0x200 && pc - RAM < ramSize) {
      opcode = ram16[(pc - RAM) >> 1];
    } else {
      return 0;
    }
    const low = opcode & 7;
    const next = (opcode >> 3) & 7;
    const third = (opcode >> 6) & 7;
    const high = (opcode >> 8) & 7;
    const imm5 = (opcode >> 6) & 31;
    const imm8 = opcode & 0xff;
    let at = 0;
    let width; // of the memory that is read, in bytes; negative: that is written
    let register = low;
    switch (opcode >> 11) {
      case 0: { // LSLS
        const x = r[next] | 0;
        if (imm5) {
          core.C = (x & (1 << (32 - imm5))) !== 0;
        }
        r[low] = nz(x << imm5);
        r[15] = pc + 2;
        return done(1);
      }
      case 1: { // LSRS
        const x = r[next] | 0;
        core.C = ((x >>> (imm5 ? imm5 - 1 : 31)) & 1) !== 0;
        r[low] = nz(imm5 ? (x >>> imm5) | 0 : 0);
        r[15] = pc + 2;
        return done(1);
      }
      case 2: { // ASRS
        const x = r[next] | 0;
        core.C = ((x >> (imm5 ? imm5 - 1 : 31)) & 1) !== 0;
        r[low] = nz(x >> (imm5 || 31));
        r[15] = pc + 2;
        return done(1);
      }
      case 3: { // ADDS, SUBS: of a register or 3 bits
        const x = r[next] | 0;
        const y = opcode & 0x400 ? third : r[third] | 0;
        r[low] = opcode & 0x200 ? add(x, ~y, 1) : add(x, y, 0);
        r[15] = pc + 2;
        return done(1);
      }
      case 4: // MOVS
        r[high] = nz(imm8);
        r[15] = pc + 2;
        return done(1);
      case 5: // CMP
        add(r[high] | 0, ~imm8, 1);
        r[15] = pc + 2;
        return done(1);
      case 6: // ADDS
        r[high] = add(r[high] | 0, imm8, 0);
        r[15] = pc + 2;
        return done(1);
      case 7: // SUBS
        r[high] = add(r[high] | 0, ~imm8, 1);
        r[15] = pc + 2;
        return done(1);
      case 8: { // of two registers
        const x = r[low] | 0;
        const y = r[next] | 0;
        switch ((opcode >> 6) & 31) {
          case 0: r[low] = nz(x & y); break;
          case 1: r[low] = nz(x ^ y); break;
          case 2: // LSLS, LSRS: by 1 to 31
          case 3: {
            const by = y & 0xff;
            if (!by || by > 31) {
              return 0;
            }
            const left = (opcode & 0x40) === 0;
            core.C = ((x >>> (left ? 32 - by : by - 1)) & 1) !== 0;
            r[low] = nz(left ? x << by : (x >>> by) | 0);
            break;
          }
          case 5: r[low] = add(x, y, core.C ? 1 : 0); break;
          case 6: r[low] = add(x, ~y, core.C ? 1 : 0); break;
          case 8: nz(x & y); break;
          case 9: r[low] = add(0, ~y, 1); break;
          case 10: add(x, ~y, 1); break;
          case 11: add(x, y, 0); break;
          case 12: r[low] = nz(x | y); break;
          case 13: r[low] = nz(Math.imul(x, y)); break;
          case 14: r[low] = nz(x & ~y); break;
          case 15: r[low] = nz(~y); break;
          case 24: case 25: case 26: case 27: { // MOV, of any but PC and SP
            const to = ((opcode >> 4) & 8) | low;
            const from = (opcode >> 3) & 15;
            if (to === 13 || to === 15 || from === 15) {
              return 0;
            }
            r[to] = r[from];
            break;
          }
          case 28: // BX, BLX: not to where an exception returns
          case 29:
          case 30:
          case 31: {
            const to = r[(opcode >> 3) & 15];
            if (low || to >>> 28 === 15 || (opcode & 0x78) === 0x78 || (opcode & 0xf8) === 0xf0) {
              return 0;
            }
            if (opcode & 0x80) {
              r[14] = (pc + 2) | 1;
            }
            r[15] = to & ~1;
            return done(2);
          }
          default: return 0;
        }
        r[15] = pc + 2;
        return done(1);
      }
      case 9: // LDR, of a constant behind the code
        at = (((pc + 4) & ~3) >>> 0) + (imm8 << 2);
        register = high;
        width = 4;
        break;
      case 10:
      case 11: // of an address in two registers
        at = (r[next] + r[third]) >>> 0;
        width = WIDTHS[(opcode >> 9) & 7];
        break;
      case 12: at = (r[next] + (imm5 << 2)) >>> 0; width = -4; break;
      case 13: at = (r[next] + (imm5 << 2)) >>> 0; width = 4; break;
      case 14: at = (r[next] + imm5) >>> 0; width = -1; break;
      case 15: at = (r[next] + imm5) >>> 0; width = 1; break;
      case 16: at = (r[next] + (imm5 << 1)) >>> 0; width = -2; break;
      case 17: at = (r[next] + (imm5 << 1)) >>> 0; width = 2; break;
      case 18: at = (r[13] + (imm8 << 2)) >>> 0; register = high; width = -4; break;
      case 19: at = (r[13] + (imm8 << 2)) >>> 0; register = high; width = 4; break;
      case 20: // ADR
        r[high] = ((pc + 4) & ~3) + (imm8 << 2);
        r[15] = pc + 2;
        return done(1);
      case 21: // ADD to SP
        r[high] = r[13] + (imm8 << 2);
        r[15] = pc + 2;
        return done(1);
      case 22:
      case 23:
        switch (opcode >> 8) {
          case 0xb0: // ADD and SUB, of SP
            r[13] = r[13] + (opcode & 0x80 ? -4 : 4) * (opcode & 0x7f);
            r[15] = pc + 2;
            return done(1);
          case 0xb2: { // SXTH, SXTB, UXTH, UXTB
            const x = r[next];
            if (opcode & 0x80) {
              r[low] = opcode & 0x40 ? x & 0xff : x & 0xffff;
            } else {
              r[low] = opcode & 0x40 ? (x << 24) >> 24 : (x << 16) >> 16;
            }
            r[15] = pc + 2;
            return done(1);
          }
          case 0xb4: // PUSH
          case 0xb5: return push(pc, imm8, opcode & 0x100);
          case 0xbc: // POP
          case 0xbd: return pop(pc, imm8, opcode & 0x100);
          default: return 0;
        }
      case 24: return several(pc, high, imm8, true);
      case 25: return several(pc, high, imm8, false);
      case 30: return link(pc, opcode);
      case 26:
      case 27: { // B, on a condition
        const condition = (opcode >> 8) & 15;
        if (condition > 13) {
          return 0;
        }
        if (!holds(condition)) {
          r[15] = pc + 2;
          return done(1);
        }
        r[15] = pc + 4 + ((imm8 << 24) >> 23);
        return done(2);
      }
      case 28: // B
        r[15] = pc + 4 + (((opcode & 0x7ff) << 21) >> 20);
        return done(2);
      default:
        return 0;
    }
    // Memory: RAM, or flash that is read.
    const size = width < 0 ? -width : width;
    if (!size || at & (size - 1)) {
      return 0;
    }
    const place = at - RAM;
    if (place >= 0 && place + size <= ramSize) {
      switch (width) {
        case 4: r[register] = ram32[place >> 2]; break;
        case 2: r[register] = ram16[place >> 1]; break;
        case 1: r[register] = ram8[place]; break;
        case -4: ram32[place >> 2] = r[register]; break;
        case -2: ram16[place >> 1] = r[register]; break;
        default: ram8[place] = r[register];
      }
    } else if (at >>> 24 === 0x10 && width > 0) {
      const offset = at & 0xffffff;
      r[register] = width === 4 ? flash32[offset >> 2] : width === 2 ? flash16[offset >> 1] : flash8[offset];
    } else {
      return 0;
    }
    r[15] = pc + 2;
    return done(2);
  };

  function push(pc, list, link) {
    const count = bits(list) + (link ? 1 : 0);
    let place = r[13] - RAM - 4 * count;
    if (place < 0 || place + 4 * count > ramSize) {
      return 0;
    }
    r[13] -= 4 * count;
    for (let i = 0; i < 8; i++) {
      if (list & (1 << i)) {
        ram32[place >> 2] = r[i];
        place += 4;
      }
    }
    if (link) {
      ram32[place >> 2] = r[14];
    }
    r[15] = pc + 2;
    return done(1 + bits(list));
  }

  function pop(pc, list, back) {
    const count = bits(list) + (back ? 1 : 0);
    let place = r[13] - RAM;
    if (place < 0 || place + 4 * count > ramSize) {
      return 0;
    }
    const to = back ? ram32[(place >> 2) + count - 1] : 0;
    if (to >>> 28 === 15) { // the end of an exception
      return 0;
    }
    r[13] += 4 * count;
    for (let i = 0; i < 8; i++) {
      if (list & (1 << i)) {
        r[i] = ram32[place >> 2];
        place += 4;
      }
    }
    r[15] = back ? to & ~1 : pc + 2;
    return done(1 + bits(list) + (back ? 2 : 0));
  }

  function several(pc, base, list, store) { // STM and LDM
    const count = bits(list);
    let place = r[base] - RAM;
    if (place < 0 || place & 3 || place + 4 * count > ramSize) {
      return 0;
    }
    const after = r[base] + 4 * count;
    for (let i = 0; i < 8; i++) {
      if (list & (1 << i)) {
        if (store) {
          ram32[place >> 2] = r[i];
        } else {
          r[i] = ram32[place >> 2];
        }
        place += 4;
      }
    }
    if (!(list & (1 << base))) {
      r[base] = after;
    }
    r[15] = pc + 2;
    return done(1 + count);
  }

  function link(pc, opcode) { // BL, in flash
    if (pc >>> 24 !== 0x10) {
      return 0;
    }
    const second = flash16[((pc & 0xffffff) >> 1) + 1];
    if (second >> 14 !== 3 || !(second & 0x1000)) {
      return 0;
    }
    const sign = (opcode >> 10) & 1;
    const i1 = 1 - (sign ^ ((second >> 13) & 1));
    const i2 = 1 - (sign ^ ((second >> 11) & 1));
    const by = (sign ? 0xff000000 : 0) | (i1 << 23) | (i2 << 22) | ((opcode & 0x3ff) << 12) | ((second & 0x7ff) << 1);
    r[14] = (pc + 4) | 1;
    r[15] = pc + 4 + by;
    return done(3);
  }

  function bits(list) {
    let count = 0;
    for (; list; list &= list - 1) {
      count++;
    }
    return count;
  }

  function done(cycles) {
    core.cycles += cycles;
    return cycles;
  }
}
