"""Erasures: whom they are about until they are done, and for each segment how far they have come and what was found.

When an erasure is done nothing here says whom it was about: ids and subjects go, counts and LinkedIn's words stay as
evidence.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    LargeBinary,
    Table,
    Text,
    and_,
    func,
    insert,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.change import Kind
from syncd.domain.suppression import Suppressed
from syncd.store.tables import MEMBERS, Moment, at, big_id, epoch, metadata, now, segments

UNKNOWN: Final = 0
"""The place of rows that belong to no segment."""
SEARCH: Final = "search"
WAITING: Final = "waiting"
DONE: Final = "done"
LIST: Final = "list"
"""A segment that takes lists: nothing of it is kept here, so there is nothing to do."""
_NOTHING: Final = text("0")

erasures = Table(
    "erasures",
    metadata,
    big_id(),
    Column("kind", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("begun_at", Moment(), nullable=False, server_default=now()),
    at("finished_at", nullable=True),
    Column("learned", Integer, nullable=False),
    Column("ids", LargeBinary),
    sqlite_autoincrement=True,
)
"""`learned` is how many ids are known; they are gone once it is finished."""

erasure_places = Table(
    "erasure_places",
    metadata,
    Column("erasure_id", BigInteger, primary_key=True, autoincrement=False),
    Column("segment_id", Integer, primary_key=True, autoincrement=False),
    Column("segment", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("searched", Integer, nullable=False, server_default=_NOTHING),
    Column("words", Text, nullable=False, server_default=text("''")),
    Column("orders", Text, nullable=False, server_default=text("'[]'")),
    Column("subjects", LargeBinary),
    Column("outbox_rows", Integer, nullable=False, server_default=_NOTHING),
    Column("ledger_rows", Integer, nullable=False, server_default=_NOTHING),
    Column("subject_lines", Integer, nullable=False, server_default=_NOTHING),
    Column("dead_letters", Integer, nullable=False, server_default=_NOTHING),
    Column("batch_id", BigInteger),
    Column("support_id", Text, nullable=False, server_default=text("''")),
    at("accepted_at", nullable=True),
    at("finished_at", nullable=True),
)
"""`searched` is with how many ids the segment was searched; `orders` are the outbox rows that take the person out."""

IS_OPEN: Final = and_(
    erasure_places.c.stage != LIST, or_(erasure_places.c.stage != DONE, erasure_places.c.searched < erasures.c.learned)
)
"""Something is left to do: what was searched with fewer ids than are known by now is searched again."""
_names: Final = msgspec.msgpack.Decoder(list[str])
_ids: Final = msgspec.msgpack.Decoder(list[bytes])
_numbers: Final = msgspec.json.Decoder(list[int])


@dataclass(frozen=True, slots=True, kw_only=True)
class Whom:
    """An erasure that runs, held against others until the transaction ends."""

    kind: Suppressed
    ids: frozenset[bytes] = field(repr=False)
    learned: int

    @property
    def forgets(self) -> bool:
        """Whether everything about the person goes, not only their place in segments."""
        return self.kind is Suppressed.ERASURE


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One segment of an erasure. `segment` is None where it is not there any more; `key` says which it was."""

    erasure: int
    segment_id: int
    key: str
    exists: bool
    kind: Kind | None
    stage: str
    searched: int
    learned: int
    words: str
    orders: tuple[int, ...]
    subjects: tuple[str, ...] = field(repr=False)
    idle: str
    """Why the segment takes nothing now; empty if it does."""
    emptied: bool
    """Whether LinkedIn holds nobody in it: it was never made there, or LinkedIn purged it."""


async def begin(
    connection: AsyncConnection, kind: Suppressed, ids: Collection[bytes], reason: str, asked_by: str
) -> int:
    """A new erasure with a place for every segment there is; its number."""
    packed = msgspec.msgpack.encode(sorted(ids))
    values = {"kind": kind.value, "reason": reason, "asked_by": asked_by, "learned": len(ids), "ids": packed}
    number = int((await connection.execute(insert(erasures).values(values).returning(erasures.c.id))).scalar_one())
    forgets = kind is Suppressed.ERASURE
    rows = (
        await connection.execute(select(segments.c.id, segments.c.key, segments.c.kind, segments.c.takes_lists))
    ).all()
    places = [{"segment_id": UNKNOWN, "segment": "(unknown)", "stage": SEARCH, "words": ""}] if forgets else []
    for row in rows:
        if row.takes_lists:
            if row.kind == Kind.USER:
                words = "a list, of which syncd keeps nothing: upload it again without the person"
                places.append({"segment_id": row.id, "segment": row.key, "stage": LIST, "words": words})
        elif forgets or row.kind == Kind.USER:
            places.append({"segment_id": row.id, "segment": row.key, "stage": SEARCH, "words": ""})
    if places:
        await connection.execute(insert(erasure_places).values(erasure_id=number), places)
    await _finish(connection, number)
    return number


async def due(connection: AsyncConnection, member: str) -> list[Place]:
    """The places that a member's owner has to work on: of its segments, of segments that are gone, and of no segment."""
    p, e, s = erasure_places.c, erasures.c, segments.c
    statement = (
        select(
            *(p.erasure_id, p.segment_id, p.segment, p.stage, p.searched, p.words, p.orders, p.subjects, e.learned),
            *(s.id, s.kind, s.paused, s.parked, s.parked_words, s.dmp_id),
        )
        .select_from(
            erasure_places.join(erasures, and_(e.id == p.erasure_id, e.finished_at.is_(None))).outerjoin(
                segments, s.id == p.segment_id
            )
        )
        .where(or_(s.member == member, s.id.is_(None)), IS_OPEN)
        .order_by(p.erasure_id, p.segment_id)
    )
    return [_place(row) for row in await connection.execute(statement)]


