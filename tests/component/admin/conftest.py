"""The application over a migrated database of each kind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from syncd.settings import Linkedin, Member, Settings
from syncd.store.engine import Database
from tests.component.admin.house import House, opened


def made(url: str, folder: Path, **more: Any) -> Settings:
    """Settings with one member and no declared segments."""
    token = folder / "token"
    token.write_text("sandbox-token")
    given: dict[str, Any] = {
        "database_url": SecretStr(url),
        "linkedin": Linkedin(source_platform="FAKE"),
        "members": (Member(key="demo", access_token_file=token),),
    }
    return Settings(**(given | more))


@pytest.fixture
async def database(store_url: str) -> AsyncIterator[Database]:
    database = Database(store_url)
    yield database
    await database.close()


@pytest.fixture
def settings(store_url: str, tmp_path: Path) -> Settings:
    return made(store_url, tmp_path)


@pytest.fixture
async def house(database: Database, settings: Settings) -> AsyncIterator[House]:
    async with opened(database, settings) as house:
        yield house
