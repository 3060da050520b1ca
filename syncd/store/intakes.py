"""What intake keeps about itself in a segment's row: how far it came, and whether it ended.

An intake's transaction begins and ends here, each time in one round trip: with the fence, and with its batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import bindparam, case, insert, or_, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import ReturningInsert

from syncd.domain.batch import BatchId, BatchKind, Draft
from syncd.store import batches
from syncd.store.leases import IS_OURS, Grant, lost, named
from syncd.store.suppressions import State, suppression_state
from syncd.store.tables import batches as batch_rows
from syncd.store.tables import leases, segments, source


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
    .select_from(
        leases.join(segments, true())
        .join(source, source.c.id == 1)
        .join(suppression_state, suppression_state.c.id == 1)
    )
    .where(IS_OURS, segments.c.id == bindparam("segment"))
    .with_for_update(read=True, key_share=True, of=leases)
)


async def mark(connection: AsyncConnection, grant: Grant, segment_id: int) -> Mark:
    """Fences the transaction, as `leases.fence` does, and reads where the segment stands. What a fence that had to wait
    waited for was no intake of this segment: those go one after the other, and `refresh.recover` waits for one whose end
    is not known.

    Raises LeaseLost if another replica owns the member.
    """
    row = (await connection.execute(_MARK, {"segment": segment_id, **named(grant)})).one_or_none()
    if row is None:
        raise lost(grant)
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


def _stored(prefix: str) -> ReturningInsert[Any]:
    """A batch and the end in one statement. The batch's parameters have names of their own: by those of columns, which
    `segments` has too, SQLAlchemy would set them there as well.
    """
    names = batches.row(0, BatchKind.LIVE, Draft())
    stored = insert(batch_rows).values({name: bindparam(f"{prefix}{name}") for name in names})
    return stored.returning(batch_rows.c.id).add_cte(_ENDED.cte("ended"))


_NEW: Final = "new_"
_STORED: Final = _stored(_NEW)


async def ended(
    connection: AsyncConnection, segment_id: int, drafts: Sequence[Draft], highest: int, *, crashes: int, subjects: bool
) -> list[BatchId]:
    """In the transaction that took the rows: their batches, the highest id, and crashes as they count from now on. The one
    batch that an intake usually comes to costs no round trip of its own (PostgreSQL; SQLite has none to save).
    """
    given: dict[str, Any] = {"segment": segment_id, "taken": highest, "crashes": crashes, "subjects": subjects}
    if len(drafts) == 1 and connection.dialect.name == "postgresql":
        row = batches.row(segment_id, BatchKind.LIVE, drafts[0])
        given |= {f"{_NEW}{name}": value for name, value in row.items()}
        return [BatchId((await connection.execute(_STORED, given)).scalar_one())]
    await connection.execute(_ENDED, given)
    return await batches.write(connection, segment_id, BatchKind.LIVE, drafts) if drafts else []
