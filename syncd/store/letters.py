"""Dead letters that go again, and re-assertions that are due."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.batch import MOST_ELEMENTS, Element, Trace, unpack_element, unpack_traces
from syncd.store.tables import THEIRS, batches, dead_letters, now, reassertions


@dataclass(frozen=True, slots=True)
class Due:
    """Identities whose last state goes out once more, and the promises that said so."""

    promises: tuple[int, ...]
    traces: set[Trace]


@dataclass(frozen=True, slots=True)
class Letter:
    id: int
    batch: int | None
    element: Element


async def due(connection: AsyncConnection, segment_id: int) -> Due | None:
    """The oldest promises that are due, up to the size of one batch."""
    statement = (
        select(reassertions.c.id, reassertions.c.identities)
        .where(reassertions.c.segment_id == segment_id, reassertions.c.due_at <= now())
        .order_by(reassertions.c.id)
        .limit(16)
    )
    promises: list[int] = []
    traces: set[Trace] = set()
    for number, packed in await connection.execute(statement):
        more = unpack_traces(packed)
        if promises and len(traces) + len(more) > MOST_ELEMENTS:
            break
        promises.append(number)
        traces.update(more)
    return Due(tuple(promises), traces) if promises else None


_DUE: Final = (
    select(reassertions.c.segment_id)
    .where(reassertions.c.segment_id.in_(THEIRS), reassertions.c.due_at <= now())
    .distinct()
)
_WANTED: Final = (
    select(dead_letters.c.segment_id)
    .where(dead_letters.c.segment_id.in_(THEIRS), dead_letters.c.retry, dead_letters.c.element.is_not(None))
    .distinct()
)


async def due_segments(connection: AsyncConnection, members: Collection[str]) -> set[int]:
    """Those of some members' segments that have a promise that is due."""
    return set((await connection.execute(_DUE, {"members": list(members)})).scalars())


async def wanted_segments(connection: AsyncConnection, members: Collection[str]) -> set[int]:
    """Those of some members' segments that have dead letters an operator wants to go again."""
    return set((await connection.execute(_WANTED, {"members": list(members)})).scalars())


async def done(connection: AsyncConnection, kept: Due) -> None:
    await connection.execute(delete(reassertions).where(reassertions.c.id.in_(kept.promises)))


async def wanted(connection: AsyncConnection, segment_id: int) -> list[Letter]:
    """The oldest dead letters that go again, up to the size of one batch."""
    statement = (
        select(dead_letters.c.id, dead_letters.c.batch_id, dead_letters.c.element)
        .where(dead_letters.c.segment_id == segment_id, dead_letters.c.retry, dead_letters.c.element.is_not(None))
        .order_by(dead_letters.c.id)
        .limit(MOST_ELEMENTS)
    )
    rows = await connection.execute(statement)
    return [Letter(number, batch, unpack_element(packed)) for number, batch, packed in rows]


_UNCOUNT: Final = (
    update(batches).where(batches.c.id == bindparam("batch")).values(rows_dead=batches.c.rows_dead - bindparam("fewer"))
)


async def exhume(connection: AsyncConnection, letters: Sequence[Letter]) -> None:
    """Takes letters back; their rows are counted again by the batch they go in now."""
    await connection.execute(delete(dead_letters).where(dead_letters.c.id.in_([letter.id for letter in letters])))
    fewer = Counter(letter.batch for letter in letters if letter.batch is not None and letter.element.decides)
    if fewer:
        await connection.execute(_UNCOUNT, [{"batch": batch, "fewer": count} for batch, count in sorted(fewer.items())])


async def bar(connection: AsyncConnection, letters: Sequence[Letter], reason: str, detail: str) -> None:
    """Letters that never go again: they lose what they carry, and say why."""
    barred = dead_letters.c.id.in_([letter.id for letter in letters])
    values = {"element": None, "retry": False, "reason": reason, "detail": detail}
    await connection.execute(update(dead_letters).where(barred).values(values))
