"""Dead letters: how many, why, and what to do with them. What a letter carries is never shown."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from syncd.domain.change import Reason
from syncd.errors import Rejected
from syncd.operations import segments
from syncd.operations.moments import moment
from syncd.store import controls, reports
from syncd.store.controls import Dropped, Marked
from syncd.store.engine import Database

__all__ = ["Count", "Dropped", "Letter", "LetterList", "Marked", "Which", "drop", "listed", "retry"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Which:
    """Which letters are meant: of a segment, for a reason, by number. Nothing given means all."""

    segment: str | None = None
    reason: str | None = None
    ids: Collection[int] = ()

    @property
    def all(self) -> bool:
        return self.segment is None and self.reason is None and not self.ids


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """Letters of a segment for one reason; `retryable` were prepared and refused, the others only the CRM can fix."""

    segment: str | None
    reason: str
    letters: int
    retryable: int
    retrying: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    id: int
    segment: str | None
    row: int
    batch: int | None
    reason: str
    detail: str
    status: int | None
    retryable: bool
    retrying: bool
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterList:
    """All of them counted, the newest of them listed."""

    counts: list[Count]
    newest: list[Letter]


async def listed(database: Database, which: Which, most: int) -> LetterList:
    await _check(database, which)
    async with database.read() as connection:
        counts = await reports.letter_counts(connection, which.segment, which.reason)
        newest = await reports.letters(connection, which.segment, which.reason, most)
    return LetterList(
        counts=[
            Count(
                segment=row.segment,
                reason=row.reason,
                letters=row.letters,
                retryable=row.retryable,
                retrying=row.retrying,
            )
            for row in counts
        ],
        newest=[
            Letter(
                id=row.id,
                segment=row.segment,
                row=row.outbox_id,
                batch=row.batch_id,
                reason=row.reason,
                detail=row.detail,
                status=row.status,
                retryable=row.retryable,
                retrying=row.retry,
                at=moment(row.created_at),
            )
            for row in newest
        ],
    )


async def retry(database: Database, which: Which) -> Marked:
    """The letters go again with the rank they had: a newer change that was applied meanwhile wins."""
    await _check(database, which)
    return await database.transact(
        lambda connection: controls.retry_letters(connection, which.segment, which.reason, which.ids)
    )


async def drop(database: Database, which: Which) -> Dropped:
    """The letters are deleted; `changes show` still says that their rows are dead, not why."""
    await _check(database, which)
    return await database.transact(
        lambda connection: controls.drop_letters(connection, which.segment, which.reason, which.ids)
    )


async def _check(database: Database, which: Which) -> None:
    if which.reason is not None and which.reason not in set(Reason):
        raise Rejected(f"there is no reason {which.reason}: known are {', '.join(Reason)}")
    if which.segment is not None:
        async with database.read() as connection:
            if await reports.kind_of(connection, which.segment) is None:
                raise await segments.unknown(connection, which.segment)
