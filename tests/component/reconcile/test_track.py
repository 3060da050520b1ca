"""The tracker against the sandbox: what it stores, what it says, how often it asks."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import update

from syncd.domain.events import (
    AccountCrowded,
    AccountSeen,
    SegmentParked,
    SegmentProvisioned,
    SegmentResumed,
    StatusChanged,
    StatusSeen,
)
from syncd.domain.segment import SegmentParking
from syncd.linkedin import segments as dmp
from syncd.linkedin.segments import DmpSegment
from syncd.operations.segments import shown
from syncd.reconcile import track
from syncd.reconcile.track import Tracker
from syncd.store import insights, looks, segments
from syncd.store.looks import KEPT
from syncd.store.tables import later
from syncd.store.tables import looks as table
from tests.component.operations import road
from tests.component.reconcile.conftest import Stage


@pytest.fixture
def tracker(stage: Stage) -> Tracker:
    return Tracker(
        database=stage.database,
        grant=stage.grant,
        caller=stage.caller,
        emit=stage.told.append,
        repairs=False,
        interval=300.0,
        declared={"trial"},
    )


async def look(stage: Stage, tracker: Tracker, *, after: float = 300.0) -> None:
    """As if the last look had been so many seconds ago."""
    stage.told.clear()
    segment, moment = await stage.segment()
    seen = await tracker.follow([segment], moment + after)
    assert seen is bool(stage.told)


async def history(stage: Stage) -> list[tuple[str, int | None]]:
    segment, _ = await stage.segment()
    async with stage.database.read() as connection:
        return [(one.status, one.audience_size) for one in (await looks.of(connection, [segment.id]))[segment.id]]


async def test_status_counts_and_history_follow_linkedin(stage: Stage, tracker: Tracker) -> None:
    dmp_id = await stage.bind()
    await look(stage, tracker)
    await stage.control(f"segments/{dmp_id}", {"status": "READY"}, "PATCH")
    await look(stage, tracker)
    await look(stage, tracker)
    assert [type(event) for event in stage.told] == [AccountSeen, StatusSeen]
    assert await history(stage) == [("BUILDING", None), ("READY", 0)]
    segment, _ = await stage.segment()
    assert (segment.status, segment.audience_size) == ("READY", 0)
    shown_one = (await shown(stage.database, "trial")).segment
    assert shown_one.next is not None
    assert (shown_one.next.status, [one.topic for one in shown_one.advice]) == ("ARCHIVED", ["archives", "empty"])


async def test_a_transition_that_is_not_documented_is_flagged_and_stored(stage: Stage, tracker: Tracker) -> None:
    dmp_id = await stage.bind()
    for status in ("READY", "ERROR"):
        await stage.control(f"segments/{dmp_id}", {"status": status}, "PATCH")
        await look(stage, tracker)
    assert StatusChanged(segment="trial", before="READY", after="ERROR", documented=False) in stage.told
    assert [move.documented for move in (await shown(stage.database, "trial")).transitions] == [False, True]


async def test_linkedin_is_asked_only_when_a_segment_is_due(stage: Stage, tracker: Tracker) -> None:
    dmp_id = await stage.bind()
    await look(stage, tracker)
    await look(stage, tracker, after=50.0)
    assert stage.told == []
    await look(stage, tracker, after=61.0)
    assert stage.told
    await stage.control(f"segments/{dmp_id}", {"status": "READY"}, "PATCH")
    await look(stage, tracker, after=61.0)
    await look(stage, tracker, after=61.0)
    assert stage.told == []


async def test_a_deleted_segment_is_noticed_parked_and_goes_on_when_it_is_back(stage: Stage, tracker: Tracker) -> None:
    dmp_id = await stage.bind()
    await look(stage, tracker)
    await stage.control(f"segments/{dmp_id}", {}, "DELETE")
    await look(stage, tracker)
    (parked,) = (event for event in stage.told if isinstance(event, SegmentParked))
    assert parked.reason == "lost"
    assert [one.topic for one in (await shown(stage.database, "trial")).segment.advice] == ["gone"]
    await stage.bind()
    await look(stage, tracker)
    assert not [event for event in stage.told if isinstance(event, SegmentParked | SegmentResumed)]


async def test_every_segment_of_the_account_counts_against_its_limit(stage: Stage, tracker: Tracker) -> None:
    await stage.bind()
    for _ in range(104):
        await stage.control("segments", {"account": road.ACCOUNT})
    await look(stage, tracker)
    assert AccountSeen(member="demo", account=road.ACCOUNT, segments=105) in stage.told
    assert not [event for event in stage.told if isinstance(event, AccountCrowded)]


async def test_a_crowded_account_is_warned_of_once(
    stage: Stage, tracker: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(track, "CROWDED", 2)
    await stage.bind()
    await stage.control("segments", {"account": road.ACCOUNT})
    await look(stage, tracker)
    assert AccountCrowded(member="demo", account=road.ACCOUNT, segments=2) in stage.told
    await look(stage, tracker)
    assert AccountSeen(member="demo", account=road.ACCOUNT, segments=2) in stage.told
    assert not [event for event in stage.told if isinstance(event, AccountCrowded)]


async def test_history_is_kept_for_half_a_year(stage: Stage, tracker: Tracker) -> None:
    dmp_id = await stage.bind()
    await look(stage, tracker)
    async with stage.database.begin() as connection:
        await connection.execute(update(table).values(at=later(-KEPT - 1)))
    await stage.control(f"segments/{dmp_id}", {"status": "READY"}, "PATCH")
    await look(stage, tracker)
    assert await history(stage) == [("READY", 0)]


@pytest.mark.parametrize("declared", [True, False])
async def test_a_segment_that_the_configuration_calls_otherwise_is_renamed_at_linkedin_once(
    stage: Stage, tracker: Tracker, *, declared: bool
) -> None:
    dmp_id = await stage.bind()
    await look(stage, tracker)
    segment, _ = await stage.segment()
    async with stage.database.begin() as connection:
        await segments.change(connection, segment.id, name="Trial sign-ups 2027")
    for renamed in (declared, False):
        await look(stage, tracker if declared else replace(tracker, declared=()))
        assert [e.how for e in stage.told if isinstance(e, SegmentProvisioned)] == ["renamed"] * renamed
        one = await stage.caller.ask(lambda transport, token: dmp.get(transport, token=token, dmp_id=dmp_id))
        assert isinstance(one, DmpSegment)
        assert (one.name == "Trial sign-ups 2027") is declared


@pytest.mark.parametrize("parked", [None, SegmentParking.FOREIGN])
async def test_what_was_told_of_an_audience_is_forgotten_with_its_purge_and_not_before(
    stage: Stage, tracker: Tracker, parked: SegmentParking | None
) -> None:
    dmp_id = await stage.bind()
    segment, _ = await stage.segment()
    async with stage.database.begin() as connection:
        await insights.keep(connection, segment.id, "who", "engineers")
        if parked is not None:
            await segments.park(connection, segment.id, parked, "held for another reason")
    for status, is_kept in (("READY", True), ("ARCHIVED", True), ("EXPIRED", False)):
        await stage.control(f"segments/{dmp_id}", {"status": status}, "PATCH")
        await look(stage, tracker)
        async with stage.database.read() as connection:
            known = await insights.cached(connection, segment.id, "who", 3_600.0)
        assert (known is not None) is is_kept, status
