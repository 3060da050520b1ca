"""What was, for anyone who asks: batches with LinkedIn's ids, changes of status, counts over time."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from syncd.errors import Absent
from syncd.operations.moments import moment
from syncd.operations.paging import Page, Slice, after_id, page
from syncd.store import history as rows
from syncd.store.engine import Database
from syncd.store.history import Batches

__all__ = ["BatchReport", "Batches", "Move", "Seen", "batch", "batches", "counts", "statuses"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchReport:
    """What one batch carried. `rows_*` are rows of the outbox, the rest elements; `words` and `support_id` are what
    LinkedIn last said of it.
    """

    id: int
    segment: str
    kind: str
    open: bool
    elements: int
    accepted: int
    refused: int
    dropped: int
    rows_taken: int
    rows_applied: int
    rows_superseded: int
    rows_dead: int
    attempts: int
    words: str
    support_id: str
    created_at: datetime | None
    closed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A change of status; `documented` is whether LinkedIn's documentation knows it."""

    id: int
    before: str
    after: str
    documented: bool
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What LinkedIn said at a time; a count it did not know is None."""

    id: int
    at: datetime | None
    status: str
    input_count: int | None
    matched_count: int | None
    audience_size: int | None


async def batches(database: Database, which: Batches, part: Slice) -> Page[BatchReport]:
    """The newest first."""
    async with database.read() as connection:
        found = await rows.batches_of(connection, which, part.limit + 1, after_id(part, "batches"))
    return page([_batch(row) for row in found], part, "batches", lambda one: one.id)


async def batch(database: Database, number: int, accounts: Collection[str] | None) -> BatchReport:
    """One, if it is of those ad accounts."""
    async with database.read() as connection:
        found = await rows.batches_of(connection, Batches(number=number, accounts=accounts), 1)
    if not found:
        raise Absent(f"there is no batch {number}")
    return _batch(found[0])


async def statuses(database: Database, segment: str, part: Slice) -> Page[Move]:
    async with database.read() as connection:
        found = await rows.transitions_of(connection, segment, part.limit + 1, after_id(part, "statuses"))
    moves = [
        Move(id=row.id, before=row.from_status, after=row.to_status, documented=row.documented, at=moment(row.at))
        for row in found
    ]
    return page(moves, part, "statuses", lambda one: one.id)


async def counts(database: Database, segment: str, part: Slice) -> Page[Seen]:
    async with database.read() as connection:
        found = await rows.looks_of(connection, segment, part.limit + 1, after_id(part, "counts"))
    seen = [
        Seen(
            id=row.id,
            at=moment(row.at),
            status=row.status,
            input_count=row.input_count,
            matched_count=row.matched_count,
            audience_size=row.audience_size,
        )
        for row in found
    ]
    return page(seen, part, "counts", lambda one: one.id)


def _batch(row: Any) -> BatchReport:
    return BatchReport(
        id=row.id,
        segment=row.segment,
        kind=row.kind,
        open=row.open,
        elements=row.elements,
        accepted=row.accepted,
        refused=row.refused,
        dropped=row.dropped,
        rows_taken=row.rows_taken,
        rows_applied=row.rows_applied,
        rows_superseded=row.rows_superseded,
        rows_dead=row.rows_dead,
        attempts=row.attempts,
        words=row.words,
        support_id=row.uuid,
        created_at=moment(row.created_at),
        closed_at=moment(row.closed_at),
    )
