"""Fixtures of the client's tests over TLS."""

import kit
import pytest


@pytest.fixture(scope="session")
def pki():
    return kit.Pki()


@pytest.fixture(params=["CPython", "unix64", "unix32"])
def runtime(request):
    """CPython and each of the Unix ports in turn."""
    return kit.Runtime(request.param)
