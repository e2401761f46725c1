"""Python imports this at its start where the folder is on PYTHONPATH: `time` gets what MicroPython has."""

import micropython  # noqa: F401
