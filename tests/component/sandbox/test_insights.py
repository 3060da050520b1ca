"""Insights: of everybody, of a list, and everything that is refused."""

from collections import Counter
from typing import Any

import pytest

from syncd.sandbox.catalogue import FACET, facets
from syncd.sandbox.crowd import rounded
from syncd.sandbox.insights import GROUPINGS
from tests.component.sandbox.conftest import Start
from tests.component.sandbox.driver import ACCOUNT, FINANCE, US, Facets, Sandbox, company, criteria, digest, user

PATH = "/targetingAudienceInsights?action=audienceInsights"


def wanted(*clauses: Facets, by: str = "jobFunctions", exclude: Facets | None = None, **more: Any) -> dict[str, Any]:
    return {
        "requestMetaData": {"sponsoredAccount": ACCOUNT},
        "targetingCriteria": criteria(*clauses, exclude=exclude),
        "groupBy": FACET + by,
        **more,
    }


async def ask(sandbox: Sandbox, request: dict[str, Any]) -> tuple[int, dict[str, int]]:
    response = await sandbox.call("POST", PATH, {"request": request})
    assert response.status == 200, await response.text()
    value = (await response.json())["value"]
    groups = value["audienceInsight"]["segmentations"]
    assert value["audienceInsight"]["groupedBy"] == request["groupBy"]
    return value["totalAudienceCount"], {group["value"]: group["entityCount"] for group in groups}


async def test_everybody_in_a_country_with_a_job_is_counted_by_any_facet(sandbox: Sandbox) -> None:
    total, groups = await ask(sandbox, wanted(US, FINANCE, by="seniorities", maxReturnCount=100))
    assert 1_000_000 < total < 100_000_000
    assert 0.97 < sum(groups.values()) / total < 1.03
    assert list(groups.values()) == sorted(groups.values(), reverse=True)


@pytest.mark.parametrize("facet", sorted(GROUPINGS))
async def test_each_of_the_fifteen_groupings_gives_groups_the_catalogue_knows(sandbox: Sandbox, facet: str) -> None:
    _, groups = await ask(sandbox, wanted(US, FINANCE, by=facet))
    assert 1 <= len(groups) <= 5
    assert all(facets()[facet].entity(urn) for urn in groups)


async def test_insights_of_a_list_are_those_of_the_people_on_it(sandbox: Sandbox) -> None:
    people = [user(str(i)) for i in range(2_000)]
    targeted = await sandbox.synced(people)
    truth: Counter[str] = Counter()
    members = 0
    for number in range(2_000):
        found = await sandbox.look(f"who?key=SHA256_EMAIL:{digest(str(number))}")
        members += found["audience"]
        truth.update(found["profile"]["seniorities"] if found["audience"] else ())
    total, groups = await ask(sandbox, wanted(targeted, by="seniorities", maxReturnCount=100))
    assert total == rounded(members)
    assert groups == {urn: rounded(count) for urn, count in truth.items() if count >= 30}


async def test_a_list_of_companies_is_everybody_who_works_there(sandbox: Sandbox) -> None:
    names = [f"Firm {i}" for i in range(20)]
    targeted = await sandbox.synced([company(name) for name in names], "COMPANY")
    found = [await sandbox.look(f'who?key={{"companyName":"{name}"}}') for name in names]
    total, groups = await ask(sandbox, wanted(targeted, by="employers", maxReturnCount=100))
    assert total == rounded(sum(one["audience"] for one in found))
    matched = {f"urn:li:organization:{one['company']['id']}" for one in found if one["audience"] >= 30}
    assert groups.keys() == matched


async def test_a_list_may_be_narrowed_excluded_from_and_joined(sandbox: Sandbox) -> None:
    one = await sandbox.synced([user(str(i)) for i in range(4_000)], key="one")
    two = await sandbox.synced([user(str(i)) for i in range(2_000, 6_000)], key="two")
    both = {"audienceMatchingSegments": one["audienceMatchingSegments"] + two["audienceMatchingSegments"]}

    async def total(*clauses: Facets, exclude: Facets | None = None) -> int:
        return (await ask(sandbox, wanted(*clauses, exclude=exclude)))[0]

    whole = await total(one)
    assert await total(both) > whole * 1.4
    assert abs(await total(one, two) - whole / 2) < whole * 0.05
    assert abs(await total(one, exclude=two) - whole / 2) < whole * 0.05
    in_us = await total(one, US)
    assert 0.15 < in_us / whole < 0.4
    assert abs(in_us + await total(one, exclude=US) - whole) < whole * 0.02
    assert await total(one, {**US, **two}) > in_us


