"""The tracker: status and counts of every segment, read account by account; every transition is stored with its time, and
enough of the counts for a history. It looks more often while a change of status is awaited. What the configuration calls a
segment, it is called at LinkedIn too, from the next look on.

It also notices what LinkedIn does behind our back: a segment that is gone, one that expired, one whose audience fell to
nothing while our ledger is full. Those park until somebody chooses how to repair them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.advice import SMALLEST_AUDIENCE
from syncd.domain.course import HASTE, Look, is_due, is_worth_noting
from syncd.domain.events import (
    AccountCrowded,
    AccountSeen,
    Emit,
    Event,
    LookFailed,
    SegmentParked,
    SegmentProvisioned,
    StatusChanged,
    StatusSeen,
)
from syncd.domain.outcome import Failure, NotThere
from syncd.domain.segment import CROWDED, TRIED_AGAIN, Segment, SegmentParking, Status, documented
from syncd.domain.settlement import NEWBORN
from syncd.linkedin import segments as dmp
from syncd.linkedin.caller import Caller
from syncd.linkedin.segments import DmpSegment
from syncd.store import insights, ledger, looks, resyncs, segments
from syncd.store.engine import Database
from syncd.store.leases import Grant, fence


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracker:
    """Follows the segments of one member."""

    database: Database
    grant: Grant
    caller: Caller
    emit: Emit
    repairs: bool
    """Whether a segment that LinkedIn emptied is filled again at once, not only offered to be."""
    interval: float
    """Seconds between two looks at a segment whose status is not about to change."""
    declared: Collection[str]
    """Keys of the segments that the configuration declares, and so names."""
    crowded: set[str] = field(default_factory=set)
    """Accounts that have been warned of."""

    @property
    def pause(self) -> float:
        """Seconds between two calls of `follow`, which finds out what is due."""
        return self.interval / HASTE

    async def follow(self, bound: Sequence[Segment], moment: float) -> Failure | bool:
        """Reads and stores what LinkedIn says of segments that are bound, where one of their account's is due; the first
        account's failure if there is any, else whether LinkedIn was asked at all.

        `moment` is the database's time, in seconds since 1970. Raises LeaseLost, Transient.
        """
        by_account: dict[str, dict[int, Segment]] = defaultdict(dict)
        for segment in bound:
            if segment.dmp_id is not None:
                by_account[segment.account][segment.dmp_id] = segment
        failures = [
            await self._account(account, wanted, moment)
            for account, wanted in by_account.items()
            if any(self._is_due(segment, moment) for segment in wanted.values())
        ]
        return next((failure for failure in failures if failure is not None), bool(failures))

    def _is_due(self, segment: Segment, moment: float) -> bool:
        return is_due(segment.status, segment.status_since, segment.status_seen_at, moment, self.interval)

    async def _account(self, account: str, wanted: dict[int, Segment], moment: float) -> Failure | None:
        listed = await self.caller.gather(
            lambda transport, token: dmp.of_account(transport, token=token, account=account)
        )
        if not isinstance(listed, list):
            return listed
        self._counted(account, len(listed))
        found = {one.id: one for one in listed if one.id in wanted}
        for dmp_id, segment in wanted.items():
            if dmp_id not in found:
                await self._missing(segment, dmp_id, moment)
        await self._store([(wanted[dmp_id], one) for dmp_id, one in found.items()], moment)
        for dmp_id, one in found.items():
            await self._named(wanted[dmp_id], one)
        return None

    async def _named(self, segment: Segment, one: DmpSegment) -> None:
        """Renames it at LinkedIn where the configuration calls it otherwise; what is refused is tried again at the next look."""
        name = segment.name.strip()
        if segment.key not in self.declared or one.name.strip() in {"", name}:
            return
        failure = await self.caller.ask(
            lambda transport, token: dmp.rename(transport, token=token, dmp_id=one.id, name=name)
        )
        if failure is None:
            self.emit(SegmentProvisioned(segment=segment.key, dmp_id=one.id, how="renamed"))
        else:
            words = f"segment {segment.key} keeps its old name at LinkedIn: {failure.words}"
            self.emit(LookFailed(member=self.grant.member, words=words))

    def _counted(self, account: str, count: int) -> None:
        self.emit(AccountSeen(member=self.grant.member, account=account, segments=count))
        if count < CROWDED:
            self.crowded.discard(account)
        elif account not in self.crowded:
            self.crowded.add(account)
            self.emit(AccountCrowded(member=self.grant.member, account=account, segments=count))

    async def _missing(self, segment: Segment, dmp_id: int, moment: float) -> None:
        """Not in the account's list: asked for by itself before it is believed to be gone."""
        if segment.bound_at is not None and moment - segment.bound_at < NEWBORN:
            return
        answer = await self.caller.ask(lambda transport, token: dmp.get(transport, token=token, dmp_id=dmp_id))
        if isinstance(answer, NotThere) and segment.parked is None:
            order = "delete" if segment.takes_lists else "recreate"
            words = f"LinkedIn does not know segment {dmp_id} any more: `syncd segments {order} {segment.key}`"
            await self._park(segment, SegmentParking.LOST, words)
        elif isinstance(answer, DmpSegment):
            await self._store([(segment, answer)], moment)

    async def _store(self, seen: Sequence[tuple[Segment, DmpSegment]], moment: float) -> None:
        async def work(connection: AsyncConnection) -> list[Event]:
            await fence(connection, self.grant)
            told: list[Event] = []
            vanished = [segment.id for segment, one in seen if _vanished(segment, one)]
            sizes = await ledger.sizes(connection, vanished) if vanished else {}
            await self._note(connection, seen, moment)
            same = {segment.id: _counts(one) for segment, one in seen if _status(one) == segment.status}
            await segments.seen_again(connection, same)
            for segment, one in seen:
                if segment.id not in same:
                    await segments.observe(connection, segment, _status(one), _counts(one))
                if segment.parked is SegmentParking.LOST:
                    await segments.unpark(connection, segment.id)
                told += _observed(segment, one, moment)
                told += await self._emptied(connection, segment, one, sizes.get(segment.id, 0))
            return told

        for event in await self.database.transact(work):
            self.emit(event)

    async def _note(
        self, connection: AsyncConnection, seen: Sequence[tuple[Segment, DmpSegment]], moment: float
    ) -> None:
        """The history goes on where there is something new."""
        known = await looks.newest(connection, self.grant.member)
        now = {segment.id: _look(one, moment) for segment, one in seen}
        await looks.note(connection, {key: look for key, look in now.items() if is_worth_noting(known.get(key), look)})

    async def _emptied(
        self, connection: AsyncConnection, segment: Segment, one: DmpSegment, in_ledger: int
    ) -> list[Event]:
        """Parks a segment that LinkedIn emptied, unless something that does not pass by itself holds it already; where
        policy says so, its ledger goes out again. What LinkedIn told of those who were in it is forgotten.
        """
        purge = _purge(segment, one, in_ledger)
        if purge is None:
            return []
        await insights.forget(connection, segment.id)
        if segment.parked is not None and segment.parked not in TRIED_AGAIN:
            return []
        reason, words = purge
        changed = await segments.park(connection, segment.id, reason, words)
        if self.repairs and not segment.takes_lists:
            await resyncs.refill(connection, segment.id, by="policy", reason=words)
        return [SegmentParked(segment=segment.key, reason=reason.value, words=words)] if changed else []

    async def _park(self, segment: Segment, reason: SegmentParking, words: str) -> None:
        async def work(connection: AsyncConnection) -> bool:
            await fence(connection, self.grant)
            return await segments.park(connection, segment.id, reason, words)

        if await self.database.transact(work):
            self.emit(SegmentParked(segment=segment.key, reason=reason.value, words=words))


