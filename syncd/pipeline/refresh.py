"""What the database says of an owned member, read every two seconds: segments and their state, pauses, waits, orders.

Operators, the command line and other replicas write rows; here they become true in memory. A segment's place in its
lane is never touched: only what is known about it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.events import MemberParked, MemberResumed, SegmentParked, SegmentResumed
from syncd.domain.outcome import Scope
from syncd.domain.retry import Wait
from syncd.domain.segment import MemberKey, MemberParking, Segment, SegmentKey, SegmentParking, Status
from syncd.domain.settlement import Journey
from syncd.linkedin.pacing import Pacer
from syncd.pipeline.lanes import Lane
from syncd.pipeline.member import Member, Tools
from syncd.store import batches, business, letters, resyncs, segments, source, throttles
from syncd.store.batches import Stored
from syncd.store.business import Business
from syncd.store.leases import alone

SETTLED_IN: Final = 5.0
"""Seconds after its creation during which a segment takes no data (reference 002)."""
_DAY: Final = 86_400.0
_STALE: Final = 900.0
"""Seconds after which the status of a segment last seen asleep must be read again before it is sent to."""


async def load(member: Member, tools: Tools) -> None:
    """Everything about a member that was just taken: its segments, and the batches that are still open.

    After an owner that did not end cleanly nobody knows whether those were sent, so all of them are uncertain; also what
    is settled, for an attempt before that one may have been uncertain to the owner.
    """
    await refresh([member], tools)
    lanes = {lane.segment.id: lane for lane in member.lanes()}
    async with tools.database.read() as connection:
        stored = await batches.open_of(connection, list(lanes))
    for batch in stored:
        journey = Journey.begin(batch.id, batch.segment_id, batch.kind, batch.elements, batch.states)
        if not member.grant.clean:
            journey.uncertain.update(range(len(journey.elements)))
        journey.given_up = lanes[batch.segment_id].segment.parked is SegmentParking.REFUSED
        lanes[batch.segment_id].add(journey)
    _tell(member, tools)
    member.ring()


async def recover(lane: Lane, member: Member, tools: Tools) -> None:
    """Finds batches of a transaction whose commit took effect although it failed, before anything stands behind them. To
    be called while nothing else enters the lane. Raises LeaseLost, Transient.
    """

    async def work(connection: AsyncConnection) -> list[Stored]:
        await alone(connection, member.grant)
        return await batches.open_of(connection, [lane.segment.id])

    async with lane.gathering:
        known = {batch.journey.id for batch in lane.batches}
        for batch in await tools.database.transact(work):
            if batch.id not in known:
                lane.add(Journey.begin(batch.id, batch.segment_id, batch.kind, batch.elements, batch.states))
        lane.doubted = False


def _tell(member: Member, tools: Tools) -> None:
    """What the owner before said of parkings, said again for the metrics of this one."""
    if member.parked is not None:
        tools.emit(MemberParked(member=member.key, reason=member.parked.value, words=member.parked_words))
    for lane in member.lanes():
        segment = lane.segment
        if segment.parked is not None:
            tools.emit(SegmentParked(segment=segment.key, reason=segment.parked.value, words=segment.parked_words))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What the database says of some members. `moment` is its clock, seconds since 1970; collections of numbers are of
    segments.
    """

    segments: Mapping[str, Sequence[Segment]]
    moment: float
    states: Mapping[str, tuple[str, bool, str | None, str]]
    waits: Sequence[Wait]
    epoch_parked: bool
    owed: Collection[int]
    wanted: Collection[int]
    resyncing: Collection[int]
    business: Mapping[str, Collection[Business]]


async def refresh(members: Collection[Member], tools: Tools) -> None:
    """Brings memory up to date; of a member not where something was decided here while the database was read: the next
    time will. Nor where a read that began later has told already: this one would take back what that one found. Raises
    Transient.
    """
    began = tools.monotonic()
    before = [(member, member.reacting, member.reactions) for member in members]
    told = await _read([member.key for member in members], tools)
    for member, reacting, reactions in before:
        if not (reacting or member.reacting or member.reactions != reactions or began < member.told_at):
            member.told_at = began
            _take_in(told, member, tools)