async def test_a_list_is_taken_out_of_everybody(sandbox: Sandbox) -> None:
    malta = {"locations": ["urn:li:geo:100961908"]}
    work = {"degrees": ["urn:li:degree:200"]}
    everybody, _ = await ask(sandbox, wanted(malta, work))
    listed = await sandbox.synced([company(f"Firm {i}") for i in range(2_000)], "COMPANY")
    rest, _ = await ask(sandbox, wanted(malta, work, exclude=listed))
    assert 0 < rest < everybody


async def test_a_segment_that_is_not_matched_yet_has_nobody(sandbox: Sandbox) -> None:
    segment = await sandbox.create()
    await sandbox.statuses(segment, [user(str(i)) for i in range(1_000)])
    urn = (await sandbox.status(segment))["destinations"][0]["destinationSegmentId"]
    assert await ask(sandbox, wanted({"audienceMatchingSegments": [urn]})) == (0, {})


async def test_below_300_nothing_is_said(sandbox: Sandbox) -> None:
    assert await ask(sandbox, wanted(await sandbox.synced([user(str(i)) for i in range(300)]))) == (0, {})


async def test_above_100_million_only_the_total_is_said(sandbox: Sandbox) -> None:
    asia = {"locations": ["urn:li:geo:102393603"]}
    total, groups = await ask(sandbox, wanted(asia, {"degrees": ["urn:li:degree:100", "urn:li:degree:200"]}))
    assert total > 100_000_000
    assert groups == {}


async def test_groups_below_30_are_left_out(sandbox: Sandbox) -> None:
    targeted = await sandbox.synced([user(str(i)) for i in range(500)])
    _, groups = await ask(sandbox, wanted(targeted, by="titles", maxReturnCount=100))
    assert all(count >= 30 for count in groups.values())
    assert len(groups) < 12


async def test_ordered_facets_can_be_told_in_their_order(sandbox: Sandbox) -> None:
    request = wanted(US, FINANCE, by="staffCountRanges", segmentsOrderedBy="HIERARCHICAL", maxReturnCount=100)
    _, groups = await ask(sandbox, request)
    assert list(groups) == [one.urn for one in facets()["staffCountRanges"].entities if one.urn in groups]


async def test_five_groups_are_told_unless_more_are_asked_for(sandbox: Sandbox) -> None:
    assert len((await ask(sandbox, wanted(US, FINANCE, by="skills")))[1]) == 5
    assert len((await ask(sandbox, wanted(US, FINANCE, by="skills", maxReturnCount=12)))[1]) == 12


@pytest.mark.parametrize("field", ["sponsoredAccount", "sponsoredAccountUrn"])
async def test_the_account_may_be_called_either_way(sandbox: Sandbox, field: str) -> None:
    assert (await ask(sandbox, wanted(US, FINANCE, requestMetaData={field: ACCOUNT})))[0] > 0


async def test_a_matched_audience_needs_no_place(sandbox: Sandbox) -> None:
    assert (await ask(sandbox, wanted(await sandbox.synced([user(str(i)) for i in range(1_000)]))))[0] > 300


WRONG = {
    "no criteria": wanted(US, FINANCE) | {"targetingCriteria": None},
    "no groupBy": {name: value for name, value in wanted(US, FINANCE).items() if name != "groupBy"},
    "no metadata": wanted(US, FINANCE, requestMetaData={}),
    "no account of that form": wanted(US, FINANCE, requestMetaData={"sponsoredAccount": "urn:li:person:1"}),
    "half a group": wanted(US, FINANCE, maxReturnCount=1.5),
    "a field nobody knows": wanted(US, FINANCE, colour="red"),
    "no geo": wanted(FINANCE),
    "geo only": wanted(US),
    "geo and age": wanted(US, {"ageRanges": ["urn:li:ageRange:(25,34)"]}),
    "geo and gender": wanted(US, {"genders": ["urn:li:gender:FEMALE"]}),
    "geo and language": wanted(US, {"interfaceLocales": ["urn:li:locale:en_US"]}),
    "nothing included": wanted(),
    "an empty clause": wanted(US, {}),
    "a facet without values": wanted(US, {"skills": []}),
    "an unknown facet": wanted(US, {"hats": ["urn:li:hat:1"]}),
    "an unknown entity": wanted(US, {"skills": ["urn:li:skill:1"]}),
    "an entity of another facet": wanted(US, {"skills": ["urn:li:function:10"]}),
    "an unknown audience": wanted({"audienceMatchingSegments": ["urn:li:adSegment:1"]}),
    "an unknown exclusion": wanted(US, FINANCE, exclude={"skills": ["urn:li:skill:1"]}),
    "titles and seniorities": wanted(US, {"titles": ["urn:li:title:100"]}, {"seniorities": ["urn:li:seniority:6"]}),
    "a grouping that is no facet": wanted(US, FINANCE, by="hats"),
    "a grouping that is not offered": wanted(US, FINANCE, by="genders"),
    "hierarchy where there is none": wanted(US, FINANCE, by="skills", segmentsOrderedBy="HIERARCHICAL"),
    "an unknown order": wanted(US, FINANCE, segmentsOrderedBy="RANDOM"),
    "no groups": wanted(US, FINANCE, maxReturnCount=0),
    "too many groups": wanted(US, FINANCE, maxReturnCount=101),
}


