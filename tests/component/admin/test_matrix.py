"""Who may do what: every declared route, asked by nobody, by each role, and by an admin of other ad accounts only.

The table below is written by hand. A new route fails here until somebody has decided who may use it.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec
import pytest

from syncd.admin.app import ROUTES
from syncd.admin.routes import JSON, Face, Reach, Route
from syncd.domain.access import Role
from syncd.store.engine import Database
from tests.component.admin.house import OURS, THEIRS, House, Visitor

OPEN, NO, YES = "open", "no", "yes"
ABSENT, LIMITED = "does not exist", "sees only theirs"

# route: nobody, viewer, operator, admin, admin of other accounts
VIEWERS = (NO, YES, YES, YES)
OPERATORS = (NO, NO, YES, YES)
ADMINS = (NO, NO, NO, YES)
EXPECTED: Final[dict[str, tuple[str, ...]]] = {
    "POST /api/v1/session": (OPEN, OPEN, OPEN, OPEN, OPEN),
    "POST /api/v1/session/password": (NO, NO, NO, NO, NO),  # these come with tokens, which have no password
    "GET /api/v1/session": (*VIEWERS, YES),
    "DELETE /api/v1/session": (*VIEWERS, YES),
    "GET /api/v1/openapi.json": (*VIEWERS, YES),
    "GET /api/v1/segments": (*VIEWERS, LIMITED),
    "POST /api/v1/segments": (*OPERATORS, NO),
    "GET /api/v1/segments/{segment}": (*VIEWERS, ABSENT),
    "PATCH /api/v1/segments/{segment}": (*OPERATORS, ABSENT),
    "DELETE /api/v1/segments/{segment}": (*ADMINS, ABSENT),
    "POST /api/v1/segments/{segment}/pause": (*OPERATORS, ABSENT),
    "POST /api/v1/segments/{segment}/resume": (*OPERATORS, ABSENT),
    "POST /api/v1/segments/{segment}/adopt": (*OPERATORS, ABSENT),
    "POST /api/v1/segments/{segment}/recreate": (*ADMINS, ABSENT),
    "GET /api/v1/segments/{segment}/statuses": (*VIEWERS, ABSENT),
    "GET /api/v1/segments/{segment}/counts": (*VIEWERS, ABSENT),
    "POST /api/v1/segments/{segment}/insights": (*VIEWERS, ABSENT),
    "POST /api/v1/segments/{segment}/forecast": (*VIEWERS, ABSENT),
    "GET /api/v1/resyncs": (*VIEWERS, LIMITED),
    "GET /api/v1/resyncs/{number}": (*VIEWERS, ABSENT),
    "POST /api/v1/segments/{segment}/resyncs": (*OPERATORS, ABSENT),
    "POST /api/v1/segments/{segment}/resyncs/snapshot": (*OPERATORS, ABSENT),
    "POST /api/v1/resyncs/{number}/start": (*OPERATORS, ABSENT),
    "POST /api/v1/resyncs/{number}/cancel": (*OPERATORS, ABSENT),
    "POST /api/v1/changes": (*OPERATORS, LIMITED),
    "GET /api/v1/changes/{number}": (*VIEWERS, ABSENT),
    "GET /api/v1/batches": (*VIEWERS, LIMITED),
    "GET /api/v1/batches/{number}": (*VIEWERS, ABSENT),
    "GET /api/v1/dead-letters": (*VIEWERS, LIMITED),
    "GET /api/v1/dead-letters/counts": (*VIEWERS, LIMITED),
    "GET /api/v1/dead-letters/export": (*VIEWERS, LIMITED),
    "POST /api/v1/dead-letters/retry": (*OPERATORS, LIMITED),
    "POST /api/v1/dead-letters/drop": (*OPERATORS, LIMITED),
    "GET /api/v1/members": (*VIEWERS, LIMITED),
    "POST /api/v1/members/{member}/pause": (*OPERATORS, NO),
    "POST /api/v1/members/{member}/resume": (*OPERATORS, NO),
    "POST /api/v1/members/{member}/sign-in": (*ADMINS, NO),
    "POST /api/v1/members/{member}/sign-in/finish": (*ADMINS, NO),
    "GET /api/v1/facets": (*VIEWERS, LIMITED),
    "GET /api/v1/entities": (*VIEWERS, LIMITED),
    "GET /api/v1/templates": (*VIEWERS, ABSENT),
    "POST /api/v1/templates": (*OPERATORS, ABSENT),
    "GET /api/v1/templates/{template}": (*VIEWERS, LIMITED),
    "PATCH /api/v1/templates/{template}": (*OPERATORS, LIMITED),
    "DELETE /api/v1/templates/{template}": (*ADMINS, LIMITED),
    "POST /api/v1/templates/delete": (*ADMINS, LIMITED),
    "GET /api/v1/audit": (*OPERATORS, LIMITED),
    "GET /api/v1/people": (*ADMINS, NO),
    "POST /api/v1/people": (*ADMINS, NO),
    "PATCH /api/v1/people/{name}": (*ADMINS, NO),
    "DELETE /api/v1/people/{name}": (*ADMINS, NO),
    "GET /api/v1/tokens": (*ADMINS, NO),
    "POST /api/v1/tokens": (*ADMINS, NO),
    "DELETE /api/v1/tokens/{number}": (*ADMINS, NO),
    "POST /api/v1/erasures": (*ADMINS, NO),
    "GET /api/v1/erasures": (*ADMINS, NO),
    "GET /api/v1/erasures/{number}": (*ADMINS, NO),
    "GET /api/v1/erasures/{number}/evidence": (*ADMINS, NO),
    "POST /api/v1/opt-outs": (*ADMINS, NO),
    "GET /api/v1/opt-outs": (*ADMINS, NO),
    "GET /api/v1/opt-outs/count": (*ADMINS, NO),
    "POST /api/v1/opt-outs/check": (*ADMINS, NO),
    "POST /api/v1/opt-outs/remove": (*ADMINS, NO),
    "POST /api/v1/presence": (*OPERATORS, LIMITED),
}  # fmt: skip

_FORECAST = {"objective": "BRAND_AWARENESS"}
_WHICH = {"segment": "ours"}
_PERSON = {"person": "a@example.com"}
BODIES: Final[dict[str, Any]] = {
    "POST /api/v1/session": {"name": "nobody", "password": "nothing at all"},
    "POST /api/v1/session/password": {"password": "nothing at all", "new": "nothing at all"},
    "POST /api/v1/segments": {"key": "new", "name": "New", "kind": "user", "account": OURS, "member": "demo"},
    "PATCH /api/v1/segments/{segment}": {"name": "Other"},
    "DELETE /api/v1/segments/{segment}": {"confirm": "ours"},
    "POST /api/v1/segments/{segment}/recreate": {"confirm": "ours"},
    "POST /api/v1/segments/{segment}/insights": {"groupings": ["seniorities"]},
    "POST /api/v1/segments/{segment}/forecast": _FORECAST,
    "POST /api/v1/segments/{segment}/resyncs": {"mode": "replay"},
    "POST /api/v1/resyncs/{number}/start": {"reason": "TICKET-1"},
    "POST /api/v1/changes": {"changes": [{"segment": "ours", "action": "ADD", "payload": {"email": "a@example.com"}}]},
    "POST /api/v1/dead-letters/retry": {"ids": [1, 2]},
    "POST /api/v1/dead-letters/drop": {"ids": [1, 2]},
    "POST /api/v1/members/{member}/sign-in": {"redirect_uri": "https://example.com/back"},
    "POST /api/v1/members/{member}/sign-in/finish": {"ticket": "none", "address": "none"},
    "POST /api/v1/templates": {"name": "T", "account": OURS, "include": {"locations": ["urn:li:geo:1"]}},
    "PATCH /api/v1/templates/{template}": {"name": "T"},
    "POST /api/v1/templates/delete": {"templates": ["7"]},
    "POST /api/v1/people": {"name": "eve", "role": "viewer", "password": "a long password"},
    "PATCH /api/v1/people/{name}": {"role": "viewer"},
    "DELETE /api/v1/people/{name}": {"confirm": "somebody"},
    "POST /api/v1/tokens": {"name": "crm", "role": "viewer"},
    "DELETE /api/v1/tokens/{number}": {"confirm": "a admin"},
    "POST /api/v1/erasures": {**_PERSON, "reason": "request 7", "confirm": "ERASE"},
    "POST /api/v1/opt-outs": {"people": ["a@example.com"]},
    "POST /api/v1/opt-outs/check": _PERSON,
    "POST /api/v1/opt-outs/remove": _PERSON,
    "POST /api/v1/presence": _PERSON,
}
QUERIES: Final = {
    "GET /api/v1/entities": "?text=germany",
    "POST /api/v1/segments/{segment}/resyncs/snapshot": "?as_of=2026-01-01T00:00:00Z",
    "GET /api/v1/templates": f"?account={OURS}",
}
PARTS: Final = {"segment": "ours", "member": "demo", "number": "1", "template": "7", "name": "somebody"}
NUMBERS: Final = {"GET /api/v1/changes/{number}": "10"}
API: Final = [route for route in ROUTES if route.path.startswith("/api/")]


def plain(route: Route) -> str:
    """The route's name without what its parts look like."""
    return re.sub(r"\{(\w+):(?:[^{}]|\{[^{}]*\})*\}", r"{\1}", route.name)


