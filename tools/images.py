"""An image for a board: compiled when its sources have changed, with a stamp that says from what.

What is common to tools/qemu/build.py and tools/rp2/build.py.
"""

import argparse
import os
import shutil

from . import debian, steps
from .steps import Failed, say


class Image:
    """One image, in a folder of its own.

    path      the file that comes out, in the folder
    inputs    called: a digest of all that the image is made of
    compile   called: makes the file; gives what the stamp is to hold besides. Raises Failed.
    how       the command that the user is told to make it with
    """

    def __init__(self, target, path, inputs, compile, how):
        self.target = target
        self.path = path
        self._inputs = inputs
        self._compile = compile
        self._how = how

    def _file(self, name):
        return self.path.parent / name

    def stamp(self):
        """What the last compilation left."""
        return steps.read_stamp(self._file("stamp.json"))

    def why_missing(self):
        """One line: why there is no image that is up to date, and what to do; "" where there is one."""
        stamp = self.stamp()
        if not self.path.exists() or not stamp:
            why = steps.read_stamp(self._file("failed.json")).get("why")
            return why or "%s is not built (%s)" % (self.target, self._how)
        if stamp.get("inputs") != self._inputs():
            return "%s is older than its sources (%s)" % (self.target, self._how)
        return ""

    def ensure(self):
        """Make the image if it is not up to date; gives whether anything was done. Raises Failed."""
        if not self.why_missing():
            return False
        failed = self._file("failed.json")
        self._file("stamp.json").unlink(missing_ok=True)
        inputs = self._inputs()  # as they are before: a change meanwhile makes it stale again
        try:
            found = self._compile()
        except Failed as exc:
            steps.write_stamp(failed, why="%s: %s" % (self.target, exc))
            raise
        failed.unlink(missing_ok=True)
        steps.write_stamp(self._file("stamp.json"), inputs=inputs, **found)
        return True


def need(programs, packages, what, also=lambda: True):
    """See that `programs` are there (and `also` holds), which `packages` have; root has them installed.
    Raises Failed, which names what lacks them."""
    missing = [name for name in programs if shutil.which(name) is None]
    if not missing and also():
        return
    if os.geteuid() == 0 and debian.have_apt():
        debian.install(packages)
        missing = [name for name in programs if shutil.which(name) is None]
        if not missing and also():
            return
    raise Failed("%s: missing %s (packages %s)"
                 % (what, ", ".join(missing) or "the C library", ", ".join(packages)))


def main(prog, doc, targets, ensure, argv=None):
    """The command line of a build.py: makes the named targets, or all; gives the exit status."""
    parser = argparse.ArgumentParser(prog=prog, description=doc,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", nargs="*", help="default: %s" % ", ".join(targets))
    args = parser.parse_args(argv)
    for target in args.target:
        if target not in targets:
            parser.error("there is no target %s; there are %s" % (target, ", ".join(targets)))
    return make(args.target or targets, ensure)


def make(targets, ensure):
    """ensure() each of the targets, one after the other, whatever becomes of the others; the exit status."""
    status = 0
    steps.end_when_told()
    try:
        with steps.lock():
            for target in targets:
                try:
                    ensure(target)
                except Failed as exc:
                    say(str(exc))
                    status = 1
    except KeyboardInterrupt:
        status = 130
    return status


def newlib():
    """Whether gcc-arm-none-eabi has its C library."""
    return any(os.path.exists(path) for path in ("/usr/include/newlib/stdint.h", "/usr/lib/arm-none-eabi"))

