"""Dead letters: how many, why, and what to do with them. What a letter carries is never shown."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.access import COMMAND_LINE, By
from syncd.domain.change import Reason
from syncd.errors import Absent, Rejected
from syncd.operations import audit, segments
from syncd.operations.audit import Deed
from syncd.operations.moments import moment
from syncd.operations.paging import Page, Slice, after_id, page
from syncd.store import controls, reports
from syncd.store.controls import Dropped, Marked
from syncd.store.engine import Database
from syncd.store.reports import Letters

__all__ = ["Count", "Dropped", "Letter", "LetterList", "Marked", "Which", "drop", "every", "listed", "paged", "retry"]

MOST_IDS: Final = 500
_AT_ONCE: Final = 1_000
_NAMED: Final = 20
"""How many letters the audit names by number; it counts all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Which(Letters):
    """Which letters are meant. Nothing given means all, of the ad accounts that whoever asks may see."""

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
        counts = await reports.letter_counts(connection, which)
        newest = await reports.letters(connection, which, most)
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
        newest=[_letter(row) for row in newest],
    )


async def paged(database: Database, which: Which, part: Slice) -> Page[Letter]:
    """The newest first."""
    await _check(database, which)
    async with database.read() as connection:
        found = await reports.letters(connection, which, part.limit + 1, after_id(part, "letters"))
    return page([_letter(row) for row in found], part, "letters", lambda one: one.id)


async def every(database: Database, which: Which) -> AsyncIterator[Letter]:
    """All of them, a thousand at a time."""
    await _check(database, which)
    below: int | None = None
    while True:
        async with database.read() as connection:
            found = await reports.letters(connection, which, _AT_ONCE, below)
        for row in found:
            yield _letter(row)
        if len(found) < _AT_ONCE:
            return
        below = found[-1].id


def _letter(row: Any) -> Letter:
    return Letter(
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


async def retry(database: Database, which: Which, *, by: By = COMMAND_LINE) -> Marked:
    """The letters go again with the rank they had: a newer change that was applied meanwhile wins."""
    await _check(database, which)

    async def work(connection: AsyncConnection) -> Marked:
        done = await controls.retry_letters(connection, which)
        after = {"letters": done.letters, "not_retryable": done.not_retryable}
        await audit.record(connection, by, _deed("letters.retry", which, after))
        return done

    return await database.transact(work)


async def drop(database: Database, which: Which, *, by: By = COMMAND_LINE) -> Dropped:
    """The letters are deleted; `changes show` still says that their rows are dead, not why."""
    await _check(database, which)

    async def work(connection: AsyncConnection) -> Dropped:
        done = await controls.drop_letters(connection, which)
        await audit.record(connection, by, _deed("letters.drop", which, {"letters": done.letters}))
        return done

    return await database.transact(work)


def _deed(action: str, which: Which, after: Mapping[str, object]) -> Deed:
    before: dict[str, object] = {"segment": which.segment, "reason": which.reason, "ids": sorted(which.ids)[:_NAMED]}
    return Deed(action=action, target=which.segment or "dead letters", before=before, after=after)


async def _check(database: Database, which: Which) -> None:
    if len(which.ids) > MOST_IDS:
        raise Rejected(f"at most {MOST_IDS} letters by number at a time: name a segment or a reason for more")
    if which.reason is not None and which.reason not in set(Reason):
        raise Rejected(f"there is no reason {which.reason}: known are {', '.join(Reason)}")
    if which.segment is not None:
        async with database.read() as connection:
            account = await reports.account_of(connection, which.segment)
            if account is not None and which.accounts is not None and account not in which.accounts:
                account = None
            if account is None and which.accounts is not None:
                raise Absent("there is no such segment")
            if account is None:
                raise await segments.unknown(connection, which.segment)
