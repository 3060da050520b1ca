"""What runs beside the road for one owned member: creating segments, following and watching them, resyncs, erasures, alerts.

Each round is a coroutine that is run again and again (`pipeline.run`): a database that is away or a lost lease ends none.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

from syncd.domain.events import LookFailed, TokenRefreshed
from syncd.domain.outcome import Failure, Sunset, TokenRefused
from syncd.domain.segment import MemberParking
from syncd.linkedin.caller import Caller
from syncd.operations import resyncs
from syncd.pipeline import react, refresh
from syncd.pipeline.lanes import wait_for
from syncd.pipeline.member import Member, Tools
from syncd.pipeline.run import Beside
from syncd.reconcile import resync, watchdog
from syncd.reconcile.alert import Alerter
from syncd.reconcile.erase import Eraser
from syncd.reconcile.provision import Provisioner
from syncd.reconcile.track import Tracker
from syncd.settings import Settings
from syncd.store import segments
from syncd.store.business import Business

_PAUSE: Final = 2.0
_UNCALLED: Final = 60.0
"""Seconds after which a round looks for itself although nothing called it: a schedule that is new is in no row yet."""


class Rounds:
    """`refreshes` says whether syncd refreshes the member's access token itself."""

    def __init__(self, settings: Settings, tools: Tools, member: Member, caller: Caller, *, refreshes: bool) -> None:
        self._settings: Final = settings
        self._tools: Final = tools
        self._member: Final = member
        self._caller: Final = caller
        self._refreshes: Final = refreshes

    def all(self) -> tuple[Beside, ...]:
        return (self._provisioning(), self._tracking(), self._watching(), self._resyncing(), *self._caring())

    def _provisioning(self) -> Beside:
        provisioner = Provisioner(
            database=self._tools.database,
            grant=self._member.grant,
            caller=self._caller,
            emit=self._tools.emit,
            instance=self._settings.instance,
            source_platform=self._settings.linkedin.source_platform or "",
            request_timeout=self._tools.request_timeout,
            is_idle=lambda segment: segment.takes_lists or self._member.roads[segment.resource].put(segment).is_idle,
        )

        async def provision() -> None:
            async with self._tools.database.read() as connection:
                wanting = await segments.wanting(connection, self._member.key)
            for binding in wanting:
                if self._member.trusts(time.monotonic()):
                    await provisioner.carry_out(binding)
            if wanting:
                await refresh.refresh([self._member], self._tools)
            await self._called(Business.PROVISION)

        return provision

    def _tracking(self) -> Beside:
        tracker = Tracker(
            database=self._tools.database,
            grant=self._member.grant,
            caller=self._caller,
            emit=self._tools.emit,
            repairs=self._settings.resync.after_expiry == "replay",
            interval=self._settings.tracker.interval,
            declared=frozenset(one.key for one in self._settings.segments),
        )
        told: tuple[float | None, float | None] | None = None

        async def track() -> None:
            nonlocal told
            async with self._tools.database.read() as connection:
                called = await self._tools.roll.call(connection, [self._member.key])
                moment = await segments.moment(connection)
            may_ask = self._member.may_send(time.monotonic())
            seen = may_ask and await tracker.follow(called[self._member.key], moment)
            if seen:  # what parks now shall take no row more
                await refresh.refresh([self._member], self._tools)
            await self._looked(seen)
            ends = self._member.tokens.ends
            if ends != told:
                told = ends
                self._tools.emit(TokenRefreshed(member=self._member.key, access_ends=ends[0], refresh_ends=ends[1]))
            await asyncio.sleep(tracker.pause)

        return track

    def _resyncing(self) -> Beside:
        resyncer = resync.Resyncer(
            database=self._tools.database,
            grant=self._member.grant,
            emit=self._tools.emit,
            wishes=resyncs.wishes(self._settings),
            fuse=self._settings.resync.fuse,
            allow_names_only=self._settings.users.allow_names_only,
            suppressed=self._tools.suppression.named,
        )

        async def advance() -> None:
            async with self._tools.database.read() as connection:
                moment = await segments.moment(connection)
            if await resyncer.advance([lane.segment for lane in self._member.lanes()], moment):
                await refresh.refresh([self._member], self._tools)
            else:
                await self._called(Business.RESYNC)

        return advance

    def _watching(self) -> Beside:
        dog = watchdog.Watchdog(
            database=self._tools.database,
            grant=self._member.grant,
            caller=self._caller,
            emit=self._tools.emit,
            refreshes=self._refreshes,
            wall=time.time,
        )

        async def look() -> None:
            async with self._tools.database.read() as connection:
                bindings, _ = await segments.of_members(connection, [self._member.key], lists=True)
            await self._looked(await dog.look({binding.segment.account for binding in bindings}) or True)
            await asyncio.sleep(watchdog.EVERY)

        return look

    def _caring(self) -> tuple[Beside, Beside]:
        key, database, grant, emit = (
            self._tools.suppression.key,
            self._tools.database,
            self._member.grant,
            self._tools.emit,
        )
        eraser = Eraser(database=database, grant=grant, emit=emit, key=key, quiet=self._member.held_back)

        async def tend() -> None:
            await eraser.look()
            await self._called(Business.ERASE)

        alerter = Alerter(
            database=database,
            grant=grant,
            emit=emit,
            ends=lambda: (None if self._refreshes else self._member.tokens.ends[0], self._member.tokens.ends[1]),
            settings=self._settings,
            wall=time.time,
            roll=self._tools.roll,
        )
        return tend, alerter.tend

    async def _called(self, business: Business) -> None:
        """A pause, and on until there is something to do."""
        await asyncio.sleep(_PAUSE)
        await wait_for(self._member.calls[business], _UNCALLED)

    async def _looked(self, seen: Failure | bool) -> None:
        """What it means for a member that LinkedIn could be asked (`seen` is false where there was nothing to ask), or not."""
        if isinstance(seen, TokenRefused):
            await react.park_member(self._member, self._tools, MemberParking.TOKEN, seen.words)
        elif isinstance(seen, Sunset):
            await react.park_member(self._member, self._tools, MemberParking.VERSION, seen.words)
        elif not isinstance(seen, bool):
            self._tools.emit(LookFailed(member=self._member.key, words=seen.words))
        elif seen:
            await react.resume_member(self._member, self._tools)  # it may have nothing in flight that could try again
