"""One look at all members finds who has something to do beside the road, and nobody else; what did not change stays what it was."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import insert, update

from syncd.domain.resync import Mode, Origin, State
from syncd.domain.segment import SegmentParking
from syncd.domain.suppression import Suppressed
from syncd.pipeline import refresh
from syncd.store import business, erasures, plans, resyncs, schedules, segments
from syncd.store.business import Business
from syncd.store.engine import Database
from syncd.store.segments import Declared, Roll
from syncd.store.tables import segments as segment_rows
from tests.component.privacy.stage import Stage, keyed

MEMBERS = ["demo", "other"]


@pytest.fixture
async def stage(store_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    database = Database(store_url)
    stage = await Stage.built(database, keyed(store_url, tmp_path))
    theirs = Declared(key="theirs", name="Theirs", kind="user", account="urn:li:sponsoredAccount:1", member="other")
    async with database.begin() as connection:
        await segments.declare(connection, {"other": "default"}, [theirs], declared=False)
        await connection.execute(update(segment_rows).where(segment_rows.c.key == "theirs").values(dmp_id=9_999))
    yield stage
    await database.close()


async def found(stage: Stage) -> dict[str, set[Business]]:
    async with stage.database.read() as connection:
        return {member: set(what) for member, what in (await business.of(connection, MEMBERS)).items()}


async def asked(stage: Stage, state: State) -> int:
    async with stage.database.begin() as connection:
        segment = stage.lane("trial").segment.id
        return await resyncs.ask(connection, segment, Mode.REPLAY, Origin.LEDGER, by="ann", state=state)


async def test_where_nothing_is_to_do_nobody_is_called(stage: Stage) -> None:
    assert await found(stage) == {}


@pytest.mark.parametrize("values", [{"dmp_id": None}, {"order_given": "recreate"}])
async def test_a_segment_that_is_not_bound_or_was_ordered_something_calls_its_member(
    stage: Stage, values: dict[str, object]
) -> None:
    async with stage.database.begin() as connection:
        await connection.execute(update(segment_rows).where(segment_rows.c.key == "trial").values(**values))
    assert await found(stage) == {"demo": {Business.PROVISION}}


async def test_an_open_resync_calls_its_member_until_it_has_ended(stage: Stage) -> None:
    number = await asked(stage, State.WAITING)
    assert await found(stage) == {"demo": {Business.RESYNC}}
    async with stage.database.begin() as connection:
        await resyncs.end(connection, number, State.DONE)
    assert await found(stage) == {}


@pytest.mark.parametrize(("ahead", "expected"), [(-1.0, {"demo": {Business.RESYNC}}), (60.0, {})])
async def test_a_schedule_calls_once_its_time_has_come(
    stage: Stage, ahead: float, expected: dict[str, set[Business]]
) -> None:
    async with stage.database.begin() as connection:
        now = await segments.moment(connection)
        await schedules.write(connection, stage.lane("trial").segment.id, Mode.REPLAY, "@daily", now + ahead)
    assert await found(stage) == expected


async def test_what_is_left_of_a_plan_calls_everybody(stage: Stage) -> None:
    number = await asked(stage, State.PLANNED)
    async with stage.database.begin() as connection:
        item = {"resync_id": number, "identity": b"\x01" + bytes(32), "wanted": True, "anonymous": False}
        await connection.execute(insert(plans.items).values(item))
        await resyncs.end(connection, number, State.CANCELLED)
    assert await found(stage) == {member: {Business.RESYNC} for member in MEMBERS}


async def test_an_erasure_calls_the_owners_of_its_places_until_they_are_done(stage: Stage) -> None:
    async with stage.database.begin() as connection:
        number = await erasures.begin(connection, Suppressed.ERASURE, [b"\x01" + bytes(32)], "request 7", "ann")
    assert await found(stage) == {member: {Business.ERASE} for member in MEMBERS}
    p = erasures.erasure_places.c
    done = {"stage": erasures.DONE, "searched": 1}
    async with stage.database.begin() as connection:
        await connection.execute(update(erasures.erasure_places).where(p.segment != "theirs").values(done))
    assert await found(stage) == {"other": {Business.ERASE}}
    async with stage.database.begin() as connection:
        await connection.execute(update(erasures.erasure_places).where(p.erasure_id == number).values(done))
    assert await found(stage) == {}


async def test_a_refresh_calls_the_rounds_beside_the_road_and_calls_them_off(stage: Stage) -> None:
    calls = stage.member.calls
    await refresh.refresh([stage.member], stage.tools)
    assert not any(called.is_set() for called in calls.values())
    number = await asked(stage, State.WAITING)
    await refresh.refresh([stage.member], stage.tools)
    assert [one for one, called in calls.items() if called.is_set()] == [Business.RESYNC]
    async with stage.database.begin() as connection:
        await resyncs.end(connection, number, State.DONE)
    await refresh.refresh([stage.member], stage.tools)
    assert not any(called.is_set() for called in calls.values())


async def test_a_segment_that_changed_is_called_anew_and_the_others_stay_the_same(stage: Stage) -> None:
    roll = Roll()
    async with stage.database.read() as connection:
        first = await roll.call(connection, MEMBERS)
    async with stage.database.begin() as connection:
        await segments.park(connection, stage.lane("trial").segment.id, SegmentParking.EXPIRED, "LinkedIn purged it")
    async with stage.database.read() as connection:
        second = await roll.call(connection, MEMBERS)
    assert [(one.key, one.parked) for one in second["demo"]] == [
        ("firms", None),
        ("paid", None),
        ("trial", SegmentParking.EXPIRED),
    ]
    assert [one is before for one, before in zip(second["demo"], first["demo"], strict=True)] == [True, True, False]
    assert second["other"][0] is first["other"][0]
    async with stage.database.begin() as connection:
        await segments.forget(connection, stage.lane("paid").segment.id)
    async with stage.database.read() as connection:
        assert [one.key for one in (await roll.call(connection, ["demo"]))["demo"]] == ["firms", "trial"]
