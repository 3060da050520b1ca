"""Reads of what the database says of a member overlap: memory follows the one that began last."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from syncd.domain.events import SegmentResumed
from syncd.domain.segment import MemberKey, SegmentParking
from syncd.pipeline import refresh
from syncd.pipeline.member import Tools
from syncd.store import segments
from syncd.store.engine import Database
from tests.component.privacy.stage import Stage, keyed


@pytest.fixture
async def stage(store_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    database = Database(store_url)
    yield await Stage.built(database, keyed(store_url, tmp_path))
    await database.close()


async def test_a_read_that_ends_late_takes_nothing_back(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tracker parks a segment and reads again, while the look at all members still has what was before."""
    was_read, let_go = asyncio.Event(), asyncio.Event()
    honest = refresh._read

    async def slow(keys: Sequence[MemberKey], tools: Tools) -> refresh._Told:
        told = await honest(keys, tools)
        if not was_read.is_set():
            was_read.set()
            await let_go.wait()
        return told

    monkeypatch.setattr(refresh, "_read", slow)
    early = asyncio.create_task(refresh.refresh([stage.member], stage.tools))
    await was_read.wait()
    segment = stage.lane("trial").segment
    async with stage.database.begin() as connection:
        await segments.park(connection, segment.id, SegmentParking.EXPIRED, "LinkedIn purged it")
    await refresh.refresh([stage.member], stage.tools)
    assert stage.lane("trial").segment.parked is SegmentParking.EXPIRED

    let_go.set()
    await early

    assert stage.lane("trial").segment.parked is SegmentParking.EXPIRED
    assert not [event for event in stage.events if isinstance(event, SegmentResumed)]
