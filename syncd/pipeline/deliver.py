"""Delivery: the part whose turn it is goes to LinkedIn as soon as the pacer lets it, and its answer is settled.

The only place that sends members. The loop sleeps, paces and starts requests; each request is a task of its own that
ends with its settlement, so that the loop can be stopped at any moment and what is in flight still ends well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final, Literal

from syncd.domain.events import DatabaseFailed, PacerWaited
from syncd.domain.outcome import Outcome, Throttled, Unclear
from syncd.domain.retry import DATABASE
from syncd.domain.settlement import Circumstances, Part, Step, decide
from syncd.errors import LeaseLost, Transient
from syncd.linkedin import streams, wire
from syncd.linkedin.auth import Access
from syncd.pipeline import react, settle
from syncd.pipeline.lanes import Road, wait_for
from syncd.pipeline.member import Flight, Member, Tools

_LOOK: Final = 5.0
"""Seconds between looks when nothing rings; the look at the database rings every two."""


async def deliver(road: Road, member: Member, tools: Tools, start: Callable[[Coroutine[Any, Any, None]], None]) -> None:
    """Sends what may go on one road until cancelled; `start` makes a request a task that outlives the loop."""
    pacer = member.pacers[road.resource]
    while True:
        heard = road.bell.heard
        now = tools.monotonic()
        if not member.may_send(now) or road.next_turn() is None:
            await wait_for(heard, _until(road, member, now))
            continue
        waited = await pacer.admit()
        tools.emit(PacerWaited(resource=road.resource, seconds=waited))
        access = await member.tokens.access()
        turn = road.next_turn() if member.may_send(tools.monotonic()) else None
        if turn is None or not isinstance(access, Access):
            pacer.done(answered=True)
            if not isinstance(access, Access):
                await react.without_token(member, tools, access)
            continue
        road.depart(turn)
        if member.parked is not None:
            member.probe_at = tools.monotonic() + 2 * tools.request_timeout
        start(_fly(Flight(turn, road, member, tools, access, tools.monotonic())))


def _until(road: Road, member: Member, now: float) -> float:
    due = road.next_event()
    if member.parked is not None and member.probe_at > now:
        due = min(due, member.probe_at) if due is not None else member.probe_at
    return min(_LOOK, max(0.0, due - now)) if due is not None else _LOOK


async def _fly(flight: Flight) -> None:
    """One part, from its elements to its settlement."""
    lane, batch, part = flight.turn.lane, flight.turn.batch, flight.turn.part
    dropped = set(lane.overtaken(batch, part))
    going = [index for index in part.indexes if index not in dropped] if dropped else part.indexes
    try:
        outcome = await _asked(flight, going)
        if outcome is None and going:
            batch.in_flight.discard(part)
            return
        async with batch.settling:
            step = _step(flight, going, outcome)
            step.part, step.dropped = part, sorted(dropped)
            await _written(flight, step)
            flight.road.settle(flight.turn, step)
        if outcome is not None:
            await react.react(flight, step, outcome)
    except LeaseLost:
        flight.member.lose()
    finally:
        flight.member.ring()


async def _asked(flight: Flight, going: Sequence[int]) -> Outcome | None:
    """Sends the elements, if any are left, and gives the pacer its place back; nothing if the lease cannot be trusted."""
    pacer = flight.member.pacers[flight.road.resource]
    answered = True
    try:
        if not going or not flight.member.trusts(flight.tools.monotonic()):
            return None
        answered = False
        outcome = await _sent(flight, going)
        answered = not (isinstance(outcome, Unclear) and outcome.lingering)
        if isinstance(outcome, Throttled):  # at once: writing it down may take a while
            react.pause(flight, outcome)
        return outcome
    finally:
        pacer.done(answered=answered)


async def _sent(flight: Flight, going: Sequence[int]) -> Outcome:
    elements = flight.turn.batch.journey.elements
    chosen = elements if len(going) == len(elements) else [elements[index] for index in going]
    resource: Literal["users", "companies"] = "users" if flight.road.resource == "users" else "companies"
    shape = flight.turn.batch.journey.shape
    body = wire.user_batch(chosen, shape) if resource == "users" else wire.company_batch(chosen)
    dmp_id = flight.turn.lane.segment.dmp_id
    assert dmp_id is not None
    return await streams.send(
        flight.member.transport,
        token=flight.access.token,
        resource=resource,
        dmp_id=dmp_id,
        body=body,
        sent=len(chosen),
    )


def _step(flight: Flight, going: Sequence[int], outcome: Outcome | None) -> Step:
    """What the answer asks for; a part that was overtaken whole needs no answer."""
    batch, part = flight.turn.batch, flight.turn.part
    if outcome is None:
        return Step(part=part, refusals=batch.journey.refusals)
    if batch.successes_before is None:
        batch.successes_before = flight.road.successes
    now = flight.tools.monotonic()
    circumstances = Circumstances(
        now=now,
        dice=flight.tools.dice,
        others_succeed=flight.road.successes > batch.successes_before,
        segment_age=now - flight.turn.lane.bound_at,
    )
    return decide(batch.journey, Part(going, part.failures, part.not_before, part.isolating), outcome, circumstances)


async def _written(flight: Flight, step: Step) -> None:
    """Writes the step, as often as it takes: what LinkedIn accepted must not be forgotten because the database is away."""
    failures = 0
    while True:
        try:
            return await settle.record(
                flight.turn.lane, flight.turn.batch.journey, step, flight.member, flight.tools, doubted=failures > 0
            )
        except Transient as error:
            failures += 1
            flight.tools.emit(DatabaseFailed(where="settlement", words=str(error)))
            await asyncio.sleep(DATABASE.wait(failures, flight.tools.dice))
