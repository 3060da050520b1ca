"""Resyncs, step by step, on both databases: whatever happens between a plan and its end, LinkedIn, the ledger and the
source agree, and live changes win.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]  # it ships no types
import pytest
from pydantic import SecretStr
from sqlalchemy import func, select

from syncd.domain.resync import Mode, State
from syncd.domain.resync_events import ResyncEnded, ResyncMoved, ResyncPlanned
from syncd.domain.segment import SegmentParking
from syncd.errors import Clashing, Rejected
from syncd.operations import resyncs as operations
from syncd.settings import Segment, Settings, Source
from syncd.store import plans, segments, source
from syncd.store.tables import subjects
from tests.component.operations.conftest import ACCOUNT, made
from tests.component.reconcile.by_hand import WHY, Crm, Hand, holding, identity

TEN = range(10)


@pytest.fixture
def crm(tmp_path: Path) -> Crm:
    return Crm(tmp_path / "crm.db")


def with_source(url: str, folder: Path, crm: Crm, query: str = "select email from people", **more: str) -> Settings:
    found = Source(database_url=SecretStr(crm.url), query=query)
    trial = Segment(key="trial", name="Trial", kind="user", account=ACCOUNT, member="demo", source=found, **more)
    firms = Segment(key="firms", name="Firms", kind="company", account=ACCOUNT, member="demo", source=found)
    return made(url, folder, segments=(trial, firms))


@pytest.fixture
async def hand(store_url: str, tmp_path: Path, crm: Crm) -> AsyncIterator[Hand]:
    async with holding(with_source(store_url, tmp_path, crm)) as found:
        yield found


async def settled(hand: Hand, names: object = TEN) -> None:
    """These people have come by the outbox and stand at LinkedIn."""
    assert isinstance(names, range | list)
    await hand.commit(*(("ADD", name) for name in names))
    await hand.take()
    await hand.deliver()
    hand.sent.clear()


async def test_a_reconcile_sends_the_difference_and_its_preview_said_so(hand: Hand, crm: Crm) -> None:
    await settled(hand)
    crm.holds(range(2, 13))
    found = await hand.started()
    numbers = found.numbers
    assert numbers is not None
    assert (numbers.held, numbers.adds, numbers.removes, numbers.unchanged) == (10, 3, 2, 8)
    done = await hand.finish(found.id)
    assert done.state is State.DONE
    assert (done.progress.added, done.progress.removed, done.progress.accepted) == (3, 2, 5)
    assert sorted(hand.sent) == sorted(
        [*(("ADD", identity(n)) for n in (10, 11, 12)), *(("REMOVE", identity(n)) for n in (0, 1))]
    )
    await hand.equal(range(2, 13))
    assert next(one for one in hand.events if isinstance(one, ResyncPlanned)).adds == 3
    assert [one.how for one in hand.events if isinstance(one, ResyncEnded)] == ["done"]


async def test_a_converged_segment_is_sent_nothing(hand: Hand, crm: Crm) -> None:
    await settled(hand)
    crm.holds(TEN)
    for _ in range(2):
        done = await hand.finish((await hand.started()).id)
        assert (done.state, done.progress.sent, done.progress.ratio) == (State.DONE, 0, 1.0)
    assert hand.sent == []


async def test_two_reconciles_after_another_change_nothing_the_second_time(hand: Hand, crm: Crm) -> None:
    await settled(hand)
    crm.holds([1, 2, 30, 30])
    await hand.finish((await hand.started()).id)
    hand.sent.clear()
    done = await hand.finish((await hand.started()).id)
    assert (done.progress.sent, hand.sent) == (0, [])
    await hand.equal([1, 2, 30])


async def test_a_live_change_wins_wherever_it_comes_in(hand: Hand, crm: Crm) -> None:
    """After the plan; while a resync's batch waits unsent; after it was sent."""
    await settled(hand)
    crm.holds([*range(2, 10), 20, 21, 22])
    found = await hand.started()
    await hand.commit(("REMOVE", 20), ("ADD", 0))
    await hand.take()
    await hand.forward()
    await hand.commit(("REMOVE", 21), ("ADD", 1))
    await hand.take()
    await hand.deliver()
    assert ("ADD", identity(21)) not in hand.sent, "it took its identity out of the unsent batch"
    assert ("REMOVE", identity(1)) not in hand.sent
    await hand.commit(("REMOVE", 22))
    await hand.take()
    done = await hand.finish(found.id)
    assert done.state is State.DONE
    assert done.progress.skipped == 2
    assert done.progress.superseded == 2
    await hand.equal(TEN)


