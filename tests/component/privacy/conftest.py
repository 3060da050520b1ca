"""A database of each kind, a key to suppress people under, and a road."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from syncd.settings import Settings
from syncd.store.engine import Database
from tests.component.privacy.stage import Stage, keyed


@pytest.fixture
async def database(store_url: str) -> AsyncIterator[Database]:
    database = Database(store_url)
    yield database
    await database.close()


@pytest.fixture
def settings(store_url: str, tmp_path: Path) -> Settings:
    return keyed(store_url, tmp_path)


@pytest.fixture
async def stage(database: Database, settings: Settings) -> Stage:
    return await Stage.built(database, settings)
