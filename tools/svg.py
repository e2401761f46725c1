"""Charts as SVG text: lines, bars and dots over a common x axis, readable on any ground."""

import html
import itertools
import math

_COLOURS = ("#1c7ed6", "#d9480f", "#2f9e44", "#ae3ec9", "#b08900")  # on white and on black
_LEFT, _RIGHT, _TOP = 58, 16, 30
STYLE = (
    "svg.chart text{font:11px sans-serif;fill:#57606a}svg.chart .h{font-weight:bold}"
    "svg.chart .l{fill:none;stroke-width:1.6}svg.chart .g{stroke:#8b949e;stroke-width:.5;opacity:.6}"
    "svg.chart .m{stroke:#8b949e;stroke-dasharray:4 3}svg.chart .b{fill:#8b949e;opacity:.18}"
    "@media(prefers-color-scheme:dark){svg.chart text{fill:#adbac7}}")


def chart(title, series, x_title, y_title="", marks=(), bands=(), x_range=None, size=(900, 260)):
    """One chart.

    series   (name, "line" | "bars" | "dots", [(x, y), ...]); bars are as wide as the x between two
    marks    (x, text): a line from top to bottom
    bands    (from, to, text): a stretch of x that is told apart
    x_range  (lowest, highest), else that of the points
    """
    width, height = size
    xs = [x for _, _, points in series for x, _ in points] or [0]
    low, high = x_range or (min(xs), max(xs))
    high = high if high > low else low + 1
    top = max([y for _, _, points in series for _, y in points] + [0]) or 1
    rows = steps(top)
    top = rows[-1]

    def at(x, y):
        return (_LEFT + (min(max(x, low), high) - low) / (high - low) * (width - _LEFT - _RIGHT),
                _TOP + height - y / top * height)

    made = ['<text class="h" x="%d" y="16">%s</text>' % (_LEFT, html.escape(title))]
    for y in rows:
        made.append('<path class="g" d="M%d %.1fH%d"/><text x="%d" y="%.0f" text-anchor="end">%g</text>' % (
            _LEFT, at(low, y)[1], width - _RIGHT, _LEFT - 6, at(low, y)[1] + 4, y))
    for x in steps(high - low):
        if low + x <= high * 1.0001:
            made.append('<text x="%.0f" y="%d" text-anchor="middle">%g</text>' % (
                at(low + x, 0)[0], _TOP + height + 15, low + x))
    for begin, end, text in bands:
        left, right = at(begin, 0)[0], at(end, 0)[0]
        made.append('<rect class="b" x="%.1f" y="%d" width="%.1f" height="%d"/>' % (
            left, _TOP, max(right - left, 1), height))
        made.append('<text x="%.1f" y="%d">%s</text>' % (left + 3, _TOP + 11, html.escape(text)))
    for number, (x, text) in enumerate(marks):
        made.append('<path class="m" d="M%.1f %dV%d"/><text x="%.1f" y="%d">%s</text>' % (
            at(x, 0)[0], _TOP, _TOP + height, at(x, 0)[0] + 3, _TOP + 24 + 13 * number, html.escape(text)))
    for number, (name, kind, points) in enumerate(series):
        colour = _COLOURS[number % len(_COLOURS)]
        made.append(_drawn(kind, points, at, colour))
        made.append('<rect x="%d" y="%d" width="10" height="10" fill="%s"/><text x="%d" y="%d">%s</text>' % (
            _LEFT + 210 * (number % 4), _TOP + height + 42 + 16 * (number // 4), colour,
            _LEFT + 15 + 210 * (number % 4), _TOP + height + 51 + 16 * (number // 4), html.escape(name)))
    made.append('<text x="%d" y="%d" text-anchor="middle">%s</text>' % (
        width // 2, _TOP + height + 30, html.escape(x_title)))
    if y_title:
        made.append('<text x="14" y="%d" transform="rotate(-90 14 %d)" text-anchor="middle">%s</text>' % (
            _TOP + height // 2, _TOP + height // 2, html.escape(y_title)))
    whole = _TOP + height + 56 + 16 * ((max(len(series), 1) - 1) // 4)
    return ('<svg class="chart" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d">\n'
            '%s\n</svg>\n' % (width, whole, width, "\n".join(made)))


def alone(made):
    """A chart as the text of a file of its own."""
    return made.replace("\n", "\n<style>%s</style>\n" % STYLE, 1)


def _drawn(kind, points, at, colour):
    if not points:
        return ""
    if kind == "dots":
        return "".join('<circle cx="%.1f" cy="%.1f" r="1.8" fill="%s" opacity=".6"/>' % (*at(x, y), colour)
                       for x, y in points)
    if kind == "bars":
        step = min((b[0] - a[0] for a, b in itertools.pairwise(points)), default=1)
        parts = []
        for x, y in points:
            if y:
                (left, up), (right, down) = at(x, y), at(x + step, 0)
                box = '<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s" opacity=".75"/>'
                parts.append(box % (
                    left, up, max(right - left - .5, .8), down - up, colour))
        return "".join(parts)
    line = "L".join("%.1f %.1f" % at(x, y) for x, y in points)
    return '<path class="l" stroke="%s" d="M%s"/>' % (colour, line)


def steps(most):
    """Round numbers from 0 to beyond `most`, seven at the most."""
    step = 10 ** math.floor(math.log10(most))
    step = next(part for part in (step / 5, step / 2, step, step * 2) if most / part <= 6)
    return [step * count for count in range(math.ceil(most / step) + 1)]
