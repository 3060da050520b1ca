"""Segments and members as rows: what configuration declares, where each is bound at LinkedIn, what parks it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from sqlalchemy import Select, and_, bindparam, delete, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.change import Kind
from syncd.domain.segment import TRIED_AGAIN, MemberKey, MemberParking, Segment, SegmentKey, SegmentParking, documented
from syncd.store import plans
from syncd.store.tables import (
    MEMBERS,
    batches,
    dead_letters,
    epoch,
    insights,
    ledger,
    looks,
    members,
    now,
    reassertions,
    segments,
    subjects,
    transitions,
)

_PASSING: Final = sorted(reason.value for reason in TRIED_AGAIN)
"""Reasons that may go away by themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """A segment as configuration or an operator declares it."""

    key: str
    name: str
    kind: str
    account: str
    member: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """What provisioning needs to know of a segment: whether its creation was intended, what to overlook, what was asked."""

    segment: Segment
    intended: bool
    intended_seconds_ago: float
    ignored: tuple[int, ...]
    order: str | None


_SEGMENT: Final = (
    segments.c.id,
    segments.c.key,
    segments.c.name,
    segments.c.kind,
    segments.c.account,
    segments.c.member,
    segments.c.dmp_id,
    epoch(segments.c.bound_at).label("bound_at"),
    segments.c.parked,
    segments.c.parked_words,
    segments.c.paused,
    segments.c.high_water,
    segments.c.has_subjects,
    segments.c.status,
    epoch(segments.c.status_seen_at).label("status_seen_at"),
    epoch(segments.c.status_since).label("status_since"),
    segments.c.audience_size,
    segments.c.takes_lists,
)
_COLUMNS: Final = (
    *_SEGMENT,
    segments.c.order_given,
    segments.c.ignored_dmp_ids,
    epoch(segments.c.create_intended_at).label("intended_at"),
    epoch(now()).label("moment"),
)


def _segment(row: Any) -> Segment:
    return Segment(
        id=row.id,
        key=SegmentKey(row.key),
        name=row.name,
        kind=Kind(row.kind),
        account=row.account,
        member=MemberKey(row.member),
        dmp_id=row.dmp_id,
        bound_at=row.bound_at,
        parked=SegmentParking(row.parked) if row.parked else None,
        parked_words=row.parked_words,
        paused=row.paused,
        high_water=row.high_water,
        has_subjects=row.has_subjects,
        status=row.status,
        status_seen_at=row.status_seen_at,
        status_since=row.status_since,
        audience_size=row.audience_size,
        takes_lists=row.takes_lists,
    )


async def of_members(
    connection: AsyncConnection, keys: Collection[str], *, lists: bool = False
) -> tuple[list[Binding], float]:
    """The segments bound to some members, and the database's time: those that are streamed to, and if `lists` is set
    also those that an upload has made.
    """
    rows = (await connection.execute(_of(keys, lists=lists))).all()
    return [_binding(row) for row in rows], rows[0].moment if rows else await moment(connection)


_MOMENT: Final = select(epoch(now()))


async def moment(connection: AsyncConnection) -> float:
    """The database's time, in seconds since 1970."""
    return float((await connection.execute(_MOMENT)).scalar_one())


_STREAMED: Final = ~segments.c.takes_lists
_KNOWN: Final = or_(_STREAMED, segments.c.dmp_id.is_not(None))
IS_WANTING: Final = and_(_KNOWN, or_(segments.c.dmp_id.is_(None), segments.c.order_given.is_not(None)))


async def wanting(connection: AsyncConnection, member: str) -> list[Binding]:
    """Those of a member's segments that are not bound yet, or that something was ordered for."""
    rows = await connection.execute(_of([member], lists=True).where(IS_WANTING))
    return [_binding(row) for row in rows]


_ROLL: Final = select(*_SEGMENT).where(segments.c.member.in_(MEMBERS), _KNOWN).order_by(segments.c.key)


