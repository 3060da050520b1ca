"""What `syncd check` finds, against the sandbox."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer

from syncd.operations import checks
from syncd.operations.points import Point
from syncd.operations.voices import Clock
from syncd.sandbox import SandboxOptions, create_app
from syncd.sandbox.options import MemberOption
from syncd.settings import Linkedin, Member, Settings
from tests.component.operations.conftest import made

VIEWER = SandboxOptions(members=(MemberOption("vic", "sandbox-token", "VIEWER"),))


@asynccontextmanager
async def linkedin(options: SandboxOptions, version: str = "202608") -> AsyncIterator[Linkedin]:
    async with TestServer(create_app(options), host="127.0.0.1") as server:
        base = str(server.make_url("")).rstrip("/")
        yield Linkedin(
            base_url=f"{base}/rest", oauth_url=f"{base}/oauth/v2", source_platform="FAKE", api_version=version
        )


class Haste:
    """A clock that a sleep moves on."""

    def __init__(self) -> None:
        self.now = time.time()

    def wall(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


def failing(points: Sequence[Point]) -> dict[str, str]:
    return {point.name: point.evidence for point in points if not point.ok}


async def test_everything_in_place_passes(store_url: str, tmp_path: Path) -> None:
    async with linkedin(SandboxOptions()) as settings:
        points = await checks.check(made(store_url, tmp_path, linkedin=settings))
    assert failing(points) == {}
    said = {point.name: point.evidence for point in points}
    assert said["member demo: urn:li:sponsoredAccount:123456"].startswith("CAMPAIGN_MANAGER; as VIEWER")
    assert said["database"].split()[0] in {"SQLite", "PostgreSQL"}
    assert "sandbox-token" not in str(points)


async def test_a_viewer_is_told_what_role_is_missing(store_url: str, tmp_path: Path) -> None:
    async with linkedin(VIEWER) as settings:
        points = await checks.check(made(store_url, tmp_path, linkedin=settings))
    ((name, words),) = failing(points).items()
    assert name == "member demo: urn:li:sponsoredAccount:123456"
    assert "only VIEWER" in words
    assert "CAMPAIGN_MANAGER" in words


async def test_a_token_that_linkedin_refuses_fails(store_url: str, tmp_path: Path) -> None:
    async with linkedin(SandboxOptions(members=(MemberOption("demo", "another-token"),))) as settings:
        haste = Haste()
        clock = Clock(wall=haste.wall, sleep=haste.sleep)
        points = await checks.check(made(store_url, tmp_path, linkedin=settings, segments=()), clock)
    assert "refuses the token" in failing(points)["member demo: token"]


async def test_two_members_that_are_one_person_fail(store_url: str, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("sandbox-token")
    both = tuple(Member(key=key, access_token_file=token) for key in ("demo", "twin"))
    async with linkedin(SandboxOptions()) as settings:
        points = await checks.check(made(store_url, tmp_path, linkedin=settings, members=both))
    assert failing(points) == {
        "members are different people": "demo and twin are the same person in the same application"
    }


async def test_an_api_version_that_ended_fails(store_url: str, tmp_path: Path) -> None:
    async with linkedin(SandboxOptions(), "202401") as settings:
        points = await checks.check(made(store_url, tmp_path, linkedin=settings))
    failures = failing(points)
    assert "ended on 2025-01-15" in failures["API version"]
    assert "set linkedin.api_version" in failures["member demo: token"]


async def test_a_database_without_schema_fails_and_the_token_is_tried_all_the_same(
    database_url: str, tmp_path: Path
) -> None:
    async with linkedin(SandboxOptions()) as settings:
        points = await checks.check(made(database_url, tmp_path, linkedin=settings))
    assert all("syncd migrate" in words for words in failing(points).values())
    assert len(failing(points)) == 1


@pytest.mark.parametrize("url", ["postgresql+asyncpg://nobody@127.0.0.1:9/none"])
async def test_a_database_that_is_not_there_fails(url: str, tmp_path: Path) -> None:
    async with linkedin(SandboxOptions()) as settings:
        points = await checks.check(made(url, tmp_path, linkedin=settings))
    assert "cannot be reached" in failing(points)["database"]


async def test_no_member_at_all_fails(store_url: str, tmp_path: Path, settings: Settings) -> None:
    points = await checks.check(made(store_url, tmp_path, members=(), segments=()))
    assert "no member is declared" in failing(points)["configuration"]
