"""Segments: what is known of each, and the orders people give.

An order (adopt, recreate, delete) is a mark in the segment's row; the owner of its member carries it out. What the
configuration declares is made and changed there, and read-only here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.access import COMMAND_LINE, By, Person
from syncd.domain.advice import Advice, advise
from syncd.domain.course import Look
from syncd.domain.segment import UNKNOWN_SEGMENTS, SegmentParking
from syncd.errors import Absent, Clashing, Rejected
from syncd.operations import audit, scopes
from syncd.operations.audit import Deed
from syncd.operations.lives import NextStatus, life_of, next_of
from syncd.operations.moments import moment
from syncd.settings import Member, Segment, Settings
from syncd.store import batches, controls, ledger, looks, outbox, reports
from syncd.store import segments as rows
from syncd.store.engine import Database

_TRANSITIONS: Final = 20
_KEY: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentReport:
    """A segment now. `oldest_seconds` is the age of its oldest row in the outbox; `ledger` who is in it as LinkedIn
    last accepted it; counts of LinkedIn's are None until it knows them.
    """

    key: str
    name: str
    kind: str
    account: str
    member: str
    declared: bool
    paused: bool
    parked: str | None
    parked_words: str
    parked_at: datetime | None
    order: str | None
    dmp_id: int | None
    ad_segment: str | None
    status: str
    status_since: datetime | None
    input_count: int | None
    matched_count: int | None
    audience_size: int | None
    pending: int
    oldest_seconds: float
    open_batches: int
    ledger: int
    applied: int
    superseded: int
    dead: int
    accepted_elements: int
    advice: list[Advice]
    next: NextStatus | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Rows in the outbox whose segment does not exist; they wait."""

    key: str
    pending: int
    oldest_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    before: str
    after: str
    documented: bool
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentDetails:
    """A segment, its newest changes of status, and its dead letters by reason. Only here its advice knows half a year of
    counts.
    """

    segment: SegmentReport
    transitions: list[Transition]
    dead_letters: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentList:
    segments: list[SegmentReport]
    unknown: list[Unknown]


async def listed(database: Database, accounts: Collection[str] | None = None) -> SegmentList:
    """Every segment of some ad accounts or of all, and the rows that wait for one that does not exist, which are of no
    account and so are shown to those who see all.
    """
    async with database.read() as connection:
        found = await reports.segment_rows(connection)
        if accounts is not None:
            mine = [row for row in found if row.account in accounts]
            return SegmentList(segments=(await _listed(connection, mine)).segments, unknown=[])
        return await _listed(connection, found)


async def shown(database: Database, key: str) -> SegmentDetails:
    async with database.read() as connection:
        found = await reports.segment_rows(connection, key)
        if not found:
            raise await unknown(connection, key)
        history = await looks.of(connection, [found[0].id])
        (segment,) = (await _listed(connection, found, history)).segments
        transitions = [
            Transition(before=row.from_status, after=row.to_status, documented=row.documented, at=moment(row.at))
            for row in await reports.transitions_of(connection, found[0].id, _TRANSITIONS)
        ]
        dead = {
            row.reason: row.letters for row in await reports.letter_counts(connection, reports.Letters(segment=key))
        }
    return SegmentDetails(segment=segment, transitions=transitions, dead_letters=dead)


async def _listed(
    connection: AsyncConnection, found: Collection[Any], history: Mapping[int, list[Look]] | None = None
) -> SegmentList:
    ids = [row.id for row in found]
    pending = {key: (count, age) for key, count, age in await outbox.pending(connection)}
    open_batches = await batches.count_open(connection, ids)
    sizes = await ledger.sizes(connection, ids)
    tallies = await reports.tallies(connection)
    moves = await looks.moves(connection, ids)
    listed = []
    for row in found:
        life = life_of(row, sizes.get(row.id, 0), (history or {}).get(row.id, []), moves[row.id])
        count, age = pending.get(row.key, (0, 0.0))
        tally = tallies.get(row.id)
        listed.append(
            SegmentReport(
                key=row.key,
                name=row.name,
                kind=f"{row.kind} list" if row.takes_lists else row.kind,
                account=row.account,
                member=row.member,
                declared=row.declared,
                paused=row.paused,
                parked=row.parked,
                parked_words=row.parked_words,
                parked_at=moment(row.parked_at),
                order=row.order_given,
                dmp_id=row.dmp_id,
                ad_segment=row.ad_segment,
                status=row.status,
                status_since=moment(row.status_since),
                input_count=row.input_count,
                matched_count=row.matched_count,
                audience_size=row.audience_size,
                pending=count,
                oldest_seconds=age,
                open_batches=open_batches.get(row.id, 0),
                ledger=sizes.get(row.id, 0),
                applied=tally.applied if tally else 0,
                superseded=tally.superseded if tally else 0,
                dead=tally.dead if tally else 0,
                accepted_elements=tally.elements if tally else 0,
                advice=advise(life) if life else [],
                next=next_of(life),
            )
        )
    known = await rows.keys(connection)
    waiting = [
        Unknown(key=key, pending=count, oldest_seconds=age)
        for key, (count, age) in sorted(pending.items())
        if key not in known
    ]
    return SegmentList(segments=listed, unknown=waiting)


async def unknown(connection: AsyncConnection, key: str, more: Collection[str] = ()) -> Absent:
    """The refusal of a key that nobody knows; it names those that are known."""
    known = sorted({*await rows.keys(connection, lists=True), *more})
    rest = f"known are {', '.join(known)}" if known else "none is known yet"
    return Absent(f"there is no segment {key}: {rest}")


def is_key(text: str) -> bool:
    """Whether a segment can be called that."""
    return _KEY.fullmatch(text) is not None


