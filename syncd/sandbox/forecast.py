"""What a budget buys: a saturating curve over an audience, made up and smooth, the same for the same question.

Money buys impressions at a price per thousand; more of them than the audience can see in the time cannot be had.
Impressions fall on members at random, so reach approaches its ceiling as 1 - exp(-x) does, and every further dollar
reaches fewer new members than the one before.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, log
from typing import Literal, NamedTuple

POINTS = 100
FIRST_BUDGET = 100.0
REACHABLE = 0.85
SATURATED = 0.95
SHOWN_A_DAY = 0.4
EXPANDED = 1.15
NETWORK = 1.25
SPREAD = 0.12

Optimization = Literal["MAX_REACH", "MAX_IMPRESSION", "MAX_VIDEO_VIEW"]

# Dollars per thousand impressions, and how many of them fall on someone new rather than on someone again.
PRICES: dict[Optimization, tuple[float, float]] = {
    "MAX_REACH": (33.0, 1.0),
    "MAX_IMPRESSION": (28.0, 0.7),
    "MAX_VIDEO_VIEW": (42.0, 0.85),
}


class Point(NamedTuple):
    """Dollars, and what they buy."""

    budget: float
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """What a forecast depends on; `audience` is members, `days` at least 1."""

    audience: float
    days: int
    optimization: Optimization
    network: bool
    expansion: bool

    @property
    def reachable(self) -> float:
        return self.audience * REACHABLE * (EXPANDED if self.expansion else 1)

    def impressions(self, budget: float) -> float:
        most = self.reachable * self.days * SHOWN_A_DAY + self.reachable
        return most * (1 - exp(-self._bought(budget) / most))

    def reach(self, budget: float) -> float:
        fresh = PRICES[self.optimization][1]
        return self.reachable * (1 - exp(-self.impressions(budget) * fresh / self.reachable))

    def reach_percentage(self, budget: float) -> float:
        return self.reach(budget) / self.audience * 100

    def frequency(self, budget: float) -> float:
        return self.impressions(budget) / self.reach(budget)

    @property
    def highest_budget(self) -> float:
        """Where the curve ends: almost everybody is reached, or almost every impression bought."""
        price, fresh = PRICES[self.optimization]
        most = self.reachable * self.days * SHOWN_A_DAY + self.reachable
        needed = min(-log(1 - SATURATED) * self.reachable / fresh, most * SATURATED)
        bought = -log(1 - needed / most) * most
        return max(FIRST_BUDGET * 10, bought * price / 1_000 / (NETWORK if self.network else 1))

    def curve(self, metric: Callable[[float], float]) -> list[Point]:
        """A hundred budgets at equal distances."""
        step = (self.highest_budget - FIRST_BUDGET) / (POINTS - 1)
        budgets = [FIRST_BUDGET + number * step for number in range(POINTS)]
        return [Point(budget, metric(budget)) for budget in budgets]

    def _bought(self, budget: float) -> float:
        return budget / PRICES[self.optimization][0] * 1_000 * (NETWORK if self.network else 1)
