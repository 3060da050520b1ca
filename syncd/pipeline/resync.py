"""The next batch of a resync: what its plan says, judged again by what has changed since.

The batches and the place that was reached are written in one transaction, under the lock that intake takes too: no live
change comes between the judgement and the batch. One that comes later waits behind the batch or, while that is unsent,
takes its identity out of it (`lanes.Lane.overtaken`). Whoever is suppressed by then is not added, whatever the plan says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.batch import MOST_ELEMENTS, BatchId, BatchKind, Draft, Element, Entry, Flag, Trace, unpack_sent
from syncd.domain.change import Rank
from syncd.domain.collapse import Holder, arranged
from syncd.domain.membership import Verdict, Wanted, elements, verdict
from syncd.domain.resync import Mode
from syncd.domain.settlement import Journey
from syncd.pipeline.lanes import Lane
from syncd.pipeline.member import Member, Tools
from syncd.store import batches, ledger, plans, resyncs, segments
from syncd.store.leases import fence
from syncd.store.resyncs import Resync


@dataclass(slots=True)
class _Page:
    """What one look at a plan comes to; nothing left where `more` is false."""

    more: bool
    written: list[tuple[BatchId, Draft]] = field(default_factory=list)


async def forward(lane: Lane, member: Member, tools: Tools) -> bool:
    """Writes the next batch of a segment's resync; whether there may be more. Raises LeaseLost, Transient."""
    async with lane.gathering:

        async def work(connection: AsyncConnection) -> _Page:
            await fence(connection, member.grant)
            going = await resyncs.locked(connection, lane.segment.id)
            if going is None or going.exhausted:
                return _Page(more=False)
            if going.mode is Mode.REPLAY:
                return await _replay(connection, lane, going, tools)
            if not going.subjects_done and await _hold(connection, lane, going, tools):
                return _Page(more=True)
            return await _reconcile(connection, lane, going, tools)

        page = await tools.database.transact(work)
        for number, draft in page.written:
            lane.add(Journey.begin(number, lane.segment.id, BatchKind.RESYNC, draft.elements, alike=draft.shape))
    if page.written:
        member.ring()
    return page.more


async def _replay(connection: AsyncConnection, lane: Lane, going: Resync, tools: Tools) -> _Page:
    """The next of those that the ledger holds, with the rank they have. Who stands in an open batch is left to it, and
    goes once more when that has settled.
    """
    segment = lane.segment.id
    held = await plans.next_held(connection, segment, going.position or b"", MOST_ELEMENTS)
    if not held:
        await resyncs.change(connection, going.id, exhausted=True)
        return _Page(more=False)
    under_way = {identity for identity in held if lane.latest(identity) is not None} if lane.batches else set()
    if under_way:
        await batches.promise_reassertion(connection, segment, [*map(Trace, under_way)], 2 * tools.request_timeout)
    entries = await ledger.entries(connection, segment, [one for one in held if one not in under_way])
    # Somebody may have left since the page was read: what is settled meanwhile stands in no open batch any more.
    wanted = [_again(entry) for _, entry in sorted(entries.items()) if entry.present]
    barred = await tools.suppression.barred(connection, wanted)
    sent = [element for element in wanted if element.ids[0] not in barred]
    done = {"looked_at": len(held), "added": len(sent), "skipped": len(under_way) + len(wanted) - len(sent)}
    return await _written(connection, lane, going, sent, done, held[-1])


def _again(entry: Entry) -> Element:
    flags = int(Flag.ANONYMOUS if entry.anonymous else Flag.NONE)
    return Element(add=True, ids=entry.ids, fields=entry.fields, rank=entry.rank, row=0, flags=flags)


