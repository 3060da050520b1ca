"""The audit of what people do: written in the transaction of the action itself, read by whoever may.

No row holds a person's data: names of segments, members and console accounts, numbers, and a reason that is checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.access import By, Person
from syncd.operations.moments import moment
from syncd.operations.paging import Page, Slice, after_id, page
from syncd.store import audit as rows
from syncd.store import sessions
from syncd.store.audit import Wanted
from syncd.store.engine import Database

_encode: Final = msgspec.json.Encoder(order="sorted").encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """What was done, to what: `segment.pause` to a segment's key. `before` and `after` hold only what changed."""

    action: str
    target: str
    account: str | None = None
    before: Mapping[str, object] | None = None
    after: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """`door` is how they came in: console, token, shell, or daemon for what syncd does by itself."""

    id: int
    at: datetime | None
    actor: str
    door: str
    action: str
    target: str
    account: str | None
    reason: str
    before: dict[str, Any]
    after: dict[str, Any]


async def record(connection: AsyncConnection, by: By, deed: Deed) -> None:
    """Writes one row, in the transaction that the connection is in. With it stands that a repeat of the request is not done
    again, whatever becomes of the answer.
    """
    await mark(connection, by)
    await rows.add(
        connection,
        actor=by.name,
        door=by.door.value,
        action=deed.action,
        target=deed.target,
        account=deed.account,
        reason=by.reason,
        before=_encode(deed.before or {}).decode(),
        after=_encode(deed.after or {}).decode(),
    )


async def mark(connection: AsyncConnection, by: By) -> None:
    """The request's work is done as soon as this transaction is committed."""
    if by.key is not None:
        await sessions.done(connection, by.id, by.key)


async def record_alone(database: Database, by: By, deed: Deed) -> None:
    """For what is no write of ours: a call to LinkedIn that was made."""
    await database.transact(lambda connection: record(connection, by, deed))


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """None means any."""

    actor: str | None = None
    action: str | None = None
    target: str | None = None


async def listed(database: Database, person: Person, which: Filter, part: Slice) -> Page[AuditRow]:
    """The newest first; with a scope of accounts, only what is about those."""
    wanted = Wanted(
        actor=which.actor,
        action=which.action,
        target=which.target,
        accounts=person.accounts,
        below=after_id(part, "audit"),
    )
    async with database.read() as connection:
        found = await rows.listed(connection, wanted, part.limit + 1)
    return page([_row(row) for row in found], part, "audit", lambda one: one.id)


def _row(row: Any) -> AuditRow:
    return AuditRow(
        id=row.id,
        at=moment(row.at),
        actor=row.actor,
        door=row.door,
        action=row.action,
        target=row.target,
        account=row.account,
        reason=row.reason,
        before=msgspec.json.decode(row.before, type=dict[str, Any]),
        after=msgspec.json.decode(row.after, type=dict[str, Any]),
    )
