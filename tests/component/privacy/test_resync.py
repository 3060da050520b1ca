"""Whoever is suppressed is not added by a resync either, whatever its source and the ledger say."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from io import BufferedReader, BytesIO
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import select

from syncd.domain.resync import Mode, State
from syncd.domain.suppression import Suppressed, SuppressionKey, subject
from syncd.operations import optouts, snapshots
from syncd.operations.snapshots import Snapshot
from syncd.pipeline.suppress import Suppression
from syncd.settings import Erasure
from syncd.store import plans, resyncs, suppressions
from syncd.store.tables import subjects
from tests.component.privacy.stage import KEY
from tests.component.reconcile.by_hand import WHY, Crm, Hand, address, holding, identity
from tests.component.reconcile.test_resync import TEN, settled, with_source


@pytest.fixture
def crm(tmp_path: Path) -> Crm:
    return Crm(tmp_path / "crm.db")


@pytest.fixture
async def hand(store_url: str, tmp_path: Path, crm: Crm) -> AsyncIterator[Hand]:
    settings = with_source(store_url, tmp_path, crm, query="select email, subject_id from people")
    keyed = settings.model_copy(update={"erasure": Erasure(key=SecretStr(KEY))})
    async with holding(keyed) as found:
        found.tools = replace(found.tools, suppression=Suppression(SuppressionKey(KEY)))
        found.resyncer.suppressed = found.tools.suppression.named
        yield found


async def suppress(hand: Hand, *names: object) -> None:
    await optouts.add(hand.database, hand.settings, [address(name) for name in names], by=WHY)


async def test_a_reconcile_leaves_out_whom_its_source_names_though_they_are_suppressed(hand: Hand, crm: Crm) -> None:
    await settled(hand)
    crm.holds(range(1, 12), {11: "crm-11", 10: "crm-10"})
    started = await hand.started()
    await suppress(hand, 0, 11)
    done = await hand.finish(started.id)
    assert done.state is State.DONE
    progress = done.progress
    assert (progress.added, progress.removed, progress.skipped, progress.sent) == (1, 1, 1, 2)
    await hand.equal(range(1, 11))
    async with hand.database.read() as connection:
        held = (await connection.execute(select(subjects.c.identity))).scalars().all()
    assert identity(10) in held
    assert identity(11) not in held


async def test_a_replay_leaves_out_whoever_is_on_the_way_out(hand: Hand) -> None:
    await settled(hand)
    await suppress(hand, 3)
    done = await hand.finish((await hand.started(Mode.REPLAY)).id)
    assert (done.state, done.progress.added, done.progress.skipped) == (State.DONE, 9, 1)
    assert sorted(hand.sent) == sorted(("ADD", identity(name)) for name in TEN if name != 3)


async def test_the_places_of_a_resync_name_nobody_once_it_has_ended(hand: Hand, crm: Crm) -> None:
    crm.holds(TEN, {1: "crm-1"})
    done = await hand.finish((await hand.started()).id)
    async with hand.database.read() as connection:
        found = await resyncs.find(connection, done.id)
    assert found is not None
    assert (found.looked_at, found.position, found.subject_position) == (10, None, None)


async def test_a_plan_and_an_uploaded_file_are_made_without_whoever_is_suppressed(hand: Hand, crm: Crm) -> None:
    """Nor does what the CRM calls them come back, nor what was learned to be theirs."""
    await settled(hand)
    await suppress(hand, 11, 12)
    crm.holds(range(14), {11: "crm-11", 13: "crm-13"})
    planned = await hand.planned()
    assert planned.numbers is not None
    assert (planned.numbers.adds, planned.numbers.rejected) == (2, {"suppressed": 2})
    async with hand.database.read() as connection:
        items = {item.identity for item in await plans.next_items(connection, planned.id, b"", 20)}
        assert items == {identity(10), identity(13)}
        assert await plans.next_lines(connection, planned.id, "", 20) == {"crm-13": identity(13)}
    file = BufferedReader(BytesIO("".join(("email\n", *(f"{address(name)}\n" for name in range(14)))).encode()))
    snapshot = Snapshot(name=Path("people.csv"), as_of=time.time() - 60)
    uploaded = await snapshots.preview(hand.database, hand.settings, "trial", snapshot, file, by=WHY)
    async with hand.database.read() as connection:
        body = await plans.part(connection, uploaded.id, 0)
        assert body is not None
        assert {one for one, _, _ in plans.unpack_part(body).rows} == {identity(n) for n in (*range(11), 13)}
    await hand.round()
    numbers = (await hand.shown(uploaded.id)).numbers
    assert numbers is not None
    assert (numbers.adds, numbers.rejected) == (2, {"suppressed": 2})


async def test_a_subject_that_was_suppressed_since_the_plan_holds_nobody(hand: Hand, crm: Crm) -> None:
    await settled(hand)
    crm.holds(TEN, {1: "crm-1", 2: "crm-2"})
    started = await hand.started()
    digest = SuppressionKey(KEY).digest(subject("trial", "crm-1"))
    async with hand.database.begin() as connection:
        await suppressions.claim(connection, SuppressionKey(KEY).id)
        await suppressions.add(connection, [digest], Suppressed.ERASURE, 7)
    await hand.finish(started.id)
    async with hand.database.read() as connection:
        assert list((await connection.execute(select(subjects.c.subject))).scalars()) == ["crm-2"]