async def test_rows_that_wait_in_the_outbox_go_first(hand: Hand, crm: Crm) -> None:
    await settled(hand)
    await hand.commit(("REMOVE", 3), ("ADD", 30))
    crm.holds([n for n in [*TEN, 30] if n != 3])
    found = await hand.planned()
    assert (found.state, found.words) == (State.PLANNING, "waits until the older rows of the outbox are taken")
    await hand.take()
    await hand.round()
    found = await hand.shown(found.id)
    assert found.state is State.PLANNED
    assert found.numbers is not None
    assert (found.numbers.adds, found.numbers.removes) == (0, 0), "what is on its way is not sent twice"
    await hand.deliver()
    await hand.equal([n for n in [*TEN, 30] if n != 3])


async def test_a_plan_waits_for_a_transaction_that_may_commit_below_its_line(hand: Hand, crm: Crm) -> None:
    if not hand.database.is_postgresql:
        return  # SQLite has one writer: nobody can be late
    await settled(hand)
    url = hand.settings.database_url.get_secret_value().replace("+asyncpg", "")
    late = await asyncpg.connect(url)
    reader = await asyncpg.connect(url)
    try:
        crm.holds(TEN)
        async with reader.transaction(isolation="repeatable_read"):
            await reader.fetchval("select count(*) from syncd.segments")
            writing = late.transaction()
            await writing.start()
            await late.fetchval("select syncd.enqueue('trial', 'REMOVE', '{\"email\": \"p5@example.com\"}')")
            found = await hand.planned()
            assert (found.state, found.words) == (
                State.PLANNING,
                "waits for 1 transactions of the CRM's that began before it",
            )
            crm.holds([n for n in TEN if n != 5])
            await writing.commit()
            await hand.round()
            assert (await hand.shown(found.id)).state is State.PLANNING, "now its row waits"
            await hand.take()
            await hand.round()
            assert (await hand.shown(found.id)).state is State.PLANNED, "a reader holds up nothing"
    finally:
        await late.close()
        await reader.close()
    await operations.start(hand.database, hand.settings, found.id, by=WHY)
    await hand.round()
    await hand.finish(found.id)
    await hand.equal([n for n in TEN if n != 5])


async def test_a_row_below_the_line_that_comes_late_loses(hand: Hand, crm: Crm) -> None:
    """It cannot, where the databases keep their word; if it did, it would be held against what the resync sent."""
    await settled(hand)
    crm.holds([n for n in TEN if n != 5])
    async with hand.database.begin() as connection:
        line = await source.boundary(connection)
    done = await hand.finish((await hand.started()).id)
    assert done.progress.removed == 1
    payload = '{"email": "p5@example.com"}'
    into, how = ("syncd.outbox", "overriding system value") if hand.database.is_postgresql else ("outbox", "")
    late = f"insert into {into} (id, segment_key, action, payload) {how} values ({line.last_id}, 'trial', 'ADD', '{payload}')"
    async with hand.database.begin() as connection:
        await connection.exec_driver_sql(late)
    await hand.take()
    await hand.deliver()
    await hand.equal([n for n in TEN if n != 5])


async def test_drift_at_linkedin_is_repaired_by_a_replay_and_in_the_ledger_by_a_reconcile(hand: Hand, crm: Crm) -> None:
    await settled(hand)
    del hand.there[identity(4)]
    done = await hand.finish((await hand.started(Mode.REPLAY)).id)
    assert (done.state, done.progress.sent, done.progress.accepted) == (State.DONE, 10, 10)
    await hand.equal(TEN)
    crm.holds([*range(1, 10), 11])
    await hand.finish((await hand.started()).id)
    await hand.equal([*range(1, 10), 11])


