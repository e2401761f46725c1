// An RP2040 with an image of ours, in rp2040js: USB's REPL at a TCP port, UART1 joined to a TCP address.
//
//   node emulator.mjs --modules node_modules --rom rom.bin --image firmware.bin [--flash FILE]
//                     [--repl PORT] [--uart HOST:PORT] [--entropy random|stuck] [--limit SECONDS]
//
// It says what happens in lines of JSON on stdout, and takes lines on stdin: "reset", "cut N" (power fails in
// the Nth erasing or programming of flash from now on), "stats", "end". It ends with its stdin, whoever held that.
//
// Ours are the parts that rp2040js lacks or has otherwise than the chip: the ring oscillator's random bit, UARTs
// with FIFOs, interrupts and the speed of a line, flash that takes time, a USB host that waits in silence. Time:
// an instruction takes its cycles (none for the cache or the flash), an idle core waits as long as we do.
import { randomBytes } from 'crypto';
import fs from 'fs';
import { createRequire } from 'module';
import net from 'net';
import path from 'path';
import readline from 'readline';
import { quick } from './core.mjs';

const FLASH_SIZE = 2 << 20;
const SECTOR = 4096;
const PAGE = 256;
// Typical times of a W25Q16JV, the flash of a Pico (its data sheet, 9.6), in nanoseconds.
const ERASE_NANOS = 45e6;
const PROGRAM_NANOS = 0.4e6;
const SLICE = 20000; // instructions between two looks at sockets
const IDLE_MOST = 5e6; // nanoseconds of idling that may be made up for at once

const options = { repl: '0', entropy: 'random', limit: '600' };
for (let i = 2; i < process.argv.length; i += 2) {
  options[process.argv[i].slice(2)] = process.argv[i + 1];
}
const require = createRequire(path.resolve(options.modules, 'rp2040js/package.json'));
const { BasePeripheral, ConsoleLogger, LogLevel, Simulator, USBCDC } = require('rp2040js');

const tell = (event, fields = {}) => process.stdout.write(JSON.stringify({ event, ...fields }) + '\n');

const counted = { instructions: 0, nanos: 0, erased: 0, programmed: 0, sent: 0, received: 0, lost: 0 };
let flash = new Uint8Array(FLASH_SIZE).fill(0xff);
if (options.flash && fs.existsSync(options.flash)) {
  flash.set(fs.readFileSync(options.flash).subarray(0, FLASH_SIZE));
}
flash.set(fs.readFileSync(options.image));
const rom = fs.readFileSync(options.rom);
let cutIn = 0;
let ending = ''; // why the board is to be reset, before its next instruction

// The ring oscillator (datasheet, 2.17): it runs, and its RANDOMBIT is the host's randomness, or stuck at 1.
class RingOscillator extends BasePeripheral {
  constructor(mcu) {
    super(mcu, 'ROSC');
    this.values = {};
    this.bits = 0;
    this.left = 0;
  }

  readUint32(offset) {
    if (offset === 0x18) {
      return 0x80011000; // stable, divider running, enabled
    }
    if (offset !== 0x1c) {
      return this.values[offset] ?? 0;
    }
    if (options.entropy === 'stuck') {
      return 1;
    }
    if (!this.left) {
      this.bits = randomBytes(4).readInt32LE();
      this.left = 32;
    }
    this.left--;
    const bit = this.bits & 1;
    this.bits >>= 1;
    return bit;
  }

  writeUint32(offset, value) {
    this.values[offset] = value;
  }
}

// Where the stand-in ROM has flash erased and programmed. Interrupts are off meanwhile, as on the chip.
class FlashEngine extends BasePeripheral {
  constructor(mcu) {
    super(mcu, 'FLASH');
    this.values = [0, 0, 0];
  }

