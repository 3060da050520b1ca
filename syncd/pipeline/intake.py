"""Intake: the oldest rows of a segment leave the outbox and stand in a batch, in one short transaction.

A counter that is committed beforehand notices a row that crashes the process: it is taken back by the transaction that
takes the rows, so whoever finds it at three knows that three intakes in a row never ended. From then on rows are taken
one at a time, each named before it is touched, and the one that was named when the process died is put aside.
"""

from __future__ import annotations

from collections import Counter
from itertools import repeat
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain import collapse
from syncd.domain.batch import MOST_ELEMENTS, BatchId, BatchKind, Draft, Element, Entry, Flag, RowFate
from syncd.domain.change import Changes, Kind, Reason, ranks
from syncd.domain.collapse import Death, Harvest, Known, Rows
from syncd.domain.company import prepare_companies
from syncd.domain.events import RowQuarantined, RowsTaken
from syncd.domain.identity import Ids, Invalid
from syncd.domain.settlement import Journey
from syncd.domain.user import prepare_users
from syncd.pipeline.lanes import Lane
from syncd.pipeline.member import Member, Tools
from syncd.pipeline.origin import receded
from syncd.store import batches, intakes, ledger, outbox, source
from syncd.store.leases import fence

CRASHES: Final = 3
_BRIMMING: Final = 4
"""The share of a full batch from which on a segment has a backlog, of which several batches may wait for their turn."""
_LONGEST_SUBJECT: Final = 512


async def gather(lane: Lane, member: Member, tools: Tools) -> None:
    """One intake of a segment; afterwards its batches stand in the lane. Raises LeaseLost, Transient."""
    async with lane.gathering:
        started = tools.monotonic()
        if not lane.armed:
            careful = await tools.database.transact(lambda connection: _arm(connection, lane, member))
            lane.armed = MOST_ELEMENTS if careful is None else 1
            if careful is not None and careful.quarantined is not None:
                tools.emit(RowQuarantined(segment=lane.segment.key, row=careful.quarantined))
        most = lane.armed
        taken = await tools.database.transact(lambda connection: _take(connection, lane, member, tools, most))
        tools.origin.note(taken.highest)
        lane.taken = max(lane.taken, (taken.epoch, taken.highest))
        lane.armed = most if taken.more and most > 1 else 0
        lane.waiting = taken.more
        lane.brimming = taken.rows >= most / _BRIMMING
        for number, draft in zip(taken.numbers, taken.harvest.drafts, strict=True):
            if draft.elements:
                lane.add(Journey.begin(number, lane.segment.id, BatchKind.LIVE, draft.elements, alike=draft.shape))
        if taken.rows:
            tools.emit(_told(lane, taken, tools.monotonic() - started))


async def _arm(connection: AsyncConnection, lane: Lane, member: Member) -> intakes.Careful | None:
    """Counts this intake as a crash until it has ended; after three, says to go row by row. A database that fails
    meanwhile ends no process: the intake is tried again as it was counted.
    """
    await fence(connection, member.grant)
    segment = lane.segment
    state = await intakes.arm(connection, segment.id)
    if state.crashes <= CRASHES:
        return None
    quarantined = state.suspect
    if quarantined is not None and not await outbox.remove(connection, segment.key, quarantined):
        quarantined = None
    if quarantined is not None:
        draft = Draft([], [(quarantined, RowFate.DEAD)])
        (number,) = await batches.write(connection, segment.id, BatchKind.LIVE, [draft])
        death = Death(quarantined, Reason.CRASHED_INTAKE, "taking this row ended the process three times")
        await batches.bury_rows(connection, segment.id, number, [death])
    ids = await outbox.oldest(connection, segment.key, MOST_ELEMENTS)
    until = state.suspects_until if state.suspects_until is not None else max(ids, default=0)
    if not ids or ids[0] > until:
        await intakes.calm(connection, segment.id)
        return None
    await intakes.suspect(connection, segment.id, ids[0], until)
    return intakes.Careful(quarantined)


class _Taken:
    """What one transaction took, once it is committed."""

    __slots__ = ("epoch", "harvest", "highest", "more", "numbers", "rows")

    def __init__(self, changes: Changes, harvest: Harvest, numbers: list[BatchId], *, epoch: int, more: bool) -> None:
        self.epoch = epoch
        self.rows = len(changes)
        self.highest = changes.rows[-1] if changes else 0
        self.harvest = harvest
        self.numbers = numbers
        self.more = more


