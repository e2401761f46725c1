"""Closes the engines that a test made."""

import pytest
from serverkit import ENGINES


@pytest.fixture(autouse=True)
def engines():
    yield
    while ENGINES:
        ENGINES.pop().close()
