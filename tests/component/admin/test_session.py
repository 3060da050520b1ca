"""Signing in and out: sessions that nobody can fix, forge, keep for ever or use from another site."""

from __future__ import annotations

from syncd.domain.access import Role
from tests.component.admin.house import House


async def test_whoever_signs_in_is_known_by_a_cookie(house: House) -> None:
    visitor = await house.browser(Role.OPERATOR)
    me = await visitor.get("/api/v1/session")
    assert (me["name"], me["role"], me["accounts"], me["csrf"]) == ("operator-0", "operator", None, visitor.csrf)


async def test_after_signing_out_the_cookie_opens_nothing(house: House) -> None:
    visitor = await house.browser()
    kept = {morsel.key: morsel.value for morsel in visitor.http.cookie_jar}
    await visitor.send("DELETE", "/api/v1/session", status=204)
    visitor.http.cookie_jar.update_cookies(kept)
    await visitor.send("GET", "/api/v1/session", status=401)


async def test_a_program_is_known_by_its_token(house: House) -> None:
    program = await house.program(Role.VIEWER)
    me = await program.get("/api/v1/session")
    assert (me["role"], me["csrf"]) == ("viewer", None)


async def test_nobody_is_told_so(house: House) -> None:
    visitor = await house.visitor()
    problem = await visitor.send("GET", "/api/v1/session", status=401)
    assert problem["status"] == 401
    assert problem["title"] == "Unauthorized"
