"""The settlement in one statement: ledger and batch together, under the lease, and only once, however late it arrives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest
from sqlalchemy import select

from syncd.domain.batch import BatchKind, Draft, Element, Flag, RowFate, shape
from syncd.domain.change import rank
from syncd.errors import LeaseLost
from syncd.store import batches, closing, leases, ledger
from syncd.store.engine import Database
from syncd.store.leases import Grant
from syncd.store.tables import batches as batch_rows
from syncd.store.tables import leases as lease_rows
from syncd.store.tables import ledger as ledger_rows
from tests.conftest import fresh_database
from tests.postgres import PostgresServer

SEGMENT = 3
LEAVES = Element(add=False, ids=(b"\x01" + b"b" * 32, b"\x03aid"), fields=b"", rank=rank(1, 6), row=6)
JOINS = Element(add=True, ids=(b"\x01" + b"a" * 32,), fields=b"", rank=rank(1, 5), row=5, flags=int(Flag.ANONYMOUS))


@pytest.fixture
def url(postgres_server: PostgresServer, migrated_template: str) -> Iterator[str]:
    with fresh_database(postgres_server, migrated_template) as made:
        yield made


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    database = Database(url)
    yield database
    await database.close()


async def _owned(database: Database) -> Grant:
    async with database.begin() as connection:
        await leases.announce(connection, "r1", ["ads"])
    grant = await database.transact(lambda connection: leases.take(connection, "ads", "r1", 10.0))
    assert grant is not None
    return grant


async def _stored(database: Database) -> closing.Accepted:
    draft = Draft([JOINS, LEAVES], [(5, RowFate.TAKEN), (6, RowFate.TAKEN)])
    async with database.begin() as connection:
        (batch,) = await batches.write(connection, SEGMENT, BatchKind.LIVE, [draft])
    return closing.Accepted(
        batch=batch,
        segment_id=SEGMENT,
        elements=draft.elements,
        shape=shape(draft.elements),
        rows_applied=2,
        attempts=2,
        words="",
        uuid="support-id",
    )


async def test_everything_accepted_is_in_the_ledger_and_the_batch_closed(database: Database) -> None:
    grant, accepted = await _owned(database), await _stored(database)
    moment = await database.at_once(lambda connection: closing.close(connection, grant, accepted))
    assert moment is not None
    assert moment > 1.7e9
    async with database.read() as connection:
        row = (await connection.execute(select(batch_rows))).one()
        assert (row.open, row.body, row.states, row.accepted, row.rows_applied) == (False, None, None, 2, 2)
        assert (row.attempts, row.words, row.uuid) == (2, "", "support-id")
        assert row.closed_at is not None
        found = await ledger.entries(connection, SEGMENT, [JOINS.identity, LEAVES.identity])
    joined, left = found[JOINS.identity], found[LEAVES.identity]
    assert (joined.present, joined.rank, joined.anonymous) == (True, JOINS.rank, True)
    assert (left.present, left.rank, left.ids) == (False, LEAVES.rank, LEAVES.ids)


async def test_it_takes_effect_once_even_if_the_ledger_went_on_meanwhile(database: Database) -> None:
    """Its connection broke, it was written another way, and then it arrives all the same."""
    grant, accepted = await _owned(database), await _stored(database)
    assert await database.at_once(lambda connection: closing.close(connection, grant, accepted)) is not None
    async with database.begin() as connection:
        before = (await connection.execute(select(batch_rows))).one()
        await connection.execute(ledger_rows.delete())
    assert await database.at_once(lambda connection: closing.close(connection, grant, accepted)) is None
    async with database.read() as connection:
        assert (await connection.execute(select(batch_rows))).one() == before
        assert await ledger.entries(connection, SEGMENT, [JOINS.identity]) == {}


async def test_nothing_is_written_by_who_is_not_the_owner_any_more(database: Database) -> None:
    grant, accepted = await _owned(database), await _stored(database)
    old = replace(grant, token=grant.token - 1)
    with pytest.raises(LeaseLost, match="another replica"):
        await database.at_once(lambda connection: closing.close(connection, old, accepted))
    async with database.read() as connection:
        assert (await connection.execute(select(batch_rows.c.open))).scalar_one()
        assert await ledger.entries(connection, SEGMENT, [JOINS.identity]) == {}


async def test_a_takeover_is_waited_for_and_found(database: Database) -> None:
    """It locks the lease like every other write of an owner: while somebody takes the member over, it waits."""
    grant, accepted = await _owned(database), await _stored(database)
    async with database.engine.connect() as other:
        await leases.alone(other, grant)
        settling = asyncio.ensure_future(
            database.at_once(lambda connection: closing.close(connection, grant, accepted))
        )
        done, _ = await asyncio.wait([settling], timeout=0.3)
        assert not done
        await other.execute(lease_rows.update().values(token=grant.token + 1, owner="r2"))
        await other.commit()
    with pytest.raises(LeaseLost, match="another replica"):
        await settling
    async with database.read() as connection:
        assert (await connection.execute(select(batch_rows.c.open))).scalar_one()


async def test_older_words_and_support_ids_stay_where_none_follow(database: Database) -> None:
    grant, accepted = await _owned(database), await _stored(database)
    async with database.begin() as connection:
        await connection.execute(batch_rows.update().values(words="503 away", uuid="older"))
    silent = replace(accepted, uuid="")
    assert await database.at_once(lambda connection: closing.close(connection, grant, silent)) is not None
    async with database.read() as connection:
        row = (await connection.execute(select(batch_rows.c.words, batch_rows.c.uuid))).one()
    assert tuple(row) == ("503 away", "older")
