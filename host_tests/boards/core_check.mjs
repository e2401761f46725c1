// node core_check.mjs NODE_MODULES COUNT: tools/rp2/core.mjs against rp2040js itself, on COUNT instructions with
// registers, flags and memory that are drawn. Prints what differs, and how many were compared.
//
// Known to differ, and left out: BLX LR, where rp2040js has LR overwritten before it goes there.
import { createRequire } from 'module';
import path from 'path';
import { quick } from '../../tools/rp2/core.mjs';

const require = createRequire(path.resolve(process.argv[2], 'rp2040js/package.json'));
const { RP2040, ConsoleLogger, LogLevel } = require('rp2040js');
const CODE = 0x20001000; // where an instruction is put, in turn: in RAM and in flash
const FLASH = 0x10001002;
const V = 1 << 28;
let seed = 12345;

function draw() { // xorshift
  seed ^= seed << 13;
  seed ^= seed >>> 17;
  seed ^= seed << 5;
  return seed >>> 0;
}

function value() {
  const edges = [0, 1, 2, 31, 32, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff];
  const kind = draw() % 4;
  if (kind === 0) {
    return edges[draw() % edges.length];
  }
  if (kind === 1) {
    return 0x20002000 + ((draw() % 4096) & ~3);
  }
  return kind === 2 ? 0x10000000 + (draw() % 65536) : draw();
}

const boards = [new RP2040(), new RP2040()];
for (const board of boards) {
  board.logger = new ConsoleLogger(LogLevel.Error, false);
  board.onBreak = () => {};
}
for (let i = 0; i < 1 << 17; i++) {
  boards[0].flash[i] = boards[1].flash[i] = draw();
}
const ours = quick(boards[1]);
const steps = [() => boards[0].core.executeInstruction(), () => ours() || boards[1].core.executeInstruction()];
let compared = 0;
let apart = 0;

console.error = console.warn = () => {};
for (let n = 0; n < +process.argv[3]; n++) {
  const opcode = draw() & 0xffff;
  const wide = opcode >> 11 === 30;
  const second = 0xd000 | (draw() & 0x2fff);
  // Not what ends the world or waits: wide ones but BL, hints, breakpoints, supervisor calls.
  if (opcode >> 11 === 29 || opcode >> 11 === 31 || opcode >> 9 === 0b1011111 || opcode >> 9 === 0b1101111) {
    continue;
  }
  const registers = Array.from({ length: 13 }, value);
  const flags = draw();
  const results = boards.map((board, which) => {
    const core = board.core;
    registers.forEach((x, i) => (core.registers[i] = x));
    core.registers[13] = 0x20003000;
    core.registers[14] = 0x10000101;
    const code = wide || n & 1 ? FLASH : CODE;
    core.registers[15] = code;
    core.APSR = flags;
    core.interruptsUpdated = false;
    if (code === FLASH) {
      board.flashView.setUint32(FLASH - 0x10000000, opcode | (second << 16), true);
    } else {
      board.sramView.setUint16(CODE - 0x20000000, opcode, true);
    }
    let cycles;
    try {
      cycles = steps[which]();
    } catch (error) {
      cycles = error.message;
    }
    // ADCS and SBCS: rp2040js adds the carry to an operand, and overflows where that is the largest; ours is right.
    const flagged = opcode >> 6 === 0b0100000101 || opcode >> 6 === 0b0100000110 ? ~V : ~0;
    return [cycles, core.APSR & flagged, ...core.registers];
  });
  compared++;
  if (results[0].some((x, i) => x !== results[1][i]) && apart++ < 20) {
    console.log('apart', opcode.toString(2).padStart(16, '0'), ...results.map((all) => all.map((x) =>
      typeof x === 'number' ? (x >>> 0).toString(16) : x).join(' ')).join('\n  ').split('\n'));
  }
}
if (Buffer.compare(Buffer.from(boards[0].sram), Buffer.from(boards[1].sram))) {
  console.log('apart: memory');
  apart++;
}
console.log('compared', compared, 'apart', apart);
process.exit(apart ? 1 : 0);
