"""Batches that come from the ledger or from dead letters, not from the outbox: they keep the rank they have.

Re-assertion sends the last state of identities once more after a request whose end nobody knows; it cannot overtake a
live change, because an identity that stands in an open batch is left to that batch. A dead letter that is retried goes
with its original rank: a newer change that was applied meanwhile wins.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.batch import (
    LOWEST,
    BatchId,
    BatchKind,
    Draft,
    Element,
    Entry,
    Flag,
    RowFate,
    Trace,
    deciding,
    keeps_fields,
)
from syncd.domain.change import Reason
from syncd.domain.collapse import arranged
from syncd.domain.events import Reasserted
from syncd.domain.settlement import Journey
from syncd.pipeline import resync
from syncd.pipeline.lanes import Lane
from syncd.pipeline.member import Member, Tools
from syncd.pipeline.suppress import DETAIL
from syncd.store import batches, ledger, letters
from syncd.store.leases import fence

Written = list[tuple[BatchId, Draft]]


async def resend(lane: Lane, member: Member, tools: Tools) -> None:
    """Prepares one batch of what a segment owes: dead letters that go again first, a resync last. Raises LeaseLost,
    Transient.
    """
    if lane.wanted:
        lane.wanted = await retry(lane, member, tools)
    elif lane.owed:
        lane.owed = await reassert(lane, member, tools)
    elif lane.resyncing:
        lane.resyncing = await resync.forward(lane, member, tools)


async def reassert(lane: Lane, member: Member, tools: Tools) -> bool:
    """Sends what is due for one segment; whether anything was."""
    async with lane.gathering:

        async def work(connection: AsyncConnection) -> Written | None:
            await fence(connection, member.grant)
            due = await letters.due(connection, lane.segment.id)
            if due is None:
                return None
            under_way = {trace for trace in due.traces if _is_under_way(trace, lane)}
            if under_way:
                wait = 2 * tools.request_timeout
                await batches.promise_reassertion(connection, lane.segment.id, under_way, wait)
            traces = due.traces - under_way
            named = {key for trace in traces for key in (trace.identity, *trace.others)}
            entries = await ledger.entries(connection, lane.segment.id, named)
            await letters.done(connection, due)
            return await _write(connection, lane, BatchKind.REASSERT, arranged(_restated(traces, entries)))

        written = await tools.database.transact(work)
        sent = _enter(lane, BatchKind.REASSERT, written)
    if sent:
        tools.emit(Reasserted(segment=lane.segment.key, identities=sent))
        member.ring()
    return written is not None


def _is_under_way(trace: Trace, lane: Lane) -> bool:
    return any(lane.latest(key) is not None for key in (trace.identity, *trace.others))


def _restated(traces: Collection[Trace], entries: Mapping[bytes, Entry]) -> list[Element]:
    """The last state of each identity; what may have been left beside it is taken out before. Whom the ledger does not
    know (refused at last, after an attempt whose end nobody knows) is not to be there: out, below every rank.
    """
    departures = [element for trace in sorted(traces) for element in _departures(trace, entries)]
    known = {trace.identity: entries[trace.identity] for trace in traces if trace.identity in entries}
    return [
        *departures,
        *(_stated(entry) for entry in known.values() if entry.fields or not keeps_fields(entry.ids[0])),
    ]


def _departures(trace: Trace, entries: Mapping[bytes, Entry]) -> Iterator[Element]:
    """What an attempt may have left that nobody holds: other fields, other ids, or an identity the ledger does not know."""
    identity, fields = trace.identity, trace.fields
    entry = entries.get(identity)
    held = {*(entry.ids if entry is not None else ()), *(key for key in trace.others if _is_present(entries.get(key)))}
    others = tuple(key for key in trace.others if key not in held)
    if entry is None:
        if fields or not keeps_fields(identity):
            parting = Flag.PARTING if fields else Flag.NONE  # one goes for each metadata, none with another
            yield _departure((identity, *others), fields, LOWEST, parting)
    elif fields:
        if not (entry.present and entry.fields == fields):
            yield _departure(entry.ids, fields, entry.rank - 1, Flag.PARTING)
    elif others:
        yield _departure(others, b"", LOWEST, Flag.NONE)


def _is_present(entry: Entry | None) -> bool:
    return entry is not None and entry.present


def _departure(ids: tuple[bytes, ...], fields: bytes, rank: int, flag: Flag) -> Element:
    return Element(add=False, ids=ids, fields=fields, rank=rank, row=0, flags=int(flag))


def _stated(entry: Entry) -> Element:
    flags = Flag.ANONYMOUS if entry.anonymous else Flag.NONE
    return Element(add=entry.present, ids=entry.ids, fields=entry.fields, rank=entry.rank, row=0, flags=int(flags))


async def retry(lane: Lane, member: Member, tools: Tools) -> bool:
    """Sends the dead letters of one segment that an operator wants to go again; whether there were any."""
    async with lane.gathering:

        async def work(connection: AsyncConnection) -> Written | None:
            await fence(connection, member.grant)
            wanted = await letters.wanted(connection, lane.segment.id)
            if not wanted:
                return None
            barred = await tools.suppression.barred(connection, [letter.element for letter in wanted])
            if barred:
                mine = [letter for letter in wanted if letter.element.add and letter.element.ids[0] in barred]
                await letters.bar(connection, mine, Reason.SUPPRESSED.value, DETAIL)
                wanted = [letter for letter in wanted if letter not in mine]
                if not wanted:
                    return []
            identities = {letter.element.ids[0] for letter in wanted}
            latest = {identity: lane.latest(identity) for identity in identities}
            known = await ledger.entries(connection, lane.segment.id, identities)
            known |= {identity: entry.over(known.get(identity)) for identity, entry in latest.items() if entry}
            newest: dict[bytes, Element] = {}
            partings: list[Element] = []
            late: list[int] = []
            for letter in wanted:
                element = letter.element
                standing = known.get(element.ids[0])
                if element.flags & Flag.PARTING and not _is_back(element, standing):
                    partings.append(element)
                    continue
                rival = newest.get(element.ids[0])
                if (standing is not None and standing.rank > element.rank) or (rival and rival.rank > element.rank):
                    late.append(element.row)
                    continue
                if rival is not None:
                    late.append(rival.row)
                newest[element.ids[0]] = element
            await letters.exhume(connection, wanted)
            drafts = arranged(sorted([*partings, *newest.values()], key=lambda element: element.rank))
            for draft in drafts:
                draft.rows.extend((row, RowFate.TAKEN) for row in deciding(draft.elements))
            drafts[0].rows.extend((row, RowFate.LATE) for row in late)
            return await _write(connection, lane, BatchKind.RETRY, drafts)

        written = await tools.database.transact(work)
        if _enter(lane, BatchKind.RETRY, written):
            member.ring()
    return written is not None


def _is_back(parting: Element, standing: Entry | None) -> bool:
    """Whether the metadata that should leave has come again since; newer metadata keeps none of the old from leaving."""
    return standing is not None and standing.present and standing.fields == parting.fields


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
            lane.add(Journey.begin(number, lane.segment.id, kind, draft.elements, alike=draft.shape))
            sent += len(draft.elements)
    return sent