def path_of(route: Route) -> str:
    name = plain(route)
    parts = PARTS | ({"number": NUMBERS[name]} if name in NUMBERS else {})
    return name.partition(" ")[2].format(**parts) + QUERIES.get(name, "")


async def asked(visitor: Visitor, route: Route) -> tuple[int, str]:
    """Status and text of a request that is as good as can be."""
    body: dict[str, Any] = {}
    if route.body is not None and JSON in route.takes:
        body = {"json": BODIES.get(plain(route), {})}
    elif route.streamed:
        body = {"data": b"email\n", "headers": {"Content-Type": route.streamed[0]}}
    async with await visitor.ask(route.method, path_of(route), **body) as response:
        return response.status, await response.text()


def names_ours(text: str) -> bool:
    return OURS in text or re.search(r"\bours\b", text) is not None


def verdict(status: int) -> str:
    return NO if status in (401, 403) else YES


def test_somebody_has_decided_on_every_route() -> None:
    assert sorted(EXPECTED) == sorted(plain(route) for route in API)


def test_only_signing_in_is_open_to_everybody() -> None:
    assert {plain(route) for route in ROUTES if route.role is None} == {
        "POST /api/v1/session",
        "GET /sign-in",
        "POST /sign-in",
        "GET /static/{name}",
        "GET /sign-in/oidc",
        "GET /sign-in/oidc/back",
    }


