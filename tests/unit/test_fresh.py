"""A shared value is read once for all who want it, and not more often than it is worth."""

from __future__ import annotations

import asyncio

import pytest

from syncd.operations.fresh import Fresh


class Source:
    """Counts how often it is read; a reading takes as long as `cost` says on a clock of its own."""

    def __init__(self, cost: float = 0.0) -> None:
        self.now = 100.0
        self.reads = 0
        self.cost = cost

    async def read(self) -> int:
        self.reads += 1
        await asyncio.sleep(0)
        self.now += self.cost
        return self.reads


async def test_fifty_who_come_at_once_share_one_reading() -> None:
    source = Source()
    fresh = Fresh(source.read, 1.0, lambda: source.now)
    assert await asyncio.gather(*(fresh.get() for _ in range(50))) == [1] * 50


async def test_it_is_read_again_once_it_is_old() -> None:
    source = Source()
    fresh = Fresh(source.read, 1.0, lambda: source.now)
    assert [await fresh.get(), await fresh.get()] == [1, 1]
    source.now += 1.0
    assert await fresh.get() == 2


async def test_what_takes_long_to_read_is_read_less_often() -> None:
    source = Source(cost=2.0)
    fresh = Fresh(source.read, 1.0, lambda: source.now)
    assert await fresh.get() == 1
    source.now += 39.9
    assert await fresh.get() == 1
    source.now += 0.2
    assert await fresh.get() == 2


async def test_whoever_changed_something_sees_it_at_once() -> None:
    source = Source()
    fresh = Fresh(source.read, 60.0, lambda: source.now)
    assert await fresh.get() == 1
    fresh.outdate()
    assert await fresh.get() == 2


async def test_a_reading_that_fails_is_tried_again_by_the_next() -> None:
    source = Source()

    async def read() -> int:
        if not source.reads:
            await source.read()
            raise ConnectionError
        return await source.read()

    fresh = Fresh(read, 60.0, lambda: source.now)
    with pytest.raises(ConnectionError):
        await fresh.get()
    assert await fresh.get() == 2
