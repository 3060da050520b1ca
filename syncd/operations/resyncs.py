"""Resyncs: what LinkedIn should hold goes out again, all of it (replay) or what differs from a source (reconcile).

First a preview, which stores its plan; starting lets that plan go, and what has changed since is judged again when it is
sent. Everything here writes rows: the segment's owner plans and sends. Live changes win over both modes.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.access import COMMAND_LINE, By
from syncd.domain.membership import Numbers
from syncd.domain.resync import FINAL, Mode, Origin, State, minutes_for, requests_for
from syncd.domain.segment import Segment, SegmentParking
from syncd.errors import Absent, Clashing, Rejected
from syncd.operations import audit
from syncd.operations.audit import Deed
from syncd.operations.moments import moment
from syncd.operations.segments import unknown
from syncd.reconcile.resync import Wish
from syncd.settings import Segment as Declared
from syncd.settings import Settings, Source
from syncd.store import resyncs as rows
from syncd.store import segments
from syncd.store.engine import Database
from syncd.store.resyncs import Resync


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What came of a plan so far. `ratio` goes from 0 to 1; `minutes_left` is None while nothing can be said."""

    ratio: float
    sent: int
    added: int
    removed: int
    changed: int
    skipped: int
    accepted: int
    refused: int
    superseded: int
    open_batches: int
    minutes_left: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResyncReport:
    """One resync. `numbers` is None until it is planned, and says who would leave now until it is started; `minutes` are those
    at LinkedIn's limit if nothing else is sent; `needs_confirmation` says that it is a replay, or so many would leave, that
    the segment's name must be typed.
    """

    id: int
    segment: str
    account: str
    mode: Mode
    state: State
    origin: Origin
    asked_by: str
    reason: str
    words: str
    scheduled: bool
    as_of: datetime | None
    numbers: Numbers | None
    requests: int
    minutes: float
    needs_confirmation: bool
    progress: Progress
    created_at: datetime | None
    planned_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None

    @property
    def is_open(self) -> bool:
        return self.state not in FINAL


async def preview(
    database: Database, settings: Settings, key: str, mode: Mode, *, by: By = COMMAND_LINE
) -> ResyncReport:
    """Makes a plan and sends nothing. A replay is planned at once; a reconcile when the segment's owner has read its
    source: look again with `show` while the state is `planning`.

    Raises Rejected.
    """
    if mode is Mode.RECONCILE and source_of(settings, key) is None:
        raise Rejected(
            f"segment {key} has no source: declare segments[].source in the configuration, or give a snapshot file"
        )

    async def work(connection: AsyncConnection) -> int:
        segment = await ready(connection, key, mode)
        state = State.PLANNED if mode is Mode.REPLAY else State.PLANNING
        origin = Origin.LEDGER if mode is Mode.REPLAY else Origin.QUERY
        number = await rows.ask(connection, segment.id, mode, origin, by=by.name, state=state, reason=by.reason)
        if mode is Mode.REPLAY:
            await rows.count_replay(connection, number, segment.id)
        await audit.record(connection, by, deed("resync.preview", segment, number, mode=mode))
        return number

    number = await database.transact(work)
    return await show(database, settings, number)


async def start(
    database: Database, settings: Settings, number: int, *, by: By = COMMAND_LINE, confirm: str | None = None
) -> ResyncReport:
    """Lets a plan go, for a reason. `confirm` is the segment's key, typed for a replay, which sends everybody again, and
    where more would leave than the fuse lets pass: by what the segment holds now, not when the plan was made.

    Raises Rejected, which changes nothing.
    """
    if not by.reason.strip():
        raise Rejected("say why, for those who read it later: a resync needs a reason")

    async def work(connection: AsyncConnection) -> None:
        found = await _held(connection, number)
        segment = await ready(connection, found.segment, found.mode, besides=number)
        if found.state is not State.PLANNED:
            raise Clashing(f"resync {number} is {found.state}: only one that is planned can be started")
        now = await _numbers(connection, found)
        if _needs_confirmation(found, now, settings) and confirm != found.segment:
            raise Clashing(f"resync {number} would {_effect(found, now)}: confirm it with the segment's name")
        if not await rows.start(connection, number, by=by.name, reason=by.reason.strip()):
            raise Clashing(f"resync {number} was started or cancelled by somebody else at this moment")
        numbers = {name: getattr(now, name) for name in ("held", "adds", "removes", "changes")}
        await audit.record(connection, by, deed("resync.start", segment, number, mode=found.mode, **numbers))

    await database.transact(work)
    return await show(database, settings, number)


async def cancel(database: Database, settings: Settings, number: int, *, by: By = COMMAND_LINE) -> ResyncReport:
    """Ends a resync that has not ended. What stands in batches already still goes out: two of them at most."""

    async def work(connection: AsyncConnection) -> None:
        found = await _held(connection, number)
        words = f"cancelled by {by.name}{': ' if by.reason else ''}{by.reason}"
        if not await rows.end(connection, number, State.CANCELLED, words):
            raise Clashing(f"resync {number} of {found.segment} has ended: it is {found.state}")
        binding = await segments.find(connection, found.segment)
        assert binding is not None
        await audit.record(connection, by, deed("resync.cancel", binding.segment, number, sent=found.sent))

    await database.transact(work)
    return await show(database, settings, number)


async def show(database: Database, settings: Settings, number: int) -> ResyncReport:
    async with database.read() as connection:
        return await _report(connection, settings, await _found(connection, number))


