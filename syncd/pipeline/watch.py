"""Loops of the whole process: who has rows waiting, what else the database says of members, what metrics read from the database, what is pruned.

Base is polling: one query for all segments, every tenth of a second when nothing waits. Looks that cost more are spaced
by what they cost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.events import DatabaseFailed, LimitSeen, Measured, RowsExpired, TombstonesPruned, UnknownSegments
from syncd.domain.retry import DATABASE
from syncd.domain.segment import UNKNOWN_SEGMENTS, Segment
from syncd.errors import LeaseLost, Transient
from syncd.pipeline.lanes import wait_for
from syncd.pipeline.member import Member, Tools
from syncd.pipeline.refresh import note_waiting, refresh
from syncd.store import ledger, measures, notices, outbox, retention, segments, source
from syncd.store.leases import fence
from syncd.store.retention import Kept

Owned = Callable[[], Sequence[Member]]
TOMBSTONES_STAY: Final = 86_400.0
"""Seconds a tombstone stays at least."""
_FOLLOW: Final = 2.0
_MEASURE: Final = 5.0
_NOTE_HORIZON: Final = 600.0
_LISTEN_AGAIN: Final = 5.0
_SHARE: Final = 0.02
"""Of the time that may go into measuring."""


async def poll(
    owned: Owned, tools: Tools, interval: float, hint: asyncio.Event, reached: Callable[[str], None]
) -> None:
    """Tells every lane whose outbox has rows. `hint` ends a pause early (a notification); `reached` is told whether the
    database answers: nothing if it does, else what is wrong.
    """
    unknown: frozenset[str] = frozenset()
    failures = 0
    while True:
        hint.clear()
        try:
            async with tools.database.read() as connection:
                keys = await outbox.waiting(connection)
                ours: set[str] = set()
                for member in owned():
                    ours |= note_waiting(member, keys)
                unknown = await _unknown(connection, keys - ours, unknown, tools)
            failures = 0
            reached("")
        except Transient as error:
            failures += 1
            reached(str(error))
            tools.origin.doubt()
            tools.emit(DatabaseFailed(where="poll", words=str(error)))
            await asyncio.sleep(DATABASE.wait(failures, tools.dice))
        await wait_for(hint, interval)


async def _unknown(
    connection: AsyncConnection, others: set[str], before: frozenset[str], tools: Tools
) -> frozenset[str]:
    """Rows of segments that do not exist wait; said once for each set of keys."""
    if not others:
        return frozenset()
    unknown = frozenset(others - await segments.keys(connection))
    if unknown and unknown != before:
        tools.emit(UnknownSegments(keys=sorted(unknown)[:20]))
    return unknown


async def follow(owned: Owned, tools: Tools) -> None:
    """Keeps in memory what the database says of the members that are owned here, in one read for all of them."""
    while True:
        await asyncio.sleep(_FOLLOW)
        members = [member for member in owned() if not member.lost]
        for member in members:
            for road in member.roads.values():
                pacer = member.pacers[road.resource]
                seen = {"last_minute": pacer.last_minute, "limit": pacer.quota.limit}
                tools.emit(LimitSeen(member=member.key, resource=road.resource, **seen))
        try:
            if members:
                await refresh(members, tools)
        except Transient as error:
            tools.emit(DatabaseFailed(where="refresh", words=str(error)))


async def measure(owned: Owned, tools: Tools) -> None:
    """Reads what only the database knows, for the segments of the members that are owned here."""
    told = False
    while True:
        begun = tools.monotonic()
        members = list(owned())
        bound = [lane.segment for member in members for lane in member.lanes()]
        paused = {
            str(lane.segment.key): lane.segment.paused or member.paused for member in members for lane in member.lanes()
        }
        if told and not members:
            tools.emit(_NOTHING)
        told = bool(members)
        if members:
            try:
                async with tools.database.read() as connection:
                    tools.emit(
                        replace(await _measured(connection, [member.key for member in members], bound), paused=paused)
                    )
            except Transient as error:
                tools.emit(DatabaseFailed(where="measuring", words=str(error)))
        await asyncio.sleep(max(_MEASURE, (tools.monotonic() - begun) / _SHARE))


_NOTHING: Final = Measured(
    pending={}, open_batches={}, ledger_sizes={}, dead_letters={}, dead_tuples=None, oldest_transaction=None
)


async def _measured(connection: AsyncConnection, keys: Collection[str], bound: Sequence[Segment]) -> Measured:
    names = {segment.id: segment.key for segment in bound}
    known = await segments.keys(connection)
    ours = {str(segment.key) for segment in bound}
    pending: dict[str, tuple[int, float]] = dict.fromkeys(ours, (0, 0.0))
    for key, count, age in await outbox.pending(connection):
        if key in ours:
            pending[key] = (count, age)
        elif key not in known:
            before, oldest = pending.get(UNKNOWN_SEGMENTS, (0, 0.0))
            pending[UNKNOWN_SEGMENTS] = (before + count, max(oldest, age))
    return Measured(
        pending=pending,
        open_batches=_named(names, await measures.open_batches(connection, keys)),
        ledger_sizes=_named(names, await ledger.sizes(connection, list(names))),
        dead_letters={
            (names[segment], reason): count
            for (segment, reason), count in (await measures.letters(connection, keys)).items()
            if segment in names
        },
        dead_tuples=await measures.dead_tuples(connection),
        oldest_transaction=await measures.oldest_transaction(connection),
    )


def _named(names: Mapping[int, str], counts: dict[int, int]) -> dict[str, int]:
    return {name: counts.get(number, 0) for number, name in names.items()}


async def listen(tools: Tools, hint: asyncio.Event, listening: Callable[[], None]) -> None:
    """Notifications are a hint only: while there are none, polling does the work."""
    while True:
        try:
            await notices.listen(tools.database, hint, listening)
        except Transient as error:
            tools.emit(DatabaseFailed(where="listening", words=str(error)))
        await asyncio.sleep(_LISTEN_AGAIN)


async def prune(owned: Owned, tools: Tools, kept: Kept, keep: float = TOMBSTONES_STAY) -> None:
    """Notes horizons, deletes tombstones that no late commit can be older than and what was kept long enough, fenced by any
    member's lease.
    """
    while True:
        members: Collection[Member] = [member for member in owned() if member.trusts(tools.monotonic())]
        for member in list(members)[:1]:

            async def work(connection: AsyncConnection, held: Member = member) -> int:
                await fence(connection, held.grant)
                await source.note_horizon(connection)
                return await source.prune(connection, keep)

            async def over(connection: AsyncConnection, held: Member = member) -> dict[str, int]:
                await fence(connection, held.grant)
                return await retention.expire(connection, kept)

            try:
                while count := await tools.database.transact(work):
                    tools.emit(TombstonesPruned(count=count))
                while gone := await tools.database.transact(over):
                    for table, rows in gone.items():
                        tools.emit(RowsExpired(table=table, count=rows))
            except LeaseLost:
                member.lose()
            except Transient as error:
                tools.emit(DatabaseFailed(where="pruning", words=str(error)))
        await asyncio.sleep(_NOTE_HORIZON)
