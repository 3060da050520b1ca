"""Resyncs as rows: asked for, planned, started, carried out, ended. At most one is open per segment.

The road writes a resync's batches and how far it came in one transaction, so that whoever goes on after a crash sends
nothing of the plan twice and leaves nothing out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec
from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.change import Rank
from syncd.domain.membership import Numbers
from syncd.domain.resync import FINAL, Mode, Origin, State
from syncd.errors import Clashing
from syncd.store import plans
from syncd.store.plans import items, resyncs
from syncd.store.tables import MEMBERS, THEIRS, batches, epoch, later, ledger, now, segments


@dataclass(frozen=True, slots=True, kw_only=True)
class Resync:
    """One row. Times are seconds since 1970 by the database's clock, `age` seconds since it was asked for."""

    id: int
    segment_id: int
    segment: str
    mode: Mode
    state: State
    origin: Origin
    asked_by: str
    reason: str
    words: str
    automatic: bool
    as_of: float | None
    boundary: Rank | None
    numbers: Numbers
    position: bytes | None
    subject_position: str | None
    subjects_done: bool
    exhausted: bool
    looked_at: int
    added: int
    removed: int
    changed: int
    skipped: int
    sent: int
    accepted: int
    refused: int
    dropped: int
    created_at: float
    planned_at: float | None
    started_at: float | None
    ended_at: float | None
    age: float
    running_for: float

    def progress(self, settled: int) -> float:
        """From 0 to 1: how much of the plan was looked at, and how much of what that sent LinkedIn has answered."""
        if self.state is State.DONE:
            return 1.0
        planned = self.numbers.adds + self.numbers.removes + self.numbers.changes
        if not planned:
            return 1.0 if self.exhausted else 0.0
        looked = 1.0 if self.exhausted else min(1.0, self.looked_at / planned)
        return looked * (settled / self.sent if self.sent else 1.0)


_r: Final = resyncs.c
_COUNTS: Final = ("looked_at", "added", "removed", "changed", "skipped", "sent", "accepted", "refused", "dropped")
_PLAN: Final = ("held", "adds", "removes", "changes", "unchanged", "newer", "elements")
_MOMENTS: Final = ("as_of", "created_at", "planned_at", "started_at", "ended_at")
_NOWHERE: Final[Mapping[str, None]] = {"position": None, "subject_position": None}
_SELECT: Final = select(
    resyncs,
    *(epoch(_r[name]).label(f"{name}_epoch") for name in _MOMENTS),
    segments.c.key.label("segment"),
    (epoch(now()) - epoch(_r.created_at)).label("age"),
    (epoch(now()) - epoch(_r.started_at)).label("running_for"),
).join_from(resyncs, segments, segments.c.id == _r.segment_id)


def _resync(row: Any) -> Resync:
    rejected = msgspec.json.decode(row.rejected, type=dict[str, int])
    return Resync(
        id=row.id,
        segment_id=row.segment_id,
        segment=row.segment,
        mode=Mode(row.mode),
        state=State(row.state),
        origin=Origin(row.origin),
        asked_by=row.asked_by,
        reason=row.reason,
        words=row.words,
        automatic=row.automatic,
        boundary=None if row.boundary is None else Rank(row.boundary),
        numbers=Numbers(rejected=rejected, **{name: getattr(row, name) for name in _PLAN}),
        position=row.position,
        subject_position=row.subject_position,
        subjects_done=row.subjects_done,
        exhausted=row.exhausted,
        age=float(row.age),
        running_for=float(row.running_for or 0.0),
        **{name: getattr(row, f"{name}_epoch") for name in _MOMENTS},
        **{name: getattr(row, name) for name in _COUNTS},
    )


async def find(connection: AsyncConnection, number: int) -> Resync | None:
    row = (await connection.execute(_SELECT.where(_r.id == number))).one_or_none()
    return None if row is None else _resync(row)


async def hold(connection: AsyncConnection, number: int) -> Resync | None:
    """A resync as it is, held against whoever else would start or end it until the transaction ends."""
    await connection.execute(select(_r.id).where(_r.id == number).with_for_update())
    return await find(connection, number)


