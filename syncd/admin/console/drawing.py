"""Charts of the console as markup: lines, bands and bars in SVG, drawn in the server and coloured by the style sheet.

Nothing here has a colour, a size in pixels or a text of its own, so that a chart is sharp and readable at every width, in
light and in dark; the words beside it are HTML. What a chart shows is said in its label too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup, escape

_WIDE: Final = 100.0
_HIGH: Final = 40.0
_TONES: Final = {
    "READY": "good",
    "UPDATING": "busy",
    "BUILDING": "busy",
    "ARCHIVED": "warn",
    "EXPIRED": "bad",
    "FAILED": "bad",
    "ERROR": "bad",
    "PARKED": "bad",
    "running": "busy",
    "planning": "busy",
    "draining": "busy",
    "done": "good",
    "failed": "bad",
    "refused": "bad",
    "planned": "warn",
    "cancelled": "off",
}


@dataclass(frozen=True, slots=True)
class Point:
    """A value at a time, in seconds since 1970."""

    at: float
    value: float


@dataclass(frozen=True, slots=True)
class Band:
    """A status from one time to another."""

    status: str
    start: float
    end: float


def tone(state: str) -> str:
    """good, busy, warn, bad or off: which colour and shape a state has."""
    return _TONES.get(state, "off")


def sparkline(values: Sequence[float], label: str) -> Markup:
    """A small line without scales; nothing where there is no course to see."""
    if len(values) < 2:
        return Markup("")
    points = [Point(float(number), value) for number, value in enumerate(values)]
    low, high = min(values), max(values)
    return _svg("spark", label, _curves(points, (0.0, len(values) - 1.0), (low - (high - low) * 0.1, high)))


def plot(lines: Sequence[Sequence[Point]], span: tuple[float, float], top: float, label: str) -> Markup:
    """Up to two lines over the same time, upwards from zero: the first with its area, the second dashed."""
    parts = [_rule(share) for share in (0.25, 0.5, 0.75)]
    for number, points in enumerate(lines):
        if len(points) > 1:
            parts += _curves(points, span, (0.0, top)) if number == 0 else _dashed(points, span, top)
    return _svg("", label, parts)


def course(bands: Sequence[Band], label: str) -> Markup:
    """Statuses one after the other, each as wide as it lasted."""
    if not bands or bands[-1].end <= bands[0].start:
        return Markup("")
    start, whole = bands[0].start, bands[-1].end - bands[0].start
    parts = [
        Markup('<rect class="fill-{}" x="{:.3f}" y="0" width="{:.3f}" height="40"><title>{}</title></rect>').format(
            tone(band.status),
            (band.start - start) / whole * _WIDE,
            (band.end - band.start) / whole * _WIDE,
            band.status,
        )
        for band in bands
    ]
    return _svg("course", label, parts)


def bar(part: float, whole: float, label: str = "", most: float = 0.9) -> Markup:
    """How much of a whole; another colour from `most` on."""
    share = min(1.0, max(0.0, part / whole if whole else 0.0))
    high = " high" if share >= most else ""
    drawn = Markup(
        '<rect class="whole" width="100" height="40" rx="0"/><rect class="part{}" width="{:.2f}" height="40"/>'
    )
    return _svg("bar", label, [drawn.format(high, share * _WIDE)])


def _svg(kind: str, label: str, parts: Sequence[Markup]) -> Markup:
    told = Markup('role="img" aria-label="{}"').format(label) if label else Markup('aria-hidden="true"')
    head = Markup('<svg class="{}" viewBox="0 0 100 40" preserveAspectRatio="none" {}>').format(kind, told)
    return head + Markup("").join(parts) + Markup("</svg>")


def _rule(share: float) -> Markup:
    y = _HIGH * (1 - share)
    return Markup('<line class="rule" x1="0" x2="100" y1="{0:.1f}" y2="{0:.1f}"/>').format(y)


def _curves(points: Sequence[Point], span: tuple[float, float], bounds: tuple[float, float]) -> list[Markup]:
    path = " ".join(_places(points, span, bounds))
    first, last = path.split(" ", 1)[0].split(",")[0], path.rsplit(" ", 1)[-1].split(",")[0]
    return [
        Markup('<polygon class="area" points="{},40 {} {},40"/>').format(first, path, last),
        Markup('<polyline class="curve" points="{}"/>').format(path),
    ]


def _dashed(points: Sequence[Point], span: tuple[float, float], top: float) -> list[Markup]:
    return [Markup('<polyline class="second" points="{}"/>').format(" ".join(_places(points, span, (0.0, top))))]


def _places(points: Sequence[Point], span: tuple[float, float], bounds: tuple[float, float]) -> Iterator[str]:
    (start, end), (low, high) = span, bounds
    for point in points:
        x = (point.at - start) / (end - start) * _WIDE if end > start else 0.0
        y = _HIGH - (point.value - low) / (high - low) * (_HIGH - 2) if high > low else _HIGH / 2
        yield f"{escape(f'{x:.2f}')},{y:.2f}"
