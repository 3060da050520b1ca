"""What metrics read from the database now and then."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from sqlalchemy import BigInteger, Text, func, literal_column, select, table
from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.store.tables import SCHEMA, THEIRS, batches, dead_letters, epoch, now

_OPEN_BATCHES: Final = (
    select(batches.c.segment_id, func.count())
    .where(batches.c.open, batches.c.segment_id.in_(THEIRS))
    .group_by(batches.c.segment_id)
)
_LETTERS: Final = (
    select(dead_letters.c.segment_id, dead_letters.c.reason, func.count())
    .where(dead_letters.c.segment_id.in_(THEIRS))
    .group_by(dead_letters.c.segment_id, dead_letters.c.reason)
)


async def open_batches(connection: AsyncConnection, members: Collection[str]) -> dict[int, int]:
    """Open batches of some members' segments."""
    return dict((await connection.execute(_OPEN_BATCHES, {"members": list(members)})).all())


async def letters(connection: AsyncConnection, members: Collection[str]) -> dict[tuple[int, str], int]:
    """Dead letters of some members' segments, by segment and reason."""
    rows = await connection.execute(_LETTERS, {"members": list(members)})
    return {(segment, reason): count for segment, reason, count in rows}


async def dead_tuples(connection: AsyncConnection) -> int | None:
    """Dead tuples of the outbox as PostgreSQL estimates them; None on SQLite, which has none."""
    if connection.dialect.name != "postgresql":
        return None
    statistics = table("pg_stat_user_tables", schema="pg_catalog")
    statement = (
        select(literal_column("n_dead_tup", BigInteger))
        .select_from(statistics)
        .where(literal_column("schemaname", Text) == SCHEMA, literal_column("relname", Text) == "outbox")
    )
    return (await connection.execute(statement)).scalar_one_or_none()


async def oldest_transaction(connection: AsyncConnection) -> float | None:
    """Seconds since the oldest transaction still open began, prepared ones included; None on SQLite."""
    if connection.dialect.name != "postgresql":
        return None
    activity = table("pg_stat_activity", schema="pg_catalog")
    prepared = table("pg_prepared_xacts", schema="pg_catalog")
    begun = select(func.min(literal_column("xact_start"))).select_from(activity).scalar_subquery()
    kept = select(func.min(literal_column("prepared"))).select_from(prepared).scalar_subquery()
    age = epoch(now()) - epoch(func.least(begun, kept))
    value = (await connection.execute(select(age))).scalar()
    return max(0.0, float(value)) if value is not None else 0.0
