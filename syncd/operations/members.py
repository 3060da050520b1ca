"""Members: who works for each, what parks it, and when its token ends."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.access import COMMAND_LINE, By
from syncd.domain.token import Tokens
from syncd.errors import Absent, BadConfiguration
from syncd.operations import audit, voices
from syncd.operations.audit import Deed
from syncd.operations.moments import moment
from syncd.settings import Settings
from syncd.store import controls, reports
from syncd.store.engine import Database

_SECONDS_A_DAY: Final = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberReport:
    """A member now. `owner` is the replica that works for it; `seen` says whether a daemon has met it yet; the ends of
    its tokens are known only for tokens that syncd refreshes.
    """

    key: str
    application: str
    declared: bool
    seen: bool
    owner: str | None
    paused: bool
    parked: str | None
    parked_words: str
    parked_at: datetime | None
    access_token_ends: datetime | None
    refresh_token_ends: datetime | None


async def listed(database: Database, settings: Settings, accounts: Collection[str] | None = None) -> list[MemberReport]:
    """Every member that the configuration declares or the database knows; of some ad accounts, those that feed a segment
    of one of them.
    """
    declared = {member.key: member.application for member in settings.members}
    async with database.read() as connection:
        rows = {row.key: row for row in await reports.member_rows(connection)}
        fed = await reports.segment_rows(connection)
    mine = {row.member for row in fed if accounts is None or row.account in accounts}
    found = []
    for key in sorted(mine if accounts is not None else {*declared, *rows}):
        row, tokens = rows.get(key), await _tokens(database, settings, key)
        found.append(
            MemberReport(
                key=key,
                application=row.application if row is not None else declared.get(key, ""),
                declared=key in declared,
                seen=row is not None,
                owner=row.owner if row is not None else None,
                paused=row is not None and row.paused,
                parked=row.parked if row is not None else None,
                parked_words=row.parked_words if row is not None else "",
                parked_at=moment(row.parked_at) if row is not None else None,
                access_token_ends=moment(tokens.access_ends if tokens else None),
                refresh_token_ends=moment(tokens.refresh_ends if tokens else None),
            )
        )
    return found


async def _tokens(database: Database, settings: Settings, key: str) -> Tokens | None:
    """What the database holds; nothing where no key opens it, for `check` says that."""
    vault = voices.vault(settings, key, database)
    try:
        return await vault.read() if vault else None
    except BadConfiguration:
        return None


async def pause(database: Database, key: str, *, by: By = COMMAND_LINE) -> None:
    """Nothing is taken or sent for the member until it is resumed."""

    async def work(connection: AsyncConnection) -> None:
        row = await _found(connection, key)
        await controls.pause_member(connection, key)
        before, after = {"paused": row.paused}, {"paused": True}
        await audit.record(connection, by, Deed(action="member.pause", target=key, before=before, after=after))

    await database.transact(work)


async def resume(database: Database, key: str, *, by: By = COMMAND_LINE) -> None:
    """It goes on, whether it was paused or parked."""

    async def work(connection: AsyncConnection) -> None:
        row = await _found(connection, key)
        await controls.resume_member(connection, key)
        before, after = {"paused": row.paused, "parked": row.parked}, {"paused": False, "parked": None}
        await audit.record(connection, by, Deed(action="member.resume", target=key, before=before, after=after))

    await database.transact(work)


async def _found(connection: AsyncConnection, key: str) -> Any:
    rows = {row.key: row for row in await reports.member_rows(connection)}
    if key not in rows:
        rest = f"known are {', '.join(sorted(rows))}" if rows else "none is known until the daemon has run"
        raise Absent(f"there is no member {key}: {rest}")
    return rows[key]


def days_left(ends: datetime) -> float:
    """Until a token ends, by this machine's clock; negative once it has."""
    return (ends.timestamp() - time.time()) / _SECONDS_A_DAY
