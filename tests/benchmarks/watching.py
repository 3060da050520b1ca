"""What it costs the daemon that fifty admins watch the overview: CPU beside what it costs anyway, how long they wait, and what
it takes from a drain at LinkedIn's limit.

Every admin has a session of their own and asks as the page does: every three seconds, with the fingerprint of what it has.
Changes trickle in all the while, so that there is something new to show.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

from aiohttp import ClientSession, CookieJar

from tests.benchmarks import truth
from tests.benchmarks.drains import drained_people, steady
from tests.benchmarks.figures import Figure, Size, quantile
from tests.benchmarks.ground import Ground, World, ground

ADMINS: Final = 50
EVERY: Final = 3.0
_SEGMENTS: Final = 20
_PASSWORD: Final = "correct horse battery"  # pragma: allowlist secret
_ADMITTED: Final = {"SYNCD_HTTP__FIRST_ADMIN_PASSWORD": _PASSWORD}
_CHANGE: Final = """
    insert into syncd.outbox (segment_key, action, payload)
    values ($1, 'ADD', jsonb_build_object('email', $2::text, 'country', 'US'))
"""


async def watched(directory: Path, size: Size) -> list[Figure]:
    """B14: first nobody watches, then fifty do."""
    directory.mkdir(exist_ok=True)
    return [*await _idle(directory / "idle", size), *await _at_the_limit(directory, size)]


async def _idle(directory: Path, size: Size) -> list[Figure]:
    segments = tuple((f"segment{n}", "user", f"member{n % 2}") for n in range(_SEGMENTS))
    world = World(segments=segments, members=("member0", "member1"), users=500, companies=200, settings=_ADMITTED)
    seconds = max(6.0, size.seconds / 2)
    async with ground(directory, world) as place, _trickle(place):
        alone = await _share(place, seconds)
        async with _watching(place) as waits:
            beside = await _share(place, seconds)
    return [
        Figure(
            measure="B14",
            what=f"a core, for {ADMINS} admins who watch",
            unit="%",
            values=[beside - alone],
            target=10,
            least=False,
        ),
        Figure(
            measure="B14",
            what="the overview anew, p99",
            unit="ms",
            values=[quantile(waits, 0.99) * 1000],
            target=None,
            least=False,
        ),
    ]


async def _at_the_limit(directory: Path, size: Size) -> list[Figure]:
    """B1 with half its backlog, without and with admins."""
    rows = size.backlog // 2
    world = World(users=500, companies=200, latency=0.3, settings=_ADMITTED)
    rates = []
    for watchers in (0, ADMINS):
        async with ground(directory / f"limit{watchers}", world, rows) as place:
            async with _watching(place, watchers):
                drained = await drained_people(place, rows)
            await truth.within_limits(place)
        rates.append(steady(drained.series))
    return [
        Figure(
            measure="B14",
            what=f"of the rate at the limit, beside {ADMINS} admins",
            unit="%",
            values=[rates[1] / rates[0] * 100],
            target=97,
        )
    ]


@asynccontextmanager
async def _watching(place: Ground, admins: int = ADMINS) -> AsyncIterator[list[float]]:
    """So many admins look meanwhile; how long each waited each time, in seconds."""
    base = f"http://127.0.0.1:{place.daemon.events('listening')[-1]['port']}"
    waits: list[float] = []
    async with AsyncExitStack() as stack:
        signed_in = [await _signed_in(stack, base) for _ in range(admins)]
        tasks = [asyncio.create_task(_watch(admin, base, waits)) for admin in signed_in]
        await asyncio.sleep(EVERY if admins else 0.0)
        yield waits
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _share(place: Ground, seconds: float) -> float:
    """Percent of a core that the daemon takes meanwhile."""
    before, begun = place.cpu()["daemon"], time.monotonic()
    await asyncio.sleep(seconds)
    return (place.cpu()["daemon"] - before) / (time.monotonic() - begun) * 100


async def _signed_in(stack: AsyncExitStack, base: str) -> ClientSession:
    http = await stack.enter_async_context(ClientSession(cookie_jar=CookieJar(unsafe=True)))
    given = {"name": "admin", "password": _PASSWORD}
    async with http.post(f"{base}/api/v1/session", json=given, headers={"Origin": base}) as answer:
        assert answer.status == 200, await answer.text()
    return http


async def _watch(http: ClientSession, base: str, waits: list[float]) -> None:
    path = "/live/overview?seen="
    await asyncio.sleep(random.uniform(0, EVERY))
    while True:
        begun = time.monotonic()
        async with http.get(base + path) as answer:
            assert answer.status in {200, 204}
            found = re.search(r'hx-get="([^"]+)"', await answer.text())
        waits.append(time.monotonic() - begun)
        if found:
            path = found[1]
        await asyncio.sleep(EVERY)


@asynccontextmanager
async def _trickle(place: Ground) -> AsyncIterator[None]:
    async def run() -> None:
        number = 0
        while True:
            number += 1
            await place.execute(_CHANGE, f"segment{number % _SEGMENTS}", f"person{number}@example.com")
            await asyncio.sleep(0.5)

    task = asyncio.create_task(run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
