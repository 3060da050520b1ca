"""Forecasts: the shape of the curves, and everything that is refused."""

from itertools import pairwise
from typing import Any

import pytest

from tests.component.sandbox.conftest import Start
from tests.component.sandbox.driver import ACCOUNT, FINANCE, US, Sandbox, criteria, user

# The driver's time stands at 2027-01-15.
TOMORROW = {"day": 16, "month": 1, "year": 2027}
IN_90_DAYS = {"day": 16, "month": 4, "year": 2027}


def wanted(**more: Any) -> dict[str, Any]:
    return {
        "sponsoredAccountUrn": ACCOUNT,
        "targetingCriteria": criteria(US, FINANCE),
        "objectiveType": "BRAND_AWARENESS",
    } | more


async def answer(sandbox: Sandbox, request: dict[str, Any], action: str = "forecastReaches") -> Any:
    return await sandbox.call("POST", f"/mediaPlanning?action={action}", {"request": request})


async def ask(sandbox: Sandbox, action: str = "forecastReaches", **more: Any) -> dict[str, Any]:
    response = await answer(sandbox, wanted(**more), action)
    assert response.status == 200, await response.text()
    value: dict[str, Any] = (await response.json())["value"]
    return value


@pytest.mark.parametrize(
    ("action", "curve"), [("forecastReaches", "reachCurve"), ("forecastImpressions", "impressionCurve")]
)
async def test_a_curve_has_100_points_and_every_dollar_buys_less_than_the_one_before(
    sandbox: Sandbox, action: str, curve: str
) -> None:
    value = await ask(sandbox, action)
    assert value.keys() == {curve}
    assert value[curve].keys() == {"metricCurve"}
    points = value[curve]["metricCurve"]
    assert len(points) == 100
    assert points[0]["budgetMicros"] == 100_000_000
    steps = [later["metricValue"] - sooner["metricValue"] for sooner, later in pairwise(points)]
    assert all(step > 0 for step in steps)
    assert all(later < sooner for sooner, later in pairwise(steps))
    assert all(one["metricLower"] < one["metricValue"] < one["metricUpper"] for one in points)


async def test_a_forecast_over_a_list_reaches_no_more_than_the_people_on_it(sandbox: Sandbox) -> None:
    targeted = await sandbox.synced([user(str(i)) for i in range(5_000)])
    request: dict[str, Any] = {"targetingCriteria": criteria(targeted, {"locations": ["urn:li:geo:102221843"]})}
    value = await ask(sandbox, enableAudienceExpansion=False, **request)
    [segment] = await sandbox.look("segments")
    last = value["reachCurve"]["metricCurve"][-1]["metricValue"]
    assert 300 < last < segment["audienceSize"] * 0.6


async def test_the_asked_budget_is_the_101st_point_and_stands_apart(sandbox: Sandbox) -> None:
    value = await ask(sandbox, targetBudgetMicros=300_000_000)
    curve = value["reachCurve"]
    assert len(curve["metricCurve"]) == 101
    assert curve["singlePointMetric"] in curve["metricCurve"]
    assert curve["singlePointMetric"]["budgetMicros"] == 300_000_000


async def test_the_single_point_may_be_a_list_and_bounds_may_be_missing(start: Start) -> None:
    sandbox = await start(single_point_metric="list", metric_bounds=False)
    [point] = (await ask(sandbox, targetBudgetMicros=300_000_000))["reachCurve"]["singlePointMetric"]
    assert point.keys() == {"budgetMicros", "metricValue"}


async def test_percentages_are_told_only_without_expansion(sandbox: Sandbox) -> None:
    assert "reachPercentageCurve" not in await ask(sandbox)
    value = await ask(sandbox, enableAudienceExpansion=False)
    assert 0 < value["reachPercentageCurve"]["metricCurve"][-1]["metricValue"] <= 100


async def test_frequency_is_impressions_by_reach_and_told_only_for_a_budget(sandbox: Sandbox) -> None:
    budget = 50_000_000_000
    reach = (await ask(sandbox, targetBudgetMicros=budget))["reachCurve"]["singlePointMetric"]["metricValue"]
    value = await ask(sandbox, "forecastImpressions", targetBudgetMicros=budget)
    impressions = value["impressionCurve"]["singlePointMetric"]["metricValue"]
    frequency = value["averageFrequency"]["singlePointMetric"]["metricValue"]
    assert frequency == pytest.approx(impressions / reach)
    assert frequency >= 1
    assert "averageFrequency" not in await ask(sandbox, "forecastImpressions")
    assert "averageFrequency" not in await ask(sandbox, targetBudgetMicros=budget)


async def test_optimizing_for_something_changes_the_curve_and_defaults_follow_the_objective(sandbox: Sandbox) -> None:
    awareness, video = await ask(sandbox), await ask(sandbox, objectiveType="VIDEO_VIEW")
    assert awareness == await ask(sandbox, optimizationType="MAX_REACH")
    assert video == await ask(sandbox, optimizationType="MAX_VIDEO_VIEW")
    assert awareness != video
    assert await ask(sandbox, optimizationType="MAX_IMPRESSION") not in (awareness, video)


