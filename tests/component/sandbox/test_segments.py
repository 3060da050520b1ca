"""Segments and destinations: made, found, renamed, deleted."""

from typing import Any

import pytest

from tests.component.sandbox.conftest import Start
from tests.component.sandbox.driver import ACCOUNT, Sandbox, encoded, user

FINDER = f"/dmpSegments?q=account&account={encoded(ACCOUNT)}"


async def test_a_new_segment_is_building_and_its_counts_are_unknown(sandbox: Sandbox) -> None:
    document = await sandbox.status(await sandbox.create("trial-signups"))
    assert document["account"] == ACCOUNT
    assert document["sourceSegmentId"] == "trial-signups"
    assert document["accessPolicy"] == "PRIVATE"
    assert "inputCount" not in document
    [destination] = document["destinations"]
    assert destination["status"] == "BUILDING"
    assert destination["destinationSegmentId"].startswith("urn:li:adSegment:")
    assert "audienceSize" not in destination
    assert "matchedCount" not in destination


async def test_names_need_not_be_unique_but_a_second_segment_of_one_key_is_noted(sandbox: Sandbox) -> None:
    first, second = await sandbox.create("same"), await sandbox.create("same")
    assert first != second
    [violation] = await sandbox.look("violations")
    assert (violation["rule"], violation["segment"]) == ("duplicate_segment", second)


@pytest.mark.parametrize(
    "change",
    [{"type": "PEOPLE"}, {"name": None}, {"surprise": 1}, {"destinations": [{"destination": "ELSEWHERE"}]}],
)
async def test_a_wrong_segment_is_refused(sandbox: Sandbox, change: dict[str, Any]) -> None:
    body = {"name": "a", "account": ACCOUNT, "sourcePlatform": "FAKE", "type": "USER"} | change
    assert (await sandbox.call("POST", "/dmpSegments", body)).status == 400


async def test_a_sent_access_policy_is_ignored_and_noted(sandbox: Sandbox) -> None:
    body = {"name": "a", "account": ACCOUNT, "sourcePlatform": "FAKE", "type": "USER", "accessPolicy": "PUBLIC"}
    assert (await sandbox.call("POST", "/dmpSegments", body)).status == 201
    assert [violation["rule"] for violation in await sandbox.look("violations")] == ["read_only_field"]


async def test_the_finder_filters_by_source_key_and_platform(sandbox: Sandbox) -> None:
    wanted = await sandbox.create("prod:b")
    await sandbox.create("prod:a")

    async def found(query: str) -> list[str]:
        elements = (await (await sandbox.call("GET", FINDER + query)).json())["elements"]
        return [str(one["id"]) for one in elements]

    assert len(await found("")) == 2
    assert await found("&sourceSegmentId=prod%3Ab&sourcePlatform=FAKE") == [wanted]
    assert await found("&sourceSegmentId=prod%3Ab&sourcePlatform=OTHER") == []


async def test_the_finder_takes_an_unencoded_urn(sandbox: Sandbox) -> None:
    await sandbox.create()
    response = await sandbox.call("GET", f"/dmpSegments?q=account&account={ACCOUNT}")
    assert len((await response.json())["elements"]) == 1


async def test_only_the_name_can_be_patched(sandbox: Sandbox) -> None:
    segment = await sandbox.create()
    headers = sandbox.headers(X_RestLi_Method="PARTIAL_UPDATE")
    for changes in ({"inputCount": 7}, {"name": 7}):
        body = {"patch": {"$set": changes}}
        assert (await sandbox.call("POST", f"/dmpSegments/{segment}", body, headers=headers)).status == 400


@pytest.mark.parametrize(
    "path", ["/dmpSegments?q=name", "/adAccounts?q=all", "/adAccountUsers?q=all", "/adSegments?q=account"]
)
async def test_a_finder_that_is_not_there_is_refused(sandbox: Sandbox, path: str) -> None:
    response = await sandbox.call("GET", path)
    assert (response.status, "no such finder" in await response.text()) == (400, True)


async def test_the_finder_needs_its_account(sandbox: Sandbox) -> None:
    response = await sandbox.call("GET", "/dmpSegments?q=account")
    assert (response.status, (await response.json())["message"]) == (400, "Parameter 'account' is required")


async def test_following_next_visits_every_segment_once(sandbox: Sandbox) -> None:
    made = [await sandbox.create(f"s{i}") for i in range(7)]
    path, seen = f"{FINDER}&count=3", list[str]()
    while path:
        body = await (await sandbox.call("GET", path)).json()
        seen += [str(one["id"]) for one in body["elements"]]
        assert body["paging"]["total"] == 7
        path = next(
            (link["href"].removeprefix("/rest") for link in body["paging"]["links"] if link["rel"] == "next"), ""
        )
    assert seen == made


async def test_the_total_may_be_missing(start: Start) -> None:
    sandbox = await start(paging_total=False)
    assert "total" not in (await (await sandbox.call("GET", FINDER)).json())["paging"]


@pytest.mark.parametrize("paging", ["count=0", "count=101", "start=-1"])
async def test_pages_have_bounds(sandbox: Sandbox, paging: str) -> None:
    assert (await sandbox.call("GET", f"{FINDER}&{paging}")).status == 400


