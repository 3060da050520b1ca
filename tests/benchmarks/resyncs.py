"""Benchmarks of resyncs: replay, reconcile, and a reconcile whose daemon is killed twice in the middle of it."""

from __future__ import annotations

import time
from pathlib import Path

from sqlalchemy import func, select

from syncd.store.plans import resyncs
from tests.acceptance.crm import busiest_minute
from tests.benchmarks import truth
from tests.benchmarks.drains import command, people, replay
from tests.benchmarks.figures import Figure, Size
from tests.benchmarks.ground import Ground, World, ground


async def all_of_them(directory: Path, size: Size) -> list[Figure]:
    """B8, and the acceptance of resyncs."""
    folders = [directory / name for name in ("replay", "reconcile", "survives")]
    for folder in folders:
        folder.mkdir(parents=True)
    return [
        *await replay(folders[0], size),
        *await reconcile(folders[1], size),
        *await survives(folders[2], size),
    ]


async def reconcile(directory: Path, size: Size) -> list[Figure]:
    """B8, its second half: as many in the source as in the ledger, one in a hundred others; only the difference is
    sent, and in the end the source, the ledger and LinkedIn agree.
    """
    held = size.backlog // 2
    changed = held // 100
    query = "select email from public.crm"
    async with ground(directory, World(sources={"people": query})) as place:
        await place.seed_ledger("people", held, "person")
        await place.rig.wait_until(place.rig.is_drained, "nothing is left", place.daemon)
        await command(place, "resync", "people", "--mode", "replay", "--reason", "so that LinkedIn holds them too")
        await place.drain(held)
        await _ended(place, 1)
        await place.execute(
            "create table public.crm as select 'person' || n || '@example.com' as email"
            f" from generate_series({changed + 1}::bigint, {held + changed}::bigint) as n"
        )
        before = await place.accepted()
        begun = time.monotonic()
        await command(place, "resync", "people", "--mode", "reconcile", "--reason", "benchmark")
        planned = time.monotonic() - begun
        await _ended(place, 2)
        seconds = time.monotonic() - begun
        sent = await place.accepted() - before
        assert sent == 2 * changed, f"{sent} were sent where {2 * changed} differ"
        await truth.same_people(place, "people", _between(changed + 1, held + changed))
    return [
        Figure(measure="B8", what=f"reconcile of {held:,}, 1 % others: its plan", unit="s", values=[planned]),
        Figure(
            measure="B8", what="until LinkedIn has the difference", unit="s", values=[seconds], target=20, least=False
        ),
    ]


async def survives(directory: Path, size: Size) -> list[Figure]:
    """Acceptance of resyncs: all of a large source is new, and the daemon is killed twice in the middle of it."""
    wanted = size.backlog // 2
    world = World(users=500, companies=200, sources={"people": "select email from public.crm"})
    async with ground(directory, world) as place:
        await place.execute(
            "create table public.crm as select 'person' || n || '@example.com' as email"
            f" from generate_series(1::bigint, {wanted}::bigint) as n"
        )
        begun = time.monotonic()
        await command(place, "resync", "people", "--mode", "reconcile", "--reason", "benchmark")
        for share in (0.2, 0.5):
            await _accepted(place, int(wanted * share))
            await place.daemon.kill()
            place.daemon = await place.rig.daemon()
        await _ended(place, 1)
        seconds = time.monotonic() - begun
        await truth.same_people(place, "people", people(wanted))
        busiest = busiest_minute(await place.rig.requests(), "users", "ads")
        assert busiest <= world.users, f"{busiest} requests in a minute"
        added = await place.rig.scalar(select(resyncs.c.added).where(resyncs.c.state == "done"))
        assert added == wanted, f"{added} of {wanted} were sent"
    return [Figure(measure="B8", what=f"{wanted:,} reconciled through two kills", unit="s", values=[seconds])]


async def _ended(place: Ground, number: int) -> None:
    async def ended() -> bool:
        found = select(func.count()).select_from(resyncs).where(resyncs.c.ended_at.is_not(None))
        return int(await place.rig.scalar(found)) >= number

    await place.rig.wait_until(ended, "the resync has ended", place.daemon, seconds=900)
    await place.rig.wait_until(place.rig.is_drained, "nothing is left", place.daemon, seconds=300)


async def _accepted(place: Ground, count: int) -> None:
    async def reached() -> bool:
        return await place.accepted() >= count

    await place.rig.wait_until(reached, f"{count} are accepted", place.daemon, seconds=900)


def _between(first: int, last: int) -> truth.Print:
    return truth.of_people(f"person{n}@example.com" for n in range(first, last + 1))
