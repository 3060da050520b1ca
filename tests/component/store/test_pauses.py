"""Pauses after a 429, from memory to the database and back: none is lost, and none grows because it was written late."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import pytest

from syncd.domain.batch import BatchId, BatchKind
from syncd.domain.outcome import Scope, Throttled
from syncd.domain.quota import quota
from syncd.domain.retry import DAILY, Wait
from syncd.domain.settlement import Journey, Part, Step
from syncd.linkedin.auth import Access
from syncd.linkedin.pacing import Pacer
from syncd.pipeline import react, refresh, settle
from syncd.pipeline.confess import confess
from syncd.pipeline.lanes import Open, Turn
from syncd.pipeline.member import Flight, Member
from syncd.store import throttles
from syncd.store.engine import Database
from tests.component.privacy.stage import Stage, keyed


@dataclass
class Clock:
    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def stage(store_url: str, tmp_path: Path, clock: Clock) -> AsyncIterator[Stage]:
    database = Database(store_url)
    stage = await Stage.built(database, keyed(store_url, tmp_path))
    stage.tools = replace(stage.tools, monotonic=clock)
    stage.member = _owner(stage, clock)
    yield stage
    await database.close()


def _owner(stage: Stage, clock: Clock) -> Member:
    """The member as whoever takes it over begins with it."""
    pacers = {name: Pacer(quota(500), hold=0.0, monotonic=clock) for name in ("users", "companies")}
    known = stage.member
    return Member(
        key=known.key,
        application=known.application,
        grant=known.grant,
        transport=known.transport,
        tokens=known.tokens,
        roads=known.roads,
        pacers=pacers,
        trusted_until=float("inf"),
    )


def _flight(stage: Stage, resource: str = "users") -> Flight:
    """A request that has just left, with nothing in it."""
    lane = stage.lane("trial" if resource == "users" else "firms")
    journey = Journey.begin(BatchId(1), lane.segment.id, BatchKind.LIVE, [])
    turn = Turn(lane, Open.of(journey), Part(()))
    road = stage.member.roads[resource]
    return Flight(turn, road, stage.member, stage.tools, cast(Access, None), stage.tools.monotonic())


def _throttled(scope: Scope, retry_after: float | None = None) -> Throttled:
    return Throttled(scope, retry_after, "429")


async def _settled(flight: Flight) -> None:
    """A settlement that writes nothing of its own but what is owed."""
    step = Step(part=flight.turn.part, refusals=0, again=[flight.turn.part])
    await settle.record(flight.turn.lane, flight.turn.batch.journey, step, flight.member, flight.tools)


async def _stored(stage: Stage, clock: Clock) -> dict[tuple[str, str], float]:
    """Seconds that are left of each pause, as the database says."""
    async with stage.database.read() as connection:
        waits = await throttles.of(connection, ["demo"], clock)
    return {wait.place: wait.until - clock() for wait in waits}


@pytest.mark.parametrize("how", ["settlement", "confession"])
async def test_a_pause_that_is_written_late_is_not_a_longer_one(stage: Stage, clock: Clock, how: str) -> None:
    flight = _flight(stage)
    react.pause(flight, _throttled(Scope.MINUTE))
    clock.now += 45.0
    await (_settled(flight) if how == "settlement" else confess(stage.member, stage.tools))
    assert await _stored(stage, clock) == {("demo", "users"): pytest.approx(15.0, abs=5.0)}


async def test_a_pause_of_the_member_and_one_of_its_application_are_both_written(stage: Stage, clock: Clock) -> None:
    flight = _flight(stage)
    react.pause(flight, _throttled(Scope.MINUTE))
    react.pause(flight, _throttled(Scope.APPLICATION_DAY, 300.0))
    await _settled(flight)
    left = await _stored(stage, clock)
    assert left == {
        ("demo", "users"): pytest.approx(60.0, abs=5.0),
        ("", "users"): pytest.approx(300.0, abs=5.0),
    }
    assert stage.member.unwritten == {}


async def test_of_two_pauses_that_meet_the_longer_one_is_written(stage: Stage, clock: Clock) -> None:
    flight = _flight(stage)
    react.pause(flight, _throttled(Scope.MINUTE, 300.0))
    clock.now += 1.0
    react.pause(_flight(stage), _throttled(Scope.MINUTE))
    await _settled(flight)
    assert await _stored(stage, clock) == {("demo", "users"): pytest.approx(299.0, abs=5.0)}


@pytest.mark.parametrize("left", [200.0, -5.0], ids=["while it holds", "when it is over"])
async def test_a_daily_limit_is_counted_on_after_a_takeover(stage: Stage, clock: Clock, left: float) -> None:
    """The next owner begins with one probe, and when that is refused it waits as the owner before would have."""
    wait = Wait("default", "demo", "users", Scope.MEMBER_DAY, 4, clock() + left)
    async with stage.database.begin() as connection:
        await throttles.remember(connection, wait, clock)
    await refresh.refresh([stage.member], stage.tools)
    pacer = stage.member.pacers["users"]
    assert pacer.probing
    assert pacer.shut_until - clock() == pytest.approx(max(left, 0.0), abs=5.0)
    clock.now += 250.0
    react.pause(_flight(stage), _throttled(Scope.MEMBER_DAY))
    assert stage.member.throttles_in_a_row["users"] == 5
    assert pacer.shut_until - clock() == DAILY.wait(5, stage.tools.dice)
