"""The renewal agent under the cutter: its paths from one certificate to the next, power lost at every
operation of the file system and beside every message. The server outlives the cut; the agent starts again
from its files.

    python -m host_tests.powercut.agent [-k WORD] [--every N]
"""

import argparse
import itertools
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
if __name__ == "__main__":
    sys.path[:0] = [str(HERE.parents[1] / "firmware"), str(HERE.parent), str(HERE.parent / "stubs"),
                    str(HERE.parent / "portable")]

import fakeworld  # noqa: E402
from fakeworld import DAY, Device  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: E402

from identity import sealed  # noqa: E402
from powercut.cutter import Cutter, Lost  # noqa: E402
from powercut.model import FileSystem, Image, attached  # noqa: E402

# A path: the device's job, and what is done to its world.
PATHS = {
    "renew": ("renew", None),
    "rotate": ("rotate", None),
    "enrol": ("enrol", None),
    "expired": ("expired", None),
    "renew, answer lost": ("renew", lambda device: lose(device, "recertify")),
    "rotate, answer lost": ("rotate", lambda device: lose(device, "certify")),
    "renew, pending": ("renew", lambda device: setattr(device.server, "pending", 1)),
    "rotate, pending": ("rotate", lambda device: setattr(device.server, "pending", 1)),
    "enrol, one by one": ("enrol", lambda device: setattr(device.server, "batches", 4)),
    "renew, a bad one first": ("renew", lambda device: device.server.bad.append("no clientAuth")),
    "rotate, a bad one first": ("rotate", lambda device: device.server.bad.append("wrong key")),
    "renew, rolled back": ("renew", lambda device: device.server.bad.append("not yet valid")),
    "rotate, rolled back": ("rotate", lambda device: device.server.bad.append("not yet valid")),
    "enrol, started over": ("enrol", lambda device: device.server.bad.append("not yet valid")),
}


def lose(device, verb):
    """The first answer to this verb does not arrive."""
    answer = device.call

    def call(calls, asynchronous=False):
        results = answer(calls, asynchronous)
        if not device.lost and any(called == verb for called, _ in calls):
            device.lost = True
            device.connection = None
            raise OSError(104, "reset")
        return results

    device.call = call


class CutDevice(Device):
    """A Device whose files are on the model, and whose power may go beside every message."""

    def __init__(self, fs, *args, **options):
        self.fs = fs
        self.lost = self.left = False
        self.beside = []  # numbers of the operations beside messages
        with attached(fs, sealed):
            super().__init__(*args, root="/flash", **options)
        self.reboots = False

    def write_files(self, folder, files):
        image = self.fs.image.with_file(self.root, None).with_file(self.root + folder, None)
        for name, octets in files.items():
            image = image.with_file("%s%s/%s" % (self.root, folder, name), octets)
        self.fs.image = image

    def instant(self, name):
        self.beside.append(self.fs.done)
        self.fs.instant(name)

    def open(self, identity):
        self.instant("before connecting")
        super().open(identity)

    def call(self, calls, asynchronous=False):
        self.instant("before a message")
        results = super().call(calls, asynchronous)
        self.instant("after a message")
        return results

    def report(self, identity):
        self.instant("before a report")
        outcome = super().report(identity)
        self.instant("after a report")
        return outcome

    def run(self, fs, more):
        """From the files on `fs` to the end."""
        self.fs = fs
        with attached(fs, sealed):
            self.boot()
            self.watch()
            own = self.agent.own()
            if own is not None and own.uid == self.proving and own.uid not in self.proved:
                self.proved.append(own.uid)  # its record was whole when power went
            self.finish(120, more)
            self.look_for_keys(fs)

    def look_for_keys(self, fs):
        """No record of the journal holds a key any more; `left` tells of one behind the end of a record."""
        for path, octets in fs.image.files.items():
            if "journal" in path and octets:
                record = sealed.read(path, b"KLJ1")
                inside = b"".join(record[1]) if record else b""
                for secret in self.secrets:
                    if secret.hex().encode() in inside:
                        raise AssertionError("a private key is left in the journal")
                    if secret.hex().encode() in octets:
                        self.left = True


class AgentJob:
    """`work` is the scenario, `check` the check of a Cutter with replay."""

    def __init__(self, name):
        self.name = name
        self.most = 0  # certificates left over in any run
        self.left = 0  # runs that left a private key in the octets behind a record

    def make(self):
        job, change = PATHS[self.name]
        fakeworld.determine(3)
        pending = "pending" in self.name
        device = CutDevice(FileSystem(Image({})), job, trial_span=60, asynchronous=pending)
        if change:
            change(device)
        return device

    def start(self):
        """The disk before the job."""
        return Image(self.make().fs.image.files)

    def beside(self):
        """The numbers of the operations beside messages."""
        fs = FileSystem(self.start())
        self.work(fs)
        return fs.world.beside

    def work(self, fs):
        device = fs.world = self.make()
        device.run(fs, 0)

    def check(self, fs):
        device = fs.world
        device.steps = 0
        device.run(fs, 0)
        self.most = max(self.most, device.orphans)
        self.left += device.left
        if device.server.now > fakeworld.T0 + 60 * DAY:
            raise AssertionError("that took too long")


class Sampled(Cutter):
    """Of the states that the disk may be in after a cut one in `every`, other ones at each operation, and of
    the operations one in `steps` and those of `always`."""

    def __init__(self, *args, every=1, steps=1, always=(), **options):
        super().__init__(*args, **options)
        self._every = every
        self._steps = steps
        self._always = always

    def _wrecks(self, job, start):
        for operation in itertools.count():
            if operation % self._steps and operation not in self._always:
                continue
            fs = self._cut(job, start(), operation)
            for number, (name, image) in enumerate(fs.wrecks()):
                if not number or number % self._every == operation * 7 % self._every:
                    yield operation, number, "%s: %s" % (fs.cut_in or "the end", name), image
            if fs.cut_in is None:
                return


def main(argv=None):
    """The long run, under a progress bar; gives the exit status."""
    parser = argparse.ArgumentParser(prog="powercut.agent", description=main.__doc__)
    parser.add_argument("-k", metavar="WORD", default="", help="only paths with this word")
    parser.add_argument("--every", type=int, default=61, help="one state of the disk in so many (1: all)")
    options = parser.parse_args(argv)
    console = Console()
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[tried]:,} cuts"),
               TimeElapsedColumn())
    begun = time.monotonic()
    cuts = most = left = 0
    lost = []
    with Progress(*columns, console=console) as progress:
        for name in PATHS:
            if options.k not in name:
                continue
            job = AgentJob(name)
            bar = progress.add_task(name, total=None, tried=0)

            def tick(cutter, bar=bar):
                progress.update(bar, completed=cutter.at, total=cutter.of, tried=cutter.images)

            cutter = Sampled(job.work, job.check, replay=True, tick=tick, every=options.every)
            try:
                cutter.run(job.start())
            except Lost as error:
                lost.append("%s: %s" % (name, error))
            progress.update(bar, completed=cutter.of, total=cutter.of, tried=cutter.images)
            cuts += cutter.images
            most = max(most, job.most)
            left += job.left
    for text in lost:
        console.print("LOST " + text, markup=False)
    console.print(f"{cuts:,} cuts of power on the agent's paths in {time.monotonic() - begun:.0f} s")
    console.print("paths that lost an identity or came to no end: %d; most certificates left over: %d; "
                  "runs with a key behind the end of a record: %d" % (len(lost), most, left))
    return 1 if lost or not cuts else 0


if __name__ == "__main__":
    sys.exit(main())
