"""What an audience is made of: one question, one breakdown by one facet (reference 000)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from syncd.domain.targeting import Criteria, misuses_for_insights

FEWEST: Final = 300
"""An audience below this has no insights: LinkedIn answers with no groups and 0."""
MOST_PEOPLE: Final = 100_000_000
"""One above this has none either, but an approximate total."""
SMALLEST_GROUP: Final = 30
MOST_GROUPS: Final = 100
DEFAULT_GROUPS: Final = 5


class Grouping(StrEnum):
    """The facets insights can be grouped by."""

    JOB_FUNCTIONS = "jobFunctions"
    SENIORITIES = "seniorities"
    TITLES = "titles"
    YEARS_OF_EXPERIENCE = "yearsOfExperienceRanges"
    INTERESTS = "interests"
    PRODUCT_INTERESTS = "productInterests"
    SKILLS = "skills"
    INDUSTRIES = "industries"
    COMPANY_SIZE = "staffCountRanges"
    COMPANY_GROWTH = "growthRate"
    COMPANIES = "employers"
    CONTINENTS = "bingContinent"
    COUNTRIES = "bingCountry"
    CITIES = "bingCity"
    STATES = "bingState"


LABELS: Final = {
    Grouping.JOB_FUNCTIONS: "Job functions",
    Grouping.SENIORITIES: "Job seniorities",
    Grouping.TITLES: "Job titles",
    Grouping.YEARS_OF_EXPERIENCE: "Years of experience",
    Grouping.INTERESTS: "Member interests",
    Grouping.PRODUCT_INTERESTS: "Product interests",
    Grouping.SKILLS: "Skills",
    Grouping.INDUSTRIES: "Company industries",
    Grouping.COMPANY_SIZE: "Company size",
    Grouping.COMPANY_GROWTH: "Company growth rate",
    Grouping.COMPANIES: "Companies",
    Grouping.CONTINENTS: "Continents",
    Grouping.COUNTRIES: "Countries and regions",
    Grouping.CITIES: "Cities",
    Grouping.STATES: "States",
}
_IN_AN_ORDER: Final = frozenset(
    {Grouping.YEARS_OF_EXPERIENCE, Grouping.COMPANY_SIZE, Grouping.COMPANY_GROWTH, Grouping.SENIORITIES}
)
"""Those of few values, which have an order of their own."""


class Order(StrEnum):
    SHARE = "AUDIENCE_PERCENTAGE"
    HIERARCHY = "HIERARCHICAL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    account: str
    criteria: Criteria
    grouping: Grouping
    order: Order = Order.SHARE
    most: int = DEFAULT_GROUPS


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """`percent` is a whole number of the whole audience; groups may overlap. `name` is the URN where nobody knows one."""

    entity: str
    name: str
    count: int
    percent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Insight:
    """`total` is the whole audience; 0 stands for any below `FEWEST`."""

    grouping: Grouping
    total: int
    groups: tuple[Group, ...]


def misasked(question: Question) -> Iterator[str]:
    """What is wrong with a question."""
    yield from misuses_for_insights(question.criteria)
    if not 1 <= question.most <= MOST_GROUPS:
        yield f"insights come with 1 to {MOST_GROUPS} groups, not {question.most}"
    if question.order is Order.HIERARCHY and question.grouping not in _IN_AN_ORDER:
        known = ", ".join(sorted(_IN_AN_ORDER))
        yield f"{question.grouping} has no order of its own: {known} have"
