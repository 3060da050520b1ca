"""The application over a filled database, and a browser before it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser
from pydantic import SecretStr
from sqlalchemy import update

from syncd.domain.access import Role
from syncd.settings import Linkedin, Member, Settings
from syncd.store.engine import Database
from syncd.store.tables import segments
from tests.component.admin.house import House, opened
from tests.component.cli.linkedin import Linkedin as Sandboxed
from tests.component.cli.linkedin import running
from tests.component.sandbox.driver import user
from tests.conftest import sqlite_url
from tests.console.browsing import Visit, chromium, know, visiting
from tests.console.filled import fill


def made(url: str, folder: Path, origin: str, **more: Any) -> Settings:
    token = folder / "token"
    token.write_text("sandbox-token")
    given: dict[str, Any] = {
        "database_url": SecretStr(url),
        "linkedin": Linkedin(source_platform="FAKE", base_url=f"{origin}/rest", oauth_url=f"{origin}/oauth/v2"),
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
def linkedin() -> Iterator[Sandboxed]:
    with running() as begun:
        yield begun


@pytest.fixture
def settings(tmp_path: Path, linkedin: Sandboxed) -> Settings:
    return made(sqlite_url(tmp_path / "syncd.db"), tmp_path, linkedin.origin)


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
async def matched(busy: House, linkedin: Sandboxed) -> House:
    """Whose trial sign-ups are 3,000 people that LinkedIn has matched."""
    await match(busy.database, linkedin)
    return busy


async def match(database: Database, linkedin: Sandboxed) -> None:
    people = [user(str(number)) for number in range(3_000)]
    facet = await asyncio.to_thread(lambda: linkedin.do(linkedin.sandbox.synced(people)))
    (audience,) = facet["audienceMatchingSegments"]
    async with database.begin() as connection:
        await connection.execute(update(segments).where(segments.c.id == 1).values(ad_segment=audience))


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
