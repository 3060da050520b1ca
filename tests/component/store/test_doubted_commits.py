"""A commit whose connection broke may be under way still: whoever wants to know waits for it, whatever it was."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.segment import MemberKey
from syncd.errors import LeaseLost
from syncd.store import leases
from syncd.store.engine import Database
from syncd.store.leases import Grant
from syncd.store.tables import leases as rows
from syncd.store.tables import replicas


async def test_who_looks_for_a_doubted_commit_waits_until_it_has_ended(store_url: str) -> None:
    database = Database(store_url)
    try:
        async with database.begin() as connection:
            await leases.announce(connection, "r1", ["ads"])
        grant = await database.transact(lambda c: leases.take(c, "ads", "r1", 10.0))
        assert grant is not None
        async with database.engine.connect() as doubted:
            await leases.fence(doubted, grant)
            await doubted.execute(insert(replicas).values(id="written", seen_at=0.0))
            looking = asyncio.create_task(_look(database, grant))
            done, _ = await asyncio.wait([looking], timeout=0.3)
            assert not done
            await doubted.commit()
        assert "written" in await looking
    finally:
        await database.close()


async def _look(database: Database, grant: Grant) -> set[str]:
    async def work(connection: AsyncConnection) -> set[str]:
        await leases.alone(connection, grant)
        return set((await connection.execute(select(replicas.c.id))).scalars())

    return await database.transact(work)


async def test_who_is_not_the_owner_any_more_learns_it(store_url: str) -> None:
    database = Database(store_url)
    try:
        async with database.begin() as connection:
            await leases.announce(connection, "r1", ["ads"])
        grant = await database.transact(lambda c: leases.take(c, "ads", "r1", 10.0))
        assert grant is not None
        old = Grant(MemberKey("ads"), "r1", grant.token - 1, clean=True)
        async with database.begin() as connection:
            with pytest.raises(LeaseLost, match="another replica"):
                await leases.alone(connection, old)
            assert (await connection.execute(select(rows.c.owner))).scalar_one() == "r1"
    finally:
        await database.close()
