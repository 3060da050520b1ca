"""What intake keeps about itself in a segment's row: how far it came, and whether it ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import bindparam, case, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.store.suppressions import State, suppression_state
from syncd.store.tables import segments, source


@dataclass(frozen=True, slots=True)
class Mark:
    """The source epoch and why it is parked, the highest id taken, whether subjects were ever named, crashes counted, and
    how far the list of those who are suppressed has come.
    """

    epoch: int
    parked: str | None
    high_water: int
    has_subjects: bool
    crashes: int
    suppressed: State


@dataclass(frozen=True, slots=True)
class Armed:
    """Intakes begun and not ended, this one included; the row named before the last one; the last row to watch."""

    crashes: int
    suspect: int | None
    suspects_until: int | None


@dataclass(frozen=True, slots=True)
class Careful:
    """Rows go one at a time; the one that was put aside just now, if any."""

    quarantined: int | None


_MARK: Final = (
    select(
        source.c.epoch,
        source.c.parked_words,
        segments.c.high_water,
        segments.c.has_subjects,
        segments.c.intake_crashes,
        suppression_state.c.entries,
        suppression_state.c.last,
        suppression_state.c.key_id,
    )
    .select_from(segments.join(source, source.c.id == 1).join(suppression_state, suppression_state.c.id == 1))
    .where(segments.c.id == bindparam("segment"))
)


async def mark(connection: AsyncConnection, segment_id: int) -> Mark:
    row = (await connection.execute(_MARK, {"segment": segment_id})).one()
    state = State(row.entries, row.last, row.key_id)
    return Mark(row.epoch, row.parked_words, row.high_water, row.has_subjects, row.intake_crashes, state)


_ARM: Final = (
    update(segments)
    .where(segments.c.id == bindparam("segment"))
    .values(intake_crashes=segments.c.intake_crashes + 1)
    .returning(segments.c.intake_crashes, segments.c.suspect_id, segments.c.suspects_until)
)


async def arm(connection: AsyncConnection, segment_id: int) -> Armed:
    """Counts one more intake that has begun; committed before the first row is looked at."""
    row = (await connection.execute(_ARM, {"segment": segment_id})).one()
    return Armed(row.intake_crashes, row.suspect_id, row.suspects_until)


async def suspect(connection: AsyncConnection, segment_id: int, row: int, until: int) -> None:
    """Names the row that is looked at next."""
    await connection.execute(
        update(segments).where(segments.c.id == segment_id).values(suspect_id=row, suspects_until=until)
    )


async def calm(connection: AsyncConnection, segment_id: int) -> None:
    """Every row that could have been the killer is through: rows go by the thousand again, this intake counted as begun."""
    await connection.execute(
        update(segments)
        .where(segments.c.id == segment_id)
        .values(suspect_id=None, suspects_until=None, intake_crashes=1)
    )


_ENDED: Final = (
    update(segments)
    .where(segments.c.id == bindparam("segment"))
    .values(
        high_water=case((segments.c.high_water < bindparam("taken"), bindparam("taken")), else_=segments.c.high_water),
        intake_crashes=bindparam("crashes"),
        suspect_id=None,
        has_subjects=or_(segments.c.has_subjects, bindparam("subjects")),
    )
)


async def ended(connection: AsyncConnection, segment_id: int, highest: int, *, crashes: int, subjects: bool) -> None:
    """In the transaction that took the rows: the highest id, and crashes as they count from now on."""
    given = {"segment": segment_id, "taken": highest, "crashes": crashes, "subjects": subjects}
    await connection.execute(_ENDED, given)
