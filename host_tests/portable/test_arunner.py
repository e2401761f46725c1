"""The renewal agent under asyncio: the same story as under run(), and one that is cancelled anywhere."""

import asyncio

import fakeworld
from fakeworld import Broken, Device

from identity import runner
from identity.arunner import arun

JOBS = ("renew", "rotate", "enrol", "expired")


def loop(coroutine):
    if not hasattr(asyncio, "Runner"):
        asyncio.new_event_loop()
    return asyncio.run(coroutine)


class Waiting:
    """A device's world, whose calls have to be awaited: each lets others run before, and one after."""

    def __init__(self, device):
        self._device = device
        self.open_now = False

    async def _pause(self):
        self._device.waits.append(self._device.rounds + 1)
        await asyncio.sleep(0)

    async def open(self, identity):
        await self._pause()
        self._device.open(identity)
        self.open_now = True

    async def call(self, calls, *asynchronous):
        await self._pause()
        results = self._device.call(calls, *asynchronous)
        await self._pause()  # done, but the answer is not here yet
        return results

    async def report(self, identity):
        await self._pause()
        return self._device.report(identity)

    async def close(self):
        self.open_now = False
        self._device.close()


class Async(Device):
    """A device whose agent is driven by arun(); `cancel`: the number of the round to cancel it in."""

    rounds = 0
    cancel = None
    cancelled = 0

    def boot(self):
        self.waits = getattr(self, "waits", [])
        super().boot()

    def step(self):
        drive = runner.run
        runner.run = lambda agent, world: loop(self._drive(agent))
        try:
            return super().step()
        finally:
            runner.run = drive

    async def _drive(self, agent):
        world = Waiting(self)
        task = asyncio.create_task(arun(agent, world))
        while not task.done():
            self.rounds += 1
            if self.rounds == self.cancel:
                task.cancel()
            await asyncio.sleep(0)
        if world.open_now:
            raise Broken("a connection is left open")
        try:
            return await task
        except asyncio.CancelledError:
            self.cancelled += 1
            return True


def made(kind, job, **options):
    fakeworld.determine(7)
    return kind(job, **options)


def test_the_same_story_as_under_run():
    for job in JOBS:
        device = made(Async, job).finish()
        assert device.transitions == made(Device, job).finish().transitions
        assert device.orphans == 0 and device.rounds > 10


def test_no_job():
    device = made(Async, "idle")
    assert loop(arun(device.agent, Waiting(device))) is False


def test_what_the_world_raises_is_the_outcome():
    for fault in ("down", "refuse", "distrust"):
        stories = []
        for kind in (Device, Async):
            device = made(kind, "renew")
            device.faults[0] = fault
            stories.append(device.finish().transitions)
        assert stories[0] == stories[1]


def test_a_store_that_fails():
    device = made(Async, "renew")
    device.reboots = False
    slots = device.agent.slots
    commit = slots.commit

    def broken(scrub=False):
        raise OSError(28)

    slots.commit = broken
    device.step()
    assert device.agent.state == "STABLE" and "store" in device.agent.alarm
    slots.commit = commit
    device.finish()


def test_cancelled_anywhere():
    for job in ("renew", "enrol"):
        whole = made(Async, job).finish()
        rounds = set(whole.waits)
        assert len(rounds) >= 7
        # Of the rounds of arithmetic, which are many and alike, some.
        rounds.update(range(1, whole.rounds, whole.rounds // 12))
        for at in rounds:
            device = made(Async, job)
            device.cancel = at
            device.finish()
            assert device.orphans == 0, (job, at)
            assert device.cancelled == 1
