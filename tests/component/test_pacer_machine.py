"""The pacer under any schedule: requests that are answered, lost or late, gates that shut and open, owners that follow
each other cleanly or after a death. Whoever chooses when requests arrive within what is possible finds no minute that
holds more than the limit.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from syncd.domain.quota import quota
from syncd.linkedin.pacing import Pacer
from tests.component.virtual import VirtualLoop, fullest_window

TIMEOUT = 30.0
TTL = 15.0


@dataclass(slots=True, eq=False)
class Away:
    """A request that departed; `until` is when it can arrive at the latest, once nobody waits for it any more."""

    departed: float
    until: float = float("inf")
    arrived: bool = False


class Owners(RuleBasedStateMachine):
    """One member, one resource, one server that counts arrivals, owners one after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualLoop()
        self.arrivals: list[float] = []
        self.away: list[Away] = []
        self.ghosts: list[Away] = []
        """Requests nobody waits for any more; they may still arrive."""
        self.waiting: list[asyncio.Task[None]] = []

    @initialize(limit=st.sampled_from([10, 60, 200, 500]))
    def first_owner(self, limit: int) -> None:
        self.limit = limit
        self.pacer = self.owner()

    def owner(self) -> Pacer:
        return Pacer(quota(self.limit), hold=TIMEOUT, monotonic=self.loop.time)

    def pass_by(self, seconds: float) -> None:
        """Time passes in small steps; what is admitted departs, what times out is given up, ghosts arrive in the end."""
        end = self.loop.time() + seconds
        while self.loop.time() < end:
            self.loop.run_until_complete(asyncio.sleep(min(1.0, end - self.loop.time())))
            now = self.loop.time()
            self.waiting = [task for task in self.waiting if not task.done()]
            for request in [one for one in self.away if now >= one.departed + TIMEOUT]:
                self.away.remove(request)
                self.done(answered=False)
                request.until = now + TIMEOUT
                self.ghosts.append(request)
            for ghost in [one for one in self.ghosts if now >= one.until]:
                self.ghosts.remove(ghost)
                self.arrive(ghost)

    async def depart(self) -> None:
        await self.pacer.admit()
        self.away.append(Away(self.loop.time()))

    def done(self, *, answered: bool) -> None:
        async def tell() -> None:
            self.pacer.done(answered=answered)

        self.loop.run_until_complete(tell())

    def arrive(self, request: Away) -> None:
        if not request.arrived:
            request.arrived = True
            self.arrivals.append(self.loop.time())

    @rule(count=st.integers(1, 40))
    def ask(self, count: int) -> None:
        self.waiting += [self.loop.create_task(self.depart()) for _ in range(count)]
        self.pass_by(0.01)

    @rule(seconds=st.sampled_from([3.0, 20.0, 70.0]), latency=st.sampled_from([0.05, 0.3, 2.0]))
    def flow(self, seconds: float, latency: float) -> None:
        """There is always more to send, and everything is answered."""
        end = self.loop.time() + seconds
        while self.loop.time() < end:
            self.waiting += [self.loop.create_task(self.depart()) for _ in range(20 - len(self.waiting))]
            self.pass_by(latency)
            for request in self.away:
                self.arrive(request)
                self.done(answered=True)
            self.away.clear()

    @rule(seconds=st.sampled_from([0.1, 0.5, 1.0, 3.0, 10.0, 29.0, 60.0]))
    def wait(self, seconds: float) -> None:
        self.pass_by(seconds)

    @precondition(lambda self: self.away)
    @rule(share=st.floats(0.0, 1.0))
    def some_arrive(self, share: float) -> None:
        """The network lets go of some of what is under way, all at once."""
        for request in [*self.away, *self.ghosts][: max(1, int(len(self.away) * share))]:
            self.arrive(request)

    @precondition(lambda self: self.away)
    @rule(data=st.data())
    def some_are_answered(self, data: st.DataObject) -> None:
        for _ in range(data.draw(st.integers(1, len(self.away)))):
            request = self.away.pop(0)
            self.arrive(request)
            self.done(answered=True)

    @precondition(lambda self: self.away)
    @rule()
    def one_is_lost(self) -> None:
        """The connection breaks: nobody knows, and it may arrive for one more request timeout."""
        request = self.away.pop(0)
        self.done(answered=False)
        request.until = self.loop.time() + TIMEOUT
        self.ghosts.append(request)

    @rule(seconds=st.sampled_from([0.5, 5.0, 60.0]), probe=st.booleans())
    def throttled(self, seconds: float, *, probe: bool) -> None:
        self.pacer.shut(seconds, probe=probe)

    @rule()
    def succeeded(self) -> None:
        self.pacer.open()

    @rule()
    def stops_cleanly(self) -> None:
        """What is in flight ends first; what is lost keeps the lease for a request timeout."""
        self.cancel()
        for request in self.away:
            self.arrive(request)
        self.away.clear()
        if self.ghosts:
            self.pass_by(TIMEOUT)
        self.pacer = self.owner()

    @rule()
    def dies(self) -> None:
        """The next owner waits for the lease to end, and for one request timeout more."""
        self.cancel()
        for request in self.away:
            request.until = self.loop.time() + TIMEOUT
            self.ghosts.append(request)
        self.away.clear()
        self.pass_by(TTL + TIMEOUT)
        self.pacer = self.owner()

    def cancel(self) -> None:
        for task in self.waiting:
            task.cancel()
        self.waiting.clear()
        self.loop.run_until_complete(asyncio.sleep(0))

    @invariant()
    def no_minute_holds_more_than_the_limit(self) -> None:
        assert fullest_window(self.arrivals) <= getattr(self, "limit", 0)

    @invariant()
    def places_are_kept(self) -> None:
        if hasattr(self, "pacer"):
            assert 0 <= self.pacer.in_flight <= self.pacer.quota.in_flight

    def teardown(self) -> None:
        self.cancel()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()


Owners.TestCase.settings = settings(max_examples=40, stateful_step_count=60, deadline=None)
TestOwners = Owners.TestCase
