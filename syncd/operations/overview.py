"""Everything at a glance: each segment, each member, and whatever waits for somebody.

One value for every face, read by a fixed number of statements and shared by everybody who looks within a second; what
costs more (who is in the ledger, half a year of looks) is read less often.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from syncd.domain import remedy
from syncd.domain.advice import Advice, advise
from syncd.domain.course import DAY, Look, Move
from syncd.operations.fresh import Fresh
from syncd.operations.lives import NextStatus, life_of, next_of
from syncd.operations.moments import moment
from syncd.settings import Settings
from syncd.settings.models import Limits
from syncd.store import batches, ledger, looks, outbox, panorama, reports
from syncd.store.engine import Database
from syncd.store.panorama import Pace, Waiting

_QUICK: Final = 1.0
_SLOW: Final = 5.0
_HISTORY: Final = 36 * DAY
"""What advice on match rates compares with, and a day."""
_TREND: Final = 48


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentLine:
    """`state` is what counts now: PARKED, PAUSED, else LinkedIn's status, NEW before there is one. `trend` is the audience
    as LinkedIn told it, oldest first.
    """

    key: str
    name: str
    kind: str
    account: str
    member: str
    state: str
    status: str
    status_since: datetime | None
    paused: bool
    parked: str | None
    parked_words: str
    parked_at: datetime | None
    pending: int
    oldest_seconds: float
    open_batches: int
    ledger: int
    match_rate: float | None
    audience_size: int | None
    dead_letters: int
    trend: tuple[float, ...]
    advice: tuple[Advice, ...]
    next: NextStatus | None

    @property
    def acts(self) -> tuple[Advice, ...]:
        """The advice that somebody has to follow."""
        return tuple(one for one in self.advice if one.acts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A member's requests to a resource in the last minute, as the batches closed in it tell: of every replica. `waits` is
    how many seconds the resource still pauses after a 429, `scope` of what.
    """

    resource: str
    requests: int
    limit: int
    accepted: int
    waits: float
    scope: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberLine:
    key: str
    application: str
    owner: str | None
    paused: bool
    parked: str | None
    parked_words: str
    parked_at: datetime | None
    rates: tuple[Rate, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """Something waits for a person: `words` say what happened, LinkedIn's own where it said so, `remedy` what to do.
    `subject` is intake, unknown, member or segment, and `key` which.
    """

    subject: str
    key: str
    reason: str
    words: str
    remedy: str
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    at: datetime
    segments: tuple[SegmentLine, ...]
    members: tuple[MemberLine, ...]
    alarms: tuple[Alarm, ...]

    def within(self, accounts: Collection[str] | None) -> Overview:
        """What somebody may see whose sight ends at some ad accounts; all of it for None."""
        if accounts is None:
            return self
        lines = tuple(line for line in self.segments if line.account in accounts)
        keys, people = {line.key for line in lines}, {line.member for line in lines}
        return replace(
            self,
            segments=lines,
            members=tuple(line for line in self.members if line.key in people),
            alarms=tuple(
                alarm
                for alarm in self.alarms
                if (alarm.subject == "segment" and alarm.key in keys)
                or (alarm.subject == "member" and alarm.key in people)
                or alarm.subject == "intake"
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Quick:
    at: float
    segments: tuple[Any, ...]
    pending: dict[str, tuple[int, float]]
    open_batches: dict[int, int]
    members: tuple[Any, ...]
    waits: tuple[Waiting, ...]
    intake: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Slow:
    sizes: dict[int, int]
    letters: dict[int, int]
    history: dict[int, list[Look]]
    moves: dict[int, list[Move]]
    paces: tuple[Pace, ...]


class Watch:
    """The overview of one process, for as many as want to see it."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._limits = settings.limits
        self._quick = Fresh(self._read_quick, _QUICK)
        self._slow = Fresh(self._read_slow, _SLOW)
        self._lock = asyncio.Lock()
        self._made: tuple[_Quick, _Slow, Overview] | None = None

    async def now(self) -> Overview:
        async with self._lock:
            quick, slow = await self._quick.get(), await self._slow.get()
            if self._made is None or self._made[0] is not quick or self._made[1] is not slow:
                self._made = (quick, slow, _overview(quick, slow, self._limits))
            return self._made[2]

    def outdate(self) -> None:
        """Somebody changed something, and wants to see that."""
        self._quick.outdate()
        self._slow.outdate()

    async def _read_quick(self) -> _Quick:
        async with self._database.read() as connection:
            rows = await reports.segment_rows(connection)
            return _Quick(
                at=await panorama.moment(connection),
                segments=tuple(rows),
                pending={key: (count, age) for key, count, age in await outbox.pending(connection)},
                open_batches=await batches.count_open(connection, [row.id for row in rows]),
                members=tuple(await reports.member_rows(connection)),
                waits=tuple(await panorama.waits(connection)),
                intake=await panorama.intake_parked(connection),
            )

    async def _read_slow(self) -> _Slow:
        async with self._database.read() as connection:
            ids = [row.id for row in await reports.segment_rows(connection)]
            return _Slow(
                sizes=await ledger.sizes(connection, ids),
                letters=await panorama.letters_by_segment(connection),
                history=await panorama.looks_since(connection, _HISTORY),
                moves=await looks.moves(connection, ids),
                paces=tuple(await panorama.paces(connection)),
            )


def _overview(quick: _Quick, slow: _Slow, limits: Limits) -> Overview:
    at = moment(quick.at)
    assert at is not None
    return Overview(
        at=at,
        segments=tuple(_segment(row, quick, slow) for row in quick.segments),
        members=tuple(_member(row, quick, slow, limits) for row in quick.members),
        alarms=tuple(_alarms(quick)),
    )


def _segment(row: Any, quick: _Quick, slow: _Slow) -> SegmentLine:
    count, age = quick.pending.get(row.key, (0, 0.0))
    history = slow.history.get(row.id, [])
    held = slow.sizes.get(row.id, 0)
    life = life_of(row, held, history, slow.moves.get(row.id, []))
    return SegmentLine(
        key=row.key,
        name=row.name,
        kind=f"{row.kind} list" if row.takes_lists else row.kind,
        account=row.account,
        member=row.member,
        state=state_of(row),
        status=row.status,
        status_since=moment(row.status_since),
        paused=row.paused,
        parked=row.parked,
        parked_words=row.parked_words,
        parked_at=moment(row.parked_at),
        pending=count,
        oldest_seconds=age,
        open_batches=quick.open_batches.get(row.id, 0),
        ledger=held,
        match_rate=row.matched_count / row.input_count if row.input_count and row.matched_count is not None else None,
        audience_size=row.audience_size,
        dead_letters=slow.letters.get(row.id, 0),
        trend=_trend(history, row.audience_size),
        advice=tuple(advise(life)) if life else (),
        next=next_of(life),
    )


def state_of(row: Any) -> str:
    if row.parked:
        return "PARKED"
    return "PAUSED" if row.paused else row.status or "NEW"


def _trend(history: list[Look], size: int | None) -> tuple[float, ...]:
    sizes = [float(look.audience_size) for look in history if look.audience_size is not None]
    if size is not None:
        sizes.append(float(size))
    step = max(1, len(sizes) // _TREND)
    return tuple(sizes[::-1][::step][::-1])


def _member(row: Any, quick: _Quick, slow: _Slow, limits: Limits) -> MemberLine:
    rates = []
    for kind, resource, limit in (
        ("user", "users", limits.users_per_minute),
        ("company", "companies", limits.companies_per_minute),
    ):
        pace = next((one for one in slow.paces if (one.member, one.kind) == (row.key, kind)), None)
        wait = max(
            (
                one
                for one in quick.waits
                if one.resource == resource and one.application == row.application and one.member in {"", row.key}
            ),
            key=lambda one: one.seconds,
            default=None,
        )
        rates.append(
            Rate(
                resource=resource,
                requests=pace.requests if pace else 0,
                accepted=pace.accepted if pace else 0,
                limit=limit,
                waits=wait.seconds if wait else 0.0,
                scope=wait.scope if wait else "",
            )
        )
    return MemberLine(
        key=row.key,
        application=row.application,
        owner=row.owner,
        paused=row.paused,
        parked=row.parked,
        parked_words=row.parked_words,
        parked_at=moment(row.parked_at),
        rates=tuple(rates),
    )


def _alarms(quick: _Quick) -> Iterator[Alarm]:
    """What concerns most comes first."""
    if quick.intake:
        yield Alarm(subject="intake", key="", reason="outbox ids", words=quick.intake, remedy=remedy.INTAKE)
    for row in quick.members:
        if row.parked:
            yield Alarm(
                subject="member",
                key=row.key,
                reason=row.parked,
                words=row.parked_words,
                remedy=remedy.of_member(row.parked),
                since=moment(row.parked_at),
            )
    for row in quick.segments:
        if row.parked:
            yield Alarm(
                subject="segment",
                key=row.key,
                reason=row.parked,
                words=row.parked_words,
                remedy=remedy.of_segment(row.parked),
                since=moment(row.parked_at),
            )
    known = {row.key for row in quick.segments}
    for key, (count, _) in sorted(quick.pending.items()):
        if key not in known:
            yield Alarm(
                subject="unknown",
                key=key,
                reason="unknown segment",
                words=f"{count:,} rows wait",
                remedy=remedy.UNKNOWN,
            )
