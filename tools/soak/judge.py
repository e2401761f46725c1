"""What a soak came to: growth, fragments, files."""

WARM = 25  # renewals until every fault has come once, and its recovery left its names in the heap
ROOM = 17584  # bytes: the largest piece of heap that TLS takes
SLACK = 1024  # bytes of heap that one look differs from the next by, without growth


def faults(samples, starved, heap):
    """What is wrong, a list of lines; empty where nothing grew and nothing was in pieces."""
    found = []
    for boot in sorted({sample["boot"] for sample in samples}):
        run = [sample for sample in samples if sample["boot"] == boot][WARM:]
        fallen = growth(run)
        if fallen > SLACK:
            found.append("boot %d: %d bytes of heap were lost within %d renewals" % (boot, fallen, len(run)))
    least = min((sample["piece"] for sample in samples), default=ROOM)
    if least < ROOM:
        found.append("the largest free piece was down to %d bytes; TLS takes %d" % (least, ROOM))
    if starved:
        found.append("no memory, %d times: %s" % (len(starved), starved[0]))
    if len({sample["uid"] for sample in samples}) != len(samples):
        found.append("a certificate was in use for two renewals")
    files = {(sample["files"], sample["bytes"]) for sample in samples}
    if len(files) > 1:
        found.append("the files did not stay as they were: %s" % sorted(files))
    return found


def growth(run):
    """How much less of the heap is free in the last third of a run than in its first, in bytes; medians."""
    third = len(run) // 3
    if third < 2:
        return 0
    first, last = (sorted(sample["free"] for sample in part) for part in (run[:third], run[-third:]))
    return first[third // 2] - last[third // 2]