class Roll:
    """Calls the segments of members again and again. A row that says what it said the last time is not made into a segment
    anew: of a thousand of them hardly one has changed.
    """

    def __init__(self) -> None:
        self._called: dict[str, dict[int, tuple[tuple[Any, ...], Segment]]] = {}

    async def call(self, connection: AsyncConnection, members: Collection[str]) -> dict[str, list[Segment]]:
        """Those that are streamed to and those that uploads have made, by member."""
        called: dict[str, dict[int, tuple[tuple[Any, ...], Segment]]] = {member: {} for member in members}
        for row in await connection.execute(_ROLL, {"members": list(members)}):
            before, said = self._called.get(row.member, {}).get(row.id), tuple(row)
            called[row.member][row.id] = before if before and before[0] == said else (said, _segment(row))
        self._called |= called
        return {member: [segment for _, segment in known.values()] for member, known in called.items()}


def _of(keys: Collection[str], *, lists: bool) -> Select[Any]:
    wanted = _KNOWN if lists else _STREAMED
    return select(*_COLUMNS).where(segments.c.member.in_(keys), wanted).order_by(segments.c.key)


async def find(connection: AsyncConnection, key: str) -> Binding | None:
    row = (await connection.execute(select(*_COLUMNS).where(segments.c.key == key))).one_or_none()
    return _binding(row) if row is not None else None


async def keys(connection: AsyncConnection, *, lists: bool = False) -> set[str]:
    """Of the segments that rows of the outbox may belong to, and if `lists` is set also of those they may not."""
    statement = select(segments.c.key) if lists else select(segments.c.key).where(~segments.c.takes_lists)
    return set((await connection.execute(statement)).scalars())


def _binding(row: Any) -> Binding:
    return Binding(
        segment=_segment(row),
        intended=row.intended_at is not None,
        intended_seconds_ago=row.moment - row.intended_at if row.intended_at is not None else 0.0,
        ignored=tuple(msgspec.json.decode(row.ignored_dmp_ids, type=list[int])),
        order=row.order_given,
    )


async def declare(
    connection: AsyncConnection, people: dict[str, str], wanted: Sequence[Declared], *, declared: bool
) -> list[str]:
    """Makes members (key → application) and segments known. A segment's member changes only while no batch is open; its
    kind and account never do. What could not be changed is returned as sentences.
    """
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    if people:
        made = dialect.insert(members)
        made = made.on_conflict_do_update(index_elements=["key"], set_={"application": made.excluded.application})
        await connection.execute(made, [{"key": key, "application": app} for key, app in sorted(people.items())])
    if declared:
        gone = segments.c.declared & segments.c.key.not_in([segment.key for segment in wanted])
        await connection.execute(update(segments).where(gone).values(declared=False))
    if not wanted:
        return []
    known = {
        row.key: row
        for row in await connection.execute(select(segments).where(segments.c.key.in_([w.key for w in wanted])))
    }
    busy = set(
        (
            await connection.execute(
                select(batches.c.segment_id).where(
                    batches.c.open, batches.c.segment_id.in_([row.id for row in known.values()])
                )
            )
        ).scalars()
    )
    problems: list[str] = []
    for segment in wanted:
        row = known.get(segment.key)
        if row is None:
            await connection.execute(insert(segments).values(**_values(segment), declared=declared))
            continue
        if row.takes_lists:
            problems.append(f"segment {segment.key} takes lists and stays one that does: give the new one a new key")
            continue
        if (row.kind, row.account) != (segment.kind, segment.account):
            problems.append(
                f"segment {segment.key} is a {row.kind} segment of {row.account} and stays one: give the new one a new key"
            )
            continue
        member = segment.member
        if row.member != member and row.id in busy:
            problems.append(f"segment {segment.key} stays with member {row.member} while it has open batches")
            member = row.member
        await connection.execute(
            update(segments).where(segments.c.id == row.id).values(name=segment.name, member=member, declared=declared)
        )
    return problems


def _values(segment: Declared) -> dict[str, Any]:
    return {
        "key": segment.key,
        "name": segment.name,
        "kind": segment.kind,
        "account": segment.account,
        "member": segment.member,
    }


