"""Erasures: somebody wants to be forgotten. They are suppressed at once; the members' owners do the rest.

Nothing that is kept or shown of an erasure says whom it was about.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from syncd import __version__
from syncd.domain.access import By
from syncd.domain.suppression import Suppressed
from syncd.errors import Absent, Rejected
from syncd.operations import audit
from syncd.operations.audit import Deed
from syncd.operations.moments import moment
from syncd.operations.persons import asked_for, key_of
from syncd.settings import Settings
from syncd.store import erasures, suppressions
from syncd.store.engine import Database

CONFIRMATION: Final = "ERASE"
"""What a person types before anything is erased."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A segment of an erasure. `words` is what it waits for, or why there was nothing to do; `batch` and `support_id` are
    of the request in which LinkedIn accepted that the person left.
    """

    segment: str
    stage: str
    words: str
    outbox_rows: int
    ledger_rows: int
    subjects: int
    dead_letters: int
    batch: int | None
    support_id: str
    accepted_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    id: int
    kind: str
    status: str
    reason: str
    by: str
    begun_at: datetime | None
    finished_at: datetime | None
    places: list[Place]


async def begin(database: Database, settings: Settings, person: str, *, by: By, confirmation: str) -> Erasure:
    """From the moment this returns nobody adds the person again. Raises Rejected, BadConfiguration."""
    if confirmation != CONFIRMATION:
        raise Rejected(f"an erasure cannot be taken back: type {CONFIRMATION} to confirm it")
    if not by.reason.strip():
        raise Rejected("say why: an erasure needs a reason, for instance the number of the request")
    ids, key = asked_for(person), key_of(settings)

    async def work(connection: AsyncConnection) -> int:
        await suppressions.claim(connection, key.id)
        number = await erasures.begin(connection, Suppressed.ERASURE, ids, by.reason, by.name)
        await suppressions.add(connection, [key.digest(one) for one in ids], Suppressed.ERASURE, number)
        await audit.record(connection, by, Deed(action="erasure.begin", target=str(number)))
        return number

    return await show(database, await database.transact(work))


async def listed(database: Database, most: int = 50, below: int | None = None) -> list[Erasure]:
    """The newest first; `below` is the number of the last one seen."""
    async with database.read() as connection:
        rows = await erasures.listed(connection, most, below)
        places = await erasures.places(connection, [row.id for row in rows])
    return [_erasure(row, places) for row in rows]


async def show(database: Database, number: int) -> Erasure:
    async with database.read() as connection:
        row = await erasures.find(connection, number)
        places = await erasures.places(connection, [number])
    if row is None:
        raise Absent(f"there is no erasure {number}: `syncd erasures list` shows them")
    return _erasure(row, places)


async def evidence(database: Database, number: int) -> dict[str, object]:
    """What can be shown to whoever asks whether it was done: times, segments, requests and counts, and nobody's name."""
    one = await show(database, number)
    return {
        "document": "syncd erasure evidence",
        "syncd": __version__,
        "erasure": one.id,
        "kind": one.kind,
        "status": one.status,
        "reason": one.reason,
        "asked_by": one.by,
        "begun_at": _iso(one.begun_at),
        "finished_at": _iso(one.finished_at),
        "segments": [_shown(place) for place in one.places],
    }


def _shown(place: Place) -> dict[str, object]:
    return {
        "segment": place.segment,
        "stage": place.stage,
        "words": place.words,
        "rows_taken_out_of_the_outbox": place.outbox_rows,
        "ledger_rows_deleted": place.ledger_rows,
        "subjects_deleted": place.subjects,
        "dead_letters_deleted": place.dead_letters,
        "accepted_in_batch": place.batch,
        "linkedin_support_id": place.support_id,
        "accepted_at": _iso(place.accepted_at),
        "finished_at": _iso(place.finished_at),
    }


def _iso(at: datetime | None) -> str | None:
    return at.isoformat(timespec="seconds") if at is not None else None


def _erasure(row: Any, places: Any) -> Erasure:
    return Erasure(
        id=row.id,
        kind=row.kind,
        status="running" if row.finished_at is None else "done",
        reason=row.reason,
        by=row.asked_by,
        begun_at=moment(row.begun_at),
        finished_at=moment(row.finished_at),
        places=[_place(place) for place in places if place.erasure_id == row.id],
    )


def _place(row: Any) -> Place:
    return Place(
        segment=row.segment,
        stage=row.stage,
        words=row.words,
        outbox_rows=row.outbox_rows,
        ledger_rows=row.ledger_rows,
        subjects=row.subject_lines,
        dead_letters=row.dead_letters,
        batch=row.batch_id,
        support_id=row.support_id,
        accepted_at=moment(row.accepted_at),
        finished_at=moment(row.finished_at),
    )
