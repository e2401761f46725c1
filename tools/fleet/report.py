"""The report of a fleet: one HTML file with its charts as SVG, and the arithmetic for ten million meters."""

import collections
import html
import itertools

from tools import svg

_PAGE = """<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><title>%s</title>
<style>body{font:15px/1.45 sans-serif;max-width:920px;margin:2em auto;padding:0 1em;color:#24292f;
background:#fff}table{border-collapse:collapse;margin:1em 0}td,th{border-bottom:1px solid #ccc;
padding:3px 12px 3px 0;text-align:left;vertical-align:top}
.no{color:#c00;font-weight:bold}svg{max-width:100%%;height:auto}
@media(prefers-color-scheme:dark){body{color:#d0d7de;background:#0d1117}td,th{border-color:#444}}%s</style>
<h1>%s</h1>
%s
</html>
"""
_HUGE = 10_000_000  # meters
_DAYS = 365  # of a certificate's life there
_WINDOW = 3600  # seconds of the agent's spread unless configured otherwise
_RETRY = 21600  # seconds: the longest pause between two tries unless configured otherwise


def measures(fleet):
    """What a renewal cost here, and what came of it, a dict."""
    renewals = [renewal for meter in fleet.meters for renewal in meter.renewals]
    per_second = collections.Counter(int(when) for when, _, _ in renewals)
    rates = [sum(per_second[second + n] for n in range(5)) / 5 for second in per_second]
    key = _gains(fleet.key.figures, fleet.begun)
    billing = _gains(fleet.billing.figures, fleet.begun)
    handshakes = sum(gain.get("handshakes", 0) for gain in key)
    reports = sum(gain.get("reports", 0) for gain in billing)
    lean_handshakes = handshakes + reports
    key_cpu = sum(gain["cpu"] for gain in key)
    bill_cpu = sum(gain["cpu"] for gain in billing)
    return {
        "meters": fleet.count, "life": fleet.life, "seconds": round(fleet.ended - fleet.begun),
        "provisioning": round(fleet.provisioning, 1), "renewals": len(renewals),
        "peak": max(rates, default=0), "handshakes": handshakes, "reports": reports,
        "key_cpu": key_cpu, "billing_cpu": bill_cpu, "lean_cpu": fleet.lean.cpu,
        "key_ms": 1000 * key_cpu / max(handshakes, 1), "billing_ms": 1000 * bill_cpu / max(reports, 1),
        "lean_ms": 1000 * fleet.lean.cpu / max(lean_handshakes, 1),
        "memory": fleet.lean.memory / max(1, fleet.lean.started),
        "lag": fleet.lean.lag,
        "bytes": sum(gain.get("bytes_in", 0) + gain.get("bytes_out", 0) for gain in key),
    }


def _gains(figures, since):
    """What each second added; a process that was killed counts from nothing again."""
    gains = []
    for before, after in itertools.pairwise(figures):
        fresh = after["cpu"] < before["cpu"]
        gain = {name: value - (0 if fresh else before.get(name, 0))
                for name, value in after.items() if name != "time"}
        gain["time"] = after["time"]
        if after["time"] >= since:
            if gains and after["time"] - before["time"] > 2:  # it was gone
                gains += [dict.fromkeys(gain, 0) | {"time": when}
                          for when in (before["time"] + 1, after["time"] - 1)]
            gains.append(gain)
    return gains


def page(fleet, findings, found, wire=None):
    """The HTML."""
    parts = [_summary(fleet, found), _findings(findings), *_charts(fleet), _arithmetic(found, wire)]
    title = "%d meters, certificates of %d s" % (fleet.count, fleet.life)
    return _PAGE % (title, svg.STYLE, title, "\n".join(parts))


def _summary(fleet, found):
    rows = [
        ("run", "%d s from the first meter's start, after %.0f s of provisioning" % (
            found["seconds"], found["provisioning"])),
        ("renewals", "%d; at most %.1f a second (over 5 s)" % (found["renewals"], found["peak"])),
        ("key server, one process", "%d TLS connections, %.1f ms of CPU each" % (
            found["handshakes"], found["key_ms"])),
        ("billing end point, one process", "%d reports, %.1f ms of CPU each" % (
            found["reports"], found["billing_ms"])),
        ("lean meters, one thread", "%.1f ms of CPU a connection, all of the meter's work in it; "
         "%.0f KB of memory a meter; the loop was late by %.2f s at the most" % (
             found["lean_ms"], found["memory"] / 1000, found["lag"])),
        ("on MicroPython beside them", "%d meters" % fleet.real),
    ]
    rows += [("at %.0f s" % (when - fleet.begun), what) for when, what in fleet.marks]
    return "<table>%s</table>" % "".join(
        "<tr><td>%s<td>%s" % (html.escape(name), html.escape(text)) for name, text in rows)


def _findings(findings):
    return "<h2>What had to hold</h2><table>%s</table>" % "".join(
        "<tr><td>%s<td%s>%s<td>%s" % (
            html.escape(finding.name), "" if finding.held else ' class="no"',
            "held" if finding.held else "BROKEN", html.escape(finding.figures)) for finding in findings)