  writeUint32(offset, value) {
    const index = offset / 4;
    if (index < 3) {
      this.values[index] = value;
      return;
    }
    const [address, source, count] = this.values;
    const unit = index === 3 ? SECTOR : PAGE;
    for (let at = 0; at < count; at += unit) {
      const cut = cutIn && !--cutIn;
      // Power fails half-way: of a page some bytes are there, of a sector nobody knows what.
      const size = cut ? unit / 2 : unit;
      const place = (address & (FLASH_SIZE - 1)) + at;
      const memory = this.rp2040.flash;
      if (index === 3) {
        memory.fill(0xff, place, place + size);
        counted.erased++;
      } else {
        for (let i = 0; i < size; i++) {
          memory[place + i] &= this.rp2040.readUint8(source + at + i);
        }
        counted.programmed++;
      }
      if (cut) {
        memory.set(randomBytes(16), place + size);
        ending = 'power cut';
        return;
      }
      this.rp2040.clock.tick(index === 3 ? ERASE_NANOS : PROGRAM_NANOS);
    }
  }
}

// A PL011 (datasheet, 4.2): both FIFOs, at the speed of the line. What comes while the FIFO is full is lost.
function makeUart(mcu, old, io) {
  const DR = 0, FR = 0x18, IFLS = 0x34, IMSC = 0x38, RIS = 0x3c, MIS = 0x40, ICR = 0x44;
  const RX = 1 << 4, TX = 1 << 5, TIMEOUT = 1 << 6;
  const LEVELS = [4, 8, 16, 24, 28];
  const DEPTH = 32;

  class Uart extends old.constructor {
    constructor() {
      super(mcu, old.name, old.irq, old.dreq);
      this.sending = [];
      this.coming = [];
      this.raw = 0;
      this.levels = 0x12;
      this.sender = mcu.clock.createAlarm(() => this.sent());
      this.receiver = mcu.clock.createAlarm(() => this.come());
      this.silence = mcu.clock.createAlarm(() => {
        if (this.coming.length) {
          this.raise(TIMEOUT);
        }
      });
      this.busy = this.listening = false;
    }

    get bits() { // nanoseconds of a bit on the line
      return this.baudDivider ? (this.baudDivider * 16 * 1e9) / mcu.clkPeri : 8680;
    }

    raise(which) {
      this.raw |= which;
      mcu.setInterrupt(this.irq, !!(this.raw & this.interruptMask));
    }

    lower(which) {
      this.raw &= ~which;
      mcu.setInterrupt(this.irq, !!(this.raw & this.interruptMask));
    }

    sent() {
      io.send(this.sending.shift());
      if (this.sending.length === LEVELS[this.levels & 7]) {
        this.raise(TX);
      }
      this.busy = this.sending.length > 0;
      if (this.busy) {
        this.sender.schedule(10 * this.bits);
      }
    }

    // io has something for the line.
    wake() {
      if (!this.listening && this.enabled) {
        this.listening = true;
        this.receiver.schedule(10 * this.bits);
      }
    }

    come() {
      const byte = io.next();
      this.listening = false;
      if (byte === undefined) {
        return;
      }
      if (this.coming.length >= DEPTH) {
        counted.lost++;
      } else {
        this.coming.push(byte);
        if (this.coming.length >= LEVELS[(this.levels >> 3) & 7]) {
          this.raise(RX);
        }
        this.silence.schedule(32 * this.bits);
      }
      this.wake();
    }

    readUint32(offset) {
      switch (offset) {
        case DR: {
          const byte = this.coming.shift();
          if (this.coming.length < LEVELS[(this.levels >> 3) & 7]) {
            this.lower(RX);
          }
          if (!this.coming.length) {
            this.lower(TIMEOUT);
          }
          return byte ?? 0;
        }
        case FR:
          return (this.sending.length ? 0 : 0x80) | (this.coming.length >= DEPTH ? 0x40 : 0) |
            (this.sending.length >= DEPTH ? 0x20 : 0) | (this.coming.length ? 0 : 0x10) | (this.busy ? 8 : 0);
        case IFLS:
          return this.levels;
        case RIS:
          return this.raw;
        case MIS:
          return this.raw & this.interruptMask;
        default:
          return super.readUint32(offset);
      }
    }

    writeUint32(offset, value) {
      switch (offset) {
        case DR:
          if (this.sending.length < DEPTH) {
            this.sending.push(value & 0xff);
          }
          if (!this.busy) {
            this.busy = true;
            this.sender.schedule(10 * this.bits);
          }
          break;
        case IFLS:
          this.levels = value;
          break;
        case ICR:
          this.lower(this.rawWriteValue);
          break;
        case 4: // RSR
        case 0x48: // DMACR
          break;
        case IMSC:
          this.interruptMask = value & 0x7ff;
          this.lower(0);
          break;
        default:
          super.writeUint32(offset, value);
          this.wake();
      }
    }

    checkInterrupts() {}
  }
  return new Uart();
}

