"""A member of a process that froze, SIGSTOP or a paused machine, goes to another replica wherever it froze: PostgreSQL ends a
session that is idle in a transaction, but none that stopped between preparing a statement and executing it.
"""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any, cast

import asyncpg  # type: ignore[import-untyped]  # it ships no types
import pytest
from sqlalchemy import text, update

from syncd.domain.events import DatabaseFailed, Event, LeaseTaken
from syncd.domain.segment import MemberKey
from syncd.pipeline.member import Member, Tools
from syncd.pipeline.origin import Origin
from syncd.pipeline.own import Ownership
from syncd.pipeline.suppress import Suppression
from syncd.store import leases
from syncd.store.engine import Database
from syncd.store.leases import Grant
from syncd.store.tables import leases as lease_rows
from syncd.store.tables import now

_PATIENT: float = 8.0
"""Seconds; a lock that nobody clears ends a statement after ten."""


async def _leased(database: Database) -> None:
    """The member was owned by a replica until now."""
    async with database.begin() as connection:
        await leases.announce(connection, "second", ["ads"])
        await leases.take(connection, "ads", "frozen", 1.0)
        await connection.execute(update(lease_rows).values(free_at=now()))


async def _frozen(url: str, name: str) -> asyncpg.Connection:
    """A session that holds the lease, and has prepared a statement which it will never execute."""
    connection = await asyncpg.connect(
        url.replace("postgresql+asyncpg://", "postgresql://"),
        server_settings={"application_name": name, "idle_in_transaction_session_timeout": "500"},
    )
    await connection.execute("begin")
    await connection.execute("select 1 from syncd.leases where member = 'ads' for key share")
    await connection.prepare("select 'before it is executed'")
    return connection


def _ownership(database: Database, told: asyncio.Queue[Event]) -> Ownership:
    tools = Tools(
        database=database,
        emit=told.put_nowait,
        monotonic=time.monotonic,
        dice=lambda: 0.5,
        request_timeout=0.1,
        allow_names_only=False,
        origin=Origin(database, told.put_nowait),
        suppression=Suppression(None),
    )

    def enrol(grant: Grant) -> Member:
        made: Any = SimpleNamespace(key=grant.member, lost=False, unwritten={}, trusted_until=0.0)
        return cast(Member, made)

    async def work(_member: Member, stop: asyncio.Event) -> bool:
        await stop.wait()
        return True

    return Ownership("second", [MemberKey("ads")], 30.0, enrol, work, tools)


async def _taken(database: Database, told: asyncio.Queue[Event]) -> list[Event]:
    """What was said until the member was taken."""
    stop = asyncio.Event()
    running = asyncio.create_task(_ownership(database, told).run(stop))
    heard: list[Event] = []
    try:
        async with asyncio.timeout(_PATIENT):
            while not (heard and isinstance(heard[-1], LeaseTaken)):
                heard.append(await told.get())
    finally:
        stop.set()
        await running
    return heard


@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
async def test_a_member_is_taken_whose_owner_froze_between_preparing_and_executing(store_url: str) -> None:
    database = Database(store_url)
    await _leased(database)
    owner = await _frozen(store_url, "syncd")
    try:
        heard = await _taken(database, asyncio.Queue())
        assert [one.words for one in heard if isinstance(one, DatabaseFailed)] == [
            "1 sessions were closed that held the lease of ads, which had ended"
        ]
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
            await owner.execute("commit")
    finally:
        owner.terminate()
        await database.close()


@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
async def test_whoever_is_somebody_else_or_waits_for_a_lock_is_left_alone(store_url: str) -> None:
    database = Database(store_url)
    await _leased(database)
    owner = await _frozen(store_url, "psql")
    try:
        async with (
            database.engine.connect() as first,
            database.engine.connect() as second,
            database.read() as beside,
        ):
            takings = []
            for waiting in (first, second):
                session = await leases.session(waiting)
                assert session is not None
                takings.append(asyncio.create_task(leases.take(waiting, "ads", "second", 1.0)))
                while not await beside.scalar(text("select cardinality(pg_blocking_pids(:pid))"), {"pid": session}):
                    assert not takings[-1].done()
                assert await leases.clear(beside, session, 0.0) == 0
            await owner.execute("commit")
            assert await takings[0] is not None
            await first.commit()
            assert await takings[1] is None
    finally:
        owner.terminate()
        await database.close()
