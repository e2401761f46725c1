"""growth.svg: time against size, batch and nesting. No more than what it takes, readable on any ground."""

import math

_COLOURS = ("#d9480f", "#1c7ed6", "#2f9e44", "#ae3ec9", "#b08900")  # on white and on black
_WIDTH, _HEIGHT, _TOP, _LEFT, _GAP = 250, 210, 34, 46, 66
_STYLE = (
    "text{font:11px sans-serif;fill:#57606a}path{fill:none;stroke-width:2}.g{stroke:#8b949e;stroke-width:.5;"
    "opacity:.6}@media(prefers-color-scheme:dark){text{fill:#adbac7}}")
_PANELS = (
    ("size", "bytes of the message", "string|attributes"),
    ("batch", "items in a batch", "batch"),
    ("depth", "structures in each other", "nested"),
)


def draw(growth):
    """The SVG of these figures: {series: [[x, bytes, time, heap], ...]}."""
    parts = []
    for index, (_, title, words) in enumerate(_PANELS):
        series = {
            name: [(point[1] if "string" in words else point[0], point[2]) for point in points]
            for name, points in growth.items() if any(word in name for word in words.split("|"))}
        parts += _panel(_LEFT + index * (_WIDTH + _GAP), title, series, "string" in words)
    width = _LEFT + 3 * _WIDTH + 2 * _GAP + 16
    height = _TOP + _HEIGHT + 40 + 5 * 15
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d">\n<style>%s</style>\n'
        '<text x="8" y="14">time, in encodings of one Get Usage Allocation; heap: %d bytes at every point'
        "</text>\n%s\n</svg>\n" % (
            width, height, width, _STYLE,
            max(point[3] for points in growth.values() for point in points), "\n".join(parts)))


def _panel(left, title, series, logarithmic):
    xs = [x for points in series.values() for x, _ in points]
    ys = [y for points in series.values() for _, y in points]
    scale = (lambda v: math.log10(v)) if logarithmic else (lambda v: v)
    if logarithmic:
        x_marks, y_marks = (128, 1024, 8192, 65536), _decades(min(ys), max(ys))
        low, high = (100, min(y_marks)), (max(xs), max(y_marks))
    else:
        y_marks = _steps(max(ys))
        x_marks = sorted({1, max(xs) // 4, max(xs) // 2, max(xs)})
        low, high = (0, 0), (max(xs), y_marks[-1])

    def at(x, y):
        return (left + (scale(x) - scale(low[0])) / (scale(high[0]) - scale(low[0])) * _WIDTH,
                _TOP + _HEIGHT - (scale(y) - scale(low[1])) / (scale(high[1]) - scale(low[1])) * _HEIGHT)

    made = []
    for y in y_marks:
        down = at(high[0], y)[1]
        made.append(
            '<path class="g" d="M%.0f %.1fh%d"/><text x="%.0f" y="%.0f" text-anchor="end">%g</text>' % (
                left, down, _WIDTH, left - 5, down + 4, y))
    for x in x_marks:
        made.append('<text x="%.0f" y="%d" text-anchor="middle">%s</text>' % (
            at(x, high[1])[0], _TOP + _HEIGHT + 15, "%dK" % (x >> 10) if x >= 1024 else x))
    made.append('<text x="%.0f" y="%d" text-anchor="middle">%s</text>' % (
        left + _WIDTH / 2, _TOP + _HEIGHT + 30, title))
    for index, (name, points) in enumerate(series.items()):
        line = "L".join("%.1f %.1f" % at(x, y) for x, y in points)
        down = _TOP + _HEIGHT + 48 + index * 15
        made.append('<path stroke="%s" d="M%sM%d %dh14"/><text x="%d" y="%d">%s</text>' % (
            _COLOURS[index], line, left, down - 4, left + 20, down, name))
    return made


def _decades(low, high):
    return [10 ** power for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]


def _steps(most):
    step = 10 ** math.floor(math.log10(most))
    step = next(part for part in (step / 5, step / 2, step, step * 2) if most / part <= 6)
    return [step * count for count in range(math.ceil(most / step) + 1)]
