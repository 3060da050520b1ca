"""Suppression on the road: nobody who was erased or has opted out is added again.

While the list is empty this costs nothing: that it is so stands in a row that intake reads anyway. Otherwise the ids that
tell whose a record is are digested and held against a sieve in memory, and only what passes is looked up, in one statement.
A device beside an address tells nothing: whoever shares it with somebody suppressed is somebody else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.batch import Element
from syncd.domain.change import Reason
from syncd.domain.collapse import Death, Known, Rows
from syncd.domain.erasing import telling
from syncd.domain.suppression import Sieve, SuppressionKey, subject
from syncd.store import suppressions
from syncd.store.suppressions import State

Named: TypeAlias = tuple[Sequence[bytes], str | None]
"""The ids of a person, and what the CRM calls them in the segment."""
DETAIL: Final = "whom it names was erased or has opted out: nobody adds them again"


@dataclass(frozen=True, slots=True)
class Sifted:
    """Rows that may go on, dead letters for those that may not, and departures of people who are suppressed."""

    rows: Rows
    deaths: list[Death] = field(default_factory=list)
    leaving: Sequence[Element] = ()

    def settled(self, known: Known) -> tuple[Rows, list[int]]:
        """What goes on, and the rows of departures that nothing is known of: they are true already, and would only bring
        back what was erased.
        """
        subjects = self.rows.subjects
        needless = {
            element.row
            for element in self.leaving
            if not (element.ids and element.ids[0] in known.entries) and subjects.get(element.row) not in known.subjects
        }
        return self.rows.without(needless) if needless else self.rows, sorted(needless)


class Suppression:
    """The list as this process knows it. Without a key it can be none but empty."""

    def __init__(self, key: SuppressionKey | None) -> None:
        self.key: Final = key
        self._sieve = Sieve()
        self._last = 0

    async def sift(self, connection: AsyncConnection, segment: str, rows: Rows, state: State) -> Sifted:
        """Raises BadConfiguration if the list was made with another key."""
        if not state.entries:
            return Sifted(rows)
        people = [(element.ids, rows.subjects.get(element.row)) for element in rows.elements]
        barred = [rows.elements[place] for place in sorted(await self._named(connection, segment, people, state))]
        added = {element.row for element in barred if element.add}
        return Sifted(
            rows.without(added) if added else rows,
            [Death(row, Reason.SUPPRESSED, DETAIL) for row in sorted(added)],
            [element for element in barred if not element.add],
        )

    async def barred(self, connection: AsyncConnection, elements: Sequence[Element]) -> set[bytes]:
        """The identities of those elements that add somebody who is suppressed. Raises BadConfiguration."""
        adding = [element for element in elements if element.add]
        return {adding[place].ids[0] for place in await self.named(connection, "", ((e.ids, None) for e in adding))}

    async def named(self, connection: AsyncConnection, segment: str, people: Iterable[Named]) -> set[int]:
        """The places of those people who are suppressed; nobody is looked at while the list is empty. Raises
        BadConfiguration.
        """
        state = await suppressions.state(connection)
        suppressions.agrees(state, self.key.id if self.key else None)
        return await self._named(connection, segment, list(people), state) if state.entries else set()

    async def _named(
        self, connection: AsyncConnection, segment: str, people: Sequence[Named], state: State
    ) -> set[int]:
        suppressions.agrees(state, self.key.id if self.key else None)
        if self.key is None:
            return set()
        if self._last < state.last:
            await self._catch_up(connection, state)
        told = [
            (one, place) for place, (ids, _) in enumerate(people) for one in (ids if len(ids) == 1 else telling(ids))
        ]
        told += [(subject(segment, name), place) for place, (_, name) in enumerate(people) if name is not None]
        digests = self.key.digests([what for what, _ in told])
        suspects: dict[bytes, list[int]] = {}
        for position in self._sieve.passing(digests):
            suspects.setdefault(digests[position], []).append(told[position][1])
        found = await suppressions.known(connection, suspects)
        return {place for digest in found for place in suspects[digest]}

    async def _catch_up(self, connection: AsyncConnection, state: State) -> None:
        """Reads what was added since; all of it again where the sieve has become too narrow."""
        sieve, last = self._sieve, self._last
        if sieve.is_full or not last:
            sieve, last = Sieve(expected=2 * state.entries), 0
        while page := await suppressions.after(connection, last):
            sieve.add(digest for _, digest in page)
            last = page[-1][0]
        self._sieve, self._last = sieve, max(last, state.last)
