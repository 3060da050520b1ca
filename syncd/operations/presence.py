"""Is this person in it? Answered from the ledger, the open batches and the outbox; whom it was asked of is not kept."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.change import Kind
from syncd.domain.erasing import payload_names
from syncd.domain.identity import Key
from syncd.operations.moments import moment
from syncd.operations.persons import asked_for, key_if_any
from syncd.settings import Settings
from syncd.store import persons, reports, suppressions
from syncd.store.engine import Database

_LOOKED_AT: Final = 20_000
"""Rows of a segment's outbox that are looked at, the oldest: it may hold millions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """What is known of a person in a segment. `removed`: LinkedIn accepted that they left. `batch` and `support_id` are of
    the request that decided it, `since` when; `pending` counts rows among the oldest 20,000 of the outbox.
    """

    segment: str
    in_ledger: bool
    removed: bool
    since: datetime | None
    batch: int | None
    support_id: str
    open_batch: int | None
    open_action: str | None
    pending: int
    dead_letters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Why nobody adds the person, if so, and the segments that know anything of them."""

    suppressed: str | None
    places: list[Presence]


async def look(database: Database, settings: Settings, person: str, accounts: Collection[str] | None = None) -> Found:
    """`accounts` limits it to segments of some ad accounts; who is suppressed is told to those of all accounts only. Raises
    Rejected for what names nobody.
    """
    ids = asked_for(person)
    key = key_if_any(settings)
    async with database.read() as connection:
        suppressed = None
        if key is not None and accounts is None:
            found = await suppressions.known(connection, [key.digest(one) for one in ids])
            suppressed = next((entry.kind.value for entry in found.values()), None)
        rows = [
            row
            for row in await reports.segment_rows(connection)
            if row.kind == Kind.USER and not row.takes_lists and (accounts is None or row.account in accounts)
        ]
        places = [await _in(connection, row, ids) for row in rows]
    return Found(suppressed=suppressed, places=[place for place in places if place is not None])


async def _in(connection: AsyncConnection, row: Any, ids: tuple[Key, ...]) -> Presence | None:
    held = await persons.held(connection, row.id, ids)
    going = await persons.under_way(connection, row.id, ids)
    pending = await _pending(connection, row.key, ids)
    letters = await persons.letters(connection, row.id, ids)
    if not (held or going or pending or letters):
        return None
    newest = max(held, key=lambda one: one.at, default=None)
    batch, element = going[-1] if going else (None, None)
    return Presence(
        segment=row.key,
        in_ledger=any(one.present for one in held),
        removed=bool(held) and not any(one.present for one in held),
        since=moment(newest.at if newest else None),
        batch=newest.batch if newest else None,
        support_id=await persons.support_id(connection, newest.batch) if newest else "",
        open_batch=batch,
        open_action=element.action.value if element else None,
        pending=pending,
        dead_letters=len(letters),
    )


async def _pending(connection: AsyncConnection, segment: str, ids: tuple[Key, ...]) -> int:
    last, seen, found = 0, 0, 0
    while seen < _LOOKED_AT and (page := await persons.rows(connection, segment, last)):
        last, seen = page[-1].id, seen + len(page)
        found += sum(1 for row in page if payload_names(row.payload, ids))
    return found