async def within(database: Database, person: Person, key: str) -> None:
    """Raises Absent for a segment that does not exist, or is of an ad account that is none of the person's: whoever may
    not see it does not learn that it is there. Whoever sees all is told which there are; what is no key is not repeated.
    """
    async with database.read() as connection:
        account = await reports.account_of(connection, key)
        if account is None and person.accounts is None and is_key(key):
            raise await unknown(connection, key)
    if account is None or not person.sees(account):
        raise Absent("there is no such segment")


async def create(
    database: Database,
    settings: Settings,
    wanted: rows.Declared,
    *,
    by: By = COMMAND_LINE,
    accounts: Collection[str] | None = None,
) -> None:
    """Makes a segment known; the owner of its member creates it at LinkedIn. Whose sight ends at some ad accounts takes a
    member that works for one of those, and is told of no other.
    """
    check(wanted, settings, await scopes.members(database, settings, accounts))
    if settings.linkedin.source_platform is None:
        raise Rejected("linkedin.source_platform (SYNCD_LINKEDIN__SOURCE_PLATFORM) must be set to create segments")
    applications = {member.key: member.application for member in settings.members}

    async def work(connection: AsyncConnection) -> None:
        if await reports.kind_of(connection, wanted.key) is not None:
            raise Clashing(f"there is a segment {wanted.key} already")
        people = {wanted.member: applications[wanted.member]}
        await rows.declare(connection, people, [wanted], declared=False)
        after = {"name": wanted.name, "kind": wanted.kind, "member": wanted.member}
        deed = Deed(action="segment.create", target=wanted.key, account=wanted.account, after=after)
        await audit.record(connection, by, deed)

    await database.transact(work)


def check(wanted: rows.Declared, settings: Settings, members: Collection[Member]) -> None:
    """The same rules as for the configuration, and one of these members. Raises Rejected."""
    try:
        Segment(
            key=wanted.key,
            name=wanted.name,
            kind=wanted.kind,  # type: ignore[arg-type]  # validation is what it is for
            account=wanted.account,
            member=wanted.member,
        )
    except ValidationError as invalid:
        problems = [f"{error['loc'][-1]}: {error['msg']}" for error in invalid.errors(include_url=False)]
        raise Rejected("; ".join(problems)) from None
    if wanted.key == UNKNOWN_SEGMENTS or any(segment.key == wanted.key for segment in settings.segments):
        raise Rejected(f"segment {wanted.key} is declared in the configuration, which is where it is changed")
    if all(member.key != wanted.member for member in members):
        known = ", ".join(sorted(member.key for member in members)) or "none"
        raise Rejected(f"there is no member {wanted.member} for it: declared are {known}")


async def adopt(database: Database, key: str, *, by: By = COMMAND_LINE) -> None:
    """Takes over the segment that was found at LinkedIn under this key."""

    async def work(connection: AsyncConnection) -> None:
        row = await _found(connection, key)
        if row.parked != SegmentParking.FOREIGN:
            raise Clashing(f"nothing is there to adopt for segment {key}: it is not parked as {SegmentParking.FOREIGN}")
        await _order(connection, row, "adopt", by)

    await database.transact(work)


async def recreate(database: Database, key: str, *, by: By = COMMAND_LINE) -> None:
    """A new DMP segment takes the place of the old one, which is left as it is."""

    async def work(connection: AsyncConnection) -> None:
        row = await _found(connection, key)
        if row.takes_lists:
            raise Clashing(f"segment {key} takes whole lists: `syncd upload` fills it anew, nothing is to be recreated")
        await _order(connection, row, "recreate", by)

    await database.transact(work)


async def delete(database: Database, settings: Settings, key: str, *, by: By = COMMAND_LINE) -> None:
    """The segment goes, at LinkedIn too. One that the configuration declares would come back."""

    async def work(connection: AsyncConnection) -> None:
        row = await _found(connection, key)
        if row.declared or any(segment.key == key for segment in settings.segments):
            raise Clashing(f"segment {key} is declared in the configuration: it is read-only here")
        await _order(connection, row, "delete", by)

    await database.transact(work)


async def _order(connection: AsyncConnection, row: Any, wanted: str, by: By) -> None:
    await controls.order(connection, row.key, wanted)
    before, after = {"order": row.order_given, "dmp_id": row.dmp_id}, {"order": wanted}
    deed = Deed(action=f"segment.{wanted}", target=row.key, account=row.account, before=before, after=after)
    await audit.record(connection, by, deed)


async def pause(database: Database, key: str, *, by: By = COMMAND_LINE) -> None:
    """Nothing is taken or sent for it until it is resumed; its rows wait in the outbox."""

    async def work(connection: AsyncConnection) -> None:
        row = await _found(connection, key)
        await controls.pause_segment(connection, key)
        before, after = {"paused": row.paused}, {"paused": True}
        deed = Deed(action="segment.pause", target=key, account=row.account, before=before, after=after)
        await audit.record(connection, by, deed)

    await database.transact(work)


async def resume(database: Database, key: str, *, by: By = COMMAND_LINE) -> None:
    """It goes on, whether it was paused or parked."""

    async def work(connection: AsyncConnection) -> None:
        row = await _found(connection, key)
        await controls.resume_segment(connection, key)
        before, after = {"paused": row.paused, "parked": row.parked}, {"paused": False, "parked": None}
        deed = Deed(action="segment.resume", target=key, account=row.account, before=before, after=after)
        await audit.record(connection, by, deed)

    await database.transact(work)


async def _found(connection: AsyncConnection, key: str) -> Any:
    found = await reports.segment_rows(connection, key)
    if not found:
        raise await unknown(connection, key)
    return found[0]