// ---- the other ends ----

// UART1's: connected when the image first sends a byte, and again when it has gone.
const line = {
  socket: null,
  waiting: [],
  at: 0,
  send(byte) {
    counted.sent++;
    if (!options.uart) {
      return;
    }
    if (!this.socket) {
      const [, host, port] = options.uart.match(/^(.*):(\d+)$/);
      const socket = (this.socket = net.connect(+port, host));
      socket.setNoDelay(true);
      socket.on('data', (data) => {
        this.waiting.push(data);
        uart.wake();
        wake();
      });
      socket.on('close', () => {
        this.socket = null;
      });
      socket.on('error', (error) => tell('uart', { error: error.message }));
    }
    this.pending = this.pending ?? [];
    this.pending.push(byte);
    wake();
  },
  flush() {
    if (this.pending?.length && this.socket) {
      this.socket.write(Buffer.from(this.pending));
      this.pending = [];
    }
  },
  next() {
    while (this.waiting.length && this.at >= this.waiting[0].length) {
      this.waiting.shift();
      this.at = 0;
    }
    if (!this.waiting.length) {
      return undefined;
    }
    counted.received++;
    return this.waiting[0][this.at++];
  },
};

// USB's: one reader at a time; what the board says while nobody reads is kept for the next, in bounds.
const repl = {
  socket: null,
  unread: [],
  typed: [],
  asked: 0, // bytes that the board would take now
  said(data) {
    if (this.socket) {
      this.socket.write(data);
    } else if (this.unread.length < 1000) {
      this.unread.push(data);
    }
  },
  feed() {
    if (this.asked && this.typed.length) {
      const buffer = Uint8Array.from(this.typed.splice(0, this.asked));
      this.asked = 0;
      cdc.usb.endpointReadDone(cdc.outEndpoint, buffer);
    }
  },
};

const server = net.createServer((socket) => {
  repl.socket?.destroy();
  repl.socket = socket;
  socket.setNoDelay(true);
  repl.unread.forEach((data) => socket.write(data));
  repl.unread = [];
  socket.on('data', (data) => {
    repl.typed.push(...data);
    repl.feed();
    wake();
  });
  socket.on('close', () => {
    if (repl.socket === socket) {
      repl.socket = null;
    }
  });
  socket.on('error', () => {});
});
server.on('error', (error) => {
  tell('end', { error: error.message });
  process.exit(1);
});

// ---- the board ----

let mcu, core, step, clock, cdc, uart;
let boots = 0;

