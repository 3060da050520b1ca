"""`/mediaPlanning` (reference 004): how many members a budget would reach, and how often."""

from bisect import insort
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

import msgspec

from .answers import Answer, json_answer, not_provisioned
from .call import Call
from .criteria import Criteria, WrittenCriteria, check_account, missing, read_criteria, read_request, refused
from .crowd import FEWEST, crowd_of
from .forecast import SPREAD, Campaign, Optimization, Point
from .world import World

# So the reference prints it, though it names another resource than the one that was asked.
DENIED = "targetingAudienceInsights"
ACTIONS = ("forecastReaches", "forecastImpressions")
MICROS = 1_000_000
LEAST_BUDGET = 100 * MICROS
LONGEST_DAYS = 90


class Day(msgspec.Struct, forbid_unknown_fields=True):
    day: int
    month: int
    year: int


class ForecastRequest(msgspec.Struct, forbid_unknown_fields=True, rename="camel", kw_only=True):
    """The sample says startDateOn and VIDEO_VIEWS, the schema startDate and VIDEO_VIEW."""

    sponsored_account_urn: str
    targeting_criteria: WrittenCriteria
    objective_type: Literal["BRAND_AWARENESS", "VIDEO_VIEW", "VIDEO_VIEWS"]
    optimization_type: Optimization | None = None
    currency_code: str = "USD"
    start_date: Day | None = None
    start_date_on: Day | None = None
    end_date: Day | None = None
    end_date_on: Day | None = None
    target_budget_micros: int | None = None
    enable_audience_network: bool = True
    enable_audience_expansion: bool = True

    @property
    def optimization(self) -> Optimization:
        by_objective: Optimization = "MAX_REACH" if self.objective_type == "BRAND_AWARENESS" else "MAX_VIDEO_VIEW"
        return self.optimization_type or by_objective


class Wrapped(msgspec.Struct, forbid_unknown_fields=True):
    request: ForecastRequest


def act(world: World, call: Call) -> Answer:
    if not world.options.media_planning:
        raise not_provisioned(DENIED)
    action = call.target.value("action")
    if action not in ACTIONS:
        raise refused(world.options, f"mediaPlanning has the actions {' and '.join(ACTIONS)}")
    wanted = read_request(world, call.body, Wrapped).request
    check_account(world, call.member, wanted.sponsored_account_urn)
    if wanted.currency_code != "USD":
        raise refused(world.options, "currencyCode must be USD")
    criteria = _criteria(world, wanted)
    campaign = _campaign(world, wanted, criteria)
    budget = _budget(world, wanted, campaign)
    tell = _reaches if action == "forecastReaches" else _impressions
    return json_answer(200, {"value": tell(world, campaign, budget)})


def _criteria(world: World, wanted: ForecastRequest) -> Criteria:
    if wanted.targeting_criteria.exclude is not None:
        raise refused(world.options, "exclude is not supported")
    criteria = read_criteria(world, wanted.targeting_criteria, wanted.sponsored_account_urn)
    if not criteria.has_geo:
        raise missing(world.options, "a location or profile location in targetingCriteria")
    return criteria


def _campaign(world: World, wanted: ForecastRequest, criteria: Criteria) -> Campaign:
    days = _days(world, wanted)
    audience = crowd_of(world, criteria).total
    if audience < FEWEST:
        raise refused(world.options, f"the audience must be at least {FEWEST}")
    return Campaign(
        audience=audience,
        days=days,
        optimization=wanted.optimization,
        network=wanted.enable_audience_network,
        expansion=wanted.enable_audience_expansion,
    )


def _days(world: World, wanted: ForecastRequest) -> int:
    """Today to ninety days from now, unless said; what is said lies in the future."""
    today = datetime.fromtimestamp(world.clock.now(), UTC).date()
    starts = _date(world, "startDate", wanted.start_date, wanted.start_date_on)
    ends = _date(world, "endDate", wanted.end_date, wanted.end_date_on)
    if any(said is not None and said <= today for said in (starts, ends)):
        raise refused(world.options, "startDate and endDate must be in the future")
    start, end = starts or today, ends or today + timedelta(days=LONGEST_DAYS)
    if not 0 <= (end - start).days <= LONGEST_DAYS:
        raise refused(world.options, f"endDate must be at most {LONGEST_DAYS} days after startDate, and not before it")
    return max(1, (end - start).days)


def _date(world: World, name: str, schema: Day | None, sample: Day | None) -> date | None:
    if schema is not None and sample is not None:
        raise refused(world.options, f"{name} is given twice")
    said = schema or sample
    if said is None:
        return None
    try:
        return date(said.year, said.month, said.day)
    except (ValueError, OverflowError) as wrong:
        raise refused(world.options, f"{name} is no date") from wrong


def _budget(world: World, wanted: ForecastRequest, campaign: Campaign) -> float | None:
    micros = wanted.target_budget_micros
    if micros is None:
        return None
    if micros < LEAST_BUDGET:
        raise refused(world.options, "targetBudgetMicros must be at least 100 USD")
    if micros > campaign.highest_budget * MICROS:
        raise refused(
            world.options, f"targetBudgetMicros is above the curve, which ends at {campaign.highest_budget:.2f} USD"
        )
    return micros / MICROS


def _reaches(world: World, campaign: Campaign, budget: float | None) -> dict[str, Any]:
    told = {"reachCurve": _metrics(world, campaign, campaign.reach, budget)}
    if not campaign.expansion:
        told["reachPercentageCurve"] = _metrics(world, campaign, campaign.reach_percentage, budget)
    return told


def _impressions(world: World, campaign: Campaign, budget: float | None) -> dict[str, Any]:
    told = {"impressionCurve": _metrics(world, campaign, campaign.impressions, budget)}
    if budget is not None:
        told["averageFrequency"] = _single(world, Point(budget, campaign.frequency(budget)))
    return told


def _metrics(
    world: World, campaign: Campaign, metric: Callable[[float], float], budget: float | None
) -> dict[str, Any]:
    """A hundred points; the asked budget is the 101st, in its place, and stands apart as well."""
    curve = campaign.curve(metric)
    if budget is None:
        return {"metricCurve": [_point(world, one) for one in curve]}
    asked = Point(budget, metric(budget))
    insort(curve, asked)
    return {"metricCurve": [_point(world, one) for one in curve], **_single(world, asked)}


def _single(world: World, asked: Point) -> dict[str, Any]:
    """An object in the sample, a list in the schema."""
    point = _point(world, asked)
    return {"singlePointMetric": point if world.options.single_point_metric == "object" else [point]}


def _point(world: World, one: Point) -> dict[str, Any]:
    point: dict[str, Any] = {"metricValue": one.value, "budgetMicros": round(one.budget * MICROS)}
    if world.options.metric_bounds:
        point |= {"metricLower": one.value * (1 - SPREAD), "metricUpper": one.value * (1 + SPREAD)}
    return point
