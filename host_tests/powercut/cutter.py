"""Cuts the power of any job on the model file system at every instant, reboots, and checks."""

import itertools
import re

from powercut.model import Cut, FileSystem, Image


class Lost(AssertionError):
    """The check failed after a cut; the text says where the power went, the cause says what was lost."""


class Cutter:
    """Tries every cut of `scenario(fs)`, with `check(fs)` after each.

    scenario  does the job, from nothing in memory but what `fs` holds
    check     gets the rebooted file system; asserts what must hold after any cut, then does the job to its
              end and asserts the end. It raises to fail. It is itself cut for the second cuts.
    replay    False: neither reaches outside `fs`, so each operation of the scenario is run once and all
              the images of its cut come from that run, equal ones checked once.
              True: there is a world outside, such as a server. The scenario builds it anew, keeps it in
              fs.world, where the check finds it, and is run again from the start for every single cut.
    tick      called with the Cutter after every image checked; `at` of `of` tells how far run() is

    Counts: operations (of the uncut scenario), cuts (states of the disk after losing power at one instant),
    images (those that differ, each rebooted and checked), second (those checked after a second cut, which
    fell into the recovery).
    """

    def __init__(self, scenario, check, replay=False, tick=None):
        self._scenario = scenario
        self._check = check
        self._replay = replay
        self._tick = tick
        self._seen = set()
        self.operations = self.cuts = self.images = self.second = 0
        self.at = self.of = 0

    def run(self, start=None, second=0, most=4):
        """Cut everywhere, from a disk of this Image; gives itself. Raises Lost.

        second  after how many of the wrecks to cut the recovery as well, spread over all operations and
                kinds of damage; at least one of each kind where that is more than they are
        most    how many wrecks of each operation to try there, other ones every time
        """
        start = start or Image()
        self.operations = self.of = self._cut(self._scenario, start, None).done
        kinds = {}
        for operation, number, name, image in self._wrecks(self._scenario, lambda: start):
            self.at = operation
            self.cuts += 1
            if self._new(operation, image):
                self.images += 1
                if self._replay:
                    image = self._reach(start, operation, number)
                where = "operation %d, %s" % (operation, name)
                self._verify(image, where)
                kind = operation, re.sub(r"\d+", "", name)
                kinds.setdefault(kind, []).append((operation, number, where))
        wrecks = []
        for kind in _spread(list(kinds.values()), second, 0):
            wrecks += _spread(kind, max(1, second // len(kinds)), len(wrecks))
        self.of = len(wrecks)
        for self.at, (operation, number, where) in enumerate(wrecks):
            self._again(lambda o=operation, n=number: self._reach(start, o, n), where, most)
        return self

    def _again(self, first, where, most):
        """Cut the recovery from one wreck, at each of its operations."""
        wrecks = self._wrecks(self._check, first)
        for operation, group in itertools.groupby(wrecks, lambda wreck: wreck[0]):
            for _, number, name, image in _spread(list(group), most, self.at + operation):
                path = "%s; then operation %d, %s" % (where, operation, name)
                if self._new(path, image):
                    self.second += 1
                    if self._replay:
                        image = self._nth(self._check, first(), operation, number)
                    self._verify(image, path)

    def _wrecks(self, job, start):
        """(operation, number, name, Image) for each state after each cut of a job."""
        for operation in itertools.count():
            fs = self._cut(job, start(), operation)
            for number, (name, image) in enumerate(fs.wrecks()):
                yield operation, number, "%s: %s" % (fs.cut_in or "the end", name), image
            if fs.cut_in is None:
                return

    def _reach(self, start, operation, number):
        return self._nth(self._scenario, start, operation, number)

    def _nth(self, job, image, operation, number):
        wrecks = self._cut(job, image, operation).wrecks()
        return next(itertools.islice(wrecks, number, None))[1]

    @staticmethod
    def _cut(job, image, operation):
        fs = FileSystem(image, operation)
        try:
            job(fs)
        except Cut:
            pass
        return fs

    def _new(self, place, image):
        key = image.key(), place if self._replay else None
        if key in self._seen:
            return False
        self._seen.add(key)
        return True

    def _verify(self, image, where):
        try:
            self._check(FileSystem(image))
        except Exception as error:
            raise Lost("%s: %s: %s" % (where, type(error).__name__, error)) from error
        if self._tick:
            self._tick(self)


def _spread(items, most, turn):
    """At most so many of a list, evenly spread, shifted from turn to turn."""
    if len(items) <= most:
        return items
    return [items[(turn * 7 + i * len(items) // most) % len(items)] for i in range(most)]