async def listed(
    database: Database,
    settings: Settings,
    segment: str | None = None,
    most: int = 50,
    before: int | None = None,
    *,
    accounts: Collection[str] | None = None,
) -> list[ResyncReport]:
    """The newest first, of these ad accounts only if any are named; `before` is the last id of the page before."""
    async with database.read() as connection:
        if segment is not None:
            binding = await segments.find(connection, segment)
            if accounts is not None and (binding is None or binding.segment.account not in accounts):
                raise Absent("there is no such segment")
            if binding is None:
                raise await unknown(connection, segment)
        found = await rows.listed(connection, segment, most, before, accounts)
        return [await _report(connection, settings, one) for one in found]


def wishes(settings: Settings) -> dict[str, Wish]:
    """What the configuration says of each segment's resyncs."""
    return {one.key: Wish(source=one.source, schedules=_schedules(one)) for one in settings.segments}


def _schedules(declared: Declared) -> dict[Mode, str]:
    crons = {Mode.RECONCILE: declared.reconcile, Mode.REPLAY: declared.replay}
    return {mode: cron for mode, cron in crons.items() if cron is not None}


def source_of(settings: Settings, key: str) -> Source | None:
    """The source that the configuration gives a segment."""
    return next((one.source for one in settings.segments if one.key == key), None)


async def ready(connection: AsyncConnection, key: str, mode: Mode, *, besides: int | None = None) -> Segment:
    """The segment, if it can be resynced now. Raises Rejected."""
    binding = await segments.find(connection, key)
    if binding is None:
        raise await unknown(connection, key)
    segment = binding.segment
    if segment.takes_lists:
        raise Rejected(f"segment {key} takes whole lists: `syncd upload` fills it again, not a resync")
    if segment.dmp_id is None:
        raise Rejected(f"segment {key} is not bound to one at LinkedIn yet: there is nothing to fill")
    if binding.order is not None:
        raise Rejected(f"segment {key} has an order to {binding.order} already: wait until it is carried out")
    if mode is Mode.RECONCILE and segment.parked in {SegmentParking.EXPIRED, SegmentParking.PURGED}:
        raise Rejected(
            f"LinkedIn emptied segment {key}: `syncd resync {key} --mode replay` fills it, reconcile after that"
        )
    for other in await rows.open_of(connection, [segment.id]):
        if other.id != besides and other.state in {State.WAITING, State.RUNNING}:
            raise Clashing(f"segment {key} has resync {other.id} under way: wait until it has ended, or cancel it")
    return segment


async def _found(connection: AsyncConnection, number: int) -> Resync:
    return _there(await rows.find(connection, number), number)


async def _held(connection: AsyncConnection, number: int) -> Resync:
    """The resync, held against whoever else would start or end it."""
    return _there(await rows.hold(connection, number), number)


def _there(found: Resync | None, number: int) -> Resync:
    if found is None:
        raise Absent(f"there is no resync {number}: `syncd resyncs list` shows those there are")
    return found


def deed(action: str, segment: Segment, number: int, **after: object) -> Deed:
    return Deed(action=action, target=segment.key, account=segment.account, after={"resync": number, **after})


async def _numbers(connection: AsyncConnection, found: Resync) -> Numbers:
    """What a plan comes to; one that waits to be started is held against those who are in the segment now."""
    waits = found.state is State.PLANNED and found.mode is Mode.RECONCILE
    return await rows.leaving(connection, found) if waits else found.numbers


def _needs_confirmation(found: Resync, numbers: Numbers, settings: Settings) -> bool:
    return found.mode is Mode.REPLAY or numbers.blows(settings.resync.fuse)


def _effect(found: Resync, numbers: Numbers) -> str:
    if found.mode is Mode.REPLAY:
        return f"send all {numbers.adds:,} of {found.segment} again"
    return f"remove {numbers.removes:,} of {numbers.held:,} from {found.segment}"


async def _report(connection: AsyncConnection, settings: Settings, found: Resync) -> ResyncReport:
    binding = await segments.find(connection, found.segment)
    assert binding is not None
    limits = settings.limits

    def minutes(requests: int) -> float:
        return minutes_for(requests, binding.segment.kind, limits.users_per_minute, limits.companies_per_minute)

    accepted, refused, dropped, still_open = await rows.accepted(connection, found.id)
    if found.ended_at is not None:
        accepted, refused, dropped = found.accepted, found.refused, found.dropped
    numbers = await _numbers(connection, found)
    requests = requests_for(numbers.elements)
    plan = found.numbers.adds + found.numbers.removes + found.numbers.changes
    left = requests_for(max(0, plan - found.looked_at))
    return ResyncReport(
        id=found.id,
        segment=found.segment,
        account=binding.segment.account,
        mode=found.mode,
        state=found.state,
        origin=found.origin,
        asked_by=found.asked_by,
        reason=found.reason,
        words=found.words,
        scheduled=found.automatic,
        as_of=moment(found.as_of),
        numbers=numbers if found.planned_at is not None else None,
        requests=requests,
        minutes=minutes(requests),
        needs_confirmation=_needs_confirmation(found, numbers, settings),
        progress=Progress(
            ratio=found.progress(accepted + refused + dropped),
            sent=found.sent,
            added=found.added,
            removed=found.removed,
            changed=found.changed,
            skipped=found.skipped,
            accepted=accepted,
            refused=refused,
            superseded=dropped,
            open_batches=still_open,
            minutes_left=minutes(left + still_open) if found.state in {State.WAITING, State.RUNNING} else None,
        ),
        created_at=moment(found.created_at),
        planned_at=moment(found.planned_at),
        started_at=moment(found.started_at),
        ended_at=moment(found.ended_at),
    )
