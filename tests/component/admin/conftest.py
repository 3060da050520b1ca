"""The application over a migrated database of each kind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from syncd.operations.voices import Clock
from syncd.settings import Linkedin, Member, Settings
from syncd.store.engine import Database
from tests.component.admin.furnished import furnish
from tests.component.admin.house import House, opened


def made(url: str, folder: Path, **more: Any) -> Settings:
    """Settings with one member, no declared segments, and a LinkedIn where nobody answers."""
    token = folder / "token"
    token.write_text("sandbox-token")
    given: dict[str, Any] = {
        "database_url": SecretStr(url),
        "linkedin": Linkedin(
            source_platform="FAKE", base_url="http://127.0.0.1:9/rest", oauth_url="http://127.0.0.1:9/oauth/v2"
        ),
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
    async with opened(database, settings, clock=Clock(sleep=at_once)) as house:
        yield house


@pytest.fixture
async def furnished(house: House) -> House:
    """With a segment of ours and one of theirs."""
    await furnish(house.database)
    return house


async def at_once(_seconds: float) -> None:
    """Nobody waits between tries."""
