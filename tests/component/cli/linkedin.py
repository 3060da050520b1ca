"""Our own LinkedIn in a thread of its own, beside commands that bring their own event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Thread
from typing import Any, TypeVar

from aiohttp.test_utils import TestClient, TestServer

from syncd.sandbox import SandboxOptions, create_app
from syncd.sandbox.clock import SandboxClock
from tests.component.sandbox.driver import FakeTime, Sandbox

T = TypeVar("T")


@dataclass(frozen=True)
class Linkedin:
    """A sandbox that runs. `do` carries something out where it runs."""

    sandbox: Sandbox
    loop: asyncio.AbstractEventLoop

    @property
    def origin(self) -> str:
        return str(self.sandbox.client.make_url("")).rstrip("/")

    @property
    def calls(self) -> int:
        """How many requests have arrived."""
        return self.sandbox.world.journal.opened

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)


@contextmanager
def running(**options: Any) -> Iterator[Linkedin]:
    """Serves as long as the block; its clock stands still on this machine's day unless it is moved."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, daemon=True)
    thread.start()
    made = SandboxOptions(active_versions=("202608", "202612"), **options)

    async def begin() -> Linkedin:
        client = TestClient(TestServer(create_app(made, clock=SandboxClock(1.0)), host="127.0.0.1"))
        await client.start_server()
        return Linkedin(Sandbox(client, FakeTime(1_800_000_000.0)), loop)

    linkedin = asyncio.run_coroutine_threadsafe(begin(), loop).result(10)
    try:
        yield linkedin
    finally:
        linkedin.do(linkedin.sandbox.client.close())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