def _charts(fleet):
    begun = fleet.begun
    end = fleet.ended - begun
    x = "seconds since the first meter's start"
    bands = [(fleet.outage[0] - begun, fleet.outage[1] - begun, "server killed")] if fleet.outage else []
    marks = [(when - begun, what) for when, what in fleet.marks if not what.startswith("key server")]

    def counted(times):
        counts = collections.Counter(int(when - begun) for when in times if begun <= when < fleet.ended)
        return [(second, counts[second]) for second in range(int(end) + 1)]

    def chart(title, series, y_title="", size=(860, 200), x_title=x, **more):
        return svg.chart(title, series, x_title, y_title, size=size, **more)

    common = {"bands": bands, "marks": marks, "x_range": (0, end)}
    dues = [due for meter in fleet.meters for due in meter.dues]
    renewals = [renewal for meter in fleet.meters for renewal in meter.renewals]
    key = _gains(fleet.key.figures, begun)
    billing = _gains(fleet.billing.figures, begun)
    failures = [(when - begun, wait, why) for meter in fleet.meters for when, _, wait, why in meter.failures
                if begun <= when <= fleet.ended]
    kinds = collections.Counter(_kind(why) for _, _, why in failures)
    left = collections.Counter(int(25 * max(0, left) / fleet.life) for _, left, _ in renewals)
    return [
        "<h2>Renewals over time</h2>",
        chart("due and proved, meters a second", [
            ("due, with the spread", "bars", counted(spread for spread, _ in dues)),
            ("proved", "line", counted(when for when, _, _ in renewals))], **common),
        chart("the same certificates without the spread (computed), meters a second", [
            ("would be due", "bars", counted(bare for _, bare in dues))], **common),
        "<p>The second chart is no run of its own: it takes the certificates of this run, each due at two "
        "thirds of its life. <code>--window 0</code> makes such a run.</p>",
        "<h2>Load on the key server</h2>",
        chart("a second", [
            ("TLS connections", "line", [(gain["time"] - begun, gain["handshakes"]) for gain in key]),
            ("KMIP requests", "line", [(gain["time"] - begun, gain["requests"]) for gain in key]),
            ("reports (billing)", "line", [(gain["time"] - begun, gain["reports"]) for gain in billing])],
            **common),
        chart("CPU, per cent of one core", [
            ("key server", "line", [(gain["time"] - begun, 100 * gain["cpu"]) for gain in key]),
            ("billing", "line", [(gain["time"] - begun, 100 * gain["cpu"]) for gain in billing])], **common),
        "<h2>How late</h2>",
        chart("life that the old certificate had left when the new one was proved", [
            ("renewals", "bars", [(4 * part, left[part]) for part in range(11)])],
            x_title="per cent of the life left", x_range=(0, 44)),
        "<h2>Failures and back-off</h2>",
        chart("failed tries a second", [
            (kind, "line", counted(begun + when for when, _, why in failures if _kind(why) == kind))
            for kind, _ in kinds.most_common(4)] or [("none", "line", [(0, 0)])], **common),
        chart("the pause that each failure led to", [
            ("pause", "dots", [(when, wait) for when, wait, _ in failures])], y_title="seconds", **common),
    ]


def _kind(why):
    """A failure without its particulars."""
    word, _, rest = why.partition(":")
    for mark in ("111", "110", "104", "32"):
        if "Errno %s" % mark in rest or "[Errno %s]" % mark in rest:
            return "%s (%s)" % (word, {"111": "refused", "110": "time-out"}.get(mark, "broken off"))
    return word


def arithmetic(found, wire=None):
    """Ten million meters on paper, from what was measured: lines of text."""
    life = _DAYS * 86400
    due = life * 2 // 3
    rate = _HUGE / due
    key = found["handshakes"] / max(found["renewals"], 1)
    server = 2 * found["key_ms"] / 1000
    window = min(_WINDOW, life // 10)
    missed = rate * 86400
    peak = _HUGE / window
    back = missed / (_RETRY / 2)
    week = _HUGE / (7 * 86400)
    lines = [
        "Arithmetic, not a measurement: M = 10 million meters, a life of N = %d days, the agent's own "
        "settings." % _DAYS,
        "Measured here: C = %.1f ms of the key server's CPU for a connection with its request. A renewal "
        "needs two (this run had %.1f to a renewal, with first keys, allocations and tries that failed)." % (
            found["key_ms"], key),
        "Renewals: M / (2/3 N) = %.2f a second on the average; the key server's CPU: 2 C times that = "
        "%.2f cores." % (rate, rate * server),
        "Due at one moment, the fleet comes within the spread of W = %d s: M / W = %.0f a second, %.0f "
        "cores. Enrolled over a week, it comes at %.0f a second, %.1f cores. Without the spread, those of "
        "one moment come in one second." % (window, peak, peak * server, week, week * server),
        "After an outage of one day %.0f meters wait. Their pauses have grown to R = %d s with full jitter: "
        "they come back within R, half of that on the average: %.1f a second beside the usual ones, %.2f "
        "cores in all. The day is %.1f %% of the third of its life that a certificate has left." % (
            missed, _RETRY, back, (back + rate) * server, 100 * 86400 / (life / 3)),
    ]
    if wire:
        lines.append("Bytes: %d to and from the key server for a renewal (make bench) = %.1f KB a second, "
                     "%.0f GB a year." % (wire, rate * wire / 1000, rate * wire * 31536000 / 1e9))
    return lines


def _arithmetic(found, wire):
    return "<h2>Ten million meters</h2>%s" % "".join(
        "<p>%s</p>" % html.escape(line) for line in arithmetic(found, wire))
