"""What a caller whose sight ends at some ad accounts may name beside segments: members that work for those accounts, and
audiences in them. `accounts` is None for whoever sees all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from syncd.domain.targeting import Clause, Criteria, audiences
from syncd.errors import Absent, Rejected
from syncd.settings import Member, Settings
from syncd.store import reports
from syncd.store.engine import Database


async def members(database: Database, settings: Settings, accounts: Collection[str] | None) -> list[Member]:
    """The declared members; of some ad accounts, those that feed a segment of one of them."""
    if accounts is None:
        return list(settings.members)
    async with database.read() as connection:
        rows = await reports.segment_rows(connection)
    working = {row.member for row in (*rows, *settings.segments) if row.account in accounts}
    return [member for member in settings.members if member.key in working]


async def voice(database: Database, settings: Settings, accounts: Collection[str] | None) -> Member:
    """Who asks LinkedIn what is about no segment: nobody spends the limits of an ad account that is none of theirs. Raises
    Rejected where no member could.
    """
    found = await members(database, settings, accounts)
    if not found:
        whose = "declared in the configuration" if accounts is None else "known that works for your ad accounts"
        raise Rejected(f"no member is {whose}: nobody can ask LinkedIn")
    return found[0]


async def foreign(database: Database, accounts: Collection[str] | None, clauses: Iterable[Clause]) -> set[str]:
    """Audiences that are of no segment in one of these ad accounts, whether there are such or not."""
    named = audiences(clauses)
    if accounts is None or not named:
        return set()
    async with database.read() as connection:
        return named - {row.ad_segment for row in await reports.segment_rows(connection) if row.account in accounts}


async def permit(database: Database, accounts: Collection[str] | None, criteria: Criteria) -> None:
    """Raises Absent where criteria name such an audience."""
    if await foreign(database, accounts, (*criteria.include, criteria.exclude)):
        raise Absent("an audience that is named there is of no segment of yours")
