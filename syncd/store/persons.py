"""Where a person's records are, and taking them out: the statements of an erasure.

Packed columns are read page by page and compared here, for no database looks into them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec
from sqlalchemy import Text, cast, delete, insert, or_, select, update
from sqlalchemy.dialects.postgresql import BYTEA
from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.batch import Element, Trace, pack_traces, unpack, unpack_element, unpack_sent, unpack_traces
from syncd.domain.erasing import is_theirs, names
from syncd.store import unplanned
from syncd.store.ledger import one_of
from syncd.store.tables import batches, dead_letters, epoch, ledger, outbox, reassertions, segments, subjects

_PAGE: Final = 5_000


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the outbox as it waits there."""

    id: int
    segment: str
    subject: str | None = field(repr=False)
    payload: str = field(repr=False)


async def rows(connection: AsyncConnection, segment: str | None, after: int) -> list[Row]:
    """The next rows of a segment's outbox behind an id, or those of no segment that is streamed to. What is committed
    late with a lower id is missed here: it meets the suppression when it is taken.
    """
    o = outbox.c
    statement = select(o.id, o.segment_key, o.subject_id, cast(o.payload, Text).label("payload")).where(o.id > after)
    if segment is None:
        statement = statement.where(o.segment_key.not_in(select(segments.c.key).where(~segments.c.takes_lists)))
    else:
        statement = statement.where(o.segment_key == segment)
    found = await connection.execute(statement.order_by(o.id).limit(_PAGE))
    return [Row(row.id, row.segment_key, row.subject_id, row.payload) for row in found]


async def take_out(connection: AsyncConnection, numbers: Collection[int]) -> list[int]:
    """Deletes rows of the outbox; those that were still there."""
    gone = delete(outbox).where(outbox.c.id.in_(numbers)).returning(outbox.c.id)
    return sorted((await connection.execute(gone)).scalars())


async def waiting(connection: AsyncConnection, numbers: Collection[int]) -> bool:
    """Whether any of these rows is still in the outbox."""
    statement = select(outbox.c.id).where(outbox.c.id.in_(numbers)).limit(1)
    return (await connection.execute(statement)).first() is not None


async def order(
    connection: AsyncConnection, segment: str, leaving: Sequence[tuple[str | None, Mapping[str, str]]]
) -> list[int]:
    """Rows that take people out, by a subject or a payload, as the CRM would write them; their ids."""
    plain = connection.dialect.name == "sqlite"
    given = [
        {
            "segment_key": segment,
            "action": "REMOVE",
            "subject_id": subject,
            "payload": msgspec.json.encode(payload).decode() if plain else payload,
        }
        for subject, payload in leaving
    ]
    statement = insert(outbox).returning(outbox.c.id, sort_by_parameter_order=True)
    return list((await connection.execute(statement, given)).scalars())


async def pairs(connection: AsyncConnection, segment_id: int, last: bytes) -> list[tuple[bytes, tuple[bytes, ...]]]:
    """The next people of the ledger, behind an identity, who are known by more than one id; all their ids."""
    c = ledger.c
    statement = (
        select(c.identity, c.sent)
        .where(c.segment_id == segment_id, c.identity > last, c.sent.is_not(None))
        .order_by(c.identity)
        .limit(_PAGE)
    )
    return [
        (bytes(row.identity), (bytes(row.identity), *unpack_sent(row.sent).ids))
        for row in await connection.execute(statement)
    ]


@dataclass(frozen=True, slots=True)
class Held:
    """What the ledger says of an identity: in the segment or not, since when, and which batch carried it there."""

    identity: bytes = field(repr=False)
    present: bool
    batch: int
    at: float


async def held(connection: AsyncConnection, segment_id: int, ids: Collection[bytes]) -> list[Held]:
    c = ledger.c
    statement = select(c.identity, c.present, c.batch_id, epoch(c.at).label("at")).where(
        c.segment_id == segment_id, one_of(connection, c.identity, list(ids), BYTEA)
    )
    return [Held(bytes(row.identity), row.present, row.batch_id, row.at) for row in await connection.execute(statement)]


async def under_way(connection: AsyncConnection, segment_id: int, ids: Collection[bytes]) -> list[tuple[int, Element]]:
    """The elements of open batches that are theirs, with their batches."""
    statement = select(batches.c.id, batches.c.body).where(batches.c.open, batches.c.segment_id == segment_id)
    return [
        (number, element)
        for number, body in await connection.execute(statement.order_by(batches.c.id))
        for element in unpack(body)
        if is_theirs(element.ids, ids)
    ]


