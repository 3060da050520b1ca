"""What can be targeted: the facets, and the entities of each (reference 001).

A facet says which finders work on it; `ordered` ones have few values with an order of their own, which is what
HIERARCHICAL insights need (reference 000).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache

from . import occupations
from .companies import GROWTH_RATES, MOST, STAFF_COUNTS, companies
from .geography import Place, places
from .occupations import things, work

FACET = "urn:li:adTargetingFacet:"
ALL, TYPEAHEAD, SIMILAR = "AD_TARGETING_FACET", "TYPEAHEAD", "SIMILAR_ENTITIES"

AGES = ((18, 24), (25, 34), (35, 54), (55, MOST))
GENDERS = ("FEMALE", "MALE")
LONGEST_EXPERIENCE = 12
LOCALES = {
    "en_US": "English",
    "de_DE": "German",
    "es_ES": "Spanish",
    "fr_FR": "French",
    "in_ID": "Indonesian",
    "it_IT": "Italian",
    "ja_JP": "Japanese",
    "nl_NL": "Dutch",
    "pl_PL": "Polish",
    "pt_BR": "Portuguese",
    "tr_TR": "Turkish",
    "zh_CN": "Chinese",
}


@dataclass(frozen=True, slots=True)
class Entity:
    urn: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facet:
    name: str
    entity_types: tuple[str, ...]
    finders: tuple[str, ...]
    entities: tuple[Entity, ...] = ()
    ordered: bool = False
    aliases: dict[str, str] = field(default_factory=dict)

    @property
    def urn(self) -> str:
        return FACET + self.name

    def entity(self, urn: str) -> Entity | None:
        wanted = self.aliases.get(urn, urn)
        return next((one for one in self.entities if one.urn == wanted), None)


@cache
def facets() -> dict[str, Facet]:
    """By name; those of reference 001's sample come first, in its order."""
    return {facet.name: facet for facet in _facets()}


def facet_of(urn: str) -> Facet | None:
    return facets().get(urn.removeprefix(FACET)) if urn.startswith(FACET) else None


