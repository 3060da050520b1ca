"""Erasures, carried out by the owner of each segment's member: what waits leaves the outbox, the person leaves the segment
at LinkedIn, and when that is accepted everything that is known of them goes.

The suppression comes first and is committed before any of this begins. A search waits until no intake of the segment
runs: those before it have written what it looks at, those after it add nobody who is suppressed. So nothing slips
between. Every step is a transaction of its own and can be done again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.batch import BatchKind, Draft, RowFate
from syncd.domain.change import Kind, Reason
from syncd.domain.collapse import Death
from syncd.domain.erasing import is_address, is_theirs, names, payload_names, removal
from syncd.domain.events import Emit, ErasureEnded
from syncd.domain.resync import State
from syncd.domain.suppression import Suppressed, SuppressionKey, subject
from syncd.store import batches, erasures, ledger, persons, resyncs, suppressions
from syncd.store.engine import Database
from syncd.store.erasures import DONE, UNKNOWN, WAITING, Place, Whom
from syncd.store.leases import Grant, fence
from syncd.store.persons import Row

_DETAIL: Final = "the person was erased before this row was taken"
_ON_ITS_WAY: Final = "on its way out: LinkedIn has not accepted it yet"
_UNCERTAIN: Final = "the end of an earlier request is unknown: what it may have left is taken out once more"
_PLANNED: Final = "a resync reads a source that may still name the person: its plan is made first"
_REFUSED: Final = "LinkedIn did not accept that they leave: `syncd dead-letters retry` sends it again"

Quiet = Callable[[int], AbstractAsyncContextManager[object]]
"""Holds back whatever would write batches of a segment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Eraser:
    """One member's. Without a key there is nothing to do: nothing can have been asked for."""

    database: Database
    grant: Grant
    emit: Emit
    key: SuppressionKey | None
    quiet: Quiet

    async def look(self) -> None:
        """One step for each place of each erasure. Raises LeaseLost, Transient."""
        if self.key is None:
            return
        async with self.database.read() as connection:
            places = await erasures.due(connection, self.grant.member)
        for place in places:
            if not place.exists and place.segment_id != UNKNOWN:
                await self._write(place, stage=DONE, searched=place.learned, words="the segment was deleted")
            elif place.stage == WAITING and place.searched == place.learned:
                await self._await(place)
            else:
                await self._search(place)

    async def _search(self, place: Place) -> None:
        async with self.database.read() as connection:
            whom = await erasures.whom(connection, place.erasure, hold=False)
        if whom is None:
            return
        if whom.forgets:
            await self._clear_outbox(place, whom)
        if place.kind is None:
            await self._write(place, stage=DONE, searched=whom.learned)
            return
        async with self.quiet(place.segment_id):
            await self.database.transact(lambda connection: self._learn(connection, place, None))
        found = await self._paired(place, whom) if place.kind is Kind.USER else set()
        async with self.quiet(place.segment_id):
            await self.database.transact(lambda connection: self._order(connection, place, whom, found))

    async def _clear_outbox(self, place: Place, whom: Whom) -> None:
        last = 0
        known = set(place.subjects)
        key = place.key if place.segment_id != UNKNOWN else None
        while True:
            async with self.database.read() as connection:
                page = await persons.rows(connection, key, last)
            if not page:
                return
            last = page[-1].id
            theirs = [row.id for row in page if row.id not in place.orders and _is_of(row, whom.ids, known)]
            if theirs:
                await self.database.transact(partial(self._take_out, place=place, numbers=theirs))

    async def _take_out(self, connection: AsyncConnection, place: Place, numbers: Collection[int]) -> None:
        """Rows leave the outbox dead, so that it stays known what became of them."""
        await fence(connection, self.grant)
        gone = await persons.take_out(connection, numbers)
        if gone and place.exists:
            draft = Draft([], [(row, RowFate.DEAD) for row in gone])
            (batch,) = await batches.write(connection, place.segment_id, BatchKind.LIVE, [draft])
            deaths = [Death(row, Reason.SUPPRESSED, _DETAIL) for row in gone]
            await batches.bury_rows(connection, place.segment_id, batch, deaths)
        await erasures.note(connection, place, outbox_rows=len(gone))

    async def _learn(self, connection: AsyncConnection, place: Place, found: Collection[bytes] | None) -> Whom | None:
        """Ids that stand beside those we know, and the subjects that hold them: suppressed as soon as they are known."""
        await fence(connection, self.grant)
        assert self.key is not None
        await suppressions.claim(connection, self.key.id)
        whom = await erasures.whom(connection, place.erasure)
        if whom is None:
            return None
        ids = set(whom.ids)
        ids.update(found or ())
        for _, element in await persons.under_way(connection, place.segment_id, ids):
            ids.update(element.ids)
        for element in (await persons.letters(connection, place.segment_id, ids)).values():
            ids.update(element.ids)
        ids.update(await persons.traced(connection, place.segment_id, ids))
        new = [one for one in ids - whom.ids if whom.forgets or is_address(one)]
        if new:
            await erasures.learn(connection, place.erasure, whom.ids.union(new))
        digests = [self.key.digest(one) for one in new]
        if whom.forgets:
            called = await self._called(connection, place, whom.ids.union(new))
            digests += [self.key.digest(subject(place.key, name)) for name in called]
            await erasures.note(connection, place, subjects=sorted(called))
        await suppressions.add(connection, digests, whom.kind, place.erasure if whom.forgets else None)
        return Whom(kind=whom.kind, ids=whom.ids.union(new), learned=whom.learned + len(new))

    async def _called(self, connection: AsyncConnection, place: Place, ids: Collection[bytes]) -> set[str]:
        """What the CRM calls the person in a segment, now or when it was first looked at."""
        return await persons.subject_names(connection, place.segment_id, ids) | set(place.subjects)

    async def _paired(self, place: Place, whom: Whom) -> set[bytes]:
        """All ids of people in the ledger who are known by more than the one that is looked for."""
        found: set[bytes] = set()
        last = b""
        while True:
            async with self.database.read() as connection:
                page = await persons.pairs(connection, place.segment_id, last)
            if not page:
                return found
            last = page[-1][0]
            for _, ids in page:
                if is_theirs(ids, whom.ids):
                    found.update(ids)

    async def _order(self, connection: AsyncConnection, place: Place, before: Whom, found: Collection[bytes]) -> None:
        """Rows that take the person out, where LinkedIn may hold them, and what only the CRM's id of the person holds, like
        a company; unless more ids were learned: then all is searched again.
        """
        whom = await self._learn(connection, place, found)
        if whom is None or whom.learned != before.learned:
            return
        held = await persons.held(connection, place.segment_id, whom.ids)
        leaving = {one.identity for one in held if one.present}
        leaving.update(e.ids[0] for _, e in await persons.under_way(connection, place.segment_id, whom.ids) if e.add)
        called = await self._called(connection, place, whom.ids) if whom.forgets else set()
        lines = await ledger.lines(connection, place.segment_id, called) if called else {}
        holding = [name for name, line in sorted(lines.items()) if line.identity and line.identity not in whom.ids]
        wanted: list[tuple[str | None, dict[str, str]]] = [(None, removal(identity)) for identity in sorted(leaving)]
        wanted += [(name, {}) for name in holding]
        orders = await persons.order(connection, place.key, wanted) if wanted and not place.emptied else []
        values = {"orders": [*place.orders, *orders], "searched": whom.learned, "stage": WAITING}
        await erasures.note(connection, place, **values)

    async def _await(self, place: Place) -> None:
        async with self.quiet(place.segment_id):
            ended = await self.database.transact(lambda connection: self._finish(connection, place))
        if ended is not None:
            self.emit(ErasureEnded(erasure=place.erasure, kind=ended.value))

    async def _finish(self, connection: AsyncConnection, place: Place) -> Suppressed | None:
        """Forgets the person where LinkedIn has accepted that they left; the erasure's kind if that was all of it."""
        await fence(connection, self.grant)
        whom = await erasures.whom(connection, place.erasure)
        if whom is None or whom.learned != place.searched:
            return None
        held = await persons.held(connection, place.segment_id, whom.ids)
        words = await self._what_it_waits_for(connection, place, whom, any(one.present for one in held))
        if words:
            if words != place.words:
                await erasures.note(connection, place, words=words)
            return None
        values: dict[str, Any] = {"stage": DONE, "words": "LinkedIn held nobody there" if place.emptied else ""}
        if held and place.orders:
            last = max(held, key=lambda one: one.at)
            support_id = await persons.support_id(connection, last.batch)
            values |= {"batch_id": last.batch, "support_id": support_id, "accepted_at": last.at}
        if whom.forgets:
            gone = await persons.forget(connection, place.segment_id, whom.ids, place.subjects)
            values |= {"ledger_rows": gone.ledger_rows, "subject_lines": gone.subject_lines}
            values["dead_letters"] = gone.dead_letters
        await erasures.note(connection, place, **values)
        return whom.kind if await erasures.whom(connection, place.erasure) is None else None

    async def _what_it_waits_for(self, connection: AsyncConnection, place: Place, whom: Whom, present: bool) -> str:
        if await persons.waiting(connection, place.orders):
            return place.idle or _ON_ITS_WAY
        if await persons.under_way(connection, place.segment_id, whom.ids):
            return place.idle or _ON_ITS_WAY
        open_resyncs = await resyncs.open_of(connection, [place.segment_id]) if whom.forgets else []
        if any(one.state is State.PLANNING for one in open_resyncs):
            return _PLANNED
        if place.emptied:
            return ""
        if await persons.traced(connection, place.segment_id, whom.ids):
            return place.idle or _UNCERTAIN
        return _REFUSED if present else ""

    async def _write(self, place: Place, **values: Any) -> None:
        async def work(connection: AsyncConnection) -> Suppressed | None:
            await fence(connection, self.grant)
            whom = await erasures.whom(connection, place.erasure)
            await erasures.note(connection, place, **values)
            left = await erasures.whom(connection, place.erasure)
            return whom.kind if whom is not None and left is None else None

        ended = await self.database.transact(work)
        if ended is not None:
            self.emit(ErasureEnded(erasure=place.erasure, kind=ended.value))


def _is_of(row: Row, ids: Collection[bytes], subjects: Collection[str]) -> bool:
    if row.subject is not None and (row.subject in subjects or names(row.subject, ids)):
        return True
    return payload_names(row.payload, ids)
