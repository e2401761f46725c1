"""The long run: python -m host_tests.fuzz [--count N] [--minutes N] [--seed TEXT] [--start BLOCK] ...

Mutated inputs for everything that reads what a peer or the flash gives (hostile.py), on two processes. A run
is its seed: block n of it is the same on every machine, so that an interrupted one goes on with --start. What
breaks the rule is kept in build/fuzz/, ready for host_tests/fuzz/regressions/. Exit status 1 then.
"""

import argparse
import collections
import multiprocessing
import os
import queue
import shutil
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "stubs"), str(HERE.parent / "portable"),
                str(ROOT / "firmware"), str(ROOT)]

import guided  # noqa: E402
import micropython  # noqa: E402, F401 - gives CPython's time what MicroPython has
import replay  # noqa: E402
import rules  # noqa: E402
import seeds  # noqa: E402
from differ import Differences  # noqa: E402

BLOCK = 2000  # inputs
THOROUGH = 1000  # one input in so many is looked at from all sides
CODECS = 10  # and of every so many messages the reference server's codec has its say
WHOLE = 100  # and PyKMIP
ENOUGH = 20  # findings


def run_block(made, differences, seed, number, put):
    """The inputs of one block; put() takes (target, input, what is wrong). Gives the counts of outcomes."""
    counts = collections.Counter()
    for index, (name, data) in enumerate(seeds.block(made, seed, number, BLOCK)):
        try:
            counts[name, rules.quick(name, data)] += 1
            if index % THOROUGH == number % THOROUGH:  # not the same shares of the targets each time
                rules.thorough(name, data, index)
                counts["thorough"] += 1
            if index % CODECS == 0 and name in ("answer", "items", "request"):
                differences.look(name, data, index % WHOLE == 0)
        except (Exception, rules.Hang):
            counts[name, "WRONG"] += 1
            put((name, data, traceback.format_exc(limit=-3)))
    return counts


def work(number, of, options, made, results, stopping):
    """A process: every `of`th block, from the first on."""
    rules.start()
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, signal.SIG_IGN)  # it is the first process that is told to end, and tells
    folder = tempfile.mkdtemp(prefix="fuzz")
    os.chdir(folder)  # for the files of `flash`
    differences = Differences()
    block = options.start + number
    try:
        while not stopping.is_set() and block < options.stop:
            counts = run_block(
                made, differences, options.seed, block, lambda what: results.put(("wrong", what)))
            results.put(("done", block, counts))
            block += of
    finally:
        shutil.rmtree(folder)
        results.put(("end", differences.seen, differences.agreed, differences.unknown))


class Run:
    """What the processes have told so far."""

    def __init__(self, options):
        self.options = options
        self.counts = collections.Counter()
        self.blocks = self.wrong = 0
        self.seen = collections.Counter()
        self.agreed = collections.Counter()
        self.unknown = {}
        self.started = time.monotonic()
        self.told = 0

    def take(self, message):
        if message[0] == "wrong":
            self.keep(*message[1])
        elif message[0] == "done":
            self.blocks += 1
            self.counts.update(message[2])
        else:
            self.seen.update(message[1])
            self.agreed.update(message[2])
            self.unknown.update(message[3])

    def keep(self, name, data, text):
        """Write down a finding."""
        self.wrong += 1
        folder = ROOT / "build" / "fuzz"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / ("%s-%d.hex" % (name, self.wrong))
        lines = "".join("# %s\n" % line for line in text.rstrip().splitlines())
        path.write_text("%s\n%s%s\n" % (name, lines, data.hex()))
        print("WRONG: %s: %s\n%s" % (name, path.relative_to(ROOT), text), flush=True)

    def line(self):
        seconds = time.monotonic() - self.started
        done = self.blocks * BLOCK
        rate = done / seconds if seconds else 0
        left = (self.options.stop - self.options.start) * BLOCK - done
        print("fuzz: %s of %s inputs, %s a second, %s left, %d wrong" % (
            format(done, ","), format((self.options.stop - self.options.start) * BLOCK, ","),
            format(int(rate), ","), _clock(left / rate) if rate else "?", self.wrong), flush=True)

    def report(self):
        """The table at the end."""
        print("\n%-12s %12s %10s  outcomes" % ("target", "inputs", "accepted"))
        for name in rules.TARGETS:
            row = {key[1]: n for key, n in self.counts.items() if key[0] == name}
            total = sum(row.values())
            if total:
                others = ", ".join("%s %s" % (format(n, ","), what) for what, n in sorted(row.items())
                                   if what != "accepted")
                print("%-12s %12s %10s  %s" % (
                    name, format(total, ","), format(row.get("accepted", 0), ","), others))
        print("from all sides (canaries, steps, memory): %s" % format(self.counts["thorough"], ","))
        for between in sorted(set(self.agreed) | {key[0] for key in self.seen}):
            differ = sum(n for key, n in self.seen.items() if key[0] == between)
            print("%s: %s times of one mind, %s times not, of %d known kinds" % (
                between, format(self.agreed[between], ","), format(differ, ","),
                len([key for key in self.seen if key[0] == between and key not in self.unknown])))
        for key, (name, data) in self.unknown.items():
            self.keep(name, data, "%s: %r, but %r: not in differences.json" % key)


