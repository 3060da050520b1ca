"""The checks an operator runs before the daemon does: point by point, each with its evidence.

A point is a name, whether it holds, and what was seen; points that need something that failed say so and fail too.
No point changes anything, except that a token that has ended is refreshed, as the daemon would, and one that has not
where that is asked for. Together the points are the sign-off of `linkedin-api.md` §10.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from syncd.domain.advice import span
from syncd.domain.notices import FORECASTS
from syncd.domain.version import WARNED, days_served, sunset
from syncd.errors import Rejected, SyncdError
from syncd.linkedin import accounts
from syncd.linkedin.accounts import Role
from syncd.operations import voices
from syncd.operations.moments import moment
from syncd.operations.opening import sqlite_file
from syncd.operations.points import Point, Proof
from syncd.operations.signoff import Exercise, refusal, role_refused
from syncd.operations.voices import Clock
from syncd.settings import Member, Settings
from syncd.store import looks, migrate, reports
from syncd.store.engine import Database

_LATE: Final = 7_200.0
"""Seconds after which the watchdog, who looks every hour, should have looked again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Person:
    """Who a member turned out to be."""

    member: Member
    roles: Sequence[Role] = field(default_factory=list)


async def check(settings: Settings, clock: Clock = Clock(), *, refreshing: bool = False) -> list[Point]:
    """All points, in the order in which one would mend them. `refreshing` lets access tokens be refreshed for the proof."""
    points = [_configuration(settings), _version(settings, clock)]
    database = Database(settings.database_url.get_secret_value(), pool_size=2)
    try:
        points += await _database(database, settings)
        usable = database if all(point.ok for point in points[2:]) else None
        people: list[_Person] = []
        for member in settings.members:
            more, person = await _member(settings, member, usable, clock, refreshing=refreshing)
            points += more
            people += [person] if person else []
        points += [
            *_same_people(people),
            *await _watched(usable),
            await _identifiers(settings, usable),
            _notices(),
        ]
    finally:
        await database.close()
    return points


def _configuration(settings: Settings) -> Point:
    members, segments = len(settings.members), len(settings.segments)
    return Point(
        name="configuration",
        ok=members > 0,
        evidence=f"instance {settings.instance}, {members} members, {segments} segments"
        if members
        else "no member is declared: without a token nothing can be sent",
    )


def _version(settings: Settings, clock: Clock) -> Point:
    version = settings.linkedin.api_version
    left = days_served(version, clock.wall())
    day = f"{moment(sunset(version)):%Y-%m-%d}"
    if left < 0:
        return Point(name="API version", ok=False, evidence=f"{version} ended on {day}")
    near = left <= WARNED
    move = "; `syncd check --try-version` tries a newer one" if near else ""
    said = f"{version} is served until {day}, {left:.0f} days{move}"
    return Point(name="API version", ok=True, evidence=said, soon=near)


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
    settings: Settings, member: Member, database: Database | None, clock: Clock, *, refreshing: bool
) -> tuple[list[Point], _Person | None]:
    """The member's token, and everything that is proved with it."""
    name = f"member {member.key}: token"
    if member.refresh_token_file is not None and database is None:
        return [Point(name=name, ok=False, evidence="not tried: its refreshed token is in the database")], None
    bound = await _bound(database)
    try:
        vault = voices.vault(settings, member.key, database) if database is not None else None
        if vault is not None:
            await vault.read()  # says by itself when no key opens it
        async with voices.speaking(settings, member, database, clock) as caller:
            found = await caller.ask(accounts.roles)
            if not isinstance(found, list):
                said = refusal(found, "r_ads or rw_ads")
                return [Point(name=name, ok=False, evidence=said, proves=Proof.SCOPES)], None
            exercise = Exercise(
                settings=settings,
                member=member,
                caller=caller,
                clock=clock,
                bound=bound,
                refreshing=refreshing,
            )
            points = [point async for point in exercise.points(found)]
    except SyncdError as error:
        return [Point(name=name, ok=False, evidence=str(error))], None
    return points, _Person(member=member, roles=found)


async def _bound(database: Database | None) -> list[reports.Bound]:
    if database is None:
        return []
    async with database.read() as connection:
        return await reports.bound(connection)


async def _watched(database: Database | None) -> list[Point]:
    """That a daemon looks at tokens and roles by itself."""
    if database is None:
        return []
    async with database.read() as connection:
        found = await looks.role_checks_of(connection)
    if not found:
        said = "no daemon has looked at tokens and roles yet; one does every hour"
        return [Point(name="watchdog", ok=True, evidence=said, proves=Proof.TOKEN_CHECK, soon=True)]
    oldest = max(one.age for one in found)
    members = ", ".join(sorted({one.member for one in found}))
    said = f"tokens and roles of {members} were looked at {span(oldest)} ago"
    weak = [words for one in found if (words := role_refused(one.member, one.account, one.role))]
    return [
        Point(
            name="watchdog",
            ok=True,
            evidence="; ".join([said, *weak]),
            proves=Proof.TOKEN_CHECK,
            soon=oldest > _LATE or bool(weak),
        )
    ]


async def _identifiers(settings: Settings, database: Database | None) -> Point:
    """The outbox decides what is sent of whom; names alone need the customer's consent."""
    sent: list[str] = []
    if database is not None:
        async with database.read() as connection:
            sent = await reports.identifiers(connection)
    names = "are sent" if settings.users.allow_names_only else "are refused"
    said = (
        "only what a change's payload gives is sent"
        f"; sent so far: {', '.join(sent) or 'nothing'}; people known by name only {names} (users.allow_names_only)"
    )
    return Point(name="identifiers", ok=True, evidence=said, proves=Proof.IDENTIFIERS)


def _notices() -> Point:
    said = " and ".join(f"“{notice.text}” ({notice.url})" for notice in FORECASTS)
    return Point(name="notices", ok=True, evidence=f"below targeting and forecasts: {said}", proves=Proof.NOTICES)


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
