"""The ledger and the subjects: read and written by sets, one statement for up to 5,000 people."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Integer,
    LargeBinary,
    SmallInteger,
    Text,
    and_,
    bindparam,
    case,
    cast,
    column,
    func,
    select,
    text,
    true,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import UserDefinedType

from syncd.domain.batch import HASHED, BatchId, Element, Entry, Flag, Shape, pack_sent, unpack_sent
from syncd.domain.change import Rank
from syncd.domain.collapse import Holder
from syncd.store.plans import resyncs
from syncd.store.tables import ledger, now, outbox, segments, subjects

_RESET: Final = 2


async def entries(connection: AsyncConnection, segment_id: int, identities: Collection[bytes]) -> dict[bytes, Entry]:
    """What the ledger holds of some identities, tombstones included."""
    if not identities:
        return {}
    statement = select(ledger.c.identity, ledger.c.present, ledger.c.rank, ledger.c.sent, ledger.c.anonymous).where(
        ledger.c.segment_id == segment_id, one_of(connection, ledger.c.identity, list(identities), BYTEA)
    )
    found: dict[bytes, Entry] = {}
    for identity, present, at, packed, anonymous in await connection.execute(statement):
        sent = unpack_sent(packed)
        found[identity] = Entry(present, Rank(at), (identity, *sent.ids), sent.fields, anonymous == 1)
    return found


def one_of(connection: AsyncConnection, member: Any, values: Sequence[Any], of: Any) -> Any:
    """Whether a column is one of many values, given as one array where the database takes arrays."""
    if connection.dialect.name == "postgresql":
        return member == func.any(bindparam(None, values, type_=ARRAY(of)))
    return member.in_(values)


def _upsert(insert: Any) -> Any:
    """The newest accepted element of an identity stands; ids add up while it is present (`design.md` §4)."""
    new = insert.excluded
    still_there = and_(new.present, ledger.c.present)
    return insert.on_conflict_do_update(
        index_elements=[ledger.c.segment_id, ledger.c.identity],
        set_={
            "rank": new.rank,
            "batch_id": new.batch_id,
            "at": new.at,
            "present": new.present,
            "anonymous": case((new.anonymous > 0, new.anonymous), (still_there, ledger.c.anonymous), else_=0),
            "sent": case((still_there, func.coalesce(new.sent, ledger.c.sent)), else_=new.sent),
        },
        where=ledger.c.rank <= new.rank,
    )


class _Column(UserDefinedType[Any]):
    """A column of values on its way to `unnest`, as the driver takes it: SQLAlchemy's own arrays look at every value. So
    does the driver, twice: what every batch has goes as one text instead.
    """

    cache_ok = True
    render_bind_cast = True

    def __init__(self, of: str) -> None:
        self.of = of

    def get_col_spec(self, **_: Any) -> str:
        return f"{self.of}[]"


def postgresql_upsert(*conditions: Any) -> Any:
    """The upsert of `columns`, under conditions. What a column leaves out is as it is for most: `unnest` fills up with
    nulls, and an identity that is not named is one of the hashed ones, which follow each other without a gap.
    """
    given = (
        func.unnest(
            cast(bindparam("ranks", type_=Text), _Column("bigint")),
            bindparam("identities", type_=_Column("bytea")),
            bindparam("sent", type_=_Column("bytea")),
            bindparam("present", type_=_Column("boolean")),
            bindparam("anonymous", type_=_Column("smallint")),
        )
        .table_valued(
            column("rank", BigInteger),
            column("identity", LargeBinary),
            column("sent", LargeBinary),
            column("present", Boolean),
            column("anonymous", SmallInteger),
            with_ordinality="place",
        )
        .render_derived()
    )
    hashed = bindparam("hashed", type_=BYTEA)
    start = cast(given.c.place, Integer) * HASHED - (HASHED - 1)
    source = select(
        bindparam("segment", type_=BigInteger),
        func.coalesce(given.c.identity, func.substring(hashed, start, HASHED)),
        given.c.sent,
        given.c.rank,
        func.coalesce(given.c.present, true()),
        func.coalesce(given.c.anonymous, 1),
        bindparam("batch", type_=BigInteger),
        now(),
    ).where(*conditions)
    return _upsert(
        postgresql.insert(ledger).from_select(
            ["segment_id", "identity", "sent", "rank", "present", "anonymous", "batch_id", "at"], source
        )
    )


_UPSERT_POSTGRESQL: Final = postgresql_upsert()
_UPSERT_SQLITE: Final = _upsert(sqlite.insert(ledger).values(at=now()))


async def record(
    connection: AsyncConnection, segment_id: int, batch: BatchId, accepted: Sequence[Element], of: Shape
) -> None:
    """Writes what LinkedIn accepted of elements of this shape."""
    if connection.dialect.name == "postgresql":
        given = {"segment": segment_id, "batch": batch, **columns(accepted, of)}
        await connection.execute(_UPSERT_POSTGRESQL, given)
        return
    await connection.execute(
        _UPSERT_SQLITE,
        [
            {
                "segment_id": segment_id,
                "batch_id": batch,
                "identity": element.ids[0],
                "sent": pack_sent(element),
                "rank": element.rank,
                "present": element.add,
                "anonymous": _anonymous(element),
            }
            for element in sorted(accepted, key=_identity)
        ],
    )


def columns(accepted: Sequence[Element], of: Shape) -> dict[str, Any]:
    """What PostgreSQL's ledger takes of each element, in the order of the identities, so that two writers never wait for
    each other in a ring and the index is walked once from left to right. A column that is as usual for all is empty.
    """
    ordered = sorted(accepted, key=_identity)
    identities = [element.ids[0] for element in ordered]
    sent = [] if of.hashed else [pack_sent(element) for element in ordered]
    return {
        "hashed": b"".join(identities) if of.hashed else b"",
        "identities": [] if of.hashed else identities,
        "ranks": f"{{{str([element.rank for element in ordered])[1:-1]}}}",
        "sent": sent if any(sent) else [],
        "present": [] if of.joining else [element.add for element in ordered],
        "anonymous": [] if of.joining else [_anonymous(element) for element in ordered],
    }


def _identity(element: Element) -> bytes:
    return element.ids[0]


def _anonymous(element: Element) -> int:
    if not element.add:
        return 0
    if element.flags & Flag.ANONYMOUS:
        return 1
    return _RESET if element.flags & Flag.RELEASED else 0


async def lines(connection: AsyncConnection, segment_id: int, names: Collection[str]) -> dict[str, Holder]:
    """The lines of some subjects of a segment."""
    statement = select(subjects.c.subject, subjects.c.identity, subjects.c.rank).where(
        subjects.c.segment_id == segment_id, one_of(connection, subjects.c.subject, list(names), Text)
    )
    rows = await connection.execute(statement)
    return {name: Holder(identity, Rank(at)) for name, identity, at in rows}


async def holders(connection: AsyncConnection, segment_id: int, identities: Collection[bytes]) -> dict[bytes, int]:
    """How many subjects hold each of some identities."""
    statement = (
        select(subjects.c.identity, func.count())
        .where(subjects.c.segment_id == segment_id, one_of(connection, subjects.c.identity, list(identities), BYTEA))
        .group_by(subjects.c.identity)
    )
    return dict((await connection.execute(statement)).all())


def _postgresql_release() -> Any:
    given = (
        func.unnest(bindparam("identities", type_=ARRAY(BYTEA)), bindparam("ranks", type_=ARRAY(BigInteger)))
        .table_valued(column("identity", LargeBinary), column("rank", BigInteger))
        .render_derived()
    )
    return (
        update(subjects)
        .where(
            subjects.c.segment_id == bindparam("segment", type_=BigInteger),
            subjects.c.identity == given.c.identity,
            subjects.c.rank < given.c.rank,
        )
        .values(identity=None, rank=given.c.rank, at=now())
    )


_RELEASE_POSTGRESQL: Final = _postgresql_release()
_RELEASE_SQLITE: Final = (
    update(subjects)
    .where(
        subjects.c.segment_id == bindparam("segment"),
        subjects.c.identity == bindparam("left"),
        subjects.c.rank < bindparam("before"),
    )
    .values(identity=None, rank=bindparam("before"), at=now())
)


async def release(connection: AsyncConnection, segment_id: int, released: Mapping[bytes, Rank]) -> None:
    """Whoever holds one of these identities lets go of it, unless it took it with a higher rank."""
    if connection.dialect.name == "postgresql":
        given = {"segment": segment_id, "identities": list(released), "ranks": list(released.values())}
        await connection.execute(_RELEASE_POSTGRESQL, given)
        return
    rows = [{"segment": segment_id, "left": identity, "before": at} for identity, at in released.items()]
    await connection.execute(_RELEASE_SQLITE, rows)


def _subjects_upsert(insert: Any) -> Any:
    return insert.on_conflict_do_update(
        index_elements=[subjects.c.segment_id, subjects.c.subject],
        set_={"identity": insert.excluded.identity, "rank": insert.excluded.rank, "at": insert.excluded.at},
    )


def _postgresql_subjects() -> Any:
    given = (
        func.unnest(
            bindparam("names", type_=ARRAY(Text)),
            bindparam("identities", type_=ARRAY(BYTEA)),
            bindparam("ranks", type_=ARRAY(BigInteger)),
        )
        .table_valued(column("subject", Text), column("identity", LargeBinary), column("rank", BigInteger))
        .render_derived()
    )
    source = select(bindparam("segment", type_=BigInteger), given.c.subject, given.c.identity, given.c.rank, now())
    names = ["segment_id", "subject", "identity", "rank", "at"]
    return _subjects_upsert(postgresql.insert(subjects).from_select(names, source))


_SUBJECTS_POSTGRESQL: Final = _postgresql_subjects()
_SUBJECTS_SQLITE: Final = _subjects_upsert(sqlite.insert(subjects).values(at=now()))


async def hold(connection: AsyncConnection, segment_id: int, held: Mapping[str, Holder]) -> None:
    """Writes the subjects' new lines."""
    ordered = sorted(held.items())
    if connection.dialect.name == "postgresql":
        await connection.execute(
            _SUBJECTS_POSTGRESQL,
            {
                "segment": segment_id,
                "names": [name for name, _ in ordered],
                "identities": [holder.identity for _, holder in ordered],
                "ranks": [holder.rank for _, holder in ordered],
            },
        )
        return
    await connection.execute(
        _SUBJECTS_SQLITE,
        [
            {"segment_id": segment_id, "subject": name, "identity": holder.identity, "rank": holder.rank}
            for name, holder in ordered
        ],
    )


