"""Changes over HTTP: one, many, or a hundred thousand lines, all of them or none."""

from __future__ import annotations

import io
import json
import resource
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import func, select

from syncd.domain.access import Role
from syncd.store.engine import Database
from syncd.store.tables import outbox
from tests.component.admin.house import THEIRS, House, Visitor

PATH = "/api/v1/changes"
LINES = {"Content-Type": "application/x-ndjson"}


def line(number: int = 0, **other: Any) -> bytes:
    given = {"segment": "ours", "action": "ADD", "payload": {"email": f"person{number}@example.com"}} | other
    return json.dumps(given).encode() + b"\n"


async def rows(database: Database) -> int:
    async with database.read() as connection:
        return int((await connection.execute(select(func.count()).select_from(outbox))).scalar_one())


async def stream(visitor: Visitor, body: Any, status: int, query: str = "") -> Any:
    async with await visitor.ask("POST", PATH + query, data=body, headers=LINES) as response:
        told = await response.json(content_type=None)
        assert response.status == status, told
        return told


async def test_one_change_stands_in_the_outbox_and_is_found_by_its_id(furnished: House) -> None:
    program = await furnished.program(Role.OPERATOR)
    taken = await program.send("POST", PATH, {"changes": [json.loads(line(1, subject_id="crm-1"))]}, 202)
    assert (taken["rows"], taken["rejected"]) == (1, 0)
    async with furnished.database.read() as connection:
        row = (await connection.execute(select(outbox))).one()
    payload = row.payload if isinstance(row.payload, dict) else json.loads(row.payload)
    assert (row.segment_key, row.action, row.subject_id) == ("ours", "ADD", "crm-1")
    assert payload == {"email": "person1@example.com"}
    found = await program.get(f"{PATH}/{row.id}")
    assert (found["outcome"], found["segment"]) == ("pending", "ours")
    assert "person1" not in json.dumps(found)


async def test_any_bad_line_refuses_them_all_and_every_bad_line_is_named(furnished: House) -> None:
    program = await furnished.program(Role.OPERATOR)
    body = b"".join(
        (
            line(1),
            b"not json\n",
            line(2, action="add"),
            line(3, segment="nobody-knows"),
            line(4, payload={"email": "no address"}),
            line(5, **{"jane@example.com": 1}),
            b"\n",
            line(6, payload={"email": "a\0b@example.com"}),
            line(7, payload={"email": "x@example.com", "first_name": "F" * 70_000}),
            line(8),
        )
    )
    problem = await stream(program, body, 422)
    assert [one["line"] for one in problem["errors"]] == [2, 3, 4, 5, 6, 8, 9]
    assert problem["detail"] == "nothing was taken: 7 of 9 lines are bad"
    assert "example.com" not in json.dumps(problem)
    assert await rows(furnished.database) == 0
    taken = await stream(program, body, 202, "?partial=true")
    assert (taken["rows"], taken["rejected"], len(taken["errors"])) == (2, 7, 7)
    assert await rows(furnished.database) == 2


async def test_of_very_many_bad_lines_a_refusal_names_every_one_and_a_partial_answer_a_thousand(
    furnished: House,
) -> None:
    program = await furnished.program(Role.OPERATOR)
    problem = await stream(program, b"{}\n" * 100_000, 422)
    assert [one["line"] for one in problem["errors"]] == list(range(1, 100_001))
    taken = await stream(program, b"{}\n" * 2_500, 202, "?partial=true")
    assert (taken["rejected"], len(taken["errors"]), taken["more_errors"]) == (2_500, 1_000, 1_500)


async def test_a_hundred_thousand_lines_are_taken_in_one_request_and_bounded_memory(furnished: House) -> None:
    program = await furnished.program(Role.OPERATOR)

    async def body() -> AsyncIterator[bytes]:
        for start in range(0, 100_000, 1_000):
            yield b"".join(line(number) for number in range(start, start + 1_000))

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    taken = await stream(program, body(), 202)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert taken["rows"] == 100_000
    assert await rows(furnished.database) == 100_000
    assert grown < 150 * 1024  # KiB


async def test_more_lines_than_that_are_refused_and_so_are_none(furnished: House) -> None:
    program = await furnished.program(Role.OPERATOR)
    await stream(program, b"{}\n" * 100_001, 413)
    await stream(program, b"{}\n" * 100_000 + b"{}", 413)
    await stream(program, b"\n\n", 400)
    await stream(program, b"", 400)


async def test_a_body_that_is_too_large_is_refused_while_it_comes(furnished: House) -> None:
    program = await furnished.program(Role.OPERATOR)
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 200:
            sent += 1
            yield b" " * 1_048_576

    async with await program.ask("POST", PATH, data=endless(), headers=LINES) as response:
        assert response.status == 413
    assert sent < 200
    too_much = io.BytesIO(b" " * 4_200_000)
    async with await program.ask("POST", PATH, data=too_much, headers={"Content-Type": "application/json"}) as response:
        assert response.status == 413


async def test_a_limited_program_sends_to_its_own_segments_only(furnished: House) -> None:
    program = await furnished.program(Role.OPERATOR, THEIRS)
    problem = await stream(program, line(1) + line(2, segment="theirs"), 422)
    unknown = await stream(program, line(1, segment="nowhere"), 422)
    assert problem["errors"] == [{"line": 1, "detail": "names a segment that does not exist"}]
    assert problem["errors"][0]["detail"] == unknown["errors"][0]["detail"]
    await stream(program, line(2, segment="theirs"), 202)


async def test_who_left_by_subject_needs_no_payload(furnished: House) -> None:
    program = await furnished.program(Role.OPERATOR)
    gone = {"segment": "ours", "action": "REMOVE", "subject_id": "crm-1"}
    await program.send("POST", PATH, {"changes": [gone]}, 202)


@pytest.mark.parametrize("number", ["99999", "0", "999999999999999999"])
async def test_a_row_nobody_knows_does_not_exist(furnished: House, number: str) -> None:
    program = await furnished.program(Role.VIEWER)
    await program.send("GET", f"{PATH}/{number}", status=404)
