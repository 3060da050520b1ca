"""The application over a filled database, and a browser before it."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser
from pydantic import SecretStr

from syncd.domain.access import Role
from syncd.settings import Linkedin, Member, Settings
from syncd.store.engine import Database
from tests.component.admin.house import House, opened
from tests.conftest import sqlite_url
from tests.console.browsing import Visit, chromium, know, visiting
from tests.console.filled import fill


def made(url: str, folder: Path, **more: Any) -> Settings:
    token = folder / "token"
    token.write_text("sandbox-token")
    given: dict[str, Any] = {
        "database_url": SecretStr(url),
        "linkedin": Linkedin(source_platform="FAKE"),
        "members": (Member(key="ads-bot", access_token_file=token), Member(key="agency", access_token_file=token)),
    }
    return Settings(**(given | more))


@pytest.fixture
async def database(migrated_file: Path, tmp_path: Path) -> AsyncIterator[Database]:
    file = tmp_path / "syncd.db"
    shutil.copyfile(migrated_file, file)
    database = Database(sqlite_url(file))
    yield database
    await database.close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return made(sqlite_url(tmp_path / "syncd.db"), tmp_path)


@pytest.fixture
async def house(database: Database, settings: Settings) -> AsyncIterator[House]:
    for role in Role:
        await know(database, role)
    async with opened(database, settings) as house:
        yield house


@pytest.fixture
async def busy(house: House) -> House:
    """The house of a company that has used it for a while."""
    await fill(house.database)
    return house


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest.fixture
async def admin(busy: House, browser: Browser) -> AsyncIterator[Visit]:
    """An admin who is signed in, before the overview."""
    async with visiting(browser, busy.base) as visit:
        await visit.sign_in("admin")
        yield visit