async def _take(connection: AsyncConnection, lane: Lane, member: Member, tools: Tools, most: int) -> _Taken:
    segment = lane.segment
    mark = await intakes.mark(connection, member.grant, segment.id)
    parked = mark.parked
    if parked is None and (mark.epoch, mark.high_water) < lane.taken:
        parked = receded(segment.key, mark.high_water, lane.taken[1])
        await source.park(connection, parked)
    if parked is not None:
        member.epoch_parked = True
        tools.origin.parked(parked)
        return _Taken(Changes(), Harvest([], [], {}, {}), [], epoch=mark.epoch, more=False)
    changes = await outbox.take(connection, segment.key, most)
    if not changes:
        await intakes.ended(connection, segment.id, [], mark.high_water, crashes=0, subjects=False)
        return _Taken(Changes(), Harvest([], [], {}, {}), [], epoch=mark.epoch, more=False)
    rows, deaths = prepared(changes, segment.kind, epoch=mark.epoch, allow_names_only=tools.allow_names_only)
    sifted = await tools.suppression.sift(connection, segment.key, rows, mark.suppressed)
    known = await _known(connection, lane, sifted.rows, mark)
    going, needless = sifted.settled(known)
    harvest = collapse.collapse(going, [*deaths, *sifted.deaths], known)
    harvest.drafts[0].rows.extend((row, RowFate.NEEDLESS) for row in needless)
    # Fewer rows than asked for may still mean more: a take stops at 4 MiB too. The next poll says.
    more = len(changes) == most
    crashes = 1 if more and most > 1 else mark.crashes if most == 1 else 0
    numbers = await intakes.ended(
        connection, segment.id, harvest.drafts, changes.rows[-1], crashes=crashes, subjects=bool(harvest.subjects)
    )
    await batches.bury_rows(connection, segment.id, numbers[0], harvest.deaths)
    if harvest.released:
        await ledger.release(connection, segment.id, harvest.released)
    if harvest.subjects:
        await ledger.hold(connection, segment.id, harvest.subjects)
    return _Taken(changes, harvest, numbers, epoch=mark.epoch, more=more)


def prepared(changes: Changes, kind: Kind, *, epoch: int, allow_names_only: bool) -> tuple[Rows, list[Death]]:
    """Rows as elements, and dead letters for those that cannot be any."""
    if kind is Kind.USER:
        found, fields = prepare_users(changes.payloads, allow_names_only=allow_names_only)
    else:
        found, fields = prepare_companies(changes.payloads)
    at = ranks(epoch, changes.rows)
    if None not in changes.adds and not set(changes.subjects) - {None} and set(map(type, found)) <= {tuple}:
        columns = (changes.adds, found, fields, at, changes.rows, repeat(int(Flag.ANONYMOUS)), changes.created)
        return Rows(list(map(Element, *columns))), []
    elements, subjects, deaths = [], {}, []
    for row, add, subject, ids, more, mine, created in zip(
        changes.rows, changes.adds, changes.subjects, found, fields, at, changes.created, strict=True
    ):
        one = _judged(row, add, subject, ids)
        if isinstance(one, Death):
            deaths.append(one)
            continue
        flags = Flag.ANONYMOUS if subject is None else Flag.NONE
        elements.append(Element(bool(add), one, more if one else b"", mine, row, int(flags), created))
        if subject is not None:
            subjects[row] = subject
    return Rows(elements, subjects), deaths


def _judged(row: int, add: bool | None, subject: str | None, ids: Ids | Invalid) -> Ids | Death:
    """The ids of a row that can be sent, none for a REMOVE that names its subject only."""
    if add is None:
        return Death(row, Reason.UNKNOWN_ACTION, "the action is neither ADD nor REMOVE")
    if subject is not None and not 0 < len(subject) <= _LONGEST_SUBJECT:
        return Death(row, Reason.BAD_SUBJECT, f"subject_id must have 1 to {_LONGEST_SUBJECT} characters")
    if not isinstance(ids, Invalid):
        return ids
    return () if subject is not None and not add else Death(row, ids.reason, ids.detail)


async def _known(connection: AsyncConnection, lane: Lane, rows: Rows, mark: intakes.Mark) -> Known:
    """What open batches and the ledger say of those who need it. Open batches are asked first: one that closes
    meanwhile has its word in the ledger already.
    """
    segment = lane.segment
    named = set(rows.subjects.values())
    subjects = await ledger.lines(connection, segment.id, named) if named else {}
    if lane.is_paired:
        identities = {element.ids[0] for element in rows.elements if element.ids}
    else:
        identities = collapse.in_question(rows, mark.high_water)
    identities.update(line.identity for line in subjects.values() if line.identity is not None)
    latest = {identity: lane.latest(identity) for identity in identities}
    entries: dict[bytes, Entry] = await ledger.entries(connection, segment.id, identities)
    entries |= {identity: entry.over(entries.get(identity)) for identity, entry in latest.items() if entry is not None}
    holders: dict[bytes, int] = {}
    if (mark.has_subjects or named) and identities:
        holders = await ledger.holders(connection, segment.id, identities)
    return Known(mark.high_water, entries, subjects, holders)


def _told(lane: Lane, taken: _Taken, seconds: float) -> RowsTaken:
    drafts = taken.harvest.drafts
    fates = sum((draft.tally() for draft in drafts), Counter())
    dead: dict[str, int] = {}
    for death in taken.harvest.deaths:
        dead[death.reason.value] = dead.get(death.reason.value, 0) + 1
    return RowsTaken(
        segment=lane.segment.key,
        batches=taken.numbers,
        rows=taken.rows,
        elements=sum(len(draft.elements) for draft in drafts),
        needless=fates[RowFate.NEEDLESS],
        superseded=fates[RowFate.SUPERSEDED],
        late=fates[RowFate.LATE],
        dead=dead,
        seconds=seconds,
    )
