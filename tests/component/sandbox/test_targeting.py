"""Facets and entities: listed, searched, paged, refused."""

from typing import Any
from urllib.parse import quote

import pytest

from tests.component.sandbox.conftest import Start
from tests.component.sandbox.driver import Sandbox, encoded

LOCATIONS = "urn:li:adTargetingFacet:locations"
TYPEAHEAD = "/adTargetingEntities?q=typeahead&queryVersion=QUERY_USES_URNS"


async def everything(sandbox: Sandbox, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while path:
        body = await (await sandbox.call("GET", path)).json()
        found += body["elements"]
        following = [link["href"] for link in body["paging"]["links"] if link["rel"] == "next"]
        path = following[0].removeprefix("/rest") if following else ""
    return found


async def test_every_facet_is_listed_with_its_finders(sandbox: Sandbox) -> None:
    listed = await everything(sandbox, "/adTargetingFacets?count=7")
    assert len({one["urn"] for one in listed}) == len(listed) == 27
    finders = {one["facetName"]: one["availableEntityFinders"] for one in listed}
    assert finders["employers"] == ["TYPEAHEAD", "SIMILAR_ENTITIES"]
    assert finders["audienceMatchingSegments"] == []


async def test_the_urn_of_a_facet_may_be_spelt_with_a_dollar(start: Start) -> None:
    sandbox = await start(facet_urn_field="$URN")
    [first, *_] = await everything(sandbox, "/adTargetingFacets")
    assert first["$URN"] == "urn:li:adTargetingFacet:jobFunctions"
    assert "urn" not in first


async def test_all_entities_of_a_facet_come_page_by_page(sandbox: Sandbox) -> None:
    facet = "urn:li:adTargetingFacet:jobFunctions"
    found = await everything(sandbox, f"/adTargetingEntities?q=adTargetingFacet&facet={encoded(facet)}")
    assert {"name": "Finance", "urn": "urn:li:function:10", "facetUrn": facet} in found
    assert len(found) == 26


@pytest.mark.parametrize("query", ["CALIFORNIA", " california ", "lifornia, united"])
async def test_a_search_minds_neither_case_nor_place_in_the_name(sandbox: Sandbox, query: str) -> None:
    found = await everything(sandbox, f"{TYPEAHEAD}&query={quote(query)}&facet={encoded(LOCATIONS)}")
    assert found[0] == {"name": "California, United States", "urn": "urn:li:geo:102095887", "facetUrn": LOCATIONS}


async def test_a_search_without_a_hit_is_an_empty_page(sandbox: Sandbox) -> None:
    assert await everything(sandbox, f"{TYPEAHEAD}&query=atlantis&facet={encoded(LOCATIONS)}") == []


async def test_the_total_of_a_search_may_be_missing_and_next_still_leads_on(start: Start) -> None:
    sandbox = await start(paging_total=False)
    path = f"{TYPEAHEAD}&query=united&facet={encoded(LOCATIONS)}"
    assert "total" not in (await (await sandbox.call("GET", path)).json())["paging"]
    assert len(await everything(sandbox, path)) > 10


async def test_similar_entities_are_others_of_the_same_facet(sandbox: Sandbox) -> None:
    facet, java = "urn:li:adTargetingFacet:skills", "urn:li:skill:248"
    path = f"/adTargetingEntities?q=similarEntities&facet={encoded(facet)}&entities=List({encoded(java)})"
    found = await everything(sandbox, path)
    assert 0 < len(found) <= 4
    assert java not in {one["urn"] for one in found}


@pytest.mark.parametrize(
    "written",
    [
        "List(urn%3Ali%3AstaffCountRange%3A%282%2C10%29,urn%3Ali%3AstaffCountRange%3A%2811%2C50%29)",
        "List(urn:li:staffCountRange:(2,10),urn:li:staffCountRange:(11,50))",
        "List%28urn%3Ali%3AstaffCountRange%3A%282%2C10%29%2Curn%3Ali%3AstaffCountRange%3A%2811%2C50%29%29",
    ],
)
async def test_a_list_of_urns_with_brackets_is_read_however_it_is_encoded(sandbox: Sandbox, written: str) -> None:
    found = await everything(sandbox, f"/adTargetingEntities?q=urns&urns={written}")
    assert [one["name"] for one in found] == ["2-10", "11-50"]


async def test_names_are_found_by_urn(sandbox: Sandbox) -> None:
    urns = ["urn:li:function:10", "urn:li:nothing:1", "urn:li:geo:103644278"]
    path = f"/adTargetingEntities?q=urns&urns=List({','.join(map(encoded, urns))})"
    assert [one["name"] for one in await everything(sandbox, path)] == ["Finance", "United States"]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("", "Parameter 'q' is required"),
        ("q=all", "no finder all"),
        ("q=typeahead&query=x", "Parameter 'facet' is required"),
        ("q=typeahead&facet=urn:li:adTargetingFacet:locations", "Parameter 'query' is required"),
        ("q=adTargetingFacet&facet=urn:li:adTargetingFacet:hats", "not an ad targeting facet"),
        (
            "q=adTargetingFacet&facet=urn:li:adTargetingFacet:employers",
            "does not support the finder AD_TARGETING_FACET",
        ),
        ("q=typeahead&query=x&facet=urn:li:adTargetingFacet:genders", "does not support the finder TYPEAHEAD"),
        ("q=similarEntities&facet=urn:li:adTargetingFacet:genders", "does not support the finder SIMILAR_ENTITIES"),
        ("q=similarEntities&facet=urn:li:adTargetingFacet:skills", "Parameter 'entities' is required"),
        ("q=adTargetingFacet&facet=urn:li:adTargetingFacet:genders&queryVersion=1", "'queryVersion' must be"),
        ("q=adTargetingFacet&facet=urn:li:adTargetingFacet:genders&count=101", "'count' must be 1 to 100"),
    ],
)
async def test_a_finder_asked_wrongly_says_what_is_wrong(sandbox: Sandbox, query: str, message: str) -> None:
    response = await sandbox.call("GET", f"/adTargetingEntities?{query}")
    assert response.status == 400
    assert message in (await response.json())["message"]


async def test_a_token_without_an_ads_scope_may_not_look(sandbox: Sandbox) -> None:
    await sandbox.control("tokens", {"do": "issue", "member": "dmp", "token": "t-dmp", "scope": "rw_dmp_segments"})
    for path in ("/adTargetingFacets", "/adTargetingEntities?q=urns&urns=List()"):
        response = await sandbox.call("GET", path, headers=sandbox.headers("t-dmp"))
        assert (response.status, (await response.json())["code"]) == (403, "ACCESS_DENIED")
