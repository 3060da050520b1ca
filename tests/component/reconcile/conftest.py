"""One member's control loops over a real database and the sandbox, without the road."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from syncd.domain.events import Event
from syncd.domain.segment import MemberKey, Segment
from syncd.linkedin.caller import Caller
from syncd.operations import voices
from syncd.operations.voices import Clock
from syncd.sandbox import SandboxOptions, create_app
from syncd.settings import Linkedin, Settings
from syncd.store import leases, segments
from syncd.store.engine import Database
from syncd.store.leases import Grant
from tests.component.operations import road
from tests.component.operations.conftest import made, refreshed


@dataclass(kw_only=True)
class Stage:
    """A segment `trial` of member `demo`, declared and not bound yet."""

    database: Database
    settings: Settings
    grant: Grant
    caller: Caller
    sandbox: str
    http: aiohttp.ClientSession
    told: list[Event] = field(default_factory=list)

    async def segment(self) -> tuple[Segment, float]:
        async with self.database.read() as connection:
            (binding,), moment = await segments.of_members(connection, ["demo"])
        return binding.segment, moment

    async def bind(self) -> int:
        """A segment at LinkedIn that has been there for long."""
        made = await self.control("segments", {"account": road.ACCOUNT, "sourceSegmentId": "syncd:trial"})
        segment, moment = await self.segment()
        async with self.database.begin() as connection:
            await segments.bind(connection, segment, made["id"], bound_at=moment - 86_400, ad_segment=None)
        return int(made["id"])

    async def control(self, path: str, body: object, verb: str = "POST") -> dict[str, int]:
        async with self.http.request(verb, f"{self.sandbox}/_sandbox/{path}", json=body) as answer:
            assert answer.status < 300, await answer.text()
            found: dict[str, int] = await answer.json() if answer.status != 204 else {}
            return found


class Haste:
    """A clock that a sleep moves on, so that patience costs no time."""

    def __init__(self) -> None:
        self.now = time.time()

    def wall(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
async def stage(store_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        database = Database(store_url)
        stack.push_async_callback(database.close)
        app = create_app(SandboxOptions())
        server = await stack.enter_async_context(TestServer(app, host="127.0.0.1"))
        base = str(server.make_url("")).rstrip("/")
        linkedin = Linkedin(base_url=f"{base}/rest", oauth_url=f"{base}/oauth/v2", source_platform="FAKE")
        settings = made(store_url, tmp_path, linkedin=linkedin, **refreshed(tmp_path))
        transport = await stack.enter_async_context(voices.transport(settings))
        haste = Haste()
        clock = Clock(wall=haste.wall, sleep=haste.sleep)
        tokens = voices.tokens(settings, settings.members[0], transport, database, clock)
        http = await stack.enter_async_context(aiohttp.ClientSession())
        await road.know(database, "trial")
        async with database.begin() as connection:
            await leases.announce(connection, "replica", ["demo"])
            grant = await leases.take(connection, MemberKey("demo"), "replica", 60.0)
        assert grant is not None
        yield Stage(
            database=database,
            settings=settings,
            grant=grant,
            caller=voices.caller(settings, transport, tokens, clock=clock),
            sandbox=base,
            http=http,
        )
