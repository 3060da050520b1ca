"""Idempotency keys: the same request with the same key is answered, not repeated."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from sqlalchemy import func, select, update

from syncd.admin import repeats
from syncd.admin.api.wire import Why
from syncd.admin.app import ROUTES
from syncd.admin.routes import Call, Reach, Route
from syncd.domain.access import Role
from syncd.errors import Transient
from syncd.operations import segments
from syncd.settings import Settings
from syncd.store.audit import audit
from syncd.store.engine import Database
from syncd.store.people import api_tokens
from syncd.store.plans import resyncs
from syncd.store.sessions import idempotency_keys
from syncd.store.tables import epoch, later, outbox
from syncd.store.tables import now as database_now
from syncd.store.tables import segments as rows
from tests.component.admin.furnished import furnish
from tests.component.admin.house import House, opened
from tests.component.admin.test_matrix import API, plain

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


WITHOUT = {
    "POST /api/v1/session",  # nobody is known yet whose key it could be
    "POST /api/v1/session/password",  # the answer is another session, which is kept nowhere
    "DELETE /api/v1/session",  # it ends the session, again if need be
    "POST /api/v1/segments/{segment}/insights",  # this and what follows ask
    "POST /api/v1/segments/{segment}/forecast",
    "POST /api/v1/opt-outs/check",
    "POST /api/v1/presence",
}


def test_whatever_acts_takes_a_key() -> None:
    assert {plain(route) for route in API if not route.is_safe and not route.starts_work} == WITHOUT


PAUSE = "/api/v1/segments/ours/pause-and-break"


async def pauses(database: Database) -> int:
    async with database.read() as connection:
        found = select(func.count()).select_from(audit).where(audit.c.action == "segment.pause")
        return int((await connection.execute(found)).scalar_one())


class Breaking:
    """A route that pauses a segment, and then may fail or wait."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.go_on = asyncio.Event()
        self.runs = 0

    async def handle(self, call: Call) -> None:
        self.runs += 1
        await self.go_on.wait()
        await segments.pause(call.desk.database, "ours", by=call.caller.by("TICKET-1"))
        if self.error is not None:
            raise self.error

    def route(self) -> Route:
        return Route(
            method="POST", path=PAUSE, handler=self.handle, summary="", subject="", role=Role.OPERATOR,
            reach=Reach.NOWHERE, body=Why, status=204, starts_work=True,
        )  # fmt: skip


@pytest.fixture
async def broken() -> Breaking:
    return Breaking()


@pytest.fixture
async def fragile(database: Database, settings: Settings, broken: Breaking) -> AsyncIterator[House]:
    async with opened(database, settings, (*ROUTES, broken.route())) as house:
        await furnish(database)
        yield house


@pytest.mark.parametrize(("error", "status"), [(Transient("gone"), 503), (RuntimeError("odd"), 500)])
async def test_work_that_was_committed_is_never_done_again_whatever_fails_after_it(
    fragile: House, broken: Breaking, error: Exception, status: int
) -> None:
    program = await fragile.program(Role.OPERATOR)
    broken.go_on.set()
    broken.error = error
    await program.send("POST", PAUSE, {}, status, headers=KEY)
    told = await program.send("POST", PAUSE, {}, 409, headers=KEY)
    assert "is done" in told["detail"]
    async with fragile.database.begin() as connection:
        await connection.execute(update(idempotency_keys).values(claimed_until=later(-1.0)))
    await program.send("POST", PAUSE, {}, 409, headers=KEY)
    assert (broken.runs, await pauses(fragile.database)) == (1, 1)


async def test_what_fails_before_its_work_leaves_its_key_free(fragile: House, broken: Breaking) -> None:
    program = await fragile.program(Role.OPERATOR)
    broken.go_on.set()
    async with fragile.database.begin() as connection:
        await connection.execute(update(rows).values(key="elsewhere").where(rows.c.key == "ours"))
    await program.send("POST", PAUSE, {}, 404, headers=KEY)
    await program.send("POST", PAUSE, {}, 404, headers=KEY)
    assert (broken.runs, await pauses(fragile.database)) == (2, 0)


