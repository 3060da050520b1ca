"""What became of one outbox row: promise 1 of `design.md`, answered for anyone who asks.

A row is in the outbox, or in the rows a batch took, never in both. Of all batches that took it (a dead letter that is
retried goes in a batch of its own) the newest decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from syncd.domain.batch import RowFate, State, unpack, unpack_rows
from syncd.operations.moments import moment
from syncd.store import reports, source
from syncd.store.engine import Database


class Outcome(StrEnum):
    PENDING = "pending"
    WAITING = "waiting"
    APPLIED = "applied"
    SUPERSEDED = "superseded"
    DEAD = "dead"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeReport:
    """The fate of a row. `explanation` is a sentence; what a fate has none of is None or empty. `accepted_at` is when the
    row's batch was closed, or taken if it needed no call; None while other elements of the batch are on their way.
    """

    id: int
    outcome: Outcome
    explanation: str
    segment: str | None = None
    action: str | None = None
    written_at: datetime | None = None
    batch: int | None = None
    kind: str | None = None
    attempts: int | None = None
    words: str = ""
    support_id: str = ""
    accepted_at: datetime | None = None
    reason: str | None = None
    detail: str | None = None
    letter: int | None = None
    retrying: bool = False


async def fate_of(database: Database, number: int) -> ChangeReport:
    """What became of the outbox row with this id."""
    async with database.read() as connection:
        row = await reports.outbox_row(connection, number)
        if row is not None:
            return ChangeReport(
                id=number,
                outcome=Outcome.PENDING,
                explanation="in the outbox: nobody has taken it yet",
                segment=row.segment_key,
                action=row.action,
                written_at=moment(row.created_at),
            )
        for batch in await reports.batches_around(connection, number):
            fates = unpack_rows(bytes(batch.row_fates)) if batch.row_fates is not None else {}
            if number in fates:
                return _told(number, fates[number], batch)
        last = (await source.origin(connection)).last_id
    return ChangeReport(id=number, outcome=Outcome.UNKNOWN, explanation=_why_unknown(number, last))


def _why_unknown(number: int, last: int) -> str:
    if number > last:
        return f"no such row yet: the last id drawn is {last}"
    return "no row with this id was committed, or it is too long ago to be remembered"


def _told(number: int, fate: RowFate, batch: Any) -> ChangeReport:
    match fate:
        case RowFate.SUPERSEDED:
            return _report(
                number, batch, Outcome.SUPERSEDED, "a newer row for the same identity took its place before it was sent"
            )
        case RowFate.LATE:
            return _report(
                number, batch, Outcome.SUPERSEDED, "it was committed late: a newer row for the same identity went first"
            )
        case RowFate.NEEDLESS:
            return _report(
                number, batch, Outcome.APPLIED, "it was true already and needed no call", at=batch.created_at
            )
        case RowFate.DEAD:
            return _dead(number, batch)
        case RowFate.TAKEN:
            return _taken(number, batch)


def _taken(number: int, batch: Any) -> ChangeReport:
    if batch.letter is not None:
        return _dead(number, batch)
    if batch.open and (waiting := _waiting(number, batch)):
        return waiting
    return _report(number, batch, Outcome.APPLIED, "LinkedIn accepted it", at=batch.closed_at)


def _waiting(number: int, batch: Any) -> ChangeReport | None:
    """The row's state in a batch that is open: waiting, unless what it asks for is settled."""
    states = batch.states or b""
    mine = [
        State(states[index]) if index < len(states) else State.OPEN
        for index, element in enumerate(unpack(bytes(batch.body or b"\x90")))
        if element.row == number
    ]
    if State.OPEN in mine:
        return _report(number, batch, Outcome.WAITING, "in a batch that is on its way to LinkedIn")
    if State.REFUSED in mine:
        return _dead(number, batch)
    if State.DROPPED in mine:
        return _report(number, batch, Outcome.SUPERSEDED, "a newer row overtook it before it was sent again")
    return None


def _dead(number: int, batch: Any) -> ChangeReport:
    if batch.letter is None:
        return _report(number, batch, Outcome.DEAD, "it could not be applied; its dead letter was dropped")
    again = "its dead letter is about to go again" if batch.retry else f"see dead letter {batch.letter}"
    return _report(
        number,
        batch,
        Outcome.DEAD,
        f"it could not be applied: {again}",
        reason=batch.reason,
        detail=batch.detail,
        letter=batch.letter,
        retrying=batch.retry,
    )


def _report(
    number: int, batch: Any, outcome: Outcome, explanation: str, *, at: float | None = None, **more: Any
) -> ChangeReport:
    return ChangeReport(
        id=number,
        outcome=outcome,
        explanation=explanation,
        segment=batch.segment,
        batch=batch.id,
        kind=batch.kind,
        attempts=batch.attempts,
        words=batch.words,
        support_id=batch.uuid,
        accepted_at=moment(at),
        **more,
    )