async def test_a_replay_lets_a_segment_go_on_that_linkedin_emptied_and_a_reconcile_is_refused(
    hand: Hand, crm: Crm
) -> None:
    await settled(hand)
    crm.holds(TEN)
    async with hand.database.begin() as connection:
        await segments.park(connection, hand.lane.segment.id, SegmentParking.EXPIRED, "expired")
    hand.there.clear()
    with pytest.raises(Rejected, match="--mode replay"):
        await hand.planned()
    await hand.finish((await hand.started(Mode.REPLAY)).id)
    await hand.equal(TEN)


async def test_a_cancelled_resync_sends_nothing_more_and_makes_room(hand: Hand, crm: Crm) -> None:
    await settled(hand)
    crm.holds(range(20, 25))
    found = await hand.started()
    with pytest.raises(Clashing, match="under way"):
        await hand.planned()
    cancelled = await operations.cancel(hand.database, hand.settings, found.id, by=WHY)
    assert (cancelled.state, cancelled.words) == (State.CANCELLED, "cancelled by ann: a test")
    await hand.forward()
    await hand.deliver()
    await hand.round()
    assert hand.sent == []
    assert [one.how for one in hand.events if isinstance(one, ResyncEnded)] == ["cancelled"]
    with pytest.raises(Clashing, match="has ended"):
        await operations.cancel(hand.database, hand.settings, found.id, by=WHY)
    await hand.round()
    async with hand.database.read() as connection:
        assert (await connection.execute(select(func.count()).select_from(plans.items))).scalar_one() == 0
    await hand.finish((await hand.started()).id)
    await hand.equal(range(20, 25))


async def test_more_removals_than_the_fuse_need_the_segments_name(hand: Hand, crm: Crm) -> None:
    await settled(hand)
    crm.holds(range(7))
    found = await hand.planned()
    assert found.needs_confirmation
    for wrong in (None, "firms"):
        with pytest.raises(Clashing, match="3 of 10"):
            await operations.start(hand.database, hand.settings, found.id, by=WHY, confirm=wrong)
    await operations.start(hand.database, hand.settings, found.id, by=WHY, confirm="trial")
    with pytest.raises(Clashing, match="is waiting"):
        await operations.start(hand.database, hand.settings, found.id, by=WHY, confirm="trial")
    await hand.round()
    await hand.finish(found.id)
    await hand.equal(range(7))


async def test_two_of_ten_may_leave_without_a_name(hand: Hand, crm: Crm) -> None:
    await settled(hand)
    crm.holds(range(8))
    assert not (await hand.planned()).needs_confirmation


async def test_a_source_that_breaks_leaves_no_plan(store_url: str, tmp_path: Path, crm: Crm) -> None:
    crm.holds(TEN)
    query = "select case when email = 'p5@example.com' then abs(-9223372036854775807 - 1) else email end as email from people"
    async with holding(with_source(store_url, tmp_path, crm, query)) as hand:
        await settled(hand)
        found = await hand.planned()
        assert found.state is State.FAILED
        assert found.words.startswith("the source refused")
        assert "p5" not in found.words


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("select email, email as phone from people", "a column that is none of"),
        ("select email as title from people", "says who is meant"),
        ("select email from nowhere", "the source refused: OperationalError"),
        ("insert into people values ('x', null) returning email", "the source refused"),
    ],
)
async def test_a_query_that_cannot_be_used_says_why(
    store_url: str, tmp_path: Path, crm: Crm, query: str, words: str
) -> None:
    async with holding(with_source(store_url, tmp_path, crm, query)) as hand:
        found = await hand.planned()
        assert found.state is State.FAILED
        assert words in found.words


async def test_who_cannot_be_read_is_counted_by_reason(hand: Hand, crm: Crm) -> None:
    await settled(hand)
    crm.holds(TEN)
    with crm.opened() as connection:
        connection.execute("insert into people values ('no address', null), (null, null)")
    found = await hand.planned()
    assert found.numbers is not None
    assert found.numbers.rejected == {"invalid_email": 1, "no_identifier": 1}


