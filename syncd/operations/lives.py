"""A segment's life as rows tell it: what advice and forecasts are made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from syncd.domain.course import Life, Look, Move, forecast
from syncd.domain.segment import SegmentParking
from syncd.operations.moments import moment


@dataclass(frozen=True, slots=True, kw_only=True)
class NextStatus:
    """What LinkedIn makes of the segment next, if nobody does anything: at the latest, or (`is_earliest`) not before."""

    status: str
    at: datetime | None
    is_earliest: bool
    unless: str


def life_of(row: Any, in_ledger: int, history: Sequence[Look], moves: Sequence[Move]) -> Life | None:
    """None of one that LinkedIn has not been asked about yet."""
    if not row.status or row.status_since is None:
        return None
    now = Look(
        at=row.moment,
        status=row.status,
        input_count=row.input_count,
        matched_count=row.matched_count,
        audience_size=row.audience_size,
    )
    return Life(
        key=row.key,
        now=row.moment,
        status=row.status,
        since=row.status_since,
        made=row.bound_at or row.status_since,
        in_ledger=in_ledger,
        is_gone=row.parked == SegmentParking.LOST,
        takes_lists=row.takes_lists,
        looks=[*history, now],
        moves=moves,
    )


def next_of(life: Life | None) -> NextStatus | None:
    found = None if life is None else forecast(life)
    if found is None:
        return None
    return NextStatus(status=found.status, at=moment(found.at), is_earliest=found.is_earliest, unless=found.unless)
