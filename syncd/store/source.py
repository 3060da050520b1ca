"""Where the outbox ids come from: the source epoch, and how far older transactions reach.

Ids that fall back (a restored database, a new timeline, a restarted sequence) would make the newest change look old.
They are noticed by comparing the outbox's sequence with the highest ids taken, and the database with the one recorded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import BigInteger, Text, cast, delete, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.store import ledger
from syncd.store.tables import epoch, horizons, now, segments, source


@dataclass(frozen=True, slots=True)
class Origin:
    """The database the ids are drawn in, and the last id drawn (0 where none was)."""

    system_identifier: str
    timeline: int
    last_id: int


@dataclass(frozen=True, slots=True)
class Recorded:
    """What syncd last wrote down of it."""

    epoch: int
    system_identifier: str
    timeline: int
    highest_taken: int
    parked_words: str | None


async def origin(connection: AsyncConnection) -> Origin:
    """Reads the database's identity; what the role may not read is left empty."""
    if connection.dialect.name == "sqlite":
        return Origin("sqlite", 0, await _last_drawn(connection))
    last = await _last_drawn(connection)
    timeline = await _optional(
        connection, "select ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int"
    )
    identifier = await _optional(connection, "select system_identifier::text from pg_control_system()")
    return Origin(str(identifier or ""), int(timeline or 0), int(last))


async def _last_drawn(connection: AsyncConnection) -> int:
    if connection.dialect.name == "sqlite":
        statement = "select seq from sqlite_sequence where name = 'outbox'"
    else:
        statement = "select case when is_called then last_value else 0 end from syncd.outbox_id_seq"
    return int((await connection.execute(text(statement))).scalar() or 0)


@dataclass(frozen=True, slots=True)
class Boundary:
    """The last id that was drawn, its epoch, and the transactions that may still commit one of those up to it."""

    epoch: int
    last_id: int
    writers: frozenset[str]


async def boundary(connection: AsyncConnection) -> Boundary:
    """Draws a line through the outbox, in a transaction that may write: every id that is drawn later is above it.

    Whoever draws an id holds the outbox's lock of writers from before it was drawn until the transaction has ended; so
    the holders found after the line was drawn are all who may still commit below it. SQLite has one writer, and it is us.
    """
    number = (await connection.execute(select(source.c.epoch).where(source.c.id == 1))).scalar_one()
    last = await _last_drawn(connection)
    return Boundary(int(number), last, await _writers(connection))


async def still_writing(connection: AsyncConnection, line: Boundary) -> int:
    """How many of the transactions that may commit below the line have not ended."""
    return len(line.writers & await _writers(connection)) if line.writers else 0


async def _writers(connection: AsyncConnection) -> frozenset[str]:
    if connection.dialect.name == "sqlite":
        return frozenset()
    return frozenset((await connection.execute(_WRITERS)).scalars())


_WRITERS: Final = text(
    "select virtualtransaction from pg_locks where locktype = 'relation' and granted"
    " and database = (select oid from pg_database where datname = current_database())"
    " and relation = 'syncd.outbox'::regclass"
    " and mode in ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')"
)


async def raise_high_water(connection: AsyncConnection, segment_id: int, line: Boundary) -> bool:
    """Rows up to the line count as late from now on: they are held against what a resync sent. False, and nothing is
    changed, if a new source epoch has begun since the line was drawn: its ids are others.
    """
    present = select(source.c.epoch).where(source.c.id == 1).with_for_update(read=True)
    if (await connection.execute(present)).scalar_one() != line.epoch:
        return False
    below = update(segments).where(segments.c.id == segment_id, segments.c.high_water < line.last_id)
    await connection.execute(below.values(high_water=line.last_id))
    return True


async def _optional(connection: AsyncConnection, statement: str) -> str | int | None:
    try:
        value: str | int | None = (await connection.execute(text(statement))).scalar()
    except DBAPIError:
        return None
    return value


async def recorded(connection: AsyncConnection) -> Recorded:
    row = (await connection.execute(select(source).where(source.c.id == 1))).one()
    highest = (await connection.execute(select(func.coalesce(func.max(segments.c.high_water), 0)))).scalar_one()
    return Recorded(row.epoch, row.system_identifier, row.timeline, int(highest), row.parked_words)


async def parked(connection: AsyncConnection) -> bool:
    """Whether nothing may be taken from the outbox until somebody has looked at where its ids come from."""
    return (await connection.execute(select(source.c.parked_words).where(source.c.id == 1))).scalar_one() is not None


async def adopt(connection: AsyncConnection, found: Origin) -> None:
    """Records the database the ids come from now."""
    values = {"system_identifier": found.system_identifier, "timeline": found.timeline}
    await connection.execute(update(source).where(source.c.id == 1).values(**values))


async def park(connection: AsyncConnection, words: str) -> None:
    await connection.execute(update(source).where(source.c.id == 1).values(parked_words=words))


async def start_epoch(connection: AsyncConnection, found: Origin) -> int:
    """A new source epoch: every row from now on outranks every row before; returns its number."""
    await connection.execute(
        update(source)
        .where(source.c.id == 1)
        .values(
            epoch=source.c.epoch + 1,
            system_identifier=found.system_identifier,
            timeline=found.timeline,
            parked_words=None,
        )
    )
    await connection.execute(update(segments).values(high_water=0))
    return int((await connection.execute(select(source.c.epoch).where(source.c.id == 1))).scalar_one())


async def note_horizon(connection: AsyncConnection) -> None:
    """Writes down which transaction comes next at this time."""
    xid: object = 0
    if connection.dialect.name == "postgresql":
        xid = cast(cast(func.pg_snapshot_xmax(func.pg_current_snapshot()), Text), BigInteger)
    await connection.execute(insert(horizons).values(at=now(), xid=xid))


async def prune(connection: AsyncConnection, keep: float) -> int:
    """Deletes tombstones older than `keep` seconds which no transaction still running can be older than."""
    ended = select(func.max(epoch(horizons.c.at))).where(epoch(horizons.c.at) < epoch(now()) - keep)
    if connection.dialect.name == "postgresql":
        oldest = cast(cast(func.pg_snapshot_xmin(func.pg_current_snapshot()), Text), BigInteger)
        ended = ended.where(horizons.c.xid <= oldest)
    before = (await connection.execute(ended)).scalar()
    if before is None:
        return 0
    await connection.execute(delete(horizons).where(epoch(horizons.c.at) < before))
    return await ledger.prune(connection, float(before))
