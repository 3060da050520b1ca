"""Who has something to do beside the road: one look for all members of a process, so that each of them reads more only
where there is some.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import and_, func, literal, or_, select, union
from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.store.erasures import IS_OPEN, erasure_places, erasures
from syncd.store.plans import LEFTOVERS, resyncs
from syncd.store.schedules import schedules
from syncd.store.segments import IS_WANTING
from syncd.store.tables import MEMBERS, now, segments

_OURS: Final = segments.c.member.in_(MEMBERS)
_EVERYBODY: Final = ""


class Business(StrEnum):
    """What a member's owner has to do beside the road."""

    PROVISION = "provision"
    RESYNC = "resync"
    ERASE = "erase"


def _provision() -> Any:
    return select(segments.c.member, literal(Business.PROVISION)).where(_OURS, IS_WANTING)


def _resync() -> list[Any]:
    """A resync that is open, a schedule whose time has come, or something left of a plan, which is everybody's."""
    what = literal(Business.RESYNC)
    is_open = and_(resyncs.c.segment_id == segments.c.id, resyncs.c.ended_at.is_(None))
    is_due = and_(schedules.c.segment_id == segments.c.id, schedules.c.next_at <= now(), segments.c.dmp_id.is_not(None))
    return [
        select(segments.c.member, what).select_from(segments.join(resyncs, is_open)).where(_OURS),
        select(segments.c.member, what).select_from(segments.join(schedules, is_due)).where(_OURS),
        select(literal(_EVERYBODY), what).where(LEFTOVERS.exists()),
    ]


def _erase() -> Any:
    """Places of segments, or of none that is there any more, which are everybody's."""
    runs = and_(erasures.c.id == erasure_places.c.erasure_id, erasures.c.finished_at.is_(None))
    joined = erasure_places.join(erasures, runs).outerjoin(segments, segments.c.id == erasure_places.c.segment_id)
    member = func.coalesce(segments.c.member, _EVERYBODY)
    theirs = or_(_OURS, segments.c.id.is_(None))
    return select(member, literal(Business.ERASE)).select_from(joined).where(theirs, IS_OPEN)


_BUSINESS: Final = union(_provision(), *_resync(), _erase())


async def of(connection: AsyncConnection, members: Collection[str]) -> Mapping[str, Collection[Business]]:
    """What some members' owner has to do, by member."""
    found: dict[str, set[Business]] = defaultdict(set)
    for member, what in await connection.execute(_BUSINESS, {"members": list(members)}):
        for one in [member] if member != _EVERYBODY else members:
            found[one].add(Business(what))
    return found
