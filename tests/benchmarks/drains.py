"""Benchmarks that drain a backlog: at LinkedIn's limit, without it, with a large ledger, embedded, companies, a replay."""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks import straightforward, truth
from tests.benchmarks.figures import Figure, Size
from tests.benchmarks.ground import JUDGED, SERVER, Drained, Ground, World, ground, run_in

USERS_A_MINUTE = 500 * 5_000
COMPANIES_A_MINUTE = 200 * 5_000
_AT_THE_LIMIT = World(users=500, companies=200, latency=0.3)
_RAMP = 3.0
"""Seconds after the first users at LinkedIn that are not steady yet."""


def people(rows: int) -> truth.Print:
    return truth.of_people(f"person{n}@example.com" for n in range(1, rows + 1))


async def ceiling(directory: Path, size: Size) -> list[Figure]:
    """B1 and B6: one member at 500 requests a minute and 300 ms of latency, for more than a minute, so that a window could
    hold too many; then the same with a tenth.
    """
    async with ground(directory / "whole", _AT_THE_LIMIT, size.limited) as place:
        drained = await drained_people(place, size.limited)
        busiest = await truth.within_limits(place)
    async with ground(directory / "tenth", _AT_THE_LIMIT, size.limited // 10) as place:
        tenth = await drained_people(place, size.limited // 10)
    rate = steady(drained.series) * 60
    return [
        Figure(
            measure="B1",
            what="users a minute at the limit, of 2,500,000",
            unit="%",
            values=[rate / USERS_A_MINUTE * 100],
            target=97,
            series=drained.series,
            kind="ceiling",
        ),
        Figure(measure="B1", what="most requests in 60 s", unit="", values=[busiest], target=500, least=False),
        Figure(
            measure="B6", what="peak RSS of the daemon", unit="MiB", values=[drained.peak_mib], target=160, least=False
        ),
        Figure(
            measure="B6",
            what="peak RSS against a tenth of the backlog",
            unit="%",
            values=[abs(drained.peak_mib / tenth.peak_mib - 1) * 100],
            target=10,
            least=False,
        ),
    ]


async def unlimited(directory: Path, size: Size) -> list[Figure]:
    """B2 and B10: no limiter, no latency; a smaller run before is judged element by element."""
    fewer = min(size.drained, JUDGED)
    async with ground(directory / "judged", World(), fewer) as place:
        await drained_people(place, fewer)
    async with ground(directory / "measured", World()) as place:
        await run_in(place.url, size.drained)
        drained = await drained_people(place, size.drained)
        await truth.within_limits(place)
    cpu = drained.cpu_per_million
    rate, loop = await straightforward.measured(size.drained, SERVER)
    return [
        Figure(
            measure="B2",
            what="users a second, outbox to ledger",
            unit="/s",
            values=[drained.per_second],
            target=75_000,
            series=drained.series,
            kind="drain",
        ),
        Figure(measure="B10", what="daemon, per million", unit="CPU s", values=[cpu["daemon"]], target=6, least=False),
        Figure(measure="B2", what="users a second by a straightforward loop", unit="/s", values=[rate]),
        Figure(measure="B2", what="syncd against that loop", unit="%", values=[drained.per_second / rate * 100]),
        Figure(measure="B10", what="that loop, per million", unit="CPU s", values=[loop]),
        Figure(measure="B10", what="PostgreSQL, per million", unit="CPU s", values=[cpu["PostgreSQL"]]),
        Figure(measure="B10", what="sandbox, per million", unit="CPU s", values=[cpu["sandbox"]]),
    ]


async def large_ledger(directory: Path, size: Size) -> list[Figure]:
    """B7: the drain of B2 into a ledger of a hundredth and of the whole size, one after the other."""
    rates = []
    for held in (size.ledger // 100, size.ledger):
        segments = (("people", "user", "ads"), ("others", "user", "ads"))
        async with ground(directory / str(held), World(segments=segments)) as place:
            await place.seed_ledger("others", held - held // 2, "stranger")
            await place.seed_ledger("people", held // 2, "neighbour")
            await run_in(place.url, size.drained)
            await place.fill("people", size.drained)
            drained = await place.drain(size.drained)
            await truth.conserved(place, size.drained)
            await truth.within_limits(place)
            assert await truth.at_linkedin(place, "people") == people(size.drained)
            rates.append(drained.per_second)
    return [
        Figure(measure="B7", what=f"users a second, {size.ledger // 100:,} in the ledger", unit="/s", values=rates[:1]),
        Figure(measure="B7", what=f"users a second, {size.ledger:,} in the ledger", unit="/s", values=rates[1:]),
        Figure(
            measure="B7", what="of the rate with a small one", unit="%", values=[rates[1] / rates[0] * 100], target=85
        ),
    ]


async def embedded(directory: Path, size: Size) -> list[Figure]:
    """B9: SQLite."""
    async with ground(directory, World(sqlite=True), size.embedded) as place:
        drained = await drained_people(place, size.embedded)
        await truth.within_limits(place)
    return [
        Figure(
            measure="B9",
            what="users a second with SQLite",
            unit="/s",
            values=[drained.per_second],
            target=12_000,
            series=drained.series,
            kind="drain",
        ),
        Figure(measure="B9", what="daemon, per million", unit="CPU s", values=[drained.cpu_per_million["daemon"]]),
    ]


async def companies(directory: Path, size: Size) -> list[Figure]:
    """B11: companies at 200 requests a minute and 300 ms of latency."""
    world = World(segments=(("firms", "company", "ads"),), users=500, companies=200, latency=0.3)
    async with ground(directory, world, size.companies) as place:
        await place.fill("firms", size.companies, "company")
        drained = await place.drain(size.companies)
        await truth.conserved(place, size.companies)
        await truth.within_limits(place)
        await truth.judged(place)
        assert len(await place.rig.members_of("firms")) == size.companies
    rate = steady(drained.series) * 60
    return [
        Figure(
            measure="B11",
            what="companies a minute at the limit, of 1,000,000",
            unit="%",
            values=[rate / COMPANIES_A_MINUTE * 100],
            target=97,
            series=drained.series,
            kind="ceiling",
        )
    ]


async def replay(directory: Path, size: Size) -> list[Figure]:
    """B8, its first half: everything the ledger holds goes out again at the limit."""
    async with ground(directory, _AT_THE_LIMIT) as place:
        await place.seed_ledger("people", size.backlog, "person")
        await place.rig.wait_until(place.rig.is_drained, "nothing is left", place.daemon)
        await command(place, "resync", "people", "--mode", "replay", "--reason", "benchmark")
        drained = await place.drain(size.backlog)
        await truth.same_people(place, "people", people(size.backlog))
        await truth.within_limits(place)
    rate = steady(drained.series) * 60
    return [
        Figure(
            measure="B8",
            what="replayed users a minute, of 2,500,000",
            unit="%",
            values=[rate / USERS_A_MINUTE * 100],
            target=97,
            series=drained.series,
            kind="ceiling",
        )
    ]


async def drained_people(place: Ground, rows: int) -> Drained:
    """So many new people of one segment, from the outbox to the ledger; all that must be right is."""
    await place.fill("people", rows)
    drained = await place.drain(rows)
    await truth.conserved(place, rows)
    await truth.same_people(place, "people", people(rows))
    await truth.judged(place)
    return drained


async def command(place: Ground, *arguments: str) -> None:
    program = ["-c", "from syncd.cli import main; main()", *arguments]
    child = await asyncio.create_subprocess_exec(
        sys.executable, *program, env=place.rig.environment(), stdout=asyncio.subprocess.DEVNULL
    )
    assert await child.wait() == 0, f"syncd {' '.join(arguments)} failed"


def steady(series: Sequence[tuple[float, int]]) -> float:
    """Users a second between the ramp and the last batch but a few, from one batch that was seen to be accepted to another."""
    first = next(moment for moment, count in series if count)
    last = series[-1][1]
    steps = [after for before, after in itertools.pairwise(series) if before[1] != after[1]]
    going = [(moment, count) for moment, count in steps if moment >= first + _RAMP and count < last * 0.97]
    if len(going) < 2:
        going = list(series)
    (begun, before), (ended, after) = going[0], going[-1]
    return (after - before) / (ended - begun)
