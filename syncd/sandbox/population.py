"""The members of the sandbox's LinkedIn: some sixteen thousand profiles, each standing for many members alike.

Every profile has one value, or several, of each facet, drawn so that they fit: the title belongs to the function and
gives the seniority, seniority gives years of experience and age, the employer gives industry, size and growth. Small
countries have more profiles than their share, so that small audiences exist. A person on a list is one member with the
profile that the key picks; so insights of a list are those of the people on it, and nothing has to be stored.
"""

import random
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from math import sqrt
from typing import TypeVar
from zlib import crc32

from . import occupations
from .catalogue import AGES, GENDERS, LONGEST_EXPERIENCE, range_urn
from .companies import Company, companies
from .geography import Place, countries
from .matching import company_in, employees, slot_of
from .membership import COMPANY
from .occupations import JobFunction, Title, things, work

PROFILES = 16_000
FEWEST_PER_COUNTRY = 96
PICKS = 1 << 16
EMPLOYED = 0.9

Values = tuple[str, ...]
Profile = dict[str, Values]
Chosen = TypeVar("Chosen")

# Years of experience a seniority begins with and ends with.
EXPERIENCE = {1: (1, 4), 2: (1, 2), 3: (1, 8), 4: (4, 12), 5: (5, 12), 6: (8, 12), 7: (9, 12), 8: (9, 12)}
# The higher, the fewer.
FREQUENCY = {1: 4.0, 2: 4.0, 3: 10.0, 4: 7.0, 5: 5.0, 6: 2.5, 7: 1.2, 8: 0.7, 9: 1.0, 10: 2.0}
BINGS = {"COUNTRY_GROUP": "bingContinent", "COUNTRY": "bingCountry", "STATE": "bingState", "REGION": "bingCity"}
MANY = {
    "interests": ("interest", occupations.INTERESTS),
    "productInterests": ("product", occupations.PRODUCT_INTERESTS),
    "groups": ("group", occupations.GROUPS),
    "memberBehaviors": ("memberBehavior", occupations.BEHAVIORS),
}
ONE = {
    "degrees": ("degree", occupations.DEGREES),
    "fieldsOfStudy": ("fieldOfStudy", occupations.FIELDS_OF_STUDY),
    "schools": ("school", occupations.SCHOOLS),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """`weights` is how many members each profile stands for, `masks` which profiles hold an entity, bit by bit."""

    profiles: Sequence[Profile]
    weights: Sequence[float]
    masks: Mapping[str, Mapping[str, int]]
    picks: Sequence[int]
    staff: Mapping[int, Sequence[int]]

    @property
    def everybody(self) -> int:
        """The mask of all profiles."""
        return (1 << len(self.profiles)) - 1

    def held(self, mask: int) -> Sequence[bool]:
        """Profile by profile, whether the mask has it."""
        return [bit == "1" for bit in reversed(f"{mask:0{len(self.profiles)}b}")]

    def count(self, keys: Iterable[bytes]) -> Mapping[int, float]:
        """Members by profile, as these matched keys bring them: a person one, a company all who work there."""
        found = list(keys)
        picks = self.picks
        persons = Counter([picks[crc32(key) >> 16] for key in found if key[:1] != COMPANY])
        counts: dict[int, float] = defaultdict(float, persons)
        for company, times in Counter(company_in(slot_of(key)) for key in found if key[:1] == COMPANY).items():
            staff = self.staff[company.id]
            for profile in staff:
                counts[profile] += times * employees(company) / len(staff)
        return counts

    def pick(self, key: bytes) -> int:
        return self.picks[crc32(key) >> 16]


@cache
def population(seed: int) -> Population:
    """Takes a second, once for a seed, and only when somebody asks."""
    dice = random.Random(f"population {seed}")
    lands = countries()
    roots = [sqrt(place.members) for place in lands]
    profiles: list[Profile] = []
    weights: list[float] = []
    draw = Draw(dice)
    for place, root in zip(lands, roots, strict=True):
        share = max(FEWEST_PER_COUNTRY, round(PROFILES * root / sum(roots)))
        profiles += [draw.profile(place) for _ in range(share)]
        weights += [place.members / share] * share
    return Population(
        profiles=profiles, weights=weights, masks=_masks(profiles), picks=_picks(weights), staff=_staff(profiles)
    )


def _picks(weights: Sequence[float]) -> Sequence[int]:
    """A table in which a profile stands as often as it has weight."""
    step = sum(weights) / PICKS
    picks = array("H")
    for profile, reached in enumerate(accumulate(weights)):
        picks.extend([profile] * (round(reached / step) - len(picks)))
    return picks


def _masks(profiles: Sequence[Profile]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, bytearray]] = {}
    size = len(profiles) // 8 + 1
    for number, profile in enumerate(profiles):
        for facet, values in profile.items():
            holders = found.setdefault(facet, {})
            for value in values:
                holders.setdefault(value, bytearray(size))[number >> 3] |= 1 << (number & 7)
    return {
        facet: {value: int.from_bytes(bits, "little") for value, bits in holders.items()}
        for facet, holders in found.items()
    }


