"""What people do to the database: outbox rows by hand, and orders that the members' owners carry out.

Nothing here needs a lease: an order is a mark in a row, and whoever owns the member finds it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Text, cast, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.batch import RowFate, pack_rows, unpack_rows
from syncd.store.reports import Letters, letters_meant
from syncd.store.tables import batches, dead_letters, members, outbox, segments

_SLOTS: Final = 1_024
_LOCK_CLASS: Final = 1_937_337_955
"""The advisory locks of `migrations/sql/enqueue.sql`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An outbox row to be; `payload` is JSON text of an object."""

    segment: str
    action: str
    subject: str | None
    payload: str


async def lock_all_slots(connection: AsyncConnection) -> None:
    """Everything `enqueue` may lock, in its order: who writes in several statements could wait in a ring otherwise.
    SQLite has one writer anyway.
    """
    if connection.dialect.name == "postgresql":
        every = func.generate_series(0, _SLOTS - 1)
        await connection.execute(select(func.pg_advisory_xact_lock(_LOCK_CLASS, every)))


async def enqueue(connection: AsyncConnection, rows: Sequence[Row]) -> int | None:
    """Writes outbox rows in their order; the id where it is a single one."""
    if connection.dialect.name == "postgresql":
        return await _enqueue_postgresql(connection, rows)
    values = [
        {"segment_key": row.segment, "action": row.action, "subject_id": row.subject, "payload": row.payload}
        for row in rows
    ]
    if len(values) > 1:
        await connection.execute(insert(outbox), values)
        return None
    return int((await connection.execute(insert(outbox).values(values[0]).returning(outbox.c.id))).scalar_one())


async def _enqueue_postgresql(connection: AsyncConnection, rows: Sequence[Row]) -> int | None:
    if len(rows) == 1:
        (row,) = rows
        arguments = (
            cast(row.segment, Text),
            cast(row.action, Text),
            cast(cast(row.payload, Text), JSONB),
            cast(row.subject, Text),
        )
        return int((await connection.execute(select(func.syncd.enqueue(*arguments)))).scalar_one())
    listed = [
        {
            "segment_key": row.segment,
            "action": row.action,
            "subject_id": row.subject,
            "payload": msgspec.Raw(row.payload.encode()),
        }
        for row in rows
    ]
    text = msgspec.json.encode(listed).decode()
    await connection.execute(select(func.syncd.enqueue_many(cast(cast(text, Text), JSONB))))
    return None


async def order(connection: AsyncConnection, key: str, wanted: str) -> None:
    """What the owner of the segment's member shall do with it."""
    await connection.execute(update(segments).where(segments.c.key == key).values(order_given=wanted))


async def pause_segment(connection: AsyncConnection, key: str) -> None:
    await connection.execute(update(segments).where(segments.c.key == key).values(paused=True))


async def resume_segment(connection: AsyncConnection, key: str) -> None:
    """Not paused, and not parked until there is a new reason."""
    values: dict[str, Any] = {"paused": False, "parked": None, "parked_words": "", "parked_at": None}
    await connection.execute(update(segments).where(segments.c.key == key).values(values))


async def pause_member(connection: AsyncConnection, key: str) -> None:
    await connection.execute(update(members).where(members.c.key == key).values(paused=True))


async def resume_member(connection: AsyncConnection, key: str) -> None:
    """Not paused, and not parked until there is a new reason."""
    values: dict[str, Any] = {"paused": False, "parked": None, "parked_words": "", "parked_at": None}
    await connection.execute(update(members).where(members.c.key == key).values(values))


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """Dead letters that go again, and those that cannot: only the CRM can put right what could not be prepared."""

    letters: int
    not_retryable: int


async def retry_letters(connection: AsyncConnection, which: Letters) -> Marked:
    d = dead_letters.c
    meant = letters_meant(which)
    hopeless = await connection.execute(
        select(func.count()).select_from(dead_letters).where(d.element.is_(None), *meant)
    )
    marked = await connection.execute(update(dead_letters).where(d.element.is_not(None), *meant).values(retry=True))
    return Marked(letters=marked.rowcount, not_retryable=int(hopeless.scalar_one()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """Dead letters that are gone, and those that stay because their batch is still on its way."""

    letters: int
    in_open_batches: int


async def drop_letters(connection: AsyncConnection, which: Letters) -> Dropped:
    """Deletes dead letters; their batches remember that the rows are dead. A batch that is open is its owner's alone,
    so its letters stay.
    """
    d = dead_letters.c
    meant = letters_meant(which)
    is_open = d.batch_id.in_(select(batches.c.id).where(batches.c.open))
    waiting = await connection.execute(select(func.count()).select_from(dead_letters).where(is_open, *meant))
    left = int(waiting.scalar_one())
    gone = delete(dead_letters).where(~func.coalesce(is_open, False), *meant)
    rows = (await connection.execute(gone.returning(d.batch_id, d.outbox_id))).all()
    dead: dict[int, set[int]] = defaultdict(set)
    for batch, row in rows:
        if batch is not None:
            dead[batch].add(row)
    for batch, numbers in sorted(dead.items()):
        await _remember(connection, batches.c.id == batch, numbers)
    return Dropped(letters=len(rows), in_open_batches=left)


async def _remember(connection: AsyncConnection, which: ColumnElement[bool], dead: Collection[int]) -> None:
    packed = (await connection.execute(select(batches.c.row_fates).where(which))).scalar_one_or_none()
    if packed is None:
        return
    fates = unpack_rows(packed)
    changed = fates | {row: RowFate.DEAD for row in dead if row in fates}
    if changed != fates:
        await connection.execute(update(batches).where(which).values(row_fates=pack_rows(changed.items())))
