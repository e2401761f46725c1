"""wait(): Poll, less and less often, until an operation that was Pending is done."""


def steps(client, correlation, operation, seconds=60, first=1, longest=30, into=None):
    """The value of `operation`, a verb, that was Pending with `correlation`, or its KmipError.

    Asks after `first` seconds, then after twice as many each time, `longest` (above 0) at most, for `seconds`
    in all; then the last KmipPending is raised. The server goes on: Poll later, or Cancel. `into`: as that
    verb takes it.
    """
    while True:
        pause = min(first, longest, seconds)
        yield pause
        seconds -= pause
        first = first * 2 or 1
        try:
            return (yield ("poll", (correlation,), operation, into))
        except Exception as error:
            correlation = getattr(error, "correlation", None)
            if correlation is None or seconds <= 0:
                raise