@pytest.mark.parametrize("deaths", ["planning", "planned", "started", "written", "sent", "twice"])
async def test_a_resync_survives_the_death_of_its_owner(store_url: str, tmp_path: Path, crm: Crm, deaths: str) -> None:
    settings = with_source(store_url, tmp_path, crm)
    wanted = [*range(3, 10), *range(20, 30)]
    async with holding(settings) as first:
        await settled(first)
        crm.holds(wanted)
        found = await operations.preview(first.database, settings, "trial", Mode.RECONCILE, by=WHY)
        if deaths != "planning":
            await first.round()
        if deaths not in {"planning", "planned"}:
            await operations.start(first.database, settings, found.id, by=WHY, confirm="trial")
            await first.round()
        if deaths in {"written", "sent", "twice"}:
            await first.forward()
        if deaths == "sent":
            await first.deliver(1)
    async with holding(settings, before=first) as second:
        await second.round()
        if deaths in {"planning", "planned"}:
            await operations.start(second.database, settings, found.id, by=WHY, confirm="trial")
            await second.round()
        if deaths != "twice":
            done = await second.finish(found.id)
            assert (done.state, done.progress.added, done.progress.removed) == (State.DONE, 10, 3)
            await second.equal(wanted)
            return
        await second.deliver()
    async with holding(settings, before=second) as third:
        done = await third.finish(found.id)
        assert (done.state, done.progress.added, done.progress.removed) == (State.DONE, 10, 3)
        await third.equal(wanted)


async def test_progress_is_told_while_it_runs(hand: Hand, crm: Crm) -> None:
    await settled(hand)
    crm.holds([*TEN, 20, 21])
    found = await hand.started()
    await hand.round()
    await hand.forward()
    await hand.round()
    running = await hand.shown(found.id)
    assert (running.progress.sent, running.progress.accepted, running.progress.open_batches) == (2, 0, 1)
    assert running.progress.minutes_left is not None
    await hand.finish(found.id)
    assert {one.ratio for one in hand.events if isinstance(one, ResyncMoved)} == {0.0}


async def test_subjects_hold_what_the_source_says(store_url: str, tmp_path: Path, crm: Crm) -> None:
    query = "select email, subject_id from people"
    async with holding(with_source(store_url, tmp_path, crm, query)) as hand:
        await hand.commit(("ADD", 1), subject="s1")
        await hand.commit(("ADD", 2), subject="s2")
        await hand.take()
        await hand.deliver()
        crm.holds([1, 4, 5], {1: "s1", 4: "s2", 5: "s5"})
        await hand.finish((await hand.started()).id)
        await hand.equal([1, 4, 5])
        async with hand.database.read() as connection:
            rows = await connection.execute(select(subjects.c.subject, subjects.c.identity))
            assert dict(rows.all()) == {"s1": identity(1), "s2": identity(4), "s5": identity(5)}
        await hand.commit(("REMOVE", {}), subject="s5")
        await hand.commit(("REMOVE", {}), subject="s2")
        await hand.take()
        await hand.deliver()
        await hand.equal([1])
        crm.holds([])
        await hand.finish((await hand.started()).id)
        await hand.equal([])


async def test_a_segment_with_subjects_needs_them_in_its_source(hand: Hand, crm: Crm) -> None:
    await hand.commit(("ADD", 1), subject="s1")
    await hand.take()
    await hand.deliver()
    crm.holds([1])
    found = await hand.planned()
    assert (found.state, "subject_id" in found.words) == (State.FAILED, True)


async def test_without_a_source_there_is_nothing_to_compare_with(hand: Hand, store_url: str, tmp_path: Path) -> None:
    settings = made(store_url, tmp_path)
    with pytest.raises(Rejected, match="has no source"):
        await operations.preview(hand.database, settings, "trial", Mode.RECONCILE, by=WHY)


async def test_tombstones_stay_while_a_resync_is_open(hand: Hand, crm: Crm) -> None:
    await settled(hand)
    crm.holds(TEN)
    found = await hand.started()
    await hand.commit(("REMOVE", 1))
    await hand.take()
    await hand.deliver()
    for open_still in (True, False):
        async with hand.database.begin() as connection:
            await source.note_horizon(connection)
        async with hand.database.begin() as connection:
            assert await source.prune(connection, -1.0) == (0 if open_still else 1)
        if open_still:
            await hand.finish(found.id)
