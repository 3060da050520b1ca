"""Charts in a terminal: bars beside the rows of a table, and a curve as an area of block characters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from syncd.domain.forecast import Curve, value_at

_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"
_LEVELS: Final = " ▁▂▃▄▅▆▇█"
_WIDTH: Final = 60
_HEIGHT: Final = 8
_BAR: Final = 10


def bar(part: float, whole: float) -> str:
    """A bar of up to 10 characters, to an eighth of one."""
    eighths = round(max(0.0, min(1.0, part / whole if whole else 0.0)) * _BAR * 8)
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def area(title: str, curve: Curve, said: Callable[[float], str]) -> Iterator[str]:
    """Lines of a chart: value over budget from the first spot to the last, upwards from zero."""
    spots = curve.spots
    top = max((spot.value for spot in spots), default=0.0)
    if len(spots) < 2 or top <= 0:
        yield f"{title}: no curve"
        return
    first, last = spots[0].budget, spots[-1].budget
    values = [value_at(curve, first + (last - first) * column / (_WIDTH - 1)) or 0.0 for column in range(_WIDTH)]
    margin = max(len(said(top)), len(said(0.0)))
    yield title
    for row in reversed(range(_HEIGHT)):
        label = said(top) if row == _HEIGHT - 1 else said(0.0) if row == 0 else ""
        cells = "".join(_LEVELS[_level(value / top, row)] for value in values)
        yield f"{label:>{margin}} ┤{cells}".rstrip()
    ends = f"${first:,.0f}", f"${last:,.0f}"
    yield f"{'':>{margin}}  {ends[0]}{ends[1]:>{_WIDTH - len(ends[0])}}"


def _level(share: float, row: int) -> int:
    return max(0, min(8, round((share * _HEIGHT - row) * 8)))
