"""Saved audience templates: kept, changed, found, deleted, refused."""

from typing import Any

import pytest

from tests.component.sandbox.conftest import Start
from tests.component.sandbox.driver import ACCOUNT, FINANCE, US, Sandbox, criteria, encoded, user

FINDER = f"/adTargetTemplates?q=account&account={encoded(ACCOUNT)}"


def template(name: str = "Finance in the US", **more: Any) -> dict[str, Any]:
    return {"name": name, "account": ACCOUNT, "targetingCriteria": criteria(US, FINANCE), **more}


async def save(sandbox: Sandbox, **more: Any) -> str:
    response = await sandbox.call("POST", "/adTargetTemplates", template(**more))
    assert (response.status, await response.read()) == (201, b"")
    return response.headers["x-linkedin-id"]


async def patch(sandbox: Sandbox, number: str, changes: dict[str, Any]) -> tuple[int, str]:
    headers = sandbox.headers(X_RestLi_Method="PARTIAL_UPDATE")
    response = await sandbox.call("POST", f"/adTargetTemplates/{number}", {"patch": {"$set": changes}}, headers=headers)
    return response.status, (await response.json())["message"] if response.status != 204 else ""


async def read(sandbox: Sandbox, number: str) -> dict[str, Any]:
    document: dict[str, Any] = await (await sandbox.call("GET", f"/adTargetTemplates/{number}")).json()
    return document


async def names(sandbox: Sandbox, query: str) -> list[str]:
    response = await sandbox.call("GET", FINDER + query)
    assert response.status == 200, await response.text()
    return [one["name"] for one in (await response.json())["elements"]]


async def test_a_template_is_kept_as_it_was_sent_with_stamps_and_a_count(sandbox: Sandbox) -> None:
    sent = template(description="for spring")
    sent["targetingCriteria"]["exclude"] = {"or": {"urn:li:adTargetingFacet:seniorities": ["urn:li:seniority:1"]}}
    number = await save(sandbox, **sent)
    kept = await read(sandbox, number)
    assert kept.items() >= sent.items()
    assert kept["id"] == int(number)
    assert kept["approximateMemberCount"] > 1_000_000
    assert kept["created"] == kept["lastModified"] == {"actor": "urn:li:person:demo", "time": 1_800_001_000_000}


async def test_a_patch_changes_what_it_names_and_the_stamp(sandbox: Sandbox) -> None:
    number = await save(sandbox)
    sandbox.time.seconds += 5
    assert await patch(sandbox, number, {"name": "new", "description": "d"}) == (204, "")
    kept = await read(sandbox, number)
    assert (kept["name"], kept["description"]) == ("new", "d")
    assert kept["lastModified"]["time"] - kept["created"]["time"] == 5_000
    before = kept["approximateMemberCount"]
    sales = criteria(US, {"jobFunctions": ["urn:li:function:25"]})
    assert (await patch(sandbox, number, {"targetingCriteria": sales}))[0] == 204
    changed = await read(sandbox, number)
    assert changed["targetingCriteria"] == sales
    assert changed["approximateMemberCount"] != before


async def test_a_synced_segment_can_be_saved(sandbox: Sandbox) -> None:
    targeted = await sandbox.synced([user(str(i)) for i in range(1_000)])
    number = await save(sandbox, targetingCriteria=criteria(targeted))
    assert 600 < (await read(sandbox, number))["approximateMemberCount"] < 750


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"name": "n" * 100, "description": "d" * 500}, 201),
        ({"name": "n" * 101}, 422),
        ({"name": ""}, 422),
        ({"name": None}, 422),
        ({"description": "d" * 501}, 422),
        ({"targetingCriteria": None}, 422),
        ({"targetingCriteria": criteria({"hats": ["urn:li:hat:1"]})}, 422),
        ({"targetingCriteria": criteria(US, exclude={"skills": ["urn:li:skill:1"]})}, 422),
        ({"account": None}, 422),
        ({"id": "7"}, 422),
        ({"created": {}}, 422),
        ({"approximateMemberCount": 7}, 422),
    ],
)
async def test_a_template_has_bounds(sandbox: Sandbox, change: dict[str, Any], status: int) -> None:
    assert (await sandbox.call("POST", "/adTargetTemplates", template(**change))).status == status


async def test_a_body_that_is_no_json_is_400(sandbox: Sandbox) -> None:
    assert (await sandbox.call("POST", "/adTargetTemplates", b"{")).status == 400


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"account": "urn:li:sponsoredAccount:2"}, "account::CreateOnly field present in a partial_update request"),
        ({"id": 1}, "unknown field `id`"),
        ({"lastModified": {}}, "unknown field `lastModified`"),
        ({"name": "n" * 101}, "length <= 100"),
        ({"description": "d" * 501}, "length <= 500"),
    ],
)
async def test_a_patch_has_bounds(sandbox: Sandbox, change: dict[str, Any], message: str) -> None:
    status, said = await patch(sandbox, await save(sandbox), change)
    assert status == 422
    assert message in said


