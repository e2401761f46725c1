"""Long arithmetic in steps: a generator does a slice of work, yields None, and returns its result.

A signature keeps a board busy for a good part of a second. Whoever drives the steps decides what happens
between two of them: nothing, a watchdog, or other tasks. In a coroutine: next(steps) until StopIteration,
whose value is the result, with `await asyncio.sleep(0)` between.
"""


def run(steps, tick=None):
    """Drive steps to their end and return their result; calls tick() after each slice of work."""
    while True:
        try:
            next(steps)
        except StopIteration as done:
            return done.value
        if tick:
            tick()
