"""Segments that take lists, and cached insights, on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select

from syncd.store import insights, segments
from syncd.store.engine import Database
from syncd.store.segments import Declared
from syncd.store.tables import insights as cache

ACCOUNT = "urn:li:sponsoredAccount:123456"


def declared(key: str) -> Declared:
    return Declared(key=key, name=key, kind="user", account=ACCOUNT, member="demo")


@pytest.fixture
async def database(store_url: str) -> AsyncIterator[Database]:
    database = Database(store_url)
    yield database
    await database.close()


async def test_a_list_segment_is_followed_once_it_is_bound_and_takes_no_rows(database: Database) -> None:
    async with database.begin() as connection:
        await segments.declare(connection, {"demo": "default"}, [declared("stream")], declared=True)
        await segments.intend_list(connection, declared("list"))
        assert await segments.keys(connection) == {"stream"}
        assert await segments.keys(connection, lists=True) == {"list", "stream"}
        unbound, _ = await segments.of_members(connection, ["demo"], lists=True)
        assert [one.segment.key for one in unbound] == ["stream"]
        intended = await segments.find(connection, "list")
        assert intended is not None
        assert (intended.intended, intended.segment.takes_lists) == (True, True)
        await segments.bind(connection, intended.segment, 7, bound_at=None, ad_segment=None)
        bound, _ = await segments.of_members(connection, ["demo"], lists=True)
        streamed, _ = await segments.of_members(connection, ["demo"])
    assert [one.segment.key for one in bound] == ["list", "stream"]
    assert [one.segment.key for one in streamed] == ["stream"]


async def test_a_list_segment_cannot_be_declared_as_one_that_is_streamed_to(database: Database) -> None:
    async with database.begin() as connection:
        await segments.intend_list(connection, declared("list"))
        (problem,) = await segments.declare(connection, {"demo": "default"}, [declared("list")], declared=True)
    assert "takes lists and stays one" in problem


async def test_an_answer_is_kept_with_its_time_replaced_and_gone_with_its_segment(database: Database) -> None:
    async with database.begin() as connection:
        first = await insights.keep(connection, 1, "question", "one")
        await insights.keep(connection, 1, "another", "three")
        await insights.keep(connection, 2, "question", "four")
        second = await insights.keep(connection, 1, "question", "two")
        kept = await insights.cached(connection, 1, "question", 60.0)
        assert kept is not None
        assert kept[0] == "two"
        assert first <= kept[1] <= second
        assert await insights.cached(connection, 1, "question", -1.0) is None
        assert await insights.cached(connection, 3, "question", 60.0) is None
        await segments.forget(connection, 1)
        left = (await connection.execute(select(cache.c.segment_id, cache.c.answer))).all()
    assert [tuple(row) for row in left] == [(2, "four")]
