"""The history of what LinkedIn said: looks at segments, and the roles members were found to have. Old looks go when new
ones come, so that the history stays as long as it is and no longer.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import delete, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.course import Look, Move
from syncd.domain.segment import Status
from syncd.store.tables import MEMBERS, epoch, later, looks, now, role_checks, segments, transitions

KEPT: Final = 180 * 86_400.0
"""Seconds a look is kept."""

_LOOK: Final = (
    looks.c.segment_id,
    epoch(looks.c.at).label("at"),
    looks.c.status,
    looks.c.input_count,
    looks.c.matched_count,
    looks.c.audience_size,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleCheck:
    """A member's role in an ad account, None where it has none; seen `age` seconds ago."""

    member: str
    account: str
    role: str | None
    age: float


_LAST: Final = select(looks.c.id).where(looks.c.segment_id == segments.c.id).order_by(looks.c.id.desc()).limit(1)
_LASTS: Final = select(_LAST.scalar_subquery()).select_from(segments).where(segments.c.member.in_(MEMBERS))
_NEWEST: Final = select(*_LOOK).where(looks.c.id.in_(_LASTS))


async def newest(connection: AsyncConnection, member: str) -> dict[int, Look]:
    """The last look at each of a member's segments that has one."""
    return {row.segment_id: _look(row) for row in await connection.execute(_NEWEST, {"members": [member]})}


async def note(connection: AsyncConnection, seen: Mapping[int, Look]) -> None:
    """Adds looks, by segment id, and forgets those of the same segments that are older than half a year."""
    if not seen:
        return
    rows = [
        {
            "segment_id": segment_id,
            "at": look.at,
            "status": look.status,
            "input_count": look.input_count,
            "matched_count": look.matched_count,
            "audience_size": look.audience_size,
        }
        for segment_id, look in seen.items()
    ]
    await connection.execute(delete(looks).where(looks.c.segment_id.in_(seen), looks.c.at < later(-KEPT)))
    await connection.execute(insert(looks), rows)


async def of(connection: AsyncConnection, segment_ids: Collection[int]) -> dict[int, list[Look]]:
    """The looks at some segments, oldest first."""
    found: dict[int, list[Look]] = {segment_id: [] for segment_id in segment_ids}
    for row in await connection.execute(select(*_LOOK).where(looks.c.segment_id.in_(found)).order_by(looks.c.id)):
        found[row.segment_id].append(_look(row))
    return found


async def moves(connection: AsyncConnection, segment_ids: Collection[int]) -> dict[int, list[Move]]:
    """Of each segment the last change of status and those that began a new life, oldest first."""
    t = transitions.c
    found: dict[int, list[Move]] = {segment_id: [] for segment_id in segment_ids}
    last = select(t.id).where(t.segment_id == segments.c.id).order_by(t.id.desc()).limit(1)
    lasts = select(last.scalar_subquery()).select_from(segments).where(segments.c.id.in_(found))
    statement = select(t.segment_id, t.from_status, t.to_status, t.documented, epoch(t.at).label("at")).where(
        t.segment_id.in_(found), or_(t.id.in_(lasts), t.from_status.in_([Status.ARCHIVED, Status.EXPIRED]))
    )
    for row in await connection.execute(statement.order_by(t.id)):
        move = Move(before=row.from_status, after=row.to_status, documented=row.documented, at=row.at)
        found[row.segment_id].append(move)
    return found


async def check_roles(connection: AsyncConnection, member: str, roles: Mapping[str, str | None]) -> None:
    """Stores a member's role in each account of its segments; accounts it has none in any more go."""
    await connection.execute(delete(role_checks).where(role_checks.c.member == member))
    rows = [{"member": member, "account": account, "role": role} for account, role in sorted(roles.items())]
    if rows:
        await connection.execute(insert(role_checks).values(checked_at=now()), rows)


async def role_checks_of(connection: AsyncConnection) -> Sequence[RoleCheck]:
    """The last check of every member."""
    r = role_checks.c
    statement = select(r.member, r.account, r.role, (epoch(now()) - epoch(r.checked_at)).label("age")).order_by(
        r.member, r.account
    )
    return [
        RoleCheck(member=row.member, account=row.account, role=row.role, age=row.age)
        for row in await connection.execute(statement)
    ]


def _look(row: Any) -> Look:
    return Look(
        at=row.at,
        status=row.status,
        input_count=row.input_count,
        matched_count=row.matched_count,
        audience_size=row.audience_size,
    )