def _staff(profiles: Sequence[Profile]) -> dict[int, list[int]]:
    by_urn: dict[str, list[int]] = {}
    for number, profile in enumerate(profiles):
        for urn in profile.get("employers", ()):
            by_urn.setdefault(urn, []).append(number)
    return {company.id: by_urn[company.urn] for company in companies()}


class Draw:
    """Draws one profile after the other; the tables it draws from are made once."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._functions = [(one, one.share) for one in work().functions]
        self._ways: dict[int, list[tuple[Place, float]]] = {}
        self._employers: dict[int, list[Company]] = {}
        for company in companies():
            self._employers.setdefault(company.industry, []).append(company)
        self._industries = [(one.id, one.share) for one in things(occupations.INDUSTRIES)]
        self._many = {facet: _shares(*table) for facet, table in MANY.items()}
        self._one = {facet: _shares(*table) for facet, table in ONE.items()}

    def profile(self, country: Place) -> Profile:
        job = self._choose(self._functions)
        title = self._choose([(one, FREQUENCY[one.seniority]) for one in job.titles])
        return {
            **self._home(country),
            **self._job(job, title),
            **self._employer(),
            "genders": (f"urn:li:gender:{self._dice.choice(GENDERS)}",),
            **{facet: self._some(shares) for facet, shares in self._many.items()},
            **{facet: (self._choose(shares),) for facet, shares in self._one.items()},
        }

    def _home(self, country: Place) -> Profile:
        """Down from the country to a state and a city, or to none of them."""
        home, inner = country, self._within(country)
        while inner is not home:
            home, inner = inner, self._within(inner)
        chain = tuple(home.chain())
        everywhere = tuple(one.urn for one in chain)
        locale = country.locale if self._dice.random() < EMPLOYED else "en_US"
        return {
            "locations": everywhere,
            "profileLocations": everywhere,
            "interfaceLocales": (f"urn:li:locale:{locale}",),
            **{BINGS[one.kind]: (one.urn,) for one in chain},
        }

    def _within(self, place: Place) -> Place:
        if place.id not in self._ways:
            self._ways[place.id] = _ways(place)
        return self._choose(self._ways[place.id])

    def _job(self, job: JobFunction, title: Title) -> Profile:
        low, high = EXPERIENCE.get(title.seniority, (2, LONGEST_EXPERIENCE))
        years = self._dice.randint(low, high)
        age = 21 + years + (self._dice.randrange(28) if years == LONGEST_EXPERIENCE else self._dice.randrange(6))
        born = next(one for one in AGES if age <= one[1])
        other = self._choose(self._functions)
        skills = dict.fromkeys((*job.skills, self._dice.choice(other.skills)))
        return {
            "jobFunctions": (f"urn:li:function:{job.id}",),
            "titles": (f"urn:li:title:{title.id}",),
            "seniorities": (f"urn:li:seniority:{title.seniority}",),
            "skills": tuple(f"urn:li:skill:{one}" for one in skills if self._dice.random() < EMPLOYED),
            "yearsOfExperienceRanges": (f"urn:li:yearsOfExperience:{years}",),
            "ageRanges": (range_urn("ageRange", born),),
        }

    def _employer(self) -> Profile:
        """One in ten says no employer; some industries have none among the made-up companies."""
        industry = self._choose(self._industries)
        where: Profile = {"industries": (f"urn:li:industry:{industry}",)}
        known = self._employers.get(industry)
        if not known or self._dice.random() >= EMPLOYED:
            return where
        company = self._dice.choice(known)
        return where | {
            "employers": (company.urn,),
            "staffCountRanges": (range_urn("staffCountRange", company.staff_counts),),
            "growthRate": (range_urn("growthRate", company.growth_rate),),
        }

    def _some(self, shares: Sequence[tuple[str, float]]) -> Values:
        dice = self._dice.random
        return tuple(urn for urn, share in shares if dice() * 100 < share)

    def _choose(self, shares: Sequence[tuple[Chosen, float]]) -> Chosen:
        return self._dice.choices(shares, [share for _, share in shares])[0][0]


def _ways(place: Place) -> list[tuple[Place, float]]:
    """Where in a place its members live: its parts, and for the rest the place itself."""
    parts = [(child, float(child.members)) for child in place.children]
    return [*parts, (place, max(0.0, place.members - sum(size for _, size in parts)))]


def _shares(kind: str, table: str) -> list[tuple[str, float]]:
    return [(f"urn:li:{kind}:{one.id}", one.share) for one in things(table)]
