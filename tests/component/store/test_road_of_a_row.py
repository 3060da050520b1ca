"""The statements of the road, on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.batch import BatchId, BatchKind, Draft, Element, Flag, RowFate, shape, unpack_rows
from syncd.domain.change import Rank, rank
from syncd.domain.collapse import Holder
from syncd.store import batches, leases, ledger, outbox, segments, source
from syncd.store.engine import Database
from syncd.store.tables import batches as batch_rows
from syncd.store.tables import outbox as outbox_rows


@pytest.fixture
async def database(store_url: str) -> AsyncIterator[Database]:
    database = Database(store_url)
    yield database
    await database.close()


async def commit(connection: AsyncConnection, segment: str, *payloads: dict[str, str]) -> None:
    as_text = connection.dialect.name == "sqlite"
    rows = [{"segment_key": segment, "action": "ADD", "payload": json.dumps(p) if as_text else p} for p in payloads]
    await connection.execute(insert(outbox_rows), rows)


async def test_waiting_names_every_segment_with_rows_once(database: Database) -> None:
    async with database.begin() as connection:
        for segment in ("b", "a", "c"):
            await commit(connection, segment, {"email": "x@example.com"}, {"email": "y@example.com"})
        assert await outbox.waiting(connection) == {"a", "b", "c"}


async def test_nothing_waits_in_an_empty_outbox(database: Database) -> None:
    async with database.read() as connection:
        assert await outbox.waiting(connection) == set()


async def test_take_deletes_the_oldest_rows_of_one_segment_in_order(database: Database) -> None:
    async with database.begin() as connection:
        await commit(connection, "a", *({"email": f"p{n}@example.com"} for n in range(5)))
        await commit(connection, "b", {"email": "other@example.com"})
        taken = await outbox.take(connection, "a", 3)
        assert [json.loads(payload)["email"] for payload in taken.payloads] == [f"p{n}@example.com" for n in range(3)]
        assert list(taken.rows) == sorted(taken.rows)
        assert len(await outbox.take(connection, "a", 3)) == 2
        assert await outbox.waiting(connection) == {"b"}
        assert abs(taken.created[0] / 1000 - await _clock(connection)) < 60


async def test_take_stops_at_four_mebibytes_of_payload_but_takes_one_row_at_least(database: Database) -> None:
    async with database.begin() as connection:
        big = "x" * 3 * 1024 * 1024
        await commit(connection, "a", {"email": big}, {"email": big + big}, {"email": "small@example.com"})
        assert [len(await outbox.take(connection, "a", 10)) for _ in range(3)] == [1, 1, 1]


async def test_the_ledger_keeps_the_newest_element_and_adds_ids_up(database: Database) -> None:
    one, two = b"\x01" + b"a" * 32, b"\x01" + b"b" * 32
    device = b"\x03" + b"00000000-0000-4000-8000-000000000001"
    async with database.begin() as connection:
        first = [
            Element(add=True, ids=(one, device), fields=b"", rank=rank(1, 5), row=5, flags=int(Flag.ANONYMOUS)),
            Element(add=True, ids=(two,), fields=b"", rank=rank(1, 6), row=6),
        ]
        await ledger.record(connection, 1, _batch(1), first, shape(first))
        later = [
            Element(add=True, ids=(one,), fields=b"", rank=rank(1, 7), row=7),
            Element(add=False, ids=(two,), fields=b"", rank=rank(1, 3), row=3),
        ]
        await ledger.record(connection, 1, _batch(2), later, shape(later))
        found = await ledger.entries(connection, 1, [one, two, b"\x01" + b"c" * 32])
        assert found[one].ids == (one, device)
        assert found[one].rank == rank(1, 7)
        assert found[one].anonymous
        assert found[two].present
        assert found[two].rank == rank(1, 6)
        assert await ledger.sizes(connection, [1, 2]) == {1: 2}
        gone = Element(add=False, ids=(one, device), fields=b"", rank=rank(1, 9), row=9)
        await ledger.record(connection, 1, _batch(3), [gone], shape([gone]))
        back = Element(add=True, ids=(one,), fields=b"", rank=rank(1, 10), row=10)
        await ledger.record(connection, 1, _batch(4), [back], shape([back]))
        found = await ledger.entries(connection, 1, [one])
        assert found[one].ids == (one,)
        assert not found[one].anonymous


async def test_batches_are_stored_in_order_and_read_back_whole(database: Database) -> None:
    element = Element(
        add=True, ids=(b"\x01" + b"a" * 32,), fields=b',"country":"US"', rank=rank(1, 5), row=5, created=7
    )
    async with database.begin() as connection:
        empty = Draft([], [(1, RowFate.DEAD), (2, RowFate.NEEDLESS)])
        full = Draft([element], [(5, RowFate.TAKEN), (4, RowFate.SUPERSEDED)])
        first, second = await batches.write(connection, 3, BatchKind.LIVE, [empty, full])
        assert first < second
        (stored,) = await batches.open_of(connection, [3])
        assert (stored.id, stored.kind, stored.elements) == (second, BatchKind.LIVE, [element])
        await batches.settle(
            connection,
            batches.Settled(
                batch=second,
                states=None,
                accepted=1,
                refused=0,
                dropped=0,
                rows_applied=1,
                rows_superseded=0,
                rows_dead=0,
                attempts=1,
                words="",
                uuid="support-id",
            ),
        )
        assert await batches.open_of(connection, [3]) == []
        row = (await connection.execute(select(batch_rows).where(batch_rows.c.id == second))).one()
        assert (row.body, row.rows_applied, row.rows_superseded, row.uuid) == (None, 1, 1, "support-id")
        assert row.closed_at is not None
        assert unpack_rows(row.row_fates) == {4: RowFate.SUPERSEDED, 5: RowFate.TAKEN}


async def test_subjects_hold_identities_until_released(database: Database) -> None:
    identity = b"\x01" + b"a" * 32
    async with database.begin() as connection:
        held = {"c1": Holder(identity, Rank(4)), "c2": Holder(identity, Rank(8)), "c3": Holder(None, Rank(5))}
        await ledger.hold(connection, 1, held)
        assert await ledger.lines(connection, 1, ["c1", "c2", "c3", "c4"]) == held
        assert await ledger.holders(connection, 1, [identity]) == {identity: 2}
        await ledger.release(connection, 1, {identity: Rank(6)})
        assert await ledger.holders(connection, 1, [identity]) == {identity: 1}
        assert (await ledger.lines(connection, 1, ["c1"]))["c1"] == Holder(None, Rank(6))


async def test_a_lease_fences_its_owner_before(database: Database) -> None:
    async with database.begin() as connection:
        await leases.announce(connection, "one", ["m"])
        assert await leases.free(connection, ["m"]) == ["m"]
        grant = await leases.take(connection, "m", "one", 100.0)
        assert grant is not None
        assert grant.clean
        assert await leases.take(connection, "m", "two", 100.0) is None
        assert await leases.fence(connection, grant) > 0
        assert await leases.renew(connection, "one", {"m": grant.token}, -1.0) == {"m"}
        other = await leases.take(connection, "m", "two", 100.0)
        assert other is not None
        assert not other.clean
        assert other.token > grant.token
    with pytest.raises(Exception, match="another replica"):
        async with database.begin() as connection:
            await leases.fence(connection, grant)


async def test_the_origin_of_ids_is_read_and_recorded(database: Database) -> None:
    async with database.begin() as connection:
        assert (await source.origin(connection)).last_id == 0
        await commit(connection, "a", {"email": "x@example.com"})
        found = await source.origin(connection)
        assert found.last_id == 1
        await source.adopt(connection, found)
        assert (await source.recorded(connection)).system_identifier == found.system_identifier
        assert await source.start_epoch(connection, found) == 2
        await source.note_horizon(connection)
    async with database.begin() as connection:
        gone = [Element(add=False, ids=(b"\x01" + b"a" * 32,), fields=b"", rank=1, row=1)]
        await ledger.record(connection, 1, _batch(1), gone, shape(gone))
    async with database.begin() as connection:
        await source.note_horizon(connection)
    async with database.begin() as connection:
        assert await source.prune(connection, keep=3600.0) == 0
        assert await source.prune(connection, keep=-1.0) == 1


async def test_declared_segments_are_made_once_and_keep_their_kind(database: Database) -> None:
    wanted = segments.Declared(key="s", name="S", kind="user", account="urn:li:sponsoredAccount:1", member="m")
    async with database.begin() as connection:
        assert await segments.declare(connection, {"m": "default"}, [wanted], declared=True) == []
        renamed = segments.Declared(key="s", name="T", kind="user", account="urn:li:sponsoredAccount:1", member="m")
        assert await segments.declare(connection, {"m": "default"}, [renamed], declared=True) == []
        other = segments.Declared(key="s", name="T", kind="company", account="urn:li:sponsoredAccount:1", member="m")
        assert len(await segments.declare(connection, {"m": "default"}, [other], declared=True)) == 1
        (binding,), _moment = await segments.of_members(connection, ["m"])
        assert binding.segment.name == "T"


def _batch(number: int) -> BatchId:
    return BatchId(number)


async def _clock(connection: AsyncConnection) -> float:
    from syncd.store.tables import epoch, now  # noqa: PLC0415

    return float((await connection.execute(select(epoch(now())))).scalar_one())


async def test_enqueue_draws_ids_and_writes_rows(database: Database) -> None:
    if not database.is_postgresql:
        return
    async with database.begin() as connection:
        many = json.dumps(
            [{"segment_key": "s", "action": "ADD", "payload": {"email": f"p{n}@example.com"}} for n in range(3)]
        )
        assert (await connection.execute(text("select syncd.enqueue_many(:rows)"), {"rows": many})).scalar() == 3
