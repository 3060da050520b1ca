"""Where a segment stands in LinkedIn's course of statuses, and where it goes next (reference 002, "DMP Segment State
Transition" and its FAQ).

LinkedIn does not say whether a campaign uses a segment, but it says so by what it does not do: one that is not archived
thirty days after it was made must be in use. Times are seconds since 1970 by the database's clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from syncd.domain.segment import Status

HOUR: Final = 3_600.0
DAY: Final = 24 * HOUR
FIRST_MATCH: Final = 48 * HOUR
"""The longest that matching takes at first (reference 002)."""
TAKEN_UP: Final = 24 * HOUR
"""The longest until an update is taken up."""
UNUSED: Final = 30 * DAY
"""Without a draft or active campaign: ARCHIVED."""
UNTOUCHED: Final = 60 * DAY
"""More, neither used nor updated: EXPIRED, and everything purged."""
HASTE: Final = 5
"""How much more often a segment is looked at while its status is about to change."""
_NOTE_EVERY: Final = 6 * HOUR
_GRACE: Final = DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What LinkedIn said of a segment once. Counts are None until LinkedIn knows them; inputs and matches are those of
    the last seven days, the audience is everybody.
    """

    at: float
    status: str
    input_count: int | None = None
    matched_count: int | None = None
    audience_size: int | None = None

    @property
    def match_rate(self) -> float | None:
        return self.matched_count / self.input_count if self.input_count and self.matched_count is not None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A change of status, when it was seen."""

    before: str
    after: str
    documented: bool
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """What is known of one segment: looks and moves, newest last. `made` is when LinkedIn made it, `since` when it was
    first seen with its status, `in_ledger` who is in it as LinkedIn last accepted it: nobody, where it `takes_lists`.
    """

    key: str
    now: float
    status: str
    since: float
    made: float
    in_ledger: int
    is_gone: bool = False
    takes_lists: bool = False
    looks: Sequence[Look] = ()
    moves: Sequence[Move] = ()

    @property
    def age(self) -> float:
        """Seconds in its status."""
        return self.now - self.since

    @property
    def newest(self) -> Look:
        return self.looks[-1] if self.looks else Look(at=self.now, status=self.status)

    @property
    def was_woken(self) -> bool:
        """It is BUILDING because an archived segment was updated or used."""
        return bool(self.moves) and (self.moves[-1].before, self.moves[-1].after) == (Status.ARCHIVED, Status.BUILDING)

    @property
    def unused_until(self) -> float:
        """When disuse archives it at the earliest: thirty days after it was made, at once if it had been archived."""
        woken = [move.at for move in self.moves if move.before == Status.ARCHIVED and move.after == Status.BUILDING]
        reborn = [move.at for move in self.moves if move.before == Status.EXPIRED]
        born = max([self.made, *reborn])
        return woken[-1] if woken and woken[-1] > born else born + UNUSED

    @property
    def is_in_use(self) -> bool:
        """A campaign uses it, or LinkedIn would have archived it by now."""
        awake = self.status in {Status.READY, Status.UPDATING}
        return awake and self.now > self.unused_until + _GRACE


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The status that follows, and when: at the latest, or (`is_earliest`) not before. `unless` is what prevents it."""

    status: Status
    at: float
    is_earliest: bool = False
    unless: str = ""


def forecast(life: Life) -> Forecast | None:
    """What LinkedIn does next if nobody does anything; None where nothing more is due."""
    if life.is_gone:
        return None
    match life.status:
        case Status.BUILDING if life.was_woken:
            return _ready(life.since + FIRST_MATCH, life, unless="no campaign uses it: then it is archived again")
        case Status.BUILDING:
            ready, archived = life.since + FIRST_MATCH, life.unused_until
            return _ready(ready, life) if ready <= archived or life.now > archived else _archived(life)
        case Status.UPDATING:
            return _ready(life.since + TAKEN_UP, life, unless="more is streamed: a busy stream can stay UPDATING")
        case Status.READY if not life.is_in_use:
            return _archived(life)
        case Status.ARCHIVED:
            unless = "it is used by a campaign or updated"
            return Forecast(status=Status.EXPIRED, at=life.since + UNTOUCHED, is_earliest=True, unless=unless)
        case _:
            return None


def _ready(at: float, life: Life, unless: str = "") -> Forecast | None:
    return Forecast(status=Status.READY, at=at, unless=unless) if life.now <= at else None


def _archived(life: Life) -> Forecast:
    at = max(life.unused_until, life.since)
    return Forecast(status=Status.ARCHIVED, at=at, is_earliest=True, unless="a draft or active campaign uses it")


def is_due(status: str, since: float | None, seen: float | None, now: float, interval: float) -> bool:
    """Whether LinkedIn should be asked again: every `interval` seconds, five times as often while a change of status is
    awaited. One that is late already (a stream that is never idle, a segment that is stuck) is in no hurry.
    """
    if seen is None or since is None:
        return True
    awaited = {Status.BUILDING: FIRST_MATCH, Status.UPDATING: TAKEN_UP}
    hurried = now - since < awaited.get(Status(status), 0.0) if status in set(Status) else False
    return now - seen >= (interval / HASTE if hurried else interval)


def is_worth_noting(last: Look | None, look: Look) -> bool:
    """History keeps every change of status, and four looks a day while counts change."""
    if last is None or last.status != look.status:
        return True
    return look.at - last.at >= _NOTE_EVERY and _counts(last) != _counts(look)


def _counts(look: Look) -> tuple[int | None, int | None, int | None]:
    return look.input_count, look.matched_count, look.audience_size