def test_the_table_agrees_with_how_routes_find_their_ad_accounts() -> None:
    by_segment = {plain(route) for route in API if route.reach is Reach.SEGMENT}
    everywhere = {plain(route) for route in API if route.reach is Reach.EVERYWHERE}
    assert {EXPECTED[name][4] for name in by_segment} == {ABSENT}
    assert {EXPECTED[name][4] for name in everywhere} == {NO}
    filtered = {plain(route) for route in API if route.reach is Reach.FILTERED}
    assert not {name for name in filtered if EXPECTED[name][4] == YES}


@pytest.mark.parametrize("role", [None, *Role], ids=["nobody", *Role])
async def test_each_role_may_do_what_the_table_says_and_nothing_else(furnished: House, role: Role | None) -> None:
    column = 0 if role is None else 1 + list(Role).index(role)
    visitor = await furnished.visitor() if role is None else await furnished.program(role)
    found = {}
    for route in sorted(API, key=lambda one: one.method == "DELETE"):
        status, text = await asked(visitor, route)
        assert status < 500 or status == 503, (route.name, text)
        found[plain(route)] = verdict(status)
        if role is None:
            assert not names_ours(text)
    wanted = {name: row[column] for name, row in EXPECTED.items()}
    # Signing in tells a stranger that the name is wrong, or that the request came from nowhere: both are refusals.
    assert found | {"POST /api/v1/session": OPEN} == wanted


@pytest.mark.parametrize("role", Role)
async def test_whoever_is_limited_to_other_accounts_sees_and_does_nothing_of_ours(furnished: House, role: Role) -> None:
    visitor = await furnished.program(role, THEIRS)
    before = await everything(furnished.database)
    for route in API:
        name, (status, text) = plain(route), await asked(visitor, route)
        match NO if EXPECTED[name][1 + list(Role).index(role)] == NO else EXPECTED[name][4]:
            case "no":
                assert status == 403, (name, text)
            case "does not exist":
                assert status == 404, (name, text)
            case "sees only theirs":
                assert status < 500 or status == 503, (name, text)
        if name != "GET /api/v1/openapi.json":
            assert not names_ours(text), (name, text)
    assert await everything(furnished.database) == before


FOREIGN: Final = {
    "segment": ("ours", "nope"),
    "target": ("ours", "nope"),
    "account": (OURS, "urn:li:sponsoredAccount:987654"),
}
"""What a request can name: once of another account, once what nobody has."""


def naming(field: str, name: str) -> list[tuple[Route, dict[str, Any]]]:
    """Every request that can name such a thing outside its path, in its query or its body."""
    found: list[tuple[Route, dict[str, Any]]] = []
    for route in API:
        if route.query is not None and field in {one.name for one in msgspec.structs.fields(route.query)}:
            found.append((route, {"params": {field: name}}))
        if route.body is not None and field in {one.name for one in msgspec.structs.fields(route.body)}:
            found.append((route, {"json": {**BODIES.get(plain(route), {}), field: name}}))
    return found


