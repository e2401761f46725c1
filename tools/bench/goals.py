"""What the figures have to be, and how the new ones are held against those that are kept."""

# (runtime, against, direction, goal, floor, why the floor is below the goal). The goal is for the least
# of the five messages; a ratio below its floor fails the check.
GOALS = (
    ("cpython", "pykmip", "encode", 8, 8, ""),
    ("cpython", "pykmip", "decode", 15, 4.5, "every item is looked at twice, byte by byte"),
    ("unix32", "strict", "encode", 1, 0.78, "a call of a method for each item"),
    ("unix32", "strict", "decode", 1, 0.6, "every item is looked at twice, byte by byte"),
    ("unix64", "strict", "encode", 1, 0.6, "as on 32 bits"),
    ("unix64", "strict", "decode", 1, 0.45, "as on 32 bits"),
)
DOUBLING = 2.5  # times as long, at the most, for a message of twice the size
RENEWAL = {"tls": 2, "billing": 1}  # connections of a renewal with its proof

# A new figure so near to the kept one leaves it as it is: shares of it for times, bytes for the wire. An
# ECDSA signature has 70 to 72 bytes, sometimes fewer; KMIP pads what holds one to a multiple of 8.
RATIO, TIME, KMIP_BYTES, TLS_BYTES = 0.1, 0.15, 16, 48
_WIRE = {"sent": KMIP_BYTES, "received": KMIP_BYTES, "tls_sent": TLS_BYTES, "tls_received": TLS_BYTES,
         "billing_sent": TLS_BYTES, "billing_received": TLS_BYTES}


def least(speed, runtime, against, way):
    """The least ratio of the five messages."""
    return min(cells[way][against][0] for cells in speed[runtime].values())


def doubling(points):
    """How many times as long the last point of a series takes as the one of half its x."""
    last = points[-1]
    half = next(point for point in points if point[0] * 2 == last[0])
    return last[2] / half[2]


def too_slow(speed):
    """Lines that say which floors are missed, by the runtimes that have been measured."""
    found = []
    for runtime, against, way, _, floor, _ in GOALS:
        measured = least(speed, runtime, against, way) if runtime in speed else floor
        if measured < floor:
            found.append("%s, %s: %.2g times the speed of %s, and not %.2g" % (
                runtime, way, measured, against, floor))
    return found


def low(speed):
    """Lines that say which floors are far below what was measured."""
    found = []
    for runtime, against, way, goal, floor, _ in GOALS:
        measured = least(speed, runtime, against, way)
        if floor < min(goal, 0.7 * measured):
            found.append("%s, %s: %.2g times the speed of %s; a floor of %.2g could be %.2g" % (
                runtime, way, measured, against, floor, min(goal, 0.8 * measured)))
    return found


def broken(figures):
    """Lines that say which goals these figures miss."""
    found = too_slow(figures["speed"])
    for runtime, messages in figures["speed"].items():
        for name, cells in messages.items():
            for way, cell in cells.items():
                if cell.get("heap", [0])[0]:
                    found.append("%s, %s of %s allocates %d bytes" % (runtime, way, name, cell["heap"][0]))
    for name, points in figures["growth"].items():
        if doubling(points) > DOUBLING:
            found.append("%s: the last doubling takes %.1f times as long" % (name, doubling(points)))
        found += ["%s at %d allocates %d bytes" % (name, x, heap) for x, _, _, heap in points if heap]
    renewal = next(row for row in figures["wire"] if row["name"] == "renew")
    found += ["a renewal takes %d connections (%s), and not %d" % (renewal[name], name, wanted)
              for name, wanted in RENEWAL.items() if renewal[name] != wanted]
    return found


def stale(kept, new):
    """Lines that say which exact figures are no longer what was kept; {} or a lack of them counts too."""
    found = []
    _compare(_exact(kept), _exact(new), "", found)
    for row in new["wire"]:
        before = next((old for old in kept.get("wire", ()) if old["name"] == row["name"]), {})
        for name, margin in _WIRE.items():
            if abs(row[name] - before.get(name, -1 << 20)) > margin:
                found.append("wire, %s, %s: %s, was %s" % (row["name"], name, row[name], before.get(name)))
    return found


def _exact(figures):
    """Of all figures those that come out the same on every machine."""
    return {
        "sizes": figures.get("sizes", {}),
        "heap": {runtime: {name: {way: cell.get("heap") for way, cell in cells.items()}
                           for name, cells in messages.items()}
                 for runtime, messages in figures.get("speed", {}).items()},
        "growth": {name: [[x, size, heap] for x, size, _, heap in points]
                   for name, points in figures.get("growth", {}).items()},
        "wire": {row["name"]: {name: row[name] for name in row if name not in _WIRE}
                 for row in figures.get("wire", ())},
    }


def _compare(kept, new, where, found):
    if isinstance(new, dict) and isinstance(kept, dict):
        for key in {**kept, **new}:
            _compare(kept.get(key), new.get(key), "%s, %s" % (where, key) if where else key, found)
    elif kept != new:
        found.append("%s: %s, was %s" % (where, new, kept))


def settled(kept, new):
    """What is to be kept: the new figures, but for noisy ones that are near the kept."""
    result = {"sizes": new["sizes"], "speed": {}, "growth": {}, "wire": []}
    for runtime, messages in new["speed"].items():
        for name, cells in messages.items():
            for way, cell in cells.items():
                old = kept.get("speed", {}).get(runtime, {}).get(name, {}).get(way, {})
                result["speed"].setdefault(runtime, {}).setdefault(name, {})[way] = {
                    key: old[key] if key != "heap" and key in old and _near(old[key][0], value[0], RATIO)
                    else value for key, value in cell.items()}
    growth = kept.get("growth", {})
    same = growth.keys() == new["growth"].keys() and all(
        [point[:2] for point in growth[name]] == [point[:2] for point in points]
        and all(_near(old[2], point[2], TIME) for old, point in zip(growth[name], points, strict=True))
        for name, points in new["growth"].items())
    for name, points in new["growth"].items():
        result["growth"][name] = [
            [x, size, growth[name][index][2] if same else took, heap]
            for index, (x, size, took, heap) in enumerate(points)]
    for row in new["wire"]:
        before = next((old for old in kept.get("wire", ()) if old["name"] == row["name"]), {})
        result["wire"].append({
            name: before[name] if name in _WIRE and abs(before.get(name, -1 << 20) - value) <= _WIRE[name]
            else value for name, value in row.items()})
    return result


def _near(old, new, share):
    return abs(old - new) <= share * old
