"""Ownership: which members this replica works for, by leases in the database.

A lease is renewed every third of its time to live, all of a replica's in one statement. Requests are trusted to it
only within one time to live of the moment the renewal was asked for, by this process's own monotonic clock. Members
spread evenly: each replica takes its share of the members, by its place among the replicas seen alive, and gives back
what is beyond it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.events import DatabaseFailed, LeaseEnded, LeaseTaken
from syncd.domain.segment import MemberKey
from syncd.errors import Fatal, Transient
from syncd.pipeline.member import Member, Tools
from syncd.store import leases, throttles
from syncd.store.leases import Grant

Work = Callable[[Member, asyncio.Event], Awaitable[bool]]
"""Works for a member until the event; whether it ended cleanly."""

_LOOK: Final = 0.5
"""Seconds between looks for a member that nobody owns."""
_PATIENCE: Final = 1.0
"""Seconds that a transaction may still hold the lease of a member that nobody owns, without a word of its client's."""


@dataclass(slots=True)
class _Holding:
    grant: Grant
    member: Member
    stop: asyncio.Event = field(default_factory=asyncio.Event)


class Ownership:
    """The leases of one replica. `enrol` builds a member that was just granted; `work` works for it."""

    def __init__(
        self,
        replica: str,
        members: Sequence[MemberKey],
        ttl: float,
        enrol: Callable[[Grant], Member],
        work: Work,
        tools: Tools,
    ) -> None:
        self.replica: Final = replica
        self.members: Final = sorted(members)
        self._ttl = ttl
        self._enrol = enrol
        self._work = work
        self._tools = tools
        self._held: dict[MemberKey, _Holding] = {}
        self._ended = asyncio.Event()
        self.trouble = ""
        """Why leases could not be written the last time: a database that can be read only keeps nobody's."""

    @property
    def owned(self) -> list[Member]:
        return [holding.member for holding in self._held.values() if not holding.member.lost]

    async def run(self, stop: asyncio.Event) -> None:
        """Takes, renews and gives back until `stop`; then gives everything back and leaves."""
        async with asyncio.TaskGroup() as group:
            while not stop.is_set():
                try:
                    await self._round(group)
                    self.trouble = ""
                except Transient as error:
                    self.trouble = str(error)
                    self._tools.emit(DatabaseFailed(where="leases", words=str(error)))
                await self._rest(stop)
            for holding in self._held.values():
                holding.stop.set()
            await self._depart()
            while self._held:
                await self._keep_while_draining()

    async def _rest(self, stop: asyncio.Event) -> None:
        """Until leases want renewing, `stop`, or a member is free: what is given back shall not wait for the next round."""
        until = self._tools.monotonic() + self._ttl / 3
        while not stop.is_set() and (left := until - self._tools.monotonic()) > 0:
            await _first(stop, min(left, _LOOK))
            try:
                if not stop.is_set() and await self._taken(1):
                    return
            except Transient as error:
                self._tools.emit(DatabaseFailed(where="leases", words=str(error)))

    async def _depart(self) -> None:
        """From here on the others count without this replica, so that each takes its new share as it is given back."""
        try:
            await self._tools.database.transact(lambda connection: leases.depart(connection, self.replica))
        except Transient as error:
            self._tools.emit(DatabaseFailed(where="leaving", words=str(error)))

    async def _keep_while_draining(self) -> None:
        """Leases stay ours while what is in flight is settled."""
        self._ended.clear()
        if not self._held:
            return
        try:
            await self._renew(counted=False)
        except Transient as error:
            self._tools.emit(DatabaseFailed(where="leases", words=str(error)))
        await _first(self._ended, self._ttl / 3)

    async def _round(self, group: asyncio.TaskGroup) -> None:
        share = await self._renew()
        surplus = [holding for _, holding in sorted(self._held.items()) if not holding.stop.is_set()][share:]
        for holding in surplus:
            holding.stop.set()
        if len(self._held) < share:
            for member in await self._taken(share - len(self._held)):
                asked = self._tools.monotonic()
                grant = await self._granted(member)
                if grant is not None:
                    self._begin(group, grant, asked)

    async def _granted(self, member: MemberKey) -> Grant | None:
        """Takes a member that was free a moment ago."""
        clearing: asyncio.Task[None] | None = None

        async def work(connection: AsyncConnection) -> Grant | None:
            nonlocal clearing
            session = await leases.session(connection)
            if session is not None:
                clearing = asyncio.create_task(self._clear(member, session))
            return await leases.take(connection, member, self.replica, self._ttl + self._tools.request_timeout)

        try:
            return await self._tools.database.transact(work)
        finally:
            if clearing is not None:
                clearing.cancel()
                await asyncio.wait([clearing])

    async def _clear(self, member: MemberKey, session: int) -> None:
        """Ends what holds up a take-over until cancelled: the owner before has no right to the lease any more, and a process
        that froze between preparing a statement and executing it has a session that no timeout of the server's ends.
        """

        async def work(connection: AsyncConnection) -> None:
            count = await leases.clear(connection, session, _PATIENCE)
            if count:
                words = f"{count} sessions were closed that held the lease of {member}, which had ended"
                self._tools.emit(DatabaseFailed(where="leases", words=words))

        while True:
            await asyncio.sleep(_PATIENCE)
            try:
                await self._tools.database.at_once(work)
            except (Transient, Fatal) as error:
                self._tools.emit(DatabaseFailed(where="leases", words=str(error)))

    async def _taken(self, most: int) -> list[MemberKey]:
        """Free members; one whose work under a lost lease has not ended here yet has to wait."""
        async with self._tools.database.read() as connection:
            found = await leases.free(connection, self.members)
        return [member for member in found if member not in self._held][:most]

    async def _renew(self, *, counted: bool = True) -> int:
        """Renews what is held and ends what is not ours any more; how many members this replica should hold, if the others
        count with it.
        """
        asked = self._tools.monotonic()
        tokens = {str(key): holding.grant.token for key, holding in self._held.items()}
        hold = self._ttl + self._tools.request_timeout

        async def work(connection: AsyncConnection) -> tuple[set[str], list[str]]:
            if counted:
                await leases.announce(connection, self.replica, self.members)
            kept = await leases.renew(connection, self.replica, tokens, hold)
            return kept, await leases.live(connection, self._ttl)

        kept, alive = await self._tools.database.transact(work)
        for key in tokens:
            holding = self._held.get(MemberKey(key))
            if holding is None:
                continue
            if key in kept:
                lapsed = not holding.member.trusts(self._tools.monotonic())
                holding.member.trusted_until = asked + self._ttl
                if lapsed:
                    holding.member.ring()
            else:
                holding.member.lose()
                holding.stop.set()
        place = alive.index(self.replica) if self.replica in alive else 0
        least, more = divmod(len(self.members), max(len(alive), 1))
        return least + (1 if place < more else 0)

    def _begin(self, group: asyncio.TaskGroup, grant: Grant, asked: float) -> None:
        member = self._enrol(grant)
        member.trusted_until = asked + self._ttl
        holding = self._held[grant.member] = _Holding(grant, member)
        self._tools.emit(LeaseTaken(member=grant.member, token=grant.token, clean=grant.clean))
        group.create_task(self._hold(holding))

    async def _hold(self, holding: _Holding) -> None:
        member = holding.member
        clean = await self._work(member, holding.stop)
        how = "lost"
        if not member.lost:
            how = "given_back"
            wait = 0.0 if clean else self._tools.request_timeout

            async def give_back(connection: AsyncConnection) -> None:
                for pause in member.unwritten.values():
                    await throttles.remember(connection, pause, self._tools.monotonic)
                await leases.give_back(connection, holding.grant, wait=wait)

            try:
                await self._tools.database.transact(give_back)
            except Transient as error:
                self._tools.emit(DatabaseFailed(where="giving back", words=str(error)))
        del self._held[holding.grant.member]
        self._ended.set()
        self._tools.emit(LeaseEnded(member=member.key, token=holding.grant.token, how=how))


async def _first(event: asyncio.Event, seconds: float) -> None:
    """Until the event, at most so many seconds."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
