"""Comparing a whole source with the ledger: temporary tables of one session, gone with it, so that nothing of those who
stay is ever written.

The session is one of its own (`opened`): its statements may take as long as millions of rows do.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    and_,
    false,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    text,
    true,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.schema import CreateIndex, CreateTable

from syncd.domain.batch import Entry, State, standing, unpack_sent
from syncd.domain.change import Rank
from syncd.domain.membership import Wanted
from syncd.store import batches
from syncd.store.engine import Database
from syncd.store.plans import items, lines
from syncd.store.tables import ledger, subjects

Row = tuple[bytes, bytes | None, str | None]
"""Identity, what the ledger would keep beside it, and the subject: one person or company of a source."""

_PATIENCE: Final = 3_600.0
_temporary: Final = MetaData()
_source: Final = Table(
    "resync_source",
    _temporary,
    Column("identity", LargeBinary, nullable=False),
    Column("sent", LargeBinary),
    Column("subject", Text),
    prefixes=["TEMPORARY"],
)
_by_identity: Final = Index("resync_source_identity", _source.c.identity)
_by_subject: Final = Index("resync_source_subject", _source.c.subject)
_candidates: Final = Table(
    "resync_candidates",
    _temporary,
    Column("place", BigInteger().with_variant(Integer(), "sqlite"), Identity(), primary_key=True),
    Column("identity", LargeBinary, nullable=False),
    Column("wanted", Boolean, nullable=False),
    Column("anonymous", Boolean, nullable=False),
    Column("sent", LargeBinary),
    Column("present", Boolean),
    Column("rank", BigInteger),
    Column("kept", LargeBinary),
    Column("held_anonymously", SmallInteger),
    prefixes=["TEMPORARY"],
)
_COLUMNS: Final = ("identity", "sent", "subject")


@asynccontextmanager
async def opened(database: Database) -> AsyncIterator[AsyncConnection]:
    """A session with empty tables for one comparison."""
    patient = Database(
        database.engine.url.render_as_string(hide_password=False),
        pool_size=1,
        statement_timeout=_PATIENCE,
        idle_timeout=_PATIENCE,
    )
    try:
        async with patient.connected() as connection:
            for table in (_source, _candidates):
                await connection.execute(CreateTable(table))
            await connection.commit()
            yield connection
    finally:
        await patient.close()


async def load(connection: AsyncConnection, rows: Sequence[Row]) -> None:
    """Adds some of the source."""
    if connection.dialect.name == "postgresql":
        raw = await connection.get_raw_connection()
        driver: Any = raw.driver_connection
        await driver.copy_records_to_table("resync_source", records=rows, columns=_COLUMNS)
        return
    given = [dict(zip(_COLUMNS, row, strict=True)) for row in rows]
    await connection.execute(insert(_source), given)
    await connection.commit()


@dataclass(frozen=True, slots=True, kw_only=True)
class Against:
    """What a source is compared with: what a segment holds, but nothing that is newer than the source."""

    segment_id: int
    boundary: Rank
    as_of: float | None


async def compare(connection: AsyncConnection, against: Against) -> int:
    """Finds everybody who may have to join, change or leave; how many different ones the source has."""
    for index in (_by_identity, _by_subject):
        await connection.execute(CreateIndex(index))
    if connection.dialect.name == "postgresql":
        await connection.execute(text("analyze resync_source"))
    names = ["identity", "wanted", "anonymous", "sent", "present", "rank", "kept", "held_anonymously"]
    for found in (_there(against), _gone(against)):
        await connection.execute(insert(_candidates).from_select(names, found))
    distinct = (await connection.execute(select(func.count(_source.c.identity.distinct())))).scalar_one()
    await connection.commit()
    return int(distinct)


def _there(against: Against) -> Any:
    """Those of the source who are not in the ledger as it has them."""
    ours = and_(ledger.c.segment_id == against.segment_id, ledger.c.identity == _source.c.identity)
    other = and_(_source.c.sent.is_not(None), _source.c.sent.is_distinct_from(ledger.c.sent))
    wanted = or_(ledger.c.identity.is_(None), ~ledger.c.present, other)
    return (
        select(
            _source.c.identity,
            true(),
            _source.c.subject.is_(None),
            _source.c.sent,
            ledger.c.present,
            ledger.c.rank,
            ledger.c.sent.label("kept"),
            ledger.c.anonymous,
        )
        .select_from(_source.outerjoin(ledger, ours))
        .where(wanted, or_(ledger.c.identity.is_(None), _older(ledger, against)))
        .order_by(_source.c.identity)
    )


def _gone(against: Against) -> Any:
    """Those of the ledger whom the source does not have."""
    named = select(literal(1)).where(_source.c.identity == ledger.c.identity).exists()
    return (
        select(
            ledger.c.identity,
            false(),
            true(),
            null(),
            ledger.c.present,
            ledger.c.rank,
            ledger.c.sent,
            ledger.c.anonymous,
        )
        .where(ledger.c.segment_id == against.segment_id, ledger.c.present, ~named, _older(ledger, against))
        .order_by(ledger.c.identity)
    )


def _older(table: Table, against: Against) -> Any:
    older = table.c.rank <= against.boundary
    return older if against.as_of is None else and_(older, table.c.at <= against.as_of)


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who may have to join, change or leave. `place` counts them."""

    place: int
    identity: bytes
    wanted: Wanted | None
    standing: Entry | None