_WAITING: Final = (
    select(
        erasure_places.c.erasure_id,
        erasure_places.c.segment,
        erasure_places.c.words,
        (epoch(now()) - epoch(erasures.c.begun_at)).label("age"),
    )
    .select_from(
        erasure_places.join(erasures, erasures.c.id == erasure_places.c.erasure_id).join(
            segments, segments.c.id == erasure_places.c.segment_id
        )
    )
    .where(segments.c.member.in_(MEMBERS), erasures.c.finished_at.is_(None), IS_OPEN)
    .order_by(erasure_places.c.erasure_id, erasure_places.c.segment_id)
)


async def waiting(connection: AsyncConnection, member: str, seconds: float) -> Sequence[Any]:
    """Places of a member's segments that have had something left to do for so long: number, segment, words, age in
    seconds.
    """
    rows = await connection.execute(_WAITING, {"members": [member]})
    return [row for row in rows if row.age > seconds]


def _place(row: Any) -> Place:
    idle = ""
    if row.parked:
        idle = f"the segment is parked: {row.parked_words or row.parked}"
    elif row.paused:
        idle = "the segment is paused: resume it"
    return Place(
        erasure=row.erasure_id,
        segment_id=row.segment_id,
        key=row.segment,
        exists=row.id is not None,
        kind=Kind(row.kind) if row.kind else None,
        stage=row.stage,
        searched=row.searched,
        learned=row.learned,
        words=row.words,
        orders=tuple(_numbers.decode(row.orders)),
        subjects=tuple(_names.decode(row.subjects)) if row.subjects else (),
        idle=idle,
        emptied=row.dmp_id is None or row.parked == "expired",
    )


async def whom(connection: AsyncConnection, number: int, *, hold: bool = True) -> Whom | None:
    """Whom an erasure is about; None once it is finished."""
    statement = select(erasures.c.kind, erasures.c.ids, erasures.c.learned).where(erasures.c.id == number)
    if hold:
        statement = statement.with_for_update()
    row = (await connection.execute(statement)).one_or_none()
    if row is None or row.ids is None:
        return None
    return Whom(kind=Suppressed(row.kind), ids=frozenset(_ids.decode(row.ids)), learned=row.learned)


async def learn(connection: AsyncConnection, number: int, ids: Collection[bytes]) -> None:
    """More ids of the same person: every segment is searched again."""
    packed = msgspec.msgpack.encode(sorted(ids))
    await connection.execute(update(erasures).where(erasures.c.id == number).values(ids=packed, learned=len(ids)))


async def note(connection: AsyncConnection, place: Place, **values: Any) -> None:
    """Writes what is known of a place now. Counts are added to what was counted before."""
    p = erasure_places.c
    counts = ("outbox_rows", "ledger_rows", "subject_lines", "dead_letters")
    changed = {name: p[name] + value if name in counts else value for name, value in values.items()}
    if "orders" in changed:
        changed["orders"] = msgspec.json.encode(changed["orders"]).decode()
    if "subjects" in changed:
        changed["subjects"] = msgspec.msgpack.encode(changed["subjects"])
    if values.get("stage") == DONE:
        changed |= {"finished_at": now(), "subjects": None}
    mine = and_(p.erasure_id == place.erasure, p.segment_id == place.segment_id)
    await connection.execute(update(erasure_places).where(mine).values(changed))
    if values.get("stage") == DONE:
        await _finish(connection, place.erasure)


async def _finish(connection: AsyncConnection, number: int) -> None:
    """The erasure is done where all its places are; from then on nothing says whom it was about."""
    p, e = erasure_places.c, erasures.c
    left = (
        select(func.count())
        .select_from(erasure_places)
        .where(p.erasure_id == number, IS_OPEN)
        .correlate(erasures)
        .scalar_subquery()
    )
    done = update(erasures).where(e.id == number, e.finished_at.is_(None), left == 0)
    await connection.execute(done.values(finished_at=now(), ids=None))


_ERASURE: Final = (
    erasures.c.id,
    erasures.c.kind,
    erasures.c.reason,
    erasures.c.asked_by,
    epoch(erasures.c.begun_at).label("begun_at"),
    epoch(erasures.c.finished_at).label("finished_at"),
)


async def listed(connection: AsyncConnection, most: int, below: int | None = None) -> Sequence[Any]:
    """The newest first, without what they are about."""
    statement = select(*_ERASURE).order_by(erasures.c.id.desc()).limit(most)
    if below is not None:
        statement = statement.where(erasures.c.id < below)
    return (await connection.execute(statement)).all()


async def find(connection: AsyncConnection, number: int) -> Any:
    return (await connection.execute(select(*_ERASURE).where(erasures.c.id == number))).one_or_none()


async def places(connection: AsyncConnection, numbers: Collection[int]) -> Sequence[Any]:
    """The places of some erasures, as evidence: counts, times and LinkedIn's support ids."""
    p = erasure_places.c
    statement = (
        select(
            *(p.erasure_id, p.segment, p.stage, p.words, p.outbox_rows, p.ledger_rows, p.subject_lines),
            *(p.dead_letters, p.batch_id, p.support_id),
            epoch(p.accepted_at).label("accepted_at"),
            epoch(p.finished_at).label("finished_at"),
        )
        .where(p.erasure_id.in_(numbers))
        .order_by(p.erasure_id, p.segment)
    )
    return (await connection.execute(statement)).all()
