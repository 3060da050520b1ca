"""Resyncs of one member's segments, from being asked for to their end; the road sends what they plan.

A reconcile draws a line through the outbox, waits until every transaction that may still commit below it has ended and
what they committed was taken, and only then reads its source: so the source has seen whatever ranks below the line, and
whatever it has not seen ranks above and wins. All that must survive a crash is in rows; a plan that was cut short is made
anew, and a resync that was cut short goes on behind the last batch that was written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Final, TypeVar

from cronsim import CronSim
from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.change import Part, rank
from syncd.domain.events import Emit
from syncd.domain.membership import Numbers
from syncd.domain.resync import SHELF_LIFE, Mode, Origin, State
from syncd.domain.resync_events import ResyncEnded, ResyncMoved, ResyncPlanned, ResyncStarted
from syncd.domain.segment import Segment, SegmentParking
from syncd.errors import Clashing, Fatal, Rejected
from syncd.reconcile import sources
from syncd.reconcile.plan import Planner, Suppressed
from syncd.reconcile.sources import Form, Read
from syncd.settings.models import Source
from syncd.store import outbox, plans, resyncs, schedules, segments, source
from syncd.store.engine import Database
from syncd.store.leases import Grant, fence
from syncd.store.resyncs import Resync
from syncd.store.source import Boundary
from syncd.store.staging import Against

T = TypeVar("T")

_EMPTIED: Final = frozenset({SegmentParking.EXPIRED, SegmentParking.PURGED})
_UNSTARTED: Final = "nobody started it for a day"
_IN_FLOW: Final = frozenset({State.PLANNING, State.WAITING, State.RUNNING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the configuration says of a segment's resyncs: its source, and cron expressions in UTC by mode."""

    source: Source | None = None
    schedules: Mapping[Mode, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Resyncer:
    """Those of one member. `lines` holds the boundaries of plans that wait; `told` the resyncs whose progress is shown."""

    database: Database
    grant: Grant
    emit: Emit
    wishes: Mapping[str, Wish]
    fuse: float
    allow_names_only: bool
    suppressed: Suppressed
    lines: dict[int, Boundary] = field(default_factory=dict)
    told: dict[int, str] = field(default_factory=dict)

    async def advance(self, ours: Sequence[Segment], moment: float) -> bool:
        """One round; whether any resync is under way. `moment` is the database's time, seconds since 1970.

        Raises LeaseLost, Transient.
        """
        known = {segment.id: segment for segment in ours}
        async with self.database.read() as connection:
            found = await resyncs.open_of(connection, list(known))
            outdated = await resyncs.outdated(connection, list(known), SHELF_LIFE)
            leftovers = await plans.leftovers(connection)
            scheduled = await schedules.of(connection, list(known))
        for number in outdated:
            await self._write(partial(resyncs.end, number=number, state=State.CANCELLED, words=_UNSTARTED))
        if leftovers:
            await self._write(plans.sweep)
        busy = {one.segment_id for one in found}
        for segment in ours:
            await self._keep_schedules(segment, scheduled, moment, busy=segment.id in busy)
        for one in found:
            await self._carry_on(known[one.segment_id], one)
        await self._ended_elsewhere({one.id for one in found})
        return any(one.state in _IN_FLOW for one in found)

    async def _carry_on(self, segment: Segment, one: Resync) -> None:
        match one.state:
            case State.PLANNING:
                await self._plan(segment, one)
            case State.WAITING:
                await self._begin(segment, one)
            case State.RUNNING:
                await self._look(one)
            case _:
                return

    async def _plan(self, segment: Segment, one: Resync) -> None:
        """Plans it as soon as nothing older than its line is under way any more."""
        line = self.lines.get(one.id)
        if line is None:
            line = self.lines[one.id] = await self._write(source.boundary)
        waits = await self._waits(segment, line)
        if waits:
            if waits != one.words:
                await self._write(lambda c: resyncs.change(c, one.id, words=waits))
            return
        try:
            numbers = await self._compared(segment, one, line)
        except (Rejected, Fatal) as problem:  # a plan that cannot be made ends itself, never the process
            await self._finish(one, State.FAILED, str(problem))
        else:
            await self._planned(segment, one, line, numbers)
        finally:
            self.lines.pop(one.id, None)

    async def _waits(self, segment: Segment, line: Boundary) -> str:
        async with self.database.read() as connection:
            writers = await source.still_writing(connection, line)
            oldest = await outbox.oldest(connection, segment.key, 1)
        if writers:
            return f"waits for {writers} transactions of the CRM's that began before it"
        if oldest and oldest[0] <= line.last_id:
            return "waits until the older rows of the outbox are taken"
        return ""

    async def _compared(self, segment: Segment, one: Resync, line: Boundary) -> Numbers:
        if segment.parked in _EMPTIED:
            raise Rejected("LinkedIn emptied the segment: a replay fills it, reconcile after that")
        planner = Planner(
            database=self.database,
            grant=self.grant,
            resync=one.id,
            key=segment.key,
            against=Against(
                segment_id=segment.id, boundary=rank(line.epoch, line.last_id, Part.RESYNC), as_of=one.as_of
            ),
            rejected=Counter(one.numbers.rejected),
            suppressed=self.suppressed,
        )
        async with self._read(segment, one) as read:
            if segment.has_subjects and not read.names_subjects:
                raise Rejected(f"changes of this segment name subjects: its source must give {sources.SUBJECT} too")
            return await planner.plan(read)

    def _read(self, segment: Segment, one: Resync) -> AbstractAsyncContextManager[Read]:
        if one.origin is Origin.FILE:
            return sources.uploaded(self.database, one.id)
        wish = self.wishes.get(segment.key)
        if wish is None or wish.source is None:
            raise Rejected("the configuration gives this segment no source any more")
        return sources.queried(wish.source, Form(kind=segment.kind, allow_names_only=self.allow_names_only))

    async def _planned(self, segment: Segment, one: Resync, line: Boundary, numbers: Numbers) -> None:
        blown = numbers.blows(self.fuse)
        state = State.PLANNED if not one.automatic else State.BLOWN if blown else State.WAITING
        boundary = rank(line.epoch, line.last_id, Part.RESYNC)

        async def work(connection: AsyncConnection) -> bool:
            if not await source.raise_high_water(connection, segment.id, line):
                words = "a new source epoch began meanwhile: make a new plan"
                await resyncs.end(connection, one.id, State.FAILED, words)
                return False
            return await resyncs.planned(connection, one.id, boundary, numbers, state)

        if not await self._write(work):
            return
        self.emit(
            ResyncPlanned(
                segment=segment.key,
                resync=one.id,
                adds=numbers.adds,
                removes=numbers.removes,
                changes=numbers.changes,
                unchanged=numbers.unchanged,
                rejected=sum(numbers.rejected.values()),
            )
        )
        if state is State.BLOWN:
            words = f"{numbers.removes} of {numbers.held} would leave, more than the fuse lets pass"
            self.emit(ResyncEnded(segment=segment.key, resync=one.id, mode=one.mode, how=state, sent=0, words=words))

    async def _begin(self, segment: Segment, one: Resync) -> None:
        """From now on the road sends it. A segment that was emptied, or waited for another reason, goes on to be filled."""

        async def work(connection: AsyncConnection) -> bool:
            if not await resyncs.change(connection, one.id, state=State.RUNNING):
                return False
            if one.mode is Mode.REPLAY:
                await segments.unpark(connection, segment.id)
            return True

        if await self._write(work):
            self.told[one.id] = segment.key
            self.emit(
                ResyncStarted(segment=segment.key, resync=one.id, mode=one.mode, by=one.asked_by, reason=one.reason)
            )

    async def _look(self, one: Resync) -> None:
        """How far it is; once nothing of it is left, it has ended."""
        async with self.database.read() as connection:
            accepted, refused, dropped, still_open = await resyncs.accepted(connection, one.id)
        if one.exhausted and not still_open:
            await self._finish(one, State.DONE, "")
            return
        self.told[one.id] = one.segment
        self.emit(ResyncMoved(segment=one.segment, ratio=one.progress(accepted + refused + dropped)))

    async def _finish(self, one: Resync, state: State, words: str) -> None:
        if await self._write(lambda c: resyncs.end(c, one.id, state, words)):
            self.told.pop(one.id, None)
            self.emit(
                ResyncEnded(segment=one.segment, resync=one.id, mode=one.mode, how=state, sent=one.sent, words=words)
            )

    async def _ended_elsewhere(self, still_open: set[int]) -> None:
        """Somebody cancelled it, or it was replaced."""
        for number in [number for number in self.told if number not in still_open]:
            segment = self.told.pop(number)
            async with self.database.read() as connection:
                one = await resyncs.find(connection, number)
            if one is not None:
                self.emit(
                    ResyncEnded(
                        segment=segment, resync=number, mode=one.mode, how=one.state, sent=one.sent, words=one.words
                    )
                )

    async def _keep_schedules(
        self, segment: Segment, known: Mapping[tuple[int, str], tuple[str, bool]], moment: float, *, busy: bool
    ) -> None:
        """What is due is asked for, once there is room; a schedule that is new or another one begins from now, and one
        that nobody wishes for any more is gone.
        """
        wish = self.wishes.get(segment.key)
        wanted = wish.schedules if wish is not None else {}
        for mode in Mode:
            if (segment.id, mode) in known and mode not in wanted:
                await self._write(partial(schedules.drop, segment_id=segment.id, mode=mode))
        for mode, cron in wanted.items():
            written, due = known.get((segment.id, mode), ("", False))
            if written != cron:
                await self._write(partial(_begin_schedule, segment=segment, mode=mode, cron=cron, moment=moment))
            elif due and not busy and segment.dmp_id is not None:
                with suppress(Clashing):  # somebody asks for one at this moment: what is due waits for the end of that
                    await self._write(partial(_ask, segment=segment, mode=mode, cron=cron, moment=moment))

    async def _write(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        async def fenced(connection: AsyncConnection) -> T:
            await fence(connection, self.grant)
            return await work(connection)

        return await self.database.transact(fenced)


async def _begin_schedule(connection: AsyncConnection, segment: Segment, mode: Mode, cron: str, moment: float) -> None:
    following = next(CronSim(cron, datetime.fromtimestamp(moment, UTC)))
    await schedules.write(connection, segment.id, mode, cron, following.timestamp())


async def _ask(connection: AsyncConnection, segment: Segment, mode: Mode, cron: str, moment: float) -> None:
    """A resync by itself; a reconcile stops by itself too, at a blown fuse."""
    await _begin_schedule(connection, segment, mode, cron, moment)
    replay = mode is Mode.REPLAY
    number = await resyncs.ask(
        connection,
        segment.id,
        mode,
        Origin.LEDGER if replay else Origin.QUERY,
        by="schedule",
        state=State.WAITING if replay else State.PLANNING,
        reason=f"scheduled: {cron}",
        automatic=True,
    )
    if replay:
        await resyncs.count_replay(connection, number, segment.id)