async def test_network_and_expansion_are_on_unless_switched_off(sandbox: Sandbox) -> None:
    plain = await ask(sandbox)
    assert plain == await ask(sandbox, enableAudienceNetwork=True, enableAudienceExpansion=True)
    assert plain != await ask(sandbox, enableAudienceNetwork=False)
    assert plain != await ask(sandbox, enableAudienceExpansion=False)


@pytest.mark.parametrize("objective", ["VIDEO_VIEW", "VIDEO_VIEWS"])
async def test_the_video_objective_may_be_spelt_either_way(sandbox: Sandbox, objective: str) -> None:
    assert "reachCurve" in await ask(sandbox, objectiveType=objective)


@pytest.mark.parametrize(("start_", "end"), [("startDateOn", "endDateOn"), ("startDate", "endDate")])
async def test_dates_may_be_called_either_way_and_count(sandbox: Sandbox, start_: str, end: str) -> None:
    short = {start_: TOMORROW, end: {"day": 18, "month": 1, "year": 2027}}
    long = {start_: TOMORROW, end: IN_90_DAYS}
    assert await ask(sandbox, "forecastImpressions", **short) != await ask(sandbox, "forecastImpressions", **long)


WRONG: dict[str, dict[str, Any]] = {
    "no account": {"sponsoredAccountUrn": None},
    "no account of that form": {"sponsoredAccountUrn": "123456"},
    "no criteria": {"targetingCriteria": None},
    "no objective": {"objectiveType": None},
    "an unknown objective": {"objectiveType": "LEADS"},
    "an unknown optimization": {"optimizationType": "MAX_CLICKS"},
    "another currency": {"currencyCode": "EUR"},
    "an exclusion": {"targetingCriteria": criteria(US, FINANCE, exclude={"seniorities": ["urn:li:seniority:1"]})},
    "no geo": {"targetingCriteria": criteria(FINANCE)},
    "an unknown entity": {"targetingCriteria": criteria(US, {"skills": ["urn:li:skill:1"]})},
    "too small a budget": {"targetBudgetMicros": 99_999_999},
    "a budget above the curve": {"targetBudgetMicros": 10**18},
    "a start today": {"startDateOn": {"day": 15, "month": 1, "year": 2027}},
    "an end in the past": {"endDateOn": {"day": 1, "month": 1, "year": 2027}},
    "an end before the start": {"startDateOn": IN_90_DAYS, "endDateOn": TOMORROW},
    "91 days": {"startDateOn": TOMORROW, "endDateOn": {"day": 17, "month": 4, "year": 2027}},
    "no such day": {"startDateOn": {"day": 31, "month": 2, "year": 2027}},
    "a start given twice": {"startDateOn": TOMORROW, "startDate": TOMORROW},
    "a field nobody knows": {"colour": "red"},
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG.keys())
@pytest.mark.parametrize("status", [422, 400])
async def test_what_is_wrong_is_refused_with_either_status(start: Start, change: dict[str, Any], status: int) -> None:
    sandbox = await start(bad_criteria_status=status)
    response = await answer(sandbox, wanted(**change))
    assert response.status == status
    assert (await response.json())["code"] == "FAILED_VALIDATION_CONDITION"


async def test_ninety_days_and_a_hundred_dollars_are_enough(sandbox: Sandbox) -> None:
    request: dict[str, Any] = {"startDateOn": TOMORROW, "endDateOn": IN_90_DAYS, "targetBudgetMicros": 100_000_000}
    assert "singlePointMetric" in (await ask(sandbox, **request))["reachCurve"]


async def test_an_audience_below_300_is_not_forecast(sandbox: Sandbox) -> None:
    targeted = await sandbox.synced([user(str(i)) for i in range(300)])
    response = await answer(sandbox, wanted(targetingCriteria=criteria(targeted, US)))
    assert (response.status, "at least 300" in await response.text()) == (422, True)


async def test_another_action_is_refused(sandbox: Sandbox) -> None:
    assert (await answer(sandbox, wanted(), "forecastWeather")).status == 422


async def test_who_may_ask(start: Start) -> None:
    sandbox = await start(media_planning=False)
    refused = await (await answer(sandbox, wanted())).json()
    expected = "Not enough permissions to access: targetingAudienceInsights"
    assert (refused["status"], refused["code"], refused["message"]) == (403, "ACCESS_DENIED", expected)
    await sandbox.control("options", {"media_planning": True})
    await sandbox.control("tokens", {"do": "role", "member": "demo", "account": ACCOUNT, "role": "VIEWER"})
    assert "reachCurve" in await ask(sandbox)
    await sandbox.control("tokens", {"do": "role", "member": "demo", "account": ACCOUNT, "role": None})
    refused = await (await answer(sandbox, wanted())).json()
    assert (refused["status"], refused["code"]) == (403, "USER_NOT_AUTHORIZED")
