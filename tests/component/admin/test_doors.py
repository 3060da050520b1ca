"""Tokens and cookies at the door: what is ended, revoked, forged or sent from another site gets nobody in."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from syncd.domain.access import COMMAND_LINE, Role
from syncd.operations import people
from syncd.operations.people import NewToken
from syncd.store.people import api_tokens
from syncd.store.tables import later
from tests.component.admin.house import OURS, House, Visitor

ME = "/api/v1/session"


async def test_a_token_is_kept_as_a_digest_only(house: House) -> None:
    made = await people.add_token(house.database, NewToken(name="crm", role=Role.VIEWER), COMMAND_LINE)
    async with house.database.read() as connection:
        row = (await connection.execute(select(api_tokens))).one()
    secret = made.token.split("_", 2)[2]
    assert secret not in repr(tuple(row))
    assert len(bytes(row.digest)) == 32
    assert made.token.startswith(made.report.prefix)
    assert len(secret) >= 43  # 256 bits


async def test_a_revoked_token_is_refused_from_the_next_request_on(house: House) -> None:
    program, admin = await house.program(Role.VIEWER), await house.program()
    await program.get(ME)
    listed = await admin.get("/api/v1/tokens")
    number = next(one["id"] for one in listed["items"] if one["role"] == "viewer")
    await admin.send("DELETE", f"/api/v1/tokens/{number}", {"confirm": "another"}, 409)
    revoked = await admin.send("DELETE", f"/api/v1/tokens/{number}", {"confirm": "a viewer", "reason": "lost"})
    assert (revoked["good"], revoked["revoked_at"] is not None) == (False, True)
    await program.send("GET", ME, status=401)


async def made_by(maker: Visitor, role: str) -> Visitor:
    """A program with a token that somebody made over the API."""
    made = await maker.send("POST", "/api/v1/tokens", {"name": role, "role": role}, 201)
    return Visitor(http=maker.http, base=maker.base, headers={"Authorization": f"Bearer {made['token']}"})


async def test_whoever_is_removed_takes_along_the_tokens_they_made_and_those_these_made(house: House) -> None:
    ann, other = await house.browser(Role.ADMIN, name="ann"), await house.browser(Role.ADMIN, name="bob")
    program = await house.visitor()
    ours, theirs = await made_by(ann, "admin"), await made_by(other, "viewer")
    ann.http, ours.http, theirs.http = program.http, program.http, program.http
    second = await made_by(ours, "viewer")
    for visitor in (ours, theirs, second):
        await visitor.get(ME)
    await other.send("DELETE", "/api/v1/people/ann", {"confirm": "ann", "reason": "left"}, 204)
    await ours.send("GET", ME, status=401)
    await second.send("GET", ME, status=401)
    await theirs.get(ME)
    (row,) = (await other.get("/api/v1/audit?action=person.remove"))["items"]
    assert row["after"] == {"tokens_revoked": 2}


async def test_a_token_never_may_more_than_whoever_made_it(house: House) -> None:
    ann, other = await house.browser(Role.ADMIN, name="ann"), await house.browser(Role.ADMIN, name="bob")
    program = await house.visitor()
    strong, weak = await made_by(ann, "admin"), await made_by(ann, "viewer")
    strong.http, weak.http = program.http, program.http
    await other.send("PATCH", "/api/v1/people/ann", {"role": "operator"})
    await strong.send("GET", ME, status=401)
    await weak.get(ME)
    await other.send("PATCH", "/api/v1/people/ann", {"accounts": [OURS]})
    await weak.send("GET", ME, status=401)


async def test_an_ended_token_is_refused(house: House) -> None:
    program = await house.program(Role.VIEWER)
    async with house.database.begin() as connection:
        await connection.execute(update(api_tokens).values(ends_at=later(-1.0)))
    await program.send("GET", ME, status=401)


@pytest.mark.parametrize(
    "given",
    [
        "Bearer",
        "Bearer ",
        "Bearer nonsense",
        "Bearer syncd__",
        "Bearer syncd_00000000_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "Basic YWRtaW46YWRtaW4=",
        "Bearer " + "a" * 5_000,
        "Bearer syncd_\u00e9_x",
    ],
)
async def test_what_is_no_token_opens_nothing(house: House, given: str) -> None:
    visitor = await house.visitor(Authorization=given)
    problem = await visitor.send("GET", ME, status=401)
    assert given.rsplit(maxsplit=1)[-1] not in problem["detail"]


async def test_the_right_beginning_with_another_end_opens_nothing(house: House) -> None:
    program = await house.program()
    token = program.headers["Authorization"]
    program.headers["Authorization"] = token[:-4] + ("aaaa" if token[-4:] != "aaaa" else "bbbb")
    await program.send("GET", ME, status=401)


async def test_the_last_use_of_a_token_is_noted(house: House) -> None:
    program = await house.program()
    await program.get(ME)
    assert (await program.get("/api/v1/tokens"))["items"][0]["used_at"] is not None


async def test_a_bad_token_is_refused_even_beside_a_good_cookie(house: House) -> None:
    visitor = await house.browser()
    await visitor.send("GET", ME, status=401, headers={"Authorization": "Bearer nonsense"})


async def refused(visitor: Visitor, **headers: str) -> bool:
    async with await visitor.ask(
        "POST", "/api/v1/tokens", json={"name": "x", "role": "viewer"}, headers=headers
    ) as one:
        assert one.status in (201, 403), await one.text()
        return one.status == 403


async def test_a_write_with_a_cookie_needs_to_come_from_our_own_pages(house: House) -> None:
    visitor = await house.browser()
    assert not await refused(visitor)
    assert not await refused(visitor, **{"Sec-Fetch-Site": "same-origin"})
    for site in ("cross-site", "same-site", "none"):
        assert await refused(visitor, **{"Sec-Fetch-Site": site})
    for origin in ("https://evil.example", "null", house.base + ".evil.example", house.base.replace("http", "https")):
        assert await refused(visitor, Origin=origin)
    del visitor.headers["Origin"]
    assert await refused(visitor)
    assert not await refused(visitor, **{"Sec-Fetch-Site": "same-origin"})


async def test_a_write_with_a_cookie_needs_the_token_of_its_own_session(house: House) -> None:
    visitor, other = await house.browser(), await house.browser(Role.ADMIN, name="other")
    assert await refused(visitor, **{"X-CSRF-Token": ""})
    assert await refused(visitor, **{"X-CSRF-Token": other.csrf})
    del visitor.headers["X-CSRF-Token"]
    assert await refused(visitor)


async def test_a_write_of_json_needs_to_say_that_it_is_json(house: House) -> None:
    visitor = await house.browser()
    body = b'{"name": "x", "role": "viewer"}'
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        async with await visitor.ask("POST", "/api/v1/tokens", data=body, headers={"Content-Type": kind}) as response:
            assert response.status == 415


async def test_signing_in_from_another_site_is_refused(house: House) -> None:
    body = {"name": "admin-0", "password": "correct horse battery"}
    await house.browser()
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {}):
        visitor = await house.visitor(**headers)
        await visitor.send("POST", ME, body, status=403)
        assert not list(visitor.http.cookie_jar)


async def test_another_site_reads_nothing_with_a_cookie(house: House) -> None:
    visitor = await house.browser()
    embedded = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
    await visitor.send("GET", ME, status=403, headers=embedded)


async def test_no_other_origin_is_ever_allowed(house: House) -> None:
    visitor = await house.browser()
    async with await visitor.ask("OPTIONS", ME, headers={"Origin": "https://evil.example"}) as response:
        assert response.status == 405
        assert not [name for name in response.headers if name.lower().startswith("access-control")]