async def leaving(connection: AsyncConnection, one: Resync) -> Numbers:
    """The numbers of a plan with those of it who would leave if it were started now, of those whom the segment holds now."""
    e, i = ledger.c, items.c
    held = select(func.count()).where(e.segment_id == one.segment_id, e.present)
    there = and_(e.segment_id == one.segment_id, e.identity == i.identity, e.present, e.rank <= one.boundary)
    gone = select(func.count()).select_from(items.join(ledger, there)).where(i.resync_id == one.id, ~i.wanted)
    removes = (await connection.execute(gone)).scalar_one()
    return replace(one.numbers, removes=removes, held=(await connection.execute(held)).scalar_one())


async def open_of(connection: AsyncConnection, segment_ids: Collection[int]) -> list[Resync]:
    """The open resyncs of some segments."""
    wanted = _SELECT.where(_r.ended_at.is_(None), _r.segment_id.in_(segment_ids)).order_by(_r.id)
    return [_resync(row) for row in await connection.execute(wanted)]


_GOING: Final = select(_r.segment_id).where(
    _r.ended_at.is_(None), _r.segment_id.in_(THEIRS), _r.state == State.RUNNING, ~_r.exhausted
)


async def going(connection: AsyncConnection, members: Collection[str]) -> set[int]:
    """Those of some members' segments whose resync has something left to be sent."""
    return set((await connection.execute(_GOING, {"members": list(members)})).scalars())


_later: Final = resyncs.alias("later_one").c
_SINCE: Final = select(_later.id).where(
    _later.segment_id == _r.segment_id,
    _later.id > _r.id,
    _later.mode == Mode.RECONCILE,
    or_(_later.started_at.is_not(None), _later.state == State.BLOWN),
)
_BLOWN: Final = _SELECT.where(segments.c.member.in_(MEMBERS), _r.state == State.BLOWN, ~_SINCE.exists())


async def blown(connection: AsyncConnection, member: str) -> list[Resync]:
    """Reconciles of a member's segments that the fuse stopped, where none was started since."""
    return [_resync(row) for row in await connection.execute(_BLOWN, {"members": [member]})]


async def listed(
    connection: AsyncConnection,
    segment: str | None,
    most: int,
    before: int | None,
    accounts: Collection[str] | None = None,
) -> list[Resync]:
    """The newest first, of one segment or of all; `before` is the id that the page before ended with."""
    wanted = _SELECT.order_by(_r.id.desc()).limit(most)
    if segment is not None:
        wanted = wanted.where(segments.c.key == segment)
    if accounts is not None:
        wanted = wanted.where(segments.c.account.in_(accounts))
    if before is not None:
        wanted = wanted.where(_r.id < before)
    return [_resync(row) for row in await connection.execute(wanted)]


async def locked(connection: AsyncConnection, segment_id: int) -> Resync | None:
    """The running resync of a segment, held against a cancellation until the transaction ends."""
    wanted = select(_r.id).where(_r.ended_at.is_(None), _r.segment_id == segment_id, _r.state == State.RUNNING)
    number = (await connection.execute(wanted.with_for_update())).scalar_one_or_none()
    return None if number is None else await find(connection, number)


async def ask(  # noqa: PLR0913 - what a resync is asked with
    connection: AsyncConnection,
    segment_id: int,
    mode: Mode,
    origin: Origin,
    *,
    by: str,
    state: State,
    reason: str = "",
    automatic: bool = False,
    as_of: float | None = None,
) -> int:
    """A new resync, in the place of one that was planned and never started; its id. Raises Clashing where somebody else asks
    at the same moment.
    """
    unstarted = _r.state.in_((State.UPLOADING, State.PLANNING, State.PLANNED))
    replaced = update(resyncs).where(_r.segment_id == segment_id, _r.ended_at.is_(None), unstarted)
    await connection.execute(replaced.values(state=State.CANCELLED, words="another one took its place", ended_at=now()))
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    made = dialect.insert(resyncs).values(
        segment_id=segment_id,
        mode=mode,
        state=state,
        origin=origin,
        asked_by=by,
        reason=reason,
        automatic=automatic,
        as_of=as_of,
        started_at=now() if state in (State.WAITING, State.RUNNING) else None,
    )
    number = (await connection.execute(made.on_conflict_do_nothing().returning(_r.id))).scalar_one_or_none()
    if number is None:
        raise Clashing("another resync of the segment was asked for at the same moment: look at that one")
    return int(number)