function powerUp(why) {
  const old = mcu;
  ending = '';
  counted.nanos += clock?.nanos ?? 0;
  const simulator = new Simulator();
  mcu = simulator.rp2040;
  core = mcu.core;
  clock = simulator.clock;
  mcu.logger = new ConsoleLogger(LogLevel.Error);
  mcu.loadBootrom(new Uint32Array(rom.buffer.slice(rom.byteOffset, rom.byteOffset + (rom.length & ~3))));
  mcu.flash.set(old ? old.flash.subarray(0, FLASH_SIZE) : flash);
  mcu.peripherals[0x40060] = new RingOscillator(mcu);
  mcu.peripherals[0x40068] = new FlashEngine(mcu);
  uart = makeUart(mcu, mcu.uart[1], line);
  mcu.uart[1] = mcu.peripherals[0x40038] = uart;
  mcu.uart[0] = mcu.peripherals[0x40034] = makeUart(mcu, mcu.uart[0], { send() {}, next() {} });
  const guard = mcu.peripherals[0x40058];
  if (why === 'watchdog') {
    guard.reason = old.peripherals[0x40058].reason;
    guard.scratchData.set(old.peripherals[0x40058].scratchData);
  }
  guard.onWatchdogTrigger = () => {
    guard.alarm.enable = false; // it would go off again and again in this instant
    ending = 'watchdog';
  };
  mcu.onBreak = () => {
    tell('end', { error: 'the core has stopped at a breakpoint, pc ' + core.PC.toString(16) });
    process.exit(1);
  };
  cdc = new USBCDC(mcu.usbCtrl);
  cdc.onSerialData = (data) => repl.said(Buffer.from(data));
  repl.typed = [];
  repl.asked = 0;
  // rp2040js would answer each time with nothing, and keep the core busy with that.
  mcu.usbCtrl.onEndpointRead = (endpoint, size) => {
    if (endpoint === cdc.outEndpoint) {
      repl.asked = size;
      repl.feed();
    }
  };
  boots++;
  cdc.onDeviceConnected = () => tell('up', { boot: boots, ms: Math.round(clock.nanos / 1e6) });
  core.reset();
  step = quick(mcu);
  tell('boot', { boot: boots, why });
}

let idle = 0; // nanoseconds that an idle core may let pass
let looked = performance.now();
let timer = null;
let asleep = false;

function wake() {
  if (asleep) {
    asleep = false;
    clearTimeout(timer);
    setImmediate(run);
  }
}

// At most so many instructions, on to where the core waits or is reset; gives how many. What is no more than
// arithmetic and memory looks at no clock: that is wound on before all else, and when an alarm is due.
function execute(most, cycle) {
  let done = 0;
  while (done < most && !core.waiting && !ending) {
    const alarm = clock.nextAlarm;
    const spare = alarm ? (alarm.nanos - clock.nanosCounter) / cycle : 1e6;
    let passed = 0;
    let cycles = 1;
    while (done < most && passed < spare && (cycles = step())) {
      passed += cycles;
      done++;
    }
    clock.tick(passed * cycle);
    if (!cycles && !ending) {
      clock.tick(core.executeInstruction() * cycle);
      done++;
    }
  }
  counted.instructions += done;
  return done;
}

function run() {
  const now = performance.now();
  idle = Math.min(IDLE_MOST, idle + (now - looked) * 1e6);
  looked = now;
  const cycle = 1e9 / mcu.clkSys;
  let left = SLICE;
  while (left > 0 && !ending) {
    if (core.waiting) {
      const step = clock.nextAlarm ? clock.nanosToNextAlarm : IDLE_MOST;
      if (step > idle) {
        clock.tick(idle);
        idle = 0;
        break;
      }
      idle -= step;
      clock.tick(step);
      left -= 10;
    } else {
      left -= execute(left, cycle);
    }
  }
  line.flush();
  if (ending) {
    powerUp(ending);
  }
  repl.feed();
  if (core.waiting && idle < 1e6) {
    asleep = true;
    timer = setTimeout(wake, 1);
  } else {
    setImmediate(run);
  }
}

function stats() {
  return { ...counted, nanos: Math.round(counted.nanos + clock.nanos), boots };
}

function end() {
  if (options.flash) {
    fs.writeFileSync(options.flash, mcu.flash.subarray(0, FLASH_SIZE));
  }
  tell('end', stats());
  process.exit(0);
}

const input = readline.createInterface({ input: process.stdin });
input.on('line', (text) => {
  const [word, number] = text.split(' ');
  if (word === 'reset') {
    powerUp('reset');
  } else if (word === 'cut') {
    cutIn = +number;
  } else if (word === 'stats') {
    tell('stats', stats());
  } else if (word === 'end') {
    end();
  }
});
input.on('close', end);
process.on('SIGTERM', end);
setTimeout(() => {
  tell('end', { error: 'the time limit of ' + options.limit + ' s is over' });
  process.exit(1);
}, options.limit * 1000).unref();

server.listen(+options.repl, '127.0.0.1', () => {
  tell('repl', { port: server.address().port });
  powerUp('power');
  run();
});
