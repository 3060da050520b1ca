"""Hostile input: too large, too deep, of the wrong kind, or made to be shown; and headers that hold whatever is asked."""

from __future__ import annotations

import asyncio
import base64
import csv
import io
import json
from typing import Any

import pytest

from syncd.admin.api.letters import safe
from syncd.admin.app import ROUTES
from syncd.admin.headers import CSP
from syncd.admin.routes import Call, Reach, Route
from syncd.domain.access import Role
from syncd.settings import Settings
from syncd.store.engine import Database
from tests.component.admin.house import OURS, House, opened
from tests.component.admin.test_matrix import API, asked, plain

JSON = {"Content-Type": "application/json"}
TOKENS = "/api/v1/tokens"


async def posted(house: House, body: bytes, headers: dict[str, str] | None = None) -> tuple[int, str]:
    program = await house.program()
    async with await program.ask("POST", TOKENS, data=io.BytesIO(body), headers=headers or JSON) as response:
        return response.status, await response.text()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"null", 400),
        (b"[]", 400),
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b"[" * 100_000, 400),
        (b'{"name": "x", "role": "root"}', 400),
        (b'{"name": "x", "role": "viewer", "days": 1e400}', 400),
        (b'{"name": "x", "role": "viewer", "days": 99999999999999999999}', 400),
        (b'{"name": "x", "role": "viewer", "jane@example.com": 1}', 400),
        (b'{"name": "x", "role": "jane@example.com"}', 400),
        (b'{"name": "\\u0000", "role": "viewer"}', 400),
        (b'{"name": "x", "role": "viewer", "reason": "asked by jane@example.com"}', 422),
        (b'{"name": "' + b"x" * 2_000_000 + b'", "role": "viewer"}', 413),
    ],
)
async def test_a_body_that_is_wrong_is_refused_without_quoting_it(house: House, body: bytes, status: int) -> None:
    told, text = await posted(house, body)
    assert told == status, text
    assert "jane" not in text
    assert json.loads(text)["status"] == status


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
        {"Content-Type": "application/xml"},
    ],
)
async def test_a_body_of_another_kind_is_refused(house: House, headers: dict[str, str]) -> None:
    assert (await posted(house, b"{}", headers))[0] == 415


@pytest.mark.parametrize(
    "query",
    [
        "?limit=0",
        "?limit=201",
        "?limit=ten",
        "?limit=1&limit=2",
        "?order=id;drop table segments",
        "?cursor=%00",
        "?cursor=" + "A" * 500,
        "?status=" + "A" * 500,
        "?parked=perhaps",
        "?jane@example.com=1",
    ],
)
async def test_a_query_that_is_wrong_is_refused_without_quoting_it(furnished: House, query: str) -> None:
    program = await furnished.program(Role.VIEWER)
    problem = await program.send("GET", f"/api/v1/segments{query}", status=400)
    assert "jane" not in json.dumps(problem)


def forged(*parts: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    ["x", "AAAA", forged("audit", 1), forged("letters", -1), forged("letters", "1"), forged("letters", 2**80), "é"],
)
async def test_a_cursor_that_is_none_of_the_list_is_refused(furnished: House, cursor: str) -> None:
    program = await furnished.program(Role.VIEWER)
    await program.send("GET", f"/api/v1/dead-letters?cursor={cursor}", status=422)


async def test_a_list_is_read_page_by_page_without_repeating_or_leaving_out(furnished: House) -> None:
    program = await furnished.program(Role.VIEWER)
    for path, key in (("/api/v1/dead-letters", "id"), ("/api/v1/segments", "key"), ("/api/v1/batches", "id")):
        whole = [one[key] for one in (await program.get(path))["items"]]
        found, cursor = [], ""
        while True:
            part = await program.get(f"{path}?limit=1{cursor}")
            found += [one[key] for one in part["items"]]
            if part["next_cursor"] is None:
                break
            cursor = f"&cursor={part['next_cursor']}"
        assert len(whole) > 1
        assert found == whole


@pytest.mark.parametrize("key", ["..%2f..%2fetc", "%00", "a'--", "<script>", "%F0%9F%98%80", "a" * 3_000])
async def test_a_path_with_anything_in_it_is_no_segment(furnished: House, key: str) -> None:
    program = await furnished.program(Role.VIEWER)
    async with await program.ask("GET", f"/api/v1/segments/{key}") as response:
        assert response.status == 404
        assert "script" not in await response.text()


