"""The renewal agent with the real store on a file system that loses power anywhere: after each cut a usable
identity is there, the job is finished, and not one certificate too many was issued.

A sample of the operations of every path is cut, and every place beside a message; the long run
(python -m host_tests.powercut.agent) cuts every operation.
"""

import pytest
from powercut.agent import PATHS, AgentJob, Sampled


@pytest.mark.parametrize("name", PATHS)
def test_cuts(name):
    job = AgentJob(name)
    cutter = Sampled(job.work, job.check, replay=True, every=499, steps=19, always=job.beside())
    cutter.run(job.start())
    print("%s: %d operations, %d cuts, most certificates left over: %d" % (
        name, cutter.operations, cutter.images, job.most))
    assert cutter.operations > 200 and cutter.images > 20
    assert job.most == 0
