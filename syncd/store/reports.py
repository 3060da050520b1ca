"""What people ask the database: read in one statement each, shown by operations, never written from here.

Nothing read here is a payload, a hash or an id of a person: counts, names of segments, reasons and times only.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, bindparam, func, select, true
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.identity import Tag
from syncd.domain.segment import SegmentParking
from syncd.store.schema import metadata
from syncd.store.scope import Scope, seen
from syncd.store.tables import (
    batches,
    dead_letters,
    epoch,
    leases,
    ledger,
    members,
    now,
    outbox,
    schema_state,
    segments,
    transitions,
)

_SEGMENT: Final = (
    segments.c.id,
    segments.c.key,
    segments.c.name,
    segments.c.kind,
    segments.c.account,
    segments.c.member,
    segments.c.declared,
    segments.c.dmp_id,
    segments.c.ad_segment,
    segments.c.order_given,
    segments.c.paused,
    segments.c.parked,
    segments.c.parked_words,
    epoch(segments.c.parked_at).label("parked_at"),
    segments.c.status,
    epoch(segments.c.status_since).label("status_since"),
    segments.c.input_count,
    segments.c.matched_count,
    segments.c.audience_size,
    epoch(segments.c.bound_at).label("bound_at"),
    epoch(now()).label("moment"),
    segments.c.takes_lists,
)


async def schema_version(connection: AsyncConnection) -> int:
    """The schema's version; 0 where there is none yet."""
    try:
        return int(
            (await connection.execute(select(schema_state.c.version).where(schema_state.c.id == 1))).scalar_one()
        )
    except DBAPIError:
        return 0


async def segment_rows(connection: AsyncConnection, key: str | None = None) -> Sequence[Any]:
    """All segments, or the one with that key."""
    statement = select(*_SEGMENT).order_by(segments.c.key)
    if key is not None:
        statement = statement.where(segments.c.key == key)
    return (await connection.execute(statement)).all()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A segment of ours and the DMP segment it is bound to."""

    key: str
    account: str
    member: str
    dmp_id: int
    is_lost: bool


async def bound(connection: AsyncConnection) -> list[Bound]:
    """Every segment that is bound."""
    s = segments.c
    rows = await connection.execute(select(s.key, s.account, s.member, s.dmp_id, s.parked).order_by(s.key))
    return [
        Bound(
            key=row.key,
            account=row.account,
            member=row.member,
            dmp_id=row.dmp_id,
            is_lost=row.parked == SegmentParking.LOST,
        )
        for row in rows
        if row.dmp_id is not None
    ]


async def identifiers(connection: AsyncConnection) -> list[str]:
    """The kinds of identifiers that people and companies in the ledger are known by; a look at an index each."""
    known = (
        select(ledger.c.identity)
        .where(
            ledger.c.segment_id == segments.c.id,
            ledger.c.identity >= bindparam("least"),
            ledger.c.identity < bindparam("beyond"),
        )
        .exists()
    )
    held = select(segments.c.id).where(known).limit(1)
    found = []
    for tag in Tag:
        bounds = {"least": bytes([tag]), "beyond": bytes([tag + 1])}
        if (await connection.execute(held, bounds)).first() is not None:
            found.append(tag.name)
    return found


async def kind_of(connection: AsyncConnection, key: str) -> str | None:
    return (await connection.execute(select(segments.c.kind).where(segments.c.key == key))).scalar_one_or_none()


async def account_of(connection: AsyncConnection, key: str) -> str | None:
    """The ad account of a segment; None where there is no such segment."""
    return (await connection.execute(select(segments.c.account).where(segments.c.key == key))).scalar_one_or_none()


async def transitions_of(connection: AsyncConnection, segment_id: int, most: int) -> Sequence[Any]:
    """The newest transitions of a segment, newest first."""
    t = transitions.c
    statement = select(t.from_status, t.to_status, t.documented, epoch(t.at).label("at"))
    return (
        await connection.execute(statement.where(t.segment_id == segment_id).order_by(t.id.desc()).limit(most))
    ).all()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What became of the outbox rows of a segment so far; `elements` were accepted by LinkedIn."""

    taken: int
    applied: int
    superseded: int
    dead: int
    elements: int


async def tallies(connection: AsyncConnection) -> dict[int, Tally]:
    """By segment id, over all batches that are kept."""
    b = batches.c
    sums = [func.sum(column) for column in (b.rows_taken, b.rows_applied, b.rows_superseded, b.rows_dead, b.accepted)]
    rows = await connection.execute(select(b.segment_id, *sums).group_by(b.segment_id))
    return {
        segment: Tally(
            taken=int(taken), applied=int(applied), superseded=int(superseded), dead=int(dead), elements=int(accepted)
        )
        for segment, taken, applied, superseded, dead, accepted in rows
    }


async def member_rows(connection: AsyncConnection) -> Sequence[Any]:
    """Members with who works for each now."""
    statement = (
        select(
            members.c.key,
            members.c.application,
            members.c.paused,
            members.c.parked,
            members.c.parked_words,
            epoch(members.c.parked_at).label("parked_at"),
            leases.c.owner,
        )
        .select_from(
            members.outerjoin(leases, and_(leases.c.member == members.c.key, leases.c.free_at > now())),
        )
        .order_by(members.c.key)
    )
    return (await connection.execute(statement)).all()


