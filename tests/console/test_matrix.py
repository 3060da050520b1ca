"""Who may open which page and send which form: written by hand, so that a new one fails until somebody has decided."""

from __future__ import annotations

import re
from typing import Final

import pytest
from aiohttp import FormData

from syncd.admin.console.routes import PAGES
from syncd.admin.routes import MULTIPART, Route
from syncd.domain.access import Role
from tests.component.admin.house import THEIRS, House

OPEN: Final = {"GET /sign-in", "POST /sign-in", "GET /static/{name}"}
VIEWERS: Final = {
    "GET /", "GET /live/overview", "GET /resyncs", "GET /live/resyncs", "GET /resyncs/{number}",
    "GET /resyncs/{number}/live/{state}", "GET /dead-letters", "GET /members", "GET /templates", "POST /sign-out",
    "GET /segments/{segment}", "GET /segments/{segment}/live", "GET /segments/{segment}/live/batches",
    "GET /segments/{segment}/settings", "GET /segments/{segment}/insights", "GET /segments/{segment}/forecast",
    "GET /segments/{segment}/resync", "GET /account", "POST /account/password",
}  # fmt: skip
OPERATORS: Final = {
    "GET /audit", "GET /new-segment", "POST /segments", "GET /dead-letters/drop", "POST /dead-letters/drop",
    "POST /dead-letters/retry", "POST /members/{member}/pause", "POST /members/{member}/resume",
    "POST /resyncs/{number}/start", "POST /resyncs/{number}/cancel", "POST /segments/{segment}/resync",
    "POST /segments/{segment}/pause", "POST /segments/{segment}/resume", "POST /segments/{segment}/adopt",
    "POST /segments/{segment}/presence", "POST /segments/{segment}/resync/snapshot", "POST /segments/{segment}/rename",
}  # fmt: skip
ADMINS: Final = {
    "GET /access", "POST /access/people", "POST /access/people/{name}", "POST /access/people/{name}/remove",
    "POST /access/tokens", "POST /access/tokens/{number}/revoke", "GET /erasure", "POST /erasure",
    "POST /erasure/opt-outs", "GET /erasure/{number}/evidence", "POST /members/{member}/sign-in",
    "POST /members/{member}/sign-in/finish", "POST /segments/{segment}/recreate", "POST /segments/{segment}/delete",
}  # fmt: skip
PARTS: Final = {"segment": "trial-signups", "member": "ads-bot", "number": "2", "name": "viewer", "state": "done"}


def plain(route: Route) -> str:
    return re.sub(r"\{(\w+):(?:[^{}]|\{[^{}]*\})*\}", r"{\1}", route.name)


def filled_in(route: Route, csrf: str) -> FormData:
    """A form with nothing in it but the token, and a file where it takes one."""
    form = FormData({"csrf": csrf})
    if MULTIPART in route.streamed:
        form.add_field("file", b"email\n", filename="people.csv")
    return form


def test_somebody_has_decided_on_every_page_and_form() -> None:
    assert {plain(route) for route in PAGES} == OPEN | VIEWERS | OPERATORS | ADMINS


@pytest.mark.parametrize("role", [None, *Role], ids=["nobody", *Role])
async def test_each_role_opens_and_sends_what_it_may(busy: House, role: Role | None) -> None:
    sets: list[set[str]] = [set(), VIEWERS, OPERATORS, ADMINS]
    allowed = set().union(*sets[: 1 if role is None else 2 + list(Role).index(role)])
    visitor = await (busy.visitor() if role is None else busy.browser(role, name=str(role)))
    for route in PAGES:
        name = plain(route)
        if name in OPEN or name == "POST /sign-out":
            continue
        form = {} if route.is_safe else {"data": filled_in(route, visitor.csrf)}
        async with await visitor.ask(route.method, name.partition(" ")[2].format(**PARTS), **form) as answer:
            if name in allowed:
                assert answer.status not in {401, 403}, name
                assert answer.status < 500, name
            else:
                assert answer.status in {401, 403}, name


async def test_an_admin_of_other_accounts_finds_nothing_of_ours(busy: House) -> None:
    visitor = await busy.browser(Role.ADMIN, THEIRS)
    for route in PAGES:
        name = plain(route)
        if name in OPEN or name == "POST /sign-out":
            continue
        form = {} if route.is_safe else {"data": filled_in(route, visitor.csrf)}
        async with await visitor.ask(route.method, name.partition(" ")[2].format(**PARTS), **form) as answer:
            text = await answer.text()
            if "{segment}" in name or name.startswith("GET /resyncs/"):
                assert answer.status == 404, name
            assert "Trial sign-ups" not in text, name
            assert "customers" not in text, name
