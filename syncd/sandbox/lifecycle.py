"""The status of a segment's destination as a pure function of times (reference 002, "State Transition").

Nothing ticks: a `Life` says when its next transition is due, and `elapse` plays every one that has come due.
All times are seconds of the sandbox clock.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

HOUR = 3_600.0
DAY = 24 * HOUR

EMPTY_MATCH = 48 * HOUR
ARCHIVE_AFTER = 30 * DAY
LIST_CHECK = 1 * HOUR
REARCHIVE_AFTER = 1 * DAY
EXPIRE_AFTER = 60 * DAY
EXPIRE_UNTOUCHED = 90 * DAY


class Status(StrEnum):
    BUILDING = "BUILDING"
    READY = "READY"
    UPDATING = "UPDATING"
    ARCHIVED = "ARCHIVED"
    EXPIRED = "EXPIRED"
    FAILED = "FAILED"
    ERROR = "ERROR"


# Not allowed in a campaign's targeting (reference 002).
UNUSABLE = frozenset({Status.EXPIRED, Status.FAILED, Status.ERROR})


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    origin: Status | None
    to: Status
    at: float
    forced: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """`ready_at` is when matching ends (or fails: `flawed`), `archive_at` when disuse counts; None is never."""

    status: Status
    since: float
    touched: float
    ready_at: float | None
    archive_at: float | None
    in_campaign: bool = False
    known: bool = False
    flawed: bool = False

    @property
    def usable(self) -> bool:
        """Whether a campaign may target the segment (reference 002)."""
        return self.status not in UNUSABLE


def born(now: float) -> Life:
    return Life(
        status=Status.BUILDING,
        since=now,
        touched=now,
        ready_at=now + EMPTY_MATCH,
        archive_at=now + ARCHIVE_AFTER,
    )


def elapse(life: Life, now: float) -> tuple[Life, list[Transition]]:
    """Play every transition due by `now`, in order."""
    played: list[Transition] = []
    while (due := _due(life)) is not None and due[0] <= now:
        at, status = due
        played.append(Transition(origin=life.status, to=status, at=at))
        life = _enter(life, status, at)
    return life, played


def streamed(life: Life, now: float, matching: float, *, first: bool) -> tuple[Life, list[Transition]]:
    """Users or companies arrived; `matching` is how long this segment takes (24 to 48 h), `first` if it was empty."""
    life = replace(life, touched=now)
    match life.status:
        case Status.READY:
            return _move(life, Status.UPDATING, now, lambda moved: replace(moved, ready_at=now + matching / 2))
        case Status.UPDATING:
            return replace(life, ready_at=now + matching / 2), []
        case Status.BUILDING:
            return (replace(life, ready_at=now + matching) if first and life.ready_at else life), []
        case Status.ARCHIVED:
            return _move(life, Status.BUILDING, now, lambda moved: _revived(moved, now, matching))
        case Status.EXPIRED:
            return _move(life, Status.BUILDING, now, lambda moved: _reborn(moved, now, matching))
        case Status.FAILED | Status.ERROR:
            return life, []


def listed(life: Life, now: float, matching: float, *, flawed: bool) -> tuple[Life, list[Transition]]:
    """A list was attached. One with a flaw fails a new segment after an hour; an old one then shows what it had."""
    life = replace(life, touched=now, flawed=flawed)
    wait = LIST_CHECK if flawed else matching
    match life.status:
        case Status.BUILDING:
            return replace(life, ready_at=now + wait), []
        case Status.READY | Status.UPDATING:
            life = replace(life, ready_at=now + (LIST_CHECK if flawed else matching / 2))
            updating = life.status is Status.UPDATING
            return (life, []) if updating else _move(life, Status.UPDATING, now, lambda moved: moved)
        case Status.ARCHIVED:
            return _move(life, Status.BUILDING, now, lambda moved: _revived(moved, now, wait))
        case Status.EXPIRED | Status.FAILED | Status.ERROR:
            return _move(life, Status.BUILDING, now, lambda moved: _reborn(moved, now, wait))


def used(life: Life, now: float, matching: float, *, audience: int) -> tuple[Life, list[Transition]]:
    """A draft or active campaign took the segment up. An archived one with audience 0 will not become READY."""
    life = replace(life, touched=now, in_campaign=True, archive_at=None)
    if life.status is not Status.ARCHIVED:
        return life, []
    ready_at = now + matching if audience else None
    return _move(life, Status.BUILDING, now, lambda moved: replace(moved, ready_at=ready_at))


def unused(life: Life, now: float) -> Life:
    """The last campaign dropped it: thirty days begin."""
    if not life.in_campaign:
        return life
    return replace(life, touched=now, in_campaign=False, archive_at=now + ARCHIVE_AFTER)


def forced(life: Life, status: Status, now: float, matching: float) -> tuple[Life, list[Transition]]:
    """The control API put it there; the clock runs on from that status."""
    moved = _enter(life, status, now)
    if status in {Status.BUILDING, Status.UPDATING}:
        moved = replace(moved, ready_at=now + matching)
    if status in {Status.BUILDING, Status.UPDATING, Status.READY} and not life.in_campaign:
        moved = replace(moved, archive_at=now + ARCHIVE_AFTER)
    return moved, [Transition(origin=life.status, to=status, at=now, forced=True)]


def matching_time(segment_id: int) -> float:
    """24 to 48 hours, the same every time for the same segment."""
    return DAY + (segment_id * 2_654_435_761 % 1_000) / 1_000 * DAY


def _revived(life: Life, now: float, matching: float) -> Life:
    """An unused archived segment is archived again a day later, before matching ends: the FAQ's "stuck in BUILDING"."""
    archive_at = None if life.in_campaign else now + REARCHIVE_AFTER
    return replace(life, ready_at=now + matching, archive_at=archive_at)


