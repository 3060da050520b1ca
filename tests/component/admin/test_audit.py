"""The audit: every action leaves who, what, when, why, before and after; and nobody's data."""

from __future__ import annotations

import json
import re
from typing import Any, Final

import pytest
from sqlalchemy import select

from syncd.admin.app import ROUTES
from syncd.domain.access import By, Door, Role
from syncd.errors import Rejected
from syncd.store.audit import audit
from tests.component.admin.house import OURS, PASSWORD, THEIRS, House
from tests.component.admin.test_matrix import plain

PERSON: Final = {"name": "eve", "role": "viewer", "password": PASSWORD, "reason": "TICKET-1"}
ROWS: Final = [{"segment": "ours", "action": "ADD", "payload": {"email": "jane@example.com"}}]
SEGMENT: Final = {"key": "new", "name": "New", "kind": "user", "account": OURS, "member": "demo"}
WHY: Final = {"reason": "TICKET-1"}

# route, path, body, status, action, target, before, after
DEEDS: Final[list[tuple[str, str, Any, int, str, str, dict[str, Any], dict[str, Any]]]] = [
    ("POST /api/v1/segments", "segments", SEGMENT | WHY, 201, "segment.create", "new", {}, {"name": "New"}),
    ("POST /api/v1/segments/{segment}/pause", "segments/ours/pause", WHY, 200, "segment.pause", "ours",
     {"paused": False}, {"paused": True}),
    ("POST /api/v1/segments/{segment}/resume", "segments/ours/resume", WHY, 200, "segment.resume", "ours",
     {"paused": False, "parked": None}, {"paused": False, "parked": None}),
    ("POST /api/v1/segments/{segment}/recreate", "segments/ours/recreate", {"confirm": "ours"} | WHY, 200,
     "segment.recreate", "ours", {"order": None}, {"order": "recreate"}),
    ("DELETE /api/v1/segments/{segment}", "segments/ours", {"confirm": "ours"} | WHY, 202, "segment.delete", "ours",
     {"order": None}, {"order": "delete"}),
    ("POST /api/v1/changes", "changes", {"changes": ROWS}, 202, "changes.enqueue", "ours", {}, {"rows": 1}),
    ("POST /api/v1/dead-letters/retry", "dead-letters/retry", {"segment": "ours", "why": "TICKET-1"}, 200,
     "letters.retry", "ours", {"segment": "ours"}, {"letters": 1, "not_retryable": 1}),
    ("POST /api/v1/dead-letters/drop", "dead-letters/drop", {"segment": "ours", "why": "TICKET-1"}, 200,
     "letters.drop", "ours", {"segment": "ours"}, {"letters": 2}),
    ("POST /api/v1/members/{member}/pause", "members/demo/pause", WHY, 204, "member.pause", "demo",
     {"paused": False}, {"paused": True}),
    ("POST /api/v1/members/{member}/resume", "members/demo/resume", WHY, 204, "member.resume", "demo",
     {"paused": False}, {"paused": False}),
    ("POST /api/v1/people", "people", PERSON, 201, "person.add", "eve", {}, {"role": "viewer"}),
    ("PATCH /api/v1/people/{name}", "people/bob", {"role": "operator", "password": PASSWORD} | WHY, 200,
     "person.change", "bob", {"role": "viewer"}, {"role": "operator", "password": "new"}),
    ("DELETE /api/v1/people/{name}", "people/bob", {"confirm": "bob"} | WHY, 204, "person.remove", "bob",
     {"role": "viewer"}, {}),
    ("POST /api/v1/tokens", "tokens", {"name": "crm", "role": "viewer"} | WHY, 201, "token.add", "crm", {},
     {"role": "viewer", "days": 90}),
    ("DELETE /api/v1/tokens/{number}", "tokens/1", {"confirm": "a viewer"} | WHY, 200, "token.revoke", "a viewer",
     {"role": "viewer"}, {}),
]  # fmt: skip
ELSEWHERE: Final = {
    "POST /api/v1/session": "test_signing_in_and_out_is_written_down",
    "POST /api/v1/session/password": "test_signing_in_and_out_is_written_down",
    "DELETE /api/v1/session": "test_signing_in_and_out_is_written_down",
    "PATCH /api/v1/segments/{segment}": "tests/component/admin/test_linkedin.py",
    "POST /api/v1/segments/{segment}/adopt": "tests/component/admin/test_linkedin.py",
    "POST /api/v1/members/{member}/sign-in": "changes nothing",
    "POST /api/v1/members/{member}/sign-in/finish": "tests/component/admin/test_linkedin.py",
    "POST /api/v1/segments/{segment}/insights": "changes nothing",
    "POST /api/v1/segments/{segment}/forecast": "changes nothing",
    "POST /api/v1/templates": "tests/component/admin/test_linkedin.py",
    "PATCH /api/v1/templates/{template}": "tests/component/admin/test_linkedin.py",
    "DELETE /api/v1/templates/{template}": "tests/component/admin/test_linkedin.py",
    "POST /api/v1/templates/delete": "tests/component/admin/test_linkedin.py",
    "POST /api/v1/segments/{segment}/resyncs": "tests/component/admin/test_resyncs.py",
    "POST /api/v1/segments/{segment}/resyncs/snapshot": "tests/component/admin/test_resyncs.py",
    "POST /api/v1/resyncs/{number}/start": "tests/component/admin/test_resyncs.py",
    "POST /api/v1/resyncs/{number}/cancel": "tests/component/admin/test_resyncs.py",
    "POST /api/v1/erasures": "tests/component/admin/test_erasures.py",
    "POST /api/v1/opt-outs": "tests/component/admin/test_erasures.py",
    "POST /api/v1/opt-outs/remove": "tests/component/admin/test_erasures.py",
    "POST /api/v1/opt-outs/check": "changes nothing",
    "POST /api/v1/presence": "changes nothing",
}


