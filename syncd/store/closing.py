"""The usual settlement in one statement instead of a transaction of five round trips: everything was accepted and the
batch is closed (PostgreSQL).

What it writes hangs together: nothing unless the lease is ours, which stays locked until the statement has ended; no
ledger unless it is this statement that closes the batch. So one whose connection broke, and which reaches the server
after its settlement was written another way, changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Select, bindparam, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.batch import BatchId, Element, Shape
from syncd.store import ledger
from syncd.store.leases import FENCE, Grant, lost, named
from syncd.store.tables import batches, now


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A batch of which every element was accepted at once, and how many rows that applies."""

    batch: BatchId
    segment_id: int
    elements: Sequence[Element]
    shape: Shape
    rows_applied: int
    attempts: int
    words: str
    uuid: str


def statement(fence: Select[Any]) -> Select[Any]:
    """One row if the `fence` finds the lease: its moment, and whether the batch was open and is closed now."""
    ours = fence.cte("ours")
    closed = (
        update(batches)
        .where(batches.c.id == bindparam("batch"), batches.c.open, exists(select(ours.c.moment)))
        .values(
            open=False,
            body=None,
            states=None,
            accepted=batches.c.accepted + bindparam("more_accepted"),
            rows_applied=batches.c.rows_applied + bindparam("more_applied"),
            attempts=bindparam("new_attempts"),
            words=func.coalesce(func.nullif(bindparam("new_words"), ""), batches.c.words),
            uuid=func.coalesce(func.nullif(bindparam("new_uuid"), ""), batches.c.uuid),
            closed_at=now(),
        )
        .returning(batches.c.id)
        .cte("closed")
    )
    is_closed = exists(select(closed.c.id))
    written = ledger.postgresql_upsert(is_closed).cte("written")
    return select(ours.c.moment, is_closed).add_cte(written)


CLOSE: Final = statement(FENCE)


async def close(connection: AsyncConnection, grant: Grant, accepted: Accepted) -> float | None:
    """Settles the batch; the database's time, nothing if the batch was not open any more.

    Raises LeaseLost if another replica owns the member.
    """
    given = {
        "segment": accepted.segment_id,
        "batch": accepted.batch,
        "more_accepted": len(accepted.elements),
        "more_applied": accepted.rows_applied,
        "new_attempts": accepted.attempts,
        "new_words": accepted.words,
        "new_uuid": accepted.uuid,
        **named(grant),
        **ledger.columns(accepted.elements, accepted.shape),
    }
    row = (await connection.execute(CLOSE, given)).one_or_none()
    if row is None:
        raise lost(grant)
    moment, is_closed = row
    return float(moment) if is_closed else None
