"""Runs portable tests where there is no pytest: micropython run.py [-k WORD] test_a.py test_b.py ...

One line a failed test with its traceback, one closing line `N passed, N failed`; exit status 1 on a failure.
A test that raises Skip counts as skipped, with its reason printed.
"""

import gc
import sys

from check import Skip


def main(argv):
    word = ""
    if argv[:1] == ["-k"]:
        word = argv[1]
        argv = argv[2:]
    passed = failed = skipped = 0
    for path in argv:
        name = path.split("/")[-1]
        module = __import__(name[:-3] if name.endswith(".py") else name)
        for attribute in sorted(dir(module)):
            if not attribute.startswith("test_") or word not in attribute:
                continue
            gc.collect()
            try:
                getattr(module, attribute)()
                passed += 1
            except Skip as reason:
                skipped += 1
                print("skipped %s: %s: %s" % (name, attribute, reason))
            except Exception as error:
                failed += 1
                print("FAILED %s: %s" % (name, attribute))
                sys.print_exception(error)
        del sys.modules[module.__name__]
        del module
    tail = ", %d skipped" % skipped if skipped else ""
    print("%d passed, %d failed%s" % (passed, failed, tail))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
