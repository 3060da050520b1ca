"""The outbox as syncd reads it: which segments have rows, and taking the oldest of one.

Readers never use an `id >` cursor, for it would lose late commits: rows leave only by being taken, by the one owner of
their segment's member.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import BigInteger, Text, bindparam, case, cast, delete, false, func, literal_column, select, true
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql import Select
from sqlalchemy.sql.dml import ReturningDelete
from sqlalchemy.types import NullType

from syncd.domain.batch import MOST_PAYLOAD
from syncd.domain.change import Action, Changes
from syncd.store.tables import epoch, now, outbox

_SMALL: Final = 1_500
"""Bytes up to which a stored payload is neither compressed nor moved out of line, so that its stored size is its size."""


def _keys() -> Select[Any]:
    """One hop through the index for each key that has rows, however many rows there are."""
    hop = select(func.min(outbox.c.segment_key).label("key")).cte("hop", recursive=True)
    following = select(func.min(outbox.c.segment_key)).where(outbox.c.segment_key > hop.c.key).scalar_subquery()
    hop = hop.union_all(select(following).where(hop.c.key.is_not(None)))
    return select(hop.c.key).where(hop.c.key.is_not(None))


_KEYS: Final = _keys()


async def waiting(connection: AsyncConnection) -> set[str]:
    """The keys of all segments that have rows."""
    return set((await connection.execute(_KEYS)).scalars())


async def take(connection: AsyncConnection, segment: str, most: int) -> Changes:
    """Deletes and returns the oldest rows of a segment, in the order of their ids: at most `most`, and at most 4 MiB of
    payload unless the first row alone is larger.
    """
    given = {"segment": segment, "most": most}
    if connection.dialect.name == "postgresql":
        columns = (await connection.execute(_TAKE_POSTGRESQL, given)).one()
        rows = columns[0] or []
        if rows == sorted(rows):
            return Changes(*columns) if rows else Changes()
        return Changes.of(sorted(zip(*columns, strict=True)))
    return Changes.of(sorted(map(tuple, await connection.execute(_TAKE_SQLITE, given))))


async def oldest(connection: AsyncConnection, segment: str, most: int) -> list[int]:
    """The ids of the oldest rows of a segment, without taking them."""
    statement = _oldest_first(select(outbox.c.id), segment).limit(most)
    return list((await connection.execute(statement)).scalars())


async def remove(connection: AsyncConnection, segment: str, row: int) -> bool:
    """Takes one row out unread; whether it was there."""
    gone = await connection.execute(
        delete(outbox).where(outbox.c.segment_key == segment, outbox.c.id == row).returning(outbox.c.id)
    )
    return gone.one_or_none() is not None


async def pending(connection: AsyncConnection) -> list[tuple[str, int, float]]:
    """Each key with its number of rows and the age in seconds of its oldest, for metrics."""
    age = epoch(now()) - epoch(func.min(outbox.c.created_at))
    statement = select(outbox.c.segment_key, func.count(), age).group_by(outbox.c.segment_key)
    rows = await connection.execute(statement)
    return [(key, count, max(0.0, seconds)) for key, count, seconds in rows]


def _oldest_first(statement: Select[Any], segment: Any) -> Select[Any]:
    """The rows of a segment by their ids. Written as a range, so that only the index by segment has them in order: by that
    of the ids alone PostgreSQL would walk over the backlogs of all other segments.
    """
    key = outbox.c.segment_key
    return statement.where(key >= segment, key <= segment).order_by(key, outbox.c.id)


def _within(position: Any, size: Any) -> Select[Any]:
    """The positions of the oldest rows whose payload fits, the first one always."""
    oldest_rows = (
        _oldest_first(select(position.label("place"), outbox.c.id, size.label("size")), bindparam("segment"))
        .limit(bindparam("most"))
        .subquery("oldest")
    )
    weighed = select(
        oldest_rows.c.place,
        func.sum(oldest_rows.c.size).over(order_by=oldest_rows.c.id, rows=(None, 0)).label("total"),
        func.row_number().over(order_by=oldest_rows.c.id).label("number"),
    ).subquery("weighed")
    return select(weighed.c.place).where((weighed.c.total <= MOST_PAYLOAD) | (weighed.c.number == 1))


def _adds(action: Any) -> Any:
    """Whether it is an ADD; null for what is neither that nor a REMOVE."""
    return case((action == Action.ADD.value, true()), (action == Action.REMOVE.value, false()))


def _take_postgresql() -> Select[Any]:
    """One row of five arrays: thousands of rows would cost the client more than the server."""
    stored = func.pg_column_size(outbox.c.payload)
    size = case((stored < _SMALL, stored), else_=func.octet_length(cast(outbox.c.payload, Text)))
    place: Any = literal_column("syncd.outbox.ctid")
    found = func.array(_within(place, size).scalar_subquery())
    gone = delete(outbox).where(place == func.any(found))
    taken = gone.returning(
        outbox.c.id, outbox.c.action, outbox.c.subject_id, outbox.c.payload, outbox.c.created_at
    ).cte("taken")
    created = cast(func.floor(epoch(taken.c.created_at) * 1000), BigInteger)
    columns = (taken.c.id, _adds(taken.c.action), taken.c.subject_id, cast(taken.c.payload, Text), created)
    arrays: list[Any] = [func.array_agg(column, type_=NullType()) for column in columns]
    return select(*arrays)


def _take_sqlite() -> ReturningDelete[Any]:
    size = func.length(cast(outbox.c.payload, Text))
    return (
        delete(outbox)
        .where(outbox.c.id.in_(_within(outbox.c.id, size)))
        .returning(
            outbox.c.id,
            _adds(outbox.c.action),
            outbox.c.subject_id,
            cast(outbox.c.payload, Text),
            cast(epoch(outbox.c.created_at) * 1000, BigInteger),
        )
    )


_TAKE_POSTGRESQL: Final = _take_postgresql()
_TAKE_SQLITE: Final = _take_sqlite()
