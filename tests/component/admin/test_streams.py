"""A sender keeps up or gives its place away, by a clock that is virtual."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar, cast

import pytest

from syncd.admin import bodies
from syncd.admin.app import ROUTES
from syncd.admin.desk import Desk
from syncd.admin.problems import Refusal
from syncd.admin.serving import _place
from syncd.settings import Settings
from syncd.store.engine import Database
from tests.component.virtual import VirtualLoop

T = TypeVar("T")
CHANGES, SNAPSHOT = (
    next(route for route in ROUTES if route.path == path and route.method == "POST")
    for path in ("/api/v1/changes", "/api/v1/segments/{segment}/resyncs/snapshot")
)


def played(work: Coroutine[Any, Any, T]) -> tuple[T, float]:
    """What it comes to, and after how many seconds."""
    loop = VirtualLoop()
    try:
        begun = loop.time()
        return loop.run_until_complete(work), loop.time() - begun
    finally:
        loop.close()


async def sent(*, every: float, size: int, parts: int, reads_for: float = 0.0) -> int:
    """Bytes that were taken of a sender of so many every so many seconds, where each is then looked at for a while; the
    status where it was refused.
    """
    left = parts

    async def read() -> bytes:
        nonlocal left
        left -= 1
        await asyncio.sleep(every if left >= 0 else 0.0)
        return b"x" * size if left >= 0 else b""

    taken = 0
    try:
        async for part in bodies._kept_up(read, 10**9):
            taken += len(part)
            await asyncio.sleep(reads_for)
    except Refusal as refused:
        return refused.status
    return taken


@pytest.mark.parametrize(
    ("size", "every", "status"),
    [(1, 1.0, 408), (65_536, 1.0, 408), (1_048_576, 31.0, 408), (1_048_576, 2.0, 200), (65_536, 0.2, 200)],
)
def test_a_sender_keeps_up_or_is_refused(size: int, every: float, status: int) -> None:
    came, seconds = played(sent(every=every, size=size, parts=100))
    assert came == (100 * size if status == 200 else 408)
    assert seconds < 250


def test_nobody_holds_a_place_for_a_quarter_of_an_hour_by_a_byte_now_and_then() -> None:
    came, seconds = played(sent(every=29.0, size=1, parts=1_000))
    assert (came, round(seconds)) == (408, 30)


def test_time_in_which_nobody_reads_is_not_the_sender_s() -> None:
    came, seconds = played(sent(every=0.1, size=1_024, parts=100, reads_for=60.0))
    assert (came, seconds > 5_000) == (102_400, True)


def test_who_waits_for_a_place_is_told_and_another_kind_of_stream_is_not_kept_waiting() -> None:
    desk = Desk(database=cast(Database, None), settings=Settings())

    async def work() -> tuple[int, float]:
        loop = asyncio.get_running_loop()
        async with _place(desk, SNAPSHOT), _place(desk, SNAPSHOT):
            async with _place(desk, CHANGES), _place(desk, CHANGES):
                waited = loop.time()
            with pytest.raises(Refusal) as refused:
                await _place(desk, SNAPSHOT).__aenter__()
        async with _place(desk, SNAPSHOT), _place(desk, SNAPSHOT):
            return refused.value.status, waited

    (status, waited), seconds = played(work())
    assert (status, round(seconds)) == (503, round(bodies.PATIENCE))
    assert waited < 1_001
