"""What metrics read from the database now and then."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import BigInteger, Text, func, literal_column, select, table
from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.store.tables import SCHEMA, dead_letters, epoch, now


async def letters(connection: AsyncConnection, segment_ids: Collection[int]) -> dict[tuple[int, str], int]:
    """Dead letters by segment and reason."""
    statement = (
        select(dead_letters.c.segment_id, dead_letters.c.reason, func.count())
        .where(dead_letters.c.segment_id.in_(segment_ids))
        .group_by(dead_letters.c.segment_id, dead_letters.c.reason)
    )
    return {(segment, reason): count for segment, reason, count in await connection.execute(statement)}


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
