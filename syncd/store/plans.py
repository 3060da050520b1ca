"""The tables of resyncs: what was asked for and how far it is, and the plan that is to be sent. Hashes only, no addresses.

A plan's items live until its resync has ended; `sweep` takes them away by and by.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    bindparam,
    delete,
    false,
    insert,
    literal,
    or_,
    select,
    text,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.store import schedules
from syncd.store.tables import Moment, at, big_id, later, ledger, metadata, now

_AT_ONCE: Final = 20_000
"""Rows deleted by one transaction."""
_LATELY: Final = 172_800.0


def _count(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False, server_default=text("0"))


resyncs = Table(
    "resyncs",
    metadata,
    big_id(),
    Column("segment_id", Integer, nullable=False),
    Column("mode", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("reason", Text, nullable=False, server_default=text("''")),
    Column("words", Text, nullable=False, server_default=text("''")),
    Column("automatic", Boolean, nullable=False, server_default=false()),
    at("as_of", nullable=True),
    Column("boundary", BigInteger),
    Column("rejected", Text, nullable=False, server_default=text("'{}'")),
    _count("held"),
    _count("adds"),
    _count("removes"),
    _count("changes"),
    _count("unchanged"),
    _count("newer"),
    _count("elements"),
    Column("position", LargeBinary),
    Column("subject_position", Text),
    Column("subjects_done", Boolean, nullable=False, server_default=false()),
    Column("exhausted", Boolean, nullable=False, server_default=false()),
    _count("looked_at"),
    _count("added"),
    _count("removed"),
    _count("changed"),
    _count("skipped"),
    _count("sent"),
    _count("accepted"),
    _count("refused"),
    _count("dropped"),
    Column("created_at", Moment(), nullable=False, server_default=now()),
    at("planned_at", nullable=True),
    at("started_at", nullable=True),
    at("ended_at", nullable=True),
    Index("resyncs_segment", "segment_id", "id"),
    Index(
        "resyncs_open",
        "segment_id",
        unique=True,
        postgresql_where=text("ended_at is null"),
        sqlite_where=text("ended_at is null"),
    ),
)
"""`boundary` is the rank of what a reconcile sends; `position` the last identity that was looked at to be sent, so that
whoever goes on goes on behind it. Counts up to `elements` are the plan's, those from `looked_at` on what came of it.
"""

items = Table(
    "resync_items",
    metadata,
    Column("resync_id", BigInteger, primary_key=True, autoincrement=False),
    Column("identity", LargeBinary, primary_key=True),
    Column("wanted", Boolean, nullable=False),
    Column("anonymous", Boolean, nullable=False),
    Column("sent", LargeBinary),
)
"""The difference that a reconcile found, by identity: `wanted` ones should be there, with `sent` as the ledger packs it."""

lines = Table(
    "resync_subjects",
    metadata,
    Column("resync_id", BigInteger, primary_key=True, autoincrement=False),
    Column("subject", Text, primary_key=True),
    Column("identity", LargeBinary),
)
"""Subjects that should hold another identity than they do, or none."""

files = Table(
    "resync_files",
    metadata,
    Column("resync_id", BigInteger, primary_key=True, autoincrement=False),
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False),
)
"""An uploaded snapshot until it is compared: prepared people or companies, some thousands a row."""


async def clear(connection: AsyncConnection, resync: int) -> None:
    """Takes a plan away, as one that was cut short may have left it; a file that was uploaded for it stays."""
    for table in (items, lines):
        await connection.execute(delete(table).where(table.c.resync_id == resync))


async def upload(connection: AsyncConnection, resync: int, place: int, body: bytes) -> None:
    """Keeps a part of an uploaded file."""
    await connection.execute(insert(files).values(resync_id=resync, place=place, body=body))


async def part(connection: AsyncConnection, resync: int, place: int) -> bytes | None:
    wanted = select(files.c.body).where(files.c.resync_id == resync, files.c.place == place)
    body: bytes | None = (await connection.execute(wanted)).scalar_one_or_none()
    return body


LEFTOVERS: Final = select(resyncs.c.id).where(
    resyncs.c.ended_at.is_not(None),
    resyncs.c.ended_at > later(-_LATELY),
    or_(*(select(literal(1)).where(table.c.resync_id == resyncs.c.id).exists() for table in (files, items, lines))),
)


async def leftovers(connection: AsyncConnection) -> bool:
    """Whether something is left of the plan of a resync that ended lately."""
    return (await connection.execute(LEFTOVERS.limit(1))).first() is not None


async def sweep(connection: AsyncConnection) -> None:
    """Deletes what is left of the plans of resyncs that have ended, some thousands of rows at most."""
    ended = select(resyncs.c.id).where(resyncs.c.ended_at.is_not(None))
    for table in (files, items, lines):
        key = next(column for column in table.primary_key.columns if column.name != "resync_id")
        doomed = select(table.c.resync_id, key).where(table.c.resync_id.in_(ended)).limit(_AT_ONCE).cte("doomed")
        one = select(text("1")).where(doomed.c.resync_id == table.c.resync_id, doomed.c[key.name] == key)
        await connection.execute(delete(table).where(one.exists()))


async def forget(connection: AsyncConnection, segment_id: int) -> None:
    """Everything about a segment's resyncs."""
    ours = select(resyncs.c.id).where(resyncs.c.segment_id == segment_id)
    for table in (files, items, lines):
        await connection.execute(delete(table).where(table.c.resync_id.in_(ours)))
    for table in (schedules.schedules, resyncs):
        await connection.execute(delete(table).where(table.c.segment_id == segment_id))


