"""Several replicas: members are spread evenly, replaced one by one without a loss, and taken over after a kill."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.replacing import MEMBERS, SEGMENTS, replace_one_by_one
from tests.acceptance.rig import Rig
from tests.conftest import fresh_database
from tests.postgres import PostgresServer

TTL = 2.0
TIMEOUT = 2.0
PATIENCE = 10.0
"""Seconds that a crowded machine may add; `make bench BENCH=B13` measures."""


@pytest.fixture
def postgres_url(postgres_server: PostgresServer, migrated_template: str) -> Iterator[str]:
    with fresh_database(postgres_server, migrated_template) as url:
        yield url


@pytest.mark.timeout(170)
async def test_replicas_are_replaced_one_by_one_and_one_is_killed_and_nothing_is_lost(
    postgres_url: str, tmp_path: Path
) -> None:
    members = {member: f"token-of-{member}" for member in MEMBERS}
    async with Rig(tmp_path, postgres_url, segments=SEGMENTS, members=members) as rig:
        replaced = await replace_one_by_one(rig)
    assert replaced.spreads == [[2, 3, 3], [2, 3, 3], [4, 4], [2, 3, 3]]
    assert replaced.clean < PATIENCE
    assert replaced.killed < TTL + TIMEOUT + PATIENCE
    assert replaced.busiest_minute <= 500
