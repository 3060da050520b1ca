"""What cannot be taken back: a name is typed for it, and nobody does it faster than people can mean it."""

from __future__ import annotations

from typing import Final

import pytest

from syncd.admin.app import ROUTES
from syncd.domain.access import Role
from syncd.operations.pace import Pace
from syncd.settings import Settings
from syncd.store.engine import Database
from tests.component.admin.furnished import furnish
from tests.component.admin.house import House, opened
from tests.component.admin.test_matrix import asked, plain

PACED: Final = {
    "DELETE /api/v1/segments/{segment}", "POST /api/v1/segments/{segment}/recreate", "POST /api/v1/resyncs/{number}/start",
    "POST /api/v1/erasures", "POST /api/v1/members/{member}/sign-in/finish", "POST /api/v1/people",
    "DELETE /api/v1/templates/{template}", "POST /api/v1/templates/delete", "POST /api/v1/dead-letters/drop",
    "PATCH /api/v1/people/{name}", "DELETE /api/v1/people/{name}", "POST /api/v1/tokens", "DELETE /api/v1/tokens/{number}",
    "POST /segments/{segment}/delete", "POST /segments/{segment}/recreate", "POST /resyncs/{number}/start", "POST /erasure",
    "POST /members/{member}/sign-in/finish", "POST /access/people", "POST /access/people/{name}",
    "POST /dead-letters/drop", "POST /access/people/{name}/remove", "POST /access/tokens", "POST /access/tokens/{number}/revoke",
}  # fmt: skip


def test_what_is_paced_is_what_somebody_decided() -> None:
    assert {plain(route) for route in ROUTES if route.paced} == PACED


@pytest.mark.parametrize("name", sorted(name for name in PACED if " /api/" in name))
async def test_whoever_goes_too_fast_has_to_wait_and_nobody_else(
    database: Database, settings: Settings, name: str
) -> None:
    clock = [0.0]
    async with opened(database, settings, pace=Pace(lambda: clock[0])) as house:
        await furnish(database)
        program, other = await house.program(Role.ADMIN), await house.program(Role.ADMIN)
        route = next(route for route in ROUTES if plain(route) == name)
        for _ in range(Pace.MOST):
            house.desk.pace.keep("token:1", route.name)
        status, text = await asked(program, route)
        assert (status, "30 times a minute" in text) == (429, True)
        assert (await asked(other, route))[0] != 429
        clock[0] += 60.0
        assert (await asked(program, route))[0] != 429


async def test_a_person_is_removed_and_a_token_revoked_by_the_typed_name_only(house: House) -> None:
    browser = await house.browser(Role.ADMIN, name="ann")
    await house.browser(Role.VIEWER, name="bob")
    await house.program(Role.VIEWER)

    async def sent(path: str, **form: str) -> int:
        async with await browser.ask("POST", path, data={"csrf": browser.csrf, **form}) as response:
            return response.status

    for wrong in ({}, {"confirm": "ann"}):
        assert await sent("/access/people/bob/remove", **wrong) == 422
        assert await sent("/access/tokens/1/revoke", **wrong) == 422
    assert {one["name"] for one in (await browser.get("/api/v1/people"))["items"]} == {"ann", "bob"}
    assert (await browser.get("/api/v1/tokens"))["items"][0]["good"]
    assert await sent("/access/people/bob/remove", confirm="bob") == 303
    assert await sent("/access/tokens/1/revoke", confirm="a viewer") == 303
    assert {one["name"] for one in (await browser.get("/api/v1/people"))["items"]} == {"ann"}
    assert not (await browser.get("/api/v1/tokens"))["items"][0]["good"]