def test_somebody_has_looked_at_every_request_that_names_a_segment_or_an_account() -> None:
    assert {(field, plain(route)) for field in FOREIGN for route, _ in naming(field, "")} == {
        ("segment", "GET /api/v1/batches"),
        ("segment", "GET /api/v1/dead-letters"),
        ("segment", "GET /api/v1/dead-letters/counts"),
        ("segment", "GET /api/v1/dead-letters/export"),
        ("segment", "POST /api/v1/dead-letters/retry"),
        ("segment", "POST /api/v1/dead-letters/drop"),
        ("segment", "GET /api/v1/resyncs"),
        ("segment", "POST /api/v1/templates"),
        ("segment", "PATCH /api/v1/templates/{template}"),
        ("target", "GET /api/v1/audit"),
        ("account", "GET /api/v1/segments"),
        ("account", "POST /api/v1/segments"),
        ("account", "GET /api/v1/templates"),
        ("account", "POST /api/v1/templates"),
    }


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("field", FOREIGN)
async def test_what_is_of_another_account_is_answered_as_what_nobody_has(
    furnished: House, role: Role, field: str
) -> None:
    visitor = await furnished.program(role, THEIRS)
    owner = await furnished.program(Role.OPERATOR)
    await owner.send("POST", "/api/v1/segments/ours/pause", {})  # so that the audit holds something of it
    theirs, nobodys = (naming(field, name) for name in FOREIGN[field])
    for (route, given), (_, other) in zip(theirs, nobodys, strict=True):
        told = []
        for request, name in zip((given, other), FOREIGN[field], strict=True):
            async with await visitor.ask(route.method, path_of(route).partition("?")[0], **request) as response:
                told.append((response.status, re.sub(rf"\b{re.escape(name)}\b", "…", await response.text())))
        assert told[0] == told[1], plain(route)
        assert not names_ours(told[0][1]), plain(route)


@pytest.mark.parametrize("name", ["ours", "nope"])
async def test_a_change_to_a_segment_of_another_account_is_one_to_none(furnished: House, name: str) -> None:
    visitor = await furnished.program(Role.OPERATOR, THEIRS)
    change = {"segment": name, "action": "ADD", "payload": {"email": "a@example.com"}}
    told = await visitor.send("POST", "/api/v1/changes", {"changes": [change]}, 422)
    assert told["errors"] == [{"line": 1, "detail": "names a segment that does not exist"}]


async def everything(database: Database) -> list[Any]:
    """What an admin of all accounts would see change."""
    from sqlalchemy import select  # noqa: PLC0415  # the only test that looks behind the application

    from syncd.store.tables import dead_letters, outbox, segments  # noqa: PLC0415

    async with database.read() as connection:
        return [
            [tuple(row) for row in await connection.execute(select(table.c.id, *columns).order_by(table.c.id))]
            for table, columns in (
                (segments, (segments.c.paused, segments.c.order_given, segments.c.name)),
                (dead_letters, (dead_letters.c.retry,)),
                (outbox, (outbox.c.segment_key,)),
            )
        ]


async def test_whoever_is_limited_sees_what_is_theirs(furnished: House) -> None:
    visitor = await furnished.program(Role.VIEWER, THEIRS)
    listed = await visitor.get("/api/v1/segments")
    assert [one["key"] for one in listed["items"]] == ["theirs"]
    assert (await visitor.get("/api/v1/segments/theirs"))["segment"]["account"] == THEIRS
    assert (await visitor.get("/api/v1/changes/20"))["segment"] == "theirs"
    letters = await visitor.get("/api/v1/dead-letters")
    assert {one["segment"] for one in letters["items"]} == {"theirs"}
    batches = await visitor.get("/api/v1/batches")
    assert [one["segment"] for one in batches["items"]] == ["theirs"]


async def test_without_a_session_every_other_path_is_closed_or_missing(house: House) -> None:
    visitor = await house.visitor()
    reached = {route.path for route in ROUTES if route.role is None or route.face is Face.ASSET}
    for path in ("/", "/api/v1", "/metrics", "/static/x", "/.env", "/api/v1/../v1/segments", "/api/v1/segments/"):
        async with await visitor.ask("GET", path) as response:
            assert response.status in (303, 401, 404), (path, response.status, reached)
    for path in ("/healthz", "/readyz"):
        async with await visitor.ask("GET", path) as response:
            assert response.status in (200, 503)
