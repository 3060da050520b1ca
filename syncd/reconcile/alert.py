"""Alerts: the owner of a member compares what wants a person now with what stands in the database, and says the
difference once; what is everybody's, the API's version, is compared by whoever owns anything.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain import alerts as conditions
from syncd.domain.alerts import Condition
from syncd.domain.events import AlertHealed, AlertRaised, Emit
from syncd.domain.version import days_served
from syncd.store import alerts, segments
from syncd.store.alerts import HEALED, Change
from syncd.store.engine import Database
from syncd.store.leases import Grant, fence

EVERY: Final = 10.0
"""Seconds between two looks."""

Ends = Callable[[], tuple[float | None, float | None]]
"""When the access and the refresh token end, as far as it is known and matters; seconds since 1970."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alerter:
    """One member's. `dead_letters` is how many of a segment are too many; `tells` whether a webhook gets notifications."""

    database: Database
    grant: Grant
    emit: Emit
    ends: Ends
    version: str
    dead_letters: int
    tells: bool
    wall: Callable[[], float]

    async def look(self) -> None:
        """Raises LeaseLost, Transient."""

        async def work(connection: AsyncConnection) -> list[Change]:
            await fence(connection, self.grant)
            member = self.grant.member
            mine = await self._of_member(connection)
            version = conditions.of_version(self.version, days_served(self.version, self.wall()))
            everybodys = [version] if version is not None else []
            changes = await alerts.compare(connection, member, mine, tell=self.tells)
            return changes + await alerts.compare(connection, "", everybodys, tell=self.tells)

        for change in await self.database.transact(work):
            if change.event == HEALED:
                self.emit(AlertHealed(kind=change.kind, about=change.about))
            else:
                self.emit(AlertRaised(kind=change.kind, about=change.about, words=change.words))

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
        bindings, _ = await segments.of_members(connection, [key], lists=True)
        crowded = await alerts.crowded(connection, [one.segment.id for one in bindings], self.dead_letters)
        for one in bindings:
            many = self.dead_letters if one.segment.id in crowded else None
            found += conditions.of_segment(one.segment, many_dead=many)
        return found
