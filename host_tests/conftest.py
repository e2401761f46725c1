"""Fixtures for all tests, and the counts of the portable tests at the end of a run."""

import micropython  # noqa: F401 - the stub gives `time` what MicroPython has
import ports
import pytest

from tools import toolchain


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
