"""Watchdogs: what ends by the calendar or is taken away by somebody is said before it hurts.

Roles and tokens are looked at member by member every hour, the API version once a day. What a look finds of roles is
stored, so that `syncd check` can prove that it happens.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.events import Emit, RoleSeen, TokenEnds, VersionEnds
from syncd.domain.outcome import Failure
from syncd.domain.segment import READ_ONLY
from syncd.domain.token import milestone
from syncd.domain.version import DAY, WARNED, days_served
from syncd.linkedin import accounts
from syncd.linkedin.caller import Caller
from syncd.store import looks
from syncd.store.engine import Database
from syncd.store.leases import Grant, fence

EVERY: Final = 3_600.0
"""Seconds between two looks at a member's roles and tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watchdog:
    """One member's. `refreshes` says whether syncd renews its access token: then only the refresh token's end matters."""

    database: Database
    grant: Grant
    caller: Caller
    emit: Emit
    refreshes: bool
    wall: Callable[[], float]
    said: dict[str, int] = field(default_factory=dict)

    async def look(self, wanted: Collection[str]) -> Failure | None:
        """The roles in the accounts of the member's segments, and the ends of its tokens; the failure, if LinkedIn could
        not be asked. Raises LeaseLost, Transient.
        """
        found = await self.caller.ask(accounts.roles)
        self._tokens()
        if not isinstance(found, list):
            return found
        held = {one.account: one.role for one in found}
        roles = {account: held.get(account) for account in wanted}

        async def work(connection: AsyncConnection) -> None:
            await fence(connection, self.grant)
            await looks.check_roles(connection, self.grant.member, roles)

        await self.database.transact(work)
        for account, role in sorted(roles.items()):
            may_write = role not in {None, READ_ONLY}
            self.emit(RoleSeen(member=self.grant.member, account=account, role=role or "", may_write=may_write))
        return None

    def _tokens(self) -> None:
        """Each milestone is said once."""
        access, refresh = self.caller.tokens.ends
        for kind, ends in (("access", None if self.refreshes else access), ("refresh", refresh)):
            days = None if ends is None else milestone(ends, self.wall())
            if ends is not None and days is not None and days != self.said.get(kind):
                self.emit(TokenEnds(member=self.grant.member, kind=kind, days=days, ends=ends))
                self.said[kind] = days
            elif days is None:
                self.said.pop(kind, None)


async def watch_version(version: str, emit: Emit, wall: Callable[[], float]) -> None:
    """Says every day that the API version is about to end, from 60 days on."""
    while True:
        left = days_served(version, wall())
        if left <= WARNED:
            emit(VersionEnds(version=version, days=left))
        await asyncio.sleep(DAY)
