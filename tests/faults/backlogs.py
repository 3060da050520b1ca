"""Much that waits, or goes through while somebody holds the past: memory, lags, and that no row is lost (P5, P14, D7).

So many rows are written by one statement and are in no history; they are counted where they come from and where they go.
"""

from __future__ import annotations

import re
import time

import asyncpg  # type: ignore[import-untyped]  # it ships no types
from sqlalchemy import text

from tests.acceptance.rig import Process
from tests.faults.history import person
from tests.faults.lives import number_of
from tests.faults.memory import resident
from tests.faults.scenario import scenario
from tests.faults.stage import Stage

CHURN = 200_000
BACKLOG = 1_000_000
TAKEN = 150_000
"""Of the backlog, before the run ends."""
CEILING = 256.0
"""MiB that a process may ever have held."""
_FLOOR = 0.3
"""Seconds: below this the machine is measured, not syncd."""
_STARVED = 3.0
"""Seconds that a change of another segment may take beside a backlog."""
_ROWS = """
    insert into syncd.outbox (segment_key, action, payload)
    select 'red', 'ADD', jsonb_build_object('email', 'bulk' || n || '@canary.example') from generate_series(1, {count}) as n
"""


async def lags(stage: Stage, first: int, count: int, daemon: Process) -> list[float]:
    """Seconds from a commit in blue to its arrival at LinkedIn, one change after the other; sorted."""
    number = str(await number_of(stage, "blue"))
    found = []
    for one in range(first, first + count):
        at = len(await stage.rig.requests())
        (row,) = await stage.crm.commit("blue", [("ADD", person(one), None)])

        async def arrived(since: int = at) -> float:
            ours = [one for one in await stage.rig.requests(since) if str(one["segment"]) == number and one["elements"]]
            return float(ours[0]["arrived"]) if ours else 0.0

        found.append(max(0.0, await stage.until(arrived, "it arrives", daemon) - row.asked))
    return sorted(found)


async def size(stage: Stage) -> int:
    return next(
        (int(one["size"]) for one in await stage.rig.look("segments") if one["sourceSegmentId"] == "syncd:red"), 0
    )


async def gauge(stage: Stage, daemon: Process, name: str) -> float:
    found = re.search(rf"^{name} (\S+)$", await stage.metrics(daemon), re.MULTILINE)
    return float(found[1]) if found else 0.0


@scenario("a long transaction stands by while 200,000 rows go through the outbox", "P5")
async def churned(stage: Stage) -> None:
    daemon = await stage.daemon()
    await stage.until(stage.is_quiet, "segments are bound", daemon)
    before = await lags(stage, 0, 20, daemon)
    holder = await asyncpg.connect(stage.plain)
    held = time.monotonic()
    try:
        await holder.execute("begin isolation level repeatable read; select count(*) from syncd.outbox")
        await stage.execute(_ROWS.format(count=CHURN))

        async def through() -> bool:
            return await size(stage) == CHURN

        await stage.until(through, "all of them are in", daemon, seconds=100)
        during = await lags(stage, 100, 20, daemon)

        async def told() -> bool:
            age = await gauge(stage, daemon, "syncd_oldest_transaction_age_seconds")
            dead = await gauge(stage, daemon, "syncd_outbox_dead_tuples")
            return age > 5.0 and dead >= CHURN / 2

        await stage.until(told, "metrics tell of the transaction and what it holds back", daemon)
        age = await gauge(stage, daemon, "syncd_oldest_transaction_age_seconds")
        assert age <= time.monotonic() - held, "it is told to be older than it is"
    finally:
        await holder.close()
    stage.figures.append(f"slowest of 20 changes {before[-1] * 1000:.0f} ms, over dead rows {during[-1] * 1000:.0f} ms")
    await stage.until(stage.is_quiet, "nothing is left", daemon)
    ledger = "select count(*) from syncd.ledger join syncd.segments on segment_id = segments.id where key = 'red' and present"
    assert await stage.rig.scalar(text(ledger)) == CHURN
    stage.looked["S2"] += CHURN
    await daemon.stop()
    assert during[-1] <= 2 * max(before[-1], _FLOOR), f"{during[-1]:.2f} s after {before[-1]:.2f} s"


@scenario("a million rows wait: memory has a ceiling, another segment is not starved, none is lost", "P14", "D7")
async def piled_up(stage: Stage) -> None:
    await stage.execute(_ROWS.format(count=BACKLOG))
    daemon = await stage.daemon()

    async def begun() -> bool:
        return await size(stage) > 0

    await stage.until(begun, "the backlog moves", daemon)
    beside = await lags(stage, 0, 10, daemon)

    async def enough() -> bool:
        return await size(stage) >= TAKEN

    await stage.until(enough, "much of it is in", daemon, seconds=100)
    peak = resident(daemon.pid, "VmHWM")
    assert await daemon.stop() == 0
    stage.figures.append(f"peak {peak:.0f} MiB; another segment's slowest of 10 changes {beside[-1] * 1000:.0f} ms")
    count = "select (select count(*) from syncd.outbox) + (select sum(rows_taken) from syncd.batches)"
    assert await stage.rig.scalar(text(count)) == BACKLOG + 10, "rows were lost or counted twice"
    stage.looked["S2"] += BACKLOG
    stage.looked["S12 processes"] += 1
    assert 0.0 < peak < CEILING, f"{peak:.0f} MiB"
    assert beside[-1] < _STARVED, f"{beside[-1]:.1f} s"