async def test_a_patch_renames(sandbox: Sandbox) -> None:
    segment = await sandbox.create()
    headers = sandbox.headers(X_RestLi_Method="PARTIAL_UPDATE")
    response = await sandbox.call(
        "POST", f"/dmpSegments/{segment}", {"patch": {"$set": {"name": "new"}}}, headers=headers
    )
    assert response.status == 204
    assert (await sandbox.status(segment))["name"] == "new"


async def test_the_account_cannot_be_patched(sandbox: Sandbox) -> None:
    segment = await sandbox.create()
    headers = sandbox.headers(X_RestLi_Method="PARTIAL_UPDATE")
    response = await sandbox.call(
        "POST", f"/dmpSegments/{segment}", {"patch": {"$set": {"account": "x"}}}, headers=headers
    )
    assert response.status == 422
    assert (await response.json())["message"] == "account::CreateOnly field present in a partial_update request"


async def test_a_deleted_segment_is_gone(sandbox: Sandbox) -> None:
    segment = await sandbox.create()
    assert (await sandbox.call("DELETE", f"/dmpSegments/{segment}")).status == 204
    assert (await sandbox.call("GET", f"/dmpSegments/{segment}")).status == 404
    assert (await sandbox.stream(segment, [user("a")])).status == 404


async def test_a_batch_delete_answers_per_id(sandbox: Sandbox) -> None:
    segment = await sandbox.create()
    response = await sandbox.call("DELETE", f"/dmpSegments?ids=List({segment},77)")
    body = await response.json()
    assert body["results"] == {segment: {"status": 204}}
    assert body["errors"]["77"]["status"] == 404


async def test_destinations_can_be_added_and_read(sandbox: Sandbox) -> None:
    segment = await sandbox.create()
    added = await sandbox.call("POST", f"/dmpSegments/{segment}/destinations", {"destination": "LINKEDIN"})
    assert (added.status, added.headers["x-restli-id"]) == (201, "LINKEDIN")
    listed = await (await sandbox.call("GET", f"/dmpSegments/{segment}/destinations")).json()
    one = await (await sandbox.call("GET", f"/dmpSegments/{segment}/destinations/LINKEDIN")).json()
    assert listed["elements"] == [one]
    assert (await sandbox.call("GET", f"/dmpSegments/{segment}/destinations/ELSEWHERE")).status == 404


async def test_an_account_holds_so_many_segments_and_no_more(start: Start) -> None:
    sandbox = await start(segments_per_account=2)
    await sandbox.create("a")
    await sandbox.create("b")
    body = {"name": "c", "account": ACCOUNT, "sourcePlatform": "FAKE", "type": "USER"}
    response = await sandbox.call("POST", "/dmpSegments", body)
    assert (response.status, (await response.json())["code"]) == (429, "SEGMENT_LIMIT_EXCEEDED")
    await sandbox.create("c", account="urn:li:sponsoredAccount:2")


async def test_test_accounts_take_no_segments(start: Start) -> None:
    sandbox = await start(test_accounts=(ACCOUNT,))
    body = {"name": "c", "account": ACCOUNT, "sourcePlatform": "FAKE", "type": "USER"}
    response = await sandbox.call("POST", "/dmpSegments", body)
    assert (await response.json())["code"] == "SEGMENT_CREATION_NOT_ALLOWED_FOR_TEST_ACCOUNTS"


async def test_a_newborn_segment_is_not_found_until_it_has_spread(start: Start) -> None:
    sandbox = await start(visible_after=5.0)
    segment = await sandbox.create()
    assert (await sandbox.call("GET", f"/dmpSegments/{segment}")).status == 404
    assert (await sandbox.stream(segment, [user("a")])).status == 404
    assert (await (await sandbox.call("GET", FINDER)).json())["elements"] == []
    await sandbox.control("clock", {"advance": 3600})
    assert (await sandbox.call("GET", f"/dmpSegments/{segment}")).status == 404
    sandbox.time.seconds += 5
    assert (await sandbox.call("GET", f"/dmpSegments/{segment}")).status == 200


async def test_data_sent_too_soon_is_accepted_and_does_not_land(start: Start) -> None:
    sandbox = await start(land_after=5.0)
    segment = await sandbox.create()
    assert await sandbox.statuses(segment, [user("early")]) == [201]
    assert await sandbox.members(segment) == set()
    assert [violation["rule"] for violation in await sandbox.look("violations")] == ["early_data"]
    sandbox.time.seconds += 5
    await sandbox.statuses(segment, [user("in time")])
    assert len(await sandbox.members(segment)) == 1


async def test_ad_segments_are_found_by_account_with_their_status(sandbox: Sandbox) -> None:
    segment = await sandbox.create()
    document = await sandbox.status(segment)
    response = await sandbox.call("GET", f"/adSegments?q=accounts&accounts=List({encoded(ACCOUNT)})")
    [found] = (await response.json())["elements"]
    assert f"urn:li:adSegment:{found['id']}" == document["destinations"][0]["destinationSegmentId"]
    assert found["status"] == "BUILDING"
    assert "approximateMemberCount" not in found
    await sandbox.control("clock", {"advance": 49 * 3_600})
    response = await sandbox.call("GET", f"/adSegments?q=accounts&accounts={ACCOUNT}")
    [found] = (await response.json())["elements"]
    assert (found["status"], found["approximateMemberCount"]) == ("READY", 0)
