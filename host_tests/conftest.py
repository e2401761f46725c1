"""Fixtures for all tests, and the counts of the portable tests at the end of a run."""

import micropython  # noqa: F401 - the stub gives `time` what MicroPython has
import ports
import pytest

from tools import toolchain

# What `make test` leaves to `make test-slow`, to stay within ten minutes on two processors: each by itself is
# of half a minute and more, and most are samples of what has a long run of its own (powercut, soak, fleet).
SLOW = (
    "bench/",
    "client/test_lies.py",
    "fleet/",
    "identity/test_agent_faults.py",
    "identity/test_agent_lies.py",
    "identity/test_agent_powercut.py",
    "left_out/",
    "meter/test_notified.py::test_a_flood",
    "powercut/",
    "server/test_server_crash.py",
    "server/test_server_load.py",
    "test_portable.py::test_from_bytecode[unix32-test_arunner",
    "test_portable.py::test_from_bytecode[unix32-test_renewal",
    "test_portable.py::test_from_bytecode[unix32-test_slots_flash",
    "test_portable.py::test_from_bytecode[unix64-test_arunner",
    "test_portable.py::test_from_bytecode[unix64-test_renewal",
    "test_portable.py::test_from_bytecode[unix64-test_slots_flash",
)


@pytest.hookimpl(tryfirst=True)  # before -m is looked at
def pytest_collection_modifyitems(items):
    for item in items:
        if item.nodeid.startswith(tuple("host_tests/" + start for start in SLOW)):
            item.add_marker("slow")


@pytest.fixture(params=list(toolchain.TARGETS))
def port(request):
    """Each of the Unix ports in turn."""
    return ports.open_port(request.param)


def pytest_runtest_logreport(report):
    # On CPython pytest itself runs the portable tests.
    if "host_tests/portable/" in report.nodeid and (report.when == "call" or report.skipped):
        total = ports.counts.setdefault("CPython", [0, 0, 0, 0.0])
        total[("passed", "failed", "skipped").index(report.outcome)] += 1
        total[3] += report.duration


def pytest_terminal_summary(terminalreporter):
    for runtime, (passed, failed, skipped, seconds) in ports.counts.items():
        terminalreporter.write_line(
            "portable tests, %s: %d passed, %d failed, %d skipped, %.1f s"
            % (runtime, passed, failed, skipped, seconds)
        )