async def test_what_is_not_there_cannot_be_read_changed_or_deleted(sandbox: Sandbox) -> None:
    assert await patch(sandbox, "000", {"name": "x"}) == (404, "Cannot find entity to update")
    for verb in ("GET", "DELETE"):
        response = await sandbox.call(verb, "/adTargetTemplates/000")
        assert (response.status, (await response.json())["message"]) == (404, "Key not found: 000")


async def test_a_deleted_template_is_gone(sandbox: Sandbox) -> None:
    number = await save(sandbox)
    assert (await sandbox.call("DELETE", f"/adTargetTemplates/{number}")).status == 204
    assert (await sandbox.call("GET", f"/adTargetTemplates/{number}")).status == 404


async def test_a_batch_delete_answers_per_id_with_or_without_spaces(sandbox: Sandbox) -> None:
    first, second = await save(sandbox), await save(sandbox)
    response = await sandbox.call("DELETE", f"/adTargetTemplates?ids=List({first},%20{second},000)")
    body = await response.json()
    assert body["results"] == {first: {"status": 204}, second: {"status": 204}}
    assert body["errors"] == {"000": {"status": 404, "message": "Key not found: 000"}}
    assert await names(sandbox, "&sortField=ID") == []


async def test_the_finder_sorts_by_id_or_name_up_or_down(sandbox: Sandbox) -> None:
    for name in ("b", "a", "C"):
        await save(sandbox, name=name)
    await save(sandbox, name="elsewhere", account="urn:li:sponsoredAccount:2")
    assert await names(sandbox, "&sortField=ID") == ["b", "a", "C"]
    assert await names(sandbox, "&sortField=ID&sortOrder=DESCENDING") == ["C", "a", "b"]
    assert await names(sandbox, "&sortField=NAME&sortOrder=ASCENDING") == ["C", "a", "b"]
    assert await names(sandbox, "&sortField=NAME&count=1&start=1") == ["a"]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("q=account&sortField=ID", "Parameter 'account' is required"),
        (f"q=account&account={encoded(ACCOUNT)}", "Parameter 'sortField' is required"),
        (f"q=account&account={encoded(ACCOUNT)}&sortField=AGE", "sortField must be ID or NAME"),
        (f"q=account&account={encoded(ACCOUNT)}&sortField=ID&sortOrder=UP", "sortOrder ASCENDING or DESCENDING"),
        (f"q=name&account={encoded(ACCOUNT)}&sortField=ID", "no such finder"),
    ],
)
async def test_the_finder_says_what_it_needs(sandbox: Sandbox, query: str, message: str) -> None:
    response = await sandbox.call("GET", f"/adTargetTemplates?{query}")
    assert response.status == 400
    assert message in (await response.json())["message"]


async def test_the_id_may_be_a_string(start: Start) -> None:
    sandbox = await start(template_id="string")
    number = await save(sandbox)
    assert (await read(sandbox, number))["id"] == number


@pytest.mark.parametrize(
    ("spelling", "headers"),
    [
        ("x-restli-id", {"x-restli-id"}),
        ("x-linkedin-id", {"x-linkedin-id"}),
        ("both", {"x-restli-id", "x-linkedin-id"}),
    ],
)
async def test_the_id_of_a_create_may_be_in_either_header(start: Start, spelling: str, headers: set[str]) -> None:
    sandbox = await start(id_header=spelling)
    body = {"name": "a", "account": ACCOUNT, "sourcePlatform": "FAKE", "type": "USER"}
    for response in (
        await sandbox.call("POST", "/adTargetTemplates", template()),
        await sandbox.call("POST", "/dmpSegments", body),
    ):
        assert response.status == 201
        assert {name for name in response.headers if name.endswith("-id")} - {"x-li-request-id"} == headers


async def test_reading_needs_a_role_and_an_ads_scope_writing_more(sandbox: Sandbox) -> None:
    number = await save(sandbox)
    await sandbox.control("tokens", {"do": "issue", "member": "vic", "token": "t-vic", "role": "VIEWER"})
    await sandbox.control("tokens", {"do": "issue", "member": "ro", "token": "t-ro", "scope": "r_ads"})
    for token, code in (("t-vic", "USER_NOT_AUTHORIZED"), ("t-ro", "ACCESS_DENIED")):
        headers = sandbox.headers(token)
        assert (await sandbox.call("GET", f"/adTargetTemplates/{number}", headers=headers)).status == 200
        created = await sandbox.call("POST", "/adTargetTemplates", template(), headers=headers)
        deleted = await sandbox.call("DELETE", f"/adTargetTemplates/{number}", headers=headers)
        for response in (created, deleted):
            assert (response.status, (await response.json())["code"]) == (403, code)
