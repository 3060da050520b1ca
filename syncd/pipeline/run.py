"""The work for one owned member, from the moment it is taken to the moment it is given back.

Loops take, send and re-assert until they are told to stop; then what is in flight ends and is settled, up to a
deadline. A request that had to be cut makes the end unclean: the next owner waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final

from syncd.domain.events import DatabaseFailed
from syncd.domain.retry import DATABASE
from syncd.errors import LeaseLost, Transient
from syncd.pipeline import refresh, resend
from syncd.pipeline.confess import confess
from syncd.pipeline.deliver import deliver
from syncd.pipeline.intake import gather
from syncd.pipeline.lanes import Road, wait_for
from syncd.pipeline.member import Member, Tools

_LOOK: Final = 5.0
"""Seconds between looks when nothing rings; the look at the database rings every two."""
_BESIDE: Final = 1.0
"""Seconds between two rounds of a loop beside the road."""

Beside = Callable[[], Awaitable[None]]
"""One round of a loop that runs beside the road for one member: provisioning, tracking."""


class Requests:
    """The requests in flight: they outlive the loop that started them."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self._group = group
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, request: Coroutine[Any, Any, None]) -> None:
        task = self._group.create_task(request)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finish(self, deadline: float) -> bool:
        """Waits for all of them, at most so many seconds; whether all ended by themselves."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=deadline)
        return self.cut()

    def cut(self) -> bool:
        """Ends those still in flight; whether there were none."""
        for task in list(self._tasks):
            task.cancel()
        return not self._tasks


async def work(
    member: Member, tools: Tools, beside: Sequence[Beside], stop: asyncio.Event, deadline: Callable[[], float]
) -> bool:
    """Works for a member until `stop`; whether everything ended within the deadline and nothing of it can still land."""
    await _loaded(member, tools)
    async with asyncio.TaskGroup() as group:
        requests = Requests(group)
        loops = [
            *(group.create_task(deliver(road, member, tools, requests.start)) for road in member.roads.values()),
            *(group.create_task(_feed(road, member, tools)) for road in member.roads.values()),
            *(group.create_task(_beside(loop, member, tools)) for loop in beside),
        ]
        await stop.wait()
        for loop in loops:
            loop.cancel()
        await asyncio.wait(loops)
        ended = requests.cut() if member.lost else await requests.finish(deadline())
        if member.lost:
            await confess(member, tools)
        return ended and not member.has_loose_ends


async def _loaded(member: Member, tools: Tools) -> None:
    failures = 0
    while not member.lost:
        try:
            await refresh.load(member, tools)
        except Transient as error:
            failures += 1
            tools.emit(DatabaseFailed(where="taking over", words=str(error)))
            await asyncio.sleep(DATABASE.wait(failures, tools.dice))
        else:
            return


async def _feed(road: Road, member: Member, tools: Tools) -> None:
    """Takes rows whenever a segment's turn is near."""
    failures = 0
    while True:
        heard = road.bell.heard
        task = road.next_task() if member.may_take(tools.monotonic()) else None
        if task is None:
            due = road.next_event()
            wait = _LOOK if due is None else min(_LOOK, max(0.0, due - tools.monotonic()))
            await wait_for(heard, wait)
            continue
        lane, again = task
        try:
            if lane.doubted:
                await refresh.recover(lane, member, tools)
            if again:
                await resend.resend(lane, member, tools)
            else:
                member.epoch_parked = not await tools.origin.is_trusted()
                if not member.epoch_parked:
                    await gather(lane, member, tools)
            failures = 0
        except LeaseLost:
            member.lose()
        except Transient as error:
            failures += 1
            lane.doubted = True
            tools.origin.doubt()
            tools.emit(DatabaseFailed(where="intake", words=str(error)))
            await asyncio.sleep(DATABASE.wait(failures, tools.dice))
        road.bell.ring()


async def _beside(loop: Beside, member: Member, tools: Tools) -> None:
    """Runs one loop beside the road; a database that is away or a lost lease does not end it."""
    failures = 0
    while True:
        try:
            await loop()
            failures = 0
        except LeaseLost:
            member.lose()
        except Transient as error:
            failures += 1
            tools.emit(DatabaseFailed(where=getattr(loop, "__name__", "beside"), words=str(error)))
        await asyncio.sleep(DATABASE.wait(failures, tools.dice) if failures else _BESIDE)
