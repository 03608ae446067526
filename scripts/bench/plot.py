"""Points and the line through each series, as an SVG file written by hand: readable, small, no dependency."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape

Point = tuple[float, float]

WIDTH, HEIGHT, MARGIN = 640, 400, 60
TICKS = 5
COLOURS = ("#1b6ca8", "#c8553d", "#4a7c59", "#7d5ba6", "#8a6d1d", "#444444")


def svg(series: Mapping[str, Sequence[Point]], *, title: str, x: str, y: str) -> str:
    """Both axes start at 0. Every series has points, some of them above 0."""
    right, top = (max(point[axis] for points in series.values() for point in points) for axis in (0, 1))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif"'
        ' font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        _text(WIDTH / 2, 20, title, size=14),
        _text(WIDTH / 2, HEIGHT - 12, x),
        f'<g transform="rotate(-90 14 {HEIGHT / 2})">{_text(14, HEIGHT / 2, y)}</g>',
        *_axes(right, top),
        *(
            line
            for number, (name, points) in enumerate(series.items())
            for line in _series(number, name, [_place(point, right, top) for point in points])
        ),
        "</svg>\n",
    ]
    return "\n".join(parts)


def _place(point: Point, right: float, top: float) -> Point:
    return (
        MARGIN + point[0] / right * (WIDTH - 2 * MARGIN),
        HEIGHT - MARGIN - point[1] / top * (HEIGHT - 2 * MARGIN),
    )


def _axes(right: float, top: float) -> Iterator[str]:
    yield f'<path d="M{MARGIN} {MARGIN}V{HEIGHT - MARGIN}H{WIDTH - MARGIN}" fill="none" stroke="#888"/>'
    for tick in range(TICKS + 1):
        across, up = right * tick / TICKS, top * tick / TICKS
        yield _text(_place((across, 0), right, top)[0], HEIGHT - MARGIN + 18, f"{across:,.4g}")
        yield _text(MARGIN - 24, _place((0, up), right, top)[1] + 4, f"{up:,.3g}")


def _series(number: int, name: str, points: Sequence[Point]) -> Iterator[str]:
    colour = COLOURS[number % len(COLOURS)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in sorted(points))
    yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-opacity="0.4"/>'
    for x, y in points:
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>'
    row = MARGIN + 16 * number
    yield f'<circle cx="{MARGIN + 16}" cy="{row - 4}" r="4" fill="{colour}"/>'
    yield _text(MARGIN + 28, row, name, anchor="start")


def _text(x: float, y: float, text: str, *, size: int = 12, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}">{escape(text)}</text>'