_ITEMS: Final = (
    select(items.c.identity, items.c.wanted, items.c.anonymous, items.c.sent)
    .where(items.c.resync_id == bindparam("resync"), items.c.identity > bindparam("after"))
    .order_by(items.c.identity)
    .limit(bindparam("most"))
)
_LINES: Final = (
    select(lines.c.subject, lines.c.identity)
    .where(lines.c.resync_id == bindparam("resync"), lines.c.subject > bindparam("after"))
    .order_by(lines.c.subject)
    .limit(bindparam("most"))
)
_HELD: Final = (
    select(ledger.c.identity)
    .where(ledger.c.segment_id == bindparam("segment"), ledger.c.identity > bindparam("after"), ledger.c.present)
    .order_by(ledger.c.identity)
    .limit(bindparam("most"))
)


async def next_items(connection: AsyncConnection, number: int, after: bytes, most: int) -> list[Any]:
    """The next rows of a plan behind an identity: identity, wanted, anonymous, sent."""
    return list(await connection.execute(_ITEMS, {"resync": number, "after": after, "most": most}))


async def next_lines(connection: AsyncConnection, number: int, after: str, most: int) -> dict[str, bytes | None]:
    """The next subjects of a plan, with the identity each should hold."""
    rows = await connection.execute(_LINES, {"resync": number, "after": after, "most": most})
    return {row.subject: row.identity for row in rows}


async def next_held(connection: AsyncConnection, segment_id: int, after: bytes, most: int) -> list[bytes]:
    """The next identities that the ledger holds."""
    rows = await connection.execute(_HELD, {"segment": segment_id, "after": after, "most": most})
    return list(rows.scalars())


class FilePart(msgspec.Struct, array_like=True, frozen=True):
    """Some rows of an uploaded file, as they are stored. Its repr names nobody."""

    names_subjects: bool
    rows: list[tuple[bytes, bytes | None, str | None]]

    def __repr__(self) -> str:
        return f"FilePart({len(self.rows)} rows)"


_parts: Final = msgspec.msgpack.Decoder(FilePart)


def pack_part(part: FilePart) -> bytes:
    return msgspec.msgpack.encode(part)


def unpack_part(body: bytes) -> FilePart:
    return _parts.decode(body)
