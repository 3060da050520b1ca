"""Settlement: what LinkedIn answered goes into the ledger, in one transaction, before anything follows from it.

Accepted elements become ledger rows, refused ones dead letters, those a later batch overtook are superseded. When
nothing is left the batch is closed, and identities of attempts whose end is unknown are promised a re-assertion.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.batch import Element, Flag, State, deciding, trace
from syncd.domain.events import BatchClosed, BatchDelayed, StepSettled
from syncd.domain.settlement import Journey, Step
from syncd.pipeline.lanes import Lane
from syncd.pipeline.member import Member, Tools
from syncd.store import batches, closing, ledger, throttles
from syncd.store.batches import Settled
from syncd.store.leases import fence


@dataclass(frozen=True, slots=True)
class _Rows:
    """What became of the rows whose deciding element this step settled."""

    applied: int
    superseded: int
    dead: int


async def record(
    lane: Lane, journey: Journey, step: Step, member: Member, tools: Tools, *, doubted: bool = False
) -> None:
    """Writes a step, once: `doubted` says that an earlier attempt may have been committed. Raises LeaseLost if the member
    is not ours any more, Transient if the database cannot be reached.
    """

    async def work(connection: AsyncConnection) -> tuple[float, _Rows, bool]:
        written = await _write(connection, journey, step, member, tools, doubted=doubted)
        for wait in waits:
            await throttles.remember(connection, wait, tools.monotonic)
        return written

    waits = list(member.unwritten.values())
    usual: tuple[float, _Rows, bool] | None = None
    if tools.database.is_postgresql and not (doubted or waits) and is_usual(journey, step):
        usual = await _closed_at_once(journey, step, member, tools)
        doubted = usual is None
    moment, rows, closes = await tools.database.transact(work) if usual is None else usual
    member.written(waits)
    if step.settles:
        tools.emit(_settled(lane.segment.key, journey, step, rows, moment))
    else:
        tools.emit(
            BatchDelayed(
                segment=lane.segment.key,
                batch=journey.id,
                attempts=journey.attempts + 1,
                words=step.words,
                uuid=step.uuid,
            )
        )
    if closes:
        tools.emit(_closed(lane.segment.key, journey, step))


def is_usual(journey: Journey, step: Step) -> bool:
    """Whether everything was accepted in one request and nothing else is to be written than that."""
    whole = len(step.accepted) == len(journey.elements)
    alone = whole and not (step.again or step.held or journey.held or journey.uncertain or journey.doubted)
    return alone and not journey.shape.flags & Flag.COMPANION


async def _closed_at_once(
    journey: Journey, step: Step, member: Member, tools: Tools
) -> tuple[float, _Rows, bool] | None:
    """The settlement in one statement; nothing if the batch was closed before."""
    elements = journey.elements
    rows = _Rows(len(deciding(elements)), 0, 0)
    accepted = closing.Accepted(
        batch=journey.id,
        segment_id=journey.segment_id,
        elements=elements,
        shape=journey.shape,
        rows_applied=rows.applied,
        attempts=journey.attempts + 1,
        words=step.words,
        uuid=step.uuid,
    )
    moment = await tools.database.at_once(lambda connection: closing.close(connection, member.grant, accepted))
    return None if moment is None else (moment, rows, True)


async def _write(
    connection: AsyncConnection, journey: Journey, step: Step, member: Member, tools: Tools, *, doubted: bool
) -> tuple[float, _Rows, bool]:
    moment = await fence(connection, member.grant)
    elements = journey.elements
    accepted = elements if len(step.accepted) == len(elements) else [elements[index] for index in step.accepted]
    held = step.held if step.held is not None else journey.held
    closes = not step.again and not held and all(part is step.part for part in journey.parts)
    states = None if closes else _states(journey, step)
    if doubted and step.settles and await batches.is_written(connection, journey.id, states):
        return moment, await _rows(connection, journey, step, accepted), closes
    if accepted:
        await ledger.record(connection, journey.segment_id, journey.id, accepted, journey.shape)
    if step.refused:
        await batches.bury_elements(connection, journey.segment_id, journey.id, step.refused, elements)
    rows = await _rows(connection, journey, step, accepted)
    if closes:
        unknown = {trace(elements[index]) for index in journey.unknown(step)}
        if unknown:
            wait = 2 * tools.request_timeout
            await batches.promise_reassertion(connection, journey.segment_id, unknown, wait)
    await batches.settle(
        connection,
        Settled(
            batch=journey.id,
            states=states,
            accepted=len(step.accepted),
            refused=len(step.refused),
            dropped=len(step.dropped),
            rows_applied=rows.applied,
            rows_superseded=rows.superseded,
            rows_dead=rows.dead,
            attempts=journey.attempts + 1,
            words=step.words,
            uuid=step.uuid,
        ),
    )
    return moment, rows, closes


async def _rows(connection: AsyncConnection, journey: Journey, step: Step, accepted: Sequence[Element]) -> _Rows:
    """A row is applied when all its elements are: one whose other element was refused before is dead."""
    elements = journey.elements
    applied = len(deciding(accepted))
    dead = sum(1 for one in step.refused if elements[one.index].decides)
    dropped = [elements[index].row for index in step.dropped if elements[index].decides]
    if dropped:
        await batches.supersede(connection, journey.id, dropped)
    paired = {element.row for element in accepted if element.flags & Flag.COMPANION and element.decides}
    if paired:
        fallen = len(await batches.buried(connection, paired))
        applied, dead = applied - fallen, dead + fallen
    return _Rows(applied, len(dropped), dead)


def _states(journey: Journey, step: Step) -> bytes:
    states = bytearray(journey.states)
    for index in step.accepted:
        states[index] = State.ACCEPTED
    for one in step.refused:
        states[one.index] = State.REFUSED
    for index in step.dropped:
        states[index] = State.DROPPED
    return bytes(states)


def _settled(segment: str, journey: Journey, step: Step, rows: _Rows, moment: float) -> StepSettled:
    elements = journey.elements
    counted: Counter[tuple[str, str]] = Counter()
    accepted = elements if len(step.accepted) == len(elements) else [elements[index] for index in step.accepted]
    joined = [element.add for element in accepted].count(True)
    counted["ADD", "accepted"], counted["REMOVE", "accepted"] = joined, len(accepted) - joined
    lags = [moment - element.created / 1000 for element in accepted if element.created]
    for one in step.refused:
        counted[elements[one.index].action.value, "refused"] += 1
    for index in step.dropped:
        counted[elements[index].action.value, "superseded"] += 1
    return StepSettled(
        segment=segment,
        batch=journey.id,
        elements=+counted,
        rows={"applied": rows.applied, "superseded": rows.superseded, "dead": rows.dead},
        lags=lags,
        uuid=step.uuid,
    )


def _closed(segment: str, journey: Journey, step: Step) -> BatchClosed:
    refused = bool(step.refused) or State.REFUSED in journey.states
    accepted = bool(step.accepted) or journey.accepted_any
    outcome = ("partly_refused" if accepted else "refused") if refused else "accepted" if accepted else "superseded"
    return BatchClosed(
        segment=segment, batch=journey.id, kind=journey.kind.value, outcome=outcome, attempts=journey.attempts + 1
    )
