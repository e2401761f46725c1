"""Fixtures of the emulated boards' tests."""

import boardkit
import pytest

from tools.qemu import build


@pytest.fixture(params=build.TARGETS)
def target(request):
    """Each of the emulated boards in turn."""
    boardkit.image_or_skip(request.param)
    return request.param