def _look(one: DmpSegment, moment: float) -> Look:
    return Look(
        at=moment,
        status=_status(one),
        input_count=one.input_count,
        matched_count=one.matched_count,
        audience_size=one.audience_size,
    )


def _counts(one: DmpSegment) -> dict[str, object]:
    return {
        "input_count": one.input_count,
        "matched_count": one.matched_count,
        "audience_size": one.audience_size,
        "ad_segment": one.destination_segment or None,
    }


def _status(one: DmpSegment) -> str:
    return one.status or Status.BUILDING.value


def _observed(segment: Segment, one: DmpSegment, moment: float) -> list[Event]:
    status = _status(one)
    moved = status != segment.status
    since = None if moved else segment.status_since
    told: list[Event] = [
        StatusSeen(
            segment=segment.key,
            status=status,
            since=moment if since is None else since,
            input_count=one.input_count,
            matched_count=one.matched_count,
            audience_size=one.audience_size,
        )
    ]
    if moved:
        known = documented(segment.status, status)
        told.append(StatusChanged(segment=segment.key, before=segment.status, after=status, documented=known))
    return told


def _purge(segment: Segment, one: DmpSegment, in_ledger: int) -> tuple[SegmentParking, str] | None:
    """Why what LinkedIn once confirmed counts no more, and what to do; None while it counts."""
    again = f"upload FILE.csv --segment {segment.key}" if segment.takes_lists else f"resync {segment.key} --mode replay"
    fills = f"`syncd {again}` fills it again"
    if one.status == Status.EXPIRED and segment.status != Status.EXPIRED:
        return SegmentParking.EXPIRED, f"LinkedIn expired and emptied this segment: {fills}"
    if _vanished(segment, one) and in_ledger >= SMALLEST_AUDIENCE:
        words = (
            f"the audience fell to nothing while {in_ledger} stand in the ledger, LinkedIn may have purged it: {fills}"
        )
        return SegmentParking.PURGED, words
    return None


def _vanished(segment: Segment, one: DmpSegment) -> bool:
    return (segment.audience_size or 0) >= SMALLEST_AUDIENCE and not one.audience_size