def _clock(seconds):
    return "%d:%02d" % (seconds // 60, seconds % 60)


def _drain(run, results, processes, until):
    # Take what the processes tell until they have all ended; whether it came to that by itself.
    ends = 0
    stopped = False
    while ends < len(processes):
        try:
            message = results.get(timeout=0.5)
            ends += message[0] == "end"
            run.take(message)
        except queue.Empty:
            if not any(process.is_alive() for process in processes):
                raise SystemExit("fuzz: a process has died")
        now = time.monotonic()
        if now - run.told > 5:
            run.told = now
            run.line()
        if not stopped and (now > until or run.wrong >= ENOUGH):
            stopped = True
            run.options.stopping.set()
    return not stopped


def main(argv=None):
    """The command line; gives the exit status."""
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=10_000_000, help="inputs in all (%(default)s)")
    parser.add_argument("--minutes", type=float, default=0, help="or so long, whatever comes first")
    parser.add_argument("--seed", default=time.strftime("%Y-%m-%d"), help="of the run (the day)")
    parser.add_argument("--start", type=int, default=0, help="first block, to go on with a run")
    parser.add_argument("--only", action="append", choices=list(rules.TARGETS), default=[])
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--guided", type=int, default=20, metavar="SECONDS",
                        help="led by coverage, for each target, where atheris is installed (%(default)s)")
    options = parser.parse_args(argv)
    options.stop = options.start + (options.count + BLOCK - 1) // BLOCK
    print("fuzz: seed %s, blocks %d to %d of %d inputs, %d processes" % (
        options.seed, options.start, options.stop - 1, BLOCK, options.processes), flush=True)
    made = seeds.plans(options.only)
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    stopping = context.Event()
    processes = [
        context.Process(target=work, args=(number, options.processes, options, made, results, stopping))
        for number in range(options.processes)]
    for process in processes:
        process.start()
    options.stopping = stopping
    for sign in (signal.SIGINT, signal.SIGTERM):  # also in the background, where a shell has it ignored
        signal.signal(sign, signal.default_int_handler)
    run = Run(options)
    until = time.monotonic() + options.minutes * 60 if options.minutes else float("inf")
    try:
        whole = _drain(run, results, processes, until)
    except KeyboardInterrupt:
        stopping.set()
        whole = _drain(run, results, processes, until) and False
    for process in processes:
        process.join()
    run.line()
    run.report()
    whole or print("fuzz: go on with ARGS=\"--seed %s --start %d\"" % (
        options.seed, options.start + run.blocks // options.processes * options.processes))
    for text in replay.fresh([plan for plan in made if plan.name != "dump"], options.seed, run.keep):
        print(text)
    if not guided.installed():
        print(guided.MISSING)
    elif options.guided:
        for plan in made:
            print(guided.run(plan.name, options.guided, run.keep), flush=True)
    return 1 if run.wrong or not run.blocks else 0


if __name__ == "__main__":
    sys.exit(main())
