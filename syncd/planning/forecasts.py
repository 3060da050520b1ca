"""A forecast of a media plan: both of LinkedIn's, and the frequency that follows from them."""

from __future__ import annotations

from dataclasses import dataclass

from syncd.domain.forecast import Curve, Impressions, Plan, Reach, Spot, frequencies
from syncd.domain.outcome import Failure
from syncd.linkedin import mediaplanning
from syncd.linkedin.caller import Caller


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """Curves over budgets in US dollars; each has a target where the plan has a budget."""

    reach: Curve
    impressions: Curve
    frequency: Curve
    share: Curve | None


async def ask(caller: Caller, plan: Plan) -> Forecast | Failure:
    """Two calls; the first that fails is the answer."""
    reach = await caller.ask(lambda transport, token: mediaplanning.reach(transport, token=token, plan=plan))
    if not isinstance(reach, Reach):
        return reach
    seen = await caller.ask(lambda transport, token: mediaplanning.impressions(transport, token=token, plan=plan))
    if not isinstance(seen, Impressions):
        return seen
    return Forecast(
        reach=reach.reach,
        impressions=seen.impressions,
        frequency=Curve(frequencies(reach.reach, seen.impressions).spots, _target(plan, reach.reach, seen)),
        share=reach.share,
    )


def _target(plan: Plan, reach: Curve, seen: Impressions) -> Spot | None:
    """At the plan's budget: LinkedIn's own figure, else the quotient of its two."""
    if plan.budget is None:
        return None
    if seen.frequency is not None:
        return Spot(plan.budget, seen.frequency)
    people, shown = reach.target, seen.impressions.target
    return Spot(plan.budget, shown.value / people.value) if people and shown and people.value else None
