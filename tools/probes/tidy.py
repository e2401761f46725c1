"""What the probes share. They run on the Unix port, in a folder like a board's flash (tools/sizes.py)."""

import gc


def tidy(depth=0):
    """Collect until nothing is left but what is in use.

    The collector takes for a reference what stands in stale places of the C stack. From several depths
    of calls it sees other places.
    """
    gc.collect()
    if depth < 9:
        tidy(depth + 1)
    gc.collect()