def test_every_route_that_acts_is_known_here() -> None:
    acting = {plain(route) for route in ROUTES if not route.is_safe and route.path.startswith("/api/")}
    assert {deed[0] for deed in DEEDS} | set(ELSEWHERE) >= acting


@pytest.mark.parametrize("deed", DEEDS, ids=lambda one: one[0])
async def test_each_action_leaves_one_row(
    furnished: House, deed: tuple[str, str, Any, int, str, str, dict[str, Any], dict[str, Any]]
) -> None:
    name, path, body, status, action, target, before, after = deed
    await furnished.program(Role.VIEWER)
    await furnished.browser(Role.ADMIN, name="ann")
    await furnished.browser(Role.VIEWER, name="bob")
    visitor = await furnished.program(Role.ADMIN)
    seen = (await visitor.get("/api/v1/audit?limit=1"))["items"][0]["id"]
    await visitor.send(name.split()[0], f"/api/v1/{path}", body, status)
    rows = [one for one in (await visitor.get("/api/v1/audit"))["items"] if one["id"] > seen]
    assert len(rows) == 1, rows
    (row,) = rows
    assert (row["actor"], row["door"], row["action"], row["target"]) == ("a admin", "token", action, target)
    assert row["at"] is not None
    assert row["reason"] == ("TICKET-1" if "TICKET-1" in f"{path}{body}" else "")
    assert row["before"].items() >= before.items()
    assert row["after"].items() >= after.items()
    assert row["account"] == (OURS if target in ("ours", "new") and action.startswith(("segment", "changes")) else None)
    assert not re.search(r"@|\$argon2|[0-9a-f]{32}|syncd_[0-9a-f]{8}_", json.dumps(row))


async def test_an_action_that_is_refused_leaves_nothing(furnished: House) -> None:
    visitor = await furnished.program(Role.ADMIN)
    before = (await visitor.get("/api/v1/audit"))["items"]
    await visitor.send("POST", "/api/v1/segments", {**SEGMENT, "key": "ours"}, 409)
    await visitor.send("DELETE", "/api/v1/segments/ours", {"confirm": "other"}, 409)
    await visitor.send("DELETE", "/api/v1/people/ann", {"confirm": "other"}, 409)
    await visitor.send("DELETE", "/api/v1/tokens/1", {"confirm": "other"}, 409)
    await visitor.send("POST", "/api/v1/segments/ours/pause", {"reason": "jane@example.com asks"}, 422)
    assert (await visitor.get("/api/v1/audit"))["items"] == before


async def test_signing_in_and_out_is_written_down(house: House) -> None:
    visitor = await house.browser(Role.OPERATOR)
    told = await visitor.send("POST", "/api/v1/session/password", {"password": PASSWORD, "new": "another password"})
    visitor.headers["X-CSRF-Token"] = told["csrf"]
    await visitor.send("DELETE", "/api/v1/session", status=204)
    async with house.database.read() as connection:
        rows = (
            await connection.execute(select(audit.c.action, audit.c.actor, audit.c.door).order_by(audit.c.id))
        ).all()
    assert [tuple(row) for row in rows] == [
        ("person.add", "command line", "shell"),
        ("sign-in", "operator-0", "console"),
        ("person.change", "operator-0", "console"),
        ("sign-in", "operator-0", "console"),
        ("sign-out", "operator-0", "console"),
    ]


async def test_the_audit_is_filtered_by_who_what_and_to_what(furnished: House) -> None:
    visitor = await furnished.program(Role.OPERATOR)
    await visitor.send("POST", "/api/v1/segments/ours/pause", {})
    await visitor.send("POST", "/api/v1/segments/theirs/pause", {})
    await visitor.send("POST", "/api/v1/segments/theirs/resume", {})
    for query, targets in (
        ("action=segment.pause", ["theirs", "ours"]),
        ("target=theirs", ["theirs", "theirs"]),
        ("actor=a%20operator&target=ours", ["ours"]),
        ("actor=somebody", []),
    ):
        found = await visitor.get(f"/api/v1/audit?{query}")
        assert [one["target"] for one in found["items"]] == targets
    limited = await furnished.program(Role.OPERATOR, THEIRS)
    assert {one["target"] for one in (await limited.get("/api/v1/audit"))["items"]} == {"theirs"}


@pytest.mark.parametrize("reason", ["for jane@example.com", "a" * 64, "D41D8CD98F00B204E9800998ECF8427E", "x " * 300])
def test_a_reason_names_nobody(reason: str) -> None:
    with pytest.raises(Rejected):
        By(name="ann", door=Door.SHELL, reason=reason)
