"""Provisioning: every segment of ours is bound to one DMP segment, looked up, else created, never twice.

Its `sourceSegmentId` at LinkedIn is `<instance>:<key>`. That we are about to create one is committed first, so that
after a crash between LinkedIn's yes and our note the one found there is known to be ours; one that we never meant to
create is somebody else's until an operator says `adopt` or `recreate`. After a creation whose end is unknown it is
looked for again and again before another one is tried.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.change import Kind
from syncd.domain.events import Emit, SegmentDeleted, SegmentParked, SegmentProvisioned, StatusChanged
from syncd.domain.outcome import (
    Failure,
    Misconfigured,
    NotAllowed,
    NotThere,
    Refused,
    Scope,
    Throttled,
    Unclear,
)
from syncd.domain.segment import Segment, SegmentParking, Status
from syncd.linkedin import segments as dmp
from syncd.linkedin.caller import Caller
from syncd.linkedin.segments import DmpSegment, NewSegment
from syncd.store import resyncs, segments
from syncd.store.engine import Database
from syncd.store.leases import Grant, fence
from syncd.store.segments import Binding
from syncd.store.tables import now

T = TypeVar("T")

_PATIENCE: Final = 4
"""Request timeouts during which a creation whose end is unknown may still turn up."""
_NO_COUNTS: Final = dict.fromkeys(("input_count", "matched_count", "audience_size"))
"""Of a new segment: those of the one it replaces would look like a purge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provisioner:
    """Binds the segments of one member."""

    database: Database
    grant: Grant
    caller: Caller
    emit: Emit
    instance: str
    source_platform: str
    request_timeout: float
    is_idle: Callable[[Segment], bool]

    async def carry_out(self, binding: Binding) -> None:
        """Whatever one segment needs now: nothing, a look, a creation, an operator's order. Raises LeaseLost, Transient.

        `is_idle` says whether no request for a segment is in flight: what one to an old segment brings must stand in the
        ledger before that goes out again to a new one.
        """
        segment = binding.segment
        if binding.order == "delete":
            await self._delete(binding)
        elif binding.order == "replay" and segment.dmp_id is not None:
            await self._replay(segment)
        elif binding.order == "recreate" and segment.dmp_id is not None:
            await self._unbind(binding)
        elif segment.dmp_id is None and (binding.order or segment.parked is not SegmentParking.FOREIGN):
            await self._bind(binding)

    async def _bind(self, binding: Binding) -> None:
        found = await self.caller.ask(
            lambda transport, token: dmp.find(
                transport,
                token=token,
                account=binding.segment.account,
                source_segment_id=f"{self.instance}:{binding.segment.key}",
                source_platform=self.source_platform,
            )
        )
        if not isinstance(found, tuple):
            await self._failed(binding, found)
            return
        candidates = [one for one in found if one.id not in binding.ignored]
        if binding.order == "recreate" and candidates:
            await self._overlook(binding, candidates)
        elif not candidates:
            await self._create(binding)
        elif len(candidates) == 1 and (binding.intended or binding.order == "adopt"):
            await self._bound(binding, candidates[0], how="found")
        else:
            await self._park(binding, SegmentParking.FOREIGN, _foreign(binding, candidates))

    async def _create(self, binding: Binding) -> None:
        patience = _PATIENCE * self.request_timeout
        segment = binding.segment
        if (binding.intended and binding.intended_seconds_ago < patience) or not self.is_idle(segment):
            return
        await self._write(lambda c: segments.change(c, segment.id, create_intended_at=now()))
        wanted = NewSegment(
            name=segment.name,
            account=segment.account,
            source_platform=self.source_platform,
            source_segment_id=f"{self.instance}:{segment.key}",
            kind=segment.kind.value,
        )
        created = await self.caller.ask(lambda transport, token: dmp.create(transport, token=token, segment=wanted))
        if isinstance(created, int):
            await self._created(binding, created)
        elif not isinstance(created, Unclear):
            await self._write(lambda c: segments.change(c, segment.id, create_intended_at=None))
            await self._failed(binding, created)

    async def _created(self, binding: Binding, dmp_id: int) -> None:
        segment = binding.segment

        async def work(connection: AsyncConnection) -> None:
            await segments.bind(connection, segment, dmp_id, bound_at=None, ad_segment=None)
            await segments.observe(connection, _newborn(segment), Status.BUILDING, _NO_COUNTS)
            await resyncs.refill(connection, segment.id, by="syncd", reason="a new segment was made at LinkedIn")

        await self._write(work)
        self._provisioned(segment, dmp_id, "created", Status.BUILDING)

    async def _bound(self, binding: Binding, found: DmpSegment, *, how: str) -> None:
        segment = binding.segment
        wanted = "USER" if segment.kind is Kind.USER else "COMPANY"
        if found.type and found.type != wanted:
            words = f"segment {found.id} at LinkedIn is of type {found.type}, {segment.key} needs {wanted}"
            await self._park(binding, SegmentParking.MISCONFIGURED, words)
            return

        async def work(connection: AsyncConnection) -> None:
            await segments.bind(
                connection, segment, found.id, bound_at=found.created, ad_segment=found.destination_segment or None
            )
            await segments.observe(connection, _newborn(segment), found.status or Status.BUILDING, _counts(found))

        await self._write(work)
        self._provisioned(segment, found.id, how, found.status or Status.BUILDING)

    def _provisioned(self, segment: Segment, dmp_id: int, how: str, status: str) -> None:
        self.emit(SegmentProvisioned(segment=segment.key, dmp_id=dmp_id, how=how))
        self.emit(StatusChanged(segment=segment.key, before="", after=status, documented=True))

    async def _overlook(self, binding: Binding, candidates: list[DmpSegment]) -> None:
        """The operator wants another one: those found are never looked at again."""
        ignored = json.dumps(sorted({*binding.ignored, *(one.id for one in candidates)}))
        segment_id = binding.segment.id

        async def work(connection: AsyncConnection) -> None:
            await segments.change(connection, segment_id, ignored_dmp_ids=ignored, create_intended_at=None)
            await segments.change(connection, segment_id, order_given=None)
            await segments.unpark(connection, segment_id)

        await self._write(work)

    async def _unbind(self, binding: Binding) -> None:
        segment = binding.segment
        assert segment.dmp_id is not None
        ignored = json.dumps(sorted({*binding.ignored, segment.dmp_id}))

        async def work(connection: AsyncConnection) -> None:
            await segments.change(
                connection, segment.id, dmp_id=None, bound_at=None, ignored_dmp_ids=ignored, create_intended_at=None
            )

        await self._write(work)

    async def _replay(self, segment: Segment) -> None:
        """An order of a version before resyncs were rows, which may still run beside this one in an upgrade."""

        async def work(connection: AsyncConnection) -> None:
            await segments.change(connection, segment.id, order_given=None)
            await resyncs.refill(connection, segment.id, by="syncd", reason="ordered by an earlier version")
            await segments.unpark(connection, segment.id)

        await self._write(work)

    async def _delete(self, binding: Binding) -> None:
        segment = binding.segment
        dmp_id = segment.dmp_id
        if not self.is_idle(segment):
            return
        if dmp_id is not None:
            failure = await self.caller.ask(lambda transport, token: dmp.delete(transport, token=token, dmp_id=dmp_id))
            if failure is not None and not isinstance(failure, NotThere):
                return
        await self._write(lambda c: segments.forget(c, segment.id))
        self.emit(SegmentDeleted(segment=segment.key))

    async def _failed(self, binding: Binding, failure: Failure) -> None:
        """What the caller cannot mend parks the segment; everything else is tried again in a while."""
        match failure:
            case Throttled(scope=Scope.SEGMENT_LIMIT, words=words):
                await self._park(binding, SegmentParking.SEGMENT_LIMIT, words)
            case NotAllowed(words=words):
                await self._park(binding, SegmentParking.NOT_ALLOWED, words)
            case Misconfigured(words=words) | Refused(words=words):
                await self._park(binding, SegmentParking.MISCONFIGURED, words)
            case _:
                return

    async def _park(self, binding: Binding, reason: SegmentParking, words: str) -> None:
        segment = binding.segment
        if await self._write(lambda c: segments.park(c, segment.id, reason, words)):
            self.emit(SegmentParked(segment=segment.key, reason=reason.value, words=words))

    async def _write(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        async def fenced(connection: AsyncConnection) -> T:
            await fence(connection, self.grant)
            return await work(connection)

        return await self.database.transact(fenced)


def _newborn(segment: Segment) -> Segment:
    """The status of the one it was bound to before says nothing of the one it is bound to now."""
    return replace(segment, status="", status_since=None)


def _counts(found: DmpSegment) -> dict[str, int | None]:
    return {
        "input_count": found.input_count,
        "matched_count": found.matched_count,
        "audience_size": found.audience_size,
    }


def _foreign(binding: Binding, candidates: list[DmpSegment]) -> str:
    key = binding.segment.key
    ids = ", ".join(str(one.id) for one in candidates)
    return (
        f"LinkedIn has a segment for {key} that this database did not create (id {ids}): "
        f"`syncd segments adopt {key}` takes it over, `syncd segments recreate {key}` makes another one"
    )
