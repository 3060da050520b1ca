"""The plan of a reconcile: a whole source against the ledger and the open batches of one segment.

Nothing is sent and nobody waits for it: who stays is never written down, and who joins, changes or leaves is written some
thousands at a time, so that neither memory nor a transaction grows with the source. A source that ends with an error
leaves no plan: half a source would remove the other half.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.batch import Entry, pack_kept, unpack_sent
from syncd.domain.change import Reason
from syncd.domain.membership import Numbers, Verdict, Wanted, elements, verdict
from syncd.reconcile.sources import Read
from syncd.store import ledger, plans, staging
from syncd.store.engine import Database, unbroken
from syncd.store.leases import Grant, fence
from syncd.store.staging import Against, Candidate, Row

_AT_ONCE: Final = 5_000
_DOES_SOMETHING: Final = frozenset({Verdict.ADD, Verdict.REMOVE, Verdict.CHANGE})

Item = tuple[bytes, Wanted | None, bytes | None]
Suppressed: TypeAlias = Callable[
    [AsyncConnection, str, Iterable[tuple[Sequence[bytes], str | None]]], Awaitable[set[int]]
]
"""The places of those who must not be added to a segment, among people with their ids and the CRM's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planner:
    """Plans one resync of the segment with that key; `rejected` are those of a file, which were found when it was uploaded.
    Whoever is `suppressed` is left out before anything is written.
    """

    database: Database
    grant: Grant
    resync: int
    key: str
    against: Against
    rejected: Counter[str]
    suppressed: Suppressed

    async def plan(self, read: Read) -> Numbers:
        """Reads the source to its end and writes the plan. Raises Rejected, LeaseLost, Transient."""
        async with staging.opened(self.database) as session:
            async for chunk in read.chunks:
                self.rejected.update(chunk.rejected)
                rows = await self._allowed(chunk.rows)
                if rows:
                    await unbroken(staging.load(session, rows))
            distinct = await unbroken(staging.compare(session, self.against))
            await unbroken(self._cleared(session))
            judged = await self._judged(session)
            if read.names_subjects:
                await unbroken(self._subjects(session))
        async with self.database.read() as connection:
            sizes = await ledger.sizes(connection, [self.against.segment_id])
        return _numbers(judged, distinct, sizes.get(self.against.segment_id, 0), self.rejected)

    async def _allowed(self, rows: list[Row]) -> list[Row]:
        people = (((identity, *unpack_sent(sent).ids), subject) for identity, sent, subject in rows)
        async with self.database.read() as connection:
            barred = await self.suppressed(connection, self.key, people)
        if barred:
            self.rejected[Reason.SUPPRESSED.value] += len(barred)
        return [row for place, row in enumerate(rows) if place not in barred] if barred else rows

    async def _cleared(self, session: AsyncConnection) -> None:
        await fence(session, self.grant)
        await plans.clear(session, self.resync)
        await session.commit()

    async def _judged(self, session: AsyncConnection) -> Counter[str]:
        """Judges every candidate; counts by verdict, those of the source that are newer apart, and the elements."""
        judged: Counter[str] = Counter()
        latest = await unbroken(staging.under_way(session, self.against.segment_id))
        await unbroken(self._keep(session, await self._on_their_way(session, latest), judged))
        place = 0
        held_over: Candidate | None = None
        while found := await unbroken(staging.page(session, place, _AT_ONCE)):
            place = found[-1].place
            some = [*([held_over] if held_over is not None else []), *found]
            merged = _merged(some)
            held_over = merged.pop()
            await unbroken(self._keep(session, [one for one in merged if one.identity not in latest], judged))
        if held_over is not None and held_over.identity not in latest:
            await unbroken(self._keep(session, [held_over], judged))
        return judged

    async def _on_their_way(self, session: AsyncConnection, latest: dict[bytes, Entry]) -> list[Candidate]:
        """Those in open batches, as they will stand; a file knows nothing of what was not accepted yet."""
        if self.against.as_of is not None:
            return []
        found: list[Candidate] = []
        identities = sorted(latest)
        for start in range(0, len(identities), _AT_ONCE):
            some = identities[start : start + _AT_ONCE]
            said = await unbroken(staging.said(session, some))
            entries = await ledger.entries(session, self.against.segment_id, some)
            await session.commit()
            found += [Candidate(0, one, said.get(one), latest[one].over(entries.get(one))) for one in some]
        return found

    async def _keep(self, session: AsyncConnection, found: Sequence[Candidate], judged: Counter[str]) -> None:
        boundary = self.against.boundary
        items: list[Item] = []
        for one in found:
            decided = verdict(one.wanted, one.standing, boundary)
            judged["newer in source" if decided is Verdict.NEWER and one.wanted else decided.value] += 1
            if decided in _DOES_SOMETHING:
                judged["elements"] += len(elements(one.wanted, one.standing, boundary))
                packed = None if one.wanted is None else pack_kept(one.wanted.ids, one.wanted.fields)
                items.append((one.identity, one.wanted, packed))
        if items:
            await fence(session, self.grant)
            for start in range(0, len(items), _AT_ONCE):
                await staging.keep(session, self.resync, items[start : start + _AT_ONCE])
        await session.commit()

    async def _subjects(self, session: AsyncConnection) -> None:
        await fence(session, self.grant)
        await staging.keep_subjects(session, self.resync, self.against)
        await session.commit()


def _merged(found: Sequence[Candidate]) -> list[Candidate]:
    """One who is in the source several times is one candidate."""
    merged: list[Candidate] = []
    for one in found:
        before = merged[-1] if merged else None
        if before is not None and before.identity == one.identity and before.wanted and one.wanted:
            merged[-1] = Candidate(one.place, one.identity, before.wanted.beside(one.wanted), one.standing)
        else:
            merged.append(one)
    return merged


def _numbers(judged: Counter[str], distinct: int, held: int, rejected: Counter[str]) -> Numbers:
    adds, changes = judged[Verdict.ADD], judged[Verdict.CHANGE]
    newer = judged["newer in source"]
    return Numbers(
        held=held,
        adds=adds,
        removes=judged[Verdict.REMOVE],
        changes=changes,
        unchanged=distinct - adds - changes - newer,
        newer=newer + judged[Verdict.NEWER],
        elements=judged["elements"],
        rejected=dict(rejected),
    )
