"""Alerts: the owner of a member compares what wants a person now with what stands in the database, and says the
difference once; what is everybody's, the API's version, is compared by whoever owns anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain import alerts as conditions
from syncd.domain.alerts import Condition
from syncd.domain.events import AlertHealed, AlertRaised, Emit
from syncd.domain.version import DAY, days_served
from syncd.settings import Settings
from syncd.store import alerts, erasures, resyncs, segments
from syncd.store.alerts import HEALED, Change
from syncd.store.engine import Database
from syncd.store.leases import Grant, fence
from syncd.store.segments import Roll

EVERY: Final = 10.0
"""Seconds between two looks."""

Ends = Callable[[], tuple[float | None, float | None]]
"""When the access and the refresh token end, as far as it is known and matters; seconds since 1970."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alerter:
    """One member's. Notifications are written where a webhook gets them; the log says it in any case."""

    database: Database
    grant: Grant
    emit: Emit
    ends: Ends
    settings: Settings
    wall: Callable[[], float]
    roll: Roll

    async def look(self) -> None:
        """Writes only where something is not as it stands. Raises LeaseLost, Transient."""
        async with self.database.read() as connection:
            if not await alerts.differ(connection, await self._wanted(connection)):
                return

        async def work(connection: AsyncConnection) -> list[Change]:
            await fence(connection, self.grant)
            tell = self.settings.alerts.webhook_url is not None
            changes: list[Change] = []
            for scope, wanted in (await self._wanted(connection)).items():
                changes += await alerts.compare(connection, scope, wanted, tell=tell)
            return changes

        for change in await self.database.transact(work):
            if change.event == HEALED:
                self.emit(AlertHealed(kind=change.kind, about=change.about))
            else:
                self.emit(AlertRaised(kind=change.kind, about=change.about, words=change.words))

    async def tend(self) -> None:
        """One round of a loop beside the road."""
        await self.look()
        await asyncio.sleep(EVERY)

    async def _wanted(self, connection: AsyncConnection) -> Mapping[str, Sequence[Condition]]:
        """What should stand for the member, and for everybody."""
        asked_for = self.settings.linkedin.api_version
        version = conditions.of_version(asked_for, days_served(asked_for, self.wall()))
        return {self.grant.member: await self._of_member(connection), "": [version] if version is not None else []}

    async def _of_member(self, connection: AsyncConnection) -> Sequence[Condition]:
        key = self.grant.member
        found: list[Condition] = []
        states = await segments.member_states(connection, [key])
        _, _, parked, words = states.get(key, ("", False, None, ""))
        if parked is not None:
            found.append(conditions.of_member(key, parked, words))
        for which, ends in zip(("access", "refresh"), self.ends(), strict=True):
            token = conditions.of_token(key, which, ends, self.wall())
            if token is not None:
                found.append(token)
        most = self.settings.alerts.dead_letters
        crowded = await alerts.crowded(connection, key, most)
        for segment in (await self.roll.call(connection, [key]))[key]:
            found += conditions.of_segment(segment, many_dead=most if segment.id in crowded else None)
        for blown in await resyncs.blown(connection, key):
            found.append(conditions.of_fuse(blown.segment, blown.numbers.removes, blown.numbers.held))
        for row in await erasures.waiting(connection, key, DAY * conditions.ERASURE_DAYS[0]):
            late = conditions.of_erasure(row.erasure_id, row.segment, row.words, row.age / DAY)
            found += [late] if late is not None else []
        return found
