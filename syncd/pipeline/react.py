"""What an answer means beyond its batch: the resource pauses, the segment or the member parks, or they go on again.

Parking is said once: in the database, where everybody sees it, and as an event. A parked segment or member whose
reason may go away by itself is tried again with one request now and then; a success lets it go on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.events import (
    DatabaseFailed,
    MemberParked,
    MemberResumed,
    ResourceBackedOff,
    ResourceThrottled,
    SegmentParked,
    SegmentResumed,
)
from syncd.domain.outcome import Delivered, Outcome, Scope, Throttled
from syncd.domain.retry import OUTAGE, PARKED, Wait, throttle_wait
from syncd.domain.segment import TRIED_AGAIN, MemberParking, SegmentParking
from syncd.domain.settlement import Step
from syncd.errors import LeaseLost, Transient
from syncd.linkedin.auth import Again, Verdict
from syncd.pipeline.lanes import Lane, Road
from syncd.pipeline.member import Flight, Member, Tools
from syncd.store import segments, throttles
from syncd.store.leases import fence

_OUTAGE_AFTER: Final = 5
"""Failures in a row, with no success between them, after which a resource counts as out."""
_SHORT: Final = 1.0


async def react(flight: Flight, step: Step, outcome: Outcome) -> None:
    """Everything an answer asks for that is not its batch's own."""
    road, member, tools = flight.road, flight.member, flight.tools
    if isinstance(outcome, Delivered):
        await _succeeded(flight)
        return
    if step.failed:
        _failed(road, member, tools)
    if step.token_refused:
        await without_token(member, tools, await member.tokens.refused(flight.access, step.words))
    if step.park_member is not None:
        await park_member(member, tools, step.park_member, step.words)
    if step.park_segment is not None:
        await _park_segment(flight.turn.lane, member, tools, step.park_segment, step.words)


def _failed(road: Road, member: Member, tools: Tools) -> None:
    """One more unclear answer; when nothing succeeds any more the whole resource pauses, and one request probes."""
    road.failures_in_a_row += 1
    beyond = road.failures_in_a_row - _OUTAGE_AFTER + 1
    if beyond > 0:
        wait = OUTAGE.wait(beyond, tools.dice)
        member.pacers[road.resource].shut(wait, probe=True)
        tools.emit(ResourceBackedOff(member=member.key, resource=road.resource, seconds=wait))


async def _succeeded(flight: Flight) -> None:
    """Things go well again. Of a pause that began after the request had left, its success says nothing."""
    road, member, tools = flight.road, flight.member, flight.tools
    pacer, lane = member.pacers[road.resource], flight.turn.lane
    before = _left_before_the_pause(flight)
    road.successes += 1
    if road.failures_in_a_row >= _OUTAGE_AFTER:
        tools.emit(ResourceBackedOff(member=member.key, resource=road.resource, seconds=0.0))
    road.failures_in_a_row = 0
    if pacer.probing and not before:
        pacer.open()
    if not before and member.throttles_in_a_row.pop(road.resource, 0):
        await _write(
            member, tools, "throttles", lambda c: throttles.forget(c, member.application, member.key, road.resource)
        )
    await resume_member(member, tools)
    if lane.segment.parked in TRIED_AGAIN:
        await _resume_segment(lane, member, tools)


async def resume_member(member: Member, tools: Tools) -> None:
    """A parked member goes on."""
    reason = member.parked
    if reason is None:
        return
    member.parked, member.probes = None, 0
    await _write(member, tools, "members", lambda c: segments.park_member(c, member.key, None))
    tools.emit(MemberResumed(member=member.key, reason=reason.value))


async def _resume_segment(lane: Lane, member: Member, tools: Tools) -> None:
    """A parked segment goes on."""
    reason = lane.segment.parked
    if reason is None:
        return
    lane.segment = replace(lane.segment, parked=None, parked_words="")
    lane.probes = 0
    await _write(member, tools, "segments", lambda c: segments.resume(c, lane.segment.id))
    tools.emit(SegmentResumed(segment=lane.segment.key, reason=reason.value))


