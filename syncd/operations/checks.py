"""The checks an operator runs before the daemon does: point by point, each with its evidence.

A point is a name, whether it holds, and what was seen; points that need something that failed say so and fail too.
No point changes anything, except that a token that has ended is refreshed, as the daemon would.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from syncd.domain.outcome import NotAllowed, Sunset, TokenRefused, Unclear
from syncd.domain.version import sunset
from syncd.errors import Rejected, SyncdError
from syncd.linkedin import accounts
from syncd.linkedin.accounts import Role
from syncd.operations import voices
from syncd.operations.members import days_left
from syncd.operations.moments import moment
from syncd.operations.opening import sqlite_file
from syncd.operations.voices import Clock
from syncd.settings import Member, Settings
from syncd.store import migrate, reports
from syncd.store.engine import Database

_READ_ONLY: Final = "VIEWER"
_SOON: Final = 7.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One thing that must hold; `evidence` is what was seen, in words for a person."""

    name: str
    ok: bool
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Person:
    """Who a member turned out to be."""

    member: Member
    roles: Sequence[Role] = field(default_factory=list)


async def check(settings: Settings, clock: Clock = Clock()) -> list[Point]:
    """All points, in the order in which one would mend them."""
    points = [_configuration(settings), _version(settings)]
    database = Database(settings.database_url.get_secret_value(), pool_size=2)
    try:
        points += await _database(database, settings)
        usable = all(point.ok for point in points)
        people: list[_Person] = []
        for member in settings.members:
            more, person = await _member(settings, member, database if usable else None, clock)
            points += more
            people += [person] if person else []
    finally:
        await database.close()
    return [*points, *_same_people(people)]


def _configuration(settings: Settings) -> Point:
    members, segments = len(settings.members), len(settings.segments)
    return Point(
        name="configuration",
        ok=members > 0,
        evidence=f"instance {settings.instance}, {members} members, {segments} segments"
        if members
        else "no member is declared: without a token nothing can be sent",
    )


def _version(settings: Settings) -> Point:
    version = settings.linkedin.api_version
    ends = sunset(version)
    left = (ends - time.time()) / 86_400
    day = f"{moment(ends):%Y-%m-%d}"
    said = f"{version} ended on {day}" if left < 0 else f"{version} is served until {day}, {left:.0f} days"
    return Point(name="API version", ok=left > 0, evidence=said)


async def _database(database: Database, settings: Settings) -> list[Point]:
    """Reachable, the right schema, and a role that may do what the daemon does."""
    file = sqlite_file(settings.database_url.get_secret_value())
    try:
        if file is not None and not file.exists():
            raise Rejected(f"there is no file {file}: run `syncd migrate`")
        async with database.read() as connection:
            reached = Point(name="database", ok=True, evidence=await reports.server_version(connection))
            words = await migrate.problem(connection)
            if words is not None:
                return [reached, Point(name="schema", ok=False, evidence=words)]
            schema = Point(name="schema", ok=True, evidence=f"version {await reports.schema_version(connection)}")
            missing = await reports.missing_rights(connection)
        async with database.begin():
            pass  # a file or server that may not be written refuses here
    except SyncdError as error:
        return [Point(name="database", ok=False, evidence=str(error))]
    said = f"lacks {', '.join(missing[:3])}{' …' if len(missing) > 3 else ''}" if missing else "may read and write"
    return [reached, schema, Point(name="database role", ok=not missing, evidence=said)]


async def _member(
    settings: Settings, member: Member, database: Database | None, clock: Clock
) -> tuple[list[Point], _Person | None]:
    """The member's token, and its role in each account it has segments in."""
    name = f"member {member.key}: token"
    if member.refresh_token_file is not None and database is None:
        return [Point(name=name, ok=False, evidence="not tried: its refreshed token is in the database")], None
    try:
        async with voices.speaking(settings, member, database, clock) as caller:
            found = await caller.ask(accounts.roles)
            ends = caller.tokens.ends
    except SyncdError as error:
        return [Point(name=name, ok=False, evidence=str(error))], None
    if not isinstance(found, list):
        return [Point(name=name, ok=False, evidence=_refusal(found))], None
    told = [f"works for {len(found)} ad accounts", *_ends(ends)]
    points = [Point(name=name, ok=True, evidence=", ".join(told)), *_roles(settings, member, found)]
    return points, _Person(member=member, roles=found)


def _ends(ends: tuple[float | None, float | None]) -> Iterator[str]:
    for what, seconds in zip(("access token", "refresh token"), ends, strict=True):
        end = moment(seconds)
        if end is not None:
            soon = ": renew it now" if days_left(end) < _SOON and what == "refresh token" else ""
            yield f"{what} ends {end:%Y-%m-%d} ({days_left(end):.0f} days){soon}"


def _refusal(failure: object) -> str:
    match failure:
        case TokenRefused(words=words):
            return f"LinkedIn refuses the token ({words}): sign in again and replace the token file"
        case NotAllowed(words=words):
            return f"LinkedIn does not let the application list ad accounts ({words}): it needs r_ads or rw_ads"
        case Sunset(words=words):
            return f"LinkedIn does not serve this API version any more ({words}): set linkedin.api_version"
        case Unclear(words=words):
            return f"LinkedIn could not be asked: {words}"
        case other:
            return f"LinkedIn answered: {getattr(other, 'words', type(other).__name__)}"


def _roles(settings: Settings, member: Member, found: Sequence[Role]) -> Iterator[Point]:
    """VIEWER may not write segments (`linkedin-api.md` §3)."""
    held = {role.account: role.role for role in found}
    accounts_wanted = sorted({segment.account for segment in settings.segments if segment.member == member.key})
    for account in accounts_wanted:
        role = held.get(account)
        if role is None:
            said = f"{member.key} has no role in {account}: ask its owner for CAMPAIGN_MANAGER"
        elif role == _READ_ONLY:
            said = f"{member.key} is only VIEWER in {account} and cannot change audiences: ask for CAMPAIGN_MANAGER"
        else:
            said = role
        yield Point(name=f"member {member.key}: {account}", ok=role not in (None, _READ_ONLY), evidence=said)


def _same_people(people: Sequence[_Person]) -> Iterator[Point]:
    """Two members that are one person share LinkedIn's limits, which syncd would then pass."""
    if len(people) < 2:
        return
    by_person: dict[tuple[str, str], set[str]] = defaultdict(set)
    for person in people:
        for role in person.roles:
            by_person[person.member.application, role.user].add(person.member.key)
    same = sorted({tuple(sorted(keys)) for keys in by_person.values() if len(keys) > 1})
    said = "; ".join(f"{' and '.join(keys)} are the same person in the same application" for keys in same)
    yield Point(name="members are different people", ok=not same, evidence=said or f"{len(people)} people")
