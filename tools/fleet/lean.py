"""Lean meters: the firmware's own Meter, unforked, hundreds of them in one asyncio loop of CPython.

Two things differ from a board. Modules that a renewal loads for moments stay loaded, since all the meters
share them. And gc.collect(), which a board needs before TLS, does nothing: CPython counts references.
"""

import asyncio
import gc
import sys
import threading
import time

from tools import steps

_VERBS = ("get", "certify", "recertify", "register", "locate", "get_attributes", "poll", "cancel",
          "get_usage_allocation", "agree", "discover_versions")


def prepare():
    """Make firmware/ importable and load all of it."""
    for folder in ("firmware", "host_tests/stubs"):
        sys.path.insert(0, str(steps.ROOT / folder))
    for name in ("micropython", "identity.jobs", "identity.csr", "identity.verify", "identity.p256",
                 "identity.x509", "identity.rsa", "kmip_lite.batch", "kmip_lite.header", "kmip_lite.errors",
                 "meter.meter", *("kmip_lite.ops." + verb for verb in _VERBS)):
        __import__(name)


class Lean:
    """Runs lean meters on a thread. `meters`: (folder, Observed) of each; one starts every `pace` seconds."""

    def __init__(self, meters, pace):
        self._meters = meters
        self._pace = pace
        self.started = 0
        self.memory = 0  # bytes of the resident set that they took
        self.cpu = 0.0  # seconds that the loop's thread took
        self.lag = 0.0  # seconds that the loop was late, at the most
        self.error = ""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        gc.collect()
        gc.freeze()
        self._collect, gc.collect = gc.collect, lambda *generation: 0
        self._thread.start()

    def stop(self):
        self._over.set()
        self._thread.join(30)
        gc.collect = self._collect

    def _run(self):
        try:
            asyncio.run(self._all())
        except Exception as error:
            self.error = "%s: %s" % (type(error).__name__, error)

    async def _all(self):
        from meter.meter import Meter

        # Of sockets that were reset, which the meters are told of as well.
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        before = resident()
        tasks = []
        for folder, observed in self._meters:
            meter = Meter(str(folder), log=observed.log, note=observed.note)
            meter.note("start", **meter.agent.status())
            tasks.append(asyncio.create_task(meter.run()))
            self.started += 1
            await self._wait(self._pace)
            if self._over.is_set():
                break
        self.memory = resident() - before
        while not self._over.is_set():
            await self._wait(0.2)
            ended = [task for task in tasks if task.done()]
            if ended:
                await ended[0]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _wait(self, seconds):
        begun = time.monotonic()
        await asyncio.sleep(seconds)
        self.lag = max(self.lag, time.monotonic() - begun - seconds)
        self.cpu = time.thread_time()


def resident():
    """Bytes of this process's resident set."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096
