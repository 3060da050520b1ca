"""Dashboards as values: what is asked, in which unit, from where it is bad, and what to do then.

Nothing of Grafana is here: `drawing` turns them into its JSON. `Dashboard.placed` lays panels out from left to right in
24 columns, row by row, so that none overlaps another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

COLUMNS: Final = 24
RATE: Final = "$__rate_interval"


class Kind(StrEnum):
    LINES = "timeseries"
    NUMBER = "stat"
    BARS = "bargauge"
    HEAT = "heatmap"
    STATES = "state-timeline"


GREEN: Final = "green"
ORANGE: Final = "orange"
RED: Final = "red"
BLUE: Final = "blue"
Steps = Sequence[tuple[float | None, str]]
"""From which value on which colour; the first from anywhere."""
PLAIN: Final[Steps] = ((None, BLUE),)
"""Of a value that is never bad by itself."""
ANY_IS_BAD: Final[Steps] = ((None, GREEN), (1, RED))


def above(orange: float, red: float | None = None) -> Steps:
    """Good when small."""
    return ((None, GREEN), (orange, ORANGE), *(() if red is None else ((red, RED),)))


def below(orange: float, green: float) -> Steps:
    """Good when large."""
    return ((None, RED), (orange, ORANGE), (green, GREEN))


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """`title` is a question or a noun; `todo` says what it means and what to do; `names` replaces values by words."""

    kind: Kind
    title: str
    todo: str
    unit: str
    queries: Sequence[Query]
    steps: Steps = PLAIN
    width: int = 8
    height: int = 8
    stacked: bool = False
    least: float | None = None
    most: float | None = None
    names: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    nothing: str = "no data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A variable: a label of a metric, for the reader to pick from."""

    name: str
    label: str
    metric: str
    many: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    uid: str
    title: str
    about: str
    rows: Sequence[Row]
    choices: Sequence[Choice] = ()
    since: str = "now-6h"

    def placed(self) -> Iterator[tuple[Row | Panel, Place]]:
        """Rows and panels in their order, each where it stands."""
        y = 0
        for row in self.rows:
            yield row, Place(x=0, y=y, width=COLUMNS, height=1)
            y, x, tallest = y + 1, 0, 0
            for panel in row.panels:
                if x + panel.width > COLUMNS:
                    y, x, tallest = y + tallest, 0, 0
                yield panel, Place(x=x, y=y, width=panel.width, height=panel.height)
                x, tallest = x + panel.width, max(tallest, panel.height)
            y += tallest


def of(metric: str, *matchers: str) -> str:
    """A selector within the installation that the reader picked."""
    inside = ", ".join(('namespace=~"$namespace"', 'job=~"$job"', *matchers))
    return f"{metric}{{{inside}}}"


def equal(label: str, value: str) -> str:
    """A matcher."""
    return f'{label}="{value}"'


def like(label: str, pattern: str) -> str:
    """A matcher by regular expression."""
    return f'{label}=~"{pattern}"'


def lines(title: str, unit: str, todo: str, queries: Mapping[str, str], steps: Steps = PLAIN) -> Panel:
    """Curves over time, from legend to expression."""
    drawn = [Query(expr=expr, legend=legend) for legend, expr in queries.items()]
    return Panel(kind=Kind.LINES, title=title, todo=todo, unit=unit, queries=drawn, steps=steps, least=0)


def number(title: str, unit: str, todo: str, expr: str, steps: Steps = PLAIN) -> Panel:
    """One number, as it is now."""
    shown = [Query(expr=expr)]
    return Panel(kind=Kind.NUMBER, title=title, todo=todo, unit=unit, queries=shown, steps=steps, width=4, height=5)


def bars(title: str, unit: str, todo: str, queries: Mapping[str, str], steps: Steps = PLAIN) -> Panel:
    """Bars side by side, as they are now."""
    drawn = [Query(expr=expr, legend=legend) for legend, expr in queries.items()]
    return Panel(kind=Kind.BARS, title=title, todo=todo, unit=unit, queries=drawn, steps=steps, least=0)


def quantiles(metric: str, *matchers: str, apart: str = "") -> dict[str, str]:
    """p50 and p99 of a histogram; `apart` is a label to keep apart."""
    labels = f"le, {apart}" if apart else "le"
    suffix = f" {{{{{apart}}}}}" if apart else ""
    counts = f"sum by ({labels}) (rate({of(f'{metric}_bucket', *matchers)}[{RATE}]))"
    return {f"p{share}{suffix}": f"histogram_quantile(0.{share}, {counts})" for share in (50, 99)}
