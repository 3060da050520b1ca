"""Suppression on the road: nobody who was erased or has opted out is added again.

While the list is empty this costs nothing: that it is so stands in a row that intake reads anyway. Otherwise each id is
digested and held against a sieve in memory, and only what passes is looked up, in one statement.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.batch import Element
from syncd.domain.change import Action, Reason
from syncd.domain.collapse import Death, Known, Ready
from syncd.domain.suppression import Sieve, SuppressionKey, subject
from syncd.store import suppressions
from syncd.store.suppressions import State

DETAIL: Final = "whom it names was erased or has opted out: nobody adds them again"


@dataclass(frozen=True, slots=True)
class Sifted:
    """Rows that may go on, dead letters for those that may not, and departures of people who are suppressed."""

    ready: list[Ready]
    deaths: list[Death] = field(default_factory=list)
    leaving: list[Ready] = field(default_factory=list)

    def settled(self, known: Known) -> tuple[list[Ready], list[int]]:
        """What goes on, and the rows of departures that nothing is known of: they are true already, and would only bring
        back what was erased.
        """
        needless = {
            ready.row
            for ready in self.leaving
            if not (ready.ids and ready.ids[0] in known.entries)
            and (ready.subject is None or ready.subject not in known.subjects)
        }
        if not needless:
            return self.ready, []
        return [ready for ready in self.ready if ready.row not in needless], sorted(needless)


class Suppression:
    """The list as this process knows it. Without a key it can be none but empty."""

    def __init__(self, key: SuppressionKey | None) -> None:
        self.key: Final = key
        self._sieve = Sieve()
        self._last = 0

    async def sift(self, connection: AsyncConnection, segment: str, ready: list[Ready], state: State) -> Sifted:
        """Raises BadConfiguration if the list was made with another key."""
        if not state.entries:
            return Sifted(ready)
        suspects = await self._suspects(connection, segment, ready, state)
        found = await suppressions.known(connection, suspects)
        barred = {row for digest in found for row in suspects[digest]}
        if not barred:
            return Sifted(ready)
        added = {one.row for one in ready if one.row in barred and one.action is Action.ADD}
        return Sifted(
            [one for one in ready if one.row not in added],
            [Death(row, Reason.SUPPRESSED, DETAIL) for row in sorted(added)],
            [one for one in ready if one.row in barred and one.row not in added],
        )

    async def barred(self, connection: AsyncConnection, elements: Sequence[Element]) -> set[bytes]:
        """The identities of those elements that add somebody who is suppressed. Raises BadConfiguration."""
        state = await suppressions.state(connection)
        key = self._key(state)
        if key is None:
            return set()
        owners: dict[bytes, bytes] = {key.digest(one): e.ids[0] for e in elements if e.add for one in e.ids}
        return {owners[digest] for digest in await suppressions.known(connection, owners)}

    def _key(self, state: State) -> SuppressionKey | None:
        suppressions.agrees(state, self.key.id if self.key else None)
        return self.key if state.entries else None

    async def _suspects(
        self, connection: AsyncConnection, segment: str, ready: Collection[Ready], state: State
    ) -> dict[bytes, list[int]]:
        """Digests that may stand on the list, with the rows that have them."""
        suspects: dict[bytes, list[int]] = {}
        key = self._key(state)
        if key is None:
            return suspects
        if self._last < state.last:
            await self._catch_up(connection, state)
        named = [(identity, one.row) for one in ready for identity in one.ids]
        named += [(subject(segment, one.subject), one.row) for one in ready if one.subject is not None]
        digests = key.digests([what for what, _ in named])
        for position in self._sieve.passing(digests):
            suspects.setdefault(digests[position], []).append(named[position][1])
        return suspects

    async def _catch_up(self, connection: AsyncConnection, state: State) -> None:
        """Reads what was added since; all of it again where the sieve has become too narrow."""
        sieve, last = self._sieve, self._last
        if sieve.is_full or not last:
            sieve, last = Sieve(expected=2 * state.entries), 0
        while page := await suppressions.after(connection, last):
            sieve.add(digest for _, digest in page)
            last = page[-1][0]
        self._sieve, self._last = sieve, max(last, state.last)
