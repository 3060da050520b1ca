"""The pacer on a loop whose time is virtual: minutes pass in milliseconds, and every arrival is written down.

Arrivals are counted as the server counts them: a request arrives at some moment between its departure and its answer,
and one that is never answered may arrive up to one request timeout after it departed.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.domain.quota import quota
from syncd.linkedin.pacing import Pacer
from tests.component.virtual import VirtualLoop, fullest_window

HOLD = 30.0
TTL = 15.0


def run(main: Callable[[VirtualLoop], Coroutine[Any, Any, None]]) -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualLoop)
        runner.run(main(loop))


@dataclass(slots=True)
class Traffic:
    """Requests through one pacer after the other, and when each arrived."""

    loop: VirtualLoop
    limit: int
    durations: Callable[[], tuple[float, bool]]
    """Seconds until an answer, and whether there will be one."""
    dice: random.Random
    arrivals: list[float] = field(default_factory=list)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    most_in_flight: int = 0

    def pacer(self) -> Pacer:
        return Pacer(quota(self.limit), hold=HOLD, monotonic=self.loop.time)

    async def send(self, pacer: Pacer, seconds: float) -> None:
        """As many requests as the pacer lets through, for so long."""
        end = self.loop.now + seconds
        try:
            async with asyncio.timeout(seconds):
                while self.loop.now < end:
                    await pacer.admit()
                    self.most_in_flight = max(self.most_in_flight, pacer.in_flight)
                    task = self.loop.create_task(self._fly(pacer))
                    self.tasks.add(task)
                    task.add_done_callback(self.tasks.discard)
        except TimeoutError:
            return

    async def _fly(self, pacer: Pacer) -> None:
        duration, answered = self.durations()
        departed = self.loop.now
        if not answered:
            self.arrivals.append(departed + self.dice.random() * HOLD)
            await asyncio.sleep(HOLD)
            pacer.done(answered=False)
            return
        self.arrivals.append(departed + self.dice.choice([0.0, 1.0, self.dice.random()]) * duration)
        await asyncio.sleep(duration)
        pacer.done(answered=True)

    async def finished(self) -> None:
        while self.tasks:
            await asyncio.wait(self.tasks)


def stalled_together(loop: VirtualLoop, period: float, dice: random.Random) -> Callable[[], tuple[float, bool]]:
    """A network that stalls: whatever departs is held up until it lets go of all of it at once."""

    def duration() -> tuple[float, bool]:
        left = period - loop.now % period
        return (min(left, HOLD - 1), True) if dice.random() < 0.5 or left < 1 else (0.1, True)

    return duration


@pytest.mark.parametrize("limit", [500, 300, 200, 10])
@given(seed=st.integers(0, 2**32), lost=st.sampled_from([0.0, 0.02, 0.3]), slow=st.sampled_from([0.0, 0.05, 0.5]))
@settings(max_examples=12, deadline=None)
def test_no_minute_at_the_server_holds_more_than_the_limit(limit: int, seed: int, lost: float, slow: float) -> None:
    dice = random.Random(seed)

    def durations() -> tuple[float, bool]:
        if dice.random() < lost:
            return HOLD, False
        return (dice.random() * 29.9 if dice.random() < slow else 0.05 + dice.random() * 0.4), True

    async def main(loop: VirtualLoop) -> None:
        traffic = Traffic(loop, limit, durations, dice)
        pacer = traffic.pacer()
        for _ in range(6):
            await traffic.send(pacer, dice.random() * 60)
            match dice.randrange(3):
                case 0:
                    await asyncio.sleep(dice.random() * 90)
                case 1:
                    pacer.shut(60.0, probe=dice.random() < 0.5)
                case _:
                    pacer.open()
        await traffic.finished()
        assert traffic.arrivals
        assert fullest_window(traffic.arrivals) <= limit
        assert traffic.most_in_flight <= pacer.quota.in_flight

    run(main)


@pytest.mark.parametrize("limit", [500, 200])
@given(seed=st.integers(0, 2**32), period=st.sampled_from([25.0, 60.0, 61.0, 90.0]))
@settings(max_examples=12, deadline=None)
def test_a_network_that_lets_go_of_all_requests_at_once_breaks_no_minute(limit: int, seed: int, period: float) -> None:
    async def main(loop: VirtualLoop) -> None:
        dice = random.Random(seed)
        traffic = Traffic(loop, limit, stalled_together(loop, period, dice), dice)
        traffic.dice = random.Random(seed)
        pacer = traffic.pacer()
        await traffic.send(pacer, 200.0)
        await traffic.finished()
        assert fullest_window(traffic.arrivals) <= limit

    run(main)


@pytest.mark.parametrize("limit", [500, 300, 200, 10])
@given(seed=st.integers(0, 2**32))
@settings(max_examples=10, deadline=None)
def test_no_minute_holds_more_when_one_owner_follows_another(limit: int, seed: int) -> None:
    dice = random.Random(seed)

    def durations() -> tuple[float, bool]:
        return (HOLD, False) if dice.random() < 0.05 else (0.3, True)

    async def main(loop: VirtualLoop) -> None:
        traffic = Traffic(loop, limit, durations, dice)
        for _ in range(5):
            await traffic.send(traffic.pacer(), 5 + dice.random() * 70)
            if dice.random() < 0.5:
                await traffic.finished()  # a clean stop: what is in flight ends first
            else:
                await asyncio.sleep(TTL + HOLD)  # an unclean one: the lease runs out, and a request timeout
        await traffic.finished()
        assert fullest_window(traffic.arrivals) <= limit

    run(main)


@pytest.mark.parametrize("late", [0.0, 0.004])
@pytest.mark.parametrize(("limit", "share"), [(500, 0.97), (200, 0.97), (300, 0.97)])
def test_answers_in_a_third_of_a_second_leave_nearly_all_of_the_limit(limit: int, share: float, late: float) -> None:
    async def main(loop: VirtualLoop) -> None:
        loop.late = late
        traffic = Traffic(loop, limit, lambda: (0.3, True), random.Random(1))
        await traffic.send(traffic.pacer(), 600.0)
        await traffic.finished()
        assert len(traffic.arrivals) >= share * 10 * limit
        assert fullest_window(traffic.arrivals) <= limit

    run(main)


@pytest.mark.parametrize("limit", [500, 300, 200, 10])
def test_a_minute_after_a_pause_holds_the_burst_and_no_part_of_a_request_more(limit: int) -> None:
    async def main(loop: VirtualLoop) -> None:
        traffic = Traffic(loop, limit, lambda: (0.001, True), random.Random(1))
        pacer = traffic.pacer()
        await traffic.send(pacer, 1.0)
        await asyncio.sleep(120)
        await traffic.send(pacer, 90.0)
        await traffic.finished()
        assert fullest_window(traffic.arrivals) == pacer.quota.burst + pacer.quota.per_minute

    run(main)


def test_a_new_pacer_has_no_burst_and_an_idle_one_has() -> None:
    async def main(loop: VirtualLoop) -> None:
        pacer = Pacer(quota(500), hold=HOLD, monotonic=loop.time)
        started = loop.now
        moments = []
        for _ in range(4):
            await pacer.admit()
            moments.append(loop.now - started)
            pacer.done(answered=True)
        step = 60 / 488
        assert moments == pytest.approx([step, 2 * step, 3 * step, 4 * step])
        await asyncio.sleep(10)
        started = loop.now
        waited = [await pacer.admit() for _ in range(4)]
        assert waited == pytest.approx([0.0, 0.0, step / 2, step], abs=1e-6)  # half a request beyond the burst of two

    run(main)


def test_an_unanswered_request_keeps_its_place_for_one_more_request_timeout() -> None:
    async def main(loop: VirtualLoop) -> None:
        pacer = Pacer(quota(10), hold=HOLD, monotonic=loop.time)
        await pacer.admit()
        pacer.done(answered=False)
        started = loop.now
        await pacer.admit()
        assert loop.now - started == pytest.approx(HOLD)

    run(main)


def test_nothing_passes_a_shut_pacer_and_the_longest_wait_counts() -> None:
    async def main(loop: VirtualLoop) -> None:
        pacer = Pacer(quota(500), hold=HOLD, monotonic=loop.time)
        waiting = loop.create_task(pacer.admit())
        await asyncio.sleep(0)
        started = loop.now
        pacer.shut(100.0, probe=False)
        pacer.shut(10.0, probe=False)
        pacer.open()
        assert pacer.is_shut
        assert await waiting == pytest.approx(100.0, abs=1.0)
        assert loop.now - started >= 100.0
        assert not pacer.is_shut

    run(main)


def test_a_throttle_that_comes_while_a_request_waits_for_its_drop_holds_that_one_too() -> None:
    async def main(loop: VirtualLoop) -> None:
        pacer = Pacer(quota(10), hold=HOLD, monotonic=loop.time)
        await pacer.admit()
        pacer.done(answered=True)
        waiting = loop.create_task(pacer.admit())
        await asyncio.sleep(1.0)
        pacer.shut(60.0, probe=False)
        started = loop.now
        await waiting
        assert loop.now - started >= 60.0

    run(main)


def test_while_probing_one_goes_at_a_time_until_one_succeeds() -> None:
    async def main(loop: VirtualLoop) -> None:
        pacer = Pacer(quota(500), hold=HOLD, monotonic=loop.time)
        pacer.shut(5.0, probe=True)
        admitted: list[float] = []

        async def ask() -> None:
            await pacer.admit()
            admitted.append(loop.now)

        tasks = [loop.create_task(ask()) for _ in range(5)]
        await asyncio.sleep(20)
        assert len(admitted) == 1
        pacer.done(answered=True)
        await asyncio.sleep(5)
        assert len(admitted) == 2
        pacer.open()
        await asyncio.sleep(5)
        assert len(admitted) == 5
        assert pacer.in_flight == 4
        await asyncio.gather(*tasks)

    run(main)


@given(st.integers(0, 2**32))
@settings(max_examples=15, deadline=None)
def test_a_cancelled_wait_takes_no_place_and_stops_no_other(seed: int) -> None:
    async def main(loop: VirtualLoop) -> None:
        dice = random.Random(seed)
        pacer = Pacer(quota(500), hold=HOLD, monotonic=loop.time)
        if dice.random() < 0.5:
            pacer.shut(dice.random() * 3, probe=dice.random() < 0.5)
        tasks = [loop.create_task(pacer.admit()) for _ in range(8)]
        for task in tasks:
            await asyncio.sleep(dice.random() * 0.2)
            if dice.random() < 0.5:
                task.cancel()
        pacer.open()
        await asyncio.sleep(30)
        done = [task for task in tasks if not task.cancelled()]
        assert all(task.done() for task in tasks)
        assert pacer.in_flight == len(done) == pacer.last_minute
        for _ in done:
            pacer.done(answered=True)
        assert pacer.in_flight == 0
        assert await pacer.admit() >= 0.0

    run(main)


def test_the_last_minute_counts_what_went_in_sixty_seconds() -> None:
    async def main(loop: VirtualLoop) -> None:
        pacer = Pacer(quota(500), hold=HOLD, monotonic=loop.time)
        departures = []
        for _ in range(5):
            await pacer.admit()
            departures.append(loop.now)
            pacer.done(answered=True)
            await asyncio.sleep(10)
        assert pacer.last_minute == 5
        assert all(after > before for before, after in pairwise(departures))
        await asyncio.sleep(departures[1] + 60.0 - loop.now)
        assert pacer.last_minute == 3

    run(main)
