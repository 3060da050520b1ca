"""What a benchmark says: a measure of issue 4 with its figures, and how they compare with what was asked for."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, kw_only=True)
class Size:
    """How large everything is; `full` figures count, `quick` ones prove that the benchmarks run and are right."""

    name: str
    backlog: int
    limited: int
    drained: int
    ledger: int
    embedded: int
    companies: int
    changes: int
    segments: int
    members: int
    seconds: float
    people: int


FULL: Final = Size(
    name="full",
    backlog=2_000_000,
    limited=3_000_000,
    drained=1_000_000,
    ledger=10_000_000,
    embedded=300_000,
    companies=1_200_000,
    changes=100,
    segments=1_000,
    members=10,
    seconds=60.0,
    people=50_000,
)
QUICK: Final = Size(
    name="quick",
    backlog=60_000,
    limited=60_000,
    drained=30_000,
    ledger=20_000,
    embedded=10_000,
    companies=15_000,
    changes=5,
    segments=6,
    members=2,
    seconds=2.0,
    people=5_000,
)


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One measure. `values` has one entry a run; `least` says that more is better."""

    measure: str
    what: str
    unit: str
    values: Sequence[float]
    target: float | None = None
    least: bool = True
    series: Sequence[tuple[float, float]] = field(default=(), repr=False)
    kind: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def spread(self) -> float:
        return max(self.values) - min(self.values)

    @property
    def met(self) -> bool | None:
        if self.target is None:
            return None
        return self.median >= self.target if self.least else self.median <= self.target


def merged(runs: Sequence[Sequence[Figure]]) -> list[Figure]:
    """The figures of several runs of one benchmark as one set; pictures come from the last."""
    return [
        Figure(
            measure=last.measure,
            what=last.what,
            unit=last.unit,
            values=[value for run in runs for value in run[place].values],
            target=last.target,
            least=last.least,
            series=last.series,
            kind=last.kind,
        )
        for place, last in enumerate(runs[-1])
    ]


def quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def table(figures: Sequence[Figure]) -> str:
    lines = ["| | measure | median | spread | runs | asked for | |", "|---|---|---|---|---|---|---|"]
    for one in figures:
        asked = "" if one.target is None else f"{'≥' if one.least else '≤'} {_number(one.target)}"
        spread = _number(one.spread) if len(one.values) > 1 else "–"
        verdict = {None: "", True: "met", False: "missed"}[one.met]
        lines.append(
            f"| {one.measure} | {one.what} | {_number(one.median)} {one.unit} | {spread} | {len(one.values)}"
            f" | {asked} | {verdict} |"
        )
    return "\n".join(lines)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
