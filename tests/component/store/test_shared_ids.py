"""Two people who share a device id: what a departure of one does to the other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from syncd.domain.resync import Mode, Origin, State
from syncd.store import resyncs
from syncd.store.engine import Database
from tests.component.privacy.stage import DEVICE, Stage, keyed


@pytest.fixture
async def stage(store_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    database = Database(store_url)
    yield await Stage.built(database, keyed(store_url, tmp_path))
    await database.close()


async def test_who_stays_is_known_by_the_address_and_a_replay_brings_the_device_back(stage: Stage) -> None:
    """The REMOVE repeats all ids of whoever leaves, the shared one too: `docs/faults.md` says so."""
    for name in ("ann", "bob"):
        await stage.commit("trial", {"email": f"{name}@example.com", "google_aid": DEVICE})
    await stage.take("trial")
    await stage.accept("trial")
    await stage.commit("trial", {"email": "ann@example.com"}, action="REMOVE")
    await stage.take("trial")
    (leaving,) = stage.lane("trial").batches[0].journey.elements
    assert (leaving.add, len(leaving.ids)) == (False, 2)
    await stage.accept("trial")

    segment = stage.lane("trial").segment.id
    async with stage.database.begin() as connection:
        number = await resyncs.ask(connection, segment, Mode.REPLAY, Origin.LEDGER, by="test", state=State.RUNNING)
        await resyncs.count_replay(connection, number, segment)
    await stage.resend("trial")

    (staying,) = stage.lane("trial").batches[0].journey.elements
    assert staying.add
    assert staying.ids[1] == leaving.ids[1]
    assert staying.ids[0] != leaving.ids[0]
