"""A migrated database of each kind, and settings that fit it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from syncd.settings import Linkedin, Member, Segment, Settings
from syncd.store.engine import Database

ACCOUNT = "urn:li:sponsoredAccount:123456"


@pytest.fixture
async def database(store_url: str) -> AsyncIterator[Database]:
    database = Database(store_url)
    yield database
    await database.close()


@pytest.fixture
def settings(store_url: str, tmp_path: Path) -> Settings:
    return made(store_url, tmp_path)


def refreshed(folder: Path) -> dict[str, Any]:
    """Settings of the sandbox's own member, whose access token syncd fetches by itself."""
    refresh, secret = folder / "refresh", folder / "secret"
    refresh.write_text("sandbox-refresh")
    secret.write_text("demo-secret")
    demo = Member(key="demo", client_id="demo-app", refresh_token_file=refresh, client_secret_file=secret)
    return {"members": (demo,), "secret_keys": (SecretStr(Fernet.generate_key().decode()),)}


def made(url: str, tmp_path: Path, **more: Any) -> Settings:
    token = tmp_path / "token"
    token.write_text("sandbox-token")
    given: dict[str, Any] = {
        "database_url": SecretStr(url),
        "linkedin": Linkedin(source_platform="FAKE"),
        "members": (Member(key="demo", access_token_file=token),),
        "segments": (
            Segment(key="trial", name="Trial", kind="user", account=ACCOUNT, member="demo"),
            Segment(key="firms", name="Firms", kind="company", account=ACCOUNT, member="demo"),
        ),
    }
    return Settings(**(given | more))