async def _hold(connection: AsyncConnection, lane: Lane, going: Resync, tools: Tools) -> bool:
    """Who holds which identity, as the source says: subjects of the CRM that no newer change has moved, but none who are
    suppressed or would hold somebody who is. Whether there were any left.
    """
    segment, boundary = lane.segment.id, _boundary(going)
    named = await plans.next_lines(connection, going.id, going.subject_position or "", MOST_ELEMENTS)
    if not named:
        await resyncs.change(connection, going.id, subjects_done=True)
        return False
    known = await ledger.lines(connection, segment, named)
    holding = [(subject, identity) for subject, identity in named.items() if identity is not None]
    places = await tools.suppression.named(
        connection, lane.segment.key, (((identity,), subject) for subject, identity in holding)
    )
    barred = {holding[place][0] for place in places}
    moved = {
        subject: Holder(identity, boundary)
        for subject, identity in named.items()
        if subject not in barred and (subject not in known or known[subject].rank <= boundary)
    }
    if moved:
        await ledger.hold(connection, segment, moved)
        await segments.change(connection, segment, has_subjects=True)
    await resyncs.advance(connection, going.id, {}, subject_position=max(named))
    return True


async def _reconcile(connection: AsyncConnection, lane: Lane, going: Resync, tools: Tools) -> _Page:
    """The next of the plan, as it stands against open batches and the ledger now."""
    boundary = _boundary(going)
    plan = await plans.next_items(connection, going.id, going.position or b"", MOST_ELEMENTS)
    if not plan:
        await resyncs.change(connection, going.id, exhausted=True)
        return _Page(more=False)
    standing = await _standing(connection, lane, plan)
    wanted = {item.identity: wanted_of(item) if item.wanted else None for item in plan}
    going_out = [one for identity, what in wanted.items() for one in elements(what, standing.get(identity), boundary)]
    barred = await tools.suppression.barred(connection, going_out)
    sent = [element for element in going_out if element.ids[0] not in barred]
    judged: Counter[Verdict] = Counter()
    leaving: dict[bytes, Rank] = {}
    for identity, what in wanted.items():
        found = verdict(what, standing.get(identity), boundary)
        if identity not in barred:
            judged[found] += 1
        if found is Verdict.REMOVE:
            leaving[identity] = boundary
    if leaving:
        await ledger.release(connection, lane.segment.id, leaving)
    done = {
        "looked_at": len(plan),
        "added": judged[Verdict.ADD],
        "removed": judged[Verdict.REMOVE],
        "changed": judged[Verdict.CHANGE],
        "skipped": judged[Verdict.NEWER] + judged[Verdict.UNCHANGED] + len(barred),
    }
    return await _written(connection, lane, going, sent, done, plan[-1].identity)


async def _standing(connection: AsyncConnection, lane: Lane, plan: Sequence[Any]) -> dict[bytes, Entry]:
    """Open batches are asked first: one that closes meanwhile has its word in the ledger already."""
    identities = [item.identity for item in plan]
    latest = {identity: entry for identity in identities if (entry := lane.latest(identity)) is not None}
    entries = await ledger.entries(connection, lane.segment.id, identities)
    return entries | {identity: entry.over(entries.get(identity)) for identity, entry in latest.items()}


def wanted_of(item: Any) -> Wanted:
    """A row of a plan, as what its source said."""
    sent = unpack_sent(item.sent)
    return Wanted((item.identity, *sent.ids), sent.fields, item.anonymous)


def _boundary(going: Resync) -> Rank:
    assert going.boundary is not None
    return going.boundary


async def _written(
    connection: AsyncConnection,
    lane: Lane,
    going: Resync,
    sent: list[Element],
    done: Mapping[str, int],
    reached: bytes,
) -> _Page:
    drafts = [draft for draft in arranged(sent) if draft.elements]
    numbers = await batches.write(connection, lane.segment.id, BatchKind.RESYNC, drafts, going.id) if drafts else []
    await resyncs.advance(connection, going.id, {**done, "sent": len(sent)}, position=reached)
    return _Page(more=True, written=list(zip(numbers, drafts, strict=True)))
