"""`/targetingAudienceInsights` (reference 000): what an audience is made of, by one facet."""

from math import floor
from typing import Any, Literal

import msgspec

from .answers import Answer, json_answer, not_provisioned
from .call import Call
from .catalogue import FACET, Facet, facet_of
from .criteria import (
    NARROW_NOTHING,
    Criteria,
    WrittenCriteria,
    check_account,
    missing,
    read_criteria,
    read_request,
    refused,
)
from .crowd import FEWEST, Crowd, crowd_of, rounded
from .world import World

RESOURCE = "targetingAudienceInsights"
GROUPINGS = frozenset(
    {
        *(
            "jobFunctions",
            "seniorities",
            "titles",
            "yearsOfExperienceRanges",
            "interests",
            "productInterests",
            "skills",
        ),
        *("industries", "staffCountRanges", "growthRate", "employers"),
        *("bingContinent", "bingCountry", "bingCity", "bingState"),
    }
)
MOST_MEMBERS = 100_000_000
FEWEST_IN_GROUP = 30
MOST_GROUPS = 100


class MetaData(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """The sample says sponsoredAccount, the schema sponsoredAccountUrn."""

    sponsored_account: str | None = None
    sponsored_account_urn: str | None = None


class InsightsRequest(msgspec.Struct, forbid_unknown_fields=True, rename="camel", kw_only=True):
    request_meta_data: MetaData | None = None
    targeting_criteria: WrittenCriteria
    group_by: str
    segments_ordered_by: Literal["AUDIENCE_PERCENTAGE", "HIERARCHICAL"] = "AUDIENCE_PERCENTAGE"
    max_return_count: int | float = 5


class Wrapped(msgspec.Struct, forbid_unknown_fields=True):
    request: InsightsRequest


def act(world: World, call: Call) -> Answer:
    if not world.options.audience_insights:
        raise not_provisioned(RESOURCE)
    if call.target.value("action") != "audienceInsights":
        raise refused(world.options, f"{RESOURCE} has the action audienceInsights only")
    wanted = read_request(world, call.body, Wrapped).request
    criteria = read_criteria(world, wanted.targeting_criteria, _account(world, call, wanted))
    _check_breadth(world, criteria)
    facet = _grouping(world, wanted)
    return json_answer(200, {"value": _insight(crowd_of(world, criteria), facet, wanted)})


def _account(world: World, call: Call, wanted: InsightsRequest) -> str:
    """The account that asks; where 001 is played and none is said, the first of the sandbox."""
    said = wanted.request_meta_data or MetaData()
    account = said.sponsored_account or said.sponsored_account_urn
    if account is None:
        if world.options.metadata_required:
            raise missing(world.options, "requestMetaData.sponsoredAccount")
        account = world.options.accounts[0]
    check_account(world, call.member, account)
    return account


def _check_breadth(world: World, criteria: Criteria) -> None:
    if criteria.is_matched:
        return
    if not criteria.has_geo:
        raise refused(world.options, f"include needs {FACET}locations or {FACET}profileLocations")
    if not criteria.facets - NARROW_NOTHING - {"locations", "profileLocations"}:
        raise refused(world.options, "include needs a second facet other than age, gender or language")


def _grouping(world: World, wanted: InsightsRequest) -> Facet:
    facet = facet_of(wanted.group_by)
    if facet is None or facet.name not in GROUPINGS:
        raise refused(world.options, f"groupBy {wanted.group_by} is not supported")
    if wanted.segments_ordered_by == "HIERARCHICAL" and not facet.ordered:
        raise refused(world.options, f"HIERARCHICAL is not supported for {facet.urn}")
    count = wanted.max_return_count
    if count not in range(1, MOST_GROUPS + 1):
        raise refused(world.options, f"maxReturnCount must be 1 to {MOST_GROUPS}")
    return facet


def _insight(crowd: Crowd, facet: Facet, wanted: InsightsRequest) -> dict[str, Any]:
    """Too small an audience counts 0, too large a one is counted and not looked into."""
    told = rounded(crowd.total) if crowd.total >= FEWEST else 0
    groups = _groups(crowd, facet, wanted) if FEWEST <= crowd.total <= MOST_MEMBERS else []
    return {"audienceInsight": {"segmentations": groups, "groupedBy": facet.urn}, "totalAudienceCount": told}


def _groups(crowd: Crowd, facet: Facet, wanted: InsightsRequest) -> list[dict[str, Any]]:
    members = crowd.by(facet.name)
    urns = [one.urn for one in facet.entities if members.get(one.urn, 0) >= FEWEST_IN_GROUP]
    if wanted.segments_ordered_by == "AUDIENCE_PERCENTAGE":
        urns.sort(key=lambda urn: -members[urn])
    return [
        {
            "entityCount": rounded(members[urn]),
            "entityPercentage": floor(members[urn] / crowd.total * 100 + 0.5),
            "value": urn,
        }
        for urn in urns[: int(wanted.max_return_count)]
    ]
