"""When a segment's resyncs are next due by themselves: overwritten, so that none is left out or done twice."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Column, Integer, Table, Text, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.resync import Mode
from syncd.store.tables import at, metadata, now

schedules = Table(
    "resync_schedules",
    metadata,
    Column("segment_id", Integer, primary_key=True, autoincrement=False),
    Column("mode", Text, primary_key=True),
    Column("cron", Text, nullable=False),
    at("next_at"),
)


async def of(connection: AsyncConnection, segment_ids: Collection[int]) -> dict[tuple[int, str], tuple[str, bool]]:
    """The schedules of some segments by segment and mode: the cron expression, and whether its time has come."""
    s = schedules.c
    wanted = select(s.segment_id, s.mode, s.cron, s.next_at <= now()).where(s.segment_id.in_(segment_ids))
    return {(segment, mode): (cron, bool(due)) for segment, mode, cron, due in await connection.execute(wanted)}


async def write(connection: AsyncConnection, segment_id: int, mode: Mode, cron: str, next_at: float) -> None:
    """When a segment's resync is next due."""
    await drop(connection, segment_id, mode)
    await connection.execute(insert(schedules).values(segment_id=segment_id, mode=mode, cron=cron, next_at=next_at))


async def drop(connection: AsyncConnection, segment_id: int, mode: Mode) -> None:
    """Such a resync is not due by itself any more."""
    s = schedules.c
    await connection.execute(delete(schedules).where(s.segment_id == segment_id, s.mode == mode))