async def refill(connection: AsyncConnection, segment_id: int, *, by: str, reason: str) -> int:
    """Everything the ledger holds goes out again at once, whatever was under way: its DMP segment is empty. The id, or 0
    where it holds nothing.
    """
    replaced = update(resyncs).where(_r.segment_id == segment_id, _r.ended_at.is_(None))
    words = "the segment at LinkedIn is filled anew"
    await connection.execute(replaced.values(state=State.CANCELLED, words=words, ended_at=now(), **_NOWHERE))
    if not await plans.next_held(connection, segment_id, b"", 1):
        return 0
    number = await ask(connection, segment_id, Mode.REPLAY, Origin.LEDGER, by=by, state=State.WAITING, reason=reason)
    await count_replay(connection, number, segment_id)
    return number


async def count_replay(connection: AsyncConnection, number: int, segment_id: int) -> None:
    """The plan of a replay is the ledger."""
    size = select(func.count()).where(ledger.c.segment_id == segment_id, ledger.c.present)
    held = int((await connection.execute(size)).scalar_one())
    counted = {"held": held, "adds": held, "elements": held, "planned_at": now()}
    await connection.execute(update(resyncs).where(_r.id == number).values(**counted))


async def change(connection: AsyncConnection, number: int, **values: Any) -> bool:
    """Sets columns of a resync that is open; whether it was."""
    changed = await connection.execute(update(resyncs).where(_r.id == number, _r.ended_at.is_(None)).values(**values))
    return bool(changed.rowcount)


async def planned(connection: AsyncConnection, number: int, boundary: Rank, numbers: Numbers, state: State) -> bool:
    """The plan is whole; false if it was cancelled meanwhile."""
    counted = {name: getattr(numbers, name) for name in _PLAN}
    rejected = msgspec.json.encode(numbers.rejected).decode()
    values = {"boundary": boundary, "rejected": rejected, "planned_at": now(), "state": state, "words": "", **counted}
    if state in FINAL:
        values["ended_at"] = now()
    if state is State.WAITING:
        values["started_at"] = now()
    return await change(connection, number, **values)


async def start(connection: AsyncConnection, number: int, *, by: str, reason: str) -> bool:
    """Lets a plan go; false if it is not there to be started."""
    ready = update(resyncs).where(_r.id == number, _r.ended_at.is_(None), _r.state == State.PLANNED)
    values = {"state": State.WAITING, "started_at": now(), "asked_by": by, "reason": reason}
    return bool((await connection.execute(ready.values(**values))).rowcount)


async def end(connection: AsyncConnection, number: int, state: State, words: str = "") -> bool:
    """Ends a resync, with what became of its batches; false if it had ended."""
    b = batches.c
    sums = (func.coalesce(func.sum(column), 0) for column in (b.accepted, b.refused, b.dropped))
    accepted, refused, dropped = (await connection.execute(select(*sums).where(b.resync_id == number))).one()
    came = {"accepted": accepted, "refused": refused, "dropped": dropped}
    return await change(connection, number, state=state, words=words[:500], ended_at=now(), **came, **_NOWHERE)


async def accepted(connection: AsyncConnection, number: int) -> tuple[int, int, int, int]:
    """How many elements of a resync were accepted, refused and dropped so far, and how many of its batches are open."""
    b = batches.c
    sums = [func.coalesce(func.sum(column), 0) for column in (b.accepted, b.refused, b.dropped)]
    still = func.count().filter(b.open)
    row = (await connection.execute(select(*sums, still).where(b.resync_id == number))).one()
    return int(row[0]), int(row[1]), int(row[2]), int(row[3])


async def advance(connection: AsyncConnection, number: int, done: Mapping[str, int], **position: Any) -> None:
    """In the transaction that wrote the batches: what was sent of the plan, and how far."""
    more = {name: _r[name] + count for name, count in done.items() if count}
    await connection.execute(update(resyncs).where(_r.id == number).values(**more, **position))


async def outdated(connection: AsyncConnection, segment_ids: Collection[int], seconds: float) -> list[int]:
    """Plans that nobody started for so long that the tombstones they need may not wait any longer."""
    old = select(_r.id).where(
        _r.ended_at.is_(None),
        _r.segment_id.in_(segment_ids),
        _r.state.in_((State.UPLOADING, State.PLANNING, State.PLANNED)),
        _r.created_at < later(-seconds),
    )
    return list((await connection.execute(old)).scalars())


async def age_of(connection: AsyncConnection, moment: float) -> float:
    """How many seconds ago a moment was, by the database's clock."""
    return float((await connection.execute(select(epoch(now()) - moment))).scalar_one())
