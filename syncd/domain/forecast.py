"""What a budget may bring: a media plan, its rules, and the curves LinkedIn forecasts for it (reference 004)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Final

from syncd.domain.targeting import Criteria, misuses_for_forecasts

MICROS: Final = 1_000_000
LEAST_BUDGET: Final = 100
"""US dollars: the only currency forecasts know."""
_MOST_BUDGET: Final = 1_000_000_000
MOST_DAYS: Final = 90


class Objective(StrEnum):
    BRAND_AWARENESS = "BRAND_AWARENESS"
    VIDEO_VIEW = "VIDEO_VIEW"


class Optimization(StrEnum):
    """What is bought; LinkedIn takes reach for awareness and views for video if nothing is said."""

    MAX_REACH = "MAX_REACH"
    MAX_IMPRESSION = "MAX_IMPRESSION"
    MAX_VIDEO_VIEW = "MAX_VIDEO_VIEW"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`start` and `end` are days in UTC; without them LinkedIn plans from today for 90 days. `budget` in US dollars."""

    account: str
    criteria: Criteria
    objective: Objective
    optimization: Optimization | None = None
    start: date | None = None
    end: date | None = None
    budget: int | None = None
    audience_network: bool = True
    audience_expansion: bool = True


@dataclass(frozen=True, slots=True)
class Spot:
    """A point of a curve: what so many US dollars bring, and between which bounds where LinkedIn gives them."""

    budget: float
    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Curve:
    """Spots by rising budget; `target` is what the plan's own budget brings."""

    spots: tuple[Spot, ...]
    target: Spot | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """`share` in percent of the audience: only where the audience is not expanded."""

    reach: Curve
    share: Curve | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Impressions:
    """`frequency`: how often a person sees it at the plan's budget, as LinkedIn computes it."""

    impressions: Curve
    frequency: float | None = None


def misplanned(plan: Plan, today: date) -> Iterator[str]:
    """What is wrong with a plan; `today` in UTC."""
    yield from misuses_for_forecasts(plan.criteria)
    if plan.budget is not None and plan.budget < LEAST_BUDGET:
        yield f"a budget is at least {LEAST_BUDGET} US dollars, not {plan.budget}"
    if plan.budget is not None and plan.budget > _MOST_BUDGET:
        yield f"a budget of {plan.budget} US dollars is beyond any curve"
    for name, day in (("start", plan.start), ("end", plan.end)):
        if day is not None and day <= today:
            yield f"the {name} of a plan lies in the future: {day} does not"
    start, end = plan.start or today, plan.end or today + timedelta(days=MOST_DAYS)
    if end <= start:
        yield f"a plan ends after it starts: {end} is not after {start}"
    elif (end - start).days > MOST_DAYS:
        yield f"a plan lasts at most {MOST_DAYS} days: {start} to {end} are {(end - start).days}"


def value_at(curve: Curve, budget: float) -> float | None:
    """The curve at a budget, straight between its spots; None outside of them."""
    for before, after in pairwise(curve.spots):
        if before.budget <= budget <= after.budget and before.budget < after.budget:
            part = (budget - before.budget) / (after.budget - before.budget)
            return before.value + part * (after.value - before.value)
    return next((spot.value for spot in curve.spots if spot.budget == budget), None)


def frequencies(reach: Curve, impressions: Curve) -> Curve:
    """Impressions a person, over budget: LinkedIn forecasts it for one budget only, the quotient holds for all."""
    spots = []
    for spot in impressions.spots:
        people = value_at(reach, spot.budget)
        if people:
            spots.append(Spot(spot.budget, spot.value / people))
    return Curve(tuple(spots))
