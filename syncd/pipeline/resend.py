"""Batches that come from the ledger or from dead letters, not from the outbox: they keep the rank they have.

Re-assertion sends the last state of identities once more after a request whose end nobody knows; it cannot overtake a
live change, because an identity that stands in an open batch is left to that batch. A dead letter that is retried goes
with its original rank: a newer change that was applied meanwhile wins.
"""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.batch import BatchId, BatchKind, Draft, Element, Entry, RowFate, keeps_fields
from syncd.domain.collapse import arranged
from syncd.domain.events import Reasserted
from syncd.domain.settlement import Journey
from syncd.pipeline.lanes import Lane
from syncd.pipeline.member import Member, Tools
from syncd.store import batches, ledger, letters
from syncd.store.leases import fence

Written = list[tuple[BatchId, Draft]]


async def reassert(lane: Lane, member: Member, tools: Tools) -> bool:
    """Sends what is due for one segment; whether anything was."""
    async with lane.gathering:

        async def work(connection: AsyncConnection) -> Written | None:
            await fence(connection, member.grant)
            due = await letters.due(connection, lane.segment.id)
            if due is None:
                return None
            waiting = [identity for identity in due.identities if lane.latest(identity) is None]
            entries = await ledger.entries(connection, lane.segment.id, waiting)
            await letters.done(connection, due)
            elements = [_again(entry) for entry in entries.values() if _can_go(entry)]
            return await _write(connection, lane, BatchKind.REASSERT, arranged(elements))

        written = await tools.database.transact(work)
        sent = _enter(lane, BatchKind.REASSERT, written)
    if sent:
        tools.emit(Reasserted(segment=lane.segment.key, identities=sent))
        member.ring()
    return written is not None


def _again(entry: Entry) -> Element:
    return Element(add=entry.present, ids=entry.ids, fields=entry.fields, rank=entry.rank, row=0)


def _can_go(entry: Entry) -> bool:
    """A company, or a person known by name only, leaves with the fields it came with."""
    return bool(entry.fields) or not keeps_fields(entry.ids[0])


async def retry(lane: Lane, member: Member, tools: Tools) -> bool:
    """Sends the dead letters of one segment that an operator wants to go again; whether there were any."""
    async with lane.gathering:

        async def work(connection: AsyncConnection) -> Written | None:
            await fence(connection, member.grant)
            wanted = await letters.wanted(connection, lane.segment.id)
            if not wanted:
                return None
            identities = {letter.element.ids[0] for letter in wanted}
            entries = {identity: lane.latest(identity) for identity in identities}
            known = {identity: entry for identity, entry in entries.items() if entry is not None}
            missing = [identity for identity in identities if identity not in known]
            known |= await ledger.entries(connection, lane.segment.id, missing)
            newest: dict[bytes, Element] = {}
            late: list[int] = []
            for letter in wanted:
                element = letter.element
                standing = known.get(element.ids[0])
                rival = newest.get(element.ids[0])
                if (standing is not None and standing.rank > element.rank) or (rival and rival.rank > element.rank):
                    late.append(element.row)
                    continue
                if rival is not None:
                    late.append(rival.row)
                newest[element.ids[0]] = element
            await letters.exhume(connection, wanted)
            drafts = arranged(sorted(newest.values(), key=lambda element: element.rank))
            for draft in drafts:
                draft.rows.extend((element.row, RowFate.TAKEN) for element in draft.elements if element.decides)
            drafts[0].rows.extend((row, RowFate.LATE) for row in late)
            return await _write(connection, lane, BatchKind.RETRY, drafts)

        written = await tools.database.transact(work)
        if _enter(lane, BatchKind.RETRY, written):
            member.ring()
    return written is not None


async def _write(connection: AsyncConnection, lane: Lane, kind: BatchKind, drafts: list[Draft]) -> Written:
    useful = [draft for draft in drafts if draft.elements or draft.rows]
    if not useful:
        return []
    numbers = await batches.write(connection, lane.segment.id, kind, useful)
    return list(zip(numbers, useful, strict=True))


def _enter(lane: Lane, kind: BatchKind, written: Written | None) -> int:
    sent = 0
    for number, draft in written or ():
        if draft.elements:
            lane.add(Journey.begin(number, lane.segment.id, kind, draft.elements))
            sent += len(draft.elements)
    return sent
