"""Batches and dead letters: written before anything is sent, closed when nothing in them is unsettled."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import bindparam, case, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.batch import (
    LOWEST,
    BatchId,
    BatchKind,
    Draft,
    Element,
    RowFate,
    Trace,
    pack,
    pack_element,
    pack_rows,
    pack_traces,
    unpack,
    unpack_rows,
)
from syncd.domain.collapse import Death
from syncd.domain.settlement import Dead
from syncd.store.tables import batches, dead_letters, later, now, reassertions


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """An open batch as the database holds it."""

    id: BatchId
    segment_id: int
    kind: BatchKind
    elements: list[Element]
    states: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What one step changes in a batch's row. Counts are those of this step; `states` is None once the batch is closed."""

    batch: BatchId
    states: bytes | None
    accepted: int
    refused: int
    dropped: int
    rows_applied: int
    rows_superseded: int
    rows_dead: int
    attempts: int
    words: str
    uuid: str

    @property
    def closes(self) -> bool:
        return self.states is None


async def write(
    connection: AsyncConnection,
    segment_id: int,
    kind: BatchKind,
    drafts: Sequence[Draft],
    resync: int | None = None,
) -> list[BatchId]:
    """Stores drafts as batches, in order. One without elements is stored closed: it accounts for the rows it took."""
    rows = [row(segment_id, kind, draft, resync) for draft in drafts]
    return [BatchId(number) for number in (await connection.execute(_WRITE, rows)).scalars()]


_WRITE: Final = insert(batches).returning(batches.c.id, sort_by_parameter_order=True)


def row(segment_id: int, kind: BatchKind, draft: Draft, resync: int | None = None) -> dict[str, Any]:
    """A draft by columns."""
    ids = [taken for taken, _ in draft.rows]
    fates = draft.tally()
    is_open = bool(draft.elements)
    return {
        "segment_id": segment_id,
        "kind": kind.value,
        "open": is_open,
        "elements": len(draft.elements),
        "first_id": min(ids, default=None),
        "last_id": max(ids, default=None),
        "rows_taken": len(ids),
        "rows_applied": fates[RowFate.NEEDLESS],
        "rows_superseded": fates[RowFate.SUPERSEDED] + fates[RowFate.LATE],
        "rows_dead": fates[RowFate.DEAD],
        "body": pack(draft.elements) if is_open else None,
        "row_fates": pack_rows(draft.rows) if ids else None,
        "resync_id": resync,
    }


async def open_of(connection: AsyncConnection, segment_ids: Collection[int]) -> list[Stored]:
    """All open batches of some segments, in their order."""
    statement = (
        select(batches.c.id, batches.c.segment_id, batches.c.kind, batches.c.body, batches.c.states)
        .where(batches.c.open, batches.c.segment_id.in_(segment_ids))
        .order_by(batches.c.id)
    )
    return [
        Stored(
            id=BatchId(row.id),
            segment_id=row.segment_id,
            kind=BatchKind(row.kind),
            elements=unpack(row.body),
            states=row.states,
        )
        for row in await connection.execute(statement)
    ]


_SETTLE: Final = (
    update(batches)
    .where(batches.c.id == bindparam("batch"))
    .values(
        open=bindparam("still_open"),
        body=case((bindparam("still_open"), batches.c.body), else_=None),
        states=bindparam("new_states"),
        accepted=batches.c.accepted + bindparam("more_accepted"),
        refused=batches.c.refused + bindparam("more_refused"),
        dropped=batches.c.dropped + bindparam("more_dropped"),
        rows_applied=batches.c.rows_applied + bindparam("more_applied"),
        rows_superseded=batches.c.rows_superseded + bindparam("more_superseded"),
        rows_dead=batches.c.rows_dead + bindparam("more_dead"),
        attempts=bindparam("new_attempts"),
        words=case((bindparam("new_words") != "", bindparam("new_words")), else_=batches.c.words),
        uuid=case((bindparam("new_uuid") != "", bindparam("new_uuid")), else_=batches.c.uuid),
        closed_at=case((bindparam("still_open"), None), else_=now()),
    )
)


