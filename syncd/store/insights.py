"""Insights as LinkedIn last gave them, with the time it did: a breakdown costs a call and changes slowly."""

from __future__ import annotations

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.store.tables import epoch, insights, now


async def cached(
    connection: AsyncConnection, segment_id: int, question: str, most_age: float
) -> tuple[str, float] | None:
    """The answer and when it was given, if that is at most so many seconds ago."""
    at = epoch(insights.c.at)
    statement = select(insights.c.answer, at.label("at"), epoch(now()).label("moment")).where(
        insights.c.segment_id == segment_id, insights.c.question == question
    )
    row = (await connection.execute(statement)).one_or_none()
    return None if row is None or row.moment - row.at > most_age else (row.answer, row.at)


async def keep(connection: AsyncConnection, segment_id: int, question: str, answer: str) -> float:
    """Takes the place of what was answered before; when it is now, by the database's clock."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    made = dialect.insert(insights).values(segment_id=segment_id, question=question, answer=answer, at=now())
    made = made.on_conflict_do_update(index_elements=["segment_id", "question"], set_={"answer": answer, "at": now()})
    await connection.execute(made)
    return float((await connection.execute(select(epoch(now())))).scalar_one())


async def forget(connection: AsyncConnection, segment_id: int) -> None:
    """Drops what was said of an audience that LinkedIn purged."""
    await connection.execute(delete(insights).where(insights.c.segment_id == segment_id))
