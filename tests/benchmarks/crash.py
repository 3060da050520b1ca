"""The acceptance scenario at full size: two overlapping writers, a kill -9 in the middle, every row accounted for."""

from __future__ import annotations

from pathlib import Path

from syncd.store.migrate import upgrade
from tests.acceptance.rig import Rig
from tests.acceptance.scenarios import Accounted, overlap_and_kill
from tests.postgres import PostgresServer


async def crash(directory: Path, rows: int) -> Accounted:
    """With the production limits, and leases and timeouts of two seconds."""
    keys = ["red", "green", "blue"]
    with PostgresServer(durable=True) as server:
        url = server.url(await server.create_database())
        await upgrade(url)
        settings = {"SYNCD_LOG__LEVEL": "info"}
        async with Rig(directory, url, segments=[(key, "user", "ads") for key in keys], settings=settings) as rig:
            return await overlap_and_kill(rig, keys, rows, people=rows // 4, sample=1000)