async def settle(connection: AsyncConnection, settled: Settled) -> None:
    """Writes a step's result; a closed batch loses its body and keeps its counts, ids and LinkedIn's support id."""
    await connection.execute(
        _SETTLE,
        {
            "batch": settled.batch,
            "still_open": not settled.closes,
            "new_states": settled.states,
            "more_accepted": settled.accepted,
            "more_refused": settled.refused,
            "more_dropped": settled.dropped,
            "more_applied": settled.rows_applied,
            "more_superseded": settled.rows_superseded,
            "more_dead": settled.rows_dead,
            "new_attempts": settled.attempts,
            "new_words": settled.words,
            "new_uuid": settled.uuid,
        },
    )


async def is_written(connection: AsyncConnection, batch: BatchId, states: bytes | None) -> bool:
    """Whether a batch is as a step would leave it: these states, or closed where they are None. It waits for whoever is
    writing it, as a commit may do whose connection broke.
    """
    statement = select(batches.c.open, batches.c.states).where(batches.c.id == batch).with_for_update()
    row = (await connection.execute(statement)).one()
    return not row.open if states is None else bool(row.open) and row.states == states


async def supersede(connection: AsyncConnection, batch: BatchId, rows: Iterable[int]) -> None:
    """Marks rows of a batch as superseded, so that `changes show` can say so after it is closed."""
    packed = (await connection.execute(select(batches.c.row_fates).where(batches.c.id == batch))).scalar_one()
    if packed is None:
        return
    fates = unpack_rows(packed)
    fates.update({row: RowFate.SUPERSEDED for row in rows if row in fates})
    await connection.execute(update(batches).where(batches.c.id == batch).values(row_fates=pack_rows(fates.items())))


async def bury_rows(connection: AsyncConnection, segment_id: int, batch: BatchId, deaths: Sequence[Death]) -> None:
    """Dead letters for rows that could not be prepared."""
    rows = [
        {
            "segment_id": segment_id,
            "outbox_id": death.row,
            "batch_id": batch,
            "reason": death.reason.value,
            "detail": death.detail,
        }
        for death in deaths
    ]
    if rows:
        await connection.execute(insert(dead_letters), rows)


async def bury_elements(
    connection: AsyncConnection, segment_id: int, batch: BatchId, dead: Sequence[Dead], elements: Sequence[Element]
) -> None:
    """Dead letters for elements that LinkedIn refused; the prepared element stays with the letter, for a retry. One that
    no change asked for leaves none: what was refused before has its letter.
    """
    rows = [
        {
            "segment_id": segment_id,
            "outbox_id": elements[one.index].row,
            "batch_id": batch,
            "reason": "refused",
            "detail": one.words,
            "status": one.status,
            "element": pack_element(elements[one.index]),
        }
        for one in dead
        if elements[one.index].rank != LOWEST
    ]
    if rows:
        await connection.execute(insert(dead_letters), rows)


async def buried(connection: AsyncConnection, rows: Collection[int]) -> set[int]:
    """Which of some rows have a dead letter already."""
    statement = select(dead_letters.c.outbox_id).where(dead_letters.c.outbox_id.in_(rows))
    return set((await connection.execute(statement)).scalars())


async def promise_reassertion(
    connection: AsyncConnection, segment_id: int, traces: Collection[Trace], wait: float
) -> None:
    """Remembers identities whose last state goes out once more, `wait` seconds from now."""
    statement = insert(reassertions).values(segment_id=segment_id, due_at=later(wait), identities=pack_traces(traces))
    await connection.execute(statement)


async def count_open(connection: AsyncConnection, segment_ids: Collection[int]) -> dict[int, int]:
    statement = (
        select(batches.c.segment_id, func.count())
        .where(batches.c.open, batches.c.segment_id.in_(segment_ids))
        .group_by(batches.c.segment_id)
    )
    return dict((await connection.execute(statement)).all())
