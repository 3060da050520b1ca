"""What has ended goes after its time, and nothing else does."""

from __future__ import annotations

import pytest
from sqlalchemy import func, insert, select, update

from syncd.domain.resync import Mode, Origin, State
from syncd.operations import optouts
from syncd.settings import Retention
from syncd.store import retention
from syncd.store.alerts import alerts, notifications
from syncd.store.audit import audit
from syncd.store.erasures import erasure_places, erasures
from syncd.store.people import api_tokens
from syncd.store.plans import files, items, lines
from syncd.store.plans import resyncs as asked_for
from syncd.store.resyncs import ask, end
from syncd.store.retention import Kept
from syncd.store.tables import batches, dead_letters, insights, later, transitions
from tests.component.privacy.stage import Stage
from tests.component.privacy.test_erasure import ANN

SHORT = Kept(**dict.fromkeys(Retention.model_fields, 10))
OLD, YOUNG = later(-11 * 86_400.0), later(-9 * 86_400.0)


def test_every_setting_of_retention_is_one_of_the_sweep() -> None:
    assert set(Retention.model_fields) == set(Kept.__dataclass_fields__)


async def left(stage: Stage) -> dict[str, int]:
    tables = (
        batches,
        dead_letters,
        transitions,
        insights,
        erasures,
        erasure_places,
        alerts,
        notifications,
        audit,
        api_tokens,
        asked_for,
    )
    async with stage.database.read() as connection:
        return {
            table.name: int((await connection.execute(select(func.count()).select_from(table))).scalar_one())
            for table in tables
        }


@pytest.mark.parametrize("old", [True, False])
async def test_what_has_ended_goes_after_its_time_only(stage: Stage, *, old: bool) -> None:
    at = OLD if old else YOUNG
    await stage.commit("trial", {"email": "no"})
    await stage.commit("trial", {"email": "ann@example.com"})
    await stage.take()
    await stage.accept()
    done = await optouts.add(stage.database, stage.settings, ["ann@example.com"], by=ANN)
    await stage.erase()
    assert done.erasures
    async with stage.database.begin() as connection:
        move = {"segment_id": 1, "from_status": "BUILDING", "to_status": "READY", "documented": True}
        await connection.execute(insert(transitions).values(at=at, **move))
        await connection.execute(insert(transitions).values(at=at, **move))
        await connection.execute(insert(insights).values(segment_id=1, question="q", answer="{}", at=at))
        alert = {"scope": "demo", "kind": "member_parked", "about": "demo", "words": "", "level": 0}
        await connection.execute(insert(alerts).values(since=at, healed_at=at, **alert))
        await connection.execute(insert(notifications).values(alert_id=1, event="healed", at=at, due_at=at))
        token = {"name": "t", "prefix": "p", "digest": b"d", "role": "viewer", "made_by": "ann"}
        await connection.execute(insert(api_tokens).values(ends_at=at, **token))
        number = await ask(connection, 1, Mode.REPLAY, Origin.LEDGER, by="ann", state=State.WAITING)
        await end(connection, number, State.DONE)
        await connection.execute(update(asked_for).values(ended_at=at))
        await connection.execute(update(batches).values(created_at=at, closed_at=at))
        await connection.execute(update(dead_letters).values(created_at=at))
        await connection.execute(update(erasures).values(finished_at=at))
        await connection.execute(update(audit).values(at=at))
    before = await left(stage)
    assert all(before.values())
    for _ in range(3):
        async with stage.database.begin() as connection:
            await retention.expire(connection, SHORT)
    after = await left(stage)
    assert after == (dict.fromkeys(before, 0) | {"transitions": 1} if old else before)


async def test_what_is_under_way_stays_however_old_it_is(stage: Stage) -> None:
    await stage.commit("trial", {"email": "no"})
    await stage.commit("trial", {"email": "ann@example.com"})
    await stage.take()
    async with stage.database.begin() as connection:
        await connection.execute(update(batches).values(created_at=OLD))
        await connection.execute(update(dead_letters).values(created_at=OLD))
        assert await retention.expire(connection, SHORT) == {}


@pytest.mark.parametrize("ended", [True, False])
async def test_a_plan_goes_when_its_resync_has_ended_and_never_before(stage: Stage, *, ended: bool) -> None:
    async with stage.database.begin() as connection:
        number = await ask(connection, 1, Mode.RECONCILE, Origin.FILE, by="ann", state=State.PLANNED)
        row = {"resync_id": number, "identity": b"\x01i"}
        await connection.execute(insert(items).values(wanted=True, anonymous=False, **row))
        await connection.execute(insert(lines).values(subject="s", **row))
        await connection.execute(insert(files).values(resync_id=number, place=0, body=b""))
        if ended:
            await end(connection, number, State.CANCELLED)
        await connection.execute(update(asked_for).values(created_at=OLD))
    async with stage.database.begin() as connection:
        gone = await retention.expire(connection, SHORT)
    assert gone == (dict.fromkeys(("resync_items", "resync_subjects", "resync_files"), 1) if ended else {})
