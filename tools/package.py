"""firmware/package.json, with which mip installs the project: `mip.install("...")`, `mpremote mip install`.

    python -m tools.package            # writes firmware/package.json: sources
    python -m tools.package build/mpy  # writes package.json beside the bytecode that `make mpy` has made
"""

import json
import sys
from pathlib import Path

from .bytecode import FIRMWARE, PACKAGES

VERSION = "0.1.0"
DEPENDENCIES = ("hashlib", "ssl")  # of micropython-lib; the firmware of most boards has both


def package(folder):
    """The content of a package.json beside `folder`'s packages; addresses are relative to it."""
    files = [path.relative_to(folder).as_posix() for name in PACKAGES
             for path in sorted((folder / name).rglob("*.*py"))]
    return {"version": VERSION, "deps": [[name, "latest"] for name in DEPENDENCIES],
            "urls": [[name, name] for name in files]}


def text(folder):
    """The file's text: a line for each file."""
    made = package(folder)
    urls = ",\n".join("  " + json.dumps(pair) for pair in made.pop("urls"))
    return json.dumps(made)[:-1] + ', "urls": [\n%s\n]}\n' % urls


if __name__ == "__main__":
    where = Path(sys.argv[1]) if sys.argv[1:] else FIRMWARE
    (where / "package.json").write_text(text(where))