async def outbox_row(connection: AsyncConnection, number: int) -> Any:
    """Segment, action and time of a row that is still in the outbox."""
    o = outbox.c
    statement = select(o.segment_key, o.action, epoch(o.created_at).label("created_at")).where(o.id == number)
    return (await connection.execute(statement)).one_or_none()


async def batches_around(connection: AsyncConnection, number: int) -> Sequence[Any]:
    """The batches whose range of ids holds an outbox row, newest first, each with the row's latest dead letter: one
    statement, so that a row moving between the two is seen in one of them.
    """
    d, b = dead_letters.c, batches.c
    letter = (
        select(d.id.label("letter"), d.reason, d.detail, d.status, d.retry, epoch(d.created_at).label("died_at"))
        .where(d.outbox_id == number)
        .order_by(d.id.desc())
        .limit(1)
        .subquery("letter")
    )
    statement = (
        select(
            b.id,
            segments.c.key.label("segment"),
            b.kind,
            b.open,
            b.attempts,
            b.words,
            b.uuid,
            epoch(b.created_at).label("created_at"),
            epoch(b.closed_at).label("closed_at"),
            b.body,
            b.states,
            b.row_fates,
            letter.c.letter,
            letter.c.reason,
            letter.c.detail,
            letter.c.status,
            letter.c.retry,
            letter.c.died_at,
        )
        .select_from(
            batches.outerjoin(segments, segments.c.id == b.segment_id).outerjoin(letter, true()),
        )
        .where(b.last_id >= number, b.first_id <= number)
        .order_by(b.id.desc())
    )
    return (await connection.execute(statement)).all()


@dataclass(frozen=True, slots=True, kw_only=True)
class Letters:
    """Which dead letters are meant: of a segment, for a reason, by number, of some ad accounts; none given means all."""

    segment: str | None = None
    reason: str | None = None
    ids: Collection[int] = ()
    accounts: Scope = None


async def letter_counts(connection: AsyncConnection, which: Letters) -> Sequence[Any]:
    """Dead letters by segment and reason: how many, how many could go again, how many are about to."""
    d = dead_letters.c
    statement = (
        select(
            segments.c.key.label("segment"),
            d.reason,
            func.count().label("letters"),
            func.count(d.element).label("retryable"),
            func.count().filter(d.retry).label("retrying"),
        )
        .select_from(dead_letters.outerjoin(segments, segments.c.id == d.segment_id))
        .where(*letters_meant(which))
        .group_by(segments.c.key, d.reason)
        .order_by(segments.c.key, d.reason)
    )
    return (await connection.execute(statement)).all()


async def letters(connection: AsyncConnection, which: Letters, most: int, below: int | None = None) -> Sequence[Any]:
    """The newest dead letters, or the newest below a number, without what they carry."""
    d = dead_letters.c
    older = [d.id < below] if below is not None else []
    statement = (
        select(
            d.id,
            segments.c.key.label("segment"),
            d.outbox_id,
            d.batch_id,
            d.reason,
            d.detail,
            d.status,
            d.element.is_not(None).label("retryable"),
            d.retry,
            epoch(d.created_at).label("created_at"),
        )
        .select_from(dead_letters.outerjoin(segments, segments.c.id == d.segment_id))
        .where(*letters_meant(which), *older)
        .order_by(d.id.desc())
        .limit(most)
    )
    return (await connection.execute(statement)).all()


def letters_meant(which: Letters) -> list[ColumnElement[bool]]:
    """The conditions that pick dead letters; none picks all."""
    d = dead_letters.c
    meant: list[ColumnElement[bool]] = []
    if which.segment is not None:
        meant.append(d.segment_id.in_(select(segments.c.id).where(segments.c.key == which.segment)))
    if which.accounts is not None:
        meant.append(d.segment_id.in_(select(segments.c.id).where(seen(segments.c.account, which.accounts))))
    if which.reason is not None:
        meant.append(d.reason == which.reason)
    if which.ids:
        meant.append(d.id.in_(which.ids))
    return meant


async def server_version(connection: AsyncConnection) -> str:
    """The database and its version, as people say it."""
    if connection.dialect.name == "sqlite":
        return f"SQLite {(await connection.execute(select(func.sqlite_version()))).scalar_one()}"
    return f"PostgreSQL {(await connection.execute(select(func.current_setting('server_version')))).scalar_one()}"


async def missing_rights(connection: AsyncConnection) -> list[str]:
    """What the role may not do to syncd's tables; nothing on SQLite, where files have rights and roles are none."""
    if connection.dialect.name == "sqlite":
        return []
    wanted = [
        (table.fullname, right)
        for table in metadata.sorted_tables
        for right in (("SELECT",) if table is schema_state else ("SELECT", "INSERT", "UPDATE", "DELETE"))
    ]
    held = (await connection.execute(select(*(func.has_table_privilege(name, right) for name, right in wanted)))).one()
    return [f"{right} on {name}" for (name, right), granted in zip(wanted, held, strict=True) if not granted]