async def test_a_header_that_is_too_large_is_refused(house: House) -> None:
    async with await (await house.visitor()).ask(
        "GET", "/api/v1/session", headers={"X-Large": "x" * 20_000}
    ) as response:
        assert response.status == 400


async def test_what_is_no_http_gets_no_more_than_a_refusal(house: House) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", house.server.port)
    writer.write(b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n")
    await writer.drain()
    answer = await asyncio.wait_for(reader.read(2_000), 5)
    writer.close()
    await writer.wait_closed()
    assert b"400" in answer.split(b"\r\n")[0]
    assert b"Traceback" not in answer


async def test_a_name_made_to_be_run_comes_back_as_text(furnished: House) -> None:
    program = await furnished.program()
    name = "<img src=x onerror=alert(1)>"
    body = {"key": "hostile", "name": name, "kind": "user", "account": OURS, "member": "demo"}
    async with await program.ask("POST", "/api/v1/segments", json=body) as response:
        assert response.status == 201, await response.text()
        assert response.content_type == "application/json"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert (await response.json())["segment"]["name"] == name


async def test_an_export_holds_no_formulas(furnished: House) -> None:
    program = await furnished.program(Role.VIEWER)
    async with await program.ask("GET", "/api/v1/dead-letters/export") as response:
        assert (response.status, response.content_type) == (200, "text/csv")
        assert response.headers["Content-Disposition"] == 'attachment; filename="dead-letters.csv"'
        assert response.headers["Content-Security-Policy"] == CSP
        head, *lines = list(csv.reader(io.StringIO(await response.text())))
    assert head[:2] == ["id", "segment"]
    assert len(lines) == 4
    assert "'=HYPERLINK is no address" in [line[5] for line in lines]


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM", "\t=1", "\r=1", "\n=1"])
def test_a_cell_that_a_spreadsheet_would_run_is_quoted(cell: str) -> None:
    assert safe(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["plain", "a=1", 7, None, True])
def test_any_other_cell_stays_as_it_is(cell: object) -> None:
    assert safe(cell) == ("" if cell is None else str(cell))


SECURE = {
    "Content-Security-Policy": CSP,
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


async def test_every_answer_carries_the_headers_that_guard_a_browser(furnished: House) -> None:
    assert "unsafe" not in CSP
    assert "frame-ancestors 'none'" in CSP
    program, nobody = await furnished.program(), await furnished.visitor()
    for visitor in (program, nobody):
        for method, path in (
            *((route.method, plain(route).partition(" ")[2].replace("{", "x").replace("}", "")) for route in API),
            ("GET", "/healthz"),
            ("GET", "/readyz"),
            ("GET", "/nothing/here"),
            ("PUT", "/api/v1/session"),
        ):
            async with await visitor.ask(method, path) as response:
                held = {name: response.headers.get(name) for name in SECURE}
                assert held == SECURE, (method, path, response.status)
                assert "Server" not in response.headers


async def test_every_error_is_a_problem_even_one_nobody_meant(database: Database, settings: Settings) -> None:
    async def breaks(_call: Call) -> None:
        raise RuntimeError("jane@example.com")

    broken = Route(
        method="GET",
        path="/api/v1/broken",
        handler=breaks,
        summary="",
        subject="",
        role=Role.VIEWER,
        reach=Reach.NOWHERE,
    )
    async with opened(database, settings, (*ROUTES, broken)) as house:
        program = await house.program()
        for method, path, status in (
            ("GET", "/api/v1/broken", 500),
            ("GET", "/api/v1/nowhere", 404),
            ("PUT", "/api/v1/segments", 405),
        ):
            async with await program.ask(method, path) as response:
                problem: dict[str, Any] = await response.json(content_type="application/problem+json")
                assert (response.status, problem["status"]) == (status, status)
                assert "jane" not in json.dumps(problem)
                assert "RuntimeError" not in json.dumps(problem)


async def test_while_the_database_is_not_there_probes_answer_and_all_else_says_why(
    database: Database, settings: Settings
) -> None:
    why = ["the database has no schema of syncd's yet: run `syncd migrate`"]
    async with opened(database, settings, reasons=lambda: why) as house:
        visitor = await house.visitor()
        async with await visitor.ask("GET", "/healthz") as response:
            assert response.status == 503 or await response.text() == "alive\n"
        async with await visitor.ask("GET", "/readyz") as response:
            assert (await response.json())["reasons"] == why
        for route in API:
            status, text = await asked(visitor, route)
            if plain(route) != "GET /api/v1/openapi.json":
                assert (status, json.loads(text)["detail"]) == (503, why[0]), route.name
