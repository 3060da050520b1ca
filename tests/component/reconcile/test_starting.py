"""Two people at one plan, and a plan that has waited: started once, ended once, and by the fuse of the moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from sqlalchemy import text, update

from syncd.domain.resync import Mode, State
from syncd.errors import Clashing, SyncdError
from syncd.operations import resyncs
from syncd.operations.resyncs import ResyncReport
from syncd.store.audit import audit as audited
from syncd.store.engine import Database
from syncd.store.plans import resyncs as rows
from tests.component.reconcile.by_hand import WHY, Crm, Hand, holding
from tests.component.reconcile.test_resync import settled, with_source


@pytest.fixture
def crm(tmp_path: Path) -> Crm:
    return Crm(tmp_path / "crm.db")


@pytest.fixture
async def hand(store_url: str, tmp_path: Path, crm: Crm) -> AsyncIterator[Hand]:
    async with holding(with_source(store_url, tmp_path, crm)) as found:
        yield found


async def waits_for_a_lock(database: Database, how_many: int) -> None:
    """Until so many transactions wait for another; SQLite lets one begin at a time."""
    waiting = text("select count(*) from pg_stat_activity where wait_event_type = 'Lock'")
    while database.is_postgresql:
        async with database.read() as connection:
            if (await connection.execute(waiting)).scalar_one() >= how_many:
                return
        await asyncio.sleep(0)


async def at_once(hand: Hand, number: int, *deeds: Callable[[], Awaitable[ResyncReport]]) -> list[object]:
    """All of them, held at the row of the resync until all have come to it; what each came to."""
    async with hand.database.begin() as connection:
        await connection.execute(update(rows).where(rows.c.id == number).values(words=""))
        tasks = [asyncio.ensure_future(deed()) for deed in deeds]
        await waits_for_a_lock(hand.database, len(tasks))
    return list(await asyncio.gather(*tasks, return_exceptions=True))


async def deeds(hand: Hand, action: str) -> int:
    async with hand.database.read() as connection:
        found = await connection.execute(audited.select().where(audited.c.action == action))
        return len(found.all())


async def test_a_plan_that_two_people_start_is_started_once(hand: Hand) -> None:
    await settled(hand)
    number = (await hand.planned(Mode.REPLAY)).id
    start = lambda: resyncs.start(hand.database, hand.settings, number, by=WHY, confirm="trial")  # noqa: E731 - the same deed twice
    ended = await at_once(hand, number, start, start)
    assert sorted(type(one).__name__ for one in ended) == ["Clashing", "ResyncReport"]
    assert await deeds(hand, "resync.start") == 1


async def test_whoever_starts_what_another_cancels_at_that_moment_is_told(hand: Hand) -> None:
    await settled(hand)
    number = (await hand.planned(Mode.REPLAY)).id
    ended = await at_once(
        hand,
        number,
        lambda: resyncs.cancel(hand.database, hand.settings, number, by=WHY),
        lambda: resyncs.cancel(hand.database, hand.settings, number, by=WHY),
        lambda: resyncs.start(hand.database, hand.settings, number, by=WHY, confirm="trial"),
    )
    assert (await hand.shown(number)).state is State.CANCELLED
    assert await deeds(hand, "resync.cancel") == 1
    started = await deeds(hand, "resync.start")
    assert sum(isinstance(one, Clashing) for one in ended) == 2 - started
    assert not [one for one in ended if isinstance(one, BaseException) and not isinstance(one, Clashing)]


async def test_two_previews_at_once_leave_one_plan_and_no_failure(hand: Hand) -> None:
    await settled(hand)
    previews = [resyncs.preview(hand.database, hand.settings, "trial", Mode.REPLAY, by=WHY) for _ in range(4)]
    ended = await asyncio.gather(*previews, return_exceptions=True)
    assert not [one for one in ended if isinstance(one, SyncdError) and not isinstance(one, Clashing)]
    found = await resyncs.listed(hand.database, hand.settings, "trial")
    assert [one.state for one in found].count(State.PLANNED) == 1


async def test_a_plan_that_has_waited_is_held_against_whom_the_segment_holds_now(hand: Hand, crm: Crm) -> None:
    await settled(hand)
    crm.holds(range(1, 10))
    planned = await hand.planned()
    assert not planned.needs_confirmation
    await hand.commit(*(("REMOVE", name) for name in range(4, 10)))
    await hand.take()
    await hand.deliver()
    now = await hand.shown(planned.id)
    assert now.numbers is not None
    assert (now.numbers.removes, now.numbers.held, now.needs_confirmation) == (1, 4, True)
    with pytest.raises(Clashing, match="would remove 1 of 4 from trial"):
        await resyncs.start(hand.database, hand.settings, planned.id, by=WHY)
    await resyncs.start(hand.database, hand.settings, planned.id, by=WHY, confirm="trial")


async def test_whoever_left_meanwhile_blows_no_fuse(hand: Hand, crm: Crm) -> None:
    await settled(hand)
    crm.holds(range(4, 10))
    planned = await hand.planned()
    assert planned.needs_confirmation
    await hand.commit(*(("REMOVE", name) for name in range(3)))
    await hand.take()
    await hand.deliver()
    started = await resyncs.start(hand.database, hand.settings, planned.id, by=WHY)
    assert started.state is State.WAITING