def _facets() -> Iterator[Facet]:
    jobs = work()
    yield _facet("jobFunctions", "FUNCTION", [ALL], _of("function", ((one.id, one.name) for one in jobs.functions)))
    yield _facet("ageRanges", "AGE", [ALL], _ranges("ageRange", AGES), ordered=True)
    yield _facet("groups", "GROUP", [TYPEAHEAD, SIMILAR], _table("group", occupations.GROUPS))
    employers = [Entity(one.urn, one.name) for one in companies()]
    yield _facet("employers", "COMPANY", [TYPEAHEAD, SIMILAR], employers)
    industries = _table("industry", occupations.INDUSTRIES)
    yield _facet("industries", "INDUSTRY", [ALL, TYPEAHEAD, SIMILAR], industries)
    ladder = _of("seniority", occupations.SENIORITIES.items())
    yield _facet("seniorities", "SENIORITY", [ALL], ladder, ordered=True)
    yield _geography("locations", places(), [ALL, TYPEAHEAD])
    yield _facet("interests", "INTEREST", [TYPEAHEAD, ALL], _table("interest", occupations.INTERESTS))
    yield _geography("profileLocations", places(), [ALL, TYPEAHEAD])
    titles = ((title.id, title.name) for one in jobs.functions for title in one.titles)
    yield _facet("titles", "TITLE", [TYPEAHEAD, SIMILAR], _of("title", titles))
    yield _facet("skills", "SKILL", [TYPEAHEAD, SIMILAR], _of("skill", jobs.skills.items()))
    yield _facet("genders", "GENDER", [ALL], [Entity(f"urn:li:gender:{one}", one.title()) for one in GENDERS])
    locales = [Entity(f"urn:li:locale:{code}", name) for code, name in LOCALES.items()]
    yield _facet("interfaceLocales", "INTERFACE_LOCALE", [ALL], locales)
    yield _facet("yearsOfExperienceRanges", "YEARS_OF_EXPERIENCE_RANGE", [ALL], _years(), ordered=True)
    sizes = _ranges("staffCountRange", STAFF_COUNTS)
    yield _facet("staffCountRanges", "STAFF_COUNT_RANGE", [ALL], sizes, ordered=True)
    growth = _ranges("growthRate", GROWTH_RATES, " %")
    yield _facet("growthRate", "GROWTH_RATE", [ALL], growth, ordered=True)
    products = _table("product", occupations.PRODUCT_INTERESTS)
    yield _facet("productInterests", "PRODUCT_INTEREST", [TYPEAHEAD, ALL], products)
    yield _facet("degrees", "DEGREE", [ALL, TYPEAHEAD], _table("degree", occupations.DEGREES), ordered=True)
    studies = _table("fieldOfStudy", occupations.FIELDS_OF_STUDY)
    yield _facet("fieldsOfStudy", "FIELD_OF_STUDY", [TYPEAHEAD, SIMILAR], studies)
    yield _facet("schools", "SCHOOL", [TYPEAHEAD, SIMILAR], _table("school", occupations.SCHOOLS))
    yield _facet("memberBehaviors", "MEMBER_BEHAVIOR", [ALL], _table("memberBehavior", occupations.BEHAVIORS))
    kinds = {"bingContinent": "COUNTRY_GROUP", "bingCountry": "COUNTRY", "bingState": "STATE", "bingCity": "REGION"}
    for name, kind in kinds.items():
        yield _geography(name, [place for place in places() if place.kind == kind], [ALL, TYPEAHEAD])
    yield _facet("audienceMatchingSegments", "MATCHING_SEGMENT", [], [])
    yield _facet("dynamicSegments", "DYNAMIC_SEGMENT", [], [])


def _facet(name: str, kind: str, finders: list[str], entities: list[Entity], *, ordered: bool = False) -> Facet:
    return Facet(name=name, entity_types=(kind,), finders=tuple(finders), entities=tuple(entities), ordered=ordered)


def _geography(name: str, found: Iterable[Place], finders: list[str]) -> Facet:
    """Countries also go by their code: reference 003 writes `urn:li:country:us`."""
    kept = list(found)
    kinds = dict.fromkeys(place.kind for place in sorted(kept, key=lambda place: len(list(place.chain()))))
    return Facet(
        name=name,
        entity_types=tuple(kinds),
        finders=tuple(finders),
        entities=tuple(Entity(place.urn, place.full_name) for place in kept),
        aliases={f"urn:li:country:{place.code}": place.urn for place in kept if place.code},
    )


def _of(kind: str, rows: Iterable[tuple[int, str]]) -> list[Entity]:
    return [Entity(f"urn:li:{kind}:{number}", name) for number, name in rows]


def _table(kind: str, table: str) -> list[Entity]:
    return _of(kind, ((one.id, one.name) for one in things(table)))


def _ranges(kind: str, ranges: Iterable[tuple[int, int]], unit: str = "") -> list[Entity]:
    return [Entity(range_urn(kind, one), _range_name(one) + unit) for one in ranges]


def range_urn(kind: str, one: tuple[int, int]) -> str:
    return f"urn:li:{kind}:({one[0]},{one[1]})"


def _range_name(one: tuple[int, int]) -> str:
    low, high = one
    if low == -MOST:
        return f"below {high}"
    if high == MOST:
        return f"{low}+"
    return str(low) if low == high else f"{low}-{high}"


def _years() -> list[Entity]:
    names = {1: "1 year", LONGEST_EXPERIENCE: f"{LONGEST_EXPERIENCE}+ years"}
    years = range(1, LONGEST_EXPERIENCE + 1)
    return [Entity(f"urn:li:yearsOfExperience:{one}", names.get(one, f"{one} years")) for one in years]
