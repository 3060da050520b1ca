"""What the overview reads of all segments and members at once, and what one segment's page reads of its past: a fixed
number of statements, whatever there is to see. Counts, names, reasons, LinkedIn's ids and times; nothing of a person.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.batch import BatchKind
from syncd.domain.course import Look
from syncd.store.tables import batches, dead_letters, epoch, later, looks, now, segments, source, throttles

_RECENT: Final = 20_000
"""Batches among which those of the last minute are looked for: no index knows when one was closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Requests that the batches closed in the last minute took, and the elements LinkedIn accepted in them."""

    member: str
    kind: str
    requests: int
    accepted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A resource that pauses after a 429; `member` is empty where the whole application waits."""

    application: str
    member: str
    resource: str
    scope: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Funnel:
    """What became of the rows of the CRM in a segment: live batches only, over all that are kept."""

    seen: int
    dead: int
    prepared: int
    accepted: int


async def moment(connection: AsyncConnection) -> float:
    """The database's time."""
    return float((await connection.execute(select(epoch(now())))).scalar_one())


async def paces(connection: AsyncConnection) -> list[Pace]:
    """By member and kind of segment, over every replica."""
    b, s = batches.c, segments.c
    newest = select(func.coalesce(func.max(b.id), 0)).scalar_subquery()
    statement = (
        select(s.member, s.kind, func.sum(b.attempts), func.sum(b.accepted))
        .select_from(batches.join(segments, s.id == b.segment_id))
        .where(b.id > newest - _RECENT, ~b.open, b.closed_at > later(-60.0), b.attempts > 0)
        .group_by(s.member, s.kind)
    )
    return [
        Pace(member=member, kind=kind, requests=int(requests), accepted=int(accepted))
        for member, kind, requests, accepted in await connection.execute(statement)
    ]


async def waits(connection: AsyncConnection) -> list[Waiting]:
    """Every resource that pauses now."""
    t = throttles.c
    left = (epoch(t.not_before) - epoch(now())).label("seconds")
    statement = select(t.application, t.member, t.resource, t.scope, left).where(t.not_before > now())
    return [
        Waiting(
            application=row.application,
            member=row.member,
            resource=row.resource,
            scope=row.scope,
            seconds=float(row.seconds),
        )
        for row in await connection.execute(statement)
    ]


async def letters_by_segment(connection: AsyncConnection) -> dict[int, int]:
    statement = select(dead_letters.c.segment_id, func.count()).group_by(dead_letters.c.segment_id)
    return dict((await connection.execute(statement)).all())


async def intake_parked(connection: AsyncConnection) -> str:
    """Why nothing is taken from the outbox at all: its ids have fallen back. Nothing where all is well."""
    words = (await connection.execute(select(source.c.parked_words).where(source.c.id == 1))).scalar()
    return str(words or "")


async def looks_since(
    connection: AsyncConnection, seconds: float, segment_ids: Collection[int] | None = None
) -> dict[int, list[Look]]:
    """The looks of the last so many seconds, by segment, oldest first; of all segments or of some."""
    k = looks.c
    statement = select(
        k.segment_id, epoch(k.at).label("at"), k.status, k.input_count, k.matched_count, k.audience_size
    ).where(k.at > later(-seconds))
    if segment_ids is not None:
        statement = statement.where(k.segment_id.in_(segment_ids))
    found: dict[int, list[Look]] = {}
    for row in await connection.execute(statement.order_by(k.id)):
        look = Look(
            at=row.at,
            status=row.status,
            input_count=row.input_count,
            matched_count=row.matched_count,
            audience_size=row.audience_size,
        )
        found.setdefault(row.segment_id, []).append(look)
    return found


async def funnel(connection: AsyncConnection, segment_id: int) -> Funnel:
    b = batches.c
    sums = [func.coalesce(func.sum(column), 0) for column in (b.rows_taken, b.rows_dead, b.elements, b.accepted)]
    statement = select(*sums).where(b.segment_id == segment_id, b.kind == BatchKind.LIVE.value)
    seen, dead, prepared, accepted = (await connection.execute(statement)).one()
    return Funnel(seen=int(seen), dead=int(dead), prepared=int(prepared), accepted=int(accepted))


async def newest_batches(connection: AsyncConnection, segment_id: int, most: int) -> Sequence[Any]:
    """The newest batches of a segment, newest first, without what they carry."""
    b = batches.c
    statement = (
        select(
            b.id,
            b.kind,
            b.open,
            b.elements,
            b.accepted,
            b.refused,
            b.dropped,
            b.attempts,
            b.words,
            b.uuid,
            epoch(b.created_at).label("created_at"),
            epoch(b.closed_at).label("closed_at"),
        )
        .where(b.segment_id == segment_id)
        .order_by(b.id.desc())
        .limit(most)
    )
    return (await connection.execute(statement)).all()
