"""Charts as pictures: a small SVG that every browser and every slide takes, with LinkedIn's notices in it as text and link.

Nothing here knows what it draws: panels come with their bars or their curve, and with words for their numbers. Colours
are attributes, so that a file is whole by itself, and classes, so that a page can have its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import floor, log10
from textwrap import wrap
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from syncd.domain.forecast import Curve, Spot
from syncd.domain.notices import LEARN_MORE, Notice

_WIDTH: Final = 760
_LEFT: Final = 230
_RIGHT: Final = 120
_ROW: Final = 26
_PLOT: Final = 180
_PLOT_LEFT: Final = 90
_PLOT_RIGHT: Final = 30
_TICKS: Final = 4
_STEPS: Final = (1.0, 1.2, 1.6, 2.0, 2.4, 3.2, 4.0, 6.0, 8.0, 10.0)
_INK, _PALE, _BLUE, _RED = "#1f2328", "#59636e", "#0a66c2", "#cf222e"
_CLASSES: Final = {_INK: "ink", _PALE: "pale", _BLUE: "blue", _RED: "red"}
_NOTICE_COLUMNS: Final = 108


@dataclass(frozen=True, slots=True)
class Bar:
    name: str
    value: float
    label: str


@dataclass(frozen=True, slots=True)
class Bars:
    """Horizontal bars, the longest as long as there is room."""

    title: str
    bars: Sequence[Bar]


@dataclass(frozen=True, slots=True)
class Line:
    """A curve over budgets; `said` writes its values."""

    title: str
    curve: Curve
    said: Callable[[float], str]


def picture(title: str, panels: Sequence[Bars | Line], notices: Sequence[Notice]) -> str:
    """The whole SVG."""
    parts = [_text(24, 36, title, size=20, weight=600)]
    y = 60
    for panel in panels:
        drawn, height = _bars(panel, y) if isinstance(panel, Bars) else _line(panel, y)
        parts += drawn
        y += height
    for notice in notices:
        drawn, height = _notice(notice, y)
        parts += drawn
        y += height
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{y + 16}" viewBox="0 0 {_WIDTH} {y + 16}" '
        f'role="img" aria-label={quoteattr(title)} font-family="system-ui, -apple-system, Segoe UI, sans-serif">\n'
        f'<rect class="paper" width="100%" height="100%" fill="#ffffff"/>\n{body}\n</svg>\n'
    )


def _bars(panel: Bars, y: int) -> tuple[list[str], int]:
    parts = [_text(24, y + 18, panel.title, size=15, weight=600)]
    most = max((bar.value for bar in panel.bars), default=0.0) or 1.0
    room = _WIDTH - _LEFT - _RIGHT
    for number, bar in enumerate(panel.bars):
        top = y + 32 + number * _ROW
        width = max(1.0, bar.value / most * room)
        parts += [
            _text(_LEFT - 10, top + 15, _cut(bar.name, 26), anchor="end"),
            f'<rect x="{_LEFT}" y="{top + 2}" width="{width:.1f}" height="{_ROW - 8}" rx="2" class="blue" fill="{_BLUE}"/>',
            _text(_LEFT + width + 8, top + 15, bar.label, fill=_PALE),
        ]
    if not panel.bars:
        parts.append(_text(_LEFT, y + 46, "nobody to show: fewer than 300 people, or no group of 30", fill=_PALE))
    return parts, 32 + max(1, len(panel.bars)) * _ROW + 24


def _line(panel: Line, y: int) -> tuple[list[str], int]:
    parts = [_text(24, y + 18, panel.title, size=15, weight=600)]
    spots, target = panel.curve.spots, panel.curve.target
    height = 32 + _PLOT + 48
    top = _round_top(max((max(spot.value, spot.high or 0.0) for spot in spots), default=0.0))
    if len(spots) < 2 or top <= 0:
        return [*parts, _text(_PLOT_LEFT, y + 50, "no curve", fill=_PALE)], height
    first, last = spots[0].budget, spots[-1].budget
    base = y + 32 + _PLOT

    def at(spot: Spot) -> tuple[float, float]:
        part = (spot.budget - first) / (last - first) if last > first else 0.0
        return _PLOT_LEFT + part * (_WIDTH - _PLOT_LEFT - _PLOT_RIGHT), base - spot.value / top * _PLOT

    for tick in range(_TICKS + 1):
        share = tick / _TICKS
        line = base - share * _PLOT
        ends = f'x1="{_PLOT_LEFT}" x2="{_WIDTH - _PLOT_RIGHT}" y1="{line:.1f}" y2="{line:.1f}"'
        parts.append(f'<line class="rule" {ends} stroke="{_PALE}" stroke-opacity="0.3"/>')
        parts.append(_text(_PLOT_LEFT - 8, line + 4, panel.said(share * top), anchor="end", fill=_PALE))
        budget = first + share * (last - first)
        anchor = "start" if tick == 0 else "end" if tick == _TICKS else "middle"
        parts.append(_text(at(Spot(budget, 0))[0], base + 20, f"${budget:,.0f}", anchor=anchor, fill=_PALE))
    parts += _range(spots, at)
    path = " ".join(f"{x:.1f},{height_:.1f}" for x, height_ in map(at, spots))
    parts.append(f'<polyline class="curve" points="{path}" fill="none" stroke="{_BLUE}" stroke-width="2.5"/>')
    if target is not None and first <= target.budget <= last:
        parts += _target(target, at(target), panel.said)
    return parts, height


def _round_top(value: float) -> float:
    """The next number that four ticks divide well."""
    if value <= 0:
        return 0.0
    size: float = 10.0 ** floor(log10(value))
    return next(step * size for step in _STEPS if step * size >= value)


def _range(spots: Sequence[Spot], at: Callable[[Spot], tuple[float, float]]) -> Iterator[str]:
    """The band between the bounds, where LinkedIn gives them."""
    upper = [at(Spot(spot.budget, spot.high)) for spot in spots if spot.high is not None]
    lower = [at(Spot(spot.budget, spot.low)) for spot in reversed(spots) if spot.low is not None]
    if upper and lower:
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (*upper, *lower))
        yield f'<polygon class="blue" points="{path}" fill="{_BLUE}" fill-opacity="0.15"/>'


def _target(spot: Spot, place: tuple[float, float], said: Callable[[float], str]) -> Iterator[str]:
    x, y = place
    anchor = "end" if x > _WIDTH * 0.6 else "start"
    yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" class="red" fill="{_RED}"/>'
    aside = x - 10 if anchor == "end" else x + 10
    yield _text(aside, y + 20, f"${spot.budget:,.0f}: {said(spot.value)}", anchor=anchor, weight=600)


def _notice(notice: Notice, y: int) -> tuple[list[str], int]:
    """Its words, the last two of them a link, and where that leads, for whoever has it on paper."""
    lines = wrap(notice.text, _NOTICE_COLUMNS)
    parts = [_text(24, y + 16 + number * 18, line) for number, line in enumerate(lines[:-1])]
    last = escape(lines[-1].removesuffix(LEARN_MORE))
    link = f'<a href={quoteattr(notice.url)}><tspan fill="{_BLUE}" text-decoration="underline">{LEARN_MORE}</tspan></a>'
    bottom = y + 16 + (len(lines) - 1) * 18
    parts.append(f'<text x="24" y="{bottom}" font-size="13" fill="{_INK}">{last}{link}</text>')
    parts.append(_text(24, bottom + 16, notice.url, size=11, fill=_PALE))
    return parts, len(lines) * 18 + 26


def _text(  # noqa: PLR0913 - what SVG itself asks of a text
    x: float, y: float, words: str, *, size: int = 13, weight: int = 400, anchor: str = "start", fill: str = _INK
) -> str:
    return (
        f'<text class="{_CLASSES[fill]}" x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" text-anchor="{anchor}" '
        f'fill="{fill}" stroke="#ffffff" stroke-width="4" paint-order="stroke">{escape(words)}</text>'
    )


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
