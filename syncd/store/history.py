"""What was, by the page: batches, changes of status, and LinkedIn's counts. No body, hash or id of a person is read here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.store.scope import Scope, seen
from syncd.store.tables import batches, epoch, looks, segments, transitions

_BATCH: Final = (
    batches.c.id,
    segments.c.key.label("segment"),
    batches.c.kind,
    batches.c.open,
    batches.c.elements,
    batches.c.accepted,
    batches.c.refused,
    batches.c.dropped,
    batches.c.rows_taken,
    batches.c.rows_applied,
    batches.c.rows_superseded,
    batches.c.rows_dead,
    batches.c.attempts,
    batches.c.words,
    batches.c.uuid,
    epoch(batches.c.created_at).label("created_at"),
    epoch(batches.c.closed_at).label("closed_at"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batches:
    """Which batches are meant, of which ad accounts; None means any."""

    accounts: Scope
    segment: str | None = None
    open: bool | None = None
    kind: str | None = None
    number: int | None = None


async def batches_of(connection: AsyncConnection, which: Batches, most: int, below: int | None = None) -> Sequence[Any]:
    """The newest first."""
    b = batches.c
    statement = select(*_BATCH).select_from(batches.join(segments, segments.c.id == b.segment_id))
    statement = statement.where(seen(segments.c.account, which.accounts))
    if which.segment is not None:
        statement = statement.where(segments.c.key == which.segment)
    for column, value in ((b.open, which.open), (b.kind, which.kind), (b.id, which.number)):
        if value is not None:
            statement = statement.where(column == value)
    if below is not None:
        statement = statement.where(b.id < below)
    return (await connection.execute(statement.order_by(b.id.desc()).limit(most))).all()


async def transitions_of(
    connection: AsyncConnection, segment: str, most: int, below: int | None = None
) -> Sequence[Any]:
    """Changes of a segment's status, the newest first."""
    t = transitions.c
    statement = (
        select(t.id, t.from_status, t.to_status, t.documented, epoch(t.at).label("at"))
        .select_from(transitions.join(segments, segments.c.id == t.segment_id))
        .where(segments.c.key == segment)
    )
    if below is not None:
        statement = statement.where(t.id < below)
    return (await connection.execute(statement.order_by(t.id.desc()).limit(most))).all()


async def looks_of(connection: AsyncConnection, segment: str, most: int, below: int | None = None) -> Sequence[Any]:
    """What LinkedIn said of a segment, the newest first."""
    k = looks.c
    statement = (
        select(k.id, epoch(k.at).label("at"), k.status, k.input_count, k.matched_count, k.audience_size)
        .select_from(looks.join(segments, segments.c.id == k.segment_id))
        .where(segments.c.key == segment)
    )
    if below is not None:
        statement = statement.where(k.id < below)
    return (await connection.execute(statement.order_by(k.id.desc()).limit(most))).all()
