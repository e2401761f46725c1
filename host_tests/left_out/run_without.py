"""run_without.py MODULE test_a.py test_this test_that test_b.py ... OTHER ...: portable tests on a board
that lacks a module. Of a file the tests named behind it are run, or all where none is named.

A test that comes to need it is counted apart: that shows by an error that names it, or, where the test was
named, by an assertion that fails. First imports the OTHER modules, which must not need it. The last line is
`N passed, N failed, N need it`, the one before it what the client says of a verb that is not there.
"""

import gc
import sys

from check import Skip

NAME = sys.argv[1]


class Missing:
    """Stands in a test file's names for the module that is not there."""

    def __getattr__(self, name):
        raise ImportError("no module named '%s'" % NAME)


def run(path, names, counts):
    try:
        module = __import__(path[:-3])
    except ImportError as error:
        failed(path, "import", error, NAME in str(error), counts)
        return
    for attribute in sorted(dir(module)):
        if attribute in names or (not names and attribute.startswith("test_")):
            gc.collect()
            try:
                getattr(module, attribute)()
                counts[0] += 1
            except Skip:
                pass
            except Exception as error:
                needed = NAME in str(error) or (names and isinstance(error, AssertionError))
                failed(path, attribute, error, needed, counts)


def failed(path, what, error, needed, counts):
    if needed:
        counts[2] += 1
        return
    counts[1] += 1
    print("FAILED %s: %s" % (path, what))
    sys.print_exception(error)


for name in ("machine", "network"):
    sys.modules[name] = sys  # a board has them, a computer may not; nothing is asked of them


def main():
    counts = [0, 0, 0]
    files = []
    for name in sys.argv[2:]:
        if name.endswith(".py"):
            files.append((name, []))
        elif name.startswith("test_"):
            files[-1][1].append(name)
        else:
            __import__(name)
    package, verb = NAME.rsplit(".", 1)
    setattr(sys.modules[package], verb, Missing())
    for path, names in files:
        run(path, names, counts)
    said = ""
    if package == "kmip_lite.ops":
        from kmip_lite.client import Client

        try:
            Client.__getattr__(Client(None), verb)
        except AttributeError as error:
            said = str(error)
    print(said)
    print("%d passed, %d failed, %d need it" % tuple(counts))


main()
