"""How an intake begins and ends in the database: fenced, with its batches, counted once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial

import pytest
from sqlalchemy import select

from syncd.domain.batch import BatchKind, Draft, Element, RowFate
from syncd.domain.change import Kind, rank
from syncd.domain.segment import MemberKey
from syncd.errors import LeaseLost
from syncd.store import batches, intakes, leases, segments
from syncd.store.engine import Database
from syncd.store.leases import Grant
from syncd.store.suppressions import State
from syncd.store.tables import batches as batch_rows
from syncd.store.tables import leases as lease_rows


@pytest.fixture
async def database(store_url: str) -> AsyncIterator[Database]:
    database = Database(store_url)
    yield database
    await database.close()


async def _owned(database: Database) -> tuple[Grant, int]:
    """A member that is ours, and the id of its one segment."""
    wanted = segments.Declared(key="s", name="S", kind="user", account="urn:li:sponsoredAccount:1", member="ads")
    async with database.begin() as connection:
        await segments.declare(connection, {"ads": "default"}, [wanted], declared=True)
        await leases.announce(connection, "r1", ["ads", "other"])
        (binding,), _moment = await segments.of_members(connection, ["ads"])
    grant = await database.transact(lambda connection: leases.take(connection, "ads", "r1", 10.0))
    assert grant is not None
    return grant, binding.segment.id


def _draft(row: int) -> Draft:
    element = Element(add=True, ids=(b"\x01" + b"%032d" % row,), fields=b"", rank=rank(1, row), row=row)
    return Draft([element], [(row, RowFate.TAKEN)])


async def test_it_remembers_the_highest_row_whether_subjects_were_named_and_its_crashes(database: Database) -> None:
    grant, segment = await _owned(database)
    async with database.begin() as connection:
        assert (await intakes.arm(connection, segment)).crashes == 1
        assert await intakes.ended(connection, segment, [], 17, crashes=1, subjects=True) == []
        await intakes.ended(connection, segment, [], 9, crashes=1, subjects=False)
        assert await intakes.mark(connection, grant, segment) == intakes.Mark(
            1, None, 17, has_subjects=True, crashes=1, suppressed=State(0, 0, None)
        )


@pytest.mark.parametrize("count", [1, 2])
async def test_its_batches_are_stored_as_it_ends(database: Database, count: int) -> None:
    grant, segment = await _owned(database)
    drafts = [_draft(row) for row in range(5, 5 + count)]
    async with database.begin() as connection:
        numbers = await intakes.ended(connection, segment, drafts, 4 + count, crashes=2, subjects=False)
        mark = await intakes.mark(connection, grant, segment)
        (binding,), _moment = await segments.of_members(connection, ["ads"])
    assert binding.segment.kind is Kind.USER
    assert (mark.high_water, mark.crashes, mark.has_subjects) == (4 + count, 2, False)
    async with database.read() as connection:
        stored = await batches.open_of(connection, [segment])
        taken = (await connection.execute(select(batch_rows.c.first_id).order_by(batch_rows.c.id))).scalars().all()
    assert [one.id for one in stored] == numbers
    assert [one.elements for one in stored] == [draft.elements for draft in drafts]
    assert {one.kind for one in stored} == {BatchKind.LIVE}
    assert list(taken) == list(range(5, 5 + count))


async def test_nothing_is_taken_by_who_is_not_the_owner(database: Database) -> None:
    grant, segment = await _owned(database)
    others = (replace(grant, token=0), replace(grant, owner="r2"), replace(grant, member=MemberKey("other")))
    for other in others:
        with pytest.raises(LeaseLost, match="another replica"):
            await database.transact(partial(intakes.mark, grant=other, segment_id=segment))


async def test_a_takeover_is_waited_for_and_found(database: Database) -> None:
    grant, segment = await _owned(database)
    if not database.is_postgresql:
        return  # one writer at a time
    async with database.engine.connect() as other:
        await leases.alone(other, grant)
        taking = asyncio.ensure_future(database.transact(lambda connection: intakes.mark(connection, grant, segment)))
        done, _ = await asyncio.wait([taking], timeout=0.3)
        assert not done
        await other.execute(lease_rows.update().values(token=grant.token + 1, owner="r2"))
        await other.commit()
    with pytest.raises(LeaseLost, match="another replica"):
        await taking


async def test_a_takeover_waits_for_an_intake_and_a_renewal_does_not(database: Database) -> None:
    grant, segment = await _owned(database)
    if not database.is_postgresql:
        return
    async with database.engine.connect() as connection:
        await intakes.mark(connection, grant, segment)
        async with database.begin() as other:
            assert await leases.renew(other, "r1", {"ads": grant.token}, 10.0) == {"ads"}
        async with database.engine.connect() as other:
            waiting = asyncio.ensure_future(leases.alone(other, grant))
            done, _ = await asyncio.wait([waiting], timeout=0.3)
            assert not done
            await connection.rollback()
            await waiting
