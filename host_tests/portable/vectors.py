"""The message vectors, as lists of dicts with `hex` in them, on every runtime."""

import json

from check import Skip

_HERE = __file__.replace("\\", "/").rpartition("/")[0] or "."


def own():
    """The project's own messages; see the note beside them."""
    return _load(_HERE + "/../vectors/own.json")


def oasis():
    """The OASIS test cases of KMIP 1.2, where the folder with them lies beside the project."""
    try:
        return _load(_HERE + "/../../../shared/vectors/oasis-1.2.json")
    except OSError:
        raise Skip("shared/vectors/oasis-1.2.json is not beside the project")


def _load(path):
    with open(path) as file:
        return json.load(file)