def _left_before_the_pause(flight: Flight) -> bool:
    return flight.departed < flight.member.throttled_at.get(flight.road.resource, 0.0)


def pause(flight: Flight, throttled: Throttled) -> None:
    """The resource pauses, at once. Requests that had left before the pause began are refused too: they make it longer, and
    count no further. The settlement of this answer writes it down.
    """
    road, member, tools = flight.road, flight.member, flight.tools
    counts = not _left_before_the_pause(flight)
    in_a_row = member.throttles_in_a_row.get(road.resource, 0) + counts
    wait = throttle_wait(throttled.scope, in_a_row, throttled.retry_after, tools.dice)
    member.pacers[road.resource].shut(wait, probe=throttled.scope is not Scope.MINUTE)
    whom = "" if throttled.scope is Scope.APPLICATION_DAY else member.key
    until = tools.monotonic() + wait
    member.owe(Wait(member.application, whom, road.resource, throttled.scope, in_a_row, until))
    if counts:
        member.throttles_in_a_row[road.resource] = in_a_row
        member.throttled_at[road.resource] = tools.monotonic()
        tools.emit(
            ResourceThrottled(
                member=member.key,
                resource=road.resource,
                scope=throttled.scope.value,
                seconds=wait,
                words=throttled.words,
            )
        )


async def without_token(member: Member, tools: Tools, verdict: Verdict) -> None:
    """No token works: wait a little if that can help, else the member parks until one does."""
    if not isinstance(verdict, Again):
        await park_member(member, tools, MemberParking.TOKEN, verdict.words)
        return
    for pacer in member.pacers.values():
        pacer.shut(verdict.wait, probe=True)
    await asyncio.sleep(min(verdict.wait, _SHORT))


async def park_member(member: Member, tools: Tools, reason: MemberParking, words: str) -> None:
    """The member waits, with this reason; said once."""
    new = member.parked is not reason
    member.probes += 1
    member.probe_at = tools.monotonic() + PARKED.wait(member.probes, tools.dice)
    if not new:
        return
    member.parked = reason
    work = partial(segments.park_member, member=member.key, reason=reason, words=words)
    if await _write(member, tools, "members", work) is not False:
        tools.emit(MemberParked(member=member.key, reason=reason.value, words=words))


async def _park_segment(lane: Lane, member: Member, tools: Tools, reason: SegmentParking, words: str) -> None:
    """The segment waits, with this reason; said once. What waits for a person waits on."""
    if lane.segment.parked is not None and lane.segment.parked not in TRIED_AGAIN:
        return
    new = lane.segment.parked is not reason
    lane.probes += 1
    wait = PARKED.wait(lane.probes, tools.dice) if reason in TRIED_AGAIN else float("inf")
    lane.probe_at = tools.monotonic() + wait
    if not new:
        return
    lane.segment = replace(lane.segment, parked=reason, parked_words=words)
    work = partial(segments.park, segment_id=lane.segment.id, reason=reason, words=words)
    if await _write(member, tools, "segments", work) is not False:
        tools.emit(SegmentParked(segment=lane.segment.key, reason=reason.value, words=words))


async def _write(
    member: Member, tools: Tools, where: str, work: Callable[[AsyncConnection], Awaitable[bool | None]]
) -> bool | None:
    """Writes what others should see, and hands on what the database said of it. While the database is away memory holds
    it, and the next time says it again; who owns the member no more writes nothing.
    """

    async def fenced(connection: AsyncConnection) -> bool | None:
        await fence(connection, member.grant)
        return await work(connection)

    member.reacting += 1
    try:
        return await tools.database.transact(fenced)
    except LeaseLost:
        member.lose()
        return False
    except Transient as error:
        tools.emit(DatabaseFailed(where=where, words=str(error)))
        return None
    finally:
        member.reacting -= 1
        member.reactions += 1