@pytest.mark.parametrize("request_", WRONG.values(), ids=WRONG.keys())
@pytest.mark.parametrize("status", [422, 400])
async def test_what_is_wrong_is_refused_with_either_status(start: Start, request_: dict[str, Any], status: int) -> None:
    sandbox = await start(bad_criteria_status=status)
    response = await sandbox.call("POST", PATH, {"request": request_})
    body = await response.json()
    assert (response.status, body["status"], body["code"]) == (status, status, "FAILED_VALIDATION_CONDITION")


async def test_titles_or_seniorities_in_one_clause_are_fine(sandbox: Sandbox) -> None:
    either = {"titles": ["urn:li:title:100"], "seniorities": ["urn:li:seniority:6"]}
    assert (await ask(sandbox, wanted(US, either)))[0] > 0


@pytest.mark.parametrize("status", ["EXPIRED", "FAILED", "ERROR"])
async def test_an_audience_that_campaigns_may_not_use_is_refused(sandbox: Sandbox, status: str) -> None:
    targeted = await sandbox.synced([user("a")])
    [segment] = await sandbox.look("segments")
    await sandbox.control(f"segments/{segment['id']}", {"status": status}, "PATCH")
    response = await sandbox.call("POST", PATH, {"request": wanted(targeted)})
    assert (response.status, status in (await response.json())["message"]) == (422, True)


async def test_an_audience_of_another_account_is_not_known(sandbox: Sandbox) -> None:
    targeted = await sandbox.synced([user("a")])
    request = wanted(targeted, requestMetaData={"sponsoredAccount": "urn:li:sponsoredAccount:2"})
    assert (await sandbox.call("POST", PATH, {"request": request})).status == 422


async def test_metadata_may_be_left_away_where_001_is_played(start: Start) -> None:
    sandbox = await start(metadata_required=False)
    request = wanted(US, FINANCE)
    del request["requestMetaData"]
    assert (await ask(sandbox, request))[0] > 0


async def test_who_may_ask(start: Start) -> None:
    sandbox = await start(audience_insights=False)
    refused = await sandbox.call("POST", PATH, {"request": wanted(US, FINANCE)})
    expected = "Not enough permissions to access: targetingAudienceInsights"
    body = await refused.json()
    assert (refused.status, body["code"], body["message"]) == (403, "ACCESS_DENIED", expected)
    await sandbox.control("options", {"audience_insights": True})
    await sandbox.control("tokens", {"do": "role", "member": "demo", "account": ACCOUNT, "role": "VIEWER"})
    assert (await ask(sandbox, wanted(US, FINANCE)))[0] > 0
    await sandbox.control("tokens", {"do": "role", "member": "demo", "account": ACCOUNT, "role": None})
    refused = await sandbox.call("POST", PATH, {"request": wanted(US, FINANCE)})
    body = await refused.json()
    expected = "Caller should have access to the Ad Account provided in the request"
    assert (refused.status, body["code"], body["message"]) == (403, "USER_NOT_AUTHORIZED", expected)


async def test_another_action_is_refused(sandbox: Sandbox) -> None:
    request = {"request": wanted(US, FINANCE)}
    assert (await sandbox.call("POST", "/targetingAudienceInsights?action=guess", request)).status == 422


@pytest.mark.parametrize("key", ["", "nonsense", "SHA256_EMAIL:"])
async def test_who_is_behind_a_wrong_key_cannot_be_asked(sandbox: Sandbox, key: str) -> None:
    assert (await sandbox.client.get("/_sandbox/who", params={"key": key})).status == 400


@pytest.mark.parametrize(
    ("members", "told"), [(0, 0), (31, 31), (312, 310), (96_499, 96_000), (5_451_000, 5_500_000), (99.6, 100)]
)
def test_counts_are_told_with_two_figures(members: float, told: int) -> None:
    assert rounded(members) == told
