"""The list of those who must not be added again: digests under a key that the database does not hold.

Who adds to the list holds its one state row until the transaction ends, so that entries become visible in the order of
their ids: a reader that knows all up to `last` misses none.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, Table, Text, delete, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import BYTEA
from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.suppression import Suppressed
from syncd.errors import BadConfiguration
from syncd.store.ledger import one_of
from syncd.store.tables import Moment, big_id, epoch, metadata, now

suppressions = Table(
    "suppressions",
    metadata,
    big_id(),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("erasure_id", BigInteger),
    Column("created_at", Moment(), nullable=False, server_default=now()),
    sqlite_autoincrement=True,
)
"""`erasure_id` is set where the entry belongs to an erasure: its entries come and go together."""

suppression_state = Table(
    "suppression_state",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("entries", BigInteger, nullable=False, server_default=text("0")),
    Column("last", BigInteger, nullable=False, server_default=text("0")),
    Column("key_id", Text),
)
"""One row: how many entries there are, the highest id of any so far, and which key they were made with."""

_PAGE: Final = 20_000


@dataclass(frozen=True, slots=True)
class State:
    entries: int
    last: int
    key_id: str | None


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the list; `since` is seconds since 1970."""

    id: int
    kind: Suppressed
    erasure: int | None
    since: float


_STATE: Final = select(suppression_state.c.entries, suppression_state.c.last, suppression_state.c.key_id).where(
    suppression_state.c.id == 1
)


async def state(connection: AsyncConnection) -> State:
    row = (await connection.execute(_STATE)).one()
    return State(row.entries, row.last, row.key_id)


def agrees(state: State, key_id: str | None) -> None:
    """Raises BadConfiguration if the list cannot be read with this key: people who were erased would be added again."""
    if state.key_id is None or state.key_id == key_id:
        return
    given = "erasure.key (SYNCD_ERASURE__KEY or its _FILE form) is another one" if key_id else "erasure.key is not set"
    raise BadConfiguration(
        f"people are suppressed under the key {state.key_id} and {given}: set the key they were suppressed with"
    )


async def claim(connection: AsyncConnection, key_id: str) -> State:
    """Holds the list for writing until the transaction ends; its first writer decides the key. Raises BadConfiguration."""
    ours = func.coalesce(suppression_state.c.key_id, key_id)
    await connection.execute(update(suppression_state).where(suppression_state.c.id == 1).values(key_id=ours))
    found = await state(connection)
    agrees(found, key_id)
    return found


async def known(connection: AsyncConnection, digests: Collection[bytes]) -> dict[bytes, Entry]:
    """The entries of some digests."""
    if not digests:
        return {}
    s = suppressions.c
    statement = select(s.digest, s.id, s.kind, s.erasure_id, epoch(s.created_at).label("since")).where(
        one_of(connection, s.digest, list(digests), BYTEA)
    )
    return {
        bytes(row.digest): Entry(row.id, Suppressed(row.kind), row.erasure_id, row.since)
        for row in await connection.execute(statement)
    }


async def add(
    connection: AsyncConnection, digests: Collection[bytes], kind: Suppressed, erasure: int | None = None
) -> int:
    """Adds to the list, in a transaction that has claimed it; how many are new. An erasure takes over an opt-out."""
    standing = await known(connection, digests)
    if erasure is not None and standing:
        theirs = one_of(connection, suppressions.c.digest, list(standing), BYTEA)
        await connection.execute(
            update(suppressions)
            .where(theirs, suppressions.c.erasure_id.is_(None))
            .values(kind=kind.value, erasure_id=erasure)
        )
    new = [digest for digest in dict.fromkeys(digests) if digest not in standing]
    if new:
        rows = [{"digest": digest, "kind": kind.value, "erasure_id": erasure} for digest in new]
        await connection.execute(insert(suppressions), rows)
        await _recount(connection, len(new))
    return len(new)


async def lift(connection: AsyncConnection, digests: Collection[bytes]) -> int:
    """Takes entries off the list, and with them all of the erasures they belong to; how many."""
    standing = await known(connection, digests)
    if not standing:
        return 0
    s = suppressions.c
    erasures = {entry.erasure for entry in standing.values() if entry.erasure is not None}
    theirs = one_of(connection, s.digest, list(standing), BYTEA)
    if erasures:
        theirs = theirs | s.erasure_id.in_(erasures)
    gone = len((await connection.execute(delete(suppressions).where(theirs).returning(s.id))).all())
    await _recount(connection, -gone)
    return gone


async def _recount(connection: AsyncConnection, more: int) -> None:
    last = func.coalesce(select(func.max(suppressions.c.id)).scalar_subquery(), 0)
    higher = func.max if connection.dialect.name == "sqlite" else func.greatest
    await connection.execute(
        update(suppression_state)
        .where(suppression_state.c.id == 1)
        .values(entries=suppression_state.c.entries + more, last=higher(suppression_state.c.last, last))
    )


async def after(connection: AsyncConnection, number: int) -> list[tuple[int, bytes]]:
    """The next digests behind an id, in the order of their ids; empty at the end."""
    s = suppressions.c
    rows = await connection.execute(select(s.id, s.digest).where(s.id > number).order_by(s.id).limit(_PAGE))
    return [(row.id, bytes(row.digest)) for row in rows]


async def listed(connection: AsyncConnection, most: int, below: int | None = None) -> list[Entry]:
    """The newest entries."""
    s = suppressions.c
    statement = select(s.id, s.kind, s.erasure_id, epoch(s.created_at).label("since")).order_by(s.id.desc()).limit(most)
    if below is not None:
        statement = statement.where(s.id < below)
    rows: Sequence[Any] = (await connection.execute(statement)).all()
    return [Entry(row.id, Suppressed(row.kind), row.erasure_id, row.since) for row in rows]


async def counted(connection: AsyncConnection) -> Mapping[str, int]:
    """Entries by kind."""
    s = suppressions.c
    return dict((await connection.execute(select(s.kind, func.count()).group_by(s.kind))).all())