async def traced(connection: AsyncConnection, segment_id: int, ids: Collection[bytes]) -> set[bytes]:
    """All ids of what is to go out once more and is theirs."""
    kept = await connection.execute(select(reassertions.c.identities).where(reassertions.c.segment_id == segment_id))
    traces = (trace for packed in kept.scalars() for trace in unpack_traces(packed))
    return {one for trace in traces if is_theirs(_named(trace), ids) for one in _named(trace)}


def _named(trace: Trace) -> tuple[bytes, ...]:
    return (trace.identity, *trace.others)


async def release(connection: AsyncConnection, segment_id: int, ids: Collection[bytes]) -> None:
    """Takes them out of what is to go out once more."""
    r = reassertions.c
    for number, packed in (
        await connection.execute(select(r.id, r.identities).where(r.segment_id == segment_id))
    ).all():
        traces = unpack_traces(packed)
        left = [trace for trace in traces if not is_theirs(_named(trace), ids)]
        if not left:
            await connection.execute(delete(reassertions).where(r.id == number))
        elif len(left) < len(traces):
            await connection.execute(update(reassertions).where(r.id == number).values(identities=pack_traces(left)))


async def letters(connection: AsyncConnection, segment_id: int, ids: Collection[bytes]) -> dict[int, Element]:
    """Their dead letters that carry something."""
    found: dict[int, Element] = {}
    last = 0
    d = dead_letters.c
    while True:
        statement = (
            select(d.id, d.element)
            .where(d.segment_id == segment_id, d.element.is_not(None), d.id > last)
            .order_by(d.id)
            .limit(_PAGE)
        )
        page = (await connection.execute(statement)).all()
        for number, packed in page:
            element = unpack_element(packed)
            if is_theirs(element.ids, ids):
                found[number] = element
        if len(page) < _PAGE:
            return found
        last = page[-1].id


async def subject_names(connection: AsyncConnection, segment_id: int, ids: Collection[bytes]) -> set[str]:
    """The subjects that hold one of their identities, and those that are called by their address or a hash of it."""
    c = subjects.c
    mine = c.segment_id == segment_id
    holding = select(c.subject).where(mine, one_of(connection, c.identity, list(ids), BYTEA))
    found = set((await connection.execute(holding)).scalars())
    async for name in _telling(connection, segment_id):
        if names(name, ids):
            found.add(name)
    return found


async def _telling(connection: AsyncConnection, segment_id: int) -> AsyncIterator[str]:
    """Subjects whose names could be an address or a hash: few CRMs have any."""
    c = subjects.c
    last = ""
    while True:
        statement = (
            select(c.subject)
            .where(
                c.segment_id == segment_id, c.subject > last, or_(c.subject.like("%@%"), c.subject.like("_" * 32 + "%"))
            )
            .order_by(c.subject)
            .limit(_PAGE)
        )
        page = list((await connection.execute(statement)).scalars())
        for name in page:
            yield name
        if len(page) < _PAGE:
            return
        last = page[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    ledger_rows: int
    subject_lines: int
    dead_letters: int


async def forget(
    connection: AsyncConnection, segment_id: int, ids: Collection[bytes], names: Collection[str]
) -> Forgotten:
    """Deletes what a segment knows of a person, once nothing of them is under way."""
    await release(connection, segment_id, ids)
    await unplanned.forget_identities(connection, [segment_id], ids, names)
    identities = one_of(connection, ledger.c.identity, list(ids), BYTEA)
    gone = delete(ledger).where(ledger.c.segment_id == segment_id, identities).returning(ledger.c.rank)
    lines = or_(
        one_of(connection, subjects.c.identity, list(ids), BYTEA),
        one_of(connection, subjects.c.subject, list(names), Text),
    )
    left = delete(subjects).where(subjects.c.segment_id == segment_id, lines).returning(subjects.c.rank)
    theirs = list(await letters(connection, segment_id, ids))
    buried = delete(dead_letters).where(dead_letters.c.id.in_(theirs)).returning(dead_letters.c.id)
    return Forgotten(
        ledger_rows=len((await connection.execute(gone)).all()),
        subject_lines=len((await connection.execute(left)).all()),
        dead_letters=len((await connection.execute(buried)).all()) if theirs else 0,
    )


async def support_id(connection: AsyncConnection, batch: int) -> str:
    """LinkedIn's id of the request that closed a batch."""
    found = await connection.execute(select(batches.c.uuid).where(batches.c.id == batch))
    return str(found.scalar_one_or_none() or "")
