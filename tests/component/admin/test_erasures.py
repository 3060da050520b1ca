"""Erasures, opt-outs and presence over the API."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from syncd.domain.access import Role
from syncd.errors import Transient
from syncd.operations import optouts
from syncd.settings import Erasure, Settings
from syncd.store import erasures
from tests.component.admin.house import OURS, House

PERSON = {"person": "cnry.ann@example.com"}
BEGIN = {**PERSON, "reason": "request 7", "confirm": "ERASE"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    key = SecretStr(Fernet.generate_key().decode())
    return settings.model_copy(update={"erasure": Erasure(key=key)})


async def test_an_admin_erases_and_sees_how_far_it_is(house: House) -> None:
    admin = await house.program(Role.ADMIN)
    begun = await admin.send("POST", "/api/v1/erasures", BEGIN, status=201)
    shown = await admin.get(f"/api/v1/erasures/{begun['id']}")
    assert (shown["kind"], shown["status"], shown["reason"]) == ("erasure", "running", "request 7")
    evidence = await admin.get(f"/api/v1/erasures/{begun['id']}/evidence")
    assert evidence["evidence"]["erasure"] == begun["id"]
    assert [one["id"] for one in (await admin.get("/api/v1/erasures"))["items"]] == [begun["id"]]
    (row,) = (await admin.get("/api/v1/audit?action=erasure.begin"))["items"]
    assert (row["target"], row["reason"]) == (str(begun["id"]), "request 7")
    assert "cnry" not in str((begun, shown, evidence, row))


async def test_an_erasure_needs_the_typed_word(house: House) -> None:
    admin = await house.program(Role.ADMIN)
    told = await admin.send("POST", "/api/v1/erasures", {**BEGIN, "confirm": "yes"}, status=422)
    assert "type ERASE" in str(told)
    assert "cnry" not in str(told)
    await admin.send("POST", "/api/v1/erasures", {**BEGIN, "person": "cnry"}, status=422)
    async with await admin.ask("GET", "/api/v1/erasures/9") as answer:
        assert answer.status == 404


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
async def test_nobody_but_an_admin_of_all_accounts_erases(house: House, role: Role) -> None:
    for visitor in (await house.program(role), await house.program(Role.ADMIN, OURS)):
        for path, body in (
            ("erasures", BEGIN),
            ("opt-outs", {"people": ["a@example.com"]}),
            ("opt-outs/check", PERSON),
        ):
            await visitor.send("POST", f"/api/v1/{path}", body, status=403)


async def test_people_opt_out_and_in_again(house: House) -> None:
    admin = await house.program(Role.ADMIN)
    done = await admin.send("POST", "/api/v1/opt-outs", {"people": [PERSON["person"], "nobody"]})
    assert (done["added"], done["refused"]) == (1, [2])
    assert (await admin.send("POST", "/api/v1/opt-outs/check", PERSON))["suppression"]["kind"] == "opt_out"
    assert (await admin.get("/api/v1/opt-outs/count"))["opted_out"] == 2
    first = await admin.get("/api/v1/opt-outs?limit=1")
    second = await admin.get(f"/api/v1/opt-outs?limit=1&cursor={first['next_cursor']}")
    assert [one["kind"] for one in (*first["items"], *second["items"])] == ["opt_out", "opt_out"]
    assert await admin.send("POST", "/api/v1/opt-outs/remove", PERSON) == {"removed": True}
    assert await admin.send("POST", "/api/v1/opt-outs/check", PERSON) == {"suppression": None}
    deeds = [row["action"] for row in (await admin.get("/api/v1/audit"))["items"]]
    assert {"opt_out.add", "opt_out.remove"} <= set(deeds)


async def test_a_long_list_that_broke_off_is_sent_again_with_its_key_and_taken_to_its_end(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(optouts, "_AT_ONCE", 1)
    begin, calls = erasures.begin, 0

    async def breaks_once(*given: Any) -> int:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise Transient("the database is gone")
        return await begin(*given)

    monkeypatch.setattr(erasures, "begin", breaks_once)
    admin = await house.program(Role.ADMIN)
    people = {"people": ["a@example.com", "b@example.com", "c@example.com"]}
    key = {"Idempotency-Key": "list-1"}
    await admin.send("POST", "/api/v1/opt-outs", people, 503, headers=key)
    done = await admin.send("POST", "/api/v1/opt-outs", people, headers=key)
    assert (done["added"], done["known"]) == (2, 1)
    assert await admin.send("POST", "/api/v1/opt-outs", people, headers=key) == done


async def test_an_operator_asks_whether_a_person_is_in_it(house: House) -> None:
    operator = await house.program(Role.OPERATOR)
    assert await operator.send("POST", "/api/v1/presence", PERSON) == {"suppressed": None, "places": []}
    await (await house.program(Role.VIEWER)).send("POST", "/api/v1/presence", PERSON, status=403)
