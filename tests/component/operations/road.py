"""What the road would have left in the database, written with the road's own statements."""

from __future__ import annotations

import hashlib

from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.batch import BatchId, BatchKind, Draft, Element, RowFate, State
from syncd.domain.change import Reason, rank
from syncd.domain.collapse import Death
from syncd.domain.settlement import Dead
from syncd.store import batches, segments
from syncd.store.engine import Database
from syncd.store.segments import Declared

ACCOUNT = "urn:li:sponsoredAccount:123456"


def person(row: int) -> Element:
    identity = b"\x01" + hashlib.sha256(b"%d" % row).digest()
    return Element(add=True, ids=(identity,), fields=b"", rank=rank(1, row), row=row)


async def know(database: Database, *keys: str) -> dict[str, int]:
    """Declares user segments; their ids."""
    wanted = [Declared(key=key, name=key, kind="user", account=ACCOUNT, member="demo") for key in keys]
    async with database.begin() as connection:
        await segments.declare(connection, {"demo": "default"}, wanted, declared=True)
        bindings, _ = await segments.of_members(connection, ["demo"])
    return {binding.segment.key: binding.segment.id for binding in bindings}


async def take(
    connection: AsyncConnection,
    segment: int,
    sent: list[int],
    others: dict[int, RowFate] | None = None,
    kind: BatchKind = BatchKind.LIVE,
) -> BatchId:
    """A batch with the elements of some rows, which also accounts for others."""
    rows = [*((row, RowFate.TAKEN) for row in sent), *(others or {}).items()]
    (number,) = await batches.write(connection, segment, kind, [Draft([person(row) for row in sent], rows)])
    return number


async def settle(connection: AsyncConnection, batch: BatchId, states: bytes | None, *, words: str = "") -> None:
    """One more attempt: closed if `states` is None, else these are the elements' states."""
    await batches.settle(
        connection,
        batches.Settled(
            batch=batch,
            states=states,
            accepted=0 if states is None else states.count(State.ACCEPTED),
            refused=0,
            dropped=0,
            rows_applied=0,
            rows_superseded=0,
            rows_dead=0,
            attempts=1,
            words=words,
            uuid="support-id",
        ),
    )


async def refuse(connection: AsyncConnection, segment: int, batch: BatchId, rows: list[int], which: int) -> None:
    """LinkedIn refused one element of a batch."""
    dead = [Dead(which, 400, "no such country")]
    await batches.bury_elements(connection, segment, batch, dead, [person(row) for row in rows])


async def bury(connection: AsyncConnection, segment: int, batch: BatchId, row: int) -> None:
    """A row that could not be prepared."""
    await batches.bury_rows(connection, segment, batch, [Death(row, Reason.INVALID_EMAIL, "no address")])