async def _read(keys: Sequence[MemberKey], tools: Tools) -> _Told:
    async with tools.database.read() as connection:
        return _Told(
            segments=await tools.roll.call(connection, keys),
            moment=await segments.moment(connection),
            states=await segments.member_states(connection, keys),
            waits=await throttles.of(connection, keys, tools.monotonic),
            epoch_parked=await source.parked(connection),
            owed=await letters.due_segments(connection, keys),
            wanted=await letters.wanted_segments(connection, keys),
            resyncing=await resyncs.going(connection, keys),
            business=await business.of(connection, keys),
        )


def _take_in(told: _Told, member: Member, tools: Tools) -> None:
    now = tools.monotonic()
    _, member.paused, parked, member.parked_words = told.states.get(member.key, (member.application, False, None, ""))
    if parked is None and member.parked is not None:
        tools.emit(MemberResumed(member=member.key, reason=member.parked.value))
        member.parked, member.probes = None, 0
    elif parked is not None and member.parked is None:
        member.parked = MemberParking(parked)
    member.epoch_parked = told.epoch_parked
    for wait in told.waits:
        pacer = member.pacers.get(wait.resource) if _holds_for(wait, member) else None
        if pacer is not None and (wait.until > now or wait.resource not in member.throttles_in_a_row):
            _heed(wait, pacer, member, now)
    for segment, reason in _place(member, told.segments[member.key], told.moment, now):
        tools.emit(SegmentResumed(segment=segment, reason=reason.value))
    for lane in member.lanes():
        lane.owed, lane.wanted = lane.segment.id in told.owed, lane.segment.id in told.wanted
        lane.resyncing = lane.segment.id in told.resyncing
    member.call(told.business.get(member.key, ()))
    member.ring()


def _holds_for(wait: Wait, member: Member) -> bool:
    return wait.application == member.application and wait.member in {member.key, ""}


def _heed(wait: Wait, pacer: Pacer, member: Member, now: float) -> None:
    """A pause that another process or member began. Whoever takes over after a daily limit begins with one probe and counts
    on, also where the wait is over.
    """
    pacer.shut(max(0.0, wait.until - now), probe=wait.scope is not Scope.MINUTE)
    if wait.resource not in member.throttles_in_a_row:
        member.throttles_in_a_row[wait.resource] = wait.in_a_row
        member.throttled_at[wait.resource] = now


def _place(
    member: Member, called: Collection[Segment], moment: float, now: float
) -> list[tuple[SegmentKey, SegmentParking]]:
    """Every segment that is streamed to in its lane; lanes of segments that are gone leave once nothing of them is in
    flight. Returns those that go on, and what they waited for.
    """
    resumed = []
    streamed = [segment for segment in called if not segment.takes_lists]
    for segment in streamed:
        road = member.roads[segment.resource]
        before = road.lanes[segment.id].segment.parked if segment.id in road.lanes else None
        if before is not None and segment.parked is None:
            resumed.append((segment.key, before))
        lane = road.put(segment)
        lane.bound_at = now - (moment - segment.bound_at) if segment.bound_at is not None else now
        lane.ready_at = lane.bound_at + SETTLED_IN
        lane.status_known = _is_known(lane, moment)
    ours = {segment.id for segment in streamed}
    for road in member.roads.values():
        for number in [number for number, lane in road.lanes.items() if number not in ours and lane.is_idle]:
            del road.lanes[number]
    return resumed


def _is_known(lane: Lane, moment: float) -> bool:
    """Whether the segment's status is fresh enough to send: a purge can pass unseen (`design.md` §3)."""
    seen = lane.segment.status_seen_at
    if seen is None:
        return False
    asleep = lane.segment.status in {Status.ARCHIVED, Status.EXPIRED}
    return moment - seen < (_STALE if asleep else _DAY)


def note_waiting(member: Member, keys: Collection[str]) -> set[str]:
    """Marks the lanes whose segments have rows; the keys that belong to this member."""
    found: set[str] = set()
    if not keys:
        return found
    for road in member.roads.values():
        stirred = False
        for lane in road.lanes.values():
            if lane.segment.key in keys:
                found.add(lane.segment.key)
                stirred = stirred or not lane.waiting
                lane.waiting = True
        if stirred:
            road.bell.ring()
    return found
