from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from syncd.sandbox import SandboxOptions, create_app
from syncd.sandbox.clock import SandboxClock
from tests.component.sandbox.driver import FakeTime, Sandbox

Start = Callable[..., Awaitable[Sandbox]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Starts a sandbox with options, on a machine time that stands still unless `real_time` is asked for."""
    async with AsyncExitStack() as stack:

        async def begin(*, real_time: bool = False, day: str = "2027-01-15T08:00", **options: Any) -> Sandbox:
            time = FakeTime(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())
            told = SandboxOptions(**options)
            clock = None if real_time else SandboxClock(told.clock_factor, time.wall, time.monotonic)
            client = TestClient(TestServer(create_app(told, clock=clock)))
            await stack.enter_async_context(client)
            return Sandbox(client, time)

        yield begin


@pytest.fixture
async def sandbox(start: Start) -> Sandbox:
    return await start()
