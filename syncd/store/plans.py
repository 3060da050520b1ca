"""The tables of resyncs: what was asked for and how far it is, and the plan that is to be sent. Hashes only, no addresses.

A plan's items live until its resync has ended; `sweep` takes them away by and by.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    and_,
    case,
    delete,
    false,
    insert,
    literal,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.batch import unpack_sent
from syncd.domain.erasing import is_theirs, names
from syncd.domain.resync import Mode
from syncd.store.tables import Moment, at, big_id, later, ledger, metadata, now

_AT_ONCE: Final = 20_000
"""Rows deleted by one transaction."""
_LATELY: Final = 172_800.0
_PAGE: Final = 5_000


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

schedules = Table(
    "resync_schedules",
    metadata,
    Column("segment_id", Integer, primary_key=True, autoincrement=False),
    Column("mode", Text, primary_key=True),
    Column("cron", Text, nullable=False),
    at("next_at"),
)


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


async def leftovers(connection: AsyncConnection) -> bool:
    """Whether something is left of the plan of a resync that ended lately."""
    lately = and_(resyncs.c.ended_at.is_not(None), resyncs.c.ended_at > later(-_LATELY))
    left = or_(
        *(select(literal(1)).where(table.c.resync_id == resyncs.c.id).exists() for table in (files, items, lines))
    )
    return (await connection.execute(select(resyncs.c.id).where(lately, left).limit(1))).first() is not None


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
    for table in (schedules, resyncs):
        await connection.execute(delete(table).where(table.c.segment_id == segment_id))


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


async def forget_identities(
    connection: AsyncConnection,
    segment_ids: Collection[int],
    identities: Collection[bytes],
    called: Collection[str] = (),
) -> None:
    """Takes people out of every plan and every uploaded file of some segments; `called` are their subjects. What was
    reached of a plan stays reached.
    """
    whom = _Whom(identities, called)
    wanted = select(resyncs.c.id, resyncs.c.segment_id, resyncs.c.position, resyncs.c.subject_position)
    for resync, segment, position, subject in (
        await connection.execute(wanted.where(resyncs.c.segment_id.in_(segment_ids)))
    ).all():
        await _leave(connection, items, resync, lambda row: whom.owns(row.identity, row.sent))
        left = await _leave(
            connection, lines, resync, lambda row: whom.owns(row.identity) or whom.is_called(row.subject)
        )
        await _leave_files(connection, resync, whom)
        stepped: dict[str, Any] = {}
        if whom.owns(position):
            stepped["position"] = _before(segment, resync, position)
        if subject in left or whom.is_called(subject):
            stepped["subject_position"] = _last(lines.c.subject, lines.c.resync_id == resync, lines.c.subject < subject)
        if stepped:
            await connection.execute(update(resyncs).where(resyncs.c.id == resync).values(**stepped))


@dataclass(frozen=True, slots=True)
class _Whom:
    identities: Collection[bytes] = field(repr=False)
    called: Collection[str] = field(repr=False)

    def owns(self, identity: bytes | None, sent: bytes | None = None) -> bool:
        if identity is None:
            return False
        return identity in self.identities or is_theirs((identity, *unpack_sent(sent).ids), self.identities)

    def is_called(self, subject: str | None) -> bool:
        return subject is not None and (subject in self.called or names(subject, self.identities))


def _before(segment: int, resync: int, position: bytes) -> Any:
    """The last place before another: of a plan, or of the ledger where that is the plan. Nothing is left between the two."""
    entry = ledger.c
    planned = _last(items.c.identity, items.c.resync_id == resync, items.c.identity < position)
    held = _last(entry.identity, entry.segment_id == segment, entry.present, entry.identity < position)
    return case((resyncs.c.mode == Mode.REPLAY, held), else_=planned)


def _last(column: Column[Any], *where: ColumnElement[bool]) -> Any:
    return select(column).where(*where).order_by(column.desc()).limit(1).scalar_subquery()


async def _leave(connection: AsyncConnection, table: Table, resync: int, theirs: Callable[[Any], bool]) -> set[Any]:
    """Their rows go; the keys of those. Packed columns are compared here: no database looks into them."""
    key = next(column for column in table.primary_key.columns if column.name != "resync_id")
    left: set[Any] = set()
    last: Any = None
    while True:
        page = select(table).where(table.c.resync_id == resync).order_by(key).limit(_PAGE)
        rows = (await connection.execute(page if last is None else page.where(key > last))).all()
        gone = [getattr(row, key.name) for row in rows if theirs(row)]
        if gone:
            await connection.execute(delete(table).where(table.c.resync_id == resync, key.in_(gone)))
            left.update(gone)
        if len(rows) < _PAGE:
            return left
        last = getattr(rows[-1], key.name)


async def _leave_files(connection: AsyncConnection, resync: int, whom: _Whom) -> None:
    """Somebody else who stands beside a subject of theirs stays, without it: whoever is not in a file is removed."""
    for place in list((await connection.execute(select(files.c.place).where(files.c.resync_id == resync))).scalars()):
        body = await part(connection, resync, place)
        if body is None:
            continue
        known = unpack_part(body)
        left = [
            (identity, sent, None if whom.is_called(subject) else subject)
            for identity, sent, subject in known.rows
            if not whom.owns(identity, sent)
        ]
        if left != known.rows:
            changed = update(files).where(files.c.resync_id == resync, files.c.place == place)
            await connection.execute(changed.values(body=pack_part(FilePart(known.names_subjects, left))))
