"""syncd behind PgBouncer: what docs/deploy.md says of it, tried with the one that is there."""

from __future__ import annotations

import configparser
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.acceptance.rig import Process, Rig, digest
from tests.chart.pooler import IGNORED, PREPARES, pooled, version
from tests.conftest import fresh_database
from tests.house.test_house import ROOT
from tests.postgres import PostgresServer

PEOPLE = 3_000


@pytest.fixture
def postgres_url(postgres_server: PostgresServer, migrated_template: str) -> Iterator[str]:
    with fresh_database(postgres_server, migrated_template) as url:
        yield url


@asynccontextmanager
async def fed(url: str, folder: Path, mode: str) -> AsyncIterator[tuple[Rig, Process]]:
    """A daemon that reaches its database through the pool, and rows for it that the CRM commits directly."""
    with pooled(url, mode) as through:
        async with Rig(folder, url, settings={"SYNCD_DATABASE_URL": through}) as rig:
            daemon = await rig.daemon()
            for part in range(3):
                people = range(part * PEOPLE // 3, (part + 1) * PEOPLE // 3)
                await rig.commit("people", [("ADD", {"email": f"p{n}@example.com"}, None) for n in people])
            yield rig, daemon


async def arrives(rig: Rig, daemon: Process) -> None:
    await rig.wait_until(rig.is_drained, "everything is settled", daemon)
    assert await rig.members_of("people") == {digest(f"p{n}@example.com") for n in range(PEOPLE)}
    assert not daemon.events("database_failed")
    assert await daemon.stop() == 0


async def test_the_road_works_through_a_pool_of_sessions(postgres_url: str, tmp_path: Path) -> None:
    async with fed(postgres_url, tmp_path, "session") as (rig, daemon):
        await arrives(rig, daemon)


async def test_a_pool_of_transactions_must_keep_prepared_statements_or_the_daemon_says_so_and_ends(
    postgres_url: str, tmp_path: Path
) -> None:
    async with fed(postgres_url, tmp_path, "transaction") as (rig, daemon):
        if version() >= PREPARES:
            await arrives(rig, daemon)
        else:
            await rig.wait_until(lambda: daemon.child.returncode is not None, "it ends")
            assert re.search(r"SQLSTATE (26000|42P05)", daemon.log.read_text())


def test_the_page_says_what_must_be_ignored() -> None:
    (told,) = re.findall(
        r"^```ini pgbouncer\n(.*?)^```", (ROOT / "docs/deploy.md").read_text(), re.MULTILINE | re.DOTALL
    )
    parsed = configparser.ConfigParser()
    parsed.read_string(f"[pgbouncer]\n{told}")
    assert parsed["pgbouncer"]["ignore_startup_parameters"] == IGNORED