async def sizes(connection: AsyncConnection, segment_ids: Collection[int]) -> dict[int, int]:
    """How many people or companies each segment holds."""
    statement = (
        select(ledger.c.segment_id, func.count())
        .where(ledger.c.segment_id.in_(segment_ids), ledger.c.present)
        .group_by(ledger.c.segment_id)
    )
    return dict((await connection.execute(statement)).all())


async def prune(connection: AsyncConnection, before: float) -> int:
    """Deletes tombstones older than `before` (seconds since 1970), at most 10,000; how many it deleted. Those of a segment
    in whose outbox a late commit still waits, because it is parked or its turn has not come, stay until that is taken;
    those of a segment with an open resync until that has ended, for they tell what its source cannot know.
    """
    deleted = 0
    oldest = select(func.min(outbox.c.id)).where(outbox.c.segment_key == segments.c.key).scalar_subquery()
    compared = select(resyncs.c.segment_id).where(resyncs.c.ended_at.is_(None))
    awaited = select(segments.c.id).where(oldest <= segments.c.high_water).union_all(compared)
    for table, gone in ((ledger, ~ledger.c.present), (subjects, subjects.c.identity.is_(None))):
        key = next(column for column in table.primary_key.columns if column.name != "segment_id")
        old = and_(gone, table.c.at < before, table.c.segment_id.not_in(awaited))
        doomed = select(table.c.segment_id, key).where(old).limit(10_000).cte("doomed")
        statement = table.delete().where(
            select(text("1")).where(doomed.c.segment_id == table.c.segment_id, doomed.c[key.name] == key).exists()
        )
        deleted += len((await connection.execute(statement.returning(text("1")))).all())
    return deleted
