"""Idempotency keys: the same request with the same key is answered, not repeated."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from sqlalchemy import func, select, update

from syncd.domain.access import Role
from syncd.store.audit import audit
from syncd.store.engine import Database
from syncd.store.sessions import idempotency_keys
from syncd.store.tables import later, outbox
from tests.component.admin.house import House

PATH = "/api/v1/changes"
KEY = {"Idempotency-Key": "order-1"}
BODY = {"changes": [{"segment": "ours", "action": "ADD", "payload": {"email": "a@example.com"}}]}


async def count(database: Database, table: Any) -> int:
    async with database.read() as connection:
        return int((await connection.execute(select(func.count()).select_from(table))).scalar_one())


async def test_the_second_request_gets_the_first_ones_answer(furnished: House) -> None:
    program = await furnished.program(Role.OPERATOR)
    first = await program.send("POST", PATH, BODY, 202, headers=KEY)
    async with await program.ask("POST", PATH, json=BODY, headers=KEY) as again:
        assert (again.status, again.headers["Idempotency-Replayed"]) == (202, "true")
        assert await again.json() == first
    assert await count(furnished.database, outbox) == 1
    await program.send("POST", PATH, BODY, 202, headers={"Idempotency-Key": "order-2"})
    assert await count(furnished.database, outbox) == 2


async def test_a_stream_is_taken_once_too(furnished: House) -> None:
    program = await furnished.program(Role.OPERATOR)
    lines = json.dumps(BODY["changes"][0]).encode() + b"\n"
    told = []
    for body, status in ((lines * 3, 202), (lines * 3, 202), (lines * 4, 422)):
        headers = {"Content-Type": "application/x-ndjson", **KEY}
        async with await program.ask("POST", PATH, data=body, headers=headers) as response:
            assert response.status == status
            told.append(await response.json(content_type=None))
    assert told[0] == told[1]
    assert await count(furnished.database, outbox) == 3


async def test_an_answer_without_a_body_is_repeated_too(furnished: House) -> None:
    program = await furnished.program(Role.OPERATOR)
    for _ in range(2):
        await program.send("POST", "/api/v1/members/demo/pause", {}, 204, headers=KEY)
    async with furnished.database.read() as connection:
        paused = select(func.count()).select_from(audit).where(audit.c.action == "member.pause")
        assert (await connection.execute(paused)).scalar_one() == 1


async def test_another_request_with_the_key_is_refused(furnished: House) -> None:
    program = await furnished.program(Role.OPERATOR)
    await program.send("POST", PATH, BODY, 202, headers=KEY)
    other = {"changes": [{**BODY["changes"][0], "action": "REMOVE"}]}
    await program.send("POST", PATH, other, 422, headers=KEY)
    await program.send("POST", "/api/v1/segments/ours/pause", {}, 422, headers=KEY)
    await program.send("POST", PATH + "?partial=true", BODY, 422, headers=KEY)
    assert await count(furnished.database, outbox) == 1


async def test_a_key_is_its_callers_own(furnished: House) -> None:
    for _ in range(2):
        program = await furnished.program(Role.OPERATOR)
        await program.send("POST", PATH, BODY, 202, headers=KEY)
    assert await count(furnished.database, outbox) == 2


async def test_of_many_at_once_one_does_the_work(furnished: House) -> None:
    program = await furnished.program(Role.OPERATOR)

    async def once() -> int:
        async with await program.ask("POST", PATH, json=BODY, headers=KEY) as response:
            return response.status

    statuses = await asyncio.gather(*(once() for _ in range(8)))
    assert set(statuses) <= {202, 409}
    assert 202 in statuses
    assert await count(furnished.database, outbox) == 1


async def test_a_refused_request_leaves_its_key_free(furnished: House) -> None:
    program = await furnished.program(Role.OPERATOR)
    bad = {"changes": [{**BODY["changes"][0], "segment": "unknown"}]}
    await program.send("POST", PATH, bad, 422, headers=KEY)
    await program.send("POST", PATH, BODY, 202, headers=KEY)


async def test_a_key_ends_after_a_day_and_one_whose_request_died_after_two_minutes(furnished: House) -> None:
    program = await furnished.program(Role.OPERATOR)
    await program.send("POST", PATH, BODY, 202, headers=KEY)
    async with furnished.database.begin() as connection:
        await connection.execute(update(idempotency_keys).values(ends_at=later(-1.0)))
    await program.send("POST", PATH, BODY, 202, headers=KEY)
    assert await count(furnished.database, outbox) == 2
    async with furnished.database.begin() as connection:
        await connection.execute(update(idempotency_keys).values(status=None, answer=None))
    await program.send("POST", PATH, BODY, 409, headers=KEY)
    async with furnished.database.begin() as connection:
        await connection.execute(update(idempotency_keys).values(claimed_until=later(-1.0)))
    await program.send("POST", PATH, BODY, 202, headers=KEY)


@pytest.mark.parametrize("key", ["", "with blank", "k" * 101])
async def test_what_is_no_key_is_refused(furnished: House, key: str) -> None:
    program = await furnished.program(Role.OPERATOR)
    await program.send("POST", PATH, BODY, 400, headers={"Idempotency-Key": key})
    assert await count(furnished.database, outbox) == 0