async def intend_list(connection: AsyncConnection, wanted: Declared) -> None:
    """Notes that a list segment is about to be made at LinkedIn, so that the one found there later is known to be ours."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    made = dialect.insert(segments).values(**_values(wanted), takes_lists=True, create_intended_at=now())
    await connection.execute(
        made.on_conflict_do_update(index_elements=["key"], set_={"create_intended_at": now(), "name": wanted.name})
    )


async def change(connection: AsyncConnection, segment_id: int, **values: Any) -> None:
    """Sets columns of one segment."""
    await connection.execute(update(segments).where(segments.c.id == segment_id).values(**values))


async def park(connection: AsyncConnection, segment_id: int, reason: SegmentParking, words: str) -> bool:
    """Parks a segment; false if nothing changes, and so nothing is to be said: it is parked for this reason already, or
    for one that waits for a person while this one passes by itself.
    """
    other = update(segments).where(segments.c.id == segment_id, segments.c.parked.is_distinct_from(reason.value))
    if reason in TRIED_AGAIN:
        other = other.where(segments.c.parked.is_(None) | segments.c.parked.in_(_PASSING))
    changed = await connection.execute(other.values(parked=reason.value, parked_words=words[:500], parked_at=now()))
    return bool(changed.rowcount)


async def unpark(connection: AsyncConnection, segment_id: int) -> None:
    await change(connection, segment_id, parked=None, parked_words="", parked_at=None)


async def resume(connection: AsyncConnection, segment_id: int) -> None:
    """Lets a segment go on whose reason has gone by itself; any other reason stands."""
    passing = update(segments).where(segments.c.id == segment_id, segments.c.parked.in_(_PASSING))
    await connection.execute(passing.values(parked=None, parked_words="", parked_at=None))


async def park_member(connection: AsyncConnection, member: str, reason: MemberParking | None, words: str = "") -> bool:
    """Parks a member, or lets it go on when there is no reason; false if it stands so already."""
    parked = reason.value if reason else None
    other = update(members).where(members.c.key == member, members.c.parked.is_distinct_from(parked))
    values = {"parked": parked, "parked_words": words[:500], "parked_at": now() if reason else None}
    return bool((await connection.execute(other.values(**values))).rowcount)


async def bind(
    connection: AsyncConnection, segment: Segment, dmp_id: int, *, bound_at: float | None, ad_segment: str | None
) -> None:
    """Binds a segment to its DMP segment; `bound_at` is when LinkedIn made that, now if it is None."""
    made = now() if bound_at is None else bound_at
    await change(connection, segment.id, dmp_id=dmp_id, bound_at=made, ad_segment=ad_segment, order_given=None)
    await unpark(connection, segment.id)


async def observe(
    connection: AsyncConnection, segment: Segment, status: str, counts: Mapping[str, object]
) -> float | None:
    """Stores what LinkedIn says of a segment, and the transition if its status changed; since when it has the status."""
    values: dict[str, Any] = {"status": status, "status_seen_at": now(), **counts}
    since = segment.status_since
    if status != segment.status:
        values["status_since"] = now()
        row = {
            "segment_id": segment.id,
            "from_status": segment.status,
            "to_status": status,
            "documented": documented(segment.status, status),
        }
        await connection.execute(insert(transitions).values(at=now(), **row))
        since = None
    await change(connection, segment.id, **values)
    return since


async def seen_again(connection: AsyncConnection, counts: Mapping[int, Mapping[str, object]]) -> None:
    """Stores what LinkedIn says of segments by their ids, all with the same columns, where their status is what it was."""
    if counts:
        stored = update(segments).where(segments.c.id == bindparam("number")).values(status_seen_at=now())
        await connection.execute(stored, [{"number": number, **told} for number, told in counts.items()])


async def forget(connection: AsyncConnection, segment_id: int) -> None:
    """Deletes a segment and everything about it but what stands in the outbox."""
    await plans.forget(connection, segment_id)
    for table in (batches, ledger, subjects, dead_letters, reassertions, transitions, looks, insights):
        await connection.execute(delete(table).where(table.c.segment_id == segment_id))
    await connection.execute(delete(segments).where(segments.c.id == segment_id))


_STATES: Final = select(
    members.c.key, members.c.application, members.c.paused, members.c.parked, members.c.parked_words
).where(members.c.key.in_(MEMBERS))


async def member_states(
    connection: AsyncConnection, keys: Collection[str]
) -> dict[str, tuple[str, bool, str | None, str]]:
    """Each member's application, whether it is paused, why it is parked and in whose words."""
    rows = await connection.execute(_STATES, {"members": list(keys)})
    return {key: (application, paused, parked, words) for key, application, paused, parked, words in rows}
