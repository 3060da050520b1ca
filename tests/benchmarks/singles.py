"""Benchmarks of one change at a time: on an idle system, beside a backlog, over a thousand segments.

A change counts from the moment its commit returned to the moment the sandbox had answered: both by the one monotonic
clock of the machine.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]  # it ships no types

from syncd.settings.models import Tracker
from syncd.store.migrate import scripts
from tests.benchmarks import truth
from tests.benchmarks.drains import people
from tests.benchmarks.figures import Figure, Size, quantile
from tests.benchmarks.ground import Drained, Ground, World, ground

_CHANGE = """
    insert into syncd.outbox (segment_key, action, payload)
    values ($1, 'ADD', jsonb_build_object('email', $2::text, 'first_name', 'Ann', 'country', 'US')) returning id
"""
Lag = tuple[float, float]
"""Seconds since the first change, and how long this one took."""


async def idle(directory: Path, size: Size) -> list[Figure]:
    """B4: by polling, then with notifications."""
    figures = []
    for way, target, most in (("polling", 0.080, 0.250), ("NOTIFY", 0.025, None)):
        async with ground(directory / way, _singles_world(notify=way == "NOTIFY"), size.changes) as place:
            if way == "NOTIFY":
                await place.execute((scripts() / "sql" / "notify.sql").read_text())
                await place.rig.wait_until(lambda: place.daemon.events("listening"), "it listens", place.daemon)
            commits = await _commit(place, "people", size.changes, pause=0.3)
            lags = await _lags(place, "people", commits)
            await truth.conserved(place, size.changes)
            await truth.within_limits(place)
            await truth.judged(place)
        times = [lag for _, lag in lags]
        figures.append(
            _milliseconds("B4", f"one change by {way}, p50", quantile(times, 0.5), target, series=lags, kind="lag")
        )
        figures.append(_milliseconds("B4", f"one change by {way}, p99", quantile(times, 0.99), most))
    return figures


async def beside_a_backlog(directory: Path, size: Size) -> list[Figure]:
    """B5: while another segment of the same member drains at the limit."""
    world = World(segments=(("people", "user", "ads"), ("crowd", "user", "ads")), users=500, companies=200)
    rows = size.backlog
    async with ground(directory, world, rows) as place:
        await place.fill("crowd", rows)
        draining = asyncio.create_task(place.drain(rows))
        commits = await _commit(place, "people", 0, pause=0.25, until=draining)
        await draining
        lags = await _lags(place, "people", commits)
        await truth.conserved(place, rows + len(commits))
        await truth.same_people(place, "crowd", people(rows))
        await truth.within_limits(place)
        await truth.judged(place)
    times = [lag for _, lag in lags]
    return [
        _milliseconds("B5", f"one change beside {rows:,} others, p50", quantile(times, 0.5), None),
        _milliseconds(
            "B5", f"one change beside {rows:,} others, p99", quantile(times, 0.99), 2.0, series=lags, kind="lag"
        ),
    ]


async def many_segments(directory: Path, size: Size) -> list[Figure]:
    """B12: many segments over several members in one process; first with no changes at all, then one change each."""
    members = [f"member{n}" for n in range(size.members)]
    segments = tuple((f"segment{n}", "user", members[n % size.members]) for n in range(size.segments))
    usual = str(Tracker().interval)  # as it ships: elsewhere the tracker looks more often, so that a run sees it
    world = World(
        segments=segments, members=members, users=500, companies=200, settings={"SYNCD_TRACKER__INTERVAL": usual}
    )
    async with ground(directory, world, size.segments) as place:
        before, begun = place.cpu()["daemon"], time.monotonic()
        await asyncio.sleep(size.seconds)  # a minute: what runs once in it runs once
        idle_share = (place.cpu()["daemon"] - before) / (time.monotonic() - begun) * 100
        committed: dict[str, float] = {}
        dice = random.Random(1)
        order = [key for key, _, _ in segments]
        dice.shuffle(order)
        begun = time.monotonic()
        async with _crm(place) as connection:
            for turn, key in enumerate(order):
                await asyncio.sleep(max(0.0, begun + turn * size.seconds / len(order) - time.monotonic()))
                committed[key] = await _change(place, connection, key, "one@example.com")
        await place.rig.wait_until(place.rig.is_drained, "all are settled", place.daemon)
        await truth.conserved(place, len(order))
        await truth.within_limits(place)
        await truth.judged(place)
        names = {str(one["id"]): key for key, one in (await place.rig.dmp_segments()).items()}
        lags = [
            (committed[names[one["segment"]]] - begun, one["finished"] - committed[names[one["segment"]]])
            for one in await place.rig.requests()
            if one["resource"] == "users"
        ]
        assert len(lags) == len(order)
    times = [lag for _, lag in lags]
    return [
        _milliseconds(
            "B12",
            f"one change in each of {len(order):,} segments, p99",
            quantile(times, 0.99),
            2.0,
            series=sorted(lags),
            kind="lag",
        ),
        Figure(
            measure="B12",
            what=f"a core, with {len(order):,} segments and no change",
            unit="%",
            values=[idle_share],
            target=5,
            least=False,
        ),
    ]


def _singles_world(*, notify: bool) -> World:
    return World(users=500, companies=200, settings={"SYNCD_OUTBOX__NOTIFY": "true" if notify else "false"})


@asynccontextmanager
async def _crm(place: Ground) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(place.url)
    try:
        yield connection
    finally:
        await connection.close()


async def _commit(
    place: Ground, segment: str, count: int, pause: float, until: asyncio.Task[Drained] | None = None
) -> list[float]:
    """Commits one change after the other with random pauses, so many or until something ends; when each was committed."""
    dice = random.Random(count)
    commits: list[float] = []
    async with _crm(place) as connection:
        while (len(commits) < count) if until is None else not until.done():
            await asyncio.sleep(dice.uniform(0.5, 1.5) * pause)
            commits.append(await _change(place, connection, segment, f"single{len(commits)}@example.com"))
    await place.rig.wait_until(place.rig.is_drained, "all are settled", place.daemon)
    return commits


async def _change(place: Ground, connection: asyncpg.Connection, segment: str, email: str) -> float:
    """Commits one; when that was."""
    asked = time.monotonic()
    row = await connection.fetchval(_CHANGE, segment, email)
    committed = time.monotonic()
    place.note(segment, row, [{"email": email, "first_name": "Ann", "country": "US"}], asked)
    return committed


async def _lags(place: Ground, segment: str, commits: Sequence[float]) -> list[Lag]:
    """How long each change took, in the order of the commits: requests carry them in that order."""
    number = (await place.rig.dmp_segments())[segment]["id"]
    ours = [one for one in await place.rig.requests() if one["resource"] == "users" and one["segment"] == str(number)]
    ended = [one["finished"] for one in sorted(ours, key=_finished) for _ in range(one["elements"])]
    assert len(ended) == len(commits), f"{len(ended)} changes arrived, {len(commits)} were committed"
    return [(commit - commits[0], end - commit) for commit, end in zip(commits, ended, strict=True)]


def _finished(request: Mapping[str, float]) -> float:
    return request["finished"]


def _milliseconds(
    measure: str, what: str, seconds: float, target: float | None, *, series: Sequence[Lag] = (), kind: str = ""
) -> Figure:
    return Figure(
        measure=measure,
        what=what,
        unit="ms",
        values=[seconds * 1000],
        target=None if target is None else target * 1000,
        least=False,
        series=series,
        kind=kind,
    )
