"""The newest MicroPython that can be had, 32-bit: the WebAssembly build, from npm, for Node.js.

    python -m tools.wasm    # installs it under build/
"""

import sys

from . import npm, steps
from .steps import Failed, say

PACKAGE = "@micropython/micropython-webassembly-pyscript"
VERSION = "1.29.0-6"
INTEGRITY = "sha512-kLwGPJFsLY/2aUPmzZxpvauFSmKc0SlJWVvvEttULR0poVQ6W9HV//1fUJyxrGWAxCVDw9aYqJ0LAog0ZLjYVA=="


def find():
    """The path of micropython.mjs, or None (why_missing() tells why)."""
    modules = npm.find(PACKAGE, VERSION)
    return None if modules is None or npm.why_no_node() else modules / PACKAGE / "micropython.mjs"


def why_missing():
    """One line: why find() gives None, and what to do; "" where it does not."""
    return npm.why_no_node() or ("" if find() else "%s is not installed (make test-boards)" % PACKAGE)


def main():
    steps.end_when_told()
    try:
        with steps.lock():
            npm.ensure(PACKAGE, VERSION, INTEGRITY)
    except Failed as exc:
        say(str(exc))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