async def test_a_request_that_takes_long_is_not_taken_for_dead(
    fragile: House, broken: Breaking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repeats, "_LIVES", 0.001)
    program = await fragile.program(Role.OPERATOR)
    first = asyncio.create_task(program.send("POST", PAUSE, {}, 204, headers=KEY))
    k = idempotency_keys.c

    async def left() -> float:
        async with fragile.database.read() as connection:
            row = (
                await connection.execute(select(epoch(k.claimed_until) - epoch(database_now())))
            ).scalar_one_or_none()
        return float(row) if row is not None else 0.0

    while not broken.runs:
        await left()
    async with fragile.database.begin() as connection:
        await connection.execute(update(idempotency_keys).values(claimed_until=later(-1.0)))
    async with asyncio.timeout(10):
        while await left() < 60:
            pass
    await program.send("POST", PAUSE, {}, 409, headers=KEY)
    broken.go_on.set()
    await first
    assert (broken.runs, await pauses(fragile.database)) == (1, 1)


async def test_of_two_that_both_think_the_key_is_theirs_one_does_the_work(fragile: House, broken: Breaking) -> None:
    program = await fragile.program(Role.OPERATOR)

    async def once() -> int:
        async with await program.ask("POST", PAUSE, json={}, headers=KEY) as response:
            return response.status

    frozen = asyncio.create_task(once())
    while broken.runs < 1:
        await count(fragile.database, idempotency_keys)
    async with fragile.database.begin() as connection:
        await connection.execute(update(idempotency_keys).values(claimed_until=later(-1.0)))
    second = asyncio.create_task(once())
    while broken.runs < 2:
        await count(fragile.database, idempotency_keys)
    broken.go_on.set()
    assert (await frozen, await second) == (409, 204)
    assert await pauses(fragile.database) == 1
    assert await once() == 204
    assert broken.runs == 2


async def test_a_token_is_made_once_and_kept_under_no_key(house: House) -> None:
    program = await house.program(Role.ADMIN)
    made = await program.send("POST", "/api/v1/tokens", {"name": "crm", "role": "viewer"}, 201, headers=KEY)
    await program.send("POST", "/api/v1/tokens", {"name": "crm", "role": "viewer"}, 409, headers=KEY)
    assert await count(house.database, api_tokens) == 2
    async with house.database.read() as connection:
        row = (await connection.execute(select(idempotency_keys))).one()
    assert made["token"].rsplit("_", 1)[1] not in repr(tuple(row))


async def test_what_is_kept_of_a_request_cannot_be_guessed_from_the_database(furnished: House) -> None:
    for role in (Role.OPERATOR, Role.ADMIN):
        program = await furnished.program(role)
        await program.send("POST", PATH, BODY, 202, headers=KEY)
    async with furnished.database.read() as connection:
        kept = [bytes(one) for one in (await connection.execute(select(idempotency_keys.c.asked))).scalars()]
    raw = json.dumps(BODY).encode()
    assert len(set(kept)) == 2
    assert sha256(b"\0".join((f"POST {PATH}".encode(), PATH.encode(), raw))).digest() not in kept


async def test_a_snapshot_is_taken_once_and_one_that_broke_off_may_come_again(furnished: House) -> None:
    async with furnished.database.begin() as connection:
        await connection.execute(update(rows).values(dmp_id=7))
    program = await furnished.program(Role.OPERATOR)
    path = "/api/v1/segments/ours/resyncs/snapshot"
    as_of = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    told = []
    for body, status in (
        ('email\n"a@example.com\n', 422),
        ("email\na@example.com\n", 201),
        ("email\na@example.com\n", 201),
        ("email\nb@example.com\n", 422),
    ):
        headers = {"Content-Type": "text/csv", **KEY}
        async with await program.ask("POST", path, data=body, headers=headers, params={"as_of": as_of}) as response:
            assert response.status == status, await response.text()
            told.append(await response.json(content_type=None))
    assert told[1] == told[2]
    assert await count(furnished.database, resyncs) == 2  # one of them failed