async def page(connection: AsyncConnection, after: int, most: int) -> list[Candidate]:
    """The next candidates; one who is in the source twice comes twice, one right after the other."""
    statement = select(_candidates).where(_candidates.c.place > after).order_by(_candidates.c.place).limit(most)
    rows = (await connection.execute(statement)).all()
    await connection.commit()
    return [
        Candidate(
            row.place,
            row.identity,
            wanted_as(row.identity, row.sent, anonymous=row.anonymous) if row.wanted else None,
            None if row.rank is None else _entry(row),
        )
        for row in rows
    ]


def _entry(row: Any) -> Entry:
    kept = unpack_sent(row.kept)
    return Entry(row.present, Rank(row.rank), (row.identity, *kept.ids), kept.fields, row.held_anonymously == 1)


def wanted_as(identity: bytes, packed: bytes | None, *, anonymous: bool) -> Wanted:
    sent = unpack_sent(packed)
    return Wanted((identity, *sent.ids), sent.fields, anonymous)


async def said(connection: AsyncConnection, identities: Collection[bytes]) -> dict[bytes, Wanted]:
    """What the source says of some identities."""
    found: dict[bytes, Wanted] = {}
    if identities:
        for row in await connection.execute(select(_source).where(_source.c.identity.in_(identities))):
            wanted = wanted_as(row.identity, row.sent, anonymous=row.subject is None)
            found[row.identity] = wanted.beside(found.get(row.identity))
        await connection.commit()
    return found


async def under_way(connection: AsyncConnection, segment_id: int) -> dict[bytes, Entry]:
    """What the open batches of a segment will make of those they hold."""
    latest: dict[bytes, Entry] = {}
    for batch in await batches.open_of(connection, [segment_id]):
        states = batch.states or bytes(len(batch.elements))
        for element, state in zip(batch.elements, states, strict=True):
            if state == State.OPEN:
                latest[element.ids[0]] = standing(element).over(latest.get(element.ids[0]))
    await connection.commit()
    return latest


async def keep(
    connection: AsyncConnection, resync: int, plan: Sequence[tuple[bytes, Wanted | None, bytes | None]]
) -> None:
    """Writes a part of the plan: identity, what is wanted, and that as it is stored."""
    rows = [
        {
            "resync_id": resync,
            "identity": identity,
            "wanted": wanted is not None,
            "anonymous": wanted is None or wanted.anonymous,
            "sent": packed,
        }
        for identity, wanted, packed in plan
    ]
    if rows:
        await connection.execute(insert(items), rows)


async def keep_subjects(connection: AsyncConnection, resync: int, against: Against) -> None:
    """Writes which subjects hold another identity than the source says, and which none any more."""
    names = ["resync_id", "subject", "identity"]
    ours = and_(subjects.c.segment_id == against.segment_id, subjects.c.subject == _source.c.subject)
    other = or_(subjects.c.subject.is_(None), subjects.c.identity.is_distinct_from(_source.c.identity))
    moved = (
        select(literal(resync), _source.c.subject, _source.c.identity)
        .select_from(_source.outerjoin(subjects, ours))
        .where(_source.c.subject.is_not(None), other, or_(subjects.c.subject.is_(None), _older(subjects, against)))
    )
    named = select(literal(1)).where(_source.c.subject == subjects.c.subject).exists()
    gone = select(literal(resync), subjects.c.subject, null()).where(
        subjects.c.segment_id == against.segment_id,
        subjects.c.identity.is_not(None),
        ~named,
        _older(subjects, against),
    )
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    for found in (moved, gone):
        await connection.execute(dialect.insert(lines).from_select(names, found).on_conflict_do_nothing())
