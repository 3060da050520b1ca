"""Scenarios that tests play small and benchmarks play at full size."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from syncd.operations.changes import Outcome, fate_of
from syncd.store.tables import batches
from tests.acceptance.crm import History, Writer, busiest_minute, plain_url
from tests.acceptance.rig import Rig


@dataclass(frozen=True)
class Accounted:
    """Every committed row, by what became of it; `members` at LinkedIn by segment; seconds from first commit to quiet."""

    committed: int
    applied: int
    superseded: int
    dead: int
    members: dict[str, int]
    requests: int
    busiest_minute: int
    sampled: dict[str, int]
    seconds: float


async def overlap_and_kill(rig: Rig, segments: Sequence[str], rows: int, people: int, sample: int) -> Accounted:
    """Two writers with overlapping, late-committing and rolled-back transactions; kill -9 and restart in the middle.

    Fails unless LinkedIn holds exactly what the writers committed and every row is accounted for.
    """
    daemon = await rig.daemon()
    history = History()
    begun = time.monotonic()
    writers = [Writer(plain_url(rig.database_url), segments, people, seed, history) for seed in (1, 2)]
    async with asyncio.TaskGroup() as group:
        for writer in writers:
            group.create_task(writer.run(rows // 2))
        await rig.wait_until(lambda: some_settled(rig), "the first batches are settled", daemon)
        await daemon.kill()
    daemon = await rig.daemon()
    await rig.wait_until(rig.is_quiet, "drained and re-asserted", daemon, seconds=900)
    seconds = time.monotonic() - begun
    members = {}
    for key in segments:
        held = await rig.members_of(key)
        assert held == history.members(key), f"{key}: {len(held)} at LinkedIn, {len(history.members(key))} in the CRM"
        members[key] = len(held)
    totals = await rig.totals()
    assert totals["rows_taken"] == len(history.rows)
    assert totals["rows_applied"] + totals["rows_superseded"] + totals["rows_dead"] == len(history.rows)
    requests = await rig.requests()
    busiest = busiest_minute(requests, "users", "ads")
    assert busiest <= 500
    assert await rig.look("violations") == []
    sampled = await _sampled(rig, history, sample)
    assert await daemon.stop() == 0
    return Accounted(
        len(history.rows),
        totals["rows_applied"],
        totals["rows_superseded"],
        totals["rows_dead"],
        members,
        len([one for one in requests if one["resource"] == "users"]),
        busiest,
        sampled,
        seconds,
    )


async def some_settled(rig: Rig) -> bool:
    return bool(await rig.scalar(select(batches.c.id).where(~batches.c.open, batches.c.accepted > 0).limit(1)))


async def _sampled(rig: Rig, history: History, sample: int) -> dict[str, int]:
    """Asks what became of some rows: the newest of an address is applied, any other is applied or superseded."""
    newest: dict[tuple[str, str], int] = {}
    for row in history.rows:
        key = (row.segment, row.email)
        newest[key] = max(newest.get(key, 0), row.id)
    found: dict[str, int] = {}
    for row in random.Random(7).sample(history.rows, min(sample, len(history.rows))):
        outcome = (await fate_of(rig.database, row.id)).outcome
        allowed = {Outcome.APPLIED}
        if newest[row.segment, row.email] != row.id:
            allowed.add(Outcome.SUPERSEDED)
        assert outcome in allowed, f"row {row.id} is {outcome}"
        found[outcome.value] = found.get(outcome.value, 0) + 1
    return found
