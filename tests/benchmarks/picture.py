"""Pictures of a benchmark as SVG, drawn by hand: users a second over time against the ceiling, lag over time."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

from tests.benchmarks.figures import Figure

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 760, 220, 70, 34, 30
_CEILINGS = {"B11": 200 * 5_000 / 60, "B1": 500 * 5_000 / 60, "B8": 500 * 5_000 / 60}
_STYLE = "<style>text{font:12px sans-serif;fill:#333}.t{font-weight:bold}path{fill:none;stroke:#0a66c2;stroke-width:1.5}line{stroke:#bbb}.c{stroke:#c22;stroke-dasharray:5 4}circle{fill:#0a66c2}</style>"


def picture(figures: Sequence[Figure]) -> str:
    """One panel for each figure that has a series, below each other."""
    drawn = [one for one in figures if one.series]
    panels = [
        f'<g transform="translate(0 {number * (_HEIGHT + 20)})">{_panel(one)}</g>' for number, one in enumerate(drawn)
    ]
    size = f'width="{_WIDTH}" height="{len(drawn) * (_HEIGHT + 20)}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{_STYLE}{"".join(panels)}</svg>\n'


def _panel(figure: Figure) -> str:
    if figure.kind == "lag":
        points = [(moment, lag * 1000) for moment, lag in figure.series]
        unit, ceiling = "ms", figure.target
    else:
        points = _rates(figure.series)
        unit, ceiling = "users/s", _CEILINGS.get(figure.measure, figure.target)
    right = max((moment for moment, _ in points), default=1.0) or 1.0
    top = max([value for _, value in points] + [ceiling or 0.0]) * 1.1 or 1.0

    def at(moment: float, value: float) -> tuple[float, float]:
        wide, high = _WIDTH - _LEFT - 10, _HEIGHT - _TOP - _BOTTOM
        return _LEFT + moment / right * wide, _HEIGHT - _BOTTOM - value / top * high

    places = [at(*point) for point in points]
    if figure.kind == "lag":
        marks = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2"/>' for x, y in places)
    else:
        marks = f'<path d="M{" L".join(f"{x:.1f} {y:.1f}" for x, y in places)}"/>'
    parts = [f'<text class="t" x="{_LEFT}" y="18">{escape(f"{figure.measure}: {figure.what}")}</text>', marks]
    (left, zero), (end, _) = at(0, 0), at(right, 0)
    parts.append(f'<line x1="{left}" y1="{zero}" x2="{end}" y2="{zero}"/>')
    parts.append(f'<text x="{end - 40}" y="{zero + 16}">{right:.0f} s</text><text x="4" y="{zero}">0</text>')
    parts.append(f'<text x="4" y="{at(0, top / 1.1)[1] + 4:.1f}">{top / 1.1:,.0f}</text>')
    parts.append(f'<text x="4" y="18">{unit}</text>')
    if ceiling:
        _, level = at(0, ceiling)
        parts.append(f'<line class="c" x1="{left}" y1="{level:.1f}" x2="{end}" y2="{level:.1f}"/>')
    return "".join(parts)


def _rates(series: Sequence[tuple[float, float]], span: float = 1.0) -> list[tuple[float, float]]:
    """Users a second, each over about `span` seconds."""
    rates = []
    begun, before = series[0]
    for moment, count in series[1:]:
        if moment - begun >= span:
            rates.append((moment, (count - before) / (moment - begun)))
            begun, before = moment, count
    return rates or [(moment, count / max(moment, 0.001)) for moment, count in series[1:]]
