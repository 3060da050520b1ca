"""The companies of the sandbox's LinkedIn: four hundred, made up, the same in every run."""

import random
from dataclasses import dataclass
from functools import cache

from .occupations import INDUSTRIES, things

MOST = 2_147_483_647
STAFF_COUNTS = (
    *((1, 1), (2, 10), (11, 50), (51, 200), (201, 500)),
    *((501, 1_000), (1_001, 5_000), (5_001, 10_000), (10_001, MOST)),
)
STAFF_SHARES = (3, 14, 20, 19, 12, 9, 12, 5, 6)
GROWTH_RATES = ((-MOST, 0), (0, 3), (3, 10), (10, 20), (20, MOST))
GROWTH_SHARES = (22, 31, 24, 14, 9)

# fmt: off
FIRST = (
    "Alder", "Amber", "Arcadia", "Aspen", "Atlas", "Aurora", "Birch", "Cedar", "Cobalt", "Copper", "Coral", "Delta",
    "Ember", "Falcon", "Granite", "Harbour", "Indigo", "Juniper", "Kestrel", "Larch", "Lumen", "Maple", "Marble",
    "Meridian", "Nimbus", "Northgate", "Oak", "Onyx", "Orchard", "Pioneer", "Quarry", "Raven", "Ridge", "Sable",
    "Solstice", "Summit", "Tidal", "Umber", "Vantage", "Willow",
)
# fmt: on
SECOND = ("Systems", "Group", "Partners", "Works", "Labs", "Holdings", "Services", "Trading", "Networks", "Institute")
FIRST_ID = 20_001


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    id: int
    name: str
    industry: int
    staff_counts: tuple[int, int]
    growth_rate: tuple[int, int]

    @property
    def urn(self) -> str:
        return f"urn:li:organization:{self.id}"


@cache
def companies() -> tuple[Company, ...]:
    dice = random.Random("companies")
    industries = things(INDUSTRIES)
    shares = [one.share for one in industries]
    names = [f"{first} {second}" for second in SECOND for first in FIRST]
    return tuple(
        Company(
            id=FIRST_ID + number,
            name=name,
            industry=dice.choices(industries, shares)[0].id,
            staff_counts=dice.choices(STAFF_COUNTS, STAFF_SHARES)[0],
            growth_rate=dice.choices(GROWTH_RATES, GROWTH_SHARES)[0],
        )
        for number, name in enumerate(names)
    )
