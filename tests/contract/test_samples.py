"""The sandbox takes the requests that the references print, and answers in the shape they print."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.component.sandbox.conftest import Start
from tests.component.sandbox.driver import ACCOUNT, Sandbox
from tests.contract.reading import misfits, retyped


def test_a_misfit_is_noticed() -> None:
    sample = {"a": 1, "b": [{"c": "x"}]}
    assert misfits(sample, {"a": 2, "b": [{"c": "y"}, {"c": "z"}]}) == []
    assert misfits(sample, {"a": "2", "b": []}) == [".a: '2' is not of the type of 1"]
    assert misfits(sample, {"a": 2, "b": [{"c": "y"}, {}], "d": None}) == [".d", ".b[1].c"]


async def test_the_facets_of_001_are_listed_as_it_prints_them(sandbox: Sandbox) -> None:
    body = await (await sandbox.call("GET", "/adTargetingFacets")).json()
    printed = retyped("targeting")["facets"]
    assert body["elements"][: len(printed)] == printed


async def test_the_search_of_001_finds_what_it_prints_in_its_order(start: Start) -> None:
    sandbox = await start(paging_total=False)
    sample = retyped("targeting")["search"]
    body = await (await sandbox.call("GET", f"/adTargetingEntities?{sample['query']}")).json()
    assert body["elements"] == sample["answer"]["elements"]
    assert misfits(sample["answer"]["paging"], body["paging"]) == []
    [ours], [printed] = body["paging"]["links"], sample["answer"]["paging"]["links"]
    assert parse_qs(urlsplit(ours["href"]).query) == parse_qs(urlsplit(printed["href"]).query)
    assert urlsplit(ours["href"]).path == urlsplit(printed["href"]).path


@pytest.mark.parametrize("sample", retyped("insights")["samples"], ids=lambda sample: sample["reference"])
async def test_the_insights_of_000_and_001_are_answered_in_their_shape(sandbox: Sandbox, sample: Any) -> None:
    response = await sandbox.call("POST", "/targetingAudienceInsights?action=audienceInsights", sample["request"])
    body = await response.json()
    assert (response.status, misfits(sample["answer"], body)) == (200, [])
    groups = body["value"]["audienceInsight"]["segmentations"]
    assert len(groups) == len(sample["answer"]["value"]["audienceInsight"]["segmentations"])


async def test_the_interests_of_finance_in_001_come_in_its_order(sandbox: Sandbox) -> None:
    sample = retyped("insights")["samples"][1]
    response = await sandbox.call("POST", "/targetingAudienceInsights?action=audienceInsights", sample["request"])
    groups = (await response.json())["value"]["audienceInsight"]["segmentations"]
    printed = sample["answer"]["value"]["audienceInsight"]["segmentations"]
    assert [one["value"] for one in groups] == [one["value"] for one in printed]


async def save(sandbox: Sandbox, body: dict[str, Any]) -> str:
    response = await sandbox.call("POST", "/adTargetTemplates", body)
    assert (response.status, await response.read()) == (201, b""), await response.text()
    return response.headers["x-linkedin-id"]


async def test_the_template_of_003_is_created_read_renamed_and_deleted(sandbox: Sandbox) -> None:
    sample = retyped("templates")
    number = await save(sandbox, sample["create"])
    kept = await (await sandbox.call("GET", f"/adTargetTemplates/{number}")).json()
    assert misfits(sample["got"], kept | {"targetingCriteria": sample["got"]["targetingCriteria"]}) == []
    assert kept["targetingCriteria"] == sample["create"]["targetingCriteria"]
    headers = sandbox.headers(X_Restli_Method="PARTIAL_UPDATE")
    patched = await sandbox.call("POST", f"/adTargetTemplates/{number}", sample["patch"], headers=headers)
    assert (patched.status, await patched.read()) == (204, b"")
    kept = await (await sandbox.call("GET", f"/adTargetTemplates/{number}")).json()
    assert kept["name"] == sample["patch"]["patch"]["$set"]["name"]
    assert (await sandbox.call("DELETE", f"/adTargetTemplates/{number}")).status == 204


async def test_the_finder_of_003_takes_an_unencoded_urn_and_finds_what_was_saved(sandbox: Sandbox) -> None:
    sample = retyped("templates")
    for criteria in sample["found_criteria"]:
        await save(sandbox, sample["create"] | {"account": ACCOUNT, "targetingCriteria": criteria})
    path = f"/adTargetTemplates?q=account&account={ACCOUNT}&sortField=ID&sortOrder=ASCENDING"
    found = (await (await sandbox.call("GET", path)).json())["elements"]
    assert [one["targetingCriteria"] for one in found] == sample["found_criteria"]


async def test_the_batch_delete_of_003_answers_as_it_prints(sandbox: Sandbox) -> None:
    sample = retyped("templates")
    ids = [await save(sandbox, sample["create"]) for _ in sample["batch_deleted"]["results"]]
    response = await sandbox.call("DELETE", f"/adTargetTemplates?ids=List({',%20'.join(ids)})")
    assert ids == list(sample["batch_deleted"]["results"])
    assert await response.json() == sample["batch_deleted"]


async def test_the_forecast_of_004_is_answered_in_its_shape(start: Start) -> None:
    sample = retyped("planning")
    sandbox = await start(day=sample["day"], active_versions=("202612",), metric_bounds=False)
    response = await sandbox.call("POST", "/mediaPlanning?action=forecastReaches", sample["request"])
    body = await response.json()
    assert (response.status, misfits(sample["answer"], body)) == (200, [])
    assert len(body["value"]["reachCurve"]["metricCurve"]) == 101
    assert body["value"]["reachCurve"]["metricCurve"][0]["budgetMicros"] == 100_000_000


@pytest.mark.parametrize("path", retyped("segments")["finders"])
async def test_the_finders_of_002_are_taken_as_they_are_printed(sandbox: Sandbox, path: str) -> None:
    segment = await sandbox.create(account="urn:li:sponsoredAccount:516848833")
    [found] = (await (await sandbox.call("GET", path)).json())["elements"]
    if path.startswith("/dmp"):
        assert (str(found["id"]), found["destinations"][0]["status"]) == (segment, "BUILDING")
    else:
        assert found["status"] == "BUILDING"
