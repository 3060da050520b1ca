"""A newer version of LinkedIn's API, tried on one segment before the configuration moves to it.

The same things are read in both versions and compared; nothing is written, so that it can be tried in production.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import fields
from typing import Final

from syncd.domain.outcome import Sunset
from syncd.domain.version import days_served, sunset
from syncd.errors import Rejected
from syncd.linkedin import accounts
from syncd.linkedin import segments as dmp
from syncd.linkedin.caller import Caller
from syncd.linkedin.segments import DmpSegment
from syncd.operations import voices
from syncd.operations.moments import moment
from syncd.operations.points import Point
from syncd.operations.segments import unknown
from syncd.operations.signoff import refusal
from syncd.operations.voices import Clock
from syncd.settings import Member, Settings
from syncd.store import reports
from syncd.store.engine import Database

_MOVING: Final = frozenset({"status", "input_count", "matched_count", "audience_size"})
"""What may differ between two looks at a living segment."""


async def tried(
    database: Database, settings: Settings, version: str, key: str | None = None, clock: Clock = Clock()
) -> list[Point]:
    """The points of a version; raises Rejected when there is no segment to try it on."""
    segment = await _chosen(database, key)
    member = next((one for one in settings.members if one.key == segment.member), None)
    if member is None:
        raise Rejected(f"segment {segment.key} belongs to member {segment.member}, which the configuration lacks")
    linkedin = settings.linkedin.model_copy(update={"api_version": version})
    newer = settings.model_copy(update={"linkedin": linkedin})
    now = await _read(settings, member, segment.dmp_id, database, clock)
    then = await _read(newer, member, segment.dmp_id, database, clock)
    return [_served(version, then), *_compared(f"version {version}", now, then)]


async def _chosen(database: Database, key: str | None) -> reports.Bound:
    async with database.read() as connection:
        bound = await reports.bound(connection)
        found = [one for one in bound if key in (None, one.key)]
        if key is not None and not found and await reports.kind_of(connection, key) is None:
            raise await unknown(connection, key)
    if not found:
        what = "no segment is" if key is None else f"segment {key} is not"
        raise Rejected(f"{what} bound at LinkedIn yet: there is nothing to try a version on")
    return found[0]


async def _read(
    settings: Settings, member: Member, dmp_id: int, database: Database, clock: Clock
) -> tuple[object, object]:
    """The member's roles and the segment, or why not."""
    async with voices.speaking(settings, member, database, clock) as caller:
        return await caller.ask(accounts.roles), await _segment(caller, dmp_id)


async def _segment(caller: Caller, dmp_id: int) -> object:
    return await caller.ask(lambda transport, token: dmp.get(transport, token=token, dmp_id=dmp_id))


def _served(version: str, then: tuple[object, object]) -> Point:
    """How long the calendar gives it; what LinkedIn itself answers in it goes before the calendar."""
    name = f"version {version}: life"
    if any(isinstance(one, Sunset) for one in then):
        return Point(name=name, ok=False, evidence="LinkedIn does not serve it today")
    left = days_served(version, time.time())
    said = f"served until about {moment(sunset(version)):%Y-%m-%d}, {left:.0f} days"
    return Point(name=name, ok=left > 0, evidence=said)


def _compared(name: str, now: tuple[object, object], then: tuple[object, object]) -> Iterator[Point]:
    (roles, segment), (new_roles, new_segment) = now, then
    yield _alike(f"{name}: roles", roles, new_roles, list, roles == new_roles, "other roles than the version in use")
    differing = ""
    if isinstance(segment, DmpSegment) and isinstance(new_segment, DmpSegment):
        names = [one.name for one in fields(DmpSegment) if one.name not in _MOVING]
        differing = ", ".join(one for one in names if getattr(segment, one) != getattr(new_segment, one))
    what = f"it describes the segment otherwise: {differing}"
    yield _alike(f"{name}: segment", segment, new_segment, DmpSegment, not differing, what)


def _alike(name: str, now: object, then: object, wanted: type, same: bool, otherwise: str) -> Point:
    if isinstance(then, Sunset):
        return Point(name=name, ok=False, evidence=f"LinkedIn does not serve it: {then.words}")
    if not isinstance(then, wanted):
        return Point(name=name, ok=False, evidence=refusal(then, "what the version in use needs"))
    if not isinstance(now, wanted):
        return Point(name=name, ok=True, soon=True, evidence="it works; the version in use does not")
    return Point(name=name, ok=same, evidence="the same as the version in use" if same else otherwise)