def _reborn(life: Life, now: float, matching: float) -> Life:
    """As reference 002 has it: "essentially a new segment with the same segment ID"."""
    archive_at = None if life.in_campaign else now + ARCHIVE_AFTER
    return replace(life, ready_at=now + matching, archive_at=archive_at)


def _due(life: Life) -> tuple[float, Status] | None:
    match life.status:
        case Status.BUILDING:
            matched = Status.FAILED if life.flawed else Status.READY
            return _sooner((life.ready_at, matched), (life.archive_at, Status.ARCHIVED))
        case Status.READY:
            return _sooner((life.archive_at, Status.ARCHIVED))
        case Status.UPDATING:
            # There is no transition from UPDATING to ARCHIVED: a busy, unused stream passes through READY.
            return _sooner((life.ready_at, Status.READY), (life.archive_at, Status.READY))
        case Status.ARCHIVED if not life.in_campaign:
            return max(life.since + EXPIRE_AFTER, life.touched + EXPIRE_UNTOUCHED), Status.EXPIRED
        case _:
            return None


def _sooner(*candidates: tuple[float | None, Status]) -> tuple[float, Status] | None:
    return min(((at, status) for at, status in candidates if at is not None), default=None)


def _enter(life: Life, status: Status, at: float) -> Life:
    moved = replace(life, status=status, since=at)
    match status:
        case Status.READY:
            return replace(moved, ready_at=None, known=True, flawed=False)
        case Status.FAILED:
            return replace(moved, ready_at=None, flawed=False)
        case Status.ARCHIVED:
            return replace(moved, ready_at=None, archive_at=None)
        case Status.EXPIRED:
            return replace(moved, ready_at=None, archive_at=None, known=False)
        case _:
            return moved


def _move(life: Life, status: Status, now: float, finish: Callable[[Life], Life]) -> tuple[Life, list[Transition]]:
    return finish(_enter(life, status, now)), [Transition(origin=life.status, to=status, at=now)]


DOCUMENTED = frozenset(
    {
        (None, Status.BUILDING),
        (Status.BUILDING, Status.READY),
        (Status.BUILDING, Status.FAILED),
        (Status.BUILDING, Status.ARCHIVED),
        (Status.READY, Status.UPDATING),
        (Status.UPDATING, Status.READY),
        (Status.READY, Status.ARCHIVED),
        (Status.ARCHIVED, Status.BUILDING),
        (Status.ARCHIVED, Status.EXPIRED),
        (Status.EXPIRED, Status.BUILDING),
    }
)
